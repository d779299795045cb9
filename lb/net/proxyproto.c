/*
 * proxyproto.c — see proxyproto.h; "The PROXY protocol, versions 1 & 2" (HAProxy, 2020).
 *
 * Nothing is guessed: a line with two spaces, a port with a leading zero or an address that has to
 * be mended is refused, because the next reader may mend it in another way.
 */
#include "lb/net/proxyproto.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

enum {
    V1_MAX = 107, /* bytes of a line, CRLF included */
    V2_FIXED = 16,
    V2_SIGNATURE = 12,
    V2_IP4 = 12, /* bytes of addresses */
    V2_IP6 = 36,
    V2_UNIX = 216,
    CRC_BYTES = 4,
};

static const char signature[] = "\r\n\r\n\0\r\nQUIT\n";

/* As peer_of does: a mapped address is an IPv4 client. */
static void unmap(struct peer *p)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    if (memcmp(p->ip, mapped, sizeof mapped) == 0)
        p->family = AF_INET;
}

/* --- reading version 1 --- */

/* The next word up to a single SP, or up to the end; {NULL,0} when it is empty. */
static struct slice word(struct slice *rest)
{
    const char *sp = rest->n ? memchr(rest->p, ' ', rest->n) : NULL;
    struct slice w = {rest->p, sp ? (size_t)(sp - rest->p) : rest->n};
    rest->p += w.n + (sp != NULL);
    rest->n -= w.n + (sp != NULL);
    return w.n ? w : (struct slice){NULL, 0};
}

static bool address(struct slice w, uint8_t family, struct peer *out)
{
    char text[INET6_ADDRSTRLEN];
    if (!w.n || w.n >= sizeof text || memchr(w.p, '\0', w.n))
        return false;
    memcpy(text, w.p, w.n);
    text[w.n] = '\0';
    *out = (struct peer){.family = family};
    if (family == AF_INET6) {
        bool ok = inet_pton(AF_INET6, text, out->ip) == 1;
        unmap(out);
        return ok;
    }
    out->ip[10] = out->ip[11] = 0xff;
    return inet_pton(AF_INET, text, out->ip + 12) == 1;
}

static bool port(struct slice w, struct peer *out)
{
    unsigned n = 0;
    if (!w.n || w.n > 5 || (w.p[0] == '0' && w.n > 1))
        return false;
    for (size_t i = 0; i < w.n; i++) {
        if (w.p[i] < '0' || w.p[i] > '9')
            return false;
        n = n * 10 + (unsigned)(w.p[i] - '0');
    }
    out->port = (uint16_t)n;
    return n <= UINT16_MAX;
}

/* The line behind "PROXY ", without CRLF. */
static bool v1_line(struct slice line, struct proxy_head *h)
{
    bool trailing = line.n && line.p[line.n - 1] == ' ';
    struct slice kind = word(&line);
    if (slice_eq(kind, SLICE("UNKNOWN")))
        return true; /* what follows is to be ignored */
    uint8_t family = slice_eq(kind, SLICE("TCP4")) ? AF_INET : AF_INET6;
    if (family == AF_INET6 && !slice_eq(kind, SLICE("TCP6")))
        return false;
    h->named = true;
    return address(word(&line), family, &h->src) && address(word(&line), family, &h->dst) &&
           port(word(&line), &h->src) && port(word(&line), &h->dst) && !line.n && !trailing;
}

static enum proxy_verdict v1_parse(const char *p, size_t n, struct proxy_head *h)
{
    static const char prefix[] = "PROXY ";
    enum { PREFIX = sizeof prefix - 1 };
    if (memcmp(p, prefix, n < PREFIX ? n : PREFIX) != 0)
        return PROXY_BAD;
    if (n < PREFIX)
        return PROXY_MORE;
    size_t seen = n < V1_MAX ? n : V1_MAX;
    const char *cr = memchr(p, '\r', seen);
    if (memchr(p, '\n', cr ? (size_t)(cr - p) : seen))
        return PROXY_BAD;
    if (!cr || cr + 1 == p + n)
        return seen < V1_MAX ? PROXY_MORE : PROXY_BAD;
    if (cr[1] != '\n' || cr + 2 > p + V1_MAX)
        return PROXY_BAD;
    h->version = 1;
    h->len = (uint32_t)(cr + 2 - p);
    struct slice line = {p + PREFIX, (size_t)(cr - p) - PREFIX};
    return v1_line(line, h) ? PROXY_DONE : PROXY_BAD;
}

