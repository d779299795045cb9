/*
 * render_html.c — a page for people: plain tables, no script.
 *
 * The style sheet is a resource of its own so that the content policy needs no exception. State is
 * a word as well as a colour. A page of a large configuration does not reload by itself.
 */
#include "lb/admin/render.h"

#include "lb/base/clock.h"

enum { REFRESH_MAX_SERVERS = 500 };

static void td_num(struct out *o, uint64_t v)
{
    OUT(o, "<td class=n>");
    out_u64(o, v);
}

static void td(struct out *o, const char *text)
{
    OUT(o, "<td>");
    out_html(o, text);
}

/* 45s, 12m, 3h20m, 5d */
static void ago(struct out *o, uint64_t seconds)
{
    if (seconds < 60) {
        out_u64(o, seconds);
        OUT(o, "s");
    } else if (seconds < 3600) {
        out_u64(o, seconds / 60);
        OUT(o, "m");
    } else if (seconds < 86400) {
        out_u64(o, seconds / 3600);
        OUT(o, "h");
        out_u64(o, seconds % 3600 / 60);
        OUT(o, "m");
    } else {
        out_u64(o, seconds / 86400);
        OUT(o, "d");
    }
}

static void head(struct out *o, const struct collect *c)
{
    OUT(o, "<!doctype html>\n<html lang=en><head><meta charset=utf-8><title>lb</title>"
           "<meta name=viewport content=\"width=device-width, initial-scale=1\">");
    if (c->nsrv <= REFRESH_MAX_SERVERS)
        OUT(o, "<meta http-equiv=refresh content=5>");
    OUT(o, "<link rel=stylesheet href=style.css></head><body>\n<header><h1>lb ");
    out_html(o, c->view->version);
    OUT(o, "</h1><p>");
    out_text(o, c->view->draining ? "<b class=down>draining</b>"
                : c->view->ready  ? "<b class=up>ready</b>"
                                  : "<b class=down>not ready</b>");
    OUT(o, " · process ");
    out_u64(o, (uint64_t)c->view->pid);
    OUT(o, ", up ");
    ago(o, c->process.uptime_us / 1000000);
    OUT(o, ", ");
    out_u64(o, c->view->nworkers);
    OUT(o, " workers · ");
    out_u64(o, c->total.connections);
    OUT(o, " connections · ");
    out_u64(o, c->process.rss_bytes >> 20);
    OUT(o, " MiB · ");
    out_u64(o, c->process.open_fds);
    OUT(o, " files · configuration ");
    out_html(o, c->view->config_path ? c->view->config_path : "(built in)");
    OUT(o, " #");
    out_u64(o, c->view->generation);
}

static void reload(struct out *o, const struct admin_reload_facts *r)
{
    if (!r->last_wall_us)
        return;
    OUT(o, "<p>Last reload ");
    out_time(o, r->last_wall_us);
    out_text(o, r->last_ok ? ": <b class=up>applied</b> " : ": <b class=down>refused</b> ");
    out_html(o, r->last_summary);
}

static void frontends(struct out *o, const struct collect *c)
{
    OUT(o, "<h2>Frontends</h2><div class=t><table><thead><tr><th>Name<th>Mode<th>Listens on"
           "<th>Open<th>Connections<th>Requests<th>2xx<th>3xx<th>4xx<th>5xx<th>Refused"
           "<th>Bytes in<th>Bytes out</thead><tbody>\n");
    for (unsigned i = 0; i < c->view->nfrontends; i++) {
        const struct fe_sum *s = &c->fe[i];
        OUT(o, "<tr>");
        td(o, s->f->name);
        td(o, mode_word(s->f->mode));
        td(o, s->f->binds);
        td_num(o, s->connections);
        static const enum fe_stat columns[] = {FE_CONNS,    FE_REQS,     FE_RESP_2XX,
                                               FE_RESP_3XX, FE_RESP_4XX, FE_RESP_5XX,
                                               FE_REFUSED,  FE_BYTES_IN, FE_BYTES_OUT};
        for (unsigned k = 0; k < sizeof columns / sizeof columns[0]; k++)
            td_num(o, s->v[columns[k]]);
        OUT(o, "\n");
    }
    OUT(o, "</tbody></table></div>\n");
}

