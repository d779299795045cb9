/*
 * worker.h — a thread with a shard: a small complete proxy.
 *
 * The control thread talks to it by messages only. Everything a worker reports comes back as a call
 * of `struct worker_reports` on the control thread, by way of its mailbox.
 */
#ifndef LB_WORKER_WORKER_H
#define LB_WORKER_WORKER_H

#include "lb/session/shard.h"
#include "lb/worker/mailbox.h"

struct worker;

struct worker_reports { /* called on the control thread with the control mailbox's `to` */
    void (*applied)(void *to, struct mail *);  /* mail.a: worker; a snapshot is in force */
    void (*idle)(void *to, struct mail *);     /* mail.b: snapshot without sessions there */
    void (*failures)(void *to, struct mail *); /* mail.b: server_rt, mail.n: enum why */
    void (*drained)(void *to, struct mail *);  /* mail.a: worker; no client is left */
};

struct worker_options {
    unsigned index, count;
    size_t seg_ceiling; /* bytes of buffers; 0: none */
    uint64_t seed;
    struct logger *logger;
    atomic_uint *nclients;   /* shared by all workers */
    struct sources *sources; /* likewise */
    struct mailbox *control; /* where reports go */
    const struct worker_reports *reports;
};

/* Makes the worker without starting it. NULL with `e` filled. Control thread, as all of these. */
struct worker *worker_new(const struct worker_options *, struct err *e);

/* Starts the thread; its first snapshot must have been sent before. 0, or -1 with `e`. */
int worker_start(struct worker *, struct err *e);

/* Puts a snapshot in force; the worker takes one reference over. */
bool worker_apply(struct worker *, struct snapshot *);
/* Stops accepting; reports `drained` when the last client has gone. */
bool worker_drain(struct worker *);
/* Ends the loop, joins the thread, ends what is left, frees. NULL is a no-op. */
void worker_free(struct worker *);

const stat_cell *worker_stats(const struct worker *);
unsigned worker_clients(const struct worker *); /* approximate: read while it runs */

#endif
