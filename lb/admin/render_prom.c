/*
 * render_prom.c — the Prometheus page, driven by counters.def.
 *
 * The format wants all samples of a metric together, so the walk is metric by metric over sums made
 * before. A sample is: name, label text made once per object, value. Bucket bounds are the upper
 * ends of histogram cells (one microsecond below a power of two), so that bucket counts are exact.
 */
#include "lb/admin/render.h"

#include <string.h>

enum { NAME_MAX_BYTES = 96 };

struct metric {
    char name[NAME_MAX_BYTES];
    size_t n;
};

static void metric_begin(struct out *o, struct metric *m, const char *prefix, const char *name,
                         const char *type, const char *help)
{
    size_t a = strlen(prefix), b = strlen(name);
    m->n = 0;
    if (a + b > sizeof m->name)
        return;
    memcpy(m->name, prefix, a);
    memcpy(m->name + a, name, b);
    m->n = a + b;
    OUT(o, "# HELP ");
    out_bytes(o, m->name, m->n);
    OUT(o, " ");
    out_text(o, help);
    OUT(o, "\n# TYPE ");
    out_bytes(o, m->name, m->n);
    OUT(o, " ");
    out_text(o, type);
    OUT(o, "\n");
}

/* NAME{LABEL EXTRA} VALUE; `extra` begins with a comma or is empty. */
static void sample(struct out *o, const struct metric *m, struct slice label, struct slice extra,
                   uint64_t value)
{
    out_bytes(o, m->name, m->n);
    OUT(o, "{");
    out_bytes(o, label.p, label.n);
    out_bytes(o, extra.p, extra.n);
    OUT(o, "} ");
    out_u64(o, value);
    OUT(o, "\n");
}

static void plain(struct out *o, const char *name, const char *type, const char *help,
                  uint64_t value)
{
    struct metric m;
    metric_begin(o, &m, "", name, type, help);
    out_bytes(o, m.name, m.n);
    OUT(o, " ");
    out_u64(o, value);
    OUT(o, "\n");
}

static void plain_seconds(struct out *o, const char *name, const char *type, const char *help,
                          uint64_t us)
{
    struct metric m;
    metric_begin(o, &m, "", name, type, help);
    out_bytes(o, m.name, m.n);
    OUT(o, " ");
    out_seconds(o, us);
    OUT(o, "\n");
}

/*
 * One kind of object, seen as an array of structs with a label and an array of counters, so that
 * the same walk serves frontends, backends and servers.
 */
struct kind {
    const char *prefix;
    const struct stat_desc *desc;
    unsigned nstats;
    unsigned resp; /* index of responses_1xx; nstats: none */
    const char *base;
    unsigned n;
    size_t stride, label, v;
};

static struct slice label_of(const struct kind *k, unsigned i)
{
    struct slice s;
    memcpy(&s, k->base + k->stride * i + k->label, sizeof s);
    return s;
}

static uint64_t number(const struct kind *k, unsigned i, size_t offset)
{
    uint64_t v;
    memcpy(&v, k->base + k->stride * i + offset, sizeof v);
    return v;
}

static void counter_metric(struct out *o, const struct kind *k, unsigned stat)
{
    struct metric m;
    metric_begin(o, &m, k->prefix, k->desc[stat].name, "counter", k->desc[stat].help);
    for (unsigned i = 0; i < k->n; i++)
        sample(o, &m, label_of(k, i), SLICE(""), number(k, i, k->v + stat * sizeof(uint64_t)));
}

static void responses_metric(struct out *o, const struct kind *k, const char *help)
{
    static const struct slice code[5] = {
        {",code=\"1xx\"", 11}, {",code=\"2xx\"", 11}, {",code=\"3xx\"", 11},
        {",code=\"4xx\"", 11}, {",code=\"5xx\"", 11},
    };
    struct metric m;
    metric_begin(o, &m, k->prefix, "responses_total", "counter", help);
    for (unsigned i = 0; i < k->n; i++)
        for (unsigned c = 0; c < 5; c++)
            sample(o, &m, label_of(k, i), code[c],
                   number(k, i, k->v + (k->resp + c) * sizeof(uint64_t)));
}

static void gauge_metric(struct out *o, const struct kind *k, const char *name, const char *help,
                         size_t offset)
{
    struct metric m;
    metric_begin(o, &m, k->prefix, name, "gauge", help);
    for (unsigned i = 0; i < k->n; i++)
        sample(o, &m, label_of(k, i), SLICE(""), number(k, i, offset));
}

static void counters(struct out *o, const struct kind *k, const char *responses_help)
{
    for (unsigned s = 0; s < k->nstats; s++)
        if (s < k->resp || s >= k->resp + 5)
            counter_metric(o, k, s);
    if (k->resp < k->nstats)
        responses_metric(o, k, responses_help);
}

