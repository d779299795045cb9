/*
 * sampler.h — draws servers at random in proportion to their effective weights.
 *
 * A binary tree of sums over the servers (a heap-shaped array): a draw descends it, a change of one
 * weight walks up it, both in log2(n) steps. An alias table (Walker 1977, Vose 1991) would draw in
 * one step, but each change costs a rebuild over all servers.
 */
#ifndef BALANCERS_SAMPLER_H
#define BALANCERS_SAMPLER_H

#include "balancers/track.h"
#include "lb/base/rng.h"

struct sampler {
    struct track track;
    unsigned leaves; /* power of two >= n */
    uint32_t *sum;   /* [2 × leaves], borrowed from the state block; sum[1] is the total */
    struct rng rng;
};

size_t sampler_bytes(unsigned n); /* of its arrays */
void sampler_init(struct sampler *s, void *mem, unsigned n, struct rng rng);
void sampler_sync(struct sampler *s, const struct bal_view *v); /* before each group of draws */
int sampler_draw(struct sampler *s, const struct bal_view *v, const uint64_t *tried);

#endif
