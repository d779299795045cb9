/*
 * head.c — what the message layer costs: ns per head, with and without edits, llhttp next to it,
 * and the rate of the chunk scanner. `make bench-msg`; the best of several rounds is printed, since
 * the machine may be shared.
 *
 * llhttp is used as a proxy would use it: callbacks that note where each name and value begins and
 * ends, a pause at the end of the head, no framing or field syntax checks of its own on top.
 */
#include "bench/micro/bench.h"
#include "lb/base/clock.h"
#include "lb/msg/chunk.h"
#include "lb/msg/edit.h"
#include "lb/msg/framing.h"

#include <llhttp.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROUNDS = 100, TIMES = 20000, PAYLOAD = 1 << 20 };

static const char browser[] =
    "GET /assets/css/main.7f3d2a.css?v=20240611&theme=dark HTTP/1.1\r\n"
    "Host: www.example.com\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/126.0.0.0 Safari/537.36\r\n"
    "Accept: "
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n"
    "Accept-Language: en-US,en;q=0.5\r\n"
    "Accept-Encoding: gzip, deflate, br, zstd\r\n"
    "Referer: https://www.example.com/articles/2024/06/some-longer-title-of-an-article.html\r\n"
    "Connection: keep-alive\r\n"
    "Cookie: session=0123456789abcdef0123456789abcdef; theme=dark; consent=1; "
    "_ga=GA1.2.1234567890.1718000000\r\n"
    "Upgrade-Insecure-Requests: 1\r\n\r\n";

static const char small[] = "HTTP/1.1 200 OK\r\n"
                            "Server: origin/1.0 (unix)\r\n"
                            "Date: Tue, 11 Jun 2024 10:00:00 GMT\r\n"
                            "Content-Type: text/plain; charset=utf-8\r\n"
                            "Content-Length: 128\r\n\r\n";

static const struct head_limits limits = {16384, 100, 8192};

struct work {
    struct slice in;
    bool request;
    struct head h;
    struct buf b;
    char mem[4096];
    char *chunks;
    size_t nchunks;
    llhttp_t ll;
    llhttp_settings_t settings;
    struct slice span[64];
    unsigned nspans;
};

static void parse(struct work *w, const char *base)
{
    uint32_t resume = 0;
    enum why why = WHY_OK;
    struct framing_asked asked = {M_GET, false};
    enum head_verdict v = w->request ? head_request(&w->h, base, w->in.n, &resume, &limits, &why)
                                     : head_response(&w->h, base, w->in.n, &resume, &limits, &why);
    bool framed = w->request ? framing_request(&w->h, &why) : framing_response(&w->h, &asked, &why);
    if (v != HEAD_DONE || !framed)
        abort();
}

static void run_parse(struct work *w)
{
    parse(w, w->in.p);
}

static void run_copy(struct work *w)
{
    w->b = (struct buf){w->mem, BUF_HEADROOM, BUF_HEADROOM + (uint32_t)w->in.n, sizeof w->mem};
    memcpy(buf_data(&w->b), w->in.p, w->in.n);
    __asm__ volatile("" : : "r"(w->mem) : "memory");
}

static void run_edit(struct work *w)
{
    struct edits e = {.add = SLICE("X-Forwarded-For: 192.0.2.17\r\nX-Forwarded-Proto: https\r\n"
                                   "X-Request-Id: 0190a5c2-7b3e-7cc0-9d1a-2f4b6c8d0e1f\r\n")};
    run_copy(w);
    parse(w, buf_data(&w->b));
    edits_drop_hop(&e, &w->h, false);
    if (!edits_apply(&e, &w->h, &w->b))
        abort();
}

static int ll_span(llhttp_t *ll, const char *at, size_t n)
{
    struct work *w = ll->data;
    w->span[w->nspans++ % 64] = (struct slice){at, n};
    return 0;
}

static int ll_headers(llhttp_t *ll)
{
    (void)ll;
    return HPE_PAUSED;
}

static void run_llhttp(struct work *w)
{
    w->nspans = 0;
    llhttp_init(&w->ll, w->request ? HTTP_REQUEST : HTTP_RESPONSE, &w->settings);
    w->ll.data = w;
    if (llhttp_execute(&w->ll, w->in.p, w->in.n) != HPE_PAUSED)
        abort();
}

