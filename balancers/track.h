/*
 * track.h — what a worker's tree was last built from, to update only what changed since.
 *
 * view->generation says that something changed, not what. Connection limits can switch single
 * servers off and on thousands of times a second, so rebuilding a tree of all servers each time
 * would cost more than the picks. A copy of `up` and `weight` is compared in blocks of 64 servers
 * (about 10 ns a block) and only the servers that differ are reported.
 */
#ifndef BALANCERS_TRACK_H
#define BALANCERS_TRACK_H

#include "balancers/balancer.h"

struct track {
    uint64_t generation;
    bool built;
    uint64_t *up; /* borrowed from the worker's state block, as `weight` */
    uint16_t *weight;
};

size_t track_bytes(unsigned n);                           /* a multiple of 8 */
void *track_init(struct track *t, void *mem, unsigned n); /* the first byte behind its arrays */

static inline bool track_stale(const struct track *t, const struct bal_view *v)
{
    return !t->built || t->generation != v->generation;
}

/*
 * Brings the copies up to date. Few changes: calls `changed` for each server that differs and
 * returns true. First time or many changes: returns false and the caller rebuilds everything.
 */
bool track_sync(struct track *t, const struct bal_view *v, void (*changed)(void *arg, unsigned i),
                void *arg);

#endif
