/*
 * judge.c — from results to verdicts: rise and fall, who is in service, one log line per change.
 *
 * The only writer of a server's `health`; every change of `health`, `ejected` and `admin` passes
 * through judge_changed.
 */
#include "health/monitor_impl.h"

#include <stdio.h>

static enum health_state health_of(const struct watch *w)
{
    return atomic_load_explicit(&w->rt->health, memory_order_relaxed);
}

void judge_result(struct watch *w, bool ok, const char *cause)
{
    enum health_state now = health_of(w), want = ok ? HEALTH_UP : HEALTH_DOWN;
    if (now == want) {
        w->count = 0;
        w->decided = true;
        return;
    }
    if (w->decided && ++w->count < (ok ? w->rise : w->fall))
        return;
    w->decided = true;
    judge_set(w, want, cause);
}

void judge_set(struct watch *w, enum health_state to, const char *cause)
{
    static const struct judge_event up = {LOG_LV_INFO, "server-up", "is up"};
    static const struct judge_event found = {LOG_LV_DEBUG, "server-up", "was found up"};
    static const struct judge_event down = {LOG_LV_WARNING, "server-down", "is down"};
    enum health_state from = health_of(w);
    atomic_store_explicit(&w->rt->health, (uint8_t)to, memory_order_relaxed);
    w->count = 0;
    if (to == HEALTH_DOWN) {
        w->m->counts.downs++;
        judge_changed(w, &down, cause);
    } else if (from == HEALTH_DOWN) {
        w->m->counts.ups++;
        judge_changed(w, &up, cause);
    } else { /* it was in service before: said only to those who want to know everything */
        judge_changed(w, &found, cause);
    }
}

/* Brings the backend's count up to date; a server that comes into service grows into it. */
static void count(struct watch *w)
{
    bool usable = server_usable(w->rt);
    if (usable == w->in_service)
        return;
    w->in_service = usable;
    w->group->usable += usable ? 1u : -1u;
    if (!usable)
        grow_stop(w);
    else if (w->settled)
        grow_begin(w);
    w->settled = true;
}

void judge_changed(struct watch *w, const struct judge_event *event, const char *cause)
{
    struct server_rt *rt = w->rt;
    loop_touch(w->m->loop);
    rt->changed_wall_us = w->m->loop->wall_us;
    (void)snprintf(rt->cause, sizeof rt->cause, "%s", cause);
    count(w);
    backend_changed(rt->be);
    log_line(w->m->log, event->level, event->word, "%s/%s %s: %s (%u of %u servers in service)",
             rt->backend, rt->name, event->text, cause, w->group->usable, w->group->n);
    judge_backend(w->m, w->group);
}

void judge_backend(struct monitor *m, struct group *g)
{
    if (!g->usable == g->down)
        return;
    g->down = !g->usable;
    if (g->down)
        log_line(m->log, LOG_LV_ERROR, "backend-down", "%s has no server in service (of %u)",
                 g->be->name, g->n);
    else
        log_line(m->log, LOG_LV_INFO, "backend-up", "%s is served again (%u of %u servers)",
                 g->be->name, g->usable, g->n);
}
