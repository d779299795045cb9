/*
 * wheel.c — the lazy timer wheel.
 *
 * Slot k of the wheel holds deadlines d with d / 16 ≡ k (mod 4096) that lie within 4,096 slots of
 * `now`, entries whose deadline was pushed back since they were linked, and (in the last slot)
 * those beyond the horizon. When a slot comes up its entries are taken out; what is not due is
 * linked again by its deadline. The slot that `now` lies in may hold entries due later within it:
 * `first` says when looking there again is worth it. One owner thread; no system call, no
 * allocation.
 */
#include "lb/base/wheel.h"

#include "lb/base/bitmap.h"

#include <string.h>

enum { SLOT_MASK = WHEEL_SLOTS - 1, HORIZON = WHEEL_SLOTS - 1 };

static const uint32_t ms_max = 24u * 24 * 3600 * 1000; /* < 2^31: comparable by wrap-around */

/* Is time a at or before time b? */
static bool reached(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) <= 0;
}

static unsigned slot_at(uint32_t ms)
{
    return ms / WHEEL_SLOT_MS & SLOT_MASK;
}

/* The last ms that belongs to the slot `k` slots after that of `now`. */
static uint32_t slot_end(const struct wheel *w, unsigned k)
{
    return (w->now / WHEEL_SLOT_MS + k) * WHEEL_SLOT_MS + WHEEL_SLOT_MS - 1;
}

/* How many slots after that of `now` a deadline belongs; the horizon at most. */
static unsigned slots_ahead(const struct wheel *w, uint32_t deadline)
{
    if (reached(deadline, w->now))
        return 0;
    uint32_t k = (deadline - w->now + w->now % WHEEL_SLOT_MS) / WHEEL_SLOT_MS;
    return k < HORIZON ? k : HORIZON;
}

static void note_first(struct wheel *w, uint32_t deadline)
{
    if (reached(deadline, w->first))
        w->first = deadline;
}

static void link_timer(struct wheel *w, struct timer *t, unsigned ahead)
{
    unsigned s = (slot_at(w->now) + ahead) & SLOT_MASK;
    t->slot = (uint16_t)s;
    list_push(&w->slot[s], &t->link);
    bitmap_set(w->occupied, s);
    if (ahead == 0)
        note_first(w, t->deadline);
}

static void unlink_timer(struct wheel *w, struct timer *t)
{
    list_del(&t->link);
    if (list_empty(&w->slot[t->slot]))
        bitmap_clear(w->occupied, t->slot);
}

void wheel_init(struct wheel *w, uint32_t now_ms)
{
    memset(w, 0, sizeof *w);
    for (unsigned i = 0; i < WHEEL_SLOTS; i++)
        list_init(&w->slot[i]);
    w->now = now_ms;
    w->first = slot_end(w, 0);
}

void timer_set(struct wheel *w, struct timer *t, uint32_t now_ms, uint32_t ms)
{
    if (w->armed == 0) { /* nobody need have run an empty wheel, for weeks even: catch up */
        w->now = now_ms;
        w->first = slot_end(w, 0);
    }
    t->deadline = now_ms + (ms < ms_max ? ms : ms_max);
    unsigned ahead = slots_ahead(w, t->deadline);
    if (!list_linked(&t->link)) {
        w->armed++;
    } else if (((t->slot - slot_at(w->now)) & SLOT_MASK) <= ahead) {
        if (ahead == 0)
            note_first(w, t->deadline);
        return; /* its slot is not later than the deadline: moved when that comes up */
    } else {
        unlink_timer(w, t);
    }
    link_timer(w, t, ahead);
}

void timer_clear(struct wheel *w, struct timer *t)
{
    if (!list_linked(&t->link))
        return;
    unlink_timer(w, t);
    w->armed--;
}

/* Takes the content of all slots that came up until `now_ms` into `due` and moves the hand on. */
static void collect(struct wheel *w, uint32_t now_ms, struct list *due)
{
    unsigned from = slot_at(w->now);
    uint32_t n = (now_ms - w->now + w->now % WHEEL_SLOT_MS) / WHEEL_SLOT_MS + 1;
    if (n > WHEEL_SLOTS)
        n = WHEEL_SLOTS;
    for (uint32_t k = 0; k < n;) {
        unsigned at = (from + k) & SLOT_MASK;
        unsigned s = bitmap_next(w->occupied, NULL, WHEEL_SLOTS, at);
        k += s - at;
        if (s < WHEEL_SLOTS && k < n) {
            list_take_all(due, &w->slot[s]);
            bitmap_clear(w->occupied, s);
            k++;
        }
    }
    w->now = now_ms;
    w->first = slot_end(w, 0);
}

uint32_t wheel_run(struct wheel *w, uint32_t now_ms, void (*fire)(struct timer *, void *),
                   void *arg)
{
    if (w->armed && reached(now_ms, w->now))
        now_ms = w->now; /* a clock that stands or runs back */
    bool same_slot = now_ms / WHEEL_SLOT_MS == w->now / WHEEL_SLOT_MS;
    if (w->armed == 0 || (same_slot && !reached(w->first, now_ms))) {
        w->now = now_ms;
        if (!same_slot)
            w->first = slot_end(w, 0);
        return wheel_next(w, now_ms);
    }
    struct list due;
    list_init(&due);
    collect(w, now_ms, &due);
    for (struct list *l; (l = list_pop(&due));) {
        struct timer *t = container_of(l, struct timer, link);
        if (!reached(t->deadline, now_ms)) {
            link_timer(w, t, slots_ahead(w, t->deadline));
            continue;
        }
        w->armed--;
        fire(t, arg);
    }
    return wheel_next(w, now_ms);
}

uint32_t wheel_next(const struct wheel *w, uint32_t now_ms)
{
    if (w->armed == 0)
        return UINT32_MAX;
    unsigned cur = slot_at(w->now);
    unsigned s = bitmap_next_wrap(w->occupied, NULL, WHEEL_SLOTS, cur);
    unsigned ahead = (s - cur) & SLOT_MASK;
    uint32_t at = ahead == 0 && reached(w->first, now_ms) ? now_ms : slot_end(w, ahead);
    return reached(at, now_ms) ? 0 : at - now_ms;
}
