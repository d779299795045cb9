/*
 * random.c — any server that is up, all with the same probability; weights ignored.
 *
 * Needs no coordination at all: many workers or many proxies never fall into step.
 */
#include "balancers/builtin.h"
#include "balancers/candidates.h"

static size_t random_size(const void *shared, unsigned n)
{
    (void)shared, (void)n;
    return sizeof(struct rng);
}

static void random_init(void *state, const void *shared, unsigned n, unsigned worker,
                        unsigned nworkers, uint64_t seed)
{
    (void)shared, (void)n, (void)nworkers;
    *(struct rng *)state = worker_rng(worker, seed);
}

static int random_pick(void *state, const void *shared, const struct bal_view *v, uint64_t key,
                       const uint64_t *tried)
{
    (void)shared, (void)key;
    return candidate_uniform(v, tried, state);
}

static const char *const aliases[] = {"RANDOM", NULL};

const struct balancer balancer_random = {
    .abi = BALANCER_ABI,
    .desc =
        {
            .name = "random",
            .aliases = aliases,
            .help = "any server, all with the same probability; ignores weights",
        },
    .prepare = prepare_nothing,
    .state_size = random_size,
    .state_init = random_init,
    .pick = random_pick,
};
