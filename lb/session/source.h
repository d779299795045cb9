/*
 * source.h — how many connections each client network has, over all workers.
 *
 * One table of the process, asked once a connection and only where `limit source-connections` is
 * set. Any thread; no locks.
 */
#ifndef LB_SESSION_SOURCE_H
#define LB_SESSION_SOURCE_H

#include "lb/net/addr.h"

struct sources;

/* A table with room for about `connections` networks; NULL: out of memory. `seed` must be secret.
 */
struct sources *sources_new(uint64_t connections, uint64_t seed);
void sources_free(struct sources *); /* NULL is a no-op */

struct source {
    const struct peer *peer;
    unsigned bits;     /* of the 128 that make the network; IPv4 counts from 96 */
    const void *scope; /* what is counted apart: the frontend */
};

/*
 * One connection more of this network. false: there are `most` already, nothing was counted. *key
 * is for sources_leave; 0 when the table had no room, and then the connection is not counted.
 */
bool sources_enter(struct sources *, const struct source *, uint32_t most, uint64_t *key);

/* One less; key 0 is a no-op. */
void sources_leave(struct sources *, uint64_t key);

#endif
