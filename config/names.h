/*
 * names.h — a set of names with a number each, for constant-time look-ups while a tree is built.
 */
#ifndef CONFIG_NAMES_H
#define CONFIG_NAMES_H

#include "config/arena.h"

struct name_slot {
    struct slice name; /* borrowed */
    unsigned value;
    bool used;
};
struct names {
    struct arena *arena; /* borrowed; holds the slots */
    struct name_slot *slots;
    unsigned cap, n; /* cap: a power of two or 0 */
};

/* An empty set with room for `expect` names. */
void names_init(struct names *, struct arena *, unsigned expect);
/* Adds a name, borrowed as long as the set is used. Returns NULL, or the value it already had. */
const unsigned *names_put(struct names *, struct slice name, unsigned value);
/* The value of a name or NULL; valid until the next names_put. */
const unsigned *names_get(const struct names *, struct slice name);

#endif
