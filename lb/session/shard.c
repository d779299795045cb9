/*
 * shard.c — one worker's share: pools, acceptors, snapshots, drain.
 */
#include "lb/session/shard.h"

#include "lb/http/h2.h"
#include "lb/http/http.h"
#include "lb/session/logline.h"
#include "lb/session/session.h"
#include "lb/snapshot/bind.h"
#include "lb/upstream/idle.h"

#include <errno.h>
#include <stdlib.h>

int shard_init(struct shard *sh, unsigned index, unsigned nworkers, size_t seg_ceiling,
               uint64_t seed)
{
    sh->index = index;
    sh->nworkers = nworkers;
    sh->rng.state = seed;
    list_init(&sh->acceptors);
    list_init(&sh->clients);
    if (stream_env_init(&sh->env, sizeof(struct h1), seg_ceiling) != 0)
        return -1;
    sh->sessions = pool_new("session", sizeof(struct session), 64);
    sh->logs = pool_new("logline", sizeof(struct logline), 16);
    sh->wk = calloc(WK_STATS, sizeof *sh->wk);
    sh->env.h2 = h2_env_new(rng_next(&sh->rng));
    if (!sh->sessions || !sh->logs || !sh->wk || !sh->env.h2) {
        errno = ENOMEM;
        return -1;
    }
    reqid_init(&sh->ids, rng_next(&sh->rng));
    sh->env.loop.on_timer[TIMER_CONN] = front_on_timer;
    list_init(&sh->hunger.link);
    sh->env.loop.on_timer[TIMER_HUNGER] = memory_on_timer;
    sh->env.loop.on_timer[TIMER_SESSION] = h2_on_timer;
    sh->env.loop.on_timer[TIMER_WORKER] = choose_on_timer;
    sh->env.loop.on_timer[TIMER_LISTENER] = listener_on_timer;
    return 0;
}

void shard_hold(struct shard *sh, struct snapshot *snap)
{
    snap->live[sh->index * SNAPSHOT_LIVE_STRIDE]++;
}

/* No session of this worker is left on an older snapshot: nothing of it may stay in our loop. */
static void let_go(struct shard *sh, struct snapshot *snap)
{
    for (unsigned i = 0; i < snap->nbackends; i++)
        if (snap->wb[sh->index][i])
            loop_timer_clear(&sh->env.loop, &snap->wb[sh->index][i]->tick);
    sh->snapshot_idle(sh, snap);
}

void shard_release(struct shard *sh, struct snapshot *snap)
{
    unsigned left = --snap->live[sh->index * SNAPSHOT_LIVE_STRIDE];
    if (left == 0 && snap != sh->snap)
        let_go(sh, snap);
}

void shard_forget(struct shard *sh, struct acceptor *a)
{
    (void)sh;
    list_del(&a->link);
    free(a);
}

static struct acceptor *find(struct shard *sh, const struct sockset *set)
{
    list_each (n, &sh->acceptors) {
        struct acceptor *a = container_of(n, struct acceptor, link);
        if (a->set == set)
            return a;
    }
    return NULL;
}

static struct acceptor *acceptor_new(struct shard *sh, struct sockset *set)
{
    struct acceptor *a = calloc(1, sizeof *a);
    if (!a)
        return NULL;
    a->sh = sh;
    a->set = set;
    a->lis.accepted = front_accepted;
    a->lis.failed = front_accept_failed;
    list_push(&sh->acceptors, &a->link);
    return a;
}

/* Open connections are counted where their bind is: they go over with it, so that opened and closed
 * ones balance at every frontend, and nothing counts at one that may be freed. */
static void count_at(struct acceptor *a, struct frontend_line *line)
{
    if (a->line == line)
        return;
    if (a->line)
        stat_add(&a->line->stat[FE_CONNS_CLOSED], a->conns);
    if (line)
        stat_add(&line->stat[FE_CONNS], a->conns);
    a->line = line;
}

