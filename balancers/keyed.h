/*
 * keyed.h — from a request's key to a server, the common part of source-hash and hash.
 *
 * Built at load time over all configured servers, whether up or not, then immutable and shared.
 * A key has a fixed random sequence of owners; it goes to the first that is a candidate. So when a
 * server goes down only its own keys move, evenly to all others, and they return with it.
 */
#ifndef BALANCERS_KEYED_H
#define BALANCERS_KEYED_H

#include "balancers/balancer.h"
#include "lb/base/rng.h"

struct keyed {
    unsigned n;
    unsigned nslots;  /* Maglev table; 0: modulo */
    uint64_t total;   /* of the configured weights */
    uint64_t *id;     /* [n]; owned, as all arrays here: one block with the struct */
    uint64_t *upto;   /* [n] running sum of the weights, modulo only */
    uint16_t *weight; /* [n] configured */
    uint16_t *slot;   /* [nslots] server indices */
};

/* A further condition on a candidate, such as its load. */
struct keyed_limit {
    bool (*fits)(const void *arg, const struct bal_view *v, unsigned server);
    const void *arg;
};

/* `slots`: of the Maglev table, 0 for modulo. Owned by the caller; NULL with `e` filled. */
struct keyed *keyed_new(const struct bal_server *servers, unsigned n, unsigned slots,
                        struct err *e);
void keyed_free(void *keyed); /* NULL is a no-op */

/* The size asked for by option `slots`, made prime, or the automatic one. */
unsigned keyed_slots(const struct opts *opts, unsigned n);

/*
 * The server for `key`; `limit` may be NULL. When no candidate is within the limit it is ignored.
 * Requests without a key (0) are spread by `r`.
 */
int keyed_pick(const struct keyed *k, const struct bal_view *v, uint64_t key, struct rng *r,
               const uint64_t *tried, const struct keyed_limit *limit);

#define KEYED_SLOTS_SPEC                                                                           \
    {                                                                                              \
        "slots", OPT_UINT, 101, 1000000, NULL, NULL,                                               \
            "size of the Maglev table, rounded up to a prime; default by number of servers"        \
    }

#endif
