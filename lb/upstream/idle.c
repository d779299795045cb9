/* idle.c — see idle.h. Worker's thread only. */
#include "lb/upstream/idle.h"

static void drop(struct conn *c)
{
    struct server_line *l = c->home;
    l->nidle--;
    stat_add(&l->stat[SRV_CLOSED], 1);
    conn_close(c, false);
}

/* Nothing is asked, so whatever comes ends it: FIN, RST or bytes nobody wants. */
static void idle_ready(struct io *io)
{
    char byte;
    if ((io->fl & IO_RD) && io_recv(io, &byte, 1) != IO_AGAIN)
        drop(conn_of_io(io));
}

static const struct io_ops idle_io_ops = {idle_ready, NULL};

struct conn *idle_take(struct server_line *l, const struct io_ops *io_ops)
{
    if (!l->nidle)
        return NULL;
    struct conn *c = container_of(l->idle.next, struct conn, grave.link);
    list_del(&c->grave.link);
    l->nidle--;
    c->io.ops = io_ops;
    return c;
}

void idle_give(struct server_line *l, struct conn *c, unsigned max, uint32_t ms)
{
    conn_deactivate(c);
    if (!l->idle_ready) {
        list_init(&l->idle);
        l->idle_ready = true;
    }
    c->home = l;
    c->io.ops = &idle_io_ops;
    c->s.up = NULL;
    c->s.owner = NULL;
    l->nidle++;
    list_push_front(&l->idle, &c->grave.link);
    if (l->nidle > max || (c->io.fl & IO_HUP)) {
        drop(c);
        return;
    }
    if (ms)
        loop_timer_set(c->io.loop, &c->timer, TIMER_CONN, 0, ms);
}

void idle_close_all(struct server_line *l)
{
    while (l->nidle)
        drop(container_of(l->idle.next, struct conn, grave.link));
}

bool idle_is(const struct conn *c)
{
    return c->io.ops == &idle_io_ops;
}

void idle_expired(struct conn *c)
{
    drop(c);
}
