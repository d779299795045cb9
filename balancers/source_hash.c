/*
 * source_hash.c — the same client address always reaches the same server.
 *
 * `consistent` (default): Maglev table, few clients move when the set of servers changes.
 * `modulo`: no table, but adding or removing a server re-deals nearly all clients.
 */
#include "balancers/builtin.h"
#include "balancers/keyed.h"

#include "balancers/candidates.h"
#include "lb/base/err.h"

#include <errno.h>

static int source_prepare(const struct bal_server *servers, unsigned n, const struct opts *opts,
                          void **shared, struct err *e)
{
    bool modulo = opts_find(opts, "modulo") != NULL;
    if (modulo && opts_find(opts, "consistent"))
        return err_set(e, EINVAL, "source-hash is either consistent or modulo");
    if (modulo && opts_find(opts, "slots"))
        return err_set(e, EINVAL, "source-hash modulo has no table: slots has no meaning");
    *shared = keyed_new(servers, n, modulo ? 0 : keyed_slots(opts, n), e);
    return *shared ? 0 : -1;
}

static size_t source_size(const void *shared, unsigned n)
{
    (void)shared, (void)n;
    return sizeof(struct rng);
}

static void source_init(void *state, const void *shared, unsigned n, unsigned worker,
                        unsigned nworkers, uint64_t seed)
{
    (void)shared, (void)n, (void)nworkers;
    *(struct rng *)state = worker_rng(worker, seed);
}

static int source_pick(void *state, const void *shared, const struct bal_view *v, uint64_t key,
                       const uint64_t *tried)
{
    return keyed_pick(shared, v, key, state, tried, NULL);
}

static const char *const aliases[] = {"source", "source_hash", "ip_hash", "ip-hash", NULL};
static const struct opt_spec specs[] = {
    {"consistent", OPT_FLAG, 0, 0, NULL, NULL, "Maglev table: few clients move (default)"},
    {"modulo", OPT_FLAG, 0, 0, NULL, NULL, "hash modulo weights: no table, all clients may move"},
    KEYED_SLOTS_SPEC,
};

const struct balancer balancer_source_hash = {
    .abi = BALANCER_ABI,
    .desc =
        {
            .name = "source-hash",
            .aliases = aliases,
            .help = "by the client's address, always the same server",
            .specs = specs,
            .nspecs = sizeof specs / sizeof *specs,
            .uses_weights = true,
            .default_key = 1,
        },
    .prepare = source_prepare,
    .release = keyed_free,
    .state_size = source_size,
    .state_init = source_init,
    .pick = source_pick,
};
