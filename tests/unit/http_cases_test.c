/*
 * http_cases_test.c — replays tests/http/<name>.txt: whole, split at every byte, pipelined, edited.
 *
 * Each prefix is handed over in a block of its own size, so that a sanitizer sees a read past it.
 */
#include "lb/msg/chunk.h"
#include "lb/msg/edit.h"
#include "tests/http/cases.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

static unsigned failed;
static const struct hcase *now;

static void fail_case(const char *how, const char *what)
{
    failed++;
    fprintf(stderr, "%s: %s: %s\n", now->where, how, what);
}

struct result {
    enum case_verdict verdict;
    enum why why;
    uint32_t len;
};

static enum head_verdict feed(struct head *h, const char *p, size_t n, uint32_t *resume,
                              enum why *why)
{
    return (now->kind == CASE_REQUEST ? head_request : head_response)(h, p, n, resume, &now->limits,
                                                                      why);
}

/* The verdict on p[0..n), framing included. */
static struct result judge(struct head *h, const char *p, size_t n, uint32_t *resume)
{
    struct result r = {CASE_BAD, WHY_OK, 0};
    enum head_verdict v = feed(h, p, n, resume, &r.why);
    if (v == HEAD_MORE)
        r.verdict = CASE_MORE;
    if (v != HEAD_DONE)
        return r;
    r.len = h->len;
    bool ok = now->kind == CASE_REQUEST ? framing_request(h, &r.why)
                                        : framing_response(h, &now->asked, &r.why);
    r.verdict = ok ? CASE_OK : CASE_BAD;
    return r;
}

static bool same(struct result a, struct result b)
{
    return a.verdict == b.verdict && (a.verdict != CASE_BAD || a.why == b.why) && a.len == b.len;
}

/* judge() on a block of exactly n bytes. */
static struct result judge_copy(const char *p, size_t n, uint32_t *resume)
{
    static struct head h;
    char *copy = malloc(n ? n : 1);
    if (!copy)
        exit(2);
    memcpy(copy, p, n);
    struct result r = judge(&h, copy, n, resume);
    free(copy);
    return r;
}

/* One byte at a time, and in two parts at each place: the verdict is that of the whole. */
static void split(struct result whole)
{
    uint32_t resume = 0;
    struct result r = {CASE_MORE, WHY_OK, 0};
    for (size_t i = 0; i <= now->msg.n && r.verdict == CASE_MORE; i++)
        r = judge_copy(now->msg.p, i, &resume);
    if (!same(r, whole))
        fail_case("byte by byte", why_word(r.why));
    for (size_t i = 1; i<now->msg.n; i += now->msg.n> 2000 ? 97 : 1) {
        resume = 0;
        r = judge_copy(now->msg.p, i, &resume);
        if (r.verdict == CASE_MORE)
            r = judge_copy(now->msg.p, now->msg.n, &resume);
        if (!same(r, whole))
            fail_case("in two parts", why_word(r.why));
    }
}

/* Another message behind does not change a verdict that was final. */
static void pipelined(struct result whole)
{
    static const char next[] = "GET /next HTTP/1.1\r\nHost: n\r\n\r\n";
    uint32_t resume = 0;
    char *both = malloc(now->msg.n + sizeof next);
    if (!both)
        exit(2);
    memcpy(both, now->msg.p, now->msg.n);
    memcpy(both + now->msg.n, next, sizeof next - 1);
    struct result r = judge_copy(both, now->msg.n + sizeof next - 1, &resume);
    if (whole.verdict != CASE_MORE && !same(r, whole))
        fail_case("pipelined", why_word(r.why));
    free(both);
}

static void expect_slice(const char *key, struct slice is)
{
    char want[2048];
    size_t n;
    if (case_key(now, key, want, sizeof want, &n) && !slice_eq(is, (struct slice){want, n})) {
        char text[256];
        snprintf(text, sizeof text, "is '%.*s', not '%.100s'", (int)(is.n < 100 ? is.n : 100),
                 is.n ? is.p : "", want);
        fail_case(key, text);
    }
}