static void ends_by_reason(struct out *o, const struct collect *c)
{
    struct metric m;
    metric_begin(o, &m, "lb_frontend_", "exchanges_ended_total", "counter",
                 "Exchanges and connections ended, by reason (reasons that never happened are left "
                 "out)");
    for (unsigned i = 0; i < c->view->nfrontends; i++)
        for (unsigned w = 0; w < WHY_COUNT; w++) {
            if (!c->fe[i].why[w])
                continue;
            char extra[NAME_MAX_BYTES] = ",reason=\"";
            size_t at = strlen(extra), n = strlen(why_word((enum why)w));
            if (at + n + 1 > sizeof extra)
                continue;
            memcpy(extra + at, why_word((enum why)w), n);
            extra[at + n] = '"';
            sample(o, &m, c->fe[i].label, (struct slice){extra, at + n + 1}, c->fe[i].why[w]);
        }
}

static void frontends(struct out *o, const struct collect *c)
{
    struct kind k = {.prefix = "lb_frontend_",
                     .desc = fe_stat_desc,
                     .nstats = FE_STATS,
                     .resp = FE_RESP_1XX,
                     .base = (const char *)c->fe,
                     .n = c->view->nfrontends,
                     .stride = sizeof *c->fe,
                     .label = offsetof(struct fe_sum, label),
                     .v = offsetof(struct fe_sum, v)};
    counters(o, &k, "Responses sent, by status class");
    gauge_metric(o, &k, "connections", "Client connections open now",
                 offsetof(struct fe_sum, connections));
    gauge_metric(o, &k, "inflight", "Exchanges running now", offsetof(struct fe_sum, inflight));
    ends_by_reason(o, c);
}

static void servers_up(struct out *o, const struct collect *c)
{
    struct metric m;
    metric_begin(o, &m, "lb_backend_", "servers", "gauge", "Servers configured");
    for (unsigned i = 0; i < c->view->nbackends; i++)
        sample(o, &m, c->be[i].label, SLICE(""), c->be[i].b->nservers);
    metric_begin(o, &m, "lb_backend_", "servers_up", "gauge", "Servers able to serve");
    for (unsigned i = 0; i < c->view->nbackends; i++)
        sample(o, &m, c->be[i].label, SLICE(""), c->be[i].nup);
}

static void backends(struct out *o, const struct collect *c)
{
    struct kind k = {.prefix = "lb_backend_",
                     .desc = be_stat_desc,
                     .nstats = BE_STATS,
                     .resp = BE_STATS,
                     .base = (const char *)c->be,
                     .n = c->view->nbackends,
                     .stride = sizeof *c->be,
                     .label = offsetof(struct be_sum, label),
                     .v = offsetof(struct be_sum, v)};
    counters(o, &k, NULL);
    gauge_metric(o, &k, "queue", "Exchanges waiting for a free server",
                 offsetof(struct be_sum, queue));
    gauge_metric(o, &k, "inflight", "Exchanges at its servers now",
                 offsetof(struct be_sum, inflight));
    servers_up(o, c);
}

static void server_states(struct out *o, const struct collect *c)
{
    struct metric m;
    metric_begin(o, &m, "lb_server_", "up", "gauge",
                 "1 if it can serve: not down, ejected or in maintenance");
    for (unsigned i = 0; i < c->nsrv; i++)
        sample(o, &m, c->srv[i].label, SLICE(""), c->srv[i].up);
    metric_begin(o, &m, "lb_server_", "usable", "gauge",
                 "1 if it gets new exchanges: up and not draining");
    for (unsigned i = 0; i < c->nsrv; i++)
        sample(o, &m, c->srv[i].label, SLICE(""), c->srv[i].usable);
    metric_begin(o, &m, "lb_server_", "weight", "gauge", "Effective weight, slow start applied");
    for (unsigned i = 0; i < c->nsrv; i++)
        sample(o, &m, c->srv[i].label, SLICE(""), c->srv[i].weight);
}

static void servers(struct out *o, const struct collect *c)
{
    struct kind k = {.prefix = "lb_server_",
                     .desc = srv_stat_desc,
                     .nstats = SRV_STATS,
                     .resp = SRV_RESP_1XX,
                     .base = (const char *)c->srv,
                     .n = c->nsrv,
                     .stride = sizeof *c->srv,
                     .label = offsetof(struct srv_sum, label),
                     .v = offsetof(struct srv_sum, v)};
    server_states(o, c);
    counters(o, &k, "Responses received, by status class");
    gauge_metric(o, &k, "inflight", "Exchanges at this server now",
                 offsetof(struct srv_sum, inflight));
    gauge_metric(o, &k, "idle_connections", "Upstream connections kept for reuse",
                 offsetof(struct srv_sum, idle));
}

