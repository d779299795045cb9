/*
 * tourney.h — a winner tree: the best of n servers, kept while single servers change.
 *
 * A node holds the index of the better of its two children, so the root is the best of all and a
 * change of one server replays log2(n) matches. The order is the caller's; on a tie the lower index
 * wins. Inline with a constant `before`, so that the comparison is part of the loop.
 */
#ifndef BALANCERS_TOURNEY_H
#define BALANCERS_TOURNEY_H

#include "lb/base/bitmap.h"

#include <stddef.h>

enum { TOURNEY_NONE = UINT16_MAX };

struct tourney {
    unsigned leaves; /* power of two >= n */
    uint16_t *node;  /* [2 × leaves], borrowed; node[leaves + i] is i or TOURNEY_NONE */
};

/* Strictly better? `a` and `b` are different. */
#define TOURNEY_ORDER(name) bool (*name)(const void *arg, unsigned a, unsigned b)

static inline unsigned tourney_leaves(unsigned n)
{
    unsigned leaves = 1;
    while (leaves < n)
        leaves *= 2;
    return leaves;
}

static inline size_t tourney_bytes(unsigned n)
{
    return (2 * tourney_leaves(n) * sizeof(uint16_t) + 7) & ~(size_t)7;
}

static inline void tourney_init(struct tourney *t, void *mem, unsigned n)
{
    t->leaves = tourney_leaves(n);
    t->node = mem;
}

static inline uint16_t tourney_match(uint16_t left, uint16_t right, TOURNEY_ORDER(before),
                                     const void *arg)
{
    if (left == TOURNEY_NONE)
        return right;
    return right != TOURNEY_NONE && before(arg, right, left) ? right : left;
}

/* After server i entered, left or changed its standing. */
static inline void tourney_update(struct tourney *t, unsigned i, bool present,
                                  TOURNEY_ORDER(before), const void *arg)
{
    unsigned x = t->leaves + i;
    t->node[x] = present ? (uint16_t)i : (uint16_t)TOURNEY_NONE;
    for (x /= 2; x > 0; x /= 2)
        t->node[x] = tourney_match(t->node[2 * x], t->node[2 * x + 1], before, arg);
}

static inline void tourney_build(struct tourney *t, const uint64_t *present, unsigned n,
                                 TOURNEY_ORDER(before), const void *arg)
{
    for (unsigned i = 0; i < t->leaves; i++) {
        bool in = i < n && bitmap_test(present, i);
        t->node[t->leaves + i] = in ? (uint16_t)i : (uint16_t)TOURNEY_NONE;
    }
    for (unsigned x = t->leaves - 1; x > 0; x--)
        t->node[x] = tourney_match(t->node[2 * x], t->node[2 * x + 1], before, arg);
}

/* The best one below node x that is not in `tried`: a descent per tried server on the way. */
static inline uint16_t tourney_best_below(const struct tourney *t, unsigned x,
                                          const uint64_t *tried, TOURNEY_ORDER(before),
                                          const void *arg)
{
    uint16_t win = t->node[x];
    if (win == TOURNEY_NONE || !bitmap_test(tried, win))
        return win;
    if (x >= t->leaves)
        return TOURNEY_NONE;
    uint16_t left = tourney_best_below(t, 2 * x, tried, before, arg);
    uint16_t right = tourney_best_below(t, 2 * x + 1, tried, before, arg);
    return tourney_match(left, right, before, arg);
}

static inline uint16_t tourney_best(const struct tourney *t, const uint64_t *tried,
                                    TOURNEY_ORDER(before), const void *arg)
{
    return tried ? tourney_best_below(t, 1, tried, before, arg) : t->node[1];
}

#endif
