/*
 * address.c — see address.h. IPv4-mapped IPv6 addresses are stored as IPv4, so that equal places
 * compare equal.
 */
#include "config/address.h"

#include "config/value.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

enum { HOST_MAX = 253 };

static const char *parse_port(struct slice s, enum address_want want, uint16_t *port)
{
    uint64_t v;
    if (s.n == 0)
        return "the port is missing";
    if (s.n > 5 || value_uint(s, &v) != VALUE_OK || v > 65535 || (s.n > 1 && s.p[0] == '0'))
        return "the port is not a number up to 65535";
    if (v == 0 && want == ADDRESS_CONNECT)
        return "port 0 can't be connected to";
    *port = (uint16_t)v;
    return NULL;
}

static const char *parse_unix(struct arena *a, struct slice path, struct cfg_addr *out)
{
    if (path.n == 0 || path.n >= sizeof((struct sockaddr_un *)0)->sun_path)
        return "the path of a Unix socket has 1 to 107 bytes";
    if (memchr(path.p, '\n', path.n) || memchr(path.p, '\0', path.n))
        return "the path has a line end";
    out->kind = CFG_ADDR_UNIX;
    out->text = arena_format(a, "unix:%.*s", (int)path.n, path.p);
    out->host = out->text + 5;
    return NULL;
}

static const char *parse_v6(struct arena *a, struct slice host, struct cfg_addr *out)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr ip;
    if (host.n >= sizeof text)
        return "not an IPv6 address";
    memcpy(text, host.p, host.n);
    text[host.n] = '\0';
    if (inet_pton(AF_INET6, text, &ip) != 1)
        return memchr(host.p, '%', host.n) ? "zones of IPv6 addresses are not supported"
                                           : "not an IPv6 address";
    out->kind = CFG_ADDR_IP;
    if (IN6_IS_ADDR_V4MAPPED(&ip)) {
        out->ip.in4.sin_family = AF_INET;
        out->ip.in4.sin_port = htons(out->port);
        memcpy(&out->ip.in4.sin_addr, ip.s6_addr + 12, 4);
        (void)inet_ntop(AF_INET, &out->ip.in4.sin_addr, text, sizeof text);
        out->text = arena_format(a, "%s:%u", text, out->port);
        return NULL;
    }
    out->ip.in6.sin6_family = AF_INET6;
    out->ip.in6.sin6_port = htons(out->port);
    out->ip.in6.sin6_addr = ip;
    (void)inet_ntop(AF_INET6, &ip, text, sizeof text);
    out->text = arena_format(a, "[%s]:%u", text, out->port);
    return NULL;
}

static bool is_host_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_';
}

static const char *check_host(struct slice host)
{
    bool digits_only = true;
    if (host.n > HOST_MAX)
        return "a host name has at most 253 bytes";
    for (size_t i = 0; i < host.n; i++) {
        if (!is_host_byte(host.p[i]))
            return "not an address or a host name";
        if (host.p[i] == '.' && (i == 0 || host.p[i - 1] == '.'))
            return "a host name has an empty part";
        digits_only &= host.p[i] == '.' || (host.p[i] >= '0' && host.p[i] <= '9');
    }
    return digits_only ? "not an IPv4 address" : NULL;
}

static const char *parse_v4_or_name(struct arena *a, struct slice all, struct slice host,
                                    struct cfg_addr *out)
{
    char text[INET_ADDRSTRLEN];
    struct in_addr ip;
    if (host.n < sizeof text) {
        memcpy(text, host.p, host.n);
        text[host.n] = '\0';
        if (inet_pton(AF_INET, text, &ip) == 1) {
            out->kind = CFG_ADDR_IP;
            out->ip.in4.sin_family = AF_INET;
            out->ip.in4.sin_port = htons(out->port);
            out->ip.in4.sin_addr = ip;
            out->text = arena_text(a, all);
            return NULL;
        }
    }
    const char *problem = check_host(host);
    if (problem)
        return problem;
    out->kind = CFG_ADDR_NAME;
    out->text = arena_text(a, all);
    out->host = arena_text(a, host);
    return NULL;
}

