/*
 * first_available.c — a balancer outside the tree: always the first server that is up.
 *
 * With max-connections on the servers the first fills up before the second gets anything (HAProxy's
 * `first`), so that the last ones can be switched off at night. Build with `make`.
 */
#include "balancers/balancer.h"
#include "lb/base/bitmap.h"

static int first_prepare(const struct bal_server *servers, unsigned n, const struct opts *opts,
                         void **shared, struct err *e)
{
    (void)servers, (void)n, (void)opts, (void)e;
    *shared = NULL; /* nothing to share */
    return 0;
}

static int first_pick(void *state, const void *shared, const struct bal_view *v, uint64_t key,
                      const uint64_t *tried)
{
    (void)state, (void)shared, (void)key;
    unsigned i = bitmap_next(v->up, tried, v->n, 0);
    return i < v->n ? (int)i : BAL_NONE;
}

const struct balancer lb_balancer_plugin = {
    .abi = BALANCER_ABI,
    .desc = {.name = "first-available", .help = "the first server that is up and has room"},
    .prepare = first_prepare,
    .pick = first_pick,
};
