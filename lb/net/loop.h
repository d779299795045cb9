/*
 * loop.h — one thread's event loop: the only owner of an event_base.
 *
 * A turn: wait and run the callbacks of one batch (libevent), then the batch boundary — run queue,
 * flush pass, due timers, `after_batch`, burial of dead objects. Reads of a batch come first and
 * sends leave in one pass at its end, so that a peer is woken once per batch.
 */
#ifndef LB_NET_LOOP_H
#define LB_NET_LOOP_H

#include "lb/base/buf.h"
#include "lb/base/list.h"
#include "lb/base/wheel.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>
#include <stdint.h>

struct io;

/* Who embeds a timer; indexes loop.on_timer. */
enum loop_timer_owner {
    TIMER_CONN,
    TIMER_SESSION,
    TIMER_DIAL,
    TIMER_PROBE,
    TIMER_MONITOR,
    TIMER_LISTENER,
    TIMER_CONTROL,
    TIMER_WORKER,
    TIMER_HUNGER,
    TIMER_OWNERS
};

struct loop {
    struct event_base *base;
    struct wheel wheel;
    struct list runq;  /* io.run: to be called again this turn */
    struct list dead;  /* buried nodes, freed at the batch boundary */
    struct io *flushq; /* io.flush_next: has output staged */
    struct io **flush_tail;
    uint64_t now_us;  /* monotonic, read once per batch */
    uint64_t wall_us; /* wall clock of the same moment */
    uint32_t now_ms;  /* now_us / 1000, truncated to 32 bits */
    bool fresh;       /* now_* were read in this batch */
    bool stop;
    struct event tick; /* the one libevent timer, armed for the wheel */
    uint32_t tick_at;  /* ms it is armed for */
    bool tick_armed;
    struct segs *segs; /* owned */
    void (*on_timer[TIMER_OWNERS])(struct timer *, void *user);
    void (*after_batch)(void *user); /* may be NULL */
    void *user;                      /* passed to on_timer and after_batch */
    uint64_t turns;
    uint64_t worst_gap_us; /* longest time from wake-up to the end of a turn */
};

/* A node to be freed at the batch boundary. */
struct grave {
    struct list link;
    void (*free_fn)(struct grave *);
};

/* Sets up a loop with a segment ceiling in bytes (0: none). 0, or -1 with errno. */
int loop_init(struct loop *, size_t seg_ceiling);

/* Runs until loop_stop. One thread only. */
void loop_run(struct loop *);
void loop_stop(struct loop *); /* from a callback of this loop */

/* Buries what is dead, frees the base. No io may be open any more. */
void loop_close(struct loop *);

/* Reads the clock for this batch if that was not done yet. Every event callback starts with it. */
static inline void loop_touch(struct loop *l);

/* Frees `g` by g->free_fn(g) at the batch boundary; nothing may use it afterwards. */
void loop_bury(struct loop *, struct grave *g, void (*free_fn)(struct grave *));

/* Frees what is buried at once; for shutting down, never from a callback. */
void loop_bury_now(struct loop *);

/* Arms a timer of this loop: `kind` is the caller's, the callback is on_timer[owner]. */
void loop_timer_set(struct loop *, struct timer *, enum loop_timer_owner, uint8_t kind,
                    uint32_t ms);
void loop_timer_clear(struct loop *, struct timer *);

void loop_read_clock(struct loop *);
static inline void loop_touch(struct loop *l)
{
    if (!l->fresh)
        loop_read_clock(l);
}

#endif