static void adopt(struct shard *sh, struct snapshot *snap, const struct bound *b)
{
    struct acceptor *a = find(sh, b->set);
    bool made = !a;
    if (made)
        a = acceptor_new(sh, b->set);
    if (!a) {
        stat_add(&sh->wk[WK_NO_MEMORY], 1);
        return;
    }
    a->fe = &snap->frontends[b->frontend];
    a->bind = b->cfg;
    a->tls = b->tls;
    count_at(a, &a->fe->rt->line[sh->index]);
    if (made && !sh->draining && listener_start(&a->lis, &sh->env.loop, b->set->fd[sh->index]) != 0)
        log_line(sh->log, LOG_LV_ERROR, "listen-failed", "cannot watch %s", b->set->text);
}

/* A bind that is gone: connections already queued in the kernel are still served. */
static void abandon(struct shard *sh, struct acceptor *a)
{
    listener_drain(&a->lis);
    listener_stop(&a->lis);
    sockset_leave(a->set, sh->index);
    a->fe = NULL;
    a->set = NULL;
    count_at(a, NULL);
    a->tls = NULL;
    if (!a->conns)
        shard_forget(sh, a);
    else
        front_h2_orphaned(a);
}

static bool wanted(const struct snapshot *snap, const struct acceptor *a)
{
    for (unsigned i = 0; i < snap->nbounds; i++)
        if (snap->bounds[i].set == a->set)
            return true;
    return false;
}

/* Idle connections to servers that no configuration names any more. */
static void close_retired(struct shard *sh, const struct snapshot *old)
{
    for (unsigned i = 0; i < old->nbackends; i++)
        for (unsigned k = 0; k < old->backends[i].nservers; k++) {
            struct server_rt *rt = old->backends[i].servers[k];
            if (atomic_load_explicit(&rt->retired, memory_order_relaxed))
                idle_close_all(&rt->line[sh->index]);
        }
}

void shard_apply(struct shard *sh, struct snapshot *snap)
{
    struct snapshot *old = sh->snap;
    list_each_safe (n, &sh->acceptors) {
        struct acceptor *a = container_of(n, struct acceptor, link);
        if (a->fe && !wanted(snap, a))
            abandon(sh, a);
    }
    sh->snap = snap;
    segs_limit(sh->env.loop.segs, snap->cfg->global.memory_limit / sh->nworkers);
    for (unsigned i = 0; i < snap->nbounds; i++)
        adopt(sh, snap, &snap->bounds[i]);
    if (old)
        close_retired(sh, old);
    if (old && old->live[sh->index * SNAPSHOT_LIVE_STRIDE] == 0)
        let_go(sh, old);
}

static bool is_idle_client(const struct conn *c)
{
    return !c->s.owner && !c->x;
}

void shard_drain(struct shard *sh)
{
    sh->draining = true;
    list_each (n, &sh->acceptors) {
        struct acceptor *a = container_of(n, struct acceptor, link);
        listener_drain(&a->lis);
        listener_stop(&a->lis);
    }
    list_each_safe (n, &sh->clients) {
        struct conn *c = container_of(n, struct conn, grave.link);
        if (h2_is(c))
            h2_drain(c, false);
        else if (is_idle_client(c))
            front_close(c, false);
    }
}

static void end_clients(struct shard *sh, enum why why)
{
    list_each_safe (n, &sh->clients) {
        struct conn *c = container_of(n, struct conn, grave.link);
        if (h2_is(c))
            h2_abort(c, why);
        else if (c->s.owner)
            front_failed_hard(c->s.owner, why);
        else
            front_close(c, false);
    }
}

void shard_end(struct shard *sh, enum why why)
{
    sh->draining = true;
    list_each (n, &sh->acceptors)
        listener_stop(&container_of(n, struct acceptor, link)->lis);
    end_clients(sh, why);
    for (unsigned i = 0; sh->snap && i < sh->snap->nbackends; i++)
        for (unsigned k = 0; k < sh->snap->backends[i].nservers; k++)
            idle_close_all(&sh->snap->backends[i].servers[k]->line[sh->index]);
    list_each_safe (n, &sh->acceptors)
        shard_forget(sh, container_of(n, struct acceptor, link));
    loop_bury_now(&sh->env.loop);
}

void shard_close(struct shard *sh)
{
    pool_free(sh->logs);
    pool_free(sh->sessions);
    h2_env_free(sh->env.h2);
    stream_env_close(&sh->env);
    free(sh->wk);
}
