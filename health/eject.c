/*
 * eject.c — passive ejection: live traffic says that a server fails, and it is left out for a
 * while.
 *
 * Workers count failures in a row and report; the verdict falls here, once, for all of them. Each
 * ejection in succession lasts twice as long as the one before, up to a limit; serving for as long
 * as an ejection lasted takes one such step back. Ejection is a flag of its own beside the verdict
 * of active checks: neither ends the other.
 */
#include "health/monitor_impl.h"

#include <stdio.h>

enum { REFUSED_QUIET_US = 10 * 1000 * 1000, STRIKES_MAX = 20 };

/* How long the ejection after `strikes` others lasts. */
static uint32_t length_ms(const struct cfg_passive *p, unsigned strikes)
{
    uint64_t ms = (uint64_t)p->eject_ms << strikes;
    uint64_t max = p->eject_max_ms > p->eject_ms ? p->eject_max_ms : p->eject_ms;
    return (uint32_t)(ms < max ? ms : max);
}

/* Takes back one strike for each time in service that was as long as the ejection it stands for. */
static void forgive(struct watch *w)
{
    uint64_t served_ms = (w->m->loop->now_us - w->returned_us) / 1000;
    while (w->strikes) {
        uint32_t ms = length_ms(&w->passive, w->strikes - 1u);
        if (served_ms < ms)
            return;
        served_ms -= ms;
        w->strikes--;
    }
}

/* May one more of this backend go? Never the last one, never more than the configured share. */
static bool may_eject(const struct watch *w)
{
    const struct group *g = w->group;
    return g->usable > 1 &&
           (uint64_t)(g->ejected + 1) * 100 <= (uint64_t)w->passive.max_ejected_pct * g->n;
}

static void say_refused(struct watch *w, const char *cause)
{
    struct group *g = w->group;
    uint64_t now = w->m->loop->now_us;
    if (g->refused && now - g->refused_us < REFUSED_QUIET_US)
        return;
    g->refused = true;
    g->refused_us = now;
    log_line(w->m->log, LOG_LV_WARNING, "eject-refused",
             "%s/%s stays: %s, but %u of %u servers are ejected and %u in service", w->rt->backend,
             w->rt->name, cause, g->ejected, g->n, g->usable);
}

static void eject(struct watch *w, const char *cause)
{
    static const struct judge_event event = {LOG_LV_WARNING, "server-ejected", "is ejected"};
    char text[128];
    forgive(w);
    uint32_t ms = length_ms(&w->passive, w->strikes);
    if (w->strikes < STRIKES_MAX && ms < w->passive.eject_max_ms)
        w->strikes++;
    (void)snprintf(text, sizeof text, "%s; for %u.%u s", cause, ms / 1000, ms % 1000 / 100);
    atomic_store_explicit(&w->rt->ejected, 1, memory_order_relaxed);
    w->group->ejected++;
    w->m->counts.ejections++;
    judge_changed(w, &event, text);
    loop_timer_set(w->m->loop, &w->timer, TIMER_MONITOR, WATCH_RETURN, ms);
}

void monitor_passive(struct monitor *m, struct server_rt *rt, enum why last)
{
    struct watch *w = plan_watch(m->plan, rt);
    /* Reports from exchanges that were under way when the server went are no news. */
    if (!w || !w->passive.on || !w->in_service)
        return;
    char cause[96];
    (void)snprintf(cause, sizeof cause, "%u failures in a row, the last %s", w->passive.failures,
                   why_word(last));
    loop_touch(m->loop);
    if (may_eject(w))
        eject(w, cause);
    else
        say_refused(w, cause);
}

bool eject_forget(struct watch *w)
{
    if (!atomic_load_explicit(&w->rt->ejected, memory_order_relaxed))
        return false;
    atomic_store_explicit(&w->rt->ejected, 0, memory_order_relaxed);
    loop_timer_clear(w->m->loop, &w->timer);
    w->group->ejected--;
    w->returned_us = w->m->loop->now_us;
    return true;
}

void eject_return(struct watch *w, const char *cause)
{
    static const struct judge_event event = {LOG_LV_INFO, "server-returned", "has returned"};
    if (eject_forget(w))
        judge_changed(w, &event, cause);
}

uint32_t eject_left_ms(const struct watch *w)
{
    if (!atomic_load_explicit(&w->rt->ejected, memory_order_relaxed) || !timer_armed(&w->timer))
        return 0;
    int32_t left = (int32_t)(w->timer.deadline - w->m->loop->now_ms);
    return left > 0 ? (uint32_t)left : 1;
}
