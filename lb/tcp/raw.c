/*
 * raw.c — layer 4: both directions are bodies from the first byte to the half-close.
 */
#include "lb/tcp/raw.h"

bool raw_begin(struct conn *c)
{
    if (!conn_activate(c))
        return false;
    c->x->state = RD_TUNNEL;
    c->x->fl |= X_PAUSED;
    return true;
}

static void ready(struct io *io)
{
    struct conn *c = conn_of_io(io);
    if (conn_woken(c) && (io->fl & IO_RD) && c->x)
        conn_tunnel_read(c);
}

const struct io_ops raw_io_ops = {ready, conn_flush};

static void send_piece(struct stream *s, struct buf *piece, bool end)
{
    (void)end;
    conn_send(conn_of(s), piece);
}

static void resume(struct stream *s)
{
    struct conn *c = conn_of(s);
    c->x->fl &= (uint16_t)~X_PAUSED;
    conn_tunnel_read(c);
}

static void shut(struct stream *s)
{
    conn_shut(conn_of(s));
}

/* Heads do not exist here: open_body, take, send_head and tunnel are never called. */
const struct stream_ops raw_ops = {
    .name = "raw",
    .send = send_piece,
    .resume = resume,
    .shut = shut,
};
