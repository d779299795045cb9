/*
 * two_choices.c — two servers at random (by weight), then the less loaded of the two.
 *
 * Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing" (2001): the longest queue
 * falls from log n / log log n to log log n. Unlike the exact minimum it stays good when the counts
 * are a little old, which they are across workers and proxies. On a tie the first draw wins, so an
 * idle backend gets its requests in proportion to the weights.
 */
#include "balancers/builtin.h"
#include "balancers/candidates.h"
#include "balancers/sampler.h"

enum { REDRAWS = 8 }; /* to find a second server that differs from the first */

static size_t two_size(const void *shared, unsigned n)
{
    (void)shared;
    return sizeof(struct sampler) + sampler_bytes(n);
}

static void two_init(void *state, const void *shared, unsigned n, unsigned worker,
                     unsigned nworkers, uint64_t seed)
{
    (void)shared, (void)nworkers;
    struct sampler *s = state;
    sampler_init(s, s + 1, n, worker_rng(worker, seed));
}

static int two_pick(void *state, const void *shared, const struct bal_view *v, uint64_t key,
                    const uint64_t *tried)
{
    (void)shared, (void)key;
    sampler_sync(state, v);
    int a = sampler_draw(state, v, tried), b = a;
    if (a == BAL_NONE || v->nup < 2)
        return a;
    for (int draw = 0; draw < REDRAWS && b == a; draw++)
        b = sampler_draw(state, v, tried);
    return compare_load(v, (unsigned)b, (unsigned)a) < 0 ? b : a;
}

static const char *const aliases[] = {"two_choices",   "p2c",           "power-of-two",
                                      "LEAST_REQUEST", "least_request", NULL};

const struct balancer balancer_two_choices = {
    .abi = BALANCER_ABI,
    .uses_inflight = true,
    .desc =
        {
            .name = "two-choices",
            .aliases = aliases,
            .help = "the less loaded of two servers drawn at random, by weight",
            .uses_weights = true,
        },
    .prepare = prepare_nothing,
    .state_size = two_size,
    .state_init = two_init,
    .pick = two_pick,
};
