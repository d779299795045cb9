/* conn_test.c — connections on a socket pair: what owners may do in events, and what must wait. */
#include "lb/stream/conn.h"

#include "lb/tcp/raw.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

struct world {
    struct stream_env env;
    struct conn *c;
    int peer;
    bool close_when_connected;
    unsigned connected, sent, failed;
    char got[64];
};

static struct world *world_of(struct stream *s)
{
    return s->owner;
}

static void on_head(struct stream *s, struct head *h)
{
    (void)s, (void)h;
}

static void on_body(struct stream *s, struct buf *piece, bool end)
{
    struct world *w = world_of(s);
    (void)end;
    strncat(w->got, buf_data(piece), buf_len(piece));
}

static void on_sent(struct stream *s, struct buf *spent)
{
    (void)spent;
    world_of(s)->sent++;
}

static void on_failed(struct stream *s, enum why why)
{
    (void)why;
    world_of(s)->failed++;
}

static void on_connected(struct stream *s)
{
    struct world *w = world_of(s);
    w->connected++;
    if (w->close_when_connected)
        conn_close(conn_of(s), false);
}

static void on_timeout(struct stream *s, uint8_t kind)
{
    (void)s, (void)kind;
}

static const struct stream_events events = {on_head,   on_body,      on_sent,
                                            on_failed, on_connected, on_timeout};

static void begin(struct world *w, uint16_t fl)
{
    int fd[2];
    *w = (struct world){0};
    assert_int_equal(stream_env_init(&w->env, sizeof(struct xfer), 0), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
    w->peer = fd[1];
    w->c = conn_new(&w->env, fd[0], &raw_io_ops, &raw_ops, fl);
    assert_non_null(w->c);
    w->c->s.up = &events;
    w->c->s.owner = w;
    assert_true(raw_begin(w->c));
}

static void end(struct world *w)
{
    conn_close(w->c, false);
    (void)close(w->peer);
    stream_env_close(&w->env);
}

static void stage(struct world *w, const char *bytes)
{
    struct buf b = {0};
    assert_true(buf_want(&b, w->env.loop.segs, SEG_SMALL));
    memcpy(b.mem + b.tail, bytes, strlen(bytes));
    buf_put(&b, strlen(bytes));
    conn_send(w->c, &b);
}

/* What the peer has: a count of bytes, 0 for an end, -1 for nothing yet. */
static ssize_t peer_read(struct world *w)
{
    char bytes[64];
    return recv(w->peer, bytes, sizeof bytes, 0);
}

/* An event that the loop would report. */
static void wake(struct world *w, uint16_t fl)
{
    w->c->io.fl |= fl;
    w->c->io.ops->ready(&w->c->io);
}

static void owner_may_close_when_connected(void **state)
{
    (void)state;
    struct world w;
    begin(&w, IO_CONNECTING);
    w.close_when_connected = true;
    stage(&w, "hello");
    w.c->io.fl |= IO_WR;
    conn_flush(&w.c->io); /* what the flush pass does */
    assert_int_equal(w.connected, 1);
    assert_int_equal(w.sent, 0);
    assert_int_equal(peer_read(&w), 5);
    assert_int_equal(peer_read(&w), 0);
    end(&w);
}

static void half_close_waits_for_the_connect(void **state)
{
    (void)state;
    struct world w;
    begin(&w, IO_CONNECTING);
    conn_shut(w.c);
    assert_int_equal(peer_read(&w), -1);
    wake(&w, IO_WR);
    assert_int_equal(w.connected, 1);
    assert_int_equal(peer_read(&w), 0);
    end(&w);
}

static void half_close_follows_what_is_staged(void **state)
{
    (void)state;
    struct world w;
    begin(&w, IO_WR);
    stage(&w, "last");
    conn_shut(w.c);
    assert_int_equal(peer_read(&w), -1);
    conn_flush(&w.c->io);
    assert_int_equal(w.sent, 1);
    assert_int_equal(peer_read(&w), 4);
    assert_int_equal(peer_read(&w), 0);
    end(&w);
}

static void tunnel_begins_with_what_is_here(void **state)
{
    (void)state;
    struct world w;
    begin(&w, 0);
    assert_true(buf_want(&w.c->x->in, w.env.loop.segs, SEG_SMALL));
    memcpy(w.c->x->in.mem + w.c->x->in.tail, "early", 5);
    buf_put(&w.c->x->in, 5);
    w.c->s.ops->resume(&w.c->s);
    assert_string_equal(w.got, "early");
    assert_int_equal(send(w.peer, "late", 4, 0), 4);
    w.c->io.fl |= IO_RD;
    w.c->s.ops->resume(&w.c->s);
    assert_string_equal(w.got, "earlylate");
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(owner_may_close_when_connected),
        cmocka_unit_test(half_close_waits_for_the_connect),
        cmocka_unit_test(half_close_follows_what_is_staged),
        cmocka_unit_test(tunnel_begins_with_what_is_here),
    };
    return cmocka_run_group_tests_name("conn", tests, NULL, NULL);
}
