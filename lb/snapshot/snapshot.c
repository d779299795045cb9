/*
 * snapshot.c — building and freeing a configuration's run-time form. Control thread.
 *
 * Everything is built into a half-made snapshot that snapshot_free can take apart at any point, so
 * there is one way out for all failures.
 */
#include "lb/snapshot/snapshot.h"

#include "balancers/registry.h"
#include "lb/base/clock.h"
#include "lb/base/err.h"
#include "lb/base/hash.h"
#include "lb/base/log.h"
#include "lb/net/addr.h"
#include "lb/snapshot/bind.h"
#include "lb/snapshot/sticky.h"
#include "lb/snapshot/survivors.h"
#include "lb/snapshot/tls.h"
#include "lb/tls/tls_ctx.h"

#include <errno.h>
#include <stdlib.h>

static int no_memory(struct err *e)
{
    return err_set(e, ENOMEM, "out of memory");
}

/* --- backends --- */

static int add_server(struct backend *b, const struct cfg_server *cs, struct survivors *old,
                      const struct snapshot_deps *deps, struct err *e)
{
    struct sockaddr_storage ss;
    socklen_t len;
    uint64_t tls_id = cs->tls ? tls_peer_id(cs->tls_opts, &cs->addr) : 0;
    struct server_rt *rt = survivors_server(old, b->cfg->name, cs->name, cs->addr.text);
    if (rt && rt->tls_id != tls_id) { /* what is pooled was made under other terms */
        server_rt_unref(rt);
        rt = NULL;
    }
    if (!rt) {
        if (addr_resolve(&cs->addr, 0, &ss, &len, e) != 0)
            return -1;
        rt = server_rt_new(b->rt, cs->name, cs->addr.text, (struct sockaddr *)&ss, len,
                           deps->nworkers);
        if (!rt)
            return no_memory(e);
        rt->tls_id = tls_id;
        if (cs->disabled)
            atomic_store(&rt->admin, ADMIN_MAINT);
    }
    b->servers[b->nservers++] = rt;
    b->any_max |= cs->max_connections != 0;
    b->any_proxy |= cs->proxy_protocol != 0;
    return 0;
}

static int prepare_balancer(struct backend *b, const struct balancer *bal, const struct opts *opts,
                            void **shared, struct err *e)
{
    unsigned n = b->nservers;
    struct bal_server *list = calloc(n ? n : 1, sizeof *list);
    if (!list)
        return no_memory(e);
    for (unsigned i = 0; i < n; i++)
        list[i] = (struct bal_server){
            .name = b->cfg->servers[i].name,
            .id = b->servers[i]->id,
            .weight = b->cfg->servers[i].weight,
            .max_inflight = b->cfg->servers[i].max_connections,
        };
    int rc = bal->prepare(list, n, opts, shared, e);
    free(list);
    return rc == 0 ? 0 : err_prefix(e, "backend '%s': balance %s", b->cfg->name, bal->desc.name);
}

static int add_policy(struct backend *b, const struct snapshot_deps *deps, struct err *e)
{
    static const struct opts none = {0};
    const struct cfg_backend *cfg = b->cfg;
    b->bal = balancer_find(deps->balancers, cfg->balance.name);
    if (!b->bal)
        return err_set(e, ENOENT, "backend '%s': no balancer '%s'", cfg->name, cfg->balance.name);
    if (prepare_balancer(b, b->bal, &cfg->balance.opts, &b->bal_shared, e) != 0)
        return -1;
    switch (cfg->sticky.key) {
    case CFG_KEY_NONE:
        return 0;
    case CFG_KEY_COOKIE:
        b->tokens = sticky_tokens(b, deps->secret);
        return b->tokens ? 0 : no_memory(e);
    default:
        b->sticky_bal = balancer_find(NULL, "hash");
        return prepare_balancer(b, b->sticky_bal, &none, &b->sticky_shared, e);
    }
}

static int add_backend(struct snapshot *s, unsigned i, struct survivors *old,
                       const struct snapshot_deps *deps, struct err *e)
{
    struct backend *b = &s->backends[i];
    b->cfg = &s->cfg->backends[i];
    b->index = i;
    b->rt = survivors_backend(old, b->cfg->name);
    if (!b->rt)
        b->rt = backend_rt_new(b->cfg->name, deps->nworkers);
    b->servers = calloc(b->cfg->nservers ? b->cfg->nservers : 1, sizeof *b->servers);
    if (!b->rt || !b->servers)
        return no_memory(e);
    for (unsigned k = 0; k < b->cfg->nservers; k++)
        if (add_server(b, &b->cfg->servers[k], old, deps, e) != 0)
            return -1;
    return snapshot_tls_peers(b, deps, e) == 0 ? add_policy(b, deps, e) : -1;
}

static void free_backend(struct backend *b)
{
    if (b->bal && b->bal->release && b->bal_shared)
        b->bal->release(b->bal_shared);
    if (b->sticky_bal && b->sticky_bal->release && b->sticky_shared)
        b->sticky_bal->release(b->sticky_shared);
    for (unsigned i = 0; i < b->nservers; i++)
        server_rt_unref(b->servers[i]);
    snapshot_tls_free_peers(b);
    backend_rt_unref(b->rt);
    free(b->servers);
    free(b->tokens);
}

/* --- frontends --- */

