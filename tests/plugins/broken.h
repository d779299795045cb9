/* broken.h — what the plug-ins of the registry test have in common; each then breaks one thing. */
#ifndef TESTS_PLUGINS_BROKEN_H
#define TESTS_PLUGINS_BROKEN_H

#include "balancers/balancer.h"

static inline int sound_prepare(const struct bal_server *servers, unsigned n,
                                const struct opts *opts, void **shared, struct err *e)
{
    (void)servers, (void)n, (void)opts, (void)e;
    *shared = NULL;
    return 0;
}

static inline int sound_pick(void *state, const void *shared, const struct bal_view *v,
                             uint64_t key, const uint64_t *tried)
{
    (void)state, (void)shared, (void)v, (void)key, (void)tried;
    return BAL_NONE;
}

static inline void sound_init(void *state, const void *shared, unsigned n, unsigned worker,
                              unsigned nworkers, uint64_t seed)
{
    (void)state, (void)shared, (void)n, (void)worker, (void)nworkers, (void)seed;
}

#endif