static void expect_number(const char *key, unsigned is)
{
    char want[64];
    size_t n;
    if (case_key(now, key, want, sizeof want, &n) && strtoul(want, NULL, 10) != is)
        fail_case(key, "another number");
}

static void expect_flags(const struct head *h)
{
    static const struct {
        const char *name;
        unsigned bit;
    } flags[] = {{"close", HEAD_CLOSE},        {"keep-alive", HEAD_KEEP_ALIVE},
                 {"upgrade", HEAD_UPGRADE},    {"expect", HEAD_EXPECT},
                 {"absolute", HEAD_ABSOLUTE},  {"te-trailers", HEAD_TE_TRAILERS},
                 {"nominated", HEAD_NOMINATED}};
    char want[128];
    size_t n;
    unsigned set = 0, all = 0;
    if (!case_key(now, "flags", want, sizeof want, &n))
        return;
    for (unsigned i = 0; i < sizeof flags / sizeof *flags; i++)
        all |= flags[i].bit;
    for (char *w = strtok(want, ","); w; w = strtok(NULL, ","))
        for (unsigned i = 0; i < sizeof flags / sizeof *flags; i++)
            if (strcmp(w, flags[i].name) == 0)
                set |= flags[i].bit;
    if (set != (h->fl & all))
        fail_case("flags", "differ");
}

static void attributes(const struct head *h)
{
    expect_slice("method", h->method_text);
    expect_slice("target", h->target);
    expect_slice("host", h->host);
    expect_slice("name", h->host_name);
    expect_slice("path", h->path);
    expect_slice("query", h->query);
    expect_number("status", h->status);
    expect_number("minor", h->minor);
    expect_flags(h);
}

static bool in_list(const char *list, struct slice name)
{
    for (const char *p = list; *p; p += strcspn(p, ","), p += strspn(p, ", \t"))
        if (slice_ieq((struct slice){p, strcspn(p, ", \t")}, name))
            return true;
    return false;
}

/* The plain way to the forwarded head: line by line into a new block. */
static size_t reference(const struct head *h, char *out)
{
    static const char added[] = "X-Added: 1\r\n";
    static const char hop[] = "connection,keep-alive,proxy-connection,te,upgrade,http2-settings";
    static const char kept[] =
        "host,content-length,transfer-encoding,x-forwarded-for,x-forwarded-proto,x-forwarded-host,"
        "forwarded,via,x-request-id,date,cookie,set-cookie,expect,trailer,authorization,"
        "cache-control,x-real-ip";
    char named[1024] = "";
    size_t n = h->start_len;
    for (unsigned i = 0; i < h->nfields; i++)
        if (slice_ieq(field_name(h, &h->f[i]), SLICE("connection")))
            snprintf(named + strlen(named), sizeof named - strlen(named), "%.*s,",
                     (int)h->f[i].vlen, h->base + h->f[i].val);
    memcpy(out, h->base, n);
    memcpy(out + n, added, sizeof added - 1);
    n += sizeof added - 1;
    for (const char *p = h->base + h->start_len, *nl; *p != '\r'; p = nl + 1) {
        nl = memchr(p, '\n', h->len);
        struct slice name = {p, strcspn(p, ":")};
        bool no_framing =
            h->framing == FRAMING_TUNNEL || h->status == 204 || (h->status && h->status < 200);
        if (in_list(hop, name) || (in_list(named, name) && !in_list(kept, name)) ||
            (no_framing && in_list("content-length,transfer-encoding", name)))
            continue;
        memcpy(out + n, p, (size_t)(nl + 1 - p));
        n += (size_t)(nl + 1 - p);
    }
    memcpy(out + n, "\r\n", 2);
    return n + 2;
}

