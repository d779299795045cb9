/*
 * front.c — client connections while no exchange runs on them: accepted, idle, lingering.
 *
 * An idle connection owns no buffer and no session. One timer serves all its waits; its kind says
 * which one.
 */
#include "lb/session/session.h"

#include "lb/http/http.h"
#include "lb/session/logline.h"
#include "lb/tcp/raw.h"
#include "lb/tls/tls_io.h"
#include "lb/upstream/idle.h"

#include <errno.h>
#include <unistd.h>

enum { LINGER_MS = 1000, LINGER_READS = 16 };

static const struct stream_events front_events;

static void arm(struct conn *c, uint8_t kind, uint32_t ms)
{
    if (ms)
        loop_timer_set(c->io.loop, &c->timer, TIMER_CONN, kind, ms);
    else
        loop_timer_clear(c->io.loop, &c->timer);
}

static struct head_limits limits_of(const struct frontend *fe)
{
    const struct cfg_limits *l = &fe->cfg->limits;
    return (struct head_limits){l->header_bytes, (uint16_t)l->header_fields, l->target_bytes};
}

/* The bind is gone with the last reload, or is no longer HTTP's. */
static bool orphan(const struct conn *c)
{
    const struct frontend *fe = ((struct acceptor *)c->home)->fe;
    return !fe || fe->cfg->mode != CFG_HTTP;
}

static bool begin(struct conn *c)
{
    struct acceptor *home = c->home;
    struct head_limits limits = limits_of(home->fe);
    return h1_begin(c, &limits, home->fe->cfg->limits.body_bytes);
}

/* Between exchanges: wakes up for a new head, and starts its clock when only a part has come. */
static void front_ready(struct io *io)
{
    struct conn *c = conn_of_io(io);
    if (c->s.up == &front_events && orphan(c)) {
        front_close(c, false);
        return;
    }
    if (!c->x) {
        if (!(io->fl & IO_RD))
            return;
        if (!begin(c)) {
            front_close(c, false);
            return;
        }
    }
    h1_ready(io);
    if (!(io->fl & IO_OPEN) || c->s.up != &front_events || !c->x)
        return;
    struct acceptor *home = c->home;
    if (!h1_head_begun(c))
        conn_deactivate(c);
    else if (c->timer.kind != KIND_HEADER)
        arm(c, KIND_HEADER, home->fe->cfg->timeouts.header);
}

static const struct io_ops front_io_ops = {front_ready, conn_flush};

void front_protocol_known(struct conn *c, struct slice alpn)
{
    bool h2 = slice_eq(alpn, SLICE("h2")) && !orphan(c);
    if (!h2) {
        c->io.ops = &front_io_ops;
        if (c->x && !begin(c)) /* the bytes that told it are there already */
            front_close(c, true);
        else
            front_ready(&c->io);
    } else if (!front_h2_begin(c)) {
        front_close(c, true);
    }
}

/* While TLS shakes hands: afterwards the time for a request head begins. */
static void shaking_ready(struct io *io)
{
    struct conn *c = conn_of_io(io);
    struct acceptor *a = c->home;
    if (orphan(c) || io->fl & IO_BROKEN) {
        front_close(c, false);
        return;
    }
    if (io->fl & IO_SHAKING)
        return;
    front_shaken(c);
    arm(c, KIND_HEADER, a->fe->cfg->timeouts.header);
    front_protocol_known(c, tls_alpn(io));
}

static const struct io_ops shaking_io_ops = {shaking_ready, NULL};

void front_shaken(struct conn *c)
{
    const struct acceptor *a = c->home;
    stat_add(&a->line->stat[FE_TLS_HANDSHAKES], 1);
    if (tls_resumed(&c->io))
        stat_add(&a->line->stat[FE_TLS_RESUMED], 1);
}

static bool admit(struct acceptor *a)
{
    struct shard *sh = a->sh;
    const struct cfg_limits *l = &a->fe->cfg->limits;
    unsigned all = atomic_load_explicit(sh->nclients_all, memory_order_relaxed);
    if (sh->draining || all >= sh->snap->cfg->global.max_connections)
        return false;
    return !l->connections ||
           frontend_stat(a->fe->rt, FE_CONNS) - frontend_stat(a->fe->rt, FE_CONNS_CLOSED) <
               l->connections;
}

/* Connections refused for being too many are only counted: writing of each would help an attacker.
 */
