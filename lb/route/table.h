/*
 * table.h — the compiled form of a route list, shared by route.c (builds) and match.c (reads).
 *
 * Every host pattern has a *group*; group 0 is for routes without one. A group knows which routes
 * have no path condition and where to look for the others: a path pattern is a key (group, kind,
 * text) in one hash table of all groups. Each key leads to a list of route indexes, in order.
 * A request belongs to few groups (its host, wildcards above it, group 0) and meets few keys in
 * each (the exact path, one prefix per slash). The winner is the smallest index whose remaining
 * conditions hold, so lists need no merging: each is walked until the best index so far.
 */
#ifndef LB_ROUTE_TABLE_H
#define LB_ROUTE_TABLE_H

#include "config/cfg.h"
#include "lb/base/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum { ROUTE_HOST_MAX = 253 };

enum key_kind { KEY_HOST, KEY_WILDCARD, KEY_EXACT, KEY_PREFIX };

/* Open addressing with linear probing, at most half full; a free slot has val == TMAP_NONE. */
struct tmap_slot {
    uint64_t hash;
    const char *key; /* borrowed from the configuration */
    uint32_t len;
    uint32_t tag; /* group × 4 + enum key_kind */
    uint32_t val;
};
enum { TMAP_NONE = UINT32_MAX };

struct tmap {
    struct tmap_slot *slot; /* owned */
    uint64_t mask;
};

/*
 * An entry of a list is route index × 2, plus 1 when the route has method or header conditions:
 * most have none, and then the look-up touches no route. A list of one holds its entry itself.
 */
struct route_list {
    uint32_t n;
    uint32_t at; /* n == 1: the entry; else table.entry[at .. at + n), ascending */
};

struct route_group {
    struct route_list any; /* routes without a path condition */
    uint32_t any_id;       /* the same as a list number, while the table is built */
    uint32_t prefix_max;   /* bytes of the longest prefix; 0: no prefixes */
    uint64_t depths;       /* bit d: a prefix has d slashes; bit 63: 63 or more */
    bool has_exact;
};

struct route_table {
    const struct cfg_frontend *fe; /* borrowed */
    struct tmap hosts;             /* → group */
    struct tmap paths;             /* → list */
    struct route_group *group;     /* owned */
    struct route_list *list;       /* owned */
    uint32_t *entry;               /* owned */
    uint32_t ngroups, nlists;
    uint64_t labels; /* bit k: a wildcard has k dots in its suffix; bit 63: 63 or more */
};

static inline uint32_t route_tag(uint32_t group, enum key_kind kind)
{
    return group * 4 + kind;
}

/* Bit for a count in a mask of 64, the last standing for all larger ones. */
static inline uint64_t route_bit(unsigned n)
{
    return UINT64_C(1) << (n < 63 ? n : 63);
}

/* The slot of the key, or the free slot where it belongs. `hash` is from tmap_hash. */
struct tmap_slot *tmap_find(const struct tmap *, struct slice key, uint32_t tag, uint64_t hash);
uint64_t tmap_hash(struct slice key, uint32_t tag);

#endif
