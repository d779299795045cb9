/*
 * tcp.c — the check that only wants a connection to be accepted.
 *
 * A kernel may connect a socket to itself when it picks the very port that is being probed and
 * nobody listens there; that is not a server, so it is looked for.
 */
#include "health/checks.h"

#include <netinet/in.h>

static bool connected_to_itself(int fd)
{
    struct sockaddr_storage a = {0}, b = {0};
    socklen_t alen = sizeof a, blen = sizeof b;
    if (getsockname(fd, (struct sockaddr *)&a, &alen) < 0 ||
        getpeername(fd, (struct sockaddr *)&b, &blen) < 0)
        return false;
    if (a.ss_family != AF_INET && a.ss_family != AF_INET6)
        return false;
    return alen == blen && memcmp(&a, &b, alen) == 0;
}

static void tcp_ready(struct io *io)
{
    struct probe *p = container_of(io, struct probe, io);
    if (!probe_connected(p))
        return;
    if (connected_to_itself(io->fd))
        probe_done(p, false, "nobody listens");
    else
        probe_done(p, true, "connected");
}

static void tcp_start(struct probe *p)
{
    static const struct io_ops ops = {.ready = tcp_ready};
    p->io.ops = &ops;
    tcp_ready(&p->io);
}

const struct check check_tcp = {
    .desc = {.name = "tcp", .help = "passes when the server accepts a connection"},
    .start = tcp_start,
    .plain = true,
};
