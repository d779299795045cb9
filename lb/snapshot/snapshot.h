/*
 * snapshot.h — one applied configuration: everything a worker needs, immutable, reference counted.
 *
 * Prepare (control thread) does all that can fail: names, sockets, route tables, balancers. Commit
 * only hands pointers over. Objects that outlive a configuration (server_rt …, listening sockets)
 * are shared with the snapshot before. Workers keep a plain count of their sessions on a snapshot
 * and drop their one reference when it has reached zero.
 */
#ifndef LB_SNAPSHOT_SNAPSHOT_H
#define LB_SNAPSHOT_SNAPSHOT_H

#include "balancers/balancer.h"
#include "config/cfg.h"
#include "lb/route/route.h"
#include "lb/upstream/server.h"

#include <stdatomic.h>

struct err;
struct balancer_set;
struct tls_ctx;
struct tls_peer;
struct tls_tickets;
struct logger;

enum { STICKY_TOKEN = 22 }; /* base64url characters of a 128-bit MAC */

struct backend {
    const struct cfg_backend *cfg;
    struct backend_rt *rt; /* counted */
    const struct balancer *bal;
    void *bal_shared;                  /* owned */
    const struct balancer *sticky_bal; /* sticky source/header: consistent choice; else NULL */
    void *sticky_shared;               /* owned */
    struct server_rt **servers;        /* counted, [cfg->nservers] */
    char (*tokens)[STICKY_TOKEN];      /* sticky cookie values, [cfg->nservers]; NULL: none */
    struct tls_peer **tls;             /* counted, [cfg->nservers]; NULL entry: plain */
    unsigned index, nservers;
    bool any_max;   /* some server has max-connections */
    bool any_proxy; /* some server has proxy-protocol */
};

struct frontend {
    const struct cfg_frontend *cfg;
    struct frontend_rt *rt;     /* counted */
    struct route_table *routes; /* owned */
    struct slice hsts;          /* the field line, in hsts_text; empty: not sent */
    char hsts_text[64];
    bool client_certs; /* some bind asks clients for a certificate */
    bool by_name;      /* mode tcp: some route asks for the name in the hello */
    int access_sink;   /* logger sink; 0: no access log */
    unsigned index;
};

/* A listening address: one socket per worker (Unix sockets: one for all). Shared by snapshots. */
struct sockset {
    char *text; /* the address as configured: the key */
    struct sockaddr_storage addr;
    socklen_t addr_len;
    int *fd;             /* [nworkers]; -1: that worker has left it */
    atomic_uint watched; /* workers that have not left it */
    unsigned nworkers, refs;
    bool shared; /* all fd[] are the same descriptor */
};

struct bound {           /* one bind of a frontend */
    struct sockset *set; /* counted */
    unsigned frontend;
    const struct cfg_bind *cfg;
    struct tls_ctx *tls; /* counted; NULL: plain */
};

struct snapshot {
    uint64_t generation;
    struct cfg *cfg; /* owned */
    struct frontend *frontends;
    struct backend *backends;
    struct bound *bounds;
    unsigned nfrontends, nbackends, nbounds, nworkers;
    struct wbackend ***wb; /* [worker][backend]: made by the worker at first use */
    void (*free_wb)(struct wbackend *);
    unsigned *live; /* [worker]: sessions on this snapshot; the worker's own */
    atomic_uint refs;
    struct logger *logger;     /* borrowed */
    struct snapshot *next_old; /* the control thread's list of superseded ones */
    uint64_t prepared_us;      /* how long prepare took */
};

struct snapshot_deps { /* what prepare needs of the process; borrowed */
    unsigned nworkers;
    struct balancer_set *balancers;
    struct logger *logger;
    struct tls_tickets *tickets;
    const unsigned char *secret;        /* for sticky cookies, SECRET_BYTES */
    void (*free_wb)(struct wbackend *); /* the layer that makes them frees them */
};
enum { SECRET_BYTES = 32, SNAPSHOT_LIVE_STRIDE = 16 }; /* counts of workers a cache line apart */

/*
 * Builds the snapshot of `cfg` (taken over, also on failure). `old` may be NULL; what did not
 * change is shared with it. NULL with `e` filled: nothing was changed, nothing is left open.
 */
struct snapshot *snapshot_prepare(struct cfg *, const struct snapshot *old,
                                  const struct snapshot_deps *, struct err *e);

void snapshot_ref(struct snapshot *);
/* Drops a reference; true when it was the last: the control thread then calls snapshot_free. */
bool snapshot_unref(struct snapshot *);
void snapshot_free(struct snapshot *);

#endif
