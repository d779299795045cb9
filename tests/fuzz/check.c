/* check.c — see check.h. */
#include "tests/fuzz/check.h"
#include "lb/msg/chunk.h"
#include "lb/msg/edit.h"
#include "lb/msg/target.h"
#include "tests/http/referee.h"

#include <stdio.h>
#include <stdlib.h>

static void must(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "does not hold: %s\n", what);
    abort();
}

static const struct head_limits limits = {1500, 24, 500};

struct input {
    const char *p;
    size_t n;
    bool request;
    struct framing_asked asked;
};

struct outcome {
    enum head_verdict v;
    enum why why;
    uint32_t len;
};

static struct outcome parse(const struct input *in, struct head *h, const char *p, size_t n,
                            uint32_t *resume)
{
    struct outcome o = {HEAD_BAD, WHY_OK, 0};
    o.v = (in->request ? head_request : head_response)(h, p, n, resume, &limits, &o.why);
    if (o.v == HEAD_DONE)
        o.len = h->len;
    return o;
}

/* On a copy of exactly n bytes, so that reading on is seen. */
static struct outcome parse_copy(const struct input *in, size_t n, uint32_t *resume)
{
    static struct head h;
    char *copy = malloc(n ? n : 1);
    if (!copy)
        abort();
    memcpy(copy, in->p, n);
    struct outcome o = parse(in, &h, copy, n, resume);
    free(copy);
    return o;
}

static bool same(struct outcome a, struct outcome b)
{
    return a.v == b.v && a.len == b.len && (a.v != HEAD_BAD || a.why == b.why);
}

static void check_splits(const struct input *in, struct outcome whole)
{
    uint32_t resume = 0;
    struct outcome o = {HEAD_MORE, WHY_OK, 0};
    for (size_t i = 0; i <= in->n && o.v == HEAD_MORE; i++)
        o = parse_copy(in, i, &resume);
    must(same(o, whole), "byte by byte gives the verdict of the whole");
    for (size_t i = 1; i < in->n; i++) {
        resume = 0;
        o = parse_copy(in, i, &resume);
        if (o.v == HEAD_MORE)
            o = parse_copy(in, in->n, &resume);
        must(same(o, whole), "two parts give the verdict of the whole");
    }
}

static bool frame(const struct input *in, struct head *h, enum why *why)
{
    return in->request ? framing_request(h, why) : framing_response(h, &in->asked, why);
}

/* Hop-by-hop fields dropped, one line added: the result is a head with the same framing. */
static void check_edits(const struct input *in, const struct head *h)
{
    static char mem[8192];
    static struct head again;
    struct edits e = {.add = SLICE("X-Added: 1\r\n")};
    struct buf b = {mem, 1024, 1024 + (uint32_t)in->n, sizeof mem};
    struct head_limits wide = {8000, HEAD_FIELDS_MAX, 8000};
    uint32_t resume = 0;
    enum why why;
    char origin[4096];
    memcpy(buf_data(&b), in->p, in->n);
    static struct head here;
    here = *h;
    here.base = buf_data(&b);
    if (h->fl & HEAD_ABSOLUTE)
        must(edits_origin_form(&e, &here, origin, sizeof origin) > 0, "origin-form fits");
    edits_drop_hop(&e, &here, false);
    must(edits_apply(&e, &here, &b), "edits fit");
    must(memcmp(mem + b.tail - (in->n - h->len), in->p + h->len, in->n - h->len) == 0,
         "the body stays");
    enum head_verdict v = (in->request ? head_request : head_response)(
        &again, buf_data(&b), buf_len(&b), &resume, &wide, &why);
    must(v == HEAD_DONE && frame(in, &again, &why), "the edited head is accepted");
    must(again.framing == h->framing && again.clen == h->clen, "and framed alike");
    must(buf_len(&b) - again.len == in->n - h->len, "and ends where its body begins");
    must(!(again.fl & (HEAD_HOP | HEAD_ABSOLUTE)), "and has nothing of the last hop");
    must(!in->request || slice_eq(again.host, h->host), "and goes to the same host");
    must(!in->request || slice_eq(again.path, h->path), "and the same path");
}