static int open_access_log(struct frontend *f, struct logger *logger, struct err *e)
{
    const struct cfg_log *l = &f->cfg->access_log;
    struct log_target t = {(enum log_to)l->to, l->path, f->cfg->access_json ? LOG_JSON : LOG_TEXT};
    if (!f->cfg->has_access_log)
        return 0;
    f->access_sink = logger_sink_open(logger, &t, e);
    if (f->access_sink > 0)
        return 0;
    f->access_sink = 0;
    return err_prefix(e, "frontend '%s': access-log", f->cfg->name);
}

static int add_frontend(struct snapshot *s, unsigned i, struct survivors *old,
                        const struct snapshot_deps *deps, struct err *e)
{
    struct frontend *f = &s->frontends[i];
    f->cfg = &s->cfg->frontends[i];
    f->index = i;
    f->rt = survivors_frontend(old, f->cfg->name);
    if (!f->rt)
        f->rt = frontend_rt_new(f->cfg->name, deps->nworkers);
    if (!f->rt)
        return no_memory(e);
    f->routes = route_compile(f->cfg, e);
    if (!f->routes)
        return err_prefix(e, "frontend '%s'", f->cfg->name);
    snapshot_tls_frontend(f);
    return open_access_log(f, deps->logger, e);
}

static void free_frontend(struct frontend *f, struct logger *logger)
{
    route_free(f->routes);
    frontend_rt_unref(f->rt);
    if (f->access_sink)
        logger_sink_close(logger, f->access_sink);
}

/* --- the whole --- */

static struct snapshot *allocate(struct cfg *cfg, const struct snapshot_deps *deps)
{
    struct snapshot *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->cfg = cfg;
    s->logger = deps->logger;
    s->free_wb = deps->free_wb;
    s->nworkers = deps->nworkers;
    atomic_init(&s->refs, 1);
    s->frontends = calloc(cfg->nfrontends ? cfg->nfrontends : 1, sizeof *s->frontends);
    s->backends = calloc(cfg->nbackends ? cfg->nbackends : 1, sizeof *s->backends);
    s->wb = calloc(deps->nworkers, sizeof *s->wb);
    s->live = calloc(deps->nworkers * SNAPSHOT_LIVE_STRIDE, sizeof *s->live);
    for (unsigned w = 0; s->wb && w < deps->nworkers; w++)
        if (!(s->wb[w] = calloc(cfg->nbackends ? cfg->nbackends : 1, sizeof *s->wb[w])))
            break;
    return s;
}

static bool allocated(const struct snapshot *s)
{
    if (!s->frontends || !s->backends || !s->wb || !s->live)
        return false;
    for (unsigned w = 0; w < s->nworkers; w++)
        if (!s->wb[w])
            return false;
    return true;
}

static int build(struct snapshot *s, const struct snapshot *old, struct survivors *had,
                 const struct snapshot_deps *deps, struct err *e)
{
    if (!allocated(s))
        return no_memory(e);
    s->generation = old ? old->generation + 1 : 1;
    for (unsigned i = 0; i < s->cfg->nbackends; i++, s->nbackends++)
        if (add_backend(s, i, had, deps, e) != 0) {
            s->nbackends++;
            return -1;
        }
    for (unsigned i = 0; i < s->cfg->nfrontends; i++, s->nfrontends++)
        if (add_frontend(s, i, had, deps, e) != 0) {
            s->nfrontends++;
            return -1;
        }
    return bind_all(s, old, e) == 0 ? snapshot_tls_binds(s, deps, e) : -1;
}

struct snapshot *snapshot_prepare(struct cfg *cfg, const struct snapshot *old,
                                  const struct snapshot_deps *deps, struct err *e)
{
    uint64_t begun = clock_us();
    struct survivors *had = survivors_of(old);
    struct snapshot *s = had ? allocate(cfg, deps) : NULL;
    if (!s) {
        survivors_free(had);
        cfg_free(cfg);
        (void)no_memory(e);
        return NULL;
    }
    int rc = build(s, old, had, deps, e);
    survivors_free(had);
    s->prepared_us = clock_us() - begun;
    if (rc == 0)
        return s;
    snapshot_free(s);
    return NULL;
}

void snapshot_ref(struct snapshot *s)
{
    (void)atomic_fetch_add(&s->refs, 1);
}

bool snapshot_unref(struct snapshot *s)
{
    return atomic_fetch_sub(&s->refs, 1) == 1;
}

void snapshot_free(struct snapshot *s)
{
    if (!s)
        return;
    for (unsigned i = 0; i < s->nbounds; i++) {
        tls_ctx_unref(s->bounds[i].tls);
        sockset_unref(s->bounds[i].set);
    }
    for (unsigned i = 0; i < s->nfrontends; i++)
        free_frontend(&s->frontends[i], s->logger);
    for (unsigned w = 0; s->wb && w < s->nworkers; w++) {
        for (unsigned i = 0; s->wb[w] && i < s->nbackends; i++)
            if (s->wb[w][i])
                s->free_wb(s->wb[w][i]);
        free(s->wb[w]);
    }
    for (unsigned i = 0; i < s->nbackends; i++)
        free_backend(&s->backends[i]);
    free(s->wb);
    free(s->live);
    free(s->bounds);
    free(s->frontends);
    free(s->backends);
    cfg_free(s->cfg);
    free(s);
}
