/* names.c — open addressing with linear probing; at most three quarters full. */
#include "config/names.h"

#include "lb/base/hash.h"

static struct name_slot *slot_of(const struct names *s, struct slice name)
{
    unsigned mask = s->cap - 1;
    unsigned i = (unsigned)hash_slice(name, 0) & mask;
    while (s->slots[i].used && !slice_eq(s->slots[i].name, name))
        i = (i + 1) & mask;
    return &s->slots[i];
}

static void grow(struct names *s, unsigned cap)
{
    struct names bigger = {.arena = s->arena, .cap = cap, .n = s->n};
    bigger.slots = arena_array(s->arena, cap, sizeof *bigger.slots);
    for (unsigned i = 0; i < s->cap; i++)
        if (s->slots[i].used)
            *slot_of(&bigger, s->slots[i].name) = s->slots[i];
    *s = bigger;
}

void names_init(struct names *s, struct arena *a, unsigned expect)
{
    unsigned cap = 16;
    while (cap / 4 * 3 < expect && cap < 1u << 30)
        cap *= 2;
    *s = (struct names){.arena = a};
    grow(s, cap);
}

const unsigned *names_put(struct names *s, struct slice name, unsigned value)
{
    if (s->n >= s->cap / 4 * 3)
        grow(s, s->cap * 2);
    struct name_slot *slot = slot_of(s, name);
    if (slot->used)
        return &slot->value;
    *slot = (struct name_slot){.name = name, .value = value, .used = true};
    s->n++;
    return NULL;
}

const unsigned *names_get(const struct names *s, struct slice name)
{
    const struct name_slot *slot = slot_of(s, name);
    return slot->used ? &slot->value : NULL;
}
