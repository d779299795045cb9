/*
 * wheel.h — a lazy timer wheel: 4,096 slots of 16 ms, one level.
 *
 * Pushing a deadline back is one store: the entry stays in its earlier slot and is moved when that
 * slot comes up. Deadlines beyond the horizon (65 s) are parked at the horizon and moved on by the
 * same rule. (Varghese & Lauck, "Hashed and Hierarchical Timing Wheels", 1987, scheme 4.)
 * One owner thread. Times are milliseconds of the owner's clock, 32 bits, compared by wrap-around.
 */
#ifndef LB_BASE_WHEEL_H
#define LB_BASE_WHEEL_H

#include "lb/base/list.h"

#include <stdint.h>

enum { WHEEL_SLOTS = 4096, WHEEL_SLOT_MS = 16 };

struct timer {
    struct list link;  /* in a slot; unlinked when not armed */
    uint32_t deadline; /* ms of the owner's clock */
    uint16_t slot;     /* the slot it is linked in */
    uint8_t kind;      /* the user's: what the deadline is for */
    uint8_t owner;     /* the user's: what type of object it is part of (enum loop_timer_owner) */
};

struct wheel {
    struct list slot[WHEEL_SLOTS];
    uint64_t occupied[WHEEL_SLOTS / 64];
    uint32_t now;   /* ms up to which slots have been run */
    uint32_t first; /* no timer in the slot of `now` is due before this */
    unsigned armed;
};

void wheel_init(struct wheel *, uint32_t now_ms);

/*
 * Arms (or re-arms) the timer `ms` from `now_ms`. O(1), often one store. Never calls back. The
 * timer must be zeroed or have been armed before. More than 24 days count as 24 days.
 */
void timer_set(struct wheel *, struct timer *, uint32_t now_ms, uint32_t ms);

/* Disarms; harmless when not armed. */
void timer_clear(struct wheel *, struct timer *);

static inline bool timer_armed(const struct timer *t)
{
    return list_linked(&t->link);
}

/*
 * Calls `fire` for each timer whose deadline is at or before `now_ms` (each is disarmed first; the
 * callback may arm and clear any timer, this one included; what it arms fires in a later run).
 * The order is that of slots; within a slot it is not defined. Returns ms until the next slot that
 * holds a timer is over (so that one wake-up serves the whole slot: a timer is never early and at
 * most 16 ms late), UINT32_MAX when no timer is armed.
 */
uint32_t wheel_run(struct wheel *, uint32_t now_ms, void (*fire)(struct timer *, void *),
                   void *arg);

/* ms until wheel_run should be called again, as it returns it; 0: at once. */
uint32_t wheel_next(const struct wheel *, uint32_t now_ms);

#endif
