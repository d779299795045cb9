/*
 * kinetic.h — the highest of n straight lines while time moves on one step at a time.
 *
 * A kinetic tournament (Basch, Guibas, Hershberger, "Data Structures for Mobile Data", 1999): a
 * winner tree in which each match also knows until when its result holds, because two lines cross
 * at most once. A step of time replays only the matches that expired; a line that jumps replays the
 * log2(n) matches above it. For weighted-round-robin a line is a server's claim, its slope the
 * weight.
 */
#ifndef BALANCERS_KINETIC_H
#define BALANCERS_KINETIC_H

#include <stddef.h>
#include <stdint.h>

enum { KINETIC_NONE = UINT16_MAX };

struct line {
    int64_t base;  /* value at time t: base + slope × t */
    int64_t slope; /* 0: does not take part */
};

struct match {
    uint64_t holds_until; /* the first time at which something below may differ */
    uint16_t winner;
};

struct kinetic {
    unsigned leaves; /* power of two >= n */
    unsigned n;
    uint64_t now;
    struct line *line;   /* [n], borrowed */
    struct match *match; /* [leaves], borrowed; 1 is the root */
};

size_t kinetic_bytes(unsigned n);
void kinetic_init(struct kinetic *k, void *mem, unsigned n); /* `mem` zeroed: all lines are out */

int64_t kinetic_value(const struct kinetic *k, unsigned i);
void kinetic_tick(struct kinetic *k);                            /* time moves on by one */
void kinetic_shift(struct kinetic *k, unsigned i, int64_t by);   /* line i jumps */
void kinetic_bend(struct kinetic *k, unsigned i, int64_t slope); /* keeps its value now */
void kinetic_rebuild(struct kinetic *k); /* after lines were written directly */

/* The highest line that takes part and is not in `tried` (may be NULL), lowest index on a tie. */
unsigned kinetic_best(const struct kinetic *k, const uint64_t *tried);

#endif
