/*
 * monitor.c — the monitor as an object: made, asked, told by the operator, ended.
 */
#include "health/monitor_impl.h"

#include <stdio.h>
#include <stdlib.h>

struct monitor *monitor_new_env(struct loop *l, struct log *log, uint64_t seed,
                                const struct monitor_env *env)
{
    struct monitor *m = calloc(1, sizeof *m);
    if (!m)
        return NULL;
    m->loop = l;
    m->log = log;
    m->env = *env;
    m->rng.state = seed;
    m->plan = calloc(1, sizeof *m->plan);
    if (!m->plan) {
        free(m);
        return NULL;
    }
    l->on_timer[TIMER_PROBE] = job_on_timer;
    l->on_timer[TIMER_MONITOR] = watch_on_timer;
    return m;
}

struct monitor *monitor_new(struct loop *l, struct log *log, uint64_t seed)
{
    static const struct monitor_env env = {.find = check_find, .open = probe_open};
    return monitor_new_env(l, log, seed, &env);
}

void monitor_free(struct monitor *m)
{
    if (!m)
        return;
    monitor_plan_free(m->plan);
    free(m);
}

void watch_on_timer(struct timer *t, void *user)
{
    (void)user;
    struct watch *w = container_of(t, struct watch, timer);
    if (t->kind == WATCH_RETURN)
        eject_return(w, "its time is over");
    else
        grow_step(w);
}

void monitor_move_timer(struct loop *l, struct timer *to, struct timer *from)
{
    if (!timer_armed(from))
        return;
    int32_t left = (int32_t)(from->deadline - l->now_ms);
    loop_timer_clear(l, from);
    loop_timer_set(l, to, from->owner, from->kind, left > 0 ? (uint32_t)left : 0);
}

static const struct judge_event *admin_event(enum admin_state to)
{
    static const struct judge_event events[] = {
        [ADMIN_READY] = {LOG_LV_INFO, "server-ready", "is ready"},
        [ADMIN_DRAIN] = {LOG_LV_INFO, "server-drain", "is draining"},
        [ADMIN_MAINT] = {LOG_LV_INFO, "server-maint", "is in maintenance"},
    };
    return &events[to];
}

void monitor_set_admin(struct monitor *m, struct server_rt *rt, enum admin_state to,
                       const char *who)
{
    struct watch *w = plan_watch(m->plan, rt);
    bool same = atomic_load_explicit(&rt->admin, memory_order_relaxed) == to;
    loop_touch(m->loop);
    if (!w) { /* of no running configuration, but exchanges may still hold it */
        atomic_store_explicit(&rt->admin, (uint8_t)to, memory_order_relaxed);
        backend_changed(rt->be);
        return;
    }
    /* An operator who says "ready" means now. */
    bool freed = to == ADMIN_READY && eject_forget(w);
    if (same && !freed)
        return;
    if (freed)
        w->strikes = 0;
    atomic_store_explicit(&rt->admin, (uint8_t)to, memory_order_relaxed);
    w->settled = true;
    char cause[96];
    (void)snprintf(cause, sizeof cause, "set by %s", who);
    judge_changed(w, admin_event(to), cause);
}

void monitor_report(const struct monitor *m, struct monitor_counts *out)
{
    *out = m->counts;
}

void monitor_look(const struct monitor *m, const struct server_rt *rt, struct monitor_view *out)
{
    const struct watch *w = plan_watch(m->plan, rt);
    *out = (struct monitor_view){0};
    if (!w)
        return;
    out->eject_left_ms = eject_left_ms(w);
    if (!w->job)
        return;
    bool down = atomic_load_explicit(&rt->health, memory_order_relaxed) == HEALTH_DOWN;
    out->checked = true;
    out->count = w->count;
    out->of = !w->decided ? 1 : down ? w->rise : w->fall;
    out->checks = w->job->checks;
    out->failed = w->job->failed;
    out->last_ms = w->job->last_ms;
    memcpy(out->last, w->job->last, sizeof out->last);
}
