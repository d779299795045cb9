/*
 * front_h2.c — HTTP/2 clients: telling them from HTTP/1, and what becomes of a new stream.
 *
 * A stream with an exchange is a session's front like any other; here is only what has no exchange:
 * requests that can't become one, connections whose bind is gone.
 */
#include "lb/session/session.h"

#include "lb/http/h2.h"
#include "lb/http/http.h"
#include "lb/session/logline.h"

/* --- streams without a session --- */

static bool orphan(const struct conn *c)
{
    return !((struct acceptor *)c->home)->fe;
}

static void count(struct conn *c)
{
    struct acceptor *a = c->home;
    uint32_t most = a->fe->cfg->limits.requests;
    stat_add(&a->line->stat[FE_H2_REQS], 1);
    if (most && c->exchanges + 1 == most) /* this is the last one */
        h2_drain(c, false);
}

static void head_event(struct stream *s, struct head *h)
{
    struct conn *c = stream_conn(s);
    if (orphan(c)) {
        front_finish(s, STREAM_RESET);
        return;
    }
    count(c);
    request_begin(s, h);
}

/* Answers what could not become a request. */
static void failed_event(struct stream *s, enum why why)
{
    struct conn *c = stream_conn(s);
    struct session *x =
        orphan(c) || !why_info(why)->status ? NULL : session_new(shard_of(c), s, true);
    if (!x) {
        front_finish(s, STREAM_RESET);
        return;
    }
    count(c);
    x->minor = 1;
    if (x->fe->access_sink)
        logline_note(x, NULL);
    reply_canned(x, why_info(why)->status, why, NULL);
}

static void body_event(struct stream *s, struct buf *piece, bool end)
{
    (void)piece, (void)end;
    front_finish(s, STREAM_RESET); /* no exchange, no body */
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
    (void)s, (void)kind;
}

static const struct stream_events h2_events = {
    head_event, body_event, sent_event, failed_event, connected_event, timeout_event,
};

/* --- connections --- */

static void abort_event(struct stream *s, enum why why)
{
    front_failed_hard(session_of(s), why);
}

static void gone(struct conn *c, bool linger)
{
    if (linger)
        front_linger(c);
    else
        front_close(c, false);
}

static void fault(struct conn *c, enum why why)
{
    struct acceptor *a = c->home;
    stat_add(&a->line->stat[why == WHY_H2_FLOOD ? FE_H2_FLOODS : FE_H2_ERRORS], 1);
}

static const struct h2_owner h2_owner = {&h2_events, abort_event, gone, fault};

bool front_h2_begin(struct conn *c)
{
    struct acceptor *a = c->home;
    const struct cfg_frontend *fe = a->fe->cfg;
    struct h2_params p = {
        .limits = {fe->limits.header_bytes, (uint16_t)fe->limits.header_fields,
                   fe->limits.target_bytes},
        .body_max = fe->limits.body_bytes,
        .idle_ms = fe->timeouts.idle,
        .header_ms = fe->timeouts.header,
    };
    if (!h2_begin(c, &h2_owner, &p))
        return false;
    stat_add(&a->line->stat[FE_H2_CONNS], 1);
    return true;
}

void front_h2_orphaned(struct acceptor *a)
{
    list_each_safe (n, &a->sh->clients) {
        struct conn *c = container_of(n, struct conn, grave.link);
        if (c->home == a && h2_is(c))
            h2_drain(c, true);
    }
}

/* --- telling HTTP/2 from HTTP/1 without TLS: by the preface (RFC 9113 section 3.3) --- */

static void decide(struct conn *c)
{
    const struct buf *in = &c->x->in;
    size_t len = buf_len(in) < H2_PREFACE_LEN ? buf_len(in) : H2_PREFACE_LEN;
    if (memcmp(buf_data(in), H2_PREFACE, len) != 0)
        front_protocol_known(c, (struct slice){0});
    else if (len == H2_PREFACE_LEN)
        front_protocol_known(c, SLICE("h2"));
    else if (c->io.fl & IO_RD)
        io_kick(&c->io);
}

static void sniff(struct io *io)
{
    struct conn *c = conn_of_io(io);
    if (c->s.owner) { /* told 408 */
        h1_ready(io);
        return;
    }
    if (!(io->fl & IO_RD))
        return;
    ssize_t n = conn_activate(c) ? conn_read(c, SEG_SMALL, SHARE_BEGIN) : IO_FAIL;
    if (n > 0)
        decide(c);
    else if (n != IO_AGAIN)
        front_close(c, false);
    else if (!buf_len(&c->x->in)) /* an idle connection keeps no buffer */
        conn_deactivate(c);
}

const struct io_ops front_sniff_ops = {sniff, conn_flush};
