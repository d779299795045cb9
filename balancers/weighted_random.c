/*
 * weighted_random.c — a server at random, with a probability in proportion to its weight.
 */
#include "balancers/builtin.h"
#include "balancers/candidates.h"
#include "balancers/sampler.h"

static size_t wrandom_size(const void *shared, unsigned n)
{
    (void)shared;
    return sizeof(struct sampler) + sampler_bytes(n);
}

static void wrandom_init(void *state, const void *shared, unsigned n, unsigned worker,
                         unsigned nworkers, uint64_t seed)
{
    (void)shared, (void)nworkers;
    struct sampler *s = state;
    sampler_init(s, s + 1, n, worker_rng(worker, seed));
}

static int wrandom_pick(void *state, const void *shared, const struct bal_view *v, uint64_t key,
                        const uint64_t *tried)
{
    (void)shared, (void)key;
    sampler_sync(state, v);
    return sampler_draw(state, v, tried);
}

static const char *const aliases[] = {"weighted_random", "wrandom", NULL};

const struct balancer balancer_weighted_random = {
    .abi = BALANCER_ABI,
    .desc =
        {
            .name = "weighted-random",
            .aliases = aliases,
            .help = "a server at random, in proportion to the weights",
            .uses_weights = true,
        },
    .prepare = prepare_nothing,
    .state_size = wrandom_size,
    .state_init = wrandom_init,
    .pick = wrandom_pick,
};
