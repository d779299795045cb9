/*
 * monitor.h — the single writer of health: runs checks, judges rise and fall, ejects outliers.
 *
 * Lives on the control loop. Servers with the same address and the same check share one probe.
 */
#ifndef HEALTH_MONITOR_H
#define HEALTH_MONITOR_H

#include "config/cfg.h"
#include "lb/base/why.h"
#include "lb/net/loop.h"
#include "lb/upstream/server.h"

struct log;
struct monitor;

struct tls_peer;

struct monitor_target {
    struct server_rt *rt;          /* borrowed until the next monitor_apply without it */
    const struct cfg_check *check; /* ->type NULL: not checked actively */
    const struct cfg_passive *passive;
    uint32_t slow_start_ms;
    struct sockaddr_storage addr; /* to probe: the server's, with the check's port */
    socklen_t addr_len;
    uint8_t proxy;        /* version of the PROXY header it wants first; 0: none */
    struct tls_peer *tls; /* how its traffic is encrypted; borrowed for the call; NULL: plain */
};

/* A compiled set of targets: everything that can fail has happened. */
struct monitor_plan;

/*
 * `loop` and `log` are borrowed; takes the loop's TIMER_PROBE and TIMER_MONITOR callbacks. NULL:
 * out of memory.
 */
struct monitor *monitor_new(struct loop *, struct log *, uint64_t seed);
void monitor_free(struct monitor *);

/* Compiles checks (body regex …) for a new set of targets; the cfg objects are copied or only used
 * until monitor_commit returns. NULL with `e` filled. */
struct monitor_plan *monitor_prepare(struct monitor *, const struct monitor_target *, unsigned n,
                                     struct err *e);
void monitor_plan_free(struct monitor_plan *); /* a plan that was not committed; NULL is fine */

/*
 * Takes the plan over. Targets whose server, address and check did not change keep their probe,
 * counts and clock; others start anew: a server that is new begins in `check.start` (unknown:
 * usable, but the first result decides), a server without a check is up. Cannot fail.
 */
void monitor_commit(struct monitor *, struct monitor_plan *);

/* A worker saw `failures` failures in a row (passive ejection); called on the control thread. */
void monitor_passive(struct monitor *, struct server_rt *, enum why last);

/* The operator's word: ready, drain, maintenance. Logs, raises the backend's epoch. */
void monitor_set_admin(struct monitor *, struct server_rt *, enum admin_state, const char *who);

struct monitor_counts {
    uint64_t checks, failed; /* probes run, probes that failed */
    uint64_t ejections, downs, ups;
};
void monitor_report(const struct monitor *, struct monitor_counts *);

/* For status pages: position in rise/fall of a server, e.g. up 3/3 or down 1/2. */
struct monitor_view {
    bool checked;
    unsigned count, of; /* consecutive contrary results so far, and how many are needed */
    uint64_t checks, failed;
    uint32_t last_ms;       /* duration of the last probe */
    char last[96];          /* its result */
    uint32_t eject_left_ms; /* until an ejected server returns; 0: it is not ejected */
};
void monitor_look(const struct monitor *, const struct server_rt *, struct monitor_view *);

#endif
