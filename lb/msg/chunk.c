/*
 * chunk.c — the chunked coding as a state machine that can stop after any byte.
 *
 *   chunk = 1*HEXDIG [ ";" extension ] CRLF data CRLF        last-chunk = 1*"0" … trailers CRLF
 *
 * Data is skipped by count. White space around the size, which RFC 9112 section 7.1.1 tolerates
 * before ";", is refused: parsers have disagreed about it. Trailer names are compared by a hash
 * kept while they pass, because a name may come in two reads; `left`, of no use after the last
 * chunk, holds it, and `digits` the name's length.
 */
#include "lb/msg/chunk.h"
#include "lb/msg/scan.h"

#include <string.h>

enum {
    S_SIZE,      /* hex digits */
    S_EXT_START, /* behind ";": an extension name must begin */
    S_EXT_NAME,
    S_EXT_EQUALS, /* behind "=": a token or a quoted string must begin */
    S_EXT_VALUE,
    S_EXT_QUOTED,
    S_EXT_ESCAPE, /* behind "\" in a quoted string */
    S_EXT_ENDED,  /* behind the closing quote */
    S_SIZE_LF,    /* LF of the size line */
    S_DATA,
    S_DATA_CR,
    S_DATA_LF,
    S_LINE, /* first byte of a trailer line, or CR of the empty line */
    S_NAME,
    S_VALUE,
    S_VALUE_LF,
    S_END_LF,
    S_DONE,
};

enum { DIGITS_MAX = 16 };

#define HASH_SEED  UINT64_C(0xcbf29ce484222325) /* FNV-1a */
#define HASH_PRIME UINT64_C(0x100000001b3)

struct run { /* one call */
    const char *p, *end;
    char *out; /* NULL: scan only */
    enum why *why;
};

void chunk_init(struct chunk_scan *s)
{
    *s = (struct chunk_scan){.state = S_SIZE};
}

static bool refuse(struct run *r, enum why w)
{
    *r->why = w;
    return false;
}

static uint64_t hash_add(uint64_t h, char c)
{
    return (h ^ (uint8_t)(c >= 'A' && c <= 'Z' ? c | 0x20 : c)) * HASH_PRIME;
}

/* Fields that must not come after the body (RFC 9110 section 6.5.1): framing, routing, connection,
 * credentials, and what says how the content is to be read. */
static bool trailer_allowed(uint64_t hash, size_t n)
{
    static const char *const refused[] = {
        "content-length",
        "transfer-encoding",
        "host",
        "connection",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "upgrade",
        "expect",
        "cookie",
        "set-cookie",
        "authorization",
        "x-forwarded-for",
        "forwarded",
        "x-forwarded-proto",
        "content-type",
        "content-encoding",
        "content-range",
        "x-forwarded-host",
        "cache-control",
        "max-forwards",
        "x-request-id",
        "proxy-authorization",
        "proxy-authenticate",
        "http2-settings",
        "via",
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        uint64_t h = HASH_SEED;
        if (strlen(refused[i]) != n)
            continue;
        for (const char *c = refused[i]; *c; c++)
            h = hash_add(h, *c);
        if (h == hash)
            return false;
    }
    return true;
}

/* S_SIZE: digits up to CR or ";". */
static bool take_size(struct chunk_scan *s, struct run *r)
{
    for (; r->p < r->end; r->p++) {
        char c = *r->p;
        if (byte_is(c, BYTE_HEX)) {
            if (s->digits == DIGITS_MAX || s->left > (uint64_t)INT64_MAX >> 4)
                return refuse(r, WHY_BAD_CHUNK_SIZE);
            s->left = s->left << 4 | hex_value(c);
            s->digits++;
            continue;
        }
        if (s->digits == 0 || (c != '\r' && c != ';'))
            return refuse(r, WHY_BAD_CHUNK_SIZE);
        s->state = c == ';' ? S_EXT_START : S_SIZE_LF;
        r->p++;
        return true;
    }
    return true;
}

/* What follows a complete extension: the next one, the end of the line, or -1. */
static int ext_goes_on(char c)
{
    return c == ';' ? S_EXT_START : c == '\r' ? S_SIZE_LF : -1;
}

/* The state behind byte c of an extension; -1: malformed (RFC 9112 section 7.1.1, without BWS). */
static int ext_next(int state, char c)
{
    bool token = byte_is(c, BYTE_TOKEN), text = byte_value(c) && (uint8_t)c < 0x80;
    switch (state) {
    case S_EXT_START:
        return token ? S_EXT_NAME : -1;
    case S_EXT_NAME:
        return token ? S_EXT_NAME : c == '=' ? S_EXT_EQUALS : ext_goes_on(c);
    case S_EXT_EQUALS:
        return token ? S_EXT_VALUE : c == '"' ? S_EXT_QUOTED : -1;
    case S_EXT_VALUE:
        return token ? S_EXT_VALUE : ext_goes_on(c);
    case S_EXT_QUOTED:
        return c == '"' ? S_EXT_ENDED : c == '\\' ? S_EXT_ESCAPE : text ? S_EXT_QUOTED : -1;
    case S_EXT_ESCAPE:
        return text ? S_EXT_QUOTED : -1;
    default:
        return ext_goes_on(c);
    }
}

