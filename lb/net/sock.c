/* sock.c — socket(), bind(), listen(), connect() and the words for what went wrong. */
#include "lb/net/sock.h"

#include "lb/base/err.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

void sock_addr_text(const struct sockaddr *a, char *out, size_t max)
{
    char ip[INET6_ADDRSTRLEN] = "?";
    switch (a->sa_family) {
    case AF_INET: {
        const struct sockaddr_in *in = (const void *)a;
        (void)inet_ntop(AF_INET, &in->sin_addr, ip, sizeof ip);
        (void)snprintf(out, max, "%s:%u", ip, ntohs(in->sin_port));
        break;
    }
    case AF_INET6: {
        const struct sockaddr_in6 *in = (const void *)a;
        (void)inet_ntop(AF_INET6, &in->sin6_addr, ip, sizeof ip);
        (void)snprintf(out, max, "[%s]:%u", ip, ntohs(in->sin6_port));
        break;
    }
    case AF_UNIX:
        (void)snprintf(out, max, "unix:%s",
                       ((const struct sockaddr_un *)(const void *)a)->sun_path);
        break;
    default:
        (void)snprintf(out, max, "?");
    }
}

/* Removes a Unix socket that nobody listens on; anything else at that path is left alone. */
static void unlink_stale(const struct sock_listen *o)
{
    const char *path = ((const struct sockaddr_un *)(const void *)o->addr)->sun_path;
    struct stat st;
    if (lstat(path, &st) != 0 || !S_ISSOCK(st.st_mode))
        return;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, o->addr, o->len) != 0 && errno == ECONNREFUSED)
        (void)unlink(path);
    if (fd >= 0)
        (void)close(fd);
}

static void set_on(int fd, int level, int option)
{
    int on = 1;
    (void)setsockopt(fd, level, option, &on, sizeof on);
}

static const char *advice(int error)
{
    switch (error) {
    case EADDRINUSE:
        return "; another process listens there: stop it or choose another port";
    case EACCES:
        return "; ports below 1024 need root or CAP_NET_BIND_SERVICE";
    case EADDRNOTAVAIL:
        return "; no interface of this machine has that address";
    default:
        return "";
    }
}

static int set_up(int fd, const struct sock_listen *o)
{
    int family = o->addr->sa_family;
    if (family != AF_UNIX) {
        set_on(fd, SOL_SOCKET, SO_REUSEADDR);
        set_on(fd, IPPROTO_TCP, TCP_NODELAY);
        if (o->reuseport)
            set_on(fd, SOL_SOCKET, SO_REUSEPORT);
        if (family == AF_INET6 && o->v6only)
            set_on(fd, IPPROTO_IPV6, IPV6_V6ONLY);
    }
    if (bind(fd, o->addr, o->len) != 0)
        return -1;
    if (family == AF_UNIX && o->unix_mode &&
        chmod(((const struct sockaddr_un *)(const void *)o->addr)->sun_path, o->unix_mode) != 0)
        return -1;
    return listen(fd, o->backlog);
}

int sock_listen(const struct sock_listen *o, struct err *e)
{
    char text[128];
    sock_addr_text(o->addr, text, sizeof text);
    int fd = socket(o->addr->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_set(e, errno, "cannot make a socket for %s: %s", text, strerror(errno));
    if (o->addr->sa_family == AF_UNIX)
        unlink_stale(o);
    if (set_up(fd, o) != 0) {
        int error = errno;
        (void)close(fd);
        return err_set(e, error, "cannot listen on %s: %s%s", text, strerror(error), advice(error));
    }
    return fd;
}

int sock_connect(const struct sockaddr *a, socklen_t len, bool *done)
{
    int fd = socket(a->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (a->sa_family != AF_UNIX)
        set_on(fd, IPPROTO_TCP, TCP_NODELAY);
    *done = connect(fd, a, len) == 0;
    if (*done || errno == EINPROGRESS)
        return fd;
    int error = errno;
    (void)close(fd);
    errno = error;
    return -1;
}
