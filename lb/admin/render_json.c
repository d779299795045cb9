/*
 * render_json.c — everything as one JSON document.
 *
 * Written straight into the output: a tree of 10,000 servers built first would cost several hundred
 * thousand allocations on the control loop for each request. Names come from counters.def and are
 * part of the interface (docs/observability.md).
 */
#include "lb/admin/render.h"

/* `"NAME":`, after a comma unless it is the first member. */
static void key(struct out *o, bool *first, const char *name)
{
    if (!*first)
        out_char(o, ',');
    *first = false;
    out_char(o, '"');
    out_text(o, name);
    OUT(o, "\":");
}

static void num(struct out *o, bool *first, const char *name, uint64_t v)
{
    key(o, first, name);
    out_u64(o, v);
}

static void str(struct out *o, bool *first, const char *name, const char *v)
{
    key(o, first, name);
    out_json(o, v);
}

static void yes(struct out *o, bool *first, const char *name, bool v)
{
    key(o, first, name);
    out_text(o, v ? "true" : "false");
}

static void when(struct out *o, bool *first, const char *name, uint64_t wall_us)
{
    key(o, first, name);
    if (!wall_us) {
        OUT(o, "null");
        return;
    }
    out_char(o, '"');
    out_time(o, wall_us);
    out_char(o, '"');
}

static void stats(struct out *o, bool *first, const struct stat_desc *d, const uint64_t *v,
                  unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        num(o, first, d[i].name, v[i]);
}

static void reload_facts(struct out *o, const struct admin_reload_facts *r)
{
    bool first = true;
    out_char(o, '{');
    num(o, &first, "ok", r->ok);
    num(o, &first, "failed", r->failed);
    yes(o, &first, "last_ok", r->last_ok || !r->last_wall_us);
    when(o, &first, "last_time", r->last_wall_us);
    str(o, &first, "last_summary", r->last_summary);
    out_char(o, '}');
}

static void process_facts(struct out *o, const struct process_facts *p)
{
    bool first = true;
    out_char(o, '{');
    num(o, &first, "resident_bytes", p->rss_bytes);
    num(o, &first, "open_fds", p->open_fds);
    num(o, &first, "max_fds", p->max_fds);
    num(o, &first, "cpu_us", p->cpu_us);
    out_char(o, '}');
}

static void health_facts(struct out *o, const struct monitor_counts *h)
{
    bool first = true;
    out_char(o, '{');
    num(o, &first, "checks", h->checks);
    num(o, &first, "failed", h->failed);
    num(o, &first, "ejections", h->ejections);
    num(o, &first, "downs", h->downs);
    num(o, &first, "ups", h->ups);
    out_char(o, '}');
}

static void info(struct out *o, bool *first, const struct collect *c)
{
    const struct admin_view *v = c->view;
    str(o, first, "version", v->version);
    num(o, first, "pid", (uint64_t)v->pid);
    when(o, first, "start_time", v->start_wall_us);
    num(o, first, "uptime_seconds", c->process.uptime_us / 1000000);
    str(o, first, "config", v->config_path);
    num(o, first, "generation", v->generation);
    yes(o, first, "ready", v->ready);
    yes(o, first, "draining", v->draining);
    num(o, first, "workers", v->nworkers);
    num(o, first, "max_connections", v->max_connections);
    num(o, first, "connections", c->total.connections);
    num(o, first, "inflight", c->total.inflight);
    num(o, first, "log_dropped", v->log_dropped);
    num(o, first, "log_write_errors", v->log_write_errors);
    key(o, first, "reload");
    reload_facts(o, &v->reload);
    key(o, first, "process");
    process_facts(o, &c->process);
    key(o, first, "health");
    health_facts(o, &v->health);
    key(o, first, "loops");
    out_char(o, '{');
    bool one = true;
    stats(o, &one, wk_stat_desc, c->wk, WK_STATS);
    out_char(o, '}');
}

static void frontend(struct out *o, const struct fe_sum *s)
{
    bool first = true;
    out_char(o, '{');
    str(o, &first, "name", s->f->name);
    str(o, &first, "mode", mode_word(s->f->mode));
    str(o, &first, "binds", s->f->binds);
    num(o, &first, "max_connections", s->f->max_connections);
    num(o, &first, "connections", s->connections);
    num(o, &first, "inflight", s->inflight);
    stats(o, &first, fe_stat_desc, s->v, FE_STATS);
    key(o, &first, "ended");
    out_char(o, '{');
    bool one = true;
    for (unsigned w = 0; w < WHY_COUNT; w++)
        if (s->why[w])
            num(o, &one, why_word((enum why)w), s->why[w]);
    OUT(o, "}}");
}

static void frontends(struct out *o, const struct collect *c)
{
    out_char(o, '[');
    for (unsigned i = 0; i < c->view->nfrontends; i++) {
        if (i)
            out_char(o, ',');
        frontend(o, &c->fe[i]);
    }
    out_char(o, ']');
}

struct monitor_view look_at(const struct admin_ops *ops, const struct server_rt *rt)
{
    struct monitor_view m = {0};
    if (ops && ops->look)
        ops->look(ops->ctx, rt, &m);
    m.last[sizeof m.last - 1] = '\0';
    return m;
}

