/*
 * render_csv.c — the statistics as HAProxy's CSV and nginx's stub_status, for tools that read
 * those.
 *
 * Columns are HAProxy 3's in its order, without those of its modules; what lb does not know stays
 * empty. Like there, every line ends in a comma and `pid` is always 1.
 */
#include "lb/admin/render.h"

#include "lb/base/clock.h"

#include <stdio.h>

/* clang-format off */
#define COLUMNS(C)                                                                                \
    C(pxname) C(svname) C(qcur) C(qmax) C(scur) C(smax) C(slim) C(stot) C(bin) C(bout) C(dreq)    \
    C(dresp) C(ereq) C(econ) C(eresp) C(wretr) C(wredis) C(status) C(weight) C(act) C(bck)        \
    C(chkfail) C(chkdown) C(lastchg) C(downtime) C(qlimit) C(pid) C(iid) C(sid) C(throttle)       \
    C(lbtot) C(tracked) C(type) C(rate) C(rate_lim) C(rate_max) C(check_status) C(check_code)     \
    C(check_duration) C(hrsp_1xx) C(hrsp_2xx) C(hrsp_3xx) C(hrsp_4xx) C(hrsp_5xx) C(hrsp_other)   \
    C(hanafail) C(req_rate) C(req_rate_max) C(req_tot) C(cli_abrt) C(srv_abrt) C(comp_in)         \
    C(comp_out) C(comp_byp) C(comp_rsp) C(lastsess) C(last_chk) C(last_agt) C(qtime) C(ctime)     \
    C(rtime) C(ttime) C(agent_status) C(agent_code) C(agent_duration) C(check_desc)               \
    C(agent_desc) C(check_rise) C(check_fall) C(check_health) C(agent_rise) C(agent_fall)         \
    C(agent_health) C(addr) C(cookie) C(mode) C(algo) C(conn_rate) C(conn_rate_max) C(conn_tot)   \
    C(intercepted) C(dcon) C(dses) C(wrew) C(connect) C(reuse) C(cache_lookups) C(cache_hits)     \
    C(srv_icur) C(src_ilim) C(qtime_max) C(ctime_max) C(rtime_max) C(ttime_max) C(eint)           \
    C(idle_conn_cur) C(safe_conn_cur) C(used_conn_cur) C(need_conn_est) C(uweight)                \
    C(agg_server_status) C(agg_server_check_status) C(agg_check_status) C(srid) C(sess_other)     \
    C(h1sess) C(h2sess) C(h3sess) C(req_other) C(h1req) C(h2req) C(h3req) C(proto)
/* clang-format on */

enum column {
#define C(name) COL_##name,
    COLUMNS(C)
#undef C
        COLS
};

static const char header[] = "# "
#define C(name) #name ","
    COLUMNS(C)
#undef C
        "-,\n";

struct cell {
    const char *text; /* borrowed; NULL: `num` if `set`, else empty */
    uint64_t num;
    bool set;
};

struct row {
    struct cell cell[COLS];
};

static void num(struct row *r, enum column c, uint64_t v)
{
    r->cell[c].num = v;
    r->cell[c].set = true;
}

static void text(struct row *r, enum column c, const char *v)
{
    r->cell[c].text = v;
}

static void write_row(struct out *o, const struct row *r)
{
    for (unsigned i = 0; i < COLS; i++) {
        const struct cell *c = &r->cell[i];
        if (c->text)
            out_csv(o, c->text);
        else if (c->set)
            out_u64(o, c->num);
        out_char(o, ',');
    }
    OUT(o, "-,\n");
}

static void classes(struct row *r, const uint64_t *first)
{
    for (unsigned i = 0; i < 5; i++)
        num(r, (enum column)(COL_hrsp_1xx + i), first[i]);
    num(r, COL_hrsp_other, 0);
}

