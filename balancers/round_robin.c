/*
 * round_robin.c — each server in turn, weights ignored.
 *
 * The whole state is a cursor into the bitmap of servers that are up, so a pick looks at one or two
 * words. Servers that are down are stepped over: their share goes to all others alike, because the
 * cursor moves on from the server that was really chosen. Workers start at different places so that
 * they do not all meet at the first server.
 */
#include "balancers/builtin.h"
#include "balancers/candidates.h"

struct rr {
    uint32_t next; /* where the search goes on */
};

static size_t rr_size(const void *shared, unsigned n)
{
    (void)shared, (void)n;
    return sizeof(struct rr);
}

static void rr_init(void *state, const void *shared, unsigned n, unsigned worker, unsigned nworkers,
                    uint64_t seed)
{
    (void)shared, (void)seed;
    struct rr *s = state;
    s->next = nworkers ? (uint32_t)((uint64_t)worker * n / nworkers) : 0;
}

static int rr_pick(void *state, const void *shared, const struct bal_view *v, uint64_t key,
                   const uint64_t *tried)
{
    (void)shared, (void)key;
    struct rr *s = state;
    unsigned i = bitmap_next_wrap(v->up, tried, v->n, s->next);
    if (i >= v->n)
        return BAL_NONE;
    s->next = i + 1;
    return (int)i;
}

static const char *const aliases[] = {"roundrobin", "round_robin", "ROUND_ROBIN", "rr", NULL};

const struct balancer balancer_round_robin = {
    .abi = BALANCER_ABI,
    .desc =
        {
            .name = "round-robin",
            .aliases = aliases,
            .help = "each server in turn; ignores weights",
        },
    .prepare = prepare_nothing,
    .state_size = rr_size,
    .state_init = rr_init,
    .pick = rr_pick,
};