static void check(struct out *o, const struct monitor_view *m)
{
    if (!m->checked) {
        OUT(o, "null");
        return;
    }
    bool first = true;
    out_char(o, '{');
    num(o, &first, "checks", m->checks);
    num(o, &first, "failed", m->failed);
    num(o, &first, "contrary", m->count);
    num(o, &first, "needed", m->of);
    num(o, &first, "last_ms", m->last_ms);
    str(o, &first, "last", m->last);
    out_char(o, '}');
}

static void server(struct out *o, const struct srv_sum *s, const char *backend,
                   const struct admin_ops *ops)
{
    const struct server_rt *rt = s->s->rt;
    struct monitor_view m = look_at(ops, rt);
    bool first = true;
    out_char(o, '{');
    if (backend)
        str(o, &first, "backend", backend);
    str(o, &first, "name", rt->name);
    str(o, &first, "address", rt->addr_text);
    str(o, &first, "state", server_state_word(rt));
    str(o, &first, "health", health_word(atomic_load_explicit(&rt->health, memory_order_relaxed)));
    str(o, &first, "admin", admin_word(atomic_load_explicit(&rt->admin, memory_order_relaxed)));
    yes(o, &first, "ejected", atomic_load_explicit(&rt->ejected, memory_order_relaxed));
    yes(o, &first, "up", s->up);
    yes(o, &first, "usable", s->usable);
    yes(o, &first, "backup", s->s->backup);
    num(o, &first, "weight", s->s->weight);
    num(o, &first, "weight_now", s->weight);
    num(o, &first, "max_connections", s->s->max_connections);
    num(o, &first, "inflight", s->inflight);
    num(o, &first, "idle_connections", s->idle);
    when(o, &first, "changed", rt->changed_wall_us);
    str(o, &first, "cause", rt->cause);
    key(o, &first, "check");
    check(o, &m);
    stats(o, &first, srv_stat_desc, s->v, SRV_STATS);
    out_char(o, '}');
}

static void latency(struct out *o, const struct be_sum *s)
{
    static const char *const names[LATENCIES] = {"total", "connect", "first_byte"};
    bool outer = true;
    out_char(o, '{');
    for (unsigned l = 0; l < LATENCIES; l++) {
        struct hist_sum h;
        latency_sum(&h, s->b->rt, (enum latency)l);
        bool first = true;
        key(o, &outer, names[l]);
        out_char(o, '{');
        num(o, &first, "count", h.count);
        num(o, &first, "sum_us", h.sum_us);
        num(o, &first, "p50_us", hist_quantile(&h, 0.5));
        num(o, &first, "p90_us", hist_quantile(&h, 0.9));
        num(o, &first, "p99_us", hist_quantile(&h, 0.99));
        num(o, &first, "p999_us", hist_quantile(&h, 0.999));
        out_char(o, '}');
    }
    out_char(o, '}');
}

static void backend(struct out *o, const struct be_sum *s, const struct admin_ops *ops)
{
    bool first = true;
    out_char(o, '{');
    str(o, &first, "name", s->b->name);
    str(o, &first, "mode", mode_word(s->b->mode));
    str(o, &first, "balance", s->b->balance);
    num(o, &first, "queue", s->queue);
    num(o, &first, "inflight", s->inflight);
    num(o, &first, "servers_configured", s->b->nservers);
    num(o, &first, "servers_up", s->nup);
    stats(o, &first, be_stat_desc, s->v, BE_STATS);
    key(o, &first, "latency");
    latency(o, s);
    key(o, &first, "servers");
    out_char(o, '[');
    for (unsigned i = 0; i < s->b->nservers; i++) {
        if (i)
            out_char(o, ',');
        server(o, &s->servers[i], NULL, ops);
    }
    OUT(o, "]}");
}

static void backends(struct out *o, const struct collect *c, const struct admin_ops *ops)
{
    out_char(o, '[');
    for (unsigned i = 0; i < c->view->nbackends; i++) {
        if (i)
            OUT(o, ",\n");
        backend(o, &c->be[i], ops);
    }
    out_char(o, ']');
}

void render_json(struct out *o, const struct collect *c, const struct admin_ops *ops)
{
    bool first = true;
    out_char(o, '{');
    info(o, &first, c);
    key(o, &first, "frontends");
    frontends(o, c);
    key(o, &first, "backends");
    backends(o, c, ops);
    OUT(o, "}\n");
}

void render_json_info(struct out *o, const struct collect *c)
{
    bool first = true;
    out_char(o, '{');
    info(o, &first, c);
    OUT(o, "}\n");
}

void render_json_backends(struct out *o, const struct collect *c, const struct admin_ops *ops)
{
    OUT(o, "{\"backends\":");
    backends(o, c, ops);
    OUT(o, "}\n");
}

void render_json_servers(struct out *o, const struct collect *c, const struct admin_ops *ops)
{
    OUT(o, "{\"servers\":[");
    for (unsigned i = 0, k = 0; i < c->view->nbackends; i++)
        for (unsigned j = 0; j < c->be[i].b->nservers; j++, k++) {
            if (k)
                OUT(o, ",\n");
            server(o, &c->be[i].servers[j], c->be[i].b->name, ops);
        }
    OUT(o, "]}\n");
}