/* --- version 2 --- */

static unsigned get16(const uint8_t *p)
{
    return (unsigned)p[0] << 8 | p[1];
}

static uint32_t crc_byte(uint32_t crc, uint8_t byte)
{
    crc ^= byte;
    for (int i = 0; i < 8; i++)
        crc = crc & 1 ? crc >> 1 ^ 0x82f63b78u : crc >> 1;
    return crc;
}

/* CRC32c of the header with the checksum's own bytes at `hole` taken for zeros. */
static uint32_t crc32c(const uint8_t *p, size_t n, size_t hole)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < n; i++)
        crc = crc_byte(crc, i >= hole && i < hole + CRC_BYTES ? 0 : p[i]);
    return ~crc;
}

static bool crc_holds(const uint8_t *p, size_t n, size_t at)
{
    uint32_t said = (uint32_t)get16(p + at) << 16 | get16(p + at + 2);
    return crc32c(p, n, at) == said;
}

static bool tlvs_hold(const uint8_t *p, size_t n, size_t at)
{
    while (at < n) {
        if (n - at < 3 || get16(p + at + 1) > n - at - 3)
            return false;
        size_t len = get16(p + at + 1);
        if (p[at] == PROXY_TLV_CRC32C && (len != CRC_BYTES || !crc_holds(p, n, at + 3)))
            return false;
        at += 3 + len;
    }
    return true;
}

static void ip4(const uint8_t *p, const uint8_t *port_at, struct peer *out)
{
    *out = (struct peer){.family = AF_INET, .port = (uint16_t)get16(port_at)};
    out->ip[10] = out->ip[11] = 0xff;
    memcpy(out->ip + 12, p, 4);
}

static void ip6(const uint8_t *p, const uint8_t *port_at, struct peer *out)
{
    *out = (struct peer){.family = AF_INET6, .port = (uint16_t)get16(port_at)};
    memcpy(out->ip, p, 16);
    unmap(out);
}

/* The addresses of a stream; their bytes, or SIZE_MAX when there are too few or it is no stream. */
static size_t v2_addresses(const uint8_t *p, size_t len, uint8_t family, struct proxy_head *h)
{
    h->named = family != 0x00;
    switch (family) {
    case 0x00: /* UNSPEC: addresses and TLVs can't be told apart */
        return len;
    case 0x11:
        if (len < V2_IP4)
            return SIZE_MAX;
        ip4(p, p + 8, &h->src);
        ip4(p + 4, p + 10, &h->dst);
        return V2_IP4;
    case 0x21:
        if (len < V2_IP6)
            return SIZE_MAX;
        ip6(p, p + 32, &h->src);
        ip6(p + 16, p + 34, &h->dst);
        return V2_IP6;
    case 0x31:
        h->src = h->dst = (struct peer){.family = AF_UNIX};
        return len < V2_UNIX ? SIZE_MAX : V2_UNIX;
    default:
        return SIZE_MAX;
    }
}

static enum proxy_verdict v2_parse(const uint8_t *p, size_t n, struct proxy_head *h)
{
    if (n > V2_SIGNATURE && p[12] != 0x20 && p[12] != 0x21)
        return PROXY_BAD;
    if (n < V2_FIXED)
        return PROXY_MORE;
    size_t len = get16(p + 14), total = V2_FIXED + len;
    if (total > PROXY_HEAD_MAX)
        return PROXY_BAD;
    if (n < total)
        return PROXY_MORE;
    h->version = 2;
    h->len = (uint32_t)total;
    if (p[12] == 0x20) /* LOCAL: the rest is to be skipped */
        return PROXY_DONE;
    size_t used = v2_addresses(p + V2_FIXED, len, p[13], h);
    return used != SIZE_MAX && tlvs_hold(p, total, V2_FIXED + used) ? PROXY_DONE : PROXY_BAD;
}

