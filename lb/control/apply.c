/*
 * apply.c — prepare and commit: the only way a configuration comes into force.
 *
 * Prepare may fail and then leaves everything as it was. Commit hands the snapshot to the monitor,
 * the administration and the workers, and cannot fail.
 */
#include "lb/control/internal.h"

#include "lb/net/addr.h"
#include "lb/session/choose.h"

#include <errno.h>
#include <stdlib.h>

static unsigned count_servers(const struct snapshot *s)
{
    unsigned n = 0;
    for (unsigned i = 0; i < s->nbackends; i++)
        n += s->backends[i].nservers;
    return n;
}

static int target_of(const struct backend *b, unsigned k, struct monitor_target *t, struct err *e)
{
    const struct cfg_backend *cfg = b->cfg;
    struct server_rt *rt = b->servers[k];
    *t = (struct monitor_target){.rt = rt,
                                 .check = &cfg->check,
                                 .passive = &cfg->passive,
                                 .slow_start_ms = cfg->slow_start_ms,
                                 .addr = rt->addr,
                                 .proxy = (uint8_t)cfg->servers[k].proxy_protocol,
                                 .addr_len = rt->addr_len,
                                 .tls = b->tls ? b->tls[k] : NULL};
    if (!cfg->check.type || !cfg->check.port)
        return 0;
    return addr_resolve(&cfg->servers[k].addr, cfg->check.port, &t->addr, &t->addr_len, e);
}

static struct monitor_plan *plan_health(struct control *c, const struct snapshot *s, struct err *e)
{
    unsigned n = count_servers(s), at = 0;
    struct monitor_plan *plan = NULL;
    struct monitor_target *t = malloc((n ? n : 1) * sizeof *t);
    int rc = t ? 0 : err_set(e, ENOMEM, "out of memory");
    for (unsigned i = 0; rc == 0 && i < s->nbackends; i++)
        for (unsigned k = 0; rc == 0 && k < s->backends[i].nservers; k++)
            rc = target_of(&s->backends[i], k, &t[at++], e);
    if (rc == 0)
        plan = monitor_prepare(c->monitor, t, n, e);
    free(t);
    return plan;
}

/* Servers that the new snapshot has not: workers close their idle connections to them. */
static void retire(const struct snapshot *old, const struct snapshot *new)
{
    for (unsigned i = 0; i < new->nbackends; i++)
        for (unsigned k = 0; k < new->backends[i].nservers; k++)
            new->backends[i].servers[k]->seen = new->generation;
    for (unsigned i = 0; old && i < old->nbackends; i++)
        for (unsigned k = 0; k < old->backends[i].nservers; k++)
            if (old->backends[i].servers[k]->seen != new->generation)
                atomic_store(&old->backends[i].servers[k]->retired, 1);
}

/* One reference less; the last one frees. */
static void drop(struct control *c, struct snapshot *s)
{
    if (!snapshot_unref(s))
        return;
    for (struct snapshot **at = &c->old; *at; at = &(*at)->next_old)
        if (*at == s) {
            *at = s->next_old;
            break;
        }
    snapshot_free(s);
}

void control_drop_snapshots(struct control *c)
{
    while (c->old) {
        struct snapshot *s = c->old;
        c->old = s->next_old;
        snapshot_free(s);
    }
    snapshot_free(c->snap);
    c->snap = NULL;
}

static void commit(struct control *c, struct snapshot *s)
{
    struct snapshot *old = c->snap;
    retire(old, s);
    for (unsigned i = 0; i < s->nbackends; i++) /* weights may have changed */
        backend_changed(s->backends[i].rt);
    control_view_stale(c);
    c->snap = s;
    control_certs_watch(c);
    c->unapplied = c->nworkers;
    for (unsigned i = 0; i < c->nworkers; i++) {
        snapshot_ref(s);
        if (!worker_apply(c->workers[i], s)) {
            (void)snapshot_unref(s);
            c->unapplied--;
            log_line(c->log, LOG_LV_ERROR, "reload-lost",
                     "out of memory: worker %u keeps the configuration before", i);
        }
    }
    if (!old)
        return;
    old->next_old = c->old;
    c->old = old;
    drop(c, old);
}

int control_apply(struct control *c, struct cfg *cfg, struct err *e)
{
    struct snapshot_deps deps = {.nworkers = c->nworkers,
                                 .balancers = c->plugins.set,
                                 .logger = c->logger,
                                 .tickets = c->tickets,
                                 .secret = c->secret,
                                 .free_wb = wbackend_free};
    const char *keys = cfg->global.ticket_keys;
    if (keys && tls_tickets_load(c->tickets, keys, e) != 0) {
        cfg_free(cfg);
        return -1;
    }
    struct snapshot *s = snapshot_prepare(cfg, c->snap, &deps, e);
    if (!s)
        return -1;
    struct monitor_plan *health = plan_health(c, s, e);
    struct admin_plan *admin = health ? admin_prepare(c->admin, &s->cfg->admin, e) : NULL;
    if (!admin) {
        monitor_plan_free(health);
        snapshot_free(s);
        return -1;
    }
    monitor_commit(c->monitor, health);
    admin_commit(c->admin, admin);
    commit(c, s);
    return 0;
}

/* --- what workers report --- */

static void on_applied(void *to, struct mail *m)
{
    struct control *c = to;
    if (m->a && c->unapplied && --c->unapplied == 0)
        control_reload_applied(c);
}

static void on_idle(void *to, struct mail *m)
{
    drop(to, m->b);
}

static void on_failures(void *to, struct mail *m)
{
    struct control *c = to;
    struct server_rt *rt = m->b;
    if (!atomic_load(&rt->retired))
        monitor_passive(c->monitor, rt, (enum why)m->n);
}

static void on_drained(void *to, struct mail *m)
{
    struct control *c = to;
    (void)m;
    if (c->undrained && --c->undrained == 0)
        control_drained(c);
}

const struct worker_reports control_reports = {on_applied, on_idle, on_failures, on_drained};
