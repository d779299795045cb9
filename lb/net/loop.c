/*
 * loop.c — the outer loop around event_base_loop.
 *
 * libevent 2.1 has no prepare/check hooks, so the batch boundary is made here: each turn asks
 * libevent for one batch and then does what must happen once per batch. Runs on one thread; no
 * locks (EVENT_BASE_FLAG_NOLOCK).
 */
#include "lb/net/loop.h"

#include "lb/base/clock.h"
#include "lb/net/io.h"

#include <assert.h>
#include <errno.h>

enum { FLUSH_ROUNDS = 8 }; /* sends that lead to reads that lead to sends, within one turn */

void loop_read_clock(struct loop *l)
{
    l->now_us = clock_us();
    l->wall_us = clock_wall_us();
    l->now_ms = (uint32_t)(l->now_us / 1000);
    l->fresh = true;
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct loop *l = arg;
    loop_touch(l);
    l->tick_at = l->now_ms; /* still "armed": run_timers comes in this turn and arms it anew */
}

static struct event_base *base_new(void)
{
    struct event_config *cfg = event_config_new();
    if (!cfg)
        return NULL;
    (void)event_config_set_flag(cfg, EVENT_BASE_FLAG_NOLOCK);
    (void)event_config_set_flag(cfg, EVENT_BASE_FLAG_IGNORE_ENV);
    (void)event_config_require_features(cfg, EV_FEATURE_ET | EV_FEATURE_EARLY_CLOSE);
    struct event_base *base = event_base_new_with_config(cfg);
    event_config_free(cfg);
    return base;
}

int loop_init(struct loop *l, size_t seg_ceiling)
{
    *l = (struct loop){0};
    /* struct event is embedded: the library we run with must agree about its size. */
    if (event_get_struct_event_size() != sizeof(struct event)) {
        errno = ENOTSUP;
        return -1;
    }
    l->base = base_new();
    if (!l->base) {
        errno = errno ? errno : ENOMEM;
        return -1;
    }
    l->segs = segs_new(seg_ceiling);
    if (!l->segs) {
        event_base_free(l->base);
        errno = ENOMEM;
        return -1;
    }
    list_init(&l->runq);
    list_init(&l->dead);
    l->flush_tail = &l->flushq;
    loop_read_clock(l);
    wheel_init(&l->wheel, l->now_ms);
    (void)event_assign(&l->tick, l->base, -1, 0, on_tick, l);
    return 0;
}

static void arm_tick(struct loop *l, uint32_t ms)
{
    struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000};
    (void)event_add(&l->tick, &tv);
    l->tick_at = l->now_ms + ms;
    l->tick_armed = true;
}

void loop_timer_set(struct loop *l, struct timer *t, enum loop_timer_owner owner, uint8_t kind,
                    uint32_t ms)
{
    t->owner = (uint8_t)owner;
    t->kind = kind;
    timer_set(&l->wheel, t, l->now_ms, ms);
    if (!l->tick_armed || (int32_t)(t->deadline - l->tick_at) < 0)
        arm_tick(l, ms + WHEEL_SLOT_MS);
}

void loop_timer_clear(struct loop *l, struct timer *t)
{
    timer_clear(&l->wheel, t);
}

static void fire(struct timer *t, void *arg)
{
    struct loop *l = arg;
    assert(l->on_timer[t->owner]);
    l->on_timer[t->owner](t, l->user);
}

static void run_timers(struct loop *l)
{
    if (l->tick_armed && (int32_t)(l->now_ms - l->tick_at) < 0)
        return;
    uint32_t next = wheel_run(&l->wheel, l->now_ms, fire, l);
    l->tick_armed = false;
    if (next != UINT32_MAX)
        arm_tick(l, next ? next : 1);
}

/* Serves the io that were kicked before this point, once each. */
static void run_queue(struct loop *l)
{
    struct list now;
    list_init(&now);
    list_take_all(&now, &l->runq);
    for (struct list *n; (n = list_pop(&now));) {
        struct io *io = container_of(n, struct io, run);
        io->ops->ready(io);
    }
}

static void flush_pass(struct loop *l)
{
    for (int round = 0; l->flushq && round < FLUSH_ROUNDS; round++) {
        struct io *io = l->flushq;
        l->flushq = NULL;
        l->flush_tail = &l->flushq;
        while (io) {
            struct io *next = io->flush_next;
            io->fl &= (uint16_t)~IO_STAGED;
            if (io->fl & IO_OPEN)
                io->ops->flush(io);
            io = next;
        }
    }
}

/* Flows that feed each other may leave output for the next turn; none of it may be of the dead. */
static void forget_closed(struct loop *l)
{
    struct io **at = &l->flushq;
    while (*at) {
        if ((*at)->fl & IO_OPEN)
            at = &(*at)->flush_next;
        else
            *at = (*at)->flush_next;
    }
    l->flush_tail = at;
}

void loop_bury_now(struct loop *l)
{
    for (struct list *n; (n = list_pop(&l->dead));) {
        struct grave *g = container_of(n, struct grave, link);
        g->free_fn(g);
    }
}

static void boundary(struct loop *l)
{
    loop_touch(l);
    if (!list_empty(&l->runq))
        run_queue(l);
    flush_pass(l);
    run_timers(l);
    flush_pass(l);
    if (l->after_batch)
        l->after_batch(l->user);
    if (!list_empty(&l->dead)) {
        forget_closed(l);
        loop_bury_now(l);
    }
}

void loop_run(struct loop *l)
{
    while (!l->stop) {
        int flags = EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY;
        if (!list_empty(&l->runq) || l->flushq)
            flags |= EVLOOP_NONBLOCK;
        l->fresh = false;
        (void)event_base_loop(l->base, flags);
        boundary(l);
        l->turns++;
    }
}

void loop_stop(struct loop *l)
{
    l->stop = true;
}

void loop_bury(struct loop *l, struct grave *g, void (*free_fn)(struct grave *))
{
    g->free_fn = free_fn;
    list_push(&l->dead, &g->link);
}

void loop_close(struct loop *l)
{
    if (!l->base)
        return;
    loop_bury_now(l);
    (void)event_del(&l->tick);
    event_base_free(l->base);
    segs_free(l->segs);
    l->base = NULL;
}
