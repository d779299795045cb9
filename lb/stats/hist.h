/*
 * hist.h — a log-linear latency histogram: 16 sub-buckets per power of two, 1 µs to 268 s.
 *
 * Relative error at most 1/16. 400 cells; one writer, any readers; merged when
 * read. Cells have 64 bits: at 100,000 requests/s a 32-bit one would wrap within 12 hours, and
 * cells nobody counts in stay untouched memory anyway.
 */
#ifndef LB_STATS_HIST_H
#define LB_STATS_HIST_H

#include <stdatomic.h>
#include <stdint.h>

enum { HIST_SUB = 16, HIST_CELLS = 16 + 24 * 16 };

struct hist {
    _Atomic uint64_t sum_us;
    _Atomic uint64_t cell[HIST_CELLS];
};

/* The cell a value belongs to; values beyond the range go to the last. */
static inline unsigned hist_index(uint64_t us)
{
    if (us < HIST_SUB)
        return (unsigned)us;
    unsigned e = 63u - (unsigned)__builtin_clzll(us); /* >= 4 */
    unsigned i = (e - 3) * HIST_SUB + (unsigned)((us >> (e - 4)) & (HIST_SUB - 1));
    return i < HIST_CELLS ? i : HIST_CELLS - 1;
}

/* The largest value that belongs to cell i, in µs (the last cell holds all larger ones as well). */
uint64_t hist_upper_us(unsigned i);

/* Owner thread only. */
static inline void hist_add(struct hist *h, uint64_t us)
{
    _Atomic uint64_t *c = &h->cell[hist_index(us)];
    atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + 1,
                          memory_order_relaxed);
    atomic_store_explicit(&h->sum_us, atomic_load_explicit(&h->sum_us, memory_order_relaxed) + us,
                          memory_order_relaxed);
}

struct hist_sum { /* a merged copy, one thread's */
    uint64_t count, sum_us;
    uint64_t cell[HIST_CELLS];
};

void hist_merge(struct hist_sum *to, const struct hist *from);
/* The value below which `share` (0..1) of the counts lie, in µs; 0 when empty. */
uint64_t hist_quantile(const struct hist_sum *, double share);
/* How many counts are <= us (for Prometheus buckets; exact at cell bounds, else too few by at most
 * the cell `us` lies in). UINT64_MAX: all of them. */
uint64_t hist_count_le(const struct hist_sum *, uint64_t us);

#endif
