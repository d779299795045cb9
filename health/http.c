/*
 * http.c — the check that makes one HTTP/1.1 request and looks at status and body.
 *
 * Without `expect body` the verdict falls with the response head. With it the body is gathered by
 * its framing, up to 64 KiB, and must be complete unless it is longer than that. One buffer serves
 * request, head and body; it exists only while the probe runs and grows as bytes come.
 */
#include "health/http.h"
#include "health/checks.h"
#include "lb/msg/chunk.h"
#include "lb/msg/framing.h"
#include "lb/net/proxyproto.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    BUF_FIRST = 4096,
    BUF_MAX = 64 * 1024,      /* bytes of a body that are looked at */
    HEAD_MAX = 16 * 1024,     /* RFC 9110 leaves it to the recipient; as for traffic */
    INTERIM_MAX = 8,          /* 1xx responses before the real one */
    CALLBACK_MAX = 64 * 1024, /* bytes read in one callback; the loop serves others too */
    CODING_MAX = 1024 * 1024, /* bytes a chunked body may take on the wire */
};

struct http_state {
    char *buf; /* owned */
    size_t len, cap;
    size_t sent;     /* of the request, which is in buf until all is sent */
    bool asked;      /* the request was sent */
    uint8_t framing; /* enum framing; once the head was good */
    bool in_body;
    uint16_t status;
    unsigned interim;
    uint64_t clen;
    size_t coded; /* bytes of a chunked body so far */
    struct chunk_scan chunk;
};

enum step { STEP_MORE, STEP_OVER }; /* OVER: the probe is done; nothing of it may be used */

static void http_cancel(struct probe *p)
{
    struct http_state *st = p->state;
    free(st->buf);
    st->buf = NULL;
}

static enum step over(struct probe *p, bool ok, const char *cause)
{
    http_cancel(p);
    probe_done(p, ok, cause);
    return STEP_OVER;
}

static enum step over_errno(struct probe *p)
{
    int error = errno;
    http_cancel(p);
    probe_done_errno(p, error);
    return STEP_OVER;
}

static enum step over_why(struct probe *p, enum why why)
{
    char text[96];
    (void)snprintf(text, sizeof text, "bad response: %s", why_word(why));
    return over(p, false, text);
}

/* The head is good and the body is here as far as it will be looked at. */
static enum step judge_body(struct probe *p)
{
    static const char *const words[] = {
        [HTTP_MATCH] = "body matches",
        [HTTP_NO_MATCH] = "body does not match",
        [HTTP_MATCH_LIMIT] = "matching the body took too long",
    };
    char text[96];
    struct http_state *st = p->state;
    enum http_match m = http_match_body(p->shared, (struct slice){st->buf, st->len});
    (void)snprintf(text, sizeof text, "status %u, %s", st->status, words[m]);
    return over(p, m == HTTP_MATCH, text);
}

/* The last `n` bytes of the buffer are new and chunked: leaves only their payload. */
static enum step take_chunked(struct probe *p, size_t n)
{
    struct http_state *st = p->state;
    size_t used, payload = 0;
    enum why why = WHY_OK;
    st->len -= n;
    st->coded += n;
    enum chunk_verdict v = chunk_decode(&st->chunk, st->buf + st->len, n, &used, &payload, &why);
    if (v == CHUNK_BAD)
        return over_why(p, why);
    st->len += payload;
    if (v == CHUNK_DONE || st->len >= BUF_MAX || st->coded >= CODING_MAX)
        return judge_body(p);
    return STEP_MORE;
}

/* The last `n` bytes of the buffer are new and of the body. */
static enum step take_body(struct probe *p, size_t n)
{
    struct http_state *st = p->state;
    switch (st->framing) {
    case FRAMING_CHUNKED:
        return take_chunked(p, n);
    case FRAMING_LENGTH:
        if (st->len > st->clen)
            st->len = (size_t)st->clen;
        return st->len == st->clen || st->len >= BUF_MAX ? judge_body(p) : STEP_MORE;
    case FRAMING_CLOSE:
        return st->len >= BUF_MAX ? judge_body(p) : STEP_MORE;
    default:
        st->len = 0;
        return judge_body(p);
    }
}

static void drop_front(struct http_state *st, size_t n)
{
    st->len -= n;
    memmove(st->buf, st->buf + n, st->len);
}

/* A whole final head is at the front of the buffer. */
static enum step take_final(struct probe *p, struct head *h)
{
    const struct http_spec *spec = p->shared;
    struct http_state *st = p->state;
    struct framing_asked asked = {.method = spec->method};
    enum why why = WHY_OK;
    char text[32];
    st->status = h->status;
    (void)snprintf(text, sizeof text, "status %u", h->status);
    if (h->status > 999 || !(spec->good[h->status / 64] >> (h->status % 64) & 1))
        return over(p, false, text);
    if (!framing_response(h, &asked, &why))
        return over_why(p, why);
    if (!spec->body)
        return over(p, true, text);
    st->framing = h->framing;
    st->clen = h->clen;
    st->in_body = true;
    chunk_init(&st->chunk);
    drop_front(st, h->len);
    return take_body(p, st->len);
}

