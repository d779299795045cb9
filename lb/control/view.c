/*
 * view.c — what the administration sees: arrays made once per snapshot, facts filled per look.
 */
#include "lb/control/internal.h"

#include "lb/base/version.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct shown {
    struct admin_frontend *frontends;
    struct admin_backend *backends;
    struct admin_server *servers;
    char **binds; /* [nfrontends] */
    unsigned nfrontends, nbackends;
};

static void shown_free(struct shown *v)
{
    if (!v)
        return;
    for (unsigned i = 0; v->binds && i < v->nfrontends; i++)
        free(v->binds[i]);
    free(v->binds);
    free(v->frontends);
    free(v->backends);
    free(v->servers);
    free(v);
}

void control_view_stale(struct control *c)
{
    shown_free(c->shown);
    c->shown = NULL;
}

static char *binds_text(const struct cfg_frontend *fe)
{
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);
    if (!f)
        return NULL;
    for (unsigned i = 0; i < fe->nbinds; i++)
        (void)fprintf(f, "%s%s%s", i ? ", " : "", fe->binds[i].addr.text,
                      fe->binds[i].tls ? " tls" : "");
    (void)fclose(f);
    return text;
}

static void fill_backends(struct shown *v, const struct snapshot *s)
{
    unsigned at = 0;
    for (unsigned i = 0; i < s->nbackends; i++) {
        const struct backend *b = &s->backends[i];
        v->backends[i] = (struct admin_backend){.name = b->cfg->name,
                                                .mode = b->cfg->mode,
                                                .balance = b->bal->desc.name,
                                                .rt = b->rt,
                                                .servers = v->servers + at,
                                                .nservers = b->nservers};
        for (unsigned k = 0; k < b->nservers; k++) {
            const struct cfg_server *cs = &b->cfg->servers[k];
            v->servers[at++] = (struct admin_server){.rt = b->servers[k],
                                                     .weight = cs->weight,
                                                     .backup = cs->backup,
                                                     .max_connections = cs->max_connections};
        }
    }
    v->nbackends = s->nbackends;
}

static void fill_frontends(struct shown *v, const struct snapshot *s)
{
    for (unsigned i = 0; i < s->nfrontends; i++) {
        const struct frontend *f = &s->frontends[i];
        v->binds[i] = binds_text(f->cfg);
        v->frontends[i] = (struct admin_frontend){.name = f->cfg->name,
                                                  .mode = f->cfg->mode,
                                                  .rt = f->rt,
                                                  .binds = v->binds[i] ? v->binds[i] : "",
                                                  .max_connections = f->cfg->limits.connections};
    }
    v->nfrontends = s->nfrontends;
}

static struct shown *shown_of(const struct snapshot *s)
{
    unsigned servers = 0;
    for (unsigned i = 0; i < s->nbackends; i++)
        servers += s->backends[i].nservers;
    struct shown *v = calloc(1, sizeof *v);
    if (!v)
        return NULL;
    v->frontends = calloc(s->nfrontends + 1, sizeof *v->frontends);
    v->backends = calloc(s->nbackends + 1, sizeof *v->backends);
    v->servers = calloc(servers + 1, sizeof *v->servers);
    v->binds = calloc(s->nfrontends + 1, sizeof *v->binds);
    if (!v->frontends || !v->backends || !v->servers || !v->binds) {
        shown_free(v);
        return NULL;
    }
    fill_backends(v, s);
    fill_frontends(v, s);
    return v;
}

static const struct admin_view *look_at(void *ctx)
{
    struct control *c = ctx;
    struct admin_view *v = &c->view;
    if (!c->shown && c->snap)
        c->shown = shown_of(c->snap);
    const struct shown *has = c->shown;
    *v = (struct admin_view){
        .frontends = has ? has->frontends : NULL,
        .nfrontends = has ? has->nfrontends : 0,
        .backends = has ? has->backends : NULL,
        .nbackends = has ? has->nbackends : 0,
        .wk = c->wk,
        .nworkers = c->nworkers,
        .version = LB_VERSION,
        .config_path = c->options->config_path,
        .pid = getpid(),
        .start_wall_us = c->start_wall_us,
        .generation = c->snap ? c->snap->generation : 0,
        .max_connections = c->snap ? c->snap->cfg->global.max_connections : 0,
        .ready = c->ready && !c->stopping,
        .draining = c->stopping,
        .reload = c->reload,
        .certs_bad = control_certs_bad(c),
        .cert_renewals = c->cert_renewals,
        .cert_failures = c->cert_failures,
        .log_dropped = logger_dropped(c->logger),
        .log_write_errors = logger_write_errors(c->logger),
    };
    v->ncerts = control_certs_list(c, &c->cert_list);
    v->certs = c->cert_list;
    monitor_report(c->monitor, &v->health);
    return v;
}

static void look(void *ctx, const struct server_rt *rt, struct monitor_view *out)
{
    monitor_look(((struct control *)ctx)->monitor, rt, out);
}

static void reload(void *ctx, admin_reload_done *done, void *arg)
{
    struct control *c = ctx;
    loop_touch(&c->loop);
    control_reload(c, done, arg);
}

static void set_admin(void *ctx, struct server_rt *rt, enum admin_state state, const char *who)
{
    struct control *c = ctx;
    loop_touch(&c->loop);
    monitor_set_admin(c->monitor, rt, state, who);
}

static void stop(void *ctx, const char *who)
{
    struct control *c = ctx;
    loop_touch(&c->loop);
    control_drain(c, who);
}

static int renew_certs(void *ctx, struct err *e)
{
    struct control *c = ctx;
    loop_touch(&c->loop);
    return control_certs_renew(c, e);
}

const struct admin_ops control_admin_ops = {
    .view = look_at,
    .look = look,
    .reload = reload,
    .set_admin = set_admin,
    .stop = stop,
    .renew_certs = renew_certs,
};