/* Bucket bounds: 2^exponent - 1 µs, from 127 µs to 67 s. */
static const struct bucket {
    uint64_t us;
    const char *extra;
} buckets[] = {
    {(UINT64_C(1) << 7) - 1, ",le=\"0.000127\""},   {(UINT64_C(1) << 8) - 1, ",le=\"0.000255\""},
    {(UINT64_C(1) << 9) - 1, ",le=\"0.000511\""},   {(UINT64_C(1) << 10) - 1, ",le=\"0.001023\""},
    {(UINT64_C(1) << 11) - 1, ",le=\"0.002047\""},  {(UINT64_C(1) << 12) - 1, ",le=\"0.004095\""},
    {(UINT64_C(1) << 13) - 1, ",le=\"0.008191\""},  {(UINT64_C(1) << 14) - 1, ",le=\"0.016383\""},
    {(UINT64_C(1) << 15) - 1, ",le=\"0.032767\""},  {(UINT64_C(1) << 16) - 1, ",le=\"0.065535\""},
    {(UINT64_C(1) << 17) - 1, ",le=\"0.131071\""},  {(UINT64_C(1) << 18) - 1, ",le=\"0.262143\""},
    {(UINT64_C(1) << 19) - 1, ",le=\"0.524287\""},  {(UINT64_C(1) << 20) - 1, ",le=\"1.048575\""},
    {(UINT64_C(1) << 22) - 1, ",le=\"4.194303\""},  {(UINT64_C(1) << 24) - 1, ",le=\"16.777215\""},
    {(UINT64_C(1) << 26) - 1, ",le=\"67.108863\""},
};
enum { BUCKETS = sizeof buckets / sizeof buckets[0] };

void latency_sum(struct hist_sum *to, const struct backend_rt *rt, enum latency which)
{
    memset(to, 0, sizeof *to);
    for (unsigned w = 0; w < rt->nworkers; w++) {
        const struct backend_line *l = &rt->line[w];
        hist_merge(to, which == LATENCY_TOTAL     ? &l->total
                       : which == LATENCY_CONNECT ? &l->connect
                                                  : &l->first_byte);
    }
}

static void suffixed(struct out *o, const struct metric *m, const char *suffix, struct slice label)
{
    out_bytes(o, m->name, m->n);
    out_text(o, suffix);
    OUT(o, "{");
    out_bytes(o, label.p, label.n);
}

/* The cells below a bound are those up to its own: one pass over the cells serves all buckets. */
static void histogram(struct out *o, const struct metric *m, struct slice label,
                      const struct hist_sum *h)
{
    uint64_t below = 0;
    unsigned cell = 0;
    for (unsigned b = 0; b < BUCKETS; b++) {
        for (unsigned last = hist_index(buckets[b].us); cell <= last; cell++)
            below += h->cell[cell];
        suffixed(o, m, "_bucket", label);
        out_text(o, buckets[b].extra);
        OUT(o, "} ");
        out_u64(o, below);
        OUT(o, "\n");
    }
    for (; cell < HIST_CELLS; cell++)
        below += h->cell[cell];
    suffixed(o, m, "_bucket", label);
    OUT(o, ",le=\"+Inf\"} ");
    out_u64(o, below);
    OUT(o, "\n");
    suffixed(o, m, "_sum", label);
    OUT(o, "} ");
    out_seconds(o, h->sum_us);
    OUT(o, "\n");
    suffixed(o, m, "_count", label);
    OUT(o, "} ");
    out_u64(o, below);
    OUT(o, "\n");
}

static void latencies(struct out *o, const struct collect *c)
{
    static const struct {
        const char *name, *help;
    } t[LATENCIES] = {
        {"request_duration_seconds", "From the complete request head to the end of the response"},
        {"connect_duration_seconds", "Opening of upstream connections"},
        {"first_byte_duration_seconds", "From the request sent to the response head"},
    };
    for (unsigned l = 0; l < LATENCIES; l++) {
        struct metric m;
        metric_begin(o, &m, "lb_backend_", t[l].name, "histogram", t[l].help);
        for (unsigned i = 0; i < c->view->nbackends; i++) {
            struct hist_sum h;
            latency_sum(&h, c->be[i].b->rt, (enum latency)l);
            histogram(o, &m, c->be[i].label, &h);
        }
    }
}

