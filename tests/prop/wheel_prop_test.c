/*
 * wheel_prop_test.c — the wheel against an array of deadlines.
 *
 * Random arming, pushing back, pulling forward, clearing and clock steps; after each run exactly
 * the timers whose deadline had passed have fired, and the reported wake-up time is neither later
 * than the end of the slot of the earliest deadline nor a reason to wake needlessly often.
 */
#include "lb/base/rng.h"
#include "lb/base/wheel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

enum { TIMERS = 300, STEPS = 20000 };

struct model {
    struct wheel wheel;
    struct timer timer[TIMERS];
    uint32_t deadline[TIMERS];
    bool armed[TIMERS], due[TIMERS];
    struct rng rng;
    uint32_t now;
    unsigned fired;
};

static uint32_t some_delay(struct rng *r)
{
    switch (rng_below(r, 5)) {
    case 0:
        return rng_below(r, 20);
    case 1:
        return rng_below(r, 2000);
    case 2:
        return rng_below(r, 70000); /* around the horizon */
    case 3:
        return rng_below(r, 4000000);
    default:
        return 30000;
    }
}

static void arm(struct model *m, unsigned i)
{
    uint32_t ms = some_delay(&m->rng);
    timer_set(&m->wheel, &m->timer[i], m->now, ms);
    m->armed[i] = true;
    m->due[i] = false; /* armed during a run: fires now or later, by its new deadline */
    m->deadline[i] = m->now + ms;
}

static void disarm(struct model *m, unsigned i)
{
    timer_clear(&m->wheel, &m->timer[i]);
    m->armed[i] = m->due[i] = false;
}

static void on_fire(struct timer *t, void *arg)
{
    struct model *m = arg;
    unsigned i = (unsigned)(t - m->timer);
    assert_true(m->armed[i]);
    assert_true((int32_t)(m->deadline[i] - m->now) <= 0);
    m->armed[i] = m->due[i] = false;
    m->fired++;
    if (rng_below(&m->rng, 3) == 0)
        arm(m, rng_below(&m->rng, TIMERS));
    if (rng_below(&m->rng, 3) == 0)
        disarm(m, rng_below(&m->rng, TIMERS));
}

static void check_next(const struct model *m, uint32_t next)
{
    uint32_t earliest = UINT32_MAX;
    unsigned armed = 0;
    for (unsigned i = 0; i < TIMERS; i++) {
        assert_int_equal(m->armed[i], timer_armed(&m->timer[i]));
        if (!m->armed[i])
            continue;
        armed++;
        int32_t left = (int32_t)(m->deadline[i] - m->now);
        uint32_t ms = left < 0 ? 0 : (uint32_t)left;
        earliest = ms < earliest ? ms : earliest;
    }
    assert_int_equal(m->wheel.armed, armed);
    if (armed == 0)
        assert_int_equal(next, UINT32_MAX);
    else
        assert_true(next <= earliest + WHEEL_SLOT_MS - 1);
}

static void step(struct model *m)
{
    for (unsigned k = rng_below(&m->rng, 8); k-- > 0;) {
        unsigned i = rng_below(&m->rng, TIMERS);
        if (rng_below(&m->rng, 4))
            arm(m, i);
        else
            disarm(m, i);
    }
    m->now += some_delay(&m->rng) / (1 + rng_below(&m->rng, 1000));
    for (unsigned i = 0; i < TIMERS; i++)
        m->due[i] = m->armed[i] && (int32_t)(m->deadline[i] - m->now) <= 0;
    uint32_t next = wheel_run(&m->wheel, m->now, on_fire, m);
    for (unsigned i = 0; i < TIMERS; i++)
        assert_false(m->due[i]); /* all that were due have fired */
    check_next(m, next);
}

static void run_seed(uint64_t seed)
{
    static struct model m;
    memset(&m, 0, sizeof m);
    m.rng.state = seed;
    m.now = (uint32_t)rng_next(&m.rng);
    wheel_init(&m.wheel, m.now);
    for (unsigned i = 0; i < STEPS; i++)
        step(&m);
    assert_true(m.fired > STEPS / 20);
}

static void test_against_model(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 8; seed++)
        run_seed(seed);
}

/* Sleeping exactly as told, a set of one-shot timers costs at most one wake-up a slot and lap. */
static void test_wake_ups_are_few(void **state)
{
    (void)state;
    static struct model m;
    memset(&m, 0, sizeof m);
    wheel_init(&m.wheel, 0);
    for (unsigned i = 0; i < TIMERS; i++) {
        timer_set(&m.wheel, &m.timer[i], 0, 1000 + i % 100);
        m.deadline[i] = 1000 + i % 100;
        m.armed[i] = true;
    }
    unsigned wakes = 0;
    m.rng.state = 0;
    for (uint32_t next; (next = wheel_next(&m.wheel, m.now)) != UINT32_MAX; wakes++) {
        m.now += next;
        struct timer *t[TIMERS];
        unsigned n = 0;
        for (unsigned i = 0; i < TIMERS; i++)
            if (m.armed[i] && m.deadline[i] <= m.now)
                t[n++] = &m.timer[i];
        for (unsigned i = 0; i < n; i++)
            assert_true(timer_armed(t[i]));
        for (unsigned i = 0; i < n; i++)
            m.armed[t[i] - m.timer] = false, timer_clear(&m.wheel, t[i]);
        (void)wheel_run(&m.wheel, m.now, on_fire, &m);
    }
    assert_true(wakes <= 100 / WHEEL_SLOT_MS + 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_model),
        cmocka_unit_test(test_wake_ups_are_few),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
