/*
 * h2_request.c — from the fields of a header block to a request head as HTTP/1.1 text.
 *
 * The text is then read by the parser that reads HTTP/1 heads, so the same limits and rules hold
 * for both, and the side towards the server needs no change. What could make the text mean more
 * than the fields did (CR, LF, ":" in a name) is refused here, before it is written.
 */
#include "lb/http/h2_int.h"
#include "lb/msg/scan.h"

#include <stdio.h>

enum { TEXT_SLACK = 1024 }; /* what lb itself adds to a head at the limit */

static struct slice text_of(nghttp2_rcbuf *b)
{
    if (!b)
        return (struct slice){0};
    nghttp2_vec v = nghttp2_rcbuf_get_buf(b);
    return (struct slice){(const char *)v.base, v.len};
}

static void forget(nghttp2_rcbuf **b)
{
    if (*b)
        nghttp2_rcbuf_decref(*b);
    *b = NULL;
}

void h2_asked_clear(struct h2_asked *a)
{
    forget(&a->method);
    forget(&a->path);
    forget(&a->authority);
    forget(&a->protocol);
}

/* --- writing --- */

/* Room for n more bytes in st->head; false: the reason is noted in st->fl. */
static bool make_room(struct h2_stream *st, size_t n)
{
    struct buf *b = &st->head;
    struct segs *segs = h2_segs(st->h2);
    size_t room;
    if (st->fl & (ST_TOO_LARGE | ST_NO_MEMORY))
        return false;
    if (buf_len(b) + n > st->h2->params.limits.bytes + TEXT_SLACK) {
        st->fl |= ST_TOO_LARGE;
        return false;
    }
    for (int c = SEG_SMALL; c < SEG_CLASSES; c++) {
        if (!buf_grow(b, segs, (enum seg_class)c)) {
            st->fl |= ST_NO_MEMORY;
            return false;
        }
        (void)buf_room(b, &room);
        if (room >= n)
            return true;
    }
    st->fl |= ST_TOO_LARGE;
    return false;
}

static void put(struct h2_stream *st, struct slice s)
{
    if (!s.n || !make_room(st, s.n))
        return;
    memcpy(st->head.mem + st->head.tail, s.p, s.n);
    buf_put(&st->head, s.n);
}

static void put_line(struct h2_stream *st, struct slice name, struct slice value)
{
    put(st, name);
    put(st, SLICE(": "));
    put(st, value);
    put(st, SLICE("\r\n"));
}

/* A handshake towards the server needs a key; nobody checks what it makes of it. */
static void put_websocket_key(struct h2_stream *st)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char key[24];
    for (size_t i = 0; i < 21; i++)
        key[i] = digits[rng_next(&st->h2->env->rng) >> 58];
    memcpy(key + 21, "A==", 3); /* 16 bytes of which the last bits are zero */
    put_line(st, SLICE("sec-websocket-key"), (struct slice){key, sizeof key});
}

/* Extended CONNECT (RFC 8441) is a GET that upgrades in HTTP/1.1; any other CONNECT is written as
 * it is, and refused by the session. */
static void start(struct h2_stream *st)
{
    struct h2_asked *a = &st->h2->asked;
    struct slice method = text_of(a->method), path = text_of(a->path);
    struct slice authority = text_of(a->authority);
    bool connect = slice_eq(method, SLICE("CONNECT"));
    bool websocket = connect && slice_ieq(text_of(a->protocol), SLICE("websocket"));
    if (websocket) {
        method = SLICE("GET");
        st->fl |= ST_CONNECT;
    } else if (connect) {
        path = authority;
        st->fl |= ST_HAS_LENGTH; /* what follows is no body, and gets no framing */
    }
    st->fl |= ST_STARTED;
    put(st, method);
    put(st, SLICE(" "));
    put(st, path);
    put(st, SLICE(" HTTP/1.1\r\n"));
    if (authority.n)
        put_line(st, SLICE("host"), authority);
    if (!websocket)
        return;
    put(st, SLICE("connection: Upgrade\r\nupgrade: websocket\r\n"));
    put_websocket_key(st);
}