static void run_chunks(struct work *w)
{
    struct chunk_scan s;
    size_t used;
    enum why why;
    chunk_init(&s);
    if (chunk_scan(&s, w->chunks, w->nchunks, &used, &why) != CHUNK_DONE || s.total != PAYLOAD)
        abort();
}

static int ll_done(llhttp_t *ll)
{
    (void)ll;
    return HPE_PAUSED;
}

static void run_llhttp_chunks(struct work *w)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    llhttp_settings_t s;
    llhttp_settings_init(&s);
    s.on_message_complete = ll_done;
    llhttp_init(&w->ll, HTTP_RESPONSE, &s);
    if (llhttp_execute(&w->ll, head, sizeof head - 1) != HPE_OK ||
        llhttp_execute(&w->ll, w->chunks, w->nchunks) != HPE_PAUSED)
        abort();
}

/* The best of several rounds, in ns per call. */
static double best(struct work *w, void (*fn)(struct work *), unsigned times)
{
    double least = 1e18;
    for (int r = 0; r < ROUNDS; r++) {
        uint64_t from = clock_us();
        for (unsigned i = 0; i < times; i++)
            fn(w);
        double ns = (double)(clock_us() - from) * 1000 / times;
        least = ns < least ? ns : least;
    }
    return least;
}

/* A request of `fields` fields of 40 bytes: parsed and edited. */
static void growth(struct work *w, unsigned fields)
{
    static char text[8192];
    size_t n =
        (size_t)snprintf(text, sizeof text, "GET /index.html HTTP/1.1\r\nHost: a.example\r\n");
    for (unsigned i = 1; i < fields; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "X-Some-Field-%02u: %022u\r\n", i, i);
    n += (size_t)snprintf(text + n, sizeof text - n, "\r\n");
    w->in = (struct slice){text, n};
    w->request = true;
    bench_row("request, parse", fields, best(w, run_parse, TIMES / 4));
    bench_row("request, parse and edit", fields, best(w, run_edit, TIMES / 4));
}

static void heads(struct work *w, const char *what, struct slice in, bool request)
{
    w->in = in;
    w->request = request;
    printf("%-22s %4zu bytes: parse+framing %6.1f ns, copy %5.1f ns, copy+parse+framing+edit "
           "%6.1f ns, llhttp %7.1f ns\n",
           what, in.n, best(w, run_parse, TIMES), best(w, run_copy, TIMES),
           best(w, run_edit, TIMES), best(w, run_llhttp, TIMES / 4));
}

/* PAYLOAD bytes in chunks of n. */
static void chunks(struct work *w, size_t n)
{
    char size[CHUNK_HEAD_MAX];
    size_t len = 0;
    for (size_t left = PAYLOAD; left > 0;) {
        size_t take = left < n ? left : n, head = chunk_head_before(size + sizeof size, take);
        memcpy(w->chunks + len, size + sizeof size - head, head);
        memset(w->chunks + len + head, 'x', take);
        memcpy(w->chunks + len + head + take, "\r\n", 2);
        len += head + take + 2;
        left -= take;
    }
    memcpy(w->chunks + len, "0\r\n\r\n", 5);
    w->nchunks = len + 5;
    double ours = best(w, run_chunks, 20), theirs = best(w, run_llhttp_chunks, 5);
    printf("chunks of %6zu bytes: %8.2f GB/s (%5.1f ns a chunk), llhttp %8.2f GB/s\n", n,
           (double)w->nchunks / ours, ours * (double)n / PAYLOAD, (double)w->nchunks / theirs);
}

int main(int argc, char **argv)
{
    struct work *w = calloc(1, sizeof *w);
    if (!w || !(w->chunks = malloc(PAYLOAD * 2)))
        return 1;
    llhttp_settings_init(&w->settings);
    w->settings.on_url = w->settings.on_status = ll_span;
    w->settings.on_header_field = w->settings.on_header_value = ll_span;
    w->settings.on_headers_complete = ll_headers;
    for (unsigned n = 1; bench_csv(argc, argv) && n <= 64; n *= 2)
        growth(w, n);
    if (bench_csv(argc, argv))
        return 0;
    heads(w, "browser GET, 9 fields", (struct slice){browser, sizeof browser - 1}, true);
    heads(w, "response, 4 fields", (struct slice){small, sizeof small - 1}, false);
    static const size_t sizes[] = {16, 128, 1024, 8192, 65536};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        chunks(w, sizes[i]);
    free(w->chunks);
    free(w);
    return 0;
}
