/*
 * meaning.c — what the fields of a complete head say about this hop.
 *
 * Runs once per head, on the set of known fields the scan has noted, so that a field that is not
 * there costs nothing. Framing fields are only noted; framing.c judges them.
 */
#include "lb/msg/parse.h"
#include "lb/msg/scan.h"

enum { NOMINATED_MAX = 64 }; /* names in Connection; each is looked for in all fields */

static bool refuse(enum why *why, enum why w)
{
    *why = w;
    return false;
}

/* Exactly one valid Host in HTTP/1.1 (RFC 9112 section 3.2); a target's authority goes first. */
static bool host_check(struct head *h, const struct toks *t)
{
    struct slice name, port;
    if (t->twice & TOK_BIT(TOK_HOST))
        return false;
    if (!(t->seen & TOK_BIT(TOK_HOST)))
        return h->minor == 0;
    struct slice v = field_value(h, &h->f[t->first[TOK_HOST]]);
    if (!authority_split(v, &name, &port))
        return false;
    if (!h->host.p) {
        h->host = v;
        h->host_name = name;
    }
    return true;
}

/* Fields that stay whatever Connection says: lb or the peer depends on them, and a client could
 * else take away what lb adds, or a user's credentials (RFC 9110 section 7.6.1). */
static bool protected_field(const struct head *h, const struct field *f)
{
    static const uint32_t kept =
        TOK_BIT(TOK_HOST) | TOK_BIT(TOK_CONTENT_LENGTH) | TOK_BIT(TOK_TRANSFER_ENCODING) |
        TOK_BIT(TOK_X_FORWARDED_FOR) | TOK_BIT(TOK_X_FORWARDED_PROTO) |
        TOK_BIT(TOK_X_FORWARDED_HOST) | TOK_BIT(TOK_FORWARDED) | TOK_BIT(TOK_VIA) |
        TOK_BIT(TOK_X_REQUEST_ID) | TOK_BIT(TOK_DATE) | TOK_BIT(TOK_COOKIE) |
        TOK_BIT(TOK_SET_COOKIE) | TOK_BIT(TOK_EXPECT) | TOK_BIT(TOK_TRAILER);
    if (f->tok != TOK_OTHER)
        return kept >> f->tok & 1;
    struct slice n = field_name(h, f);
    return slice_ieq(n, SLICE("authorization")) || slice_ieq(n, SLICE("cache-control")) ||
           slice_ieq(n, SLICE("x-real-ip"));
}

static void nominate(struct head *h, struct slice name)
{
    for (unsigned i = 0; i < h->nfields; i++) {
        struct field *f = &h->f[i];
        if (slice_ieq(field_name(h, f), name) && !protected_field(h, f)) {
            f->fl |= FIELD_NOMINATED;
            h->fl |= HEAD_NOMINATED | HEAD_HOP;
        }
    }
}

/* One Connection field (RFC 9110 section 7.6.1). */
static bool connection_field(struct head *h, struct slice v, unsigned *named)
{
    if (LIKELY(word_is(v, "keep-alive"))) {
        h->fl |= HEAD_KEEP_ALIVE;
        return true;
    }
    for (struct slice e = list_next(&v); e.p; e = list_next(&v)) {
        if (word_is(e, "keep-alive"))
            h->fl |= HEAD_KEEP_ALIVE;
        else if (word_is(e, "close"))
            h->fl |= HEAD_CLOSE;
        else if (word_is(e, "upgrade"))
            h->fl |= HEAD_UPGRADE;
        else if (!bytes_are(e.p, e.n, BYTE_TOKEN) || ++*named > NOMINATED_MAX)
            return false;
        else
            nominate(h, e);
    }
    return true;
}

/* All Connection fields; HEAD_UPGRADE needs an Upgrade field and HTTP/1.1 (RFC 9110 section 7.8).
 */
static bool connection_check(struct head *h, const struct toks *t)
{
    unsigned named = 0;
    for (unsigned i = t->first[TOK_CONNECTION]; i < h->nfields; i++)
        if (h->f[i].tok == TOK_CONNECTION && !connection_field(h, field_value(h, &h->f[i]), &named))
            return false;
    if (h->minor == 0 || !(t->seen & TOK_BIT(TOK_UPGRADE)) || h->f[t->first[TOK_UPGRADE]].vlen == 0)
        h->fl &= (uint16_t)~HEAD_UPGRADE;
    return true;
}

/* Expect: 100-continue and nothing else; to be ignored in HTTP/1.0 (RFC 9110 section 10.1.1). */
static bool expect_check(struct head *h, const struct toks *t)
{
    for (unsigned i = t->first[TOK_EXPECT]; i < h->nfields; i++)
        if (h->f[i].tok == TOK_EXPECT &&
            !slice_ieq(field_value(h, &h->f[i]), SLICE("100-continue")))
            return false;
    if (h->minor > 0)
        h->fl |= HEAD_EXPECT;
    return true;
}

/* TE: trailers says that trailer fields are welcome (RFC 9110 section 10.1.4). */
static void te_note(struct head *h, const struct toks *t)
{
    for (unsigned i = t->first[TOK_TE]; i < h->nfields; i++) {
        if (h->f[i].tok != TOK_TE)
            continue;
        struct slice v = field_value(h, &h->f[i]);
        for (struct slice e = list_next(&v); e.p; e = list_next(&v))
            if (word_is(e, "trailers"))
                h->fl |= HEAD_TE_TRAILERS;
    }
}

/* What requests and responses have in common. */
static bool common(struct head *h, const struct toks *t, enum why *why)
{
    if (t->seen & TOKS_HOP)
        h->fl |= HEAD_HOP;
    if (t->seen & TOK_BIT(TOK_CONNECTION) && !connection_check(h, t))
        return refuse(why, WHY_BAD_CONNECTION);
    if (!(t->seen & TOKS_FRAMING))
        return true;
    if (t->seen & TOK_BIT(TOK_CONTENT_LENGTH))
        h->fl |= HEAD_CLEN;
    if (t->seen & TOK_BIT(TOK_TRANSFER_ENCODING)) {
        struct slice v = field_value(h, &h->f[t->first[TOK_TRANSFER_ENCODING]]);
        h->fl |= HEAD_CODING;
        if (word_is(v, "chunked") && !(t->twice & TOK_BIT(TOK_TRANSFER_ENCODING)))
            h->fl |= HEAD_CHUNKED;
    }
    return true;
}

bool meaning_request(struct head *h, const struct toks *t, enum why *why)
{
    if (!host_check(h, t))
        return refuse(why, WHY_BAD_HOST);
    if (!common(h, t, why))
        return false;
    if (t->seen & TOK_BIT(TOK_EXPECT) && !expect_check(h, t))
        return refuse(why, WHY_BAD_EXPECT);
    if (t->seen & TOK_BIT(TOK_TE))
        te_note(h, t);
    return true;
}

bool meaning_response(struct head *h, const struct toks *t, enum why *why)
{
    if (!common(h, t, why))
        return false;
    if (h->fl & (HEAD_CLEN | HEAD_CODING) && (h->status < 200 || h->status == 204))
        h->fl |= HEAD_HOP; /* RFC 9110 section 8.6, RFC 9112 section 6.1: may not be there */
    return true;
}