static void write_frontend(struct out *o, const struct fe_sum *s, unsigned iid, bool draining)
{
    struct row r = {0};
    text(&r, COL_pxname, s->f->name);
    text(&r, COL_svname, "FRONTEND");
    num(&r, COL_scur, s->connections);
    num(&r, COL_slim, s->f->max_connections);
    num(&r, COL_stot, s->v[FE_CONNS]);
    num(&r, COL_bin, s->v[FE_BYTES_IN]);
    num(&r, COL_bout, s->v[FE_BYTES_OUT]);
    num(&r, COL_ereq, s->v[FE_REFUSED]);
    text(&r, COL_status, draining ? "STOP" : "OPEN");
    num(&r, COL_pid, 1);
    num(&r, COL_iid, iid);
    num(&r, COL_sid, 0);
    num(&r, COL_type, 0);
    if (s->f->mode == CFG_HTTP)
        classes(&r, &s->v[FE_RESP_1XX]);
    num(&r, COL_req_tot, s->v[FE_REQS]);
    text(&r, COL_mode, mode_word(s->f->mode));
    num(&r, COL_conn_tot, s->v[FE_CONNS]);
    num(&r, COL_intercepted, s->v[FE_REFUSED]);
    num(&r, COL_dcon, s->v[FE_CONNS_REFUSED]);
    write_row(o, &r);
}

/* HAProxy's word, with the position in rise or fall where it stands on the way to the other. */
static const char *status_text(const struct server_rt *rt, const struct monitor_view *m, char *buf,
                               size_t size)
{
    unsigned admin = atomic_load_explicit(&rt->admin, memory_order_relaxed);
    unsigned health = atomic_load_explicit(&rt->health, memory_order_relaxed);
    if (admin == ADMIN_MAINT)
        return "MAINT";
    bool down = health == HEALTH_DOWN || atomic_load_explicit(&rt->ejected, memory_order_relaxed);
    if (admin == ADMIN_DRAIN && !down)
        return "DRAIN";
    if (!m->checked)
        return down ? "DOWN" : "no check";
    if (!m->count || !m->of)
        return down ? "DOWN" : "UP";
    (void)snprintf(buf, size, "%s %u/%u", down ? "DOWN" : "UP",
                   down || m->count > m->of ? m->count : m->of - m->count, m->of);
    return buf;
}

static void server_checks(struct row *r, const struct monitor_view *m)
{
    if (!m->checked)
        return;
    num(r, COL_chkfail, m->failed);
    num(r, COL_check_duration, m->last_ms);
    text(r, COL_last_chk, m->last);
    text(r, COL_check_desc, m->last);
}

static void write_server(struct out *o, const struct srv_sum *s, const struct be_sum *be,
                         unsigned iid, const struct admin_ops *ops, unsigned sid)
{
    const struct server_rt *rt = s->s->rt;
    struct monitor_view m = look_at(ops, rt);
    char status[32];
    uint64_t now = clock_wall_us();
    struct row r = {0};
    text(&r, COL_pxname, be->b->name);
    text(&r, COL_svname, rt->name);
    num(&r, COL_scur, s->inflight);
    if (s->s->max_connections)
        num(&r, COL_slim, s->s->max_connections);
    num(&r, COL_stot, s->v[SRV_REQS]);
    num(&r, COL_bin, s->v[SRV_BYTES_OUT]); /* HAProxy counts as the client sees it */
    num(&r, COL_bout, s->v[SRV_BYTES_IN]);
    num(&r, COL_econ, s->v[SRV_CONNECT_FAILED]);
    num(&r, COL_eresp, s->v[SRV_FAILED]);
    text(&r, COL_status, status_text(rt, &m, status, sizeof status));
    num(&r, COL_weight, s->weight);
    num(&r, COL_act, !s->s->backup);
    num(&r, COL_bck, s->s->backup);
    server_checks(&r, &m);
    if (rt->changed_wall_us && now > rt->changed_wall_us)
        num(&r, COL_lastchg, (now - rt->changed_wall_us) / 1000000);
    num(&r, COL_pid, 1);
    num(&r, COL_iid, iid);
    num(&r, COL_sid, sid);
    num(&r, COL_lbtot, s->v[SRV_PICKS]);
    num(&r, COL_type, 2);
    if (be->b->mode == CFG_HTTP)
        classes(&r, &s->v[SRV_RESP_1XX]);
    num(&r, COL_req_tot, s->v[SRV_REQS]);
    text(&r, COL_addr, rt->addr_text);
    text(&r, COL_mode, mode_word(be->b->mode));
    num(&r, COL_connect, s->v[SRV_CONNECTS]);
    num(&r, COL_reuse, s->v[SRV_REUSED]);
    num(&r, COL_srv_icur, s->idle);
    num(&r, COL_idle_conn_cur, s->idle);
    num(&r, COL_used_conn_cur, s->inflight);
    num(&r, COL_uweight, s->s->weight);
    write_row(o, &r);
}