const char *address_parse(struct arena *a, struct slice s, enum address_want want,
                          struct cfg_addr *out)
{
    *out = (struct cfg_addr){0};
    if (slice_starts(s, SLICE("unix:")))
        return parse_unix(a, (struct slice){s.p + 5, s.n - 5}, out);
    if (s.n && memchr(s.p, '\0', s.n))
        return "not an address or a host name";
    const char *colon = s.n ? memrchr(s.p, ':', s.n) : NULL;
    if (!colon || (s.n && s.p[s.n - 1] == ']'))
        return "the port is missing";
    struct slice host = {s.p, (size_t)(colon - s.p)};
    struct slice port = {colon + 1, s.n - host.n - 1};
    const char *problem = parse_port(port, want, &out->port);
    if (problem)
        return problem;
    if (host.n == 0) {
        if (want == ADDRESS_CONNECT)
            return "the host is missing";
        out->kind = CFG_ADDR_ANY;
        out->text = arena_text(a, s);
        return NULL;
    }
    if (host.p[0] == '[' && host.p[host.n - 1] == ']')
        return parse_v6(a, (struct slice){host.p + 1, host.n - 2}, out);
    if (memchr(host.p, ':', host.n))
        return "an IPv6 address stands in brackets: [::1]:80";
    return parse_v4_or_name(a, s, host, out);
}

socklen_t cfg_addr_sockaddr(const struct cfg_addr *a, struct sockaddr_storage *ss)
{
    memset(ss, 0, sizeof *ss);
    if (a->kind == CFG_ADDR_IP) {
        socklen_t n = a->ip.sa.sa_family == AF_INET ? sizeof a->ip.in4 : sizeof a->ip.in6;
        memcpy(ss, &a->ip, n);
        return n;
    }
    if (a->kind != CFG_ADDR_UNIX)
        return 0;
    struct sockaddr_un *un = (struct sockaddr_un *)ss;
    size_t n = strlen(a->host);
    un->sun_family = AF_UNIX;
    memcpy(un->sun_path, a->host, n + 1); /* address_parse checked the length */
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + 1);
}

static bool has_host_bits(const struct cfg_net *net)
{
    for (unsigned bit = net->bits; bit < 128; bit++)
        if (net->addr[bit / 8] & (0x80 >> bit % 8))
            return true;
    return false;
}

const char *network_parse(struct slice s, struct cfg_net *out)
{
    char text[INET6_ADDRSTRLEN];
    const char *slash = s.n ? memchr(s.p, '/', s.n) : NULL;
    struct slice ip = {s.p, slash ? (size_t)(slash - s.p) : s.n};
    if (ip.n == 0 || ip.n >= sizeof text)
        return "not an address";
    memcpy(text, ip.p, ip.n);
    text[ip.n] = '\0';
    *out = (struct cfg_net){.bits = 128};
    unsigned most = 128;
    if (inet_pton(AF_INET, text, out->addr + 12) == 1) {
        out->addr[10] = out->addr[11] = 0xff;
        most = 32;
    } else if (inet_pton(AF_INET6, text, out->addr) != 1) {
        return "not an address";
    }
    if (slash) {
        uint64_t bits;
        struct slice rest = {slash + 1, s.n - ip.n - 1};
        if (value_uint(rest, &bits) != VALUE_OK || bits > most)
            return most == 32 ? "the prefix is not 0 to 32" : "the prefix is not 0 to 128";
        out->bits = (uint8_t)(128 - most + bits);
    }
    return has_host_bits(out) ? "address bits are set beyond the prefix" : NULL;
}

void network_format(const struct cfg_net *net, char out[NETWORK_TEXT_MAX])
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    char text[INET6_ADDRSTRLEN];
    bool v4 = net->bits >= 96 && memcmp(net->addr, mapped, sizeof mapped) == 0;
    (void)inet_ntop(v4 ? AF_INET : AF_INET6, net->addr + (v4 ? 12 : 0), text, sizeof text);
    (void)snprintf(out, NETWORK_TEXT_MAX, "%s/%d", text, net->bits - (v4 ? 96 : 0));
}
