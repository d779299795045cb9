/*
 * h1.c — reading HTTP/1 messages and writing them, on one connection.
 *
 * States: RD_HEAD (a head is awaited), RD_BODY, RD_DONE (complete; the owner decides what is next),
 * RD_TUNNEL (raw bytes). A read is made only when the owner has asked for more, so a slow other
 * side stops it without touching the event.
 */
#include "lb/http/http.h"

#include <assert.h>
#include <errno.h>

enum {
    BODY_BUDGET = 1024 * 1024, /* bytes one message may move per wake-up */
    BULK = 64 * 1024,          /* bytes of body from which large segments are used */
};

static bool is_front(const struct conn *c)
{
    return c->s.ops == &h1_front_ops;
}

static void fail(struct conn *c, enum why why)
{
    c->s.up->failed(&c->s, why);
}

/* The peer ended its side. What that means depends on what was awaited. */
static void at_eof(struct conn *c)
{
    struct h1 *h = h1_of(c);
    h->x.fl |= X_EOF;
    if (h->x.state == RD_BODY && h->framing == FRAMING_CLOSE) {
        struct buf none = {0};
        h->x.state = RD_DONE;
        h->x.fl |= X_PAUSED;
        c->s.up->body(&c->s, &none, true);
        return;
    }
    if (is_front(c))
        fail(c, h->x.state == RD_HEAD && !buf_len(&h->x.in) ? WHY_CLOSED : WHY_CLIENT_CLOSED);
    else
        fail(c, h->x.state == RD_HEAD ? WHY_SERVER_CLOSED : WHY_RESPONSE_TRUNCATED);
}

static void read_failed(struct conn *c)
{
    if (errno == ENOBUFS)
        fail(c, WHY_MEMORY_LIMIT);
    else
        fail(c, is_front(c) ? WHY_CLIENT_RESET : WHY_SERVER_RESET);
}

/* More input; false when there is none now (or the connection is gone). */
static bool more(struct conn *c, enum seg_class class)
{
    if (!(c->io.fl & IO_RD))
        return false;
    bool begins = c->x->state == RD_HEAD && is_front(c);
    ssize_t n = conn_read(c, class, begins ? SHARE_BEGIN : SHARE_GO_ON);
    if (n > 0)
        return true;
    if (n == 0)
        at_eof(c);
    else if (n == IO_FAIL)
        read_failed(c);
    return false;
}

static enum head_verdict parse(struct conn *c, struct head *out, enum why *why)
{
    struct h1 *h = h1_of(c);
    struct buf *in = &h->x.in;
    if (!is_front(c))
        return head_response(out, buf_data(in), buf_len(in), &h->resume, &h->limits, why);
    if (h->resume == 0)
        buf_took(in, head_skip_crlf(buf_data(in), buf_len(in)));
    if (!buf_len(in))
        return HEAD_MORE;
    return head_request(out, buf_data(in), buf_len(in), &h->resume, &h->limits, why);
}

/* A head that does not fit its segment moves to a larger one. false: refused. */
static bool make_room(struct conn *c)
{
    struct buf *in = &h1_of(c)->x.in;
    size_t room;
    if (!in->mem || (buf_room(in, &room), room > 0))
        return true;
    enum seg_class class = in->cap < seg_size(SEG_MEDIUM) ? SEG_MEDIUM : SEG_LARGE;
    if (in->cap >= seg_size(SEG_LARGE)) {
        fail(c, is_front(c) ? WHY_HEADER_TOO_LARGE : WHY_RESPONSE_TOO_LARGE);
        return false;
    }
    if (buf_grow(in, c->io.loop->segs, class))
        return true;
    fail(c, WHY_MEMORY_LIMIT);
    return false;
}

/* One step in RD_HEAD; false: nothing more to do now. */
static bool read_head(struct conn *c)
{
    struct h1 *h = h1_of(c);
    struct head *head = &conn_env(c)->head;
    enum why why = WHY_BAD_REQUEST_LINE;
    if (buf_len(&h->x.in)) {
        switch (parse(c, head, &why)) {
        case HEAD_DONE:
            h->resume = 0;
            h->x.fl |= X_PAUSED;
            c->s.up->head(&c->s, head);
            return true;
        case HEAD_BAD:
            fail(c, why);
            return false;
        case HEAD_MORE:
            break;
        }
    }
    if (!make_room(c))
        return false;
    if (buf_len(&h->x.in) &&
        !(c->io.fl & IO_RD)) { /* a part of a head, and maybe a reset with it */
        conn_probe(c);
        return false;
    }
    return more(c, c->bulk ? SEG_LARGE : SEG_SMALL);
}

