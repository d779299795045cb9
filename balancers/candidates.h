/*
 * candidates.h — small questions every policy asks about a view. Not for plug-ins.
 *
 * A candidate is a server that is up and not tried yet. `tried` may be NULL everywhere.
 */
#ifndef BALANCERS_CANDIDATES_H
#define BALANCERS_CANDIDATES_H

#include "balancers/balancer.h"
#include "lb/base/bitmap.h"
#include "lb/base/rng.h"

/* Indices fit 16 bits and leave one value for "nobody". */
enum { BAL_MAX_SERVERS = 65535 };

static inline bool is_candidate(const struct bal_view *v, const uint64_t *tried, unsigned i)
{
    return bitmap_test(v->up, i) && !(tried && bitmap_test(tried, i));
}

static inline bool any_candidate(const struct bal_view *v, const uint64_t *tried)
{
    return bitmap_next(v->up, tried, v->n, 0) < v->n;
}

/* The effective weight of a server that is up: slow start may round it to 0, which counts as 1. */
static inline uint32_t view_weight(const struct bal_view *v, unsigned i)
{
    return v->weight[i] ? v->weight[i] : 1;
}

/*
 * Is server a less loaded than b, by exchanges in flight per weight? Negative: a is, positive: b
 * is, 0: equal.
 */
static inline int compare_load(const struct bal_view *v, unsigned a, unsigned b)
{
    uint64_t la = (uint64_t)v->inflight[a] * view_weight(v, b);
    uint64_t lb = (uint64_t)v->inflight[b] * view_weight(v, a);
    return la < lb ? -1 : la > lb;
}

/* A candidate, each with the same probability; BAL_NONE when there is none. */
int candidate_uniform(const struct bal_view *v, const uint64_t *tried, struct rng *r);

/* `prepare` of policies without shared data: only checks the number of servers. */
int prepare_nothing(const struct bal_server *servers, unsigned n, const struct opts *opts,
                    void **shared, struct err *e);

/* Fails when n does not fit: 0, or -1 with `e` filled. */
int check_server_count(unsigned n, struct err *e);

/* A generator that differs between workers. */
struct rng worker_rng(unsigned worker, uint64_t seed);

#endif
