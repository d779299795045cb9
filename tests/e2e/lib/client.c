/* client.c — see client.h. Sockets are non-blocking; each call polls until its deadline. */
#include "tests/e2e/lib/client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int wait_for(int fd, short what, uint64_t end)
{
    uint64_t now = now_ms();
    struct pollfd p = {.fd = fd, .events = what};
    return poll(&p, 1, end > now ? (int)(end - now) : 0);
}

static bool connect_to(struct client *c, const struct sockaddr *sa, socklen_t len)
{
    *c = (struct client){.fd = socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (c->fd < 0)
        return false;
    int on = 1;
    (void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(c->fd, sa, len) == 0)
        return true;
    (void)close(c->fd);
    c->fd = -1;
    return false;
}

bool client_open_host(struct client *c, const char *host, uint16_t port)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    if (inet_pton(AF_INET, host, &in.sin_addr) == 1)
        return connect_to(c, (struct sockaddr *)&in, sizeof in);
    if (inet_pton(AF_INET6, host, &in6.sin6_addr) == 1)
        return connect_to(c, (struct sockaddr *)&in6, sizeof in6);
    die("not an address: %s", host);
}

bool client_open(struct client *c, uint16_t port)
{
    return client_open_host(c, "127.0.0.1", port);
}

bool client_open_unix(struct client *c, const char *path)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    (void)snprintf(un.sun_path, sizeof un.sun_path, "%s", path);
    return connect_to(c, (struct sockaddr *)&un, sizeof un);
}

void client_close(struct client *c)
{
    if (c->fd >= 0)
        (void)close(c->fd);
    c->fd = -1;
    text_free(&c->in);
}

void client_arm_reset(struct client *c)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

void client_reset(struct client *c)
{
    client_arm_reset(c);
    client_close(c);
}

void client_shut(struct client *c)
{
    (void)shutdown(c->fd, SHUT_WR);
}

bool client_send(struct client *c, const void *bytes, size_t n)
{
    const char *p = bytes;
    uint64_t end = now_ms() + CLIENT_WAIT_MS;
    while (n) {
        ssize_t put = send(c->fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (put < 0 && errno == EAGAIN) {
            if (wait_for(c->fd, POLLOUT, end) <= 0)
                return false;
            continue;
        }
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return false;
        p += put;
        n -= (size_t)put;
        end = now_ms() + CLIENT_WAIT_MS;
    }
    return true;
}

bool client_sendf(struct client *c, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    char *s;
    int n = vasprintf(&s, format, ap);
    va_end(ap);
    if (n < 0)
        die("out of memory");
    bool ok = client_send(c, s, (size_t)n);
    free(s);
    return ok;
}

bool client_more(struct client *c, unsigned ms)
{
    uint64_t end = now_ms() + ms;
    char part[65536];
    while (c->ending == END_NONE) {
        ssize_t n = recv(c->fd, part, sizeof part, MSG_DONTWAIT);
        if (n > 0) {
            text_add(&c->in, part, (size_t)n);
            return true;
        }
        if (n == 0)
            c->ending = END_FIN;
        else if (errno != EAGAIN && errno != EINTR)
            c->ending = END_RESET;
        else if (now_ms() > end || wait_for(c->fd, POLLIN, end) == 0)
            return false;
    }
    return false;
}

/* client_more until a common deadline. */
static bool more_until(struct client *c, uint64_t end)
{
    uint64_t now = now_ms();
    return client_more(c, end > now ? (unsigned)(end - now) : 0);
}

bool client_want(struct client *c, size_t n, unsigned ms)
{
    uint64_t end = now_ms() + ms;
    while (c->in.n < n)
        if (!more_until(c, end))
            return false;
    return true;
}

bool client_until(struct client *c, const char *needle, unsigned ms)
{
    uint64_t end = now_ms() + ms;
    size_t len = strlen(needle);
    while (c->in.n < len || !memmem(c->in.p, c->in.n, needle, len))
        if (!more_until(c, end))
            return false;
    return true;
}

bool client_ends(struct client *c, unsigned ms)
{
    uint64_t end = now_ms() + ms;
    while (more_until(c, end))
        ;
    return c->ending != END_NONE;
}

bool client_expect(struct client *c, const char *bytes)
{
    size_t n = strlen(bytes);
    bool ok = client_want(c, n, CLIENT_WAIT_MS) && memcmp(c->in.p, bytes, n) == 0;
    if (!ok)
        (void)fprintf(stderr, "expected: %s\nreceived: %s\n", bytes, text_str(&c->in));
    else
        text_drop(&c->in, n);
    return ok;
}

bool client_silent(struct client *c, unsigned ms)
{
    return c->in.n == 0 && !client_more(c, ms) && c->ending == END_NONE;
}
