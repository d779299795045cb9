/* worker.c — see worker.h. */
#include "lb/worker/worker.h"

#include "lb/base/err.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum { TRIM_US = 1000000 };

struct worker {
    struct shard sh; /* first: hooks lead from the shard back to its worker */
    struct mailbox box;
    struct mailbox *control;
    const struct worker_reports *reports;
    pthread_t thread;
    bool running, said_drained;
    uint64_t trimmed_us; /* when unused buffers were last given back */
    atomic_uint clients;
};

static struct worker *worker_of(struct shard *sh)
{
    return container_of(sh, struct worker, sh);
}

static void report_failures(struct shard *sh, struct server_rt *rt, enum why why)
{
    struct worker *w = worker_of(sh);
    (void)mailbox_post(w->control, w->reports->failures, w, rt, (int)why);
}

static void snapshot_idle(struct shard *sh, struct snapshot *snap)
{
    struct worker *w = worker_of(sh);
    (void)mailbox_post(w->control, w->reports->idle, w, snap, 0);
}

/* Once a turn: counters that were kept in plain fields, and the log. */
static void after_batch(void *user)
{
    struct worker *w = user;
    struct shard *sh = &w->sh;
    stat_add(&sh->wk[WK_TURNS], 1);
    if (sh->env.copied || sh->env.spliced) {
        stat_add(&sh->wk[WK_COPIED], sh->env.copied);
        stat_add(&sh->wk[WK_SPLICED], sh->env.spliced);
        sh->env.copied = sh->env.spliced = 0;
    }
    if (!list_empty(&sh->env.starved) || !list_empty(&sh->env.starved_new))
        memory_feed(sh);
    atomic_store_explicit(&w->clients, sh->nclients, memory_order_relaxed);
    if (sh->draining && !sh->nclients && !w->said_drained)
        w->said_drained = mailbox_post(w->control, w->reports->drained, w, NULL, 0);
    if (sh->env.loop.now_us - w->trimmed_us >= TRIM_US) {
        w->trimmed_us = sh->env.loop.now_us;
        segs_trim(sh->env.loop.segs);
    }
    log_flush(sh->log);
}

struct worker *worker_new(const struct worker_options *o, struct err *e)
{
    struct worker *w = aligned_alloc(64, (sizeof *w + 63) / 64 * 64);
    if (!w) {
        (void)err_set(e, ENOMEM, "out of memory");
        return NULL;
    }
    memset(w, 0, sizeof *w);
    w->box.fd = -1;
    w->control = o->control;
    w->reports = o->reports;
    if (shard_init(&w->sh, o->index, o->count, o->seg_ceiling, o->seed) != 0) {
        (void)err_set(e, errno, "cannot set up worker %u: %s", o->index, strerror(errno));
        free(w);
        return NULL;
    }
    w->sh.log = logger_attach(o->logger);
    w->sh.nclients_all = o->nclients;
    w->sh.sources = o->sources;
    w->sh.report_failures = report_failures;
    w->sh.snapshot_idle = snapshot_idle;
    w->sh.env.loop.after_batch = after_batch;
    w->sh.env.loop.user = w;
    if (w->sh.log && mailbox_open(&w->box, &w->sh.env.loop, w) == 0)
        return w;
    (void)err_set(e, errno, "cannot set up worker %u: %s", o->index, strerror(errno));
    worker_free(w);
    return NULL;
}

static void *thread_main(void *arg)
{
    struct worker *w = arg;
    char name[16];
    (void)snprintf(name, sizeof name, "lb-worker-%u", w->sh.index);
    (void)pthread_setname_np(pthread_self(), name);
    loop_run(&w->sh.env.loop);
    return NULL;
}

int worker_start(struct worker *w, struct err *e)
{
    sigset_t all, was;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &was);
    int rc = pthread_create(&w->thread, NULL, thread_main, w);
    (void)pthread_sigmask(SIG_SETMASK, &was, NULL);
    if (rc != 0)
        return err_set(e, rc, "cannot start worker %u: %s", w->sh.index, strerror(rc));
    w->running = true;
    return 0;
}

static void on_apply(void *to, struct mail *m)
{
    struct worker *w = to;
    loop_touch(&w->sh.env.loop);
    shard_apply(&w->sh, m->a);
    (void)mailbox_post(w->control, w->reports->applied, w, m->a, 0);
}

bool worker_apply(struct worker *w, struct snapshot *snap)
{
    return mailbox_post(&w->box, on_apply, snap, NULL, 0);
}

static void on_drain(void *to, struct mail *m)
{
    struct worker *w = to;
    (void)m;
    loop_touch(&w->sh.env.loop);
    shard_drain(&w->sh);
}

bool worker_drain(struct worker *w)
{
    return mailbox_post(&w->box, on_drain, NULL, NULL, 0);
}

static void on_stop(void *to, struct mail *m)
{
    struct worker *w = to;
    (void)m;
    loop_stop(&w->sh.env.loop);
}

void worker_free(struct worker *w)
{
    if (!w)
        return;
    if (w->running) {
        while (!mailbox_post(&w->box, on_stop, NULL, NULL, 0))
            ; /* memory will come back: the worker frees some */
        (void)pthread_join(w->thread, NULL);
    }
    shard_end(&w->sh, WHY_DRAINED);
    mailbox_close(&w->box);
    if (w->sh.log)
        log_detach(w->sh.log);
    shard_close(&w->sh);
    free(w);
}

const stat_cell *worker_stats(const struct worker *w)
{
    return w->sh.wk;
}

unsigned worker_clients(const struct worker *w)
{
    return atomic_load_explicit(&w->clients, memory_order_relaxed);
}
