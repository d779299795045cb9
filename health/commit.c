/*
 * commit.c — a plan takes over: what stayed goes on, what is new begins, what is gone stops.
 *
 * Everything was allocated by monitor_prepare; here only state is copied, so nothing can fail.
 */
#include "health/monitor_impl.h"

/* The probe of an address goes on if the old plan had the same one: clock, counts, running probe.
 */
static void take_jobs(struct monitor_plan *p, const struct monitor_plan *old)
{
    for (unsigned i = 0; i < p->njobs; i++) {
        struct job *was = plan_job(old, &p->jobs[i]);
        if (was)
            job_adopt(&p->jobs[i], was);
        else
            job_schedule(&p->jobs[i]);
    }
}

/*
 * A server that was there keeps its state. If it is checked in another way now, its health stands
 * until the first result decides: a server known to be down is not tried on clients.
 */
static void keep(struct watch *w, struct watch *was)
{
    bool same = w->job && was->job && job_order(w->job, was->job) == 0;
    w->count = same ? was->count : 0;
    w->decided = same && was->decided;
    w->settled = was->settled;
    w->strikes = was->strikes;
    w->growing = was->growing;
    w->grow_since_us = was->grow_since_us;
    w->returned_us = was->returned_us;
    monitor_move_timer(w->m->loop, &w->timer, &was->timer);
    if (w->growing && !w->slow_start_ms)
        grow_stop(w);
}

static enum health_state first_health(const struct watch *w)
{
    if (!w->job || w->start == CFG_START_UP)
        return HEALTH_UP;
    return w->start == CFG_START_DOWN ? HEALTH_DOWN : HEALTH_UNKNOWN;
}

static void begin(struct watch *w, bool at_start)
{
    struct server_rt *rt = w->rt;
    enum health_state health = first_health(w);
    atomic_store_explicit(&rt->health, (uint8_t)health, memory_order_relaxed);
    atomic_store_explicit(&rt->ejected, 0, memory_order_relaxed);
    atomic_store_explicit(&rt->grow_pct, 100, memory_order_relaxed);
    rt->changed_wall_us = w->m->loop->wall_us;
    memcpy(rt->cause, w->job ? "not checked yet" : "", w->job ? sizeof "not checked yet" : 1);
    w->decided = health != HEALTH_UNKNOWN;
    w->settled = !at_start;
    if (!at_start && server_usable(rt))
        grow_begin(w);
    backend_changed(rt->be);
}

static void take_watches(struct monitor *m, struct monitor_plan *p)
{
    for (unsigned i = 0; i < p->nwatches; i++) {
        struct watch *w = &p->watches[i], *was = plan_watch(m->plan, w->rt);
        if (was)
            keep(w, was);
        else
            begin(w, m->commits == 0);
        w->in_service = server_usable(w->rt);
        w->group->n++;
        w->group->usable += w->in_service;
        w->group->ejected += atomic_load_explicit(&w->rt->ejected, memory_order_relaxed);
    }
}

static void take_groups(struct monitor_plan *p, const struct monitor_plan *old)
{
    for (unsigned i = 0; i < p->ngroups; i++) {
        struct group *g = &p->groups[i], *was = plan_group(old, g->be);
        g->down = was ? was->down : !g->usable;
        g->refused = was && was->refused;
        g->refused_us = was ? was->refused_us : 0;
    }
}

/* Now that all counts are right: states that the new configuration no longer gives a reason for. */
static void reconcile(struct monitor *m)
{
    for (unsigned i = 0; i < m->plan->nwatches; i++) {
        struct watch *w = &m->plan->watches[i];
        if (!w->job && atomic_load_explicit(&w->rt->health, memory_order_relaxed) != HEALTH_UP)
            judge_set(w, HEALTH_UP, "no longer checked");
        if (!w->passive.on)
            eject_return(w, "no longer watched");
    }
    for (unsigned i = 0; i < m->plan->ngroups; i++)
        judge_backend(m, &m->plan->groups[i]);
}

void monitor_commit(struct monitor *m, struct monitor_plan *p)
{
    struct monitor_plan *old = m->plan;
    loop_touch(m->loop);
    take_jobs(p, old);
    take_watches(m, p);
    take_groups(p, old);
    m->plan = p;
    m->commits++;
    monitor_plan_free(old);
    reconcile(m);
}
