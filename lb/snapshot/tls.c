/* tls.c — see tls.h. Control thread. */
#include "lb/snapshot/tls.h"

#include "lb/base/err.h"
#include "lb/snapshot/snapshot.h"
#include "lb/tls/tls_ctx.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

void snapshot_tls_frontend(struct frontend *f)
{
    for (unsigned k = 0; k < f->cfg->nroutes; k++)
        f->by_name |= f->cfg->routes[k].nhosts > 0;
    for (unsigned k = 0; k < f->cfg->nbinds; k++)
        f->client_certs |= f->cfg->binds[k].tls && f->cfg->binds[k].tls_opts->client_ca;
    if (!f->cfg->hsts_s)
        return;
    int n =
        snprintf(f->hsts_text, sizeof f->hsts_text, "Strict-Transport-Security: max-age=%llu\r\n",
                 (unsigned long long)f->cfg->hsts_s);
    f->hsts = (struct slice){f->hsts_text, (size_t)n};
}

static int add_peers(struct backend *b, struct tls_cache *cache, const struct tls_env *env,
                     struct err *e)
{
    for (unsigned i = 0; i < b->cfg->nservers; i++) {
        const struct cfg_server *cs = &b->cfg->servers[i];
        if (!cs->tls)
            continue;
        b->tls[i] = tls_peer_new(cs->tls_opts, &cs->addr, cache, env, e);
        if (!b->tls[i])
            return -1;
    }
    return 0;
}

int snapshot_tls_peers(struct backend *b, const struct snapshot_deps *deps, struct err *e)
{
    struct tls_env env = {.tickets = deps->tickets, .nworkers = deps->nworkers};
    bool any = false;
    for (unsigned i = 0; i < b->cfg->nservers; i++)
        any |= b->cfg->servers[i].tls;
    if (!any)
        return 0;
    struct tls_cache *cache = tls_cache_new();
    b->tls = calloc(b->cfg->nservers, sizeof *b->tls);
    int rc = cache && b->tls ? add_peers(b, cache, &env, e) : err_set(e, ENOMEM, "out of memory");
    tls_cache_free(cache);
    return rc;
}

void snapshot_tls_free_peers(struct backend *b)
{
    for (unsigned i = 0; b->tls && i < b->cfg->nservers; i++)
        tls_peer_unref(b->tls[i]);
    free(b->tls);
    b->tls = NULL;
}

/* The context of an earlier bind with the same settings; NULL: none. */
static struct tls_ctx *same(const struct snapshot *s, unsigned upto)
{
    const struct bound *b = &s->bounds[upto];
    for (unsigned i = 0; i < upto; i++)
        if (s->bounds[i].tls && s->bounds[i].cfg->tls_opts == b->cfg->tls_opts &&
            s->bounds[i].frontend == b->frontend)
            return s->bounds[i].tls;
    return NULL;
}

int snapshot_tls_binds(struct snapshot *s, const struct snapshot_deps *deps, struct err *e)
{
    struct tls_env env = {.tickets = deps->tickets, .nworkers = deps->nworkers};
    for (unsigned i = 0; i < s->nbounds; i++) {
        struct bound *b = &s->bounds[i];
        if (!b->cfg->tls)
            continue;
        b->tls = tls_ctx_ref(same(s, i));
        if (!b->tls)
            b->tls = tls_ctx_new(b->cfg->tls_opts, s->frontends[b->frontend].cfg->mode, &env, e);
        if (!b->tls)
            return -1;
    }
    return 0;
}