/* S_EXT_*: one byte of the extensions of a chunk. */
static bool take_ext(struct chunk_scan *s, struct run *r)
{
    int next = ext_next(s->state, *r->p++);
    if (next < 0 || ++s->line > CHUNK_EXT_MAX + 1) /* the CR is not counted */
        return refuse(r, WHY_BAD_CHUNK_EXT);
    s->state = (uint8_t)next;
    return true;
}

static bool take_size_lf(struct chunk_scan *s, struct run *r)
{
    if (*r->p++ != '\n')
        return refuse(r, s->line ? WHY_BAD_CHUNK_EXT : WHY_BAD_CHUNK_SIZE);
    s->line = 0;
    s->digits = 0;
    s->state = s->left ? S_DATA : S_LINE;
    return true;
}

static void take_data(struct chunk_scan *s, struct run *r)
{
    size_t n = (size_t)(r->end - r->p);
    if (n >= s->left) {
        n = (size_t)s->left;
        s->state = S_DATA_CR;
    }
    if (r->out) {
        memmove(r->out, r->p, n);
        r->out += n;
    }
    r->p += n;
    s->left -= n;
    s->total += n;
}

/* S_LINE, S_NAME, S_VALUE: trailer lines, field lines like those of a head. */
static bool take_trailer(struct chunk_scan *s, struct run *r)
{
    char c = *r->p++;
    if (++s->line > CHUNK_TRAILER_MAX)
        return refuse(r, WHY_BAD_TRAILER);
    if (s->state == S_LINE) {
        s->left = HASH_SEED;
        s->digits = 0;
        s->state = c == '\r' ? S_END_LF : S_NAME;
        if (c == '\r')
            return true;
    }
    if (s->state == S_VALUE) {
        if (c == '\r')
            s->state = S_VALUE_LF;
        else if (!byte_value(c))
            return refuse(r, WHY_BAD_TRAILER);
        return true;
    }
    if (byte_is(c, BYTE_TOKEN)) {
        s->left = hash_add(s->left, c);
        s->digits += s->digits < UINT8_MAX;
        return true;
    }
    if (c != ':' || s->digits == 0 || !trailer_allowed(s->left, s->digits))
        return refuse(r, WHY_BAD_TRAILER);
    s->state = S_VALUE;
    return true;
}

/* A state that wants exactly `c`. */
static bool take_byte(struct chunk_scan *s, struct run *r, char c, uint8_t next, enum why w)
{
    s->state = next;
    return *r->p++ == c ? true : refuse(r, w);
}

/* One step in the state at hand; there is at least one byte. */
static bool step(struct chunk_scan *s, struct run *r)
{
    switch (s->state) {
    case S_SIZE:
        return take_size(s, r);
    case S_EXT_START:
    case S_EXT_NAME:
    case S_EXT_EQUALS:
    case S_EXT_VALUE:
    case S_EXT_QUOTED:
    case S_EXT_ESCAPE:
    case S_EXT_ENDED:
        return take_ext(s, r);
    case S_SIZE_LF:
        return take_size_lf(s, r);
    case S_DATA:
        take_data(s, r);
        return true;
    case S_DATA_CR:
        return take_byte(s, r, '\r', S_DATA_LF, WHY_BAD_CHUNK_END);
    case S_DATA_LF:
        return take_byte(s, r, '\n', S_SIZE, WHY_BAD_CHUNK_END);
    case S_VALUE_LF:
        s->line++;
        return take_byte(s, r, '\n', S_LINE, WHY_BAD_TRAILER);
    case S_END_LF:
        s->left = 0;
        return take_byte(s, r, '\n', S_DONE, WHY_BAD_TRAILER);
    default:
        return take_trailer(s, r);
    }
}

static enum chunk_verdict run(struct chunk_scan *s, struct run *r)
{
    while (r->p < r->end && s->state != S_DONE)
        if (!step(s, r))
            return CHUNK_BAD;
    return s->state == S_DONE ? CHUNK_DONE : CHUNK_MORE;
}

enum chunk_verdict chunk_scan(struct chunk_scan *s, const char *p, size_t n, size_t *used,
                              enum why *why)
{
    struct run r = {p, p + n, NULL, why};
    enum chunk_verdict v = run(s, &r);
    *used = (size_t)(r.p - p);
    return v;
}

enum chunk_verdict chunk_decode(struct chunk_scan *s, char *p, size_t n, size_t *used,
                                size_t *payload, enum why *why)
{
    struct run r = {p, p + n, p, why};
    enum chunk_verdict v = run(s, &r);
    *used = (size_t)(r.p - p);
    *payload = (size_t)(r.out - p);
    return v;
}

size_t chunk_head_before(char *end, uint64_t n)
{
    char *p = end;
    *--p = '\n';
    *--p = '\r';
    do {
        *--p = "0123456789abcdef"[n & 15];
        n >>= 4;
    } while (n);
    return (size_t)(end - p);
}
