/* hist.c — reading a latency histogram: merge, quantiles, cumulative counts. Any thread. */
#include "lb/stats/hist.h"

uint64_t hist_upper_us(unsigned i)
{
    if (i < HIST_SUB)
        return i;
    if (i >= HIST_CELLS)
        i = HIST_CELLS - 1;
    unsigned shift = i / HIST_SUB - 1;
    return ((uint64_t)(HIST_SUB + i % HIST_SUB + 1) << shift) - 1;
}

void hist_merge(struct hist_sum *to, const struct hist *from)
{
    for (unsigned i = 0; i < HIST_CELLS; i++) {
        uint64_t n = atomic_load_explicit(&from->cell[i], memory_order_relaxed);
        to->cell[i] += n;
        to->count += n;
    }
    to->sum_us += atomic_load_explicit(&from->sum_us, memory_order_relaxed);
}

uint64_t hist_quantile(const struct hist_sum *h, double share)
{
    if (h->count == 0)
        return 0;
    double want = share * (double)h->count;
    uint64_t seen = 0, last = 0;
    for (unsigned i = 0; i < HIST_CELLS; i++) {
        if (h->cell[i] == 0)
            continue;
        seen += h->cell[i];
        last = hist_upper_us(i);
        if ((double)seen >= want)
            break;
    }
    return last;
}

uint64_t hist_count_le(const struct hist_sum *h, uint64_t us)
{
    if (us == UINT64_MAX)
        return h->count;
    uint64_t n = 0;
    for (unsigned i = 0; i < HIST_CELLS - 1 && hist_upper_us(i) <= us; i++)
        n += h->cell[i];
    return n;
}
