/*
 * view.h — what the administration sees of a running proxy, and the few things it may ask for.
 *
 * The control thread owns everything shown here and implements `struct admin_ops`; the endpoints
 * and renderers know no other module of it. So they can be tested with made-up views.
 * Control thread only.
 */
#ifndef LB_ADMIN_VIEW_H
#define LB_ADMIN_VIEW_H

#include "config/cfg.h"
#include "health/monitor.h"
#include "lb/stats/stats.h"
#include "lb/upstream/server.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct err;

struct admin_frontend {
    const char *name;
    enum cfg_mode mode;
    const struct frontend_rt *rt;
    const char *binds;        /* for people: "0.0.0.0:80, [::]:443 tls" */
    uint32_t max_connections; /* 0: no limit of its own */
};

struct admin_server {
    struct server_rt *rt;
    uint16_t weight; /* as configured */
    bool backup;
    uint32_t max_connections; /* 0: no limit */
};

struct admin_backend {
    const char *name;
    enum cfg_mode mode;
    const char *balance; /* registered name of the balancer */
    const struct backend_rt *rt;
    const struct admin_server *servers;
    unsigned nservers;
};

struct admin_cert {
    const char *frontend, *path;
    const char *name;    /* the first it is for */
    const char *key;     /* "ECDSA", "RSA", "Ed25519" */
    int64_t not_after_s; /* Unix time */
};

struct admin_reload_facts {
    uint64_t ok, failed;      /* reloads since start; the first load is none */
    bool last_ok;             /* meaningless while ok + failed is 0 */
    uint64_t last_wall_us;    /* 0: never */
    const char *last_summary; /* one line, or NULL */
};

/* Everything borrowed until the callback that asked for it returns to the event loop. */
struct admin_view {
    const struct admin_frontend *frontends;
    unsigned nfrontends;
    const struct admin_backend *backends;
    unsigned nbackends;
    const stat_cell *const *wk; /* [nworkers], each WK_STATS cells */
    unsigned nworkers;

    const char *version;
    const char *config_path; /* NULL: built in */
    pid_t pid;
    uint64_t start_wall_us;
    uint64_t generation; /* number of the applied configuration, from 1 */
    uint32_t max_connections;
    bool ready;    /* listening, with a configuration applied */
    bool draining; /* stopping */
    struct admin_reload_facts reload;
    uint64_t log_dropped, log_write_errors;
    struct monitor_counts health;
    const struct admin_cert *certs; /* in force, towards clients */
    unsigned ncerts;
    unsigned certs_bad; /* frontends whose newest files can't be used */
    uint64_t cert_renewals, cert_failures;
};

enum admin_reload {
    ADMIN_RELOAD_OK,
    ADMIN_RELOAD_CONFIG, /* the new configuration has errors; the old one runs on */
    ADMIN_RELOAD_FAILED, /* it is fine but could not be applied (address in use …) */
};

/*
 * `text` (may be NULL or empty) holds the diagnostics, any number of lines; borrowed for the call.
 */
typedef void admin_reload_done(void *arg, enum admin_reload result, const char *text);

/* Implemented by the control thread; every member but `look` and `renew_certs` must be set. */
struct admin_ops {
    void *ctx;
    /* The view of this moment; never NULL. */
    const struct admin_view *(*view)(void *ctx);
    /* How the checks of a server stand (monitor_look); NULL: not known. */
    void (*look)(void *ctx, const struct server_rt *, struct monitor_view *out);
    /*
     * Begins a reload. `done` is called exactly once, before this returns or later from the
     * control loop, also when the process stops first (ADMIN_RELOAD_FAILED) or when another
     * reload is under way already.
     */
    void (*reload)(void *ctx, admin_reload_done *done, void *arg);
    /* The operator's word about one server; `who` is for the log ("socket uid 0"). */
    void (*set_admin)(void *ctx, struct server_rt *, enum admin_state, const char *who);
    /* Reads the certificates again. -1 with `e`: some stay as they were. */
    int (*renew_certs)(void *ctx, struct err *e);
    /* Begins to drain and stop; returns at once. */
    void (*stop)(void *ctx, const char *who);
};

#endif
