/*
 * head.c — a message head, line by line, in one pass from left to right.
 *
 * A head that has arrived whole (nearly all) is parsed by one call. Else *resume remembers the
 * first byte of the line that was not finished: later calls check that line alone and parse the
 * head again only when it is, so a head that trickles in costs at most one full pass per line, and
 * verdict and reason are those of the whole head.
 */
#include "lb/msg/parse.h"
#include "lb/msg/scan.h"

struct line {
    const char *colon, *val, *vend, *next;
};

enum line_verdict { LINE_FIELD, LINE_END, LINE_MORE, LINE_BAD };

static enum line_verdict line_bad(enum why *why, enum why w)
{
    *why = w;
    return LINE_BAD;
}

/* A line at p that does not begin with NAME ":", seen at q: the empty line, or what is wrong. */
static enum line_verdict line_odd(struct line *l, const char *p, const char *q, const char *end,
                                  enum why *why)
{
    if (q == end)
        return LINE_MORE;
    if (*q == '\n')
        return line_bad(why, WHY_BARE_LF);
    if (p == q && *q == '\r') {
        l->next = q + 2;
        if (q + 1 == end)
            return LINE_MORE;
        return q[1] == '\n' ? LINE_END : line_bad(why, WHY_BARE_CR);
    }
    if (p == q)
        return line_bad(why, byte_blank(*q) ? WHY_OBS_FOLD : WHY_BAD_FIELD_NAME);
    while (q < end && byte_blank(*q))
        q++;
    if (q == end)
        return LINE_MORE;
    return line_bad(why, *q == ':' ? WHY_SPACE_BEFORE_COLON : WHY_BAD_FIELD_NAME);
}

/* A value that does not end in CRLF, seen at s. */
static enum line_verdict line_unended(const char *s, const char *end, enum why *why)
{
    if (s == end || (*s == '\r' && s + 1 == end))
        return LINE_MORE;
    if (*s == '\n')
        return line_bad(why, WHY_BARE_LF);
    return line_bad(why, *s == '\r' ? WHY_BARE_CR : WHY_BAD_FIELD_VALUE);
}

/* The line at p, where `stops` stands: field-name ":" OWS field-value OWS CRLF (RFC 9112 section
 * 5), or CRLF. */
static inline __attribute__((always_inline)) enum line_verdict
line_scan(struct line *l, const char *p, struct stops *stops, enum why *why)
{
    const char *s = stops_next(stops), *end = stops->end;
    const char *q = scan_token(p, end);
    l->colon = q;
    if (UNLIKELY(q == end || *q != ':' || q == p))
        return line_odd(l, p, q, end, why);
    if (UNLIKELY(end - s < 2 || s[0] != '\r' || stops_next(stops) != s + 1 || s[1] != '\n'))
        return line_unended(s, end, why);
    const char *v = q + 1;
    while (byte_blank(*v)) /* ends at s */
        v++;
    l->val = v;
    l->next = s + 2;
    while (s > v && byte_blank(s[-1]))
        s--;
    l->vend = s;
    return LINE_FIELD;
}

static inline void note_tok(struct toks *t, enum head_tok tok, unsigned index)
{
    uint32_t bit = TOK_BIT(tok);
    if (t->seen & bit)
        t->twice |= bit;
    else
        t->first[tok] = (uint8_t)index;
    t->seen |= bit;
}