/* Parses heads from the front of the buffer; interim ones are passed over. */
static enum step take_head(struct probe *p)
{
    static const struct head_limits limits = {.bytes = HEAD_MAX, .fields = HEAD_FIELDS_MAX};
    struct http_state *st = p->state;
    for (;;) {
        struct head h;
        uint32_t resume = 0; /* heads of checks come in one piece: nothing to save */
        enum why why = WHY_OK;
        enum head_verdict v = head_response(&h, st->buf, st->len, &resume, &limits, &why);
        if (v == HEAD_BAD)
            return over_why(p, why);
        if (v == HEAD_MORE)
            return st->len < BUF_MAX ? STEP_MORE : over_why(p, WHY_RESPONSE_TOO_LARGE);
        if (h.status >= 200 || h.status == 101)
            return take_final(p, &h);
        if (++st->interim > INTERIM_MAX)
            return over(p, false, "too many interim responses");
        drop_front(st, h.len);
    }
}

/* The server has sent all it will. */
static enum step take_end(struct probe *p)
{
    struct http_state *st = p->state;
    if (st->in_body && st->framing == FRAMING_CLOSE)
        return judge_body(p);
    if (st->in_body || st->len)
        return over(p, false, "closed in the middle of the response");
    return over(p, false, "closed without a response");
}

static bool make_room(struct http_state *st)
{
    if (st->len < st->cap)
        return true;
    size_t cap = st->cap < BUF_FIRST ? BUF_FIRST : st->cap * 2;
    char *more = realloc(st->buf, cap < BUF_MAX ? cap : BUF_MAX);
    if (!more)
        return false;
    st->buf = more;
    st->cap = cap < BUF_MAX ? cap : BUF_MAX;
    return true;
}

/* One read and what follows from it. STEP_MORE with no IO_RD left: wait. */
static enum step receive(struct probe *p, size_t *budget)
{
    struct http_state *st = p->state;
    if (!make_room(st)) {
        http_cancel(p);
        probe_give_up(p, ENOMEM);
        return STEP_OVER;
    }
    size_t room = st->cap - st->len;
    ssize_t n = io_recv(&p->io, st->buf + st->len, room < *budget ? room : *budget);
    if (n == IO_AGAIN)
        return STEP_MORE;
    if (n == IO_FAIL)
        return over_errno(p);
    if (n == 0)
        return take_end(p);
    *budget -= (size_t)n;
    st->len += (size_t)n;
    return st->in_body ? take_body(p, (size_t)n) : take_head(p);
}

/* Sends what is left of the request. */
static enum step ask(struct probe *p)
{
    struct http_state *st = p->state;
    while (st->sent < st->len) {
        ssize_t n = io_send(&p->io, st->buf + st->sent, st->len - st->sent);
        if (n == IO_AGAIN)
            return STEP_MORE;
        if (n == IO_FAIL)
            return over_errno(p);
        st->sent += (size_t)n;
    }
    st->len = 0;
    st->asked = true;
    return STEP_MORE;
}

static void http_ready(struct io *io)
{
    struct probe *p = container_of(io, struct probe, io);
    struct http_state *st = p->state;
    size_t budget = CALLBACK_MAX;
    if (!probe_connected(p))
        return;
    if (!st->asked && (ask(p) == STEP_OVER || !st->asked))
        return;
    while ((io->fl & IO_RD) && budget)
        if (receive(p, &budget) == STEP_OVER)
            return;
    if (io->fl & IO_RD)
        io_kick(io);
}

/* A server behind `proxy-protocol` wants the header of a check's connection too: LOCAL, UNKNOWN. */
static bool announce(struct http_state *st, unsigned version)
{
    char head[64];
    size_t n = proxy_write(head, sizeof head, &(struct proxy_out){.version = version});
    char *whole = malloc(st->len + n);
    if (!whole) {
        free(st->buf);
        st->buf = NULL;
        return false;
    }
    memcpy(whole, head, n);
    memcpy(whole + n, st->buf, st->len);
    free(st->buf);
    st->buf = whole;
    st->len = st->cap = st->len + n;
    return true;
}

static bool write_request(struct http_state *st, const struct http_spec *spec, const char *host)
{
    if (strncmp(host, "unix:", 5) == 0)
        host = "localhost"; /* a path is no host; the field must be there (RFC 9112 section 3.2) */
    int n = asprintf(&st->buf, "%s%s%s", spec->head, spec->host ? spec->host : host, spec->tail);
    if (n < 0) {
        st->buf = NULL;
        return false;
    }
    st->len = st->cap = (size_t)n;
    return true;
}

static void http_start(struct probe *p)
{
    static const struct io_ops ops = {.ready = http_ready};
    p->io.ops = &ops;
    if (write_request(p->state, p->shared, p->host) && (!p->proxy || announce(p->state, p->proxy)))
        http_ready(&p->io);
    else
        probe_give_up(p, ENOMEM);
}

const struct check check_http = {
    .desc =
        {
            .name = "http",
            .help = "passes when an HTTP/1.1 request is answered as expected",
            .specs = http_opts,
            .nspecs = HTTP_NOPTS,
            .args_min = 2,
            .args_max = 2,
            .args_help = "METHOD PATH",
        },
    .prepare = http_prepare,
    .release = http_release,
    .start = http_start,
    .cancel = http_cancel,
    .state_size = sizeof(struct http_state),
};
