/*
 * balancer.h — the interface of load-balancing policies. Also the header of out-of-tree plug-ins.
 *
 * A balancer chooses an index among the candidates it is shown. It is pure: no sockets, no clock of
 * its own, no allocation in pick. `prepare` runs at load time on the control thread and may fail;
 * its result is immutable and shared by all workers. Each worker has a zeroed block of `state_size`
 * bytes that only it touches. A reload prepares a new instance; state does not carry over.
 */
#ifndef BALANCERS_BALANCER_H
#define BALANCERS_BALANCER_H

#include "lb/base/opts.h"

#include <stddef.h>
#include <stdint.h>

struct err;

/* Raised when this header changes in a way that breaks compiled plug-ins. */
#define BALANCER_ABI 1

struct bal_server {
    const char *name; /* as configured */
    uint64_t id;      /* stable hash of the server's name: the same in every reload and proxy */
    uint16_t weight;  /* configured, 0..256 */
    uint32_t max_inflight; /* 0: no limit */
};

/*
 * What a worker shows at pick time. Arrays have n entries; bit i of `up` is set when server i may
 * be chosen (healthy, not draining, right tier, below its limit, weight > 0). Bits >= n are clear.
 */
struct bal_view {
    unsigned n;
    unsigned nup; /* bits set in `up` */
    const uint64_t *up;
    const uint32_t *inflight; /* exchanges in flight, all workers (others' up to one turn old) */
    const uint16_t *weight;   /* effective now: configured × slow start, scaled to 0..256·64 */
    uint64_t now_us;          /* monotonic */
    uint64_t generation;      /* changes whenever `up` or `weight` changed since the last pick */
};

enum { BAL_NONE = -1 };         /* pick: nobody qualifies */
enum { BAL_WEIGHT_SCALE = 64 }; /* view.weight of a full-grown server of weight w is w × 64 */

/* What became of an exchange, for balancers that learn (least-time). */
struct bal_result {
    unsigned server;
    uint32_t latency_us; /* pick → first response byte (HTTP) or connect time (TCP) */
    bool failed;
};

struct balancer {
    uint32_t abi;       /* BALANCER_ABI */
    bool uses_inflight; /* false: view->inflight may be stale; saves the worker the folding */
    struct plug_desc desc;

    /* Builds what all workers share into *shared (may be NULL). 0, or -1 with `e` filled. Required,
     * as `pick`; the others may be NULL. `servers` and `opts` are borrowed for the call only. */
    int (*prepare)(const struct bal_server *, unsigned n, const struct opts *, void **shared,
                   struct err *e);
    void (*release)(void *shared);                        /* NULL when there is nothing to free */
    size_t (*state_size)(const void *shared, unsigned n); /* bytes per worker; may be NULL: 0 */
    void (*state_init)(void *state, const void *shared, unsigned n, unsigned worker,
                       unsigned nworkers, uint64_t seed); /* may be NULL */

    /*
     * The index of a server with its bit set in view->up and clear in `tried` (NULL: none tried),
     * or BAL_NONE. `key` is the hash of the request's key (source address, uri …); 0 without one.
     */
    int (*pick)(void *state, const void *shared, const struct bal_view *, uint64_t key,
                const uint64_t *tried);

    /*
     * view->inflight[server] has just changed by one (an exchange began or ended) or by a fold of
     * other workers' counts; may be NULL. Lets a policy keep a tree instead of scanning in pick.
     */
    void (*changed)(void *state, const void *shared, const struct bal_view *, unsigned server);

    /* Feedback; may be NULL. Called on the worker's thread, at most once per exchange. */
    void (*done)(void *state, const void *shared, const struct bal_result *, uint64_t now_us);
};

/* A plug-in (shared object) exports exactly this symbol. */
#define BALANCER_PLUGIN_SYMBOL "lb_balancer_plugin"
extern const struct balancer lb_balancer_plugin;

#endif
