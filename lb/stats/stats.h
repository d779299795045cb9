/*
 * stats.h — counting without locks: one line of counters per object and worker.
 *
 * A line is written by its worker only, with relaxed stores (a plain mov), and may be read by any
 * thread; sums are made when somebody asks. Lines belong to objects that survive reloads.
 */
#ifndef LB_STATS_STATS_H
#define LB_STATS_STATS_H

#include "lb/base/why.h"

#include <stdatomic.h>
#include <stdint.h>

_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "64-bit counters must not tear");

typedef _Atomic uint64_t stat_cell; /* the one typedef: an atomic type reads badly otherwise */

#define STAT_NONE(...)
enum fe_stat {
#define FE(id, name, help) FE_##id,
#define BE                 STAT_NONE
#define SRV                STAT_NONE
#define WK                 STAT_NONE
#include "lb/stats/counters.def"
#undef FE
#undef BE
    FE_STATS
};
enum be_stat {
#define FE                 STAT_NONE
#define BE(id, name, help) BE_##id,
#include "lb/stats/counters.def"
#undef BE
#undef SRV
    BE_STATS
};
enum srv_stat {
#define BE                  STAT_NONE
#define SRV(id, name, help) SRV_##id,
#include "lb/stats/counters.def"
#undef SRV
#undef WK
    SRV_STATS
};
enum wk_stat {
#define SRV                STAT_NONE
#define WK(id, name, help) WK_##id,
#include "lb/stats/counters.def"
#undef FE
#undef BE
#undef SRV
#undef WK
    WK_STATS
};

struct stat_desc {
    const char *name, *help;
};
extern const struct stat_desc fe_stat_desc[FE_STATS];
extern const struct stat_desc be_stat_desc[BE_STATS];
extern const struct stat_desc srv_stat_desc[SRV_STATS];
extern const struct stat_desc wk_stat_desc[WK_STATS];

/* Owner thread only. */
static inline void stat_add(stat_cell *c, uint64_t n)
{
    atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + n,
                          memory_order_relaxed);
}

/* Any thread. */
static inline uint64_t stat_get(const stat_cell *c)
{
    return atomic_load_explicit(c, memory_order_relaxed);
}

/* The index of a status class counter relative to …_RESP_1XX: 1xx → 0 … 5xx → 4. */
static inline unsigned stat_class(int status)
{
    return status < 200 ? 0 : status >= 500 ? 4 : (unsigned)status / 100 - 1;
}

#endif