/* Scans n body bytes at p. *used: those that belong to the body. */
static bool scan(struct h1 *h, char *p, size_t n, size_t *used, size_t *payload, bool *end,
                 enum why *why)
{
    *end = false;
    switch (h->framing) {
    case FRAMING_LENGTH:
        *used = *payload = n < h->left ? n : (size_t)h->left;
        h->left -= *used;
        *end = h->left == 0;
        return true;
    case FRAMING_CHUNKED: {
        enum chunk_verdict v = h->x.fl & X_DECODE
                                   ? chunk_decode(&h->chunk, p, n, used, payload, why)
                                   : chunk_scan(&h->chunk, p, n, used, why);
        if (!(h->x.fl & X_DECODE))
            *payload = *used;
        *end = v == CHUNK_DONE;
        if (h->body_max && h->chunk.total > h->body_max && v != CHUNK_BAD) {
            *why = WHY_BODY_TOO_LARGE;
            return false;
        }
        return v != CHUNK_BAD;
    }
    case FRAMING_CLOSE:
        *used = *payload = n;
        return true;
    default:
        *used = *payload = 0;
        *end = true;
        return true;
    }
}

/* Hands the body bytes in x.in over; what follows them stays. */
static void deliver(struct conn *c, size_t used, size_t payload, bool end)
{
    struct h1 *h = h1_of(c);
    struct loop *loop = c->io.loop;
    struct buf piece = {0};
    if (end)
        h->x.state = RD_DONE;
    h->x.fl |= X_PAUSED;
    if (!conn_take(c, &piece, used)) {
        fail(c, WHY_MEMORY_LIMIT);
        return;
    }
    piece.tail -= (uint32_t)(used - payload); /* decoding moved the payload to the front */
    c->s.up->body(&c->s, &piece, end);
    buf_drop(&piece, loop->segs);
}

/* The class for the next read: large once a read filled its segment, else by what is to come. */
static enum seg_class body_class(const struct h1 *h)
{
    if ((h->x.fl & X_BULK) || (h->framing == FRAMING_LENGTH && h->left >= BULK))
        return SEG_LARGE;
    return h->framing == FRAMING_LENGTH && h->left < 2048 ? SEG_SMALL : SEG_MEDIUM;
}

static bool read_body(struct conn *c, size_t *moved)
{
    struct h1 *h = h1_of(c);
    if (!buf_len(&h->x.in) && !more(c, body_class(h)))
        return false;
    size_t used = 0, payload = 0;
    bool end = false;
    enum why why = WHY_BAD_CHUNK_SIZE;
    if (!scan(h, buf_data(&h->x.in), buf_len(&h->x.in), &used, &payload, &end, &why)) {
        fail(c, is_front(c) ? why : WHY_BAD_RESPONSE_BODY);
        return false;
    }
    *moved += used;
    conn_env(c)->copied += used;
    c->bulk |= h->chunk.total >= BULK;
    if (!payload && !end) { /* only framing was decoded away: nothing to hand over */
        buf_took(&h->x.in, used);
        if (!buf_len(&h->x.in))
            buf_drop(&h->x.in, c->io.loop->segs);
        return true;
    }
    deliver(c, used, payload, end);
    return true;
}

static bool step(struct conn *c, size_t *moved)
{
    switch (c->x->state) {
    case RD_HEAD:
        return read_head(c);
    case RD_BODY:
        return read_body(c, moved);
    default:
        return false;
    }
}

void h1_advance(struct conn *c)
{
    struct xfer *x = c->x;
    if (!x || (x->fl & X_BUSY))
        return;
    if (x->state == RD_TUNNEL) {
        conn_tunnel_read(c);
        return;
    }
    size_t moved = 0;
    x->fl |= X_BUSY;
    while (c->x && !(x->fl & X_PAUSED) && x->state != RD_TUNNEL) {
        if (moved >= BODY_BUDGET) {
            io_kick(&c->io);
            break;
        }
        if (!step(c, &moved))
            break;
    }
    if (!c->x)
        return;
    x->fl &= (uint16_t)~X_BUSY;
    if (x->state == RD_TUNNEL && !(x->fl & X_PAUSED))
        conn_tunnel_read(c);
}

void h1_ready(struct io *io)
{
    struct conn *c = conn_of_io(io);
    if (!conn_woken(c) || !c->x || !((io->fl & IO_RD) || buf_len(&c->x->in)))
        return;
    if (c->x->state != RD_DONE || !is_front(c))
        h1_advance(c);
    else if (io->fl & IO_RD)
        conn_probe(c); /* nothing to read, but a reset ends the exchange */
}

const struct io_ops h1_io_ops = {h1_ready, conn_flush};

bool h1_begin(struct conn *c, const struct head_limits *limits, uint64_t body_max)
{
    if (!conn_activate(c))
        return false;
    struct h1 *h = h1_of(c);
    h->limits = *limits;
    h->body_max = body_max;
    h->resume = 0;
    h->left = 0;
    h->framing = FRAMING_NONE;
    h->x.state = RD_HEAD;
    return true;
}

void h1_next(struct conn *c)
{
    struct h1 *h = h1_of(c);
    bool here = buf_len(&h->x.in) > 0 || (c->io.fl & IO_RD);
    if (!here) {
        conn_deactivate(c);
        return;
    }
    assert(!h->x.out.mem);
    h->x.fl &= X_EOF | X_BUSY;
    h->x.state = RD_HEAD;
    h->resume = 0;
    io_kick(&c->io);
}