static void reloads(struct out *o, const struct admin_view *v)
{
    const struct admin_reload_facts *r = &v->reload;
    struct metric m;
    metric_begin(o, &m, "lb_config_", "reloads_total", "counter", "Reloads asked for, by result");
    sample(o, &m, SLICE("result=\"ok\""), SLICE(""), r->ok);
    sample(o, &m, SLICE("result=\"failed\""), SLICE(""), r->failed);
    plain(o, "lb_config_last_reload_success", "gauge",
          "1 if the last reload was applied (or there was none)", r->last_ok || !r->last_wall_us);
    plain_seconds(o, "lb_config_last_reload_timestamp_seconds", "gauge",
                  "When the last reload ended; 0: never", r->last_wall_us);
    plain(o, "lb_config_generation", "gauge", "Number of the applied configuration", v->generation);
}

static void certificates(struct out *o, const struct admin_view *v)
{
    struct metric m;
    metric_begin(o, &m, "lb_tls_", "certificate_not_after_seconds", "gauge",
                 "When a certificate in force ends, as Unix time");
    for (unsigned i = 0; i < v->ncerts; i++) {
        const struct admin_cert *k = &v->certs[i];
        out_bytes(o, m.name, m.n);
        OUT(o, "{frontend=\"");
        out_label(o, k->frontend);
        OUT(o, "\",file=\"");
        out_label(o, k->path);
        OUT(o, "\",name=\"");
        out_label(o, k->name);
        OUT(o, "\",key=\"");
        out_label(o, k->key);
        OUT(o, "\"} ");
        out_u64(o, k->not_after_s > 0 ? (uint64_t)k->not_after_s : 0);
        OUT(o, "\n");
    }
    plain(o, "lb_tls_certificates_bad", "gauge",
          "Frontends whose newest certificate files can't be used", v->certs_bad);
    plain(o, "lb_tls_certificate_renewals_total", "counter",
          "Changes of files that were taken over", v->cert_renewals);
    plain(o, "lb_tls_certificate_failures_total", "counter", "Changes of files that were refused",
          v->cert_failures);
}

static void process(struct out *o, const struct collect *c)
{
    const struct admin_view *v = c->view;
    const struct process_facts *p = &c->process;
    struct metric m;
    metric_begin(o, &m, "lb_", "build_info", "gauge", "Always 1; the version is a label");
    OUT(o, "lb_build_info{version=\"");
    out_label(o, v->version);
    OUT(o, "\"} 1\n");
    plain(o, "lb_ready", "gauge", "1 if traffic is welcome", v->ready && !v->draining);
    plain(o, "lb_draining", "gauge", "1 while stopping", v->draining);
    plain(o, "lb_workers", "gauge", "Worker threads", v->nworkers);
    plain(o, "lb_max_connections", "gauge", "Limit of client connections", v->max_connections);
    plain_seconds(o, "lb_uptime_seconds", "gauge", "Since the start", p->uptime_us);
    plain(o, "lb_log_dropped_total", "counter", "Log records lost to full rings", v->log_dropped);
    plain(o, "lb_log_write_errors_total", "counter", "Log lines that could not be written",
          v->log_write_errors);
    plain(o, "lb_health_checks_total", "counter", "Probes run", v->health.checks);
    plain(o, "lb_health_checks_failed_total", "counter", "Probes that failed", v->health.failed);
    plain(o, "lb_health_ejections_total", "counter", "Servers ejected by live traffic",
          v->health.ejections);
    plain(o, "lb_health_downs_total", "counter", "Servers that went down", v->health.downs);
    plain(o, "lb_health_ups_total", "counter", "Servers that came up", v->health.ups);
    plain(o, "process_resident_memory_bytes", "gauge", "Resident memory", p->rss_bytes);
    plain(o, "process_open_fds", "gauge", "Open file descriptors", p->open_fds);
    plain(o, "process_max_fds", "gauge", "Limit of file descriptors", p->max_fds);
    plain_seconds(o, "process_cpu_seconds_total", "counter", "User and system time", p->cpu_us);
    plain_seconds(o, "process_start_time_seconds", "gauge", "Start time since the epoch",
                  v->start_wall_us);
}

void render_prom(struct out *o, const struct collect *c)
{
    process(o, c);
    reloads(o, c->view);
    certificates(o, c->view);
    for (unsigned i = 0; i < WK_STATS; i++) {
        struct metric m;
        metric_begin(o, &m, "lb_", wk_stat_desc[i].name, "counter", wk_stat_desc[i].help);
        out_bytes(o, m.name, m.n);
        OUT(o, " ");
        out_u64(o, c->wk[i]);
        OUT(o, "\n");
    }
    frontends(o, c);
    backends(o, c);
    servers(o, c);
    latencies(o, c);
}
