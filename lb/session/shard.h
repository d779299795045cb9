/*
 * shard.h — what the sessions of one worker share.
 */
#ifndef LB_SESSION_SHARD_H
#define LB_SESSION_SHARD_H

#include "lb/base/log.h"
#include "lb/base/rng.h"
#include "lb/net/listener.h"
#include "lb/session/accesslog.h"
#include "lb/session/reqid.h"
#include "lb/snapshot/snapshot.h"
#include "lb/stream/conn.h"

enum { EDIT_TEXT_MAX = 900 }; /* of added field lines; fits a segment's headroom */

/* A listening socket of this worker and the frontend it belongs to now. */
struct acceptor {
    struct listener lis;
    struct list link; /* in shard.acceptors */
    struct shard *sh;
    struct sockset *set; /* borrowed from the snapshot that has the bind */
    struct frontend *fe; /* of the current snapshot; NULL: the bind is gone */
    const struct cfg_bind *bind;
    struct tls_ctx *tls;        /* of the bind, borrowed from the current snapshot; NULL: plain */
    struct frontend_line *line; /* of fe, this worker's; NULL: the bind is gone */
    unsigned conns;             /* client connections accepted here and still open */
};

struct shard {
    struct stream_env env; /* first: a loop leads back to its shard */
    unsigned index, nworkers;
    struct snapshot *snap; /* current */
    struct pool *sessions;
    struct pool *logs; /* struct logline */
    struct log *log;   /* owned handle */
    struct rng rng;
    struct reqid_gen ids;
    struct access_clock clock;
    stat_cell *wk; /* [WK_STATS] */
    struct list acceptors;
    struct list clients; /* client connections, grave.link */
    unsigned nclients;
    atomic_uint *nclients_all; /* of all workers; shared by them */
    struct sources *sources;   /* likewise */
    uint64_t foreign_ends;     /* sessions of older snapshots that ended: counts must be re-read */
    struct timer hunger;       /* armed while reads wait for memory */
    uint32_t shed_next_ms;     /* when idle clients may be closed again */
    bool draining;             /* no keep-alive, no new connections */
    /* Tells the control thread of failures in a row, and that a snapshot has no sessions left. */
    void (*report_failures)(struct shard *, struct server_rt *, enum why);
    void (*snapshot_idle)(struct shard *, struct snapshot *);
    char text[EDIT_TEXT_MAX + 128]; /* scratch of one callback */
};

static inline struct shard *shard_of_loop(struct loop *l)
{
    return container_of(l, struct shard, env.loop);
}

static inline struct shard *shard_of(const struct conn *c)
{
    return shard_of_loop(c->io.loop);
}

/* Sets up pools, loop and hooks. 0, or -1 with errno. */
int shard_init(struct shard *, unsigned index, unsigned nworkers, size_t seg_ceiling,
               uint64_t seed);
/* Ends every session and connection with `why`. The loop must have stopped. */
void shard_end(struct shard *, enum why why);
/* Frees loop and pools, after shard_end and when nothing is watched on the loop any more. */
void shard_close(struct shard *);

/* Makes `snap` the current one (its reference is taken over): acceptors are started, moved, or
 * drained and stopped. */
void shard_apply(struct shard *, struct snapshot *);

/* Stops accepting, closes idle client connections; the rest go as their exchanges end. */
void shard_drain(struct shard *);

/* Frees an acceptor whose bind is gone and whose last connection has closed. */
void shard_forget(struct shard *, struct acceptor *);

/* memory.c: calls those again whose reads wait for memory, as far as there is some. */
void memory_feed(struct shard *);
void memory_on_timer(struct timer *, void *user);

/* Sessions of `snap` on this worker: one more, one less. */
void shard_hold(struct shard *, struct snapshot *);
void shard_release(struct shard *, struct snapshot *);

#endif
