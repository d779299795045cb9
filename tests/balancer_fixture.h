/*
 * balancer_fixture.h — one backend as a worker would keep it, for tests and benchmarks of
 * balancers.
 *
 * The state block is allocated exactly as large as the balancer asked for, so that the sanitizer
 * sees every step beyond it.
 */
#ifndef TESTS_BALANCER_FIXTURE_H
#define TESTS_BALANCER_FIXTURE_H

#include "balancers/registry.h"
#include "lb/base/bitmap.h"
#include "lb/base/err.h"
#include "lb/base/hash.h"
#include "lb/base/rng.h"

#include <stdio.h>
#include <stdlib.h>

struct fixture {
    const struct balancer *b;
    void *shared, *state;
    struct bal_server *servers;
    char (*names)[16];
    uint64_t *up;
    uint32_t *inflight;
    uint16_t *weight;
    struct bal_view view;
};

struct fixture_spec {
    const char *balancer;
    unsigned n;
    const uint16_t *weights; /* NULL: all 1 */
    const unsigned *numbers; /* server i is called s<numbers[i]>; NULL: s<i> */
    const struct opts *opts;
    unsigned worker, nworkers; /* 0 workers: 1 */
    uint64_t seed;
};

static inline void *fixture_alloc(size_t n, size_t size)
{
    void *p = calloc(n ? n : 1, size);
    if (!p)
        abort();
    return p;
}

static inline void fixture_set_up(struct fixture *f, unsigned i, bool up)
{
    if (bitmap_test(f->up, i) == up)
        return;
    if (up)
        bitmap_set(f->up, i);
    else
        bitmap_clear(f->up, i);
    f->view.nup += up ? 1u : -1u;
    f->view.generation++;
}

static inline void fixture_set_weight(struct fixture *f, unsigned i, uint16_t scaled)
{
    f->weight[i] = scaled;
    f->view.generation++;
}

static inline void fixture_servers(struct fixture *f, const struct fixture_spec *spec)
{
    for (unsigned i = 0; i < spec->n; i++) {
        int len =
            snprintf(f->names[i], sizeof f->names[i], "s%u", spec->numbers ? spec->numbers[i] : i);
        f->servers[i] = (struct bal_server){
            .name = f->names[i],
            .id = hash_bytes(f->names[i], (size_t)len, 0),
            .weight = spec->weights ? spec->weights[i] : 1,
        };
        f->weight[i] = (uint16_t)(f->servers[i].weight * BAL_WEIGHT_SCALE);
    }
}

/* All servers up and idle. The state is NULL when `prepare` failed with `e` filled. */
static inline struct fixture *fixture_try(const struct fixture_spec *spec, struct err *e)
{
    struct fixture *f = fixture_alloc(1, sizeof *f);
    f->b = balancer_find(NULL, spec->balancer);
    if (!f->b)
        abort();
    f->servers = fixture_alloc(spec->n, sizeof *f->servers);
    f->names = fixture_alloc(spec->n, sizeof *f->names);
    f->up = fixture_alloc(bitmap_words(spec->n), sizeof *f->up);
    f->inflight = fixture_alloc(spec->n, sizeof *f->inflight);
    f->weight = fixture_alloc(spec->n, sizeof *f->weight);
    fixture_servers(f, spec);
    f->view = (struct bal_view){.n = spec->n,
                                .up = f->up,
                                .inflight = f->inflight,
                                .weight = f->weight,
                                .now_us = 1000000,
                                .generation = 1};
    for (unsigned i = 0; i < spec->n; i++)
        if (f->weight[i])
            fixture_set_up(f, i, true);
    if (f->b->prepare(f->servers, spec->n, spec->opts, &f->shared, e))
        return f;
    f->state = fixture_alloc(1, f->b->state_size ? f->b->state_size(f->shared, spec->n) : 1);
    if (f->b->state_init)
        f->b->state_init(f->state, f->shared, spec->n, spec->worker,
                         spec->nworkers ? spec->nworkers : 1, spec->seed);
    return f;
}

static inline struct fixture *fixture_new(const char *balancer, unsigned n, const uint16_t *weights)
{
    struct err e;
    struct fixture *f =
        fixture_try(&(struct fixture_spec){.balancer = balancer, .n = n, .weights = weights}, &e);
    if (!f->state)
        abort();
    return f;
}

static inline void fixture_free(struct fixture *f)
{
    if (f->b->release && f->shared)
        f->b->release(f->shared);
    free(f->state);
    free(f->servers);
    free(f->names);
    free(f->up);
    free(f->inflight);
    free(f->weight);
    free(f);
}

static inline int fixture_pick(struct fixture *f, uint64_t key, const uint64_t *tried)
{
    return f->b->pick(f->state, f->shared, &f->view, key, tried);
}

static inline void fixture_add_inflight(struct fixture *f, unsigned i, int by)
{
    f->inflight[i] += (uint32_t)by;
    if (f->b->changed)
        f->b->changed(f->state, f->shared, &f->view, i);
}

/* Picks and begins an exchange there. */
static inline int fixture_begin(struct fixture *f, uint64_t key)
{
    int i = fixture_pick(f, key, NULL);
    if (i >= 0)
        fixture_add_inflight(f, (unsigned)i, 1);
    return i;
}

static inline void fixture_done(struct fixture *f, unsigned i, uint32_t latency_us, bool failed)
{
    const struct bal_result r = {.server = i, .latency_us = latency_us, .failed = failed};
    if (f->b->done)
        f->b->done(f->state, f->shared, &r, f->view.now_us);
}

/* Adds the picks of `rounds` requests to counts[n]; keys are 1, 2, …. */
static inline void fixture_count(struct fixture *f, unsigned rounds, unsigned *counts)
{
    for (unsigned k = 1; k <= rounds; k++) {
        int i = fixture_pick(f, k, NULL);
        if (i >= 0)
            counts[i]++;
    }
}

#endif
