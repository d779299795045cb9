/* referee.c — see referee.h. */
#include "tests/http/referee.h"

#include <llhttp.h>
#include <stdio.h>
#include <stdlib.h>

struct seen {
    uint64_t payload;
    int skip; /* what on_headers_complete answers: 0 body as told, 1 no body, 2 tunnel */
    bool complete;
};

static int on_headers(llhttp_t *ll)
{
    return ((struct seen *)ll->data)->skip;
}

static int on_body(llhttp_t *ll, const char *at, size_t n)
{
    (void)at;
    ((struct seen *)ll->data)->payload += n;
    return 0;
}

static int on_complete(llhttp_t *ll)
{
    ((struct seen *)ll->data)->complete = true;
    return HPE_PAUSED;
}

/* Runs llhttp over p[0..n). *end gets where the message ends; NULL or the error's name. */
static const char *judge(const char *p, size_t n, bool request, struct seen *seen, size_t *end)
{
    llhttp_t ll;
    llhttp_settings_t s;
    llhttp_settings_init(&s);
    s.on_headers_complete = on_headers;
    s.on_body = on_body;
    s.on_message_complete = on_complete;
    llhttp_init(&ll, request ? HTTP_REQUEST : HTTP_RESPONSE, &s);
    ll.data = seen;
    llhttp_errno_t e = llhttp_execute(&ll, p, n);
    *end = n;
    if (e == HPE_PAUSED || e == HPE_PAUSED_UPGRADE) {
        *end = (size_t)(llhttp_get_error_pos(&ll) - p);
        return NULL;
    }
    return e == HPE_OK ? NULL : llhttp_errno_name(e);
}

static bool method_known(struct slice m)
{
#define KNOWN(number, name, string) || slice_eq(m, SLICE(#string))
    return false HTTP_METHOD_MAP(KNOWN);
#undef KNOWN
}

/* A body for the framing: its bytes and how many. */
static size_t body_for(const struct head *h, char *out, size_t max)
{
    static const char chunked[] = "3\r\nabc\r\n0\r\n\r\n";
    if (h->framing == FRAMING_CHUNKED) {
        memcpy(out, chunked, sizeof chunked - 1);
        return sizeof chunked - 1;
    }
    size_t n = h->framing == FRAMING_LENGTH && h->clen < max ? (size_t)h->clen : 0;
    memset(out, 'x', n);
    return n;
}

const char *referee_head(const struct head *h, bool request, const struct framing_asked *asked)
{
    static const char next[] = "GET /next HTTP/1.1\r\nHost: n\r\n\r\n";
    enum { BODY_MAX = 4096 };
    struct seen seen = {0};
    static _Thread_local char said[96];
    size_t end, n = h->len;
    if (request && !method_known(h->method_text))
        return NULL;
    if (h->framing == FRAMING_LENGTH && h->clen >= BODY_MAX)
        return NULL;
    char *m = malloc(h->len + BODY_MAX + sizeof next);
    if (!m)
        return "out of memory";
    memcpy(m, h->base, n);
    n += body_for(h, m + n, BODY_MAX);
    size_t want = h->framing == FRAMING_CLOSE ? n + sizeof next - 1 : n;
    memcpy(m + n, next, sizeof next - 1);
    if (!request && h->framing == FRAMING_NONE) /* llhttp leaves HEAD, 1xx, 204, 304 to its user */
        seen.skip =
            asked->method == M_HEAD || h->status < 200 || h->status == 204 || h->status == 304;
    if (!request && h->framing == FRAMING_TUNNEL)
        seen.skip = 2;
    const char *fault = judge(m, n + sizeof next - 1, request, &seen, &end);
    free(m);
    if (fault) {
        snprintf(said, sizeof said, "llhttp refuses: %s", fault);
        return said;
    }
    if (end == want && seen.complete == (h->framing != FRAMING_CLOSE))
        return NULL;
    snprintf(said, sizeof said, "llhttp sees the end at %zu, not %zu", end, want);
    return said;
}

const char *referee_chunked(const char *p, size_t n, uint64_t payload)
{
    static const char head[] = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    struct seen seen = {0};
    size_t end, start = sizeof head - 1;
    char *m = malloc(start + n + 4);
    if (!m)
        return "out of memory";
    memcpy(m, head, start);
    memcpy(m + start, p, n);
    memcpy(m + start + n, "NEXT", 4);
    const char *fault = judge(m, start + n + 4, true, &seen, &end);
    free(m);
    if (fault)
        return fault;
    return end == start + n && seen.payload == payload ? NULL : "llhttp sees another end";
}
