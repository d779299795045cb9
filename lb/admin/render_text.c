/* render_text.c — the tables of `lb show`. */
#include "lb/admin/render.h"
#include "lb/admin/table.h"

#include "lb/base/clock.h"

#include <stdio.h>

static void line(struct out *o, const char *name, const char *text)
{
    OUT(o, "  ");
    out_text(o, name);
    for (size_t n = strlen(name); n < 18; n++)
        out_char(o, ' ');
    for (; text && *text; text++)
        out_char(o, (unsigned char)*text >= 0x20 && *text != 0x7f ? *text : '?');
    OUT(o, "\n");
}

static void line_num(struct out *o, const char *name, uint64_t v)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%llu", (unsigned long long)v);
    line(o, name, text);
}

static const char *age_text(char *buf, size_t size, uint64_t seconds)
{
    if (seconds < 60)
        (void)snprintf(buf, size, "%us", (unsigned)seconds);
    else if (seconds < 3600)
        (void)snprintf(buf, size, "%um%us", (unsigned)(seconds / 60), (unsigned)(seconds % 60));
    else if (seconds < 86400)
        (void)snprintf(buf, size, "%uh%um", (unsigned)(seconds / 3600),
                       (unsigned)(seconds % 3600 / 60));
    else
        (void)snprintf(buf, size, "%llud%uh", (unsigned long long)(seconds / 86400),
                       (unsigned)(seconds % 86400 / 3600));
    return buf;
}

void render_text_info(struct out *o, const struct collect *c)
{
    const struct admin_view *v = c->view;
    char age[48];
    OUT(o, "lb ");
    out_text(o, v->version);
    OUT(o, "\n");
    line(o, "state", v->draining ? "draining" : v->ready ? "ready" : "not ready");
    line_num(o, "process", (uint64_t)v->pid);
    line(o, "uptime", age_text(age, sizeof age, c->process.uptime_us / 1000000));
    line_num(o, "workers", v->nworkers);
    line(o, "configuration", v->config_path ? v->config_path : "(built in)");
    line_num(o, "generation", v->generation);
    line_num(o, "reloads applied", v->reload.ok);
    line_num(o, "reloads refused", v->reload.failed);
    if (v->reload.last_summary)
        line(o, "last reload", v->reload.last_summary);
    line_num(o, "connections", c->total.connections);
    line_num(o, "max-connections", v->max_connections);
    line_num(o, "running", c->total.inflight);
    line_num(o, "requests", c->total.v[FE_REQS]);
    line_num(o, "resident KiB", c->process.rss_bytes >> 10);
    line_num(o, "open files", c->process.open_fds);
    line_num(o, "log lines lost", v->log_dropped + v->log_write_errors);
}

void render_text_frontends(struct out *o, const struct collect *c)
{
    static const char *const titles[] = {"FRONTEND", "MODE",      "OPEN", "CONNECTIONS", "REQUESTS",
                                         "2xx",      "3xx",       "4xx",  "5xx",         "REFUSED",
                                         "BYTES-IN", "BYTES-OUT", "BINDS"};
    struct table t;
    table_begin(&t, 13, 0xffc, titles);
    for (unsigned i = 0; i < c->view->nfrontends; i++) {
        const struct fe_sum *s = &c->fe[i];
        table_text(&t, s->f->name);
        table_text(&t, mode_word(s->f->mode));
        table_num(&t, s->connections);
        static const enum fe_stat columns[] = {FE_CONNS,    FE_REQS,     FE_RESP_2XX,
                                               FE_RESP_3XX, FE_RESP_4XX, FE_RESP_5XX,
                                               FE_REFUSED,  FE_BYTES_IN, FE_BYTES_OUT};
        for (unsigned k = 0; k < sizeof columns / sizeof columns[0]; k++)
            table_num(&t, s->v[columns[k]]);
        table_text(&t, s->f->binds);
    }
    table_end(&t, o);
}

void render_text_backends(struct out *o, const struct collect *c)
{
    static const char *const titles[] = {"BACKEND", "MODE",    "BALANCE",  "UP",      "SERVERS",
                                         "RUNNING", "WAITING", "REQUESTS", "RETRIES", "NO-SERVER",
                                         "5xx",     "P50-us",  "P99-us"};
    struct table t;
    table_begin(&t, 13, 0x1ff8, titles);
    for (unsigned i = 0; i < c->view->nbackends; i++) {
        const struct be_sum *s = &c->be[i];
        struct hist_sum h;
        latency_sum(&h, s->b->rt, LATENCY_TOTAL);
        table_text(&t, s->b->name);
        table_text(&t, mode_word(s->b->mode));
        table_text(&t, s->b->balance);
        table_num(&t, s->nup);
        table_num(&t, s->b->nservers);
        table_num(&t, s->inflight);
        table_num(&t, s->queue);
        table_num(&t, s->v[BE_REQS]);
        table_num(&t, s->v[BE_RETRIES]);
        table_num(&t, s->v[BE_NO_SERVER]);
        table_num(&t, s->srv[SRV_RESP_5XX]);
        table_num(&t, hist_quantile(&h, 0.5));
        table_num(&t, hist_quantile(&h, 0.99));
    }
    table_end(&t, o);
}

static void server_row(struct table *t, const struct srv_sum *s, const char *backend,
                       const struct admin_ops *ops)
{
    const struct server_rt *rt = s->s->rt;
    struct monitor_view m = look_at(ops, rt);
    char name[512], text[128], age[48];
    (void)snprintf(name, sizeof name, "%s/%s", backend, rt->name);
    (void)snprintf(text, sizeof text, "%s%s", server_state_word(rt), s->s->backup ? " backup" : "");
    table_text(t, name);
    table_text(t, rt->addr_text);
    table_text(t, text);
    (void)snprintf(text, sizeof text, "%u/%u", m.count, m.of);
    table_text(t, m.checked ? text : "");
    table_num(t, s->weight);
    table_num(t, s->inflight);
    table_num(t, s->idle);
    table_num(t, s->v[SRV_REQS]);
    table_num(t, s->v[SRV_FAILED]);
    table_num(t, s->v[SRV_RESP_5XX]);
    uint64_t now = clock_wall_us();
    bool known = rt->changed_wall_us && now >= rt->changed_wall_us;
    table_text(t, known ? age_text(age, sizeof age, (now - rt->changed_wall_us) / 1000000) : "");
    table_text(t, rt->cause[0] ? rt->cause : m.last);
}

void render_text_servers(struct out *o, const struct collect *c, const struct admin_ops *ops)
{
    static const char *const titles[] = {"SERVER", "ADDRESS", "STATE", "CHECK",
                                         "WEIGHT", "RUNNING", "IDLE",  "REQUESTS",
                                         "FAILED", "5xx",     "SINCE", "CAUSE"};
    struct table t;
    table_begin(&t, 12, 0x7f0, titles);
    for (unsigned i = 0; i < c->view->nbackends; i++)
        for (unsigned k = 0; k < c->be[i].b->nservers; k++)
            server_row(&t, &c->be[i].servers[k], c->be[i].b->name, ops);
    table_end(&t, o);
}
