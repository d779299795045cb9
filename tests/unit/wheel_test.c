/* wheel_test.c — firing, pushing back, the horizon, callbacks that arm and clear, clock wrap. */
#include "lb/base/wheel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static struct wheel w;

struct fired {
    unsigned n;
    struct timer *last;
    struct timer *rearm, *clear; /* what the callback does */
    uint32_t now, rearm_ms;
};

static void on_fire(struct timer *t, void *arg)
{
    struct fired *f = arg;
    assert_false(timer_armed(t));
    f->n++;
    f->last = t;
    if (f->rearm)
        timer_set(&w, f->rearm, f->now, f->rearm_ms);
    if (f->clear)
        timer_clear(&w, f->clear);
}

static uint32_t run(struct fired *f, uint32_t now)
{
    f->now = now;
    return wheel_run(&w, now, on_fire, f);
}

static void test_fires_when_due(void **state)
{
    (void)state;
    wheel_init(&w, 1000);
    struct timer t = {0};
    struct fired f = {0};
    assert_int_equal(run(&f, 1000), UINT32_MAX);
    timer_set(&w, &t, 1000, 100);
    assert_true(timer_armed(&t));
    assert_int_equal(run(&f, 1099), 1103 - 1099); /* the slot of 1100 ends at 1103 */
    assert_int_equal(f.n, 0);
    assert_int_equal(run(&f, 1100), UINT32_MAX);
    assert_int_equal(f.n, 1);
    assert_false(timer_armed(&t));
}

static void test_zero_fires_in_the_next_run(void **state)
{
    (void)state;
    wheel_init(&w, 500);
    struct timer t = {0};
    struct fired f = {.rearm = &t};
    timer_set(&w, &t, 500, 0);
    assert_int_equal(wheel_next(&w, 500), 0);
    assert_int_equal(run(&f, 500), 0); /* fired once, armed again */
    assert_int_equal(f.n, 1);
    f.rearm = NULL;
    (void)run(&f, 500);
    assert_int_equal(f.n, 2);
}

static void test_pushing_back_is_lazy(void **state)
{
    (void)state;
    wheel_init(&w, 0);
    struct timer t = {0};
    struct fired f = {0};
    timer_set(&w, &t, 0, 1000);
    uint16_t slot = t.slot;
    for (uint32_t now = 0; now < 900; now += 10) {
        timer_set(&w, &t, now, 1000);
        assert_int_equal(t.slot, slot); /* one store, no move */
    }
    assert_true(run(&f, 1008) > 0); /* its old slot comes up: moved on */
    assert_int_equal(f.n, 0);
    assert_int_not_equal(t.slot, slot);
    timer_set(&w, &t, 1008, 20); /* nearer: moved at once */
    (void)run(&f, 1028);
    assert_int_equal(f.n, 1);
}

static void test_nearer_within_a_slot(void **state)
{
    (void)state;
    wheel_init(&w, 0);
    struct timer t = {0};
    struct fired f = {0};
    timer_set(&w, &t, 0, 15);
    (void)run(&f, 1);
    timer_set(&w, &t, 1, 2);
    (void)run(&f, 3);
    assert_int_equal(f.n, 1);
}

static void test_beyond_the_horizon(void **state)
{
    (void)state;
    wheel_init(&w, 77);
    struct timer t = {0}, far = {0};
    struct fired f = {0};
    timer_set(&w, &t, 77, 3600 * 1000);
    timer_set(&w, &far, 77, UINT32_MAX); /* cut to 24 days */
    uint32_t now = 77;
    unsigned wakes = 0;
    while (f.n == 0) {
        now += wheel_next(&w, now);
        (void)run(&f, now);
        assert_true(++wakes < 200);
    }
    assert_ptr_equal(f.last, &t);
    assert_in_range(now, 77 + 3600 * 1000, 77 + 3600 * 1000 + 15);
    timer_clear(&w, &far);
    timer_clear(&w, &far);
    assert_int_equal(w.armed, 0);
}

static void test_callbacks_arm_and_clear(void **state)
{
    (void)state;
    wheel_init(&w, 0);
    struct timer a = {0}, b = {0}, c = {0};
    struct fired f = {.clear = &b, .rearm = &c, .rearm_ms = 5};
    timer_set(&w, &a, 0, 40);
    timer_set(&w, &b, 0, 41); /* due in the same run, cleared by a's callback */
    (void)run(&f, 100);
    assert_int_equal(f.n, 1);
    assert_false(timer_armed(&b));
    assert_true(timer_armed(&c));
    f = (struct fired){0};
    (void)run(&f, 105);
    assert_ptr_equal(f.last, &c);
    assert_int_equal(w.armed, 0);
}

static void test_long_stall_and_wrap(void **state)
{
    (void)state;
    uint32_t start = UINT32_MAX - 500;
    wheel_init(&w, start);
    struct timer t[64] = {0};
    struct fired f = {0};
    for (uint32_t i = 0; i < 64; i++)
        timer_set(&w, &t[i], start, i * 1000);
    (void)run(&f, start + 2 * 65536);
    assert_int_equal(f.n, 64);
    timer_set(&w, &t[0], start + 3000000000u, 10); /* idle for weeks: the empty wheel catches up */
    (void)run(&f, start + 3000000009u);
    assert_int_equal(f.n, 64);
    (void)run(&f, start + 3000000010u);
    assert_int_equal(f.n, 65);
}

static void test_clock_that_stands(void **state)
{
    (void)state;
    wheel_init(&w, 10000);
    struct timer t = {0};
    struct fired f = {0};
    timer_set(&w, &t, 10000, 50);
    (void)run(&f, 9000);
    assert_int_equal(f.n, 0);
    (void)run(&f, 10050);
    assert_int_equal(f.n, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fires_when_due),
        cmocka_unit_test(test_zero_fires_in_the_next_run),
        cmocka_unit_test(test_pushing_back_is_lazy),
        cmocka_unit_test(test_nearer_within_a_slot),
        cmocka_unit_test(test_beyond_the_horizon),
        cmocka_unit_test(test_callbacks_arm_and_clear),
        cmocka_unit_test(test_long_stall_and_wrap),
        cmocka_unit_test(test_clock_that_stands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
