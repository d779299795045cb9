/*
 * framing.c — where a body ends (RFC 9112 section 6.3), or why the message is refused.
 *
 * Two recipients that disagree about the end of a body is how requests are smuggled. So whatever
 * could be read in two ways is refused, also where the RFC lets a recipient choose: a repeated
 * Content-Length even with equal values, Content-Length next to Transfer-Encoding, any coding other
 * than the single word chunked.
 */
#include "lb/msg/framing.h"
#include "lb/msg/scan.h"

#define CLEN_MAX ((uint64_t)INT64_MAX)

/* 1*DIGIT up to 2^63-1 (RFC 9110 section 8.6); no sign, list, space or other base. */
static bool number(struct slice v, uint64_t *out)
{
    uint64_t n = 0;
    if (!bytes_are(v.p, v.n, BYTE_DIGIT))
        return false;
    for (size_t i = 0; i < v.n; i++) {
        unsigned digit = (unsigned)(v.p[i] - '0');
        if (n > (CLEN_MAX - digit) / 10)
            return false;
        n = n * 10 + digit;
    }
    *out = n;
    return true;
}

/* Only SP stands around the value. HTAB is OWS as well, but some recipients do not take it for
 * that, and so would not see the field that lb sees. */
static bool plain_space(const struct head *h, const struct field *f)
{
    for (const char *p = h->base + f->name + f->nlen + 1; *p != '\r'; p++)
        if (*p == '\t')
            return false;
    return true;
}

static bool content_length(const struct head *h, uint64_t *out)
{
    const struct field *f = head_find(h, TOK_CONTENT_LENGTH, 0);
    if (!plain_space(h, f) || head_find(h, TOK_CONTENT_LENGTH, (unsigned)(f - h->f) + 1))
        return false;
    return number(field_value(h, f), out);
}

/* transfer-coding = token *( OWS ";" OWS transfer-parameter ); the token, or {NULL,0}. */
static struct slice coding_name(struct slice e)
{
    const char *semi = memchr(e.p, ';', e.n);
    struct slice name = slice_trim((struct slice){e.p, semi ? (size_t)(semi - e.p) : e.n});
    return bytes_are(name.p, name.n, BYTE_TOKEN) ? name : (struct slice){NULL, 0};
}

/* What is wrong with Transfer-Encoding fields that are not exactly chunked: UNKNOWN_CODING only
 * when they are well-formed, the last is chunked, and the others are real codings. */
static enum why coding_fault(const struct head *h)
{
    unsigned codings = 0;
    bool last_chunked = false;
    for (unsigned i = 0; i < h->nfields; i++) {
        if (h->f[i].tok != TOK_TRANSFER_ENCODING)
            continue;
        struct slice v = field_value(h, &h->f[i]);
        for (struct slice e = list_next(&v); e.p; e = list_next(&v), codings++) {
            struct slice name = coding_name(e);
            if (!name.p || slice_ieq(name, SLICE("identity")) || last_chunked)
                return WHY_BAD_CODING;
            last_chunked = slice_ieq(e, SLICE("chunked"));
            if (!last_chunked && slice_ieq(name, SLICE("chunked")))
                return WHY_BAD_CODING; /* chunked has no parameters */
        }
    }
    return last_chunked && codings > 1 ? WHY_UNKNOWN_CODING : WHY_BAD_CODING;
}

static bool refuse(enum why *why, enum why w)
{
    *why = w;
    return false;
}

/* Judges the framing fields alone; `otherwise` is the framing when there are none. */
static bool fields_say(struct head *h, enum framing otherwise, enum why *why)
{
    h->clen = 0;
    h->framing = (uint8_t)otherwise;
    if (!(h->fl & (HEAD_CLEN | HEAD_CODING)))
        return true;
    if (!(h->fl & HEAD_CODING)) {
        if (!content_length(h, &h->clen))
            return refuse(why, WHY_BAD_LENGTH);
        h->framing = FRAMING_LENGTH;
        return true;
    }
    if (h->fl & HEAD_CLEN)
        return refuse(why, WHY_LENGTH_AND_CHUNKED);
    if (h->minor == 0)
        return refuse(why, WHY_BAD_CODING);
    if (!(h->fl & HEAD_CHUNKED) || !plain_space(h, head_find(h, TOK_TRANSFER_ENCODING, 0)))
        return refuse(why, coding_fault(h));
    h->framing = FRAMING_CHUNKED;
    return true;
}

bool framing_request(struct head *h, enum why *why)
{
    if (!fields_say(h, FRAMING_NONE, why))
        return false;
    if (h->method != M_CONNECT)
        return true;
    /* content has no meaning there (RFC 9110 section 9.3.6), and bytes for the tunnel may follow */
    if (h->framing == FRAMING_CHUNKED)
        return refuse(why, WHY_BAD_CODING);
    if (h->clen > 0)
        return refuse(why, WHY_BAD_LENGTH);
    h->framing = FRAMING_TUNNEL;
    return true;
}

/* RFC 9112 section 6.3, items 1 and 2: the status or the method decides, whatever fields say. */
static bool bodyless(const struct head *h, const struct framing_asked *asked)
{
    return asked->method == M_HEAD || h->status < 200 || h->status == 204 || h->status == 304;
}

/* The connection stops being HTTP. Framing fields mean nothing then (RFC 9110 section 9.3.6), and
 * edits_drop_hop removes them. */
static bool tunnel(struct head *h)
{
    h->framing = FRAMING_TUNNEL;
    h->clen = 0;
    if (h->fl & (HEAD_CLEN | HEAD_CODING))
        h->fl |= HEAD_HOP;
    return true;
}

bool framing_response(struct head *h, const struct framing_asked *asked, enum why *why)
{
    if (h->status == 101 && !asked->upgrade)
        return refuse(why, WHY_BAD_UPGRADE);
    /* The fields may be forwarded, so they must be good even where they do not count. */
    if (!fields_say(h, FRAMING_CLOSE, why))
        return refuse(why, WHY_BAD_RESPONSE_FRAMING);
    if (h->status == 101 || (asked->method == M_CONNECT && h->status >= 200 && h->status < 300))
        return tunnel(h);
    if (bodyless(h, asked)) {
        h->framing = FRAMING_NONE;
        h->clen = 0;
    }
    return true;
}
