/*
 * control.c — the main thread: sets the process up, runs the control loop, takes it down again.
 *
 * Order at start: configuration, log, workers (no threads yet), prepare (sockets, names …),
 * privileges, threads. Until the threads run, any failure leaves nothing behind.
 */
#include "lb/control/internal.h"

#include "lb/base/clock.h"
#include "lb/control/process.h"
#include "lb/demo/demo.h"
#include "lb/demo/greeting.h"
#include "lb/net/listener.h"
#include "lb/session/source.h"
#include "lb/snapshot/sticky.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

static int fail(const struct err *e)
{
    (void)fprintf(stderr, "lb: %s\n", e->text);
    return 1;
}

static void after_batch(void *user)
{
    log_flush(((struct control *)user)->log);
}

static uint64_t random_seed(void)
{
    uint64_t seed = 0;
    if (getrandom(&seed, sizeof seed, 0) != sizeof seed)
        seed = clock_wall_us() * 6364136223846793005u;
    return seed;
}

/* Loop, log, monitor, administration: what the control thread itself needs. */
static int set_up(struct control *c, const struct cfg_global *g, struct err *e)
{
    struct log_target t = {(enum log_to)g->log.to, g->log.path, g->log.json ? LOG_JSON : LOG_TEXT};
    if (loop_init(&c->loop, 0) != 0)
        return err_set(e, errno, "cannot make an event loop: %s", strerror(errno));
    c->loop.user = c;
    c->loop.after_batch = after_batch;
    c->loop.on_timer[TIMER_CONTROL] = control_on_timer;
    c->logger = logger_new(&t, (enum log_level)g->log.level, e);
    if (!c->logger)
        return -1;
    c->log = logger_attach(c->logger);
    c->admin_ops = control_admin_ops;
    c->admin_ops.ctx = c;
    c->monitor = monitor_new(&c->loop, c->log, random_seed());
    c->tickets = tls_tickets_new();
    c->admin = admin_new(c->loop.base, &c->admin_ops, c->log);
    if (!c->log || !c->monitor || !c->admin || !c->tickets ||
        mailbox_open(&c->box, &c->loop, c) != 0 || control_watch_signals(c) != 0)
        return err_set(e, ENOMEM, "cannot set up the control thread: out of memory");
    sticky_secret(c->secret, g->secret);
    return 0;
}

static int make_workers(struct control *c, const struct cfg_global *g, struct err *e)
{
    c->nworkers = g->threads ? g->threads : process_cpus();
    c->workers = calloc(c->nworkers, sizeof *c->workers);
    c->wk = calloc(c->nworkers, sizeof *c->wk);
    c->sources = sources_new(g->max_connections, random_seed());
    if (!c->workers || !c->wk || !c->sources)
        return err_set(e, ENOMEM, "out of memory");
    for (unsigned i = 0; i < c->nworkers; i++) {
        struct worker_options o = {.index = i,
                                   .count = c->nworkers,
                                   .seg_ceiling = g->memory_limit / c->nworkers,
                                   .seed = random_seed(),
                                   .logger = c->logger,
                                   .nclients = &c->nclients,
                                   .sources = c->sources,
                                   .control = &c->box,
                                   .reports = &control_reports};
        c->workers[i] = worker_new(&o, e);
        if (!c->workers[i])
            return -1;
        c->wk[i] = worker_stats(c->workers[i]);
    }
    return 0;
}

static int start_threads(struct control *c, struct err *e)
{
    for (unsigned i = 0; i < c->nworkers; i++)
        if (worker_start(c->workers[i], e) != 0)
            return -1;
    return 0;
}

static void announce(struct control *c)
{
    const struct cfg *cfg = c->snap->cfg;
    log_line(c->log, LOG_LV_INFO, "started", "%u workers, %u frontends, %u backends; pid %d",
             c->nworkers, cfg->nfrontends, cfg->nbackends, (int)getpid());
    for (unsigned i = 0; i < c->snap->nbounds; i++)
        log_line(c->log, LOG_LV_INFO, "listening", "frontend %s on %s",
                 c->snap->frontends[c->snap->bounds[i].frontend].cfg->name,
                 c->snap->bounds[i].cfg->addr.text);
    if (c->options->demo && !c->options->quiet)
        greeting_print(cfg, stdout);
}

static int start(struct control *c, struct cfg *cfg, struct err *e)
{
    struct process_identity id;
    const char *pid_file = NULL;
    if (process_find_identity(&cfg->global, &id, e) != 0 || set_up(c, &cfg->global, e) != 0 ||
        make_workers(c, &cfg->global, e) != 0) {
        cfg_free(cfg);
        return -1;
    }
    if (c->options->demo && !(c->demo = demo_start(e))) {
        cfg_free(cfg);
        return -1;
    }
    if (control_apply(c, cfg, e) != 0)
        return -1;
    pid_file = c->snap->cfg->global.pid_file;
    if (process_write_pid(pid_file, e) != 0 || process_become(&id, e) != 0 ||
        start_threads(c, e) != 0)
        return -1;
    announce(c);
    return 0;
}

static void take_down(struct control *c)
{
    if (c->snap)
        process_remove_pid(c->snap->cfg->global.pid_file);
    control_reload_cut(c);
    for (unsigned i = 0; i < c->nworkers && c->workers; i++)
        worker_free(c->workers[i]);
    sources_free(c->sources);
    admin_free(c->admin);
    monitor_free(c->monitor);
    control_view_stale(c);
    control_certs_stale(c);
    free(c->cert_list);
    control_drop_snapshots(c);
    tls_tickets_unref(c->tickets);
    demo_stop(c->demo);
    control_unwatch_signals(c);
    mailbox_close(&c->box);
    if (c->log)
        log_detach(c->log);
    logger_free(c->logger);
    loop_close(&c->loop);
    plugins_free(&c->plugins);
    free(c->workers);
    free(c->wk);
}

static int run(struct control *c)
{
    struct err e = {0};
    char *text = NULL;
    if (c->options->config_path && access(c->options->config_path, R_OK) != 0) {
        (void)err_set(&e, errno, "cannot read '%s': %s", c->options->config_path, strerror(errno));
        return fail(&e);
    }
    if (plugins_init(&c->plugins, &e) != 0)
        return fail(&e);
    struct cfg *cfg = control_load(c, &text);
    if (text && *text)
        (void)fputs(text, stderr);
    free(text);
    if (!cfg)
        return 2;
    if (start(c, cfg, &e) != 0)
        return fail(&e);
    loop_run(&c->loop);
    log_line(c->log, LOG_LV_INFO, "stopped", "pid %d", (int)getpid());
    return 0;
}

int control_run(const struct control_options *o)
{
    struct control c = {.options = o, .box = {.fd = -1}, .start_wall_us = clock_wall_us()};
    list_init(&c.drain_timer.link);
    list_init(&c.cert_timer.link);
    process_raise_files();
    int status = run(&c);
    take_down(&c);
    return status;
}