static void refused(struct acceptor *a, enum why why)
{
    stat_add(&a->line->stat[FE_CONNS_REFUSED], 1);
    stat_add(&a->line->why[why], 1);
}

static void enter(struct conn *c, struct acceptor *a)
{
    struct shard *sh = a->sh;
    c->home = a;
    a->conns++;
    sh->nclients++;
    (void)atomic_fetch_add_explicit(sh->nclients_all, 1, memory_order_relaxed);
    list_push(&sh->clients, &c->grave.link);
    stat_add(&a->line->stat[FE_CONNS], 1);
}

void front_leave(struct conn *c)
{
    struct acceptor *a = c->home;
    struct shard *sh = a->sh;
    if (!(c->io.fl & IO_OPEN))
        return;
    sources_leave(sh->sources, c->source);
    a->conns--;
    sh->nclients--;
    (void)atomic_fetch_sub_explicit(sh->nclients_all, 1, memory_order_relaxed);
    if (a->line && c->io.fl & IO_SHAKING)
        stat_add(&a->line->stat[FE_TLS_FAILED], 1);
    if (a->line)
        stat_add(&a->line->stat[FE_CONNS_CLOSED], 1);
    if (!a->conns && !a->fe)
        shard_forget(sh, a);
}

void front_accepted(struct listener *l, int fd, const struct sockaddr *addr, socklen_t len)
{
    struct acceptor *a = container_of(l, struct acceptor, lis);
    bool http = a->fe->cfg->mode == CFG_HTTP;
    (void)len;
    if (!admit(a)) {
        refused(a, WHY_TOO_MANY_CONNECTIONS);
        (void)close(fd);
        return;
    }
    struct conn *c = conn_new(&a->sh->env, fd, http ? &front_io_ops : &raw_io_ops,
                              http ? &h1_front_ops : &raw_ops, IO_RD | IO_WR);
    if (!c) {
        stat_add(&a->sh->wk[WK_NO_MEMORY], 1);
        return;
    }
    peer_of(&c->peer, addr);
    enter(c, a);
    c->s.up = &front_events;
    if (a->bind->proxy_protocol)
        proxy_await(c);
    else
        front_greet(c);
}

/* Counts the connection for its network; false: there are too many. */
static bool admit_source(struct conn *c, const struct acceptor *a)
{
    const struct cfg_limits *l = &a->fe->cfg->limits;
    struct source from = {&c->peer, l->source_ipv6_bits, a->fe->rt};
    if (!l->source_connections || c->peer.family == AF_UNIX)
        return true;
    if (c->peer.family == AF_INET)
        from.bits = 96 + l->source_ipv4_bits;
    return sources_enter(a->sh->sources, &from, l->source_connections, &c->source);
}

void front_greet(struct conn *c)
{
    struct acceptor *a = c->home;
    if (!a->fe || !admit_source(c, a)) {
        if (a->fe)
            refused(a, WHY_TOO_MANY_CONNECTIONS);
        front_close(c, false);
        return;
    }
    if (a->tls && tls_accept(&c->io, a->tls) != 0) {
        stat_add(&a->sh->wk[WK_NO_MEMORY], 1);
        front_close(c, true);
        return;
    }
    if (a->fe->cfg->mode != CFG_HTTP) {
        c->io.ops = &raw_io_ops;
        c->s.ops = &raw_ops;
        hello_begin(c);
        return;
    }
    c->s.ops = &h1_front_ops; /* a reload may have changed the mode since the accept */
    if (a->tls) {
        c->io.ops = &shaking_io_ops;
        arm(c, KIND_HANDSHAKE, a->fe->cfg->timeouts.handshake);
        c->io.x->event(&c->io);
        shaking_ready(&c->io);
        return;
    }
    c->io.ops = a->bind->h2c ? &front_sniff_ops : &front_io_ops;
    arm(c, KIND_HEADER, a->fe->cfg->timeouts.header);
    c->io.ops->ready(&c->io); /* the request has often come already */
}

void front_turn_away(struct conn *c, enum why why)
{
    struct acceptor *a = c->home;
    struct session *s = a->fe ? session_new(a->sh, &c->s, a->fe->cfg->mode == CFG_HTTP) : NULL;
    if (!s) {
        front_close(c, false);
        return;
    }
    stat_add(&a->line->stat[FE_CONNS_REFUSED], 1);
    if (s->fe->access_sink)
        logline_note(s, NULL);
    session_end(s, why);
}

