/* loop_test.c — the batch boundary: timers, flush pass, burial, on a real loop. */
#include "lb/net/io.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

struct world {
    struct loop loop;
    struct io io;
    struct timer soon, late;
    struct event each_ms, give_up;
    int peer;
    unsigned fired, flushed, turns;
    bool timed_out;
};

static struct world *world_of(struct loop *l)
{
    return container_of(l, struct world, loop);
}

static void on_ready(struct io *io)
{
    (void)io;
}

/* What a session does when its output has left: arms a long wait. */
static void on_flush(struct io *io)
{
    struct world *w = world_of(io->loop);
    w->flushed++;
    loop_timer_set(&w->loop, &w->late, TIMER_CONN, 2, 60000);
}

static const struct io_ops ops = {on_ready, on_flush};

static void on_timer(struct timer *t, void *user)
{
    struct world *w = user;
    assert_ptr_equal(t, &w->soon);
    w->fired++;
    loop_stop(&w->loop);
}

static void stage(evutil_socket_t fd, short what, void *arg)
{
    struct world *w = arg;
    (void)fd, (void)what;
    loop_touch(&w->loop);
    io_stage(&w->io);
}

static void give_up(evutil_socket_t fd, short what, void *arg)
{
    struct world *w = arg;
    (void)fd, (void)what;
    w->timed_out = true;
    loop_stop(&w->loop);
}

static void set_up(struct world *w)
{
    int fd[2];
    memset(w, 0, sizeof *w);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
    assert_int_equal(loop_init(&w->loop, 0), 0);
    w->loop.user = w;
    w->loop.on_timer[TIMER_CONN] = on_timer;
    w->peer = fd[1];
    assert_int_equal(io_open(&w->io, &w->loop, fd[0], &ops, 0), 0);
    struct timeval ms = {.tv_usec = 1000}, long_enough = {.tv_sec = 10};
    (void)event_assign(&w->each_ms, w->loop.base, -1, EV_PERSIST, stage, w);
    (void)event_add(&w->each_ms, &ms);
    (void)event_assign(&w->give_up, w->loop.base, -1, 0, give_up, w);
    (void)event_add(&w->give_up, &long_enough);
}

static void tear_down(struct world *w)
{
    (void)event_del(&w->each_ms);
    (void)event_del(&w->give_up);
    loop_timer_clear(&w->loop, &w->soon);
    loop_timer_clear(&w->loop, &w->late);
    io_close(&w->io);
    (void)close(w->peer);
    loop_close(&w->loop);
}

/* A long timer that is armed in the very turn in which a short one comes due must not hide it. */
static void short_timers_survive_long_ones(void **state)
{
    struct world *w = malloc(sizeof *w);
    (void)state;
    assert_non_null(w);
    set_up(w);
    for (int round = 0; round < 20; round++) {
        loop_timer_set(&w->loop, &w->soon, TIMER_CONN, 1, 1 + (uint32_t)round);
        w->loop.stop = false;
        loop_run(&w->loop);
        assert_false(w->timed_out);
        assert_int_equal(w->fired, round + 1);
    }
    assert_true(w->flushed > 0);
    tear_down(w);
    free(w);
}

struct corpse {
    struct grave grave;
    unsigned *freed;
};

static void free_corpse(struct grave *g)
{
    struct corpse *c = container_of(g, struct corpse, grave);
    ++*c->freed;
    free(c);
}

static void bury_and_stop(struct timer *t, void *user)
{
    struct world *w = user;
    struct corpse *c = calloc(1, sizeof *c);
    (void)t;
    assert_non_null(c);
    c->freed = &w->turns;
    loop_bury(&w->loop, &c->grave, free_corpse);
    assert_int_equal(w->turns, 0); /* not inside the callback that decided it */
    io_stage(&w->io);
    io_close(&w->io); /* staged and closed: must not be flushed any more */
    w->flushed = 0;
    loop_stop(&w->loop);
}

static void dead_objects_wait_for_the_boundary(void **state)
{
    struct world *w = malloc(sizeof *w);
    (void)state;
    assert_non_null(w);
    set_up(w);
    (void)event_del(&w->each_ms);
    w->loop.on_timer[TIMER_CONN] = bury_and_stop;
    loop_timer_set(&w->loop, &w->soon, TIMER_CONN, 1, 1);
    loop_run(&w->loop);
    assert_false(w->timed_out);
    assert_int_equal(w->turns, 1);
    assert_int_equal(w->flushed, 0);
    tear_down(w);
    free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_timers_survive_long_ones),
        cmocka_unit_test(dead_objects_wait_for_the_boundary),
    };
    return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
