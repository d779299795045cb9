/*
 * monitor_impl.h — what the parts of the monitor share. Private to health/ and its tests.
 *
 *   spec.c   compiles one configured check, once for all servers that have it
 *   plan.c   compiles targets into a plan
 *   commit.c hands running state from the old plan to the new
 *   probe.c  when a probe runs, its socket, its time-out, its end
 *   judge.c  results → verdicts (rise and fall), counts of servers in service, log lines
 *   eject.c  passive ejection and return
 *   grow.c   slow start
 *
 * A plan never changes its members: it is a few arrays, made by monitor_prepare. A reload makes a
 * second plan and copies the state of what stayed, so nothing can fail half-way. Everything here
 * runs on the control thread.
 */
#ifndef HEALTH_MONITOR_IMPL_H
#define HEALTH_MONITOR_IMPL_H

#include "health/check.h"
#include "health/monitor.h"
#include "lb/base/log.h"
#include "lb/base/rng.h"

/* What the monitor needs of the world; tests bring their own. */
struct monitor_env {
    const struct check *(*find)(const char *name);
    /* Opens p->io towards the address; sets p->connected when that needed no waiting. 0, or -1
     * with errno and nothing open. */
    int (*open)(struct probe *p, const struct sockaddr *addr, socklen_t len);
};

/* One check as configured, compiled once for all servers that state it alike. */
struct spec {
    unsigned refs;             /* plans' tables and running probes */
    const struct check *check; /* static */
    void *shared;              /* owned; from check->prepare */
    uint32_t every_ms, timeout_ms;
    uint64_t hash; /* of key */
    size_t key_len;
    char *key; /* owned; type, arguments, options and times in one text */
};

/* A probe while it runs. */
struct run {
    struct grave grave;
    struct probe probe;
    struct job *job;   /* borrowed; NULL once the probe is over */
    struct spec *spec; /* counted */
    uint64_t started_us;
    _Alignas(16) unsigned char state[];
};

/* One address probed in one way, for one or several servers. */
struct job {
    struct monitor *m;
    struct spec *spec;           /* borrowed from the plan */
    const struct sockaddr *addr; /* in the plan's bytes */
    const char *host;            /* likewise */
    struct tls_peer *tls;        /* counted; NULL: plain */
    uint64_t tls_id;             /* equal terms, equal numbers; 0: plain */
    socklen_t addr_len;
    uint8_t proxy;
    uint32_t last_ms;
    bool excused;        /* the last time-out was put down to a stall of ours */
    struct watch *first; /* whom the results are for, by watch.next */
    struct run *run;     /* owned while it runs; NULL: waiting for the timer */
    struct timer timer;  /* JOB_START or JOB_TIMEOUT */
    uint64_t checks, failed;
    char last[96];
};
enum job_timer { JOB_START, JOB_TIMEOUT };

/* One server. */
struct watch {
    struct monitor *m;
    struct server_rt *rt; /* borrowed */
    struct group *group;
    struct job *job;    /* NULL: no active check */
    struct watch *next; /* of the same job */
    uint32_t rise, fall, slow_start_ms;
    uint32_t count;  /* contrary results in succession */
    uint8_t start;   /* as in cfg_check */
    bool decided;    /* false: the next result decides at once */
    bool settled;    /* was in service, or had a verdict, in this process */
    bool in_service; /* as counted in group->usable */
    bool growing;
    uint8_t strikes; /* ejections in succession: the next lasts eject_ms * 2^strikes */
    struct cfg_passive passive;
    uint64_t grow_since_us, returned_us; /* begin of slow start; end of the last ejection */
    struct timer timer;                  /* WATCH_RETURN or WATCH_GROW */
};
enum watch_timer { WATCH_RETURN, WATCH_GROW };

/* The servers of one backend. */
struct group {
    struct backend_rt *be; /* borrowed */
    unsigned n, usable, ejected;
    bool down;    /* as last logged */
    bool refused; /* an ejection was refused, at refused_us */
    uint64_t refused_us;
};

struct monitor_plan {
    struct watch *watches; /* sorted by rt */
    struct job *jobs;      /* sorted by job_compare */
    struct group *groups;  /* sorted by be */
    struct spec **specs;   /* each counted */
    unsigned nwatches, njobs, ngroups, nspecs;
    char *bytes; /* addresses and host texts of the jobs */
};

struct monitor {
    struct loop *loop;
    struct log *log;
    struct monitor_env env;
    struct rng rng;
    struct monitor_plan *plan; /* owned; never NULL */
    unsigned commits;
    bool starved; /* a socket could not be had, said at starved_us */
    uint64_t starved_us;
    struct monitor_counts counts;
};

struct monitor *monitor_new_env(struct loop *, struct log *, uint64_t seed,
                                const struct monitor_env *);

/* spec.c */
struct spec *spec_get(struct monitor *, struct monitor_plan *, const struct cfg_check *,
                      struct err *); /* borrowed from the plan, or NULL */
void spec_unref(struct spec *);
int spec_compare(const struct spec *, const struct spec *);

/* plan.c: look-ups give NULL when there is none */
struct watch *plan_watch(const struct monitor_plan *, const struct server_rt *);
struct job *plan_job(const struct monitor_plan *, const struct job *like);
struct group *plan_group(const struct monitor_plan *, const struct backend_rt *);
int job_order(const void *, const void *); /* of struct job: by check, address and host */

/* probe.c */
int probe_open(struct probe *, const struct sockaddr *, socklen_t); /* monitor_env.open */
void job_schedule(struct job *);                                    /* the first probe, soon */
void job_adopt(struct job *to, struct job *from); /* goes on with what `from` was doing */
void job_stop(struct job *);                      /* cancels a running probe; no further ones */
void job_on_timer(struct timer *, void *);

/* judge.c */
struct judge_event {
    enum log_level level;
    const char *word; /* of the log line */
    const char *text; /* "is down" */
};
void judge_result(struct watch *, bool ok, const char *cause);
void judge_set(struct watch *, enum health_state, const char *cause);
/* After one of the server's atomics changed: counts, slow start, epoch, cause, log lines. */
void judge_changed(struct watch *, const struct judge_event *, const char *cause);
/* Logs backend-down or backend-up when the number in service reached or left zero. */
void judge_backend(struct monitor *, struct group *);

/* eject.c */
void eject_return(struct watch *, const char *cause);
bool eject_forget(struct watch *); /* ends an ejection without a word; false: there was none */
uint32_t eject_left_ms(const struct watch *);

/* grow.c */
void grow_begin(struct watch *);
void grow_stop(struct watch *); /* at full weight from now on */
void grow_step(struct watch *);

/* monitor.c */
void watch_on_timer(struct timer *, void *);

/* Moves what is left of an armed timer to another one. */
void monitor_move_timer(struct loop *, struct timer *to, struct timer *from);

#endif
