/*
 * stop.c — signals, draining, stopping.
 *
 * TERM and INT: readiness fails, nothing new is accepted, what runs may finish within
 * drain-timeout; a second one stops at once. HUP reloads, USR1 reopens the logs.
 */
#include "lb/control/internal.h"

#include <signal.h>

void control_drained(struct control *c)
{
    loop_stop(&c->loop);
}

void control_drain(struct control *c, const char *who)
{
    uint32_t ms = c->snap ? c->snap->cfg->global.drain_timeout_ms : 0;
    if (c->stopping) {
        log_line(c->log, LOG_LV_INFO, "stopping", "asked again by %s: stopping at once", who);
        loop_stop(&c->loop);
        return;
    }
    c->stopping = true;
    c->undrained = c->nworkers;
    log_line(c->log, LOG_LV_INFO, "draining", "asked by %s; %u client connections, up to %u ms",
             who, atomic_load(&c->nclients), ms);
    for (unsigned i = 0; i < c->nworkers; i++)
        if (!worker_drain(c->workers[i]))
            c->undrained--;
    if (!c->undrained || !ms)
        loop_stop(&c->loop);
    else
        loop_timer_set(&c->loop, &c->drain_timer, TIMER_CONTROL, 0, ms);
}

void control_on_timer(struct timer *t, void *user)
{
    struct control *c = user;
    if (t == &c->cert_timer) {
        control_certs_look(c);
        return;
    }
    log_line(c->log, LOG_LV_WARNING, "drain-timeout",
             "%u client connections are cut: they did not end in time", atomic_load(&c->nclients));
    loop_stop(&c->loop);
}

static void on_signal(evutil_socket_t sig, short what, void *arg)
{
    struct control *c = arg;
    (void)what;
    loop_touch(&c->loop);
    switch (sig) {
    case SIGHUP:
        control_reload(c, NULL, NULL);
        break;
    case SIGUSR1:
        logger_reopen(c->logger);
        break;
    default:
        control_drain(c, sig == SIGINT ? "SIGINT" : "SIGTERM");
    }
}

int control_watch_signals(struct control *c)
{
    static const int list[] = {SIGHUP, SIGTERM, SIGINT, SIGUSR1};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    (void)sigaction(SIGPIPE, &ignore, NULL);
    for (unsigned i = 0; i < sizeof list / sizeof *list; i++) {
        struct event *ev = &c->signals[c->nsignals];
        (void)sigaction(list[i], &ignore, NULL); /* what libevent puts back in the end */
        if (event_assign(ev, c->loop.base, list[i], EV_SIGNAL | EV_PERSIST, on_signal, c) != 0 ||
            event_add(ev, NULL) != 0)
            return -1;
        c->nsignals++;
    }
    return 0;
}

void control_unwatch_signals(struct control *c)
{
    while (c->nsignals)
        (void)event_del(&c->signals[--c->nsignals]);
}