/* --- reading --- */

static bool pseudo(struct h2_asked *a, struct slice name, nghttp2_rcbuf *value)
{
    nghttp2_rcbuf **to = slice_eq(name, SLICE(":method"))      ? &a->method
                         : slice_eq(name, SLICE(":path"))      ? &a->path
                         : slice_eq(name, SLICE(":authority")) ? &a->authority
                         : slice_eq(name, SLICE(":protocol"))  ? &a->protocol
                                                               : NULL;
    struct slice v = text_of(value);
    if (scan_value(v.p, v.p + v.n) != v.p + v.n || (v.n && memchr(v.p, ' ', v.n)))
        return false;
    if (!to)
        return slice_eq(name, SLICE(":scheme"));
    if (*to)
        return false;
    nghttp2_rcbuf_incref(value);
    *to = value;
    return true;
}

/* Crumbs are one field in HTTP/1.1 (RFC 9113 section 8.2.3). */
static void crumb(struct h2_stream *st, struct slice value)
{
    struct buf *b = &st->head;
    if (!st->cookie_end) {
        put_line(st, SLICE("cookie"), value);
        st->cookie_end = (uint32_t)buf_len(b) - 2;
        return;
    }
    if (!make_room(st, value.n + 2))
        return;
    char *at = buf_data(b) + st->cookie_end;
    memmove(at + 2 + value.n, at, buf_len(b) - st->cookie_end);
    memcpy(at, "; ", 2);
    memcpy(at + 2, value.p, value.n);
    buf_put(b, value.n + 2);
    st->cookie_end += (uint32_t)value.n + 2;
}

static bool good_name(struct slice n)
{
    for (size_t i = 0; i < n.n; i++)
        if (!byte_is(n.p[i], BYTE_TOKEN) || (n.p[i] >= 'A' && n.p[i] <= 'Z'))
            return false;
    return n.n > 0;
}

bool h2_request_field(struct h2_stream *st, nghttp2_rcbuf *name, nghttp2_rcbuf *value)
{
    struct slice n = text_of(name), v = text_of(value);
    if (n.n && n.p[0] == ':')
        return !(st->fl & ST_STARTED) && pseudo(&st->h2->asked, n, value);
    if (!good_name(n) || scan_value(v.p, v.p + v.n) != v.p + v.n)
        return false;
    if (!(st->fl & ST_STARTED))
        start(st);
    if (slice_eq(n, SLICE("host")) && st->h2->asked.authority)
        return slice_ieq(v, text_of(st->h2->asked.authority)); /* RFC 9113 section 8.3.1 */
    if (slice_eq(n, SLICE("content-length")))
        st->fl |= ST_HAS_LENGTH;
    if (slice_eq(n, SLICE("cookie")))
        crumb(st, v);
    else if (!(st->fl & ST_CONNECT && slice_eq(n, SLICE("sec-websocket-key"))))
        put_line(st, n, v);
    return true;
}

void h2_request_done(struct h2_stream *st)
{
    if (!(st->fl & ST_STARTED))
        start(st);
    h2_asked_clear(&st->h2->asked);
}

bool h2_request_close(struct h2_stream *st)
{
    char line[48];
    bool body = !(st->fl & ST_END_IN) || st->queued;
    if (body && !(st->fl & (ST_HAS_LENGTH | ST_CONNECT))) {
        if (st->fl & ST_END_IN) { /* all of it is here */
            int n = snprintf(line, sizeof line, "content-length: %llu\r\n",
                             (unsigned long long)st->queued);
            put(st, (struct slice){line, (size_t)n});
        } else {
            put(st, SLICE("transfer-encoding: chunked\r\n"));
        }
    }
    put(st, SLICE("\r\n"));
    return !(st->fl & (ST_TOO_LARGE | ST_NO_MEMORY));
}