void front_accept_failed(struct listener *l, int error)
{
    struct acceptor *a = container_of(l, struct acceptor, lis);
    stat_add(&a->sh->wk[WK_ACCEPT_ERRORS], 1);
    log_line(a->sh->log, LOG_LV_WARNING, "accept-failed",
             "cannot accept on %s: %s; pausing for 50 ms", a->set->text, strerror(error));
}

void front_idle(struct conn *c)
{
    struct acceptor *a = c->home;
    c->s.up = &front_events;
    h1_next(c);
    arm(c, KIND_IDLE, a->fe->cfg->timeouts.idle);
}

void front_close(struct conn *c, bool reset)
{
    front_leave(c);
    conn_close(c, reset);
}

void front_finish(struct stream *s, enum stream_end how)
{
    if (s->ops->finish) {
        s->ops->finish(s, how);
        return;
    }
    struct conn *c = conn_of(s);
    bool unread = c->x && buf_len(&c->x->in) > 0;
    if (how == STREAM_KEEP)
        front_idle(c);
    else if (c->x && !(c->x->fl & X_EOF) &&
             (how == STREAM_LINGER || (how == STREAM_CLOSE && unread)))
        front_linger(c);
    else
        front_close(c, how == STREAM_RESET);
}

/* --- lingering: the reply must not be lost to a RST for bytes we did not read (RFC 9112 9.6) ---
 */

static void linger_ready(struct io *io)
{
    struct conn *c = conn_of_io(io);
    char sink[16384];
    for (int i = 0; i < LINGER_READS && (io->fl & IO_RD); i++) {
        ssize_t n = io_recv(io, sink, sizeof sink);
        if (n == 0 || n == IO_FAIL) {
            front_close(c, false);
            return;
        }
    }
    if (io->fl & IO_RD)
        io_kick(io);
}

static const struct io_ops linger_io_ops = {linger_ready, NULL};

void front_linger(struct conn *c)
{
    conn_deactivate(c);
    c->s.up = NULL;
    c->io.ops = &linger_io_ops;
    io_shut(&c->io);
    arm(c, KIND_LINGER, LINGER_MS);
    io_kick(&c->io);
}

/* --- events of a connection without a session --- */

static void head_event(struct stream *s, struct head *h)
{
    if (orphan(conn_of(s)))
        front_close(conn_of(s), false);
    else
        request_begin(s, h);
}

/* Answers what could not become a request. */
static void refuse(struct conn *c, enum why why)
{
    struct session *s = orphan(c) ? NULL : session_new(shard_of(c), &c->s, true);
    if (!s) {
        front_close(c, true);
        return;
    }
    s->t_start = c->born_us;
    s->flags |= SF_REQ_END;
    s->minor = 1;
    if (s->fe->access_sink)
        logline_note(s, NULL);
    reply_canned(s, why_info(why)->status, why, NULL);
}

static void failed_event(struct stream *stream, enum why why)
{
    struct conn *c = conn_of(stream);
    const struct why_info *info = why_info(why);
    if (info->status && c->x && !(c->x->fl & X_EOF))
        refuse(c, why);
    else
        front_close(c, false);
}

static void body_event(struct stream *s, struct buf *piece, bool end)
{
    (void)piece, (void)end;
    front_close(conn_of(s), true); /* no exchange, no body */
}

static void sent_event(struct stream *s, struct buf *spent)
{
    (void)s, (void)spent;
}

static void connected_event(struct stream *s)
{
    (void)s;
}

static void timeout_event(struct stream *s, uint8_t kind)
{
    struct conn *c = conn_of(s);
    if (kind == KIND_PROXY)
        front_turn_away(c, WHY_BAD_PROXY_HEADER);
    else if (kind == KIND_HEADER && h1_head_begun(c))
        refuse(c, WHY_HEADER_TIMEOUT);
    else
        front_close(c, false);
}

static const struct stream_events front_events = {
    head_event, body_event, sent_event, failed_event, connected_event, timeout_event,
};

void front_on_timer(struct timer *t, void *user)
{
    (void)user;
    struct conn *c = container_of(t, struct conn, timer);
    if (idle_is(c))
        idle_expired(c);
    else if (c->io.ops == &linger_io_ops)
        front_close(c, false);
    else if (c->s.up)
        c->s.up->timeout(&c->s, t->kind);
}
