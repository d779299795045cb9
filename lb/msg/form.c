/*
 * form.c — the four forms of a request target (RFC 9112 section 3.2) and the authority in it.
 *
 * Only what a gateway serves: origin-form, absolute-form of http and https, authority-form with
 * CONNECT, "*" with OPTIONS. User information, IPvFuture and zone identifiers are refused.
 */
#include "lb/msg/parse.h"
#include "lb/msg/scan.h"

#include <arpa/inet.h>

/* Port digits: none is allowed by the grammar; a number must be one TCP has. */
static bool port_valid(struct slice port)
{
    unsigned n = 0;
    for (size_t i = 0; i < port.n; i++) {
        if (!byte_is(port.p[i], BYTE_DIGIT))
            return false;
        n = n * 10 + (unsigned)(port.p[i] - '0');
        if (n > 65535)
            return false;
    }
    return true;
}

/* The bytes of "[IPv6]" at the front of `a`; 0: not one. */
static size_t ipv6_length(struct slice a)
{
    const char *close = memchr(a.p, ']', a.n);
    char text[INET6_ADDRSTRLEN];
    struct in6_addr ignored;
    if (!close || (size_t)(close - a.p) > sizeof text)
        return 0;
    size_t n = (size_t)(close - a.p) - 1;
    if (memchr(a.p, '\0', n + 1)) /* inet_pton would stop there */
        return 0;
    memcpy(text, a.p + 1, n);
    text[n] = '\0';
    return inet_pton(AF_INET6, text, &ignored) == 1 ? n + 2 : 0;
}

/* The bytes of a reg-name or IPv4 address at the front of `a`. */
static size_t name_length(struct slice a)
{
    size_t i = 0;
    while (i < a.n) {
        if (LIKELY(byte_is(a.p[i], BYTE_HOST)))
            i++;
        else if (a.p[i] == '%' && a.n - i >= 3 && bytes_are(a.p + i + 1, 2, BYTE_HEX))
            i += 3;
        else
            break;
    }
    return i;
}

bool authority_split(struct slice a, struct slice *name, struct slice *port)
{
    if (a.n == 0)
        return false;
    size_t n = a.p[0] == '[' ? ipv6_length(a) : name_length(a);
    *name = (struct slice){a.p, n};
    *port = (struct slice){NULL, 0};
    if (n == 0)
        return false;
    if (n == a.n)
        return true;
    *port = (struct slice){a.p + n + 1, a.n - n - 1};
    return a.p[n] == ':' && port_valid(*port);
}

static void split_query(struct head *h, struct slice s)
{
    const char *q = memchr(s.p, '?', s.n);
    h->path = (struct slice){s.p, q ? (size_t)(q - s.p) : s.n};
    h->query = q ? (struct slice){q + 1, s.n - h->path.n - 1} : (struct slice){NULL, 0};
}

/* Bytes of "http://" or "https://", compared without case (RFC 3986 section 3.1); 0: neither. */
static size_t scheme_length(struct slice t)
{
    if (t.n >= 7 && strncasecmp(t.p, "http://", 7) == 0)
        return 7;
    return t.n >= 8 && strncasecmp(t.p, "https://", 8) == 0 ? 8 : 0;
}

static bool absolute_form(struct head *h)
{
    struct slice t = h->target, port;
    size_t skip = scheme_length(t);
    if (skip == 0)
        return false;
    t = (struct slice){t.p + skip, t.n - skip};
    size_t n = 0;
    while (n < t.n && t.p[n] != '/' && t.p[n] != '?')
        n++;
    h->host = (struct slice){t.p, n};
    h->fl |= HEAD_ABSOLUTE;
    split_query(h, (struct slice){t.p + n, t.n - n});
    if (h->path.n == 0) /* RFC 9112 section 3.2.4: OPTIONS without path and query means "*" */
        h->path = h->method == M_OPTIONS && !h->query.p ? SLICE("*") : SLICE("/");
    return authority_split(h->host, &h->host_name, &port);
}

bool target_forms(struct head *h)
{
    struct slice port;
    if (h->method == M_CONNECT) {
        h->host = h->target;
        return authority_split(h->host, &h->host_name, &port) && port.n > 0;
    }
    if (LIKELY(h->target.p[0] == '/')) {
        split_query(h, h->target);
        return true;
    }
    if (h->target.n == 1 && h->target.p[0] == '*') {
        h->path = h->target;
        return h->method == M_OPTIONS;
    }
    return absolute_form(h);
}