/* The standard edits in place, with body bytes behind the head, against the plain way. */
static void edited(void)
{
    static const char body[] = "body";
    static struct head h;
    static char mem[32768], plain[32768], want[4096];
    struct buf b = {mem, 64, 64 + (uint32_t)now->msg.n, sizeof mem};
    struct edits e = {.add = SLICE("X-Added: 1\r\n")};
    uint32_t resume = 0;
    size_t n;
    memcpy(mem + 64, now->msg.p, now->msg.n);
    struct result r = judge(&h, buf_data(&b), buf_len(&b), &resume);
    b.tail = b.head + r.len;
    memcpy(mem + b.tail, body, sizeof body);
    size_t len = reference(&h, plain);
    edits_drop_hop(&e, &h, false);
    b.tail += sizeof body - 1;
    if (!edits_apply(&e, &h, &b)) {
        fail_case("edits", "no room");
        return;
    }
    if (buf_len(&b) != len + 4 || memcmp(buf_data(&b), plain, len) != 0)
        fail_case("edits", "other bytes than the plain way");
    else if (memcmp(buf_data(&b) + len, body, 4) != 0)
        fail_case("edits", "body moved");
    if (case_key(now, "fwd", want, sizeof want, &n) && (n != len || memcmp(want, plain, n) != 0))
        fail_case("fwd", "other bytes than expected");
}

static void replay_head(void)
{
    static struct head h;
    uint32_t resume = 0;
    struct result whole = judge(&h, now->msg.p, now->msg.n, &resume);
    if (whole.verdict != now->verdict) {
        fail_case("verdict is", whole.verdict == CASE_OK     ? "ok"
                                : whole.verdict == CASE_MORE ? "more"
                                                             : why_word(whole.why));
        return;
    }
    if (now->verdict == CASE_BAD && strcmp(why_word(whole.why), now->word) != 0)
        fail_case("reason is", why_word(whole.why));
    if (now->verdict == CASE_OK) {
        if (h.framing != framing_named(now->word) ||
            (h.framing == FRAMING_LENGTH && h.clen != now->length))
            fail_case("framing", "differs");
        attributes(&h);
    }
    split(whole);
    pipelined(whole);
    if (now->verdict == CASE_OK)
        edited();
}

/* Scans (or decodes) the body in pieces of `step` bytes. */
static enum chunk_verdict chunks(size_t step, bool decode, size_t *used, uint64_t *payload,
                                 enum why *why)
{
    struct chunk_scan s;
    enum chunk_verdict v = CHUNK_MORE;
    uint64_t sum = 0;
    chunk_init(&s);
    *used = 0;
    while (v == CHUNK_MORE && *used < now->msg.n) {
        size_t n = now->msg.n - *used < step ? now->msg.n - *used : step, took, got = 0;
        char *piece = malloc(n);
        if (!piece)
            exit(2);
        memcpy(piece, now->msg.p + *used, n);
        v = decode ? chunk_decode(&s, piece, n, &took, &got, why)
                   : chunk_scan(&s, piece, n, &took, why);
        free(piece);
        *used += took;
        sum += got;
    }
    *payload = s.total;
    if (decode && sum != s.total)
        fail_case("decode", "payload differs from the total");
    return v;
}

static void replay_chunk(void)
{
    for (size_t step = 1; step <= now->msg.n; step++) {
        for (int decode = 0; decode < 2; decode++) {
            size_t used;
            uint64_t payload;
            enum why why = WHY_OK;
            enum chunk_verdict v = chunks(step, decode, &used, &payload, &why);
            enum case_verdict is = v == CHUNK_DONE  ? CASE_OK
                                   : v == CHUNK_BAD ? CASE_BAD
                                                    : CASE_MORE;
            if (is != now->verdict || (is == CASE_BAD && strcmp(why_word(why), now->word) != 0))
                fail_case(decode ? "decode" : "scan", is == CASE_BAD ? why_word(why) : "verdict");
            else if (is == CASE_OK && payload != now->length)
                fail_case("payload", "differs");
        }
    }
}

static void replay(const struct hcase *c)
{
    now = c;
    if (c->kind == CASE_CHUNK)
        replay_chunk();
    else
        replay_head();
}

static void cases_hold(void **state)
{
    (void)state;
    unsigned n = cases_each("tests/http", replay);
    printf("%u cases\n", n);
    assert_true(n >= 250);
    assert_int_equal(failed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(cases_hold)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