enum proxy_verdict proxy_parse(const void *p, size_t n, struct proxy_head *h)
{
    *h = (struct proxy_head){0};
    if (n == 0)
        return PROXY_MORE;
    if (*(const char *)p == 'P')
        return v1_parse(p, n, h);
    if (memcmp(p, signature, n < V2_SIGNATURE ? n : V2_SIGNATURE) != 0)
        return PROXY_BAD;
    return n < V2_SIGNATURE ? PROXY_MORE : v2_parse(p, n, h);
}

/* --- writing --- */

static bool is_ip(const struct peer *p)
{
    return p && (p->family == AF_INET || p->family == AF_INET6);
}

static size_t v1_write(char *out, size_t max, const struct proxy_out *o)
{
    char src[ADDR_TEXT_MAX], dst[ADDR_TEXT_MAX];
    int n;
    if (!is_ip(o->src) || !is_ip(o->dst)) {
        n = snprintf(out, max, "PROXY UNKNOWN\r\n");
        return n > 0 && (size_t)n < max ? (size_t)n : 0;
    }
    bool v4 = o->src->family == AF_INET && o->dst->family == AF_INET;
    int family = v4 ? AF_INET : AF_INET6; /* one of each: both as IPv6, the other one mapped */
    size_t at = v4 ? 12 : 0;
    if (!inet_ntop(family, o->src->ip + at, src, sizeof src) ||
        !inet_ntop(family, o->dst->ip + at, dst, sizeof dst))
        return 0;
    n = snprintf(out, max, "PROXY %s %s %s %u %u\r\n", v4 ? "TCP4" : "TCP6", src, dst, o->src->port,
                 o->dst->port);
    return n > 0 && (size_t)n < max ? (size_t)n : 0;
}

static uint8_t *put16(uint8_t *p, size_t n)
{
    p[0] = (uint8_t)(n >> 8);
    p[1] = (uint8_t)n;
    return p + 2;
}

static uint8_t *put_addresses(uint8_t *p, const struct proxy_out *o, uint8_t *family)
{
    *family = 0x00;
    if (!is_ip(o->src) || !is_ip(o->dst))
        return p;
    bool v4 = o->src->family == AF_INET && o->dst->family == AF_INET;
    size_t at = v4 ? 12 : 0;
    *family = v4 ? 0x11 : 0x21;
    memcpy(p, o->src->ip + at, 16 - at);
    memcpy(p + 16 - at, o->dst->ip + at, 16 - at);
    return put16(put16(p + 2 * (16 - at), o->src->port), o->dst->port);
}

static size_t v2_write(char *out, size_t max, const struct proxy_out *o)
{
    size_t need = V2_FIXED + V2_IP6;
    uint8_t *base = (uint8_t *)out, *p = base + V2_FIXED, family;
    for (unsigned i = 0; i < o->ntlv; i++)
        need += 3 + o->tlv[i].value.n;
    if (need > max || need > PROXY_HEAD_MAX)
        return 0;
    memcpy(base, signature, V2_SIGNATURE);
    base[12] = o->src ? 0x21 : 0x20;
    p = put_addresses(p, o, &family);
    base[13] = family;
    for (unsigned i = 0; family && i < o->ntlv; i++) { /* UNSPEC has no place for them */
        if (!o->tlv[i].value.n)
            continue;
        *p = o->tlv[i].type;
        p = put16(p + 1, o->tlv[i].value.n);
        memcpy(p, o->tlv[i].value.p, o->tlv[i].value.n);
        p += o->tlv[i].value.n;
    }
    (void)put16(base + 14, (size_t)(p - base) - V2_FIXED);
    return (size_t)(p - base);
}

size_t proxy_write(char *out, size_t max, const struct proxy_out *o)
{
    return o->version == 1 ? v1_write(out, max, o) : v2_write(out, max, o);
}
