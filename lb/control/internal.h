/* internal.h — the state of the control thread, shared by the files of lb/control. */
#ifndef LB_CONTROL_INTERNAL_H
#define LB_CONTROL_INTERNAL_H

#include "health/monitor.h"
#include "lb/admin/admin.h"
#include "lb/base/err.h"
#include "lb/base/log.h"
#include "lb/control/control.h"
#include "lb/snapshot/plugins.h"
#include "lb/snapshot/snapshot.h"
#include "lb/tls/tls_tickets.h"
#include "lb/worker/worker.h"

struct admin_cert;
struct cert_watch;
struct shown; /* view.c: what the administration was shown last */

struct control {
    const struct control_options *options;
    struct loop loop;
    struct mailbox box;
    struct logger *logger;
    struct log *log;
    struct plugins plugins;
    struct snapshot *snap; /* current; one reference is ours */
    struct snapshot *old;  /* superseded but still in use somewhere; linked by `next_old` */
    struct monitor *monitor;
    struct admin *admin;
    struct admin_ops admin_ops;
    struct demo *demo;
    struct cert_watch *certs;     /* owned; NULL: no TLS towards clients */
    struct admin_cert *cert_list; /* owned; what the administration was shown last */
    uint64_t cert_renewals, cert_failures;
    struct timer cert_timer;
    struct tls_tickets *tickets; /* counted; kept over reloads, so that sessions resume */
    struct worker **workers;
    unsigned nworkers;
    atomic_uint nclients;
    struct sources *sources;
    unsigned char secret[SECRET_BYTES];
    bool random_secret;
    struct event signals[5];
    unsigned nsignals;

    /* reload.c */
    unsigned unapplied; /* workers that have not put the newest snapshot in force */
    admin_reload_done *reload_done;
    void *reload_arg;
    char *reload_text; /* diagnostics for whoever waits; owned */
    struct admin_reload_facts reload;
    char reload_summary[400];

    /* drain */
    bool stopping;
    unsigned undrained; /* workers that still have clients */
    struct timer drain_timer;

    uint64_t start_wall_us;
    bool ready;
    struct shown *shown; /* owned; rebuilt when the snapshot changes */
    struct admin_view view;
    const stat_cell **wk;
    int status; /* of the process */
};

/* --- load.c --- */
/* The configuration, with every message in *text (malloc'd; may be empty). NULL: errors. */
struct cfg *control_load(struct control *, char **text);

/* --- apply.c --- */
/* Prepares `cfg` (taken over) and puts it in force. -1 with `e`: nothing has changed. */
int control_apply(struct control *, struct cfg *, struct err *e);
extern const struct worker_reports control_reports;
/* Frees the current snapshot and older ones still held, when no worker is left. */
void control_drop_snapshots(struct control *);

/* --- cert_watch.c --- */
/* Watches the files of the snapshot now in force; stops watching. */
void control_certs_watch(struct control *);
void control_certs_stale(struct control *);
void control_certs_look(struct control *); /* the timer */
/* Reads all certificates again. -1 with `e`: some stay as they were. */
int control_certs_renew(struct control *, struct err *e);
unsigned control_certs_bad(const struct control *); /* frontends whose newest files can't be used */
/* What is in force, in place of what *out holds; the number of entries. */
unsigned control_certs_list(struct control *, struct admin_cert **out);

/* --- reload.c --- */
void control_reload(struct control *, admin_reload_done *, void *arg);
void control_reload_applied(struct control *); /* every worker has the new snapshot */
void control_reload_cut(struct control *);     /* the process stops: whoever waits is told */

/* --- stop.c --- */
void control_drain(struct control *, const char *who);
void control_drained(struct control *);
void control_on_timer(struct timer *, void *user);
int control_watch_signals(struct control *);
void control_unwatch_signals(struct control *);

/* --- view.c --- */
extern const struct admin_ops control_admin_ops; /* ctx is set by the user */
void control_view_stale(struct control *);       /* the snapshot changes */

#endif
