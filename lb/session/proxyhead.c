/*
 * proxyhead.c — the PROXY protocol towards both sides: clients' connections that begin with a
 * header, and servers that are sent one.
 *
 * A bind either wants the header from everybody or from nobody: what a client may choose to send is
 * no evidence. The header is peeked at until it is whole and then taken, so that no buffer is held
 * meanwhile and what follows (a TLS handshake, a request) stays where its reader will look.
 */
#include "lb/session/session.h"
#include "lb/tls/tls_io.h"

#include "lb/net/proxyproto.h"

#include <errno.h>

enum { ANNOUNCE_MAX = 512 };

/* --- in --- */

/* Takes the n bytes that were peeked at out of the socket. */
static bool take(int fd, size_t n)
{
    char sink[PROXY_HEAD_MAX];
    return recv(fd, sink, n, 0) == (ssize_t)n;
}

static void ready(struct io *io)
{
    struct conn *c = conn_of_io(io);
    char bytes[PROXY_HEAD_MAX];
    struct proxy_head h;
    if (!(io->fl & IO_RD))
        return;
    ssize_t n = recv(io->fd, bytes, sizeof bytes, MSG_PEEK);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        io->fl &= (uint16_t)~IO_RD;
        return;
    }
    enum proxy_verdict v = n > 0 ? proxy_parse(bytes, (size_t)n, &h) : PROXY_BAD;
    if (v == PROXY_MORE && !(io->fl & IO_HUP)) {
        io->fl &= (uint16_t)~IO_RD; /* the next bytes make an edge */
        return;
    }
    if (v != PROXY_DONE || !take(io->fd, h.len)) {
        front_turn_away(c, WHY_BAD_PROXY_HEADER);
        return;
    }
    if (h.named)
        c->peer = h.src;
    front_greet(c);
}

static void nothing_staged(struct io *io)
{
    (void)io;
}

static const struct io_ops proxy_io_ops = {ready, nothing_staged};

void proxy_await(struct conn *c)
{
    struct acceptor *a = c->home;
    const struct cfg_bind *bind = a->bind;
    uint32_t ms = a->fe->cfg->timeouts.header;
    if (c->peer.family != AF_UNIX && !peer_in(&c->peer, bind->proxy_trust, bind->nproxy_trust)) {
        front_turn_away(c, WHY_BAD_PROXY_HEADER);
        return;
    }
    c->io.ops = &proxy_io_ops;
    if (ms)
        loop_timer_set(c->io.loop, &c->timer, TIMER_CONN, KIND_PROXY, ms);
    ready(&c->io);
}

/* --- out --- */

bool proxy_announced(const struct session *s)
{
    return s->be->any_proxy && s->be->cfg->servers[s->server].proxy_protocol;
}

/* Room for n bytes in front of what is in `b`. */
static bool headroom(struct buf *b, struct segs *segs, size_t n)
{
    if (!b->mem)
        return buf_want(b, segs, SEG_SMALL);
    if (b->head >= n)
        return true;
    enum seg_class larger = b->cap < seg_size(SEG_MEDIUM) ? SEG_MEDIUM : SEG_LARGE;
    return b->cap < seg_size(larger) && buf_grow(b, segs, larger);
}

bool proxy_announce(struct session *s)
{
    char text[ANNOUNCE_MAX];
    struct sockaddr_storage local = {0};
    socklen_t len = sizeof local;
    struct peer dst = {0};
    if (getsockname(stream_conn(s->front)->io.fd, (struct sockaddr *)&local, &len) == 0)
        peer_of(&dst, (const struct sockaddr *)&local);
    const struct proxy_tlv id = {PROXY_TLV_UNIQUE_ID, {s->id, s->id_n}};
    const struct proxy_out o = {
        .version = s->be->cfg->servers[s->server].proxy_protocol,
        .src = &s->peer,
        .dst = &dst,
        .tlv = &id,
        .ntlv = 1,
    };
    size_t n = proxy_write(text, sizeof text, &o);
    struct io *back = &conn_of(s->back)->io;
    if (n && tls_on(back)) /* in front of the handshake, in the clear */
        return tls_prepend(back, text, n);
    if (!n || !headroom(&s->req, s->sh->env.loop.segs, n))
        return false;
    s->req_off = s->req.head; /* where the request begins, for another attempt */
    s->req.head -= (uint32_t)n;
    memcpy(buf_data(&s->req), text, n);
    return true;
}