bool h1_head_begun(const struct conn *c)
{
    return c->x && c->x->state == RD_HEAD && buf_len(&c->x->in) > 0;
}

static bool open_body(struct stream *s, const struct head *head, bool decode, size_t *body,
                      bool *end, enum why *why)
{
    struct conn *c = conn_of(s);
    struct h1 *h = h1_of(c);
    struct buf *in = &h->x.in;
    *body = 0;
    h->framing = head->framing;
    h->left = head->clen;
    h->x.fl = (uint16_t)(decode ? h->x.fl | X_DECODE : h->x.fl & ~X_DECODE);
    *end = head->framing == FRAMING_NONE || (head->framing == FRAMING_LENGTH && !head->clen);
    if (head->framing == FRAMING_TUNNEL) { /* bytes behind the head belong to the tunnel */
        *end = is_front(c);                /* CONNECT: the answer decides whether there is one */
        h->x.state = *end ? RD_DONE : RD_TUNNEL;
        return true;
    }
    h->x.state = *end ? RD_DONE : RD_BODY;
    if (head->framing != FRAMING_CHUNKED)
        c->bulk = head->framing == FRAMING_LENGTH && head->clen >= BULK;
    if (*end)
        return true;
    chunk_init(&h->chunk);
    size_t used = 0, payload = 0, here = buf_len(in) - head->len;
    if (!here)
        return true;
    if (!scan(h, buf_data(in) + head->len, here, &used, &payload, end, why)) {
        *why = is_front(c) ? *why : WHY_BAD_RESPONSE_FRAMING;
        return false;
    }
    if (payload != used) /* decoded: close the gap to what follows */
        memmove(buf_data(in) + head->len + payload, buf_data(in) + head->len + used, here - used);
    in->tail -= (uint32_t)(used - payload);
    *body = payload;
    if (*end)
        h->x.state = RD_DONE;
    return true;
}

static bool take(struct stream *s, struct buf *to, size_t n)
{
    return conn_take(conn_of(s), to, n);
}

/* Frames the body bytes b[at..) as one chunk; `end` adds the last one. false: no room. */
static bool encode_at(struct conn *c, struct buf *b, size_t at, bool end)
{
    static const char last[] = "0\r\n\r\n";
    char line[CHUNK_HEAD_MAX];
    size_t n = buf_len(b) - at;
    if (n) {
        size_t head = chunk_head_before(line + sizeof line, n);
        if (b->cap - b->tail < head + 2 + sizeof last &&
            !buf_grow(b, c->io.loop->segs, b->cap < seg_size(SEG_MEDIUM) ? SEG_MEDIUM : SEG_LARGE))
            return false;
        char *p = buf_data(b) + at;
        if (at == 0 && b->head >= head) {
            b->head -= (uint32_t)head;
            p -= head;
        } else {
            memmove(p + head, p, n);
            b->tail += (uint32_t)head;
        }
        memcpy(p, line + sizeof line - head, head);
        memcpy(b->mem + b->tail, "\r\n", 2);
        b->tail += 2;
    }
    if (end) {
        if (!buf_want(b, c->io.loop->segs, SEG_SMALL))
            return false;
        memcpy(b->mem + b->tail, last, 5);
        b->tail += 5;
    }
    return true;
}

static bool send_head(struct stream *s, struct head *h, const struct edits *e, struct buf *b,
                      bool encode, bool end)
{
    struct conn *c = conn_of(s);
    size_t body = buf_len(b) - h->len;
    if (!edits_apply(e, h, b))
        return false;
    c->x->fl = (uint16_t)(encode ? c->x->fl | X_ENCODE : c->x->fl & ~X_ENCODE);
    if (encode && !encode_at(c, b, buf_len(b) - body, end))
        return false;
    conn_send(c, b);
    return true;
}

static void send_piece(struct stream *s, struct buf *piece, bool end)
{
    struct conn *c = conn_of(s);
    if ((c->x->fl & X_ENCODE) && !encode_at(c, piece, 0, end)) {
        fail(c, WHY_MEMORY_LIMIT);
        return;
    }
    conn_send(c, piece);
}

static void resume(struct stream *s)
{
    struct conn *c = conn_of(s);
    c->x->fl &= (uint16_t)~X_PAUSED;
    h1_advance(c);
}

static void tunnel(struct stream *s)
{
    struct conn *c = conn_of(s);
    c->x->state = RD_TUNNEL;
    c->x->fl &= (uint16_t) ~(X_ENCODE | X_DECODE);
}

static void shut(struct stream *s)
{
    conn_shut(conn_of(s));
}

#define H1_OPS                                                                                     \
    .open_body = open_body, .take = take, .send_head = send_head, .send = send_piece,              \
    .resume = resume, .tunnel = tunnel, .shut = shut

const struct stream_ops h1_front_ops = {.name = "h1-front", H1_OPS};
const struct stream_ops h1_back_ops = {.name = "h1-back", H1_OPS};