static void write_backend(struct out *o, const struct be_sum *s, unsigned iid)
{
    unsigned weight = 0, act = 0, bck = 0;
    for (unsigned i = 0; i < s->b->nservers; i++) {
        const struct srv_sum *one = &s->servers[i];
        if (!one->usable)
            continue;
        weight += one->s->backup ? 0 : one->weight;
        act += !one->s->backup;
        bck += one->s->backup;
    }
    struct row r = {0};
    text(&r, COL_pxname, s->b->name);
    text(&r, COL_svname, "BACKEND");
    num(&r, COL_qcur, s->queue);
    num(&r, COL_scur, s->inflight + s->queue);
    num(&r, COL_stot, s->v[BE_REQS]);
    num(&r, COL_bin, s->srv[SRV_BYTES_OUT]);
    num(&r, COL_bout, s->srv[SRV_BYTES_IN]);
    num(&r, COL_econ, s->srv[SRV_CONNECT_FAILED] + s->v[BE_NO_SERVER]);
    num(&r, COL_eresp, s->srv[SRV_FAILED]);
    num(&r, COL_wretr, s->v[BE_RETRIES]);
    text(&r, COL_status, act + bck ? "UP" : "DOWN");
    num(&r, COL_weight, weight);
    num(&r, COL_act, act);
    num(&r, COL_bck, bck);
    num(&r, COL_pid, 1);
    num(&r, COL_iid, iid);
    num(&r, COL_sid, 0);
    num(&r, COL_lbtot, s->srv[SRV_PICKS]);
    num(&r, COL_type, 1);
    if (s->b->mode == CFG_HTTP)
        classes(&r, &s->srv[SRV_RESP_1XX]);
    num(&r, COL_req_tot, s->v[BE_REQS]);
    text(&r, COL_mode, mode_word(s->b->mode));
    text(&r, COL_algo, s->b->balance);
    num(&r, COL_connect, s->srv[SRV_CONNECTS]);
    num(&r, COL_reuse, s->srv[SRV_REUSED]);
    write_row(o, &r);
}

void render_csv(struct out *o, const struct collect *c, const struct admin_ops *ops)
{
    OUT(o, header);
    unsigned iid = 2; /* as with HAProxy, 1 is its own */
    for (unsigned i = 0; i < c->view->nfrontends; i++)
        write_frontend(o, &c->fe[i], iid++, c->view->draining);
    for (unsigned i = 0; i < c->view->nbackends; i++, iid++) {
        for (unsigned k = 0; k < c->be[i].b->nservers; k++)
            write_server(o, &c->be[i].servers[k], &c->be[i], iid, ops, k + 1);
        write_backend(o, &c->be[i], iid);
    }
}

/* lb does not tell reading a request from waiting for it: Reading is always 0. */
void render_nginx(struct out *o, const struct collect *c)
{
    const struct fe_sum *t = &c->total;
    uint64_t writing = t->inflight < t->connections ? t->inflight : t->connections;
    OUT(o, "Active connections: ");
    out_u64(o, t->connections);
    OUT(o, " \nserver accepts handled requests\n ");
    out_u64(o, t->v[FE_CONNS] + t->v[FE_CONNS_REFUSED]);
    OUT(o, " ");
    out_u64(o, t->v[FE_CONNS]);
    OUT(o, " ");
    out_u64(o, t->v[FE_REQS]);
    OUT(o, " \nReading: 0 Writing: ");
    out_u64(o, writing);
    OUT(o, " Waiting: ");
    out_u64(o, t->connections - writing);
    OUT(o, " \n");
}
