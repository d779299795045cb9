/*
 * collect.h — the numbers of one moment, summed over workers once, for every renderer.
 *
 * Counters are read one after the other while workers go on, so a difference of two may be off by
 * what happened in between; gauges are clamped at zero.
 */
#ifndef LB_ADMIN_COLLECT_H
#define LB_ADMIN_COLLECT_H

#include "lb/admin/view.h"
#include "lb/base/slice.h"

struct fe_sum {
    const struct admin_frontend *f;
    uint64_t v[FE_STATS];
    uint64_t why[WHY_COUNT];
    uint64_t connections, inflight; /* gauges */
    struct slice label;             /* `frontend="web"`, escaped for Prometheus */
};

struct srv_sum {
    const struct admin_server *s;
    uint64_t v[SRV_STATS];
    uint64_t inflight, idle; /* gauges; idle: open upstream connections without an exchange */
    bool up;                 /* 1 in lb_server_up: able to serve, draining included */
    bool usable;             /* gets new exchanges */
    uint32_t weight;         /* effective: override and slow start applied, rounded up */
    struct slice label;      /* `backend="app",server="s1"` */
};

struct be_sum {
    const struct admin_backend *b;
    uint64_t v[BE_STATS];
    uint64_t srv[SRV_STATS]; /* of its servers together */
    uint64_t queue, inflight;
    unsigned nup; /* servers that are `up` */
    const struct srv_sum *servers;
    struct slice label; /* `backend="app"` */
};

struct process_facts {
    uint64_t rss_bytes, open_fds, max_fds, cpu_us, uptime_us;
};

struct collect {
    const struct admin_view *view; /* borrowed */
    struct fe_sum *fe;             /* owned, as all arrays here */
    struct be_sum *be;
    struct srv_sum *srv;
    unsigned nsrv;
    uint64_t wk[WK_STATS];
    struct fe_sum total; /* of all frontends; no label */
    struct process_facts process;
    char *labels;
};

/* Sums everything; NULL: out of memory. Valid as long as the view is. */
struct collect *collect_new(const struct admin_view *);
void collect_free(struct collect *); /* NULL is a no-op */

void process_look(struct process_facts *, uint64_t start_wall_us);

/* "up", "down", "unknown", "ejected", "drain" or "maint": the first cause that counts. */
const char *server_state_word(const struct server_rt *);
const char *health_word(unsigned health);
const char *admin_word(unsigned admin);
const char *mode_word(enum cfg_mode);

#endif
