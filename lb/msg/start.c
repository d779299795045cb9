/*
 * start.c — the first line of a head: METHOD SP TARGET SP HTTP/1.x, or HTTP/1.x SP 3DIGIT SP text.
 *
 * Exactly one SP stands between the parts and CRLF at the end; the lenient reading that RFC 9112
 * section 3 allows a recipient is not used. What is refused is refused at the first byte that shows
 * it, so a stream that is no HTTP (a TLS hello, say) does not wait for a time limit.
 */
#include "lb/msg/parse.h"
#include "lb/msg/scan.h"

enum { VERSION_LEN = 8 }; /* "HTTP/1.1" */

static enum head_verdict bad(enum why *why, enum why w)
{
    *why = w;
    return HEAD_BAD;
}

/* A byte that ends the line too early: LF alone is named as such wherever it stands. */
static enum head_verdict bad_at(enum why *why, char c, enum why w)
{
    return bad(why, c == '\n' ? WHY_BARE_LF : w);
}

static uint8_t method_of(const char *p, size_t n)
{
#define METHOD_IS(s) (memcmp(p, s, sizeof(s) - 1) == 0)
    switch (n) {
    case 3:
        return METHOD_IS("GET") ? M_GET : METHOD_IS("PUT") ? M_PUT : M_OTHER;
    case 4:
        return METHOD_IS("POST") ? M_POST : METHOD_IS("HEAD") ? M_HEAD : M_OTHER;
    case 5:
        return METHOD_IS("PATCH") ? M_PATCH : METHOD_IS("TRACE") ? M_TRACE : M_OTHER;
    case 6:
        return METHOD_IS("DELETE") ? M_DELETE : M_OTHER;
    case 7:
        return METHOD_IS("OPTIONS") ? M_OPTIONS : METHOD_IS("CONNECT") ? M_CONNECT : M_OTHER;
    default:
        return M_OTHER;
    }
#undef METHOD_IS
}

/* Method and its SP; *p moves behind them. */
static enum head_verdict take_method(struct head *h, const char **p, const char *end, enum why *why)
{
    const char *q = *p;
    while (q < end && byte_is(*q, BYTE_TOKEN))
        q++;
    if (q == end)
        return HEAD_MORE;
    if (*q == '\r')
        return bad(why, WHY_BAD_REQUEST_LINE);
    if (*q != ' ' || q == *p)
        return bad_at(why, *q, WHY_BAD_METHOD);
    h->method_text = (struct slice){*p, (size_t)(q - *p)};
    h->method = method_of(*p, h->method_text.n);
    *p = q + 1;
    return HEAD_DONE;
}

/* Target and its SP; *p moves behind them. */
static enum head_verdict take_target(struct head *h, const char **p, const char *end, uint32_t max,
                                     enum why *why)
{
    const char *t = *p, *stop = (size_t)(end - t) > max ? t + max + 1 : end;
    const char *q = scan_target(t, stop);
    if (q == stop)
        return (size_t)(q - t) > max ? bad(why, WHY_TARGET_TOO_LONG) : HEAD_MORE;
    if (*q == '\r' || (*q == ' ' && q == t))
        return bad(why, WHY_BAD_REQUEST_LINE);
    if (*q != ' ')
        return bad_at(why, *q, WHY_BAD_TARGET);
    h->target = (struct slice){t, (size_t)(q - t)};
    *p = q + 1;
    return HEAD_DONE;
}

/* "HTTP/1.0" or "HTTP/1.1"; *p moves behind it. */
static enum head_verdict take_version(struct head *h, const char **p, const char *end,
                                      enum why *why)
{
    static const char form[] = "HTTP/9.9";
    const char *v = *p;
    if (UNLIKELY(end - v < VERSION_LEN || memcmp(v, "HTTP/1.", 7) != 0 || (v[7] | 1) != '1')) {
        for (int i = 0; i < VERSION_LEN; i++) {
            if (v + i == end)
                return HEAD_MORE;
            if (form[i] == '9' ? !byte_is(v[i], BYTE_DIGIT) : v[i] != form[i])
                return bad_at(why, v[i], WHY_BAD_REQUEST_LINE);
        }
        return bad(why, WHY_BAD_VERSION);
    }
    h->minor = (uint8_t)(v[7] - '0');
    *p = v + VERSION_LEN;
    return HEAD_DONE;
}

/* CRLF; *p moves behind it. */
static enum head_verdict take_crlf(const char **p, const char *end, enum why *why)
{
    if (*p == end)
        return HEAD_MORE;
    if (**p != '\r')
        return bad_at(why, **p, WHY_BAD_REQUEST_LINE);
    if (*p + 1 == end)
        return HEAD_MORE;
    if ((*p)[1] != '\n')
        return bad(why, WHY_BARE_CR);
    *p += 2;
    return HEAD_DONE;
}

enum head_verdict start_request(struct head *h, const char *end, const struct head_limits *lim,
                                enum why *why)
{
    const char *p = h->base;
    enum head_verdict v = take_method(h, &p, end, why);
    if (v == HEAD_DONE)
        v = take_target(h, &p, end, lim->target, why);
    if (v == HEAD_DONE)
        v = take_version(h, &p, end, why);
    if (v == HEAD_DONE)
        v = take_crlf(&p, end, why);
    if (v != HEAD_DONE)
        return v;
    h->start_len = (uint32_t)(p - h->base);
    return target_forms(h) ? HEAD_DONE : bad(why, WHY_BAD_TARGET);
}

/* SP 3DIGIT; *p moves behind it. */
static enum head_verdict take_status(struct head *h, const char **p, const char *end, enum why *why)
{
    unsigned status = 0;
    for (int i = 0; i < 4; i++, (*p)++) {
        if (*p == end)
            return HEAD_MORE;
        if (i == 0 ? **p != ' ' : !byte_is(**p, BYTE_DIGIT))
            return bad(why, WHY_BAD_RESPONSE);
        if (i > 0)
            status = status * 10 + (unsigned)(**p - '0');
    }
    if (status < 100)
        return bad(why, WHY_BAD_RESPONSE);
    h->status = (uint16_t)status;
    return HEAD_DONE;
}

enum head_verdict start_response(struct head *h, const char *end, enum why *why)
{
    const char *p = h->base;
    enum head_verdict v = take_version(h, &p, end, why);
    if (v == HEAD_DONE)
        v = take_status(h, &p, end, why);
    if (v != HEAD_DONE)
        return v;
    if (p == end)
        return HEAD_MORE;
    if (*p == ' ') /* RFC 9112 section 4 wants it even before an empty reason; many omit it */
        p = scan_value(p, end);
    v = take_crlf(&p, end, why);
    h->start_len = (uint32_t)(p - h->base);
    return v;
}
