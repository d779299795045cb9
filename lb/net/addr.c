/* addr.c — compact peers and name resolution. */
#include "lb/net/addr.h"

#include "config/cfg.h"
#include "lb/base/err.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

void peer_of(struct peer *p, const struct sockaddr *a)
{
    *p = (struct peer){.family = (uint8_t)a->sa_family};
    if (a->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)a;
        memcpy(p->ip, mapped, 12);
        memcpy(p->ip + 12, &in->sin_addr, 4);
        p->port = ntohs(in->sin_port);
    } else if (a->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in = (const void *)a;
        memcpy(p->ip, &in->sin6_addr, 16);
        p->port = ntohs(in->sin6_port);
        if (memcmp(p->ip, mapped, 12) == 0)
            p->family = AF_INET; /* an IPv4 client of a dual-stack socket */
    }
}

static unsigned put_u8(char *out, unsigned v)
{
    unsigned n = 0;
    if (v >= 100)
        out[n++] = (char)('0' + v / 100);
    if (v >= 10)
        out[n++] = (char)('0' + v / 10 % 10);
    out[n++] = (char)('0' + v % 10);
    return n;
}

unsigned peer_ip_text(const struct peer *p, char out[ADDR_TEXT_MAX])
{
    unsigned n = 0;
    switch (p->family) {
    case AF_INET: /* on the data path: by hand, inet_ntop goes through printf */
        for (int i = 12; i < 16; i++) {
            n += put_u8(out + n, p->ip[i]);
            out[n++] = '.';
        }
        out[--n] = '\0';
        return n;
    case AF_INET6:
        (void)inet_ntop(AF_INET6, p->ip, out, ADDR_TEXT_MAX);
        return (unsigned)strlen(out);
    default:
        memcpy(out, "unix", 5);
        return 4;
    }
}

unsigned peer_text(const struct peer *p, char out[ADDR_TEXT_MAX])
{
    char ip[ADDR_TEXT_MAX];
    unsigned n = peer_ip_text(p, ip);
    if (p->family != AF_INET && p->family != AF_INET6) {
        memcpy(out, ip, n + 1);
        return n;
    }
    bool v6 = p->family == AF_INET6;
    int w = snprintf(out, ADDR_TEXT_MAX, v6 ? "[%s]:%u" : "%s:%u", ip, p->port);
    return (unsigned)w;
}

bool peer_in(const struct peer *p, const struct cfg_net *nets, unsigned n)
{
    if (p->family != AF_INET && p->family != AF_INET6)
        return false;
    for (unsigned i = 0; i < n; i++) {
        unsigned whole = nets[i].bits / 8, rest = nets[i].bits % 8;
        if (memcmp(p->ip, nets[i].addr, whole) != 0)
            continue;
        if (!rest || (uint8_t)((p->ip[whole] ^ nets[i].addr[whole]) >> (8 - rest)) == 0)
            return true;
    }
    return false;
}

static int resolve_name(const struct cfg_addr *a, uint16_t port, struct sockaddr_storage *ss,
                        socklen_t *len, struct err *e)
{
    char service[8];
    (void)snprintf(service, sizeof service, "%u", port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV}, *found = NULL;
    int rc = getaddrinfo(a->host, service, &hints, &found);
    if (rc != 0 || !found)
        return err_set(e, EHOSTUNREACH, "%s:%u:%u: cannot resolve '%s': %s", a->loc.file,
                       a->loc.line, a->loc.col, a->host, gai_strerror(rc));
    memcpy(ss, found->ai_addr, found->ai_addrlen);
    *len = found->ai_addrlen;
    freeaddrinfo(found);
    return 0;
}

int addr_resolve(const struct cfg_addr *a, uint16_t port, struct sockaddr_storage *ss,
                 socklen_t *len, struct err *e)
{
    if (a->kind == CFG_ADDR_NAME)
        return resolve_name(a, port ? port : a->port, ss, len, e);
    memset(ss, 0, sizeof *ss);
    if (a->kind == CFG_ADDR_ANY) {
        struct sockaddr_in6 *in = (void *)ss;
        in->sin6_family = AF_INET6;
        in->sin6_port = htons(port ? port : a->port);
        *len = sizeof *in;
        return 0;
    }
    *len = cfg_addr_sockaddr(a, ss);
    if (port && ss->ss_family == AF_INET)
        ((struct sockaddr_in *)(void *)ss)->sin_port = htons(port);
    if (port && ss->ss_family == AF_INET6)
        ((struct sockaddr_in6 *)(void *)ss)->sin6_port = htons(port);
    return 0;
}
