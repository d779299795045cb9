/*
 * tok.c — field names lb knows, found with one probe.
 *
 * The hash of length, first and last letter has no collision among the names (a collision would be
 * an initialiser given twice, which does not compile), and nearly none with other common names.
 */
#include "lb/msg/parse.h"

#define TOK_HASH(n, a, z) (((n)*4 + (a)*36 + (z)*13) & 63)

struct name {
    uint8_t n, tok;
    char text[22];
};

#define NAME(t, a, z, s) [TOK_HASH(sizeof(s) - 1, a, z)] = {sizeof(s) - 1, t, s}

static const struct name names[64] = {
    NAME(TOK_HOST, 'h', 't', "host"),
    NAME(TOK_CONNECTION, 'c', 'n', "connection"),
    NAME(TOK_KEEP_ALIVE, 'k', 'e', "keep-alive"),
    NAME(TOK_PROXY_CONNECTION, 'p', 'n', "proxy-connection"),
    NAME(TOK_TE, 't', 'e', "te"),
    NAME(TOK_TRAILER, 't', 'r', "trailer"),
    NAME(TOK_TRANSFER_ENCODING, 't', 'g', "transfer-encoding"),
    NAME(TOK_UPGRADE, 'u', 'e', "upgrade"),
    NAME(TOK_CONTENT_LENGTH, 'c', 'h', "content-length"),
    NAME(TOK_EXPECT, 'e', 't', "expect"),
    NAME(TOK_COOKIE, 'c', 'e', "cookie"),
    NAME(TOK_SET_COOKIE, 's', 'e', "set-cookie"),
    NAME(TOK_X_FORWARDED_FOR, 'x', 'r', "x-forwarded-for"),
    NAME(TOK_X_FORWARDED_PROTO, 'x', 'o', "x-forwarded-proto"),
    NAME(TOK_X_FORWARDED_HOST, 'x', 't', "x-forwarded-host"),
    NAME(TOK_FORWARDED, 'f', 'd', "forwarded"),
    NAME(TOK_VIA, 'v', 'a', "via"),
    NAME(TOK_X_REQUEST_ID, 'x', 'd', "x-request-id"),
    NAME(TOK_HTTP2_SETTINGS, 'h', 's', "http2-settings"),
    NAME(TOK_PROXY_AUTHENTICATE, 'p', 'e', "proxy-authenticate"),
    NAME(TOK_PROXY_AUTHORIZATION, 'p', 'n', "proxy-authorization"),
    NAME(TOK_DATE, 'd', 'e', "date"),
    NAME(TOK_X_CLIENT_CERT_SUBJECT, 'x', 't', "x-client-cert-subject"),
    NAME(TOK_X_CLIENT_CERT_SHA256, 'x', '6', "x-client-cert-sha256"),
};

/* Eight bytes, lower-cased: safe for tchars, since no other tchar becomes a letter by this. */
static inline uint64_t lower8(const char *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v | UINT64_C(0x2020202020202020);
}

static bool same_name(const char *p, const char *lower, size_t n)
{
    if (n >= 8) {
        for (size_t i = 0; i + 8 < n; i += 8)
            if (lower8(p + i) != lower8(lower + i))
                return false;
        return lower8(p + n - 8) == lower8(lower + n - 8);
    }
    for (size_t i = 0; i < n; i++)
        if ((p[i] | 0x20) != lower[i])
            return false;
    return true;
}

enum head_tok tok_of(const char *name, size_t n)
{
    const struct name *c =
        &names[TOK_HASH(n, (uint8_t)(name[0] | 0x20u), (uint8_t)(name[n - 1] | 0x20u))];
    return c->n == n && same_name(name, c->text, n) ? (enum head_tok)c->tok : TOK_OTHER;
}
