/*
 * io.c — the calls on one descriptor; what they learn about readiness stays in user space.
 *
 * The event is added once, edge-triggered, for reading, writing and hang-up, and never changed.
 * A short read means "drained" unless the peer has hung up: libevent reports a FIN that arrived
 * with data in one wake-up, and no second edge would come for it (DESIGN pitfalls).
 */
#include "lb/net/io.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

static void on_event(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    struct io *io = arg;
    loop_touch(io->loop);
    io->fl |= (uint16_t)((what & EV_READ ? IO_RD | IO_SOCK : 0) | (what & EV_WRITE ? IO_WR : 0) |
                         (what & EV_CLOSED ? IO_HUP | IO_RD | IO_SOCK : 0));
    if (io->x)
        io->x->event(io);
    io->ops->ready(io);
}

int io_open(struct io *io, struct loop *l, int fd, const struct io_ops *ops, uint16_t fl)
{
    io->loop = l;
    io->ops = ops;
    io->x = NULL;
    io->xctx = NULL;
    io->flush_next = NULL;
    io->fd = fd;
    io->fl = (uint16_t)(fl | IO_OPEN);
    list_init(&io->run);
    if (event_assign(&io->ev, l->base, fd, EV_READ | EV_WRITE | EV_CLOSED | EV_ET | EV_PERSIST,
                     on_event, io) != 0 ||
        event_add(&io->ev, NULL) != 0) {
        io->fl = 0;
        io->fd = -1;
        errno = errno ? errno : ENOMEM;
        return -1;
    }
    return 0;
}

ssize_t io_recv(struct io *io, void *p, size_t n)
{
    if (io->x)
        return io->x->recv(io, p, n);
    ssize_t r;
    do
        r = recv(io->fd, p, n, 0);
    while (r < 0 && errno == EINTR);
    if (r > 0) {
        if ((size_t)r < n && !(io->fl & IO_HUP))
            io->fl &= (uint16_t)~IO_RD;
        return r;
    }
    if (r == 0)
        return 0;
    io->fl &= (uint16_t)~IO_RD;
    return errno == EAGAIN ? IO_AGAIN : IO_FAIL;
}

static ssize_t sent(struct io *io, ssize_t r, size_t n)
{
    if (r >= 0) {
        if ((size_t)r < n)
            io->fl &= (uint16_t)~IO_WR;
        return r;
    }
    io->fl &= (uint16_t)~IO_WR;
    return errno == EAGAIN ? IO_AGAIN : IO_FAIL;
}

ssize_t io_send(struct io *io, const void *p, size_t n)
{
    if (io->x)
        return io->x->send(io, p, n);
    ssize_t r;
    do
        r = send(io->fd, p, n, MSG_NOSIGNAL);
    while (r < 0 && errno == EINTR);
    return sent(io, r, n);
}

void io_shut(struct io *io)
{
    if (io->x)
        io->x->shut(io);
    else
        (void)shutdown(io->fd, SHUT_WR);
}

void io_kick(struct io *io)
{
    if ((io->fl & IO_OPEN) && !list_linked(&io->run))
        list_push(&io->loop->runq, &io->run);
}

void io_stage(struct io *io)
{
    if (io->fl & IO_STAGED)
        return;
    io->fl |= IO_STAGED;
    io->flush_next = NULL;
    *io->loop->flush_tail = io;
    io->loop->flush_tail = &io->flush_next;
}

int io_release(struct io *io)
{
    int fd = io->fd;
    if (!(io->fl & IO_OPEN))
        return -1;
    if (io->x)
        io->x->close(io);
    (void)event_del(&io->ev);
    list_del(&io->run);
    io->fl &= (uint16_t)~IO_OPEN;
    io->fd = -1;
    return fd;
}

void io_close(struct io *io)
{
    int fd = io_release(io);
    if (fd >= 0)
        (void)close(fd);
}

void io_reset(struct io *io)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    if (io->fl & IO_OPEN)
        (void)setsockopt(io->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    io->fl |= IO_BROKEN; /* a transport must not say goodbye */
    io_close(io);
}

int io_connect_error(struct io *io)
{
    int error = 0;
    socklen_t len = sizeof error;
    if (getsockopt(io->fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
        return errno;
    return error;
}