static void server(struct out *o, const struct srv_sum *s, const struct admin_ops *ops,
                   uint64_t now)
{
    const struct server_rt *rt = s->s->rt;
    struct monitor_view m = look_at(ops, rt);
    OUT(o, "<tr>");
    td(o, rt->name);
    td(o, rt->addr_text);
    OUT(o, "<td class=");
    out_text(o, server_state_word(rt));
    OUT(o, ">");
    out_text(o, server_state_word(rt));
    if (s->s->backup)
        OUT(o, " (backup)");
    OUT(o, "<td>");
    if (rt->changed_wall_us && now > rt->changed_wall_us)
        ago(o, (now - rt->changed_wall_us) / 1000000);
    OUT(o, "<td>");
    out_html(o, m.checked ? m.last : rt->cause);
    td_num(o, s->weight);
    td_num(o, s->inflight);
    td_num(o, s->idle);
    static const enum srv_stat columns[] = {SRV_REQS,   SRV_RESP_2XX, SRV_RESP_4XX, SRV_RESP_5XX,
                                            SRV_FAILED, SRV_CONNECTS, SRV_REUSED,   SRV_BYTES_IN};
    for (unsigned k = 0; k < sizeof columns / sizeof columns[0]; k++)
        td_num(o, s->v[columns[k]]);
    OUT(o, "\n");
}

static void backend(struct out *o, const struct be_sum *s, const struct admin_ops *ops,
                    uint64_t now)
{
    struct hist_sum h;
    latency_sum(&h, s->b->rt, LATENCY_TOTAL);
    OUT(o, "<h2>");
    out_html(o, s->b->name);
    OUT(o, "</h2><p>");
    out_text(o, mode_word(s->b->mode));
    OUT(o, ", ");
    out_html(o, s->b->balance);
    OUT(o, " · <b class=");
    out_text(o, s->nup ? "up" : "down");
    OUT(o, ">");
    out_u64(o, s->nup);
    OUT(o, " of ");
    out_u64(o, s->b->nservers);
    OUT(o, " up</b> · ");
    out_u64(o, s->inflight);
    OUT(o, " running, ");
    out_u64(o, s->queue);
    OUT(o, " waiting · ");
    out_u64(o, s->v[BE_REQS]);
    OUT(o, " requests, ");
    out_u64(o, s->v[BE_RETRIES]);
    OUT(o, " retries · median ");
    out_u64(o, hist_quantile(&h, 0.5));
    OUT(o, " µs, 99 % below ");
    out_u64(o, hist_quantile(&h, 0.99));
    OUT(o, " µs<div class=t><table><thead><tr><th>Server<th>Address<th>State<th>Since<th>Last check"
           "<th>Weight<th>Running<th>Idle<th>Requests<th>2xx<th>4xx<th>5xx<th>Failed"
           "<th>Connects<th>Reused<th>Bytes</thead><tbody>\n");
    for (unsigned i = 0; i < s->b->nservers; i++)
        server(o, &s->servers[i], ops, now);
    OUT(o, "</tbody></table></div>\n");
}

void render_html(struct out *o, const struct collect *c, const struct admin_ops *ops)
{
    uint64_t now = clock_wall_us();
    head(o, c);
    reload(o, &c->view->reload);
    OUT(o, "<nav><a href=metrics>metrics</a> <a href=stats.json>stats.json</a> "
           "<a href=\"stats;csv\">stats;csv</a> <a href=nginx_status>nginx_status</a> "
           "<a href=healthz>healthz</a> <a href=readyz>readyz</a></nav></header><main>\n");
    frontends(o, c);
    for (unsigned i = 0; i < c->view->nbackends; i++)
        backend(o, &c->be[i], ops, now);
    OUT(o, "</main></body></html>\n");
}
