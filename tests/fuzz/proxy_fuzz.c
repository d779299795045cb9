/*
 * proxy_fuzz.c — the first bytes of a connection as a PROXY protocol header.
 *
 * A verdict does not depend on how the bytes arrive: every shorter piece says "more", or what the
 * whole says. An accepted header with addresses can be written again and reads the same.
 */
#include "lb/net/proxyproto.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void same_peer(const struct peer *a, const struct peer *b)
{
    assert(memcmp(a->ip, b->ip, sizeof a->ip) == 0 && a->port == b->port);
}

static void write_again(const struct proxy_head *h, unsigned version)
{
    char out[PROXY_HEAD_MAX];
    struct proxy_out o = {.version = version, .src = &h->src, .dst = &h->dst};
    struct proxy_head back;
    size_t n = proxy_write(out, sizeof out, &o);
    assert(n > 0 && n <= (version == 1 ? 107u : 52u));
    assert(proxy_parse(out, n, &back) == PROXY_DONE && back.len == n);
    assert(back.named == (h->src.family != AF_UNIX));
    if (back.named) {
        same_peer(&h->src, &back.src);
        same_peer(&h->dst, &back.dst);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct proxy_head h, part;
    enum proxy_verdict v = proxy_parse(data, n, &h);
    size_t most = v == PROXY_DONE ? h.len : n;
    assert(v != PROXY_DONE || (h.len <= n && h.len <= PROXY_HEAD_MAX && h.version));
    for (size_t i = 0; i < most && i < 600; i++) {
        enum proxy_verdict early = proxy_parse(data, i, &part);
        assert(early == PROXY_MORE || (early == PROXY_BAD && v == PROXY_BAD));
    }
    if (v == PROXY_DONE && h.named) {
        write_again(&h, 1);
        write_again(&h, 2);
    }
    return 0;
}
