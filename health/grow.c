/*
 * grow.c — slow start: a server that comes into service gets its weight in steps.
 *
 * It begins with a tenth, so that cold caches and pools see some traffic, and grows in a straight
 * line. Each step raises the backend's epoch, since workers scale weights when they look at it.
 */
#include "health/monitor_impl.h"

enum { GROW_FIRST_PCT = 10, GROW_STEPS = 20, GROW_STEP_MIN_MS = 20 };

static void set_pct(struct watch *w, unsigned pct)
{
    if (atomic_load_explicit(&w->rt->grow_pct, memory_order_relaxed) == pct)
        return;
    atomic_store_explicit(&w->rt->grow_pct, (uint8_t)pct, memory_order_relaxed);
    backend_changed(w->rt->be);
}

static void arm(struct watch *w)
{
    uint32_t step = w->slow_start_ms / GROW_STEPS;
    loop_timer_set(w->m->loop, &w->timer, TIMER_MONITOR, WATCH_GROW,
                   step > GROW_STEP_MIN_MS ? step : GROW_STEP_MIN_MS);
}

void grow_begin(struct watch *w)
{
    if (!w->slow_start_ms) {
        set_pct(w, 100);
        return;
    }
    w->growing = true;
    w->grow_since_us = w->m->loop->now_us;
    set_pct(w, GROW_FIRST_PCT);
    arm(w);
}

void grow_stop(struct watch *w)
{
    if (!w->growing)
        return;
    w->growing = false;
    loop_timer_clear(w->m->loop, &w->timer);
    set_pct(w, 100);
}

void grow_step(struct watch *w)
{
    uint64_t ms = (w->m->loop->now_us - w->grow_since_us) / 1000;
    if (ms >= w->slow_start_ms) {
        grow_stop(w);
        return;
    }
    set_pct(w, GROW_FIRST_PCT + (unsigned)((100 - GROW_FIRST_PCT) * ms / w->slow_start_ms));
    arm(w);
}
