/*
 * admin_world.h — a made-up proxy for the tests of lb/admin: a view and recorded operations.
 */
#ifndef TESTS_UNIT_ADMIN_WORLD_H
#define TESTS_UNIT_ADMIN_WORLD_H

#include "lb/admin/collect.h"
#include "lb/admin/out.h"
#include "lb/admin/render.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORLD_WORKERS = 2 };

struct world {
    struct admin_view view;
    struct admin_ops ops;
    struct admin_frontend *fe;
    struct admin_backend *be;
    struct admin_server *srv;
    stat_cell wk[WORLD_WORKERS][WK_STATS];
    const stat_cell *wk_lines[WORLD_WORKERS];
    /* what the operations were asked for */
    unsigned reloads, stops, sets;
    struct server_rt *set_server;
    enum admin_state set_state;
    char who[64];
    admin_reload_done *reload_done; /* pending, when `hold` */
    void *reload_arg;
    bool hold;
    enum admin_reload reload_result;
    const char *reload_text;
};

static const struct admin_view *world_view(void *ctx)
{
    return &((struct world *)ctx)->view;
}

static void world_look(void *ctx, const struct server_rt *rt, struct monitor_view *m)
{
    (void)ctx;
    m->checked = atomic_load(&rt->health) != HEALTH_UNKNOWN;
    m->count = 1;
    m->of = 3;
    m->checks = 17;
    m->failed = 4;
    m->last_ms = 2;
    (void)snprintf(m->last, sizeof m->last, "status \"503\", <oops>");
}

static void world_reload(void *ctx, admin_reload_done *done, void *arg)
{
    struct world *w = ctx;
    w->reloads++;
    if (w->hold) {
        w->reload_done = done;
        w->reload_arg = arg;
        return;
    }
    done(arg, w->reload_result, w->reload_text);
}

static void world_set_admin(void *ctx, struct server_rt *rt, enum admin_state state,
                            const char *who)
{
    struct world *w = ctx;
    w->sets++;
    w->set_server = rt;
    w->set_state = state;
    (void)snprintf(w->who, sizeof w->who, "%s", who);
    atomic_store(&rt->admin, (uint8_t)state);
}

static void world_stop(void *ctx, const char *who)
{
    (void)who;
    ((struct world *)ctx)->stops++;
}

static void world_backend(struct world *w, unsigned i, const char *name, unsigned nservers)
{
    struct admin_backend *b = &w->be[i];
    struct backend_rt *rt = backend_rt_new(name, WORLD_WORKERS);
    struct admin_server *srv = &w->srv[i * nservers];
    *b = (struct admin_backend){.name = rt->name,
                                .mode = CFG_HTTP,
                                .balance = "round-robin",
                                .rt = rt,
                                .servers = srv,
                                .nservers = nservers};
    for (unsigned k = 0; k < nservers; k++) {
        char text[32];
        struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(8000)};
        (void)snprintf(text, sizeof text, "s%u", k + 1);
        srv[k] = (struct admin_server){.rt = server_rt_new(rt, text, "10.0.0.1:8000",
                                                           (struct sockaddr *)&in, sizeof in,
                                                           WORLD_WORKERS),
                                       .weight = 2,
                                       .backup = k == 2};
        atomic_store(&srv[k].rt->weight_override, -1);
        for (unsigned s = 0; s < SRV_STATS; s++)
            stat_add(&srv[k].rt->line[0].stat[s], 100 + s);
        stat_add(&srv[k].rt->line[1].stat[SRV_REQS], 7);
        atomic_store(&srv[k].rt->health, HEALTH_UP);
    }
    for (unsigned s = 0; s < BE_STATS; s++)
        stat_add(&rt->line[1].stat[s], 10 + s);
    for (unsigned us = 100; us < 100000; us += 997)
        hist_add(&rt->line[us % WORLD_WORKERS].total, us);
}

/* `first` names the first frontend and backend. */
static struct world *world_new(const char *first, unsigned nbackends, unsigned nservers)
{
    struct world *w = calloc(1, sizeof *w);
    w->fe = calloc(1, sizeof *w->fe);
    w->be = calloc(nbackends, sizeof *w->be);
    w->srv = calloc((size_t)nbackends * nservers + 1, sizeof *w->srv);
    struct frontend_rt *fe = frontend_rt_new(first, WORLD_WORKERS);
    w->fe[0] = (struct admin_frontend){fe->name, CFG_HTTP, fe, "127.0.0.1:80, [::]:443 tls", 0};
    for (unsigned s = 0; s < FE_STATS; s++)
        stat_add(&fe->line[0].stat[s], s == FE_CONNS ? 50 : 20 + s);
    stat_add(&fe->line[1].why[WHY_OK], 5);
    stat_add(&fe->line[0].why[WHY_NO_ROUTE], 2);
    for (unsigned i = 0; i < nbackends; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "backend%u", i);
        world_backend(w, i, i ? name : first, nservers);
    }
    for (unsigned i = 0; i < WORLD_WORKERS; i++) {
        stat_add(&w->wk[i][WK_TURNS], 1000);
        w->wk_lines[i] = w->wk[i];
    }
    w->view = (struct admin_view){.frontends = w->fe,
                                  .nfrontends = 1,
                                  .backends = w->be,
                                  .nbackends = nbackends,
                                  .wk = w->wk_lines,
                                  .nworkers = WORLD_WORKERS,
                                  .version = "1.2.3",
                                  .config_path = "lb.conf",
                                  .pid = 42,
                                  .start_wall_us = UINT64_C(1700000000000000),
                                  .generation = 3,
                                  .ready = true,
                                  .reload = {.ok = 2, .failed = 1, .last_ok = true}};
    w->ops = (struct admin_ops){.ctx = w,
                                .view = world_view,
                                .look = world_look,
                                .reload = world_reload,
                                .set_admin = world_set_admin,
                                .stop = world_stop};
    return w;
}

static void world_free(struct world *w)
{
    for (unsigned i = 0; i < w->view.nbackends; i++) {
        for (unsigned k = 0; k < w->be[i].nservers; k++)
            server_rt_unref(w->be[i].servers[k].rt);
        backend_rt_unref((struct backend_rt *)w->be[i].rt);
    }
    frontend_rt_unref((struct frontend_rt *)w->fe[0].rt);
    free(w->fe);
    free(w->be);
    free(w->srv);
    free(w);
}

/* A document as NUL-terminated text; the caller frees. */
__attribute__((unused)) static char *
world_render(struct world *w,
             void (*render)(struct out *, const struct collect *, const struct admin_ops *))
{
    struct evbuffer *b = evbuffer_new();
    struct collect *c = collect_new(&w->view);
    struct out o;
    out_begin(&o, b, NULL);
    render(&o, c, &w->ops);
    char *text = NULL;
    if (out_end(&o) == 0) {
        size_t n = evbuffer_get_length(b);
        text = malloc(n + 1);
        (void)evbuffer_remove(b, text, n);
        text[n] = '\0';
    }
    collect_free(c);
    evbuffer_free(b);
    return text;
}

#endif
