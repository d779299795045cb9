/*
 * hello.c — layer 4 connections before their session: the TLS handshake, when lb terminates TLS, or
 * the ClientHello, when a route asks for its name and lb passes the bytes through.
 *
 * A hello is peeked at, so it stays in the socket for the tunnel to read; each further segment is
 * an edge. One timer bounds both waits.
 */
#include "lb/session/session.h"

#include "lb/tcp/raw.h"
#include "lb/tls/sni.h"
#include "lb/tls/tls_io.h"

#include <errno.h>
#include <sys/socket.h>

enum { PEEK_BYTES = SNI_HELLO_MAX + 1024 };

static void go_on(struct conn *c, struct slice name, enum why why)
{
    c->io.ops = &raw_io_ops;
    if (c->io.x)
        front_shaken(c);
    loop_timer_clear(c->io.loop, &c->timer);
    tcp_begin(c, name, why);
}

static void peek(struct conn *c)
{
    unsigned char bytes[PEEK_BYTES];
    char name[SNI_NAME_MAX + 1];
    ssize_t n = recv(c->io.fd, bytes, sizeof bytes, MSG_PEEK);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        front_close(c, false);
        return;
    }
    switch (sni_parse(bytes, n < 0 ? 0 : (size_t)n, name)) {
    case SNI_FOUND:
        go_on(c, slice_of(name), WHY_OK);
        return;
    case SNI_NONE:
        go_on(c, (struct slice){0}, WHY_OK);
        return;
    case SNI_BAD:
        go_on(c, (struct slice){0}, WHY_BAD_HELLO);
        return;
    case SNI_MORE:
        c->io.fl &= (uint16_t)~IO_RD; /* the next segment is an edge */
        if (c->io.fl & IO_HUP)
            front_close(c, false);
    }
}

static void hello_ready(struct io *io)
{
    struct conn *c = conn_of_io(io);
    if (((struct acceptor *)c->home)->fe == NULL || io->fl & IO_BROKEN)
        front_close(c, false);
    else if (io->x && !(io->fl & IO_SHAKING))
        go_on(c, slice_of(tls_sni(io)), WHY_OK);
    else if (!io->x && io->fl & IO_RD)
        peek(c);
}

static const struct io_ops hello_io_ops = {hello_ready, NULL};

void hello_begin(struct conn *c)
{
    const struct acceptor *a = c->home;
    if (!a->tls && !a->fe->by_name) {
        tcp_begin(c, (struct slice){0}, WHY_OK);
        return;
    }
    c->io.ops = &hello_io_ops;
    if (a->fe->cfg->timeouts.handshake)
        loop_timer_set(c->io.loop, &c->timer, TIMER_CONN, KIND_HANDSHAKE,
                       a->fe->cfg->timeouts.handshake);
    if (c->io.x)
        c->io.x->event(&c->io); /* the hello has often come already */
    hello_ready(&c->io);
}