/* The field lines from h->start_len on; *at is where the unfinished line begins with HEAD_MORE. */
static enum head_verdict fields(struct head *h, const char *end, unsigned max, struct toks *t,
                                const char **at, enum why *why)
{
    const char *base = h->base, *p = base + h->start_len;
    struct stops stops = stops_from(p, end);
    for (unsigned n = 0;; n++) {
        struct line l;
        *at = p;
        if (UNLIKELY(n == max) && p < end && *p != '\r') {
            *why = WHY_TOO_MANY_FIELDS;
            return HEAD_BAD;
        }
        enum line_verdict v = line_scan(&l, p, &stops, why);
        if (UNLIKELY(v != LINE_FIELD)) {
            h->nfields = (uint16_t)n;
            h->len = v == LINE_END ? (uint32_t)(l.next - base) : 0;
            return v == LINE_END ? HEAD_DONE : v == LINE_MORE ? HEAD_MORE : HEAD_BAD;
        }
        size_t nlen = (size_t)(l.colon - p);
        if (UNLIKELY(nlen > UINT16_MAX)) {
            *why = WHY_HEADER_TOO_LARGE;
            return HEAD_BAD;
        }
        uint8_t tok = (uint8_t)tok_of(p, nlen);
        h->f[n] = (struct field){(uint32_t)(p - h->base),
                                 (uint32_t)(l.val - h->base),
                                 (uint32_t)(l.vend - l.val),
                                 (uint16_t)nlen,
                                 tok,
                                 0};
        note_tok(t, tok, n);
        p = l.next;
    }
}

/* Everything of a head but its field table, which is filled as it is found. (One store each: GCC
 * makes `rep stos` of a memset of this size, which took a tenth of the whole time.) */
static void head_reset(struct head *h, const char *base)
{
    const struct slice none = {NULL, 0};
    h->base = base;
    h->len = h->start_len = 0;
    h->status = h->nfields = h->fl = 0;
    h->method = h->minor = h->framing = 0;
    h->clen = 0;
    h->method_text = h->target = h->host = h->host_name = h->path = h->query = none;
}

static enum head_verdict parse_all(struct head *h, const char *base, size_t len, bool request,
                                   const struct head_limits *lim, uint32_t *resume, enum why *why)
{
    struct toks t = {0};
    const char *end = base + len, *at;
    head_reset(h, base);
    enum head_verdict v = request ? start_request(h, end, lim, why) : start_response(h, end, why);
    if (v != HEAD_DONE)
        return v;
    unsigned max = lim->fields < HEAD_FIELDS_MAX ? lim->fields : HEAD_FIELDS_MAX;
    v = fields(h, end, max, &t, &at, why);
    if (v == HEAD_MORE && at < end)
        *resume = (uint32_t)(at - base);
    if (v != HEAD_DONE)
        return v;
    return (request ? meaning_request(h, &t, why) : meaning_response(h, &t, why)) ? HEAD_DONE
                                                                                  : HEAD_BAD;
}

/* The verdict on base[0..len); a head that is not complete at the limit is too large. */
static enum head_verdict parse(struct head *h, const char *base, size_t len, uint32_t *resume,
                               const struct head_limits *lim, bool request, enum why *why)
{
    struct line l;
    enum why ignored;
    size_t n = len < lim->bytes ? len : lim->bytes;
    uint32_t from = *resume < n ? *resume : 0;
    struct stops stops = stops_from(base + from, base + n);
    enum head_verdict v = HEAD_MORE;
    *resume = 0;
    if (from && line_scan(&l, base + from, &stops, &ignored) == LINE_MORE)
        *resume = from;
    else
        v = parse_all(h, base, n, request, lim, resume, why);
    if (v == HEAD_MORE && len >= lim->bytes) {
        *why = WHY_HEADER_TOO_LARGE;
        return HEAD_BAD;
    }
    return v;
}

enum head_verdict head_request(struct head *h, const char *base, size_t len, uint32_t *resume,
                               const struct head_limits *lim, enum why *why)
{
    return parse(h, base, len, resume, lim, true, why);
}

enum head_verdict head_response(struct head *h, const char *base, size_t len, uint32_t *resume,
                                const struct head_limits *lim, enum why *why)
{
    enum head_verdict v = parse(h, base, len, resume, lim, false, why);
    if (v == HEAD_BAD)
        *why = *why == WHY_HEADER_TOO_LARGE || *why == WHY_TOO_MANY_FIELDS ? WHY_RESPONSE_TOO_LARGE
                                                                           : WHY_BAD_RESPONSE;
    return v;
}