/* The functions that look into a head stay inside of it. */
static void check_lookups(const struct head *h)
{
    char out[512];
    struct slice n = target_normalise(h->path, out, sizeof out);
    if (n.p == out && n.n) {
        char twice[512];
        struct slice m = target_normalise(n, twice, sizeof twice);
        must(slice_eq(n, m), "a normal path is its own normal form");
    }
    (void)head_cookie(h, SLICE("a"));
    for (unsigned i = 0; i < h->nfields; i++) {
        struct slice v = field_value(h, &h->f[i]);
        must(head_find_name(h, field_name(h, &h->f[i])) != NULL, "each field is found");
        for (struct slice e = list_next(&v); e.p; e = list_next(&v))
            must(e.n > 0 && e.p >= h->base && e.p + e.n <= h->base + h->len, "elements inside");
    }
}

void check_head(const uint8_t *data, size_t n, bool request, const struct framing_asked *asked)
{
    static struct head h;
    struct input in = {(const char *)data, n, request, *asked};
    uint32_t resume = 0;
    enum why why;
    struct outcome whole = parse(&in, &h, in.p, n, &resume);
    check_splits(&in, whole);
    if (whole.v != HEAD_DONE || !frame(&in, &h, &why))
        return;
    check_lookups(&h);
    const char *said = referee_head(&h, request, asked);
    if (said)
        fprintf(stderr, "%s\n", said);
    must(!said, "llhttp agrees");
    check_edits(&in, &h);
}

struct scanned {
    enum chunk_verdict v;
    enum why why;
    size_t used;
    uint64_t total;
};

/* Feeds p[0..n) in pieces: `first` bytes, then `step` at a time. */
static struct scanned scan(const uint8_t *data, size_t n, size_t first, size_t step, bool decode,
                           struct slice *payload)
{
    struct chunk_scan s;
    struct scanned r = {CHUNK_MORE, WHY_OK, 0, 0};
    char *out = malloc(n + 1);
    size_t len = 0;
    if (!out)
        abort();
    chunk_init(&s);
    for (size_t want = first; r.v == CHUNK_MORE && r.used < n; want = step) {
        size_t take = n - r.used < want ? n - r.used : want, used, got = 0;
        char *piece = malloc(take);
        if (!piece)
            abort();
        memcpy(piece, data + r.used, take);
        r.v = decode ? chunk_decode(&s, piece, take, &used, &got, &r.why)
                     : chunk_scan(&s, piece, take, &used, &r.why);
        memcpy(out + len, piece, got);
        len += got;
        free(piece);
        must(used <= take && (r.v != CHUNK_MORE || used == take), "used is right");
        r.used += used;
    }
    r.total = s.total;
    must(!decode || r.v == CHUNK_BAD || len == s.total, "the payload is the total");
    *payload = (struct slice){out, len};
    return r;
}

static bool alike(struct scanned a, struct scanned b)
{
    return a.v == b.v && a.used == b.used && a.total == b.total &&
           (a.v != CHUNK_BAD || a.why == b.why);
}

void check_chunked(const uint8_t *data, size_t n)
{
    struct slice whole, part;
    struct scanned w = scan(data, n, n, n, true, &whole);
    for (size_t first = 1; first <= n; first++) {
        must(alike(w, scan(data, n, first, n, false, &part)), "two parts scan as the whole");
        free((char *)part.p);
        must(alike(w, scan(data, n, first, n, true, &part)), "two parts decode as the whole");
        must(w.v == CHUNK_BAD || slice_eq(whole, part), "to the same payload");
        free((char *)part.p);
    }
    must(alike(w, scan(data, n, 1, 1, true, &part)), "bytes decode as the whole");
    free((char *)part.p);
    /* llhttp 8.1 refuses a second extension with a value */
    if (w.v == CHUNK_DONE && !memchr(data, '=', w.used)) {
        const char *said = referee_chunked((const char *)data, w.used, w.total);
        if (said)
            fprintf(stderr, "%s\n", said);
        must(!said, "llhttp agrees");
    }
    free((char *)whole.p);
}
