/* ring_test.c — whole records in order, wrap-around, full ring, two threads. */
#include "lb/base/ring.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static bool put(struct ring *r, unsigned value, size_t n)
{
    unsigned char *p = ring_reserve(r, n + 100);
    if (!p)
        return false;
    memset(p, (int)(value & 255), n);
    ring_commit(r, n);
    return true;
}

static void expect(struct ring *r, unsigned value, size_t want)
{
    size_t n;
    const unsigned char *p = ring_peek(r, &n);
    assert_non_null(p);
    assert_int_equal(n, want);
    assert_int_equal((uintptr_t)p % 8, 0);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(p[i], value & 255);
    ring_release(r);
}

static void test_order_and_abandon(void **state)
{
    (void)state;
    struct ring *r = ring_new(1);
    size_t n;
    assert_true(ring_empty(r));
    assert_null(ring_peek(r, &n));
    assert_true(put(r, 1, 10));
    assert_non_null(ring_reserve(r, 50));
    ring_commit(r, 0);
    assert_true(put(r, 2, 1));
    assert_false(ring_empty(r));
    expect(r, 1, 10);
    expect(r, 2, 1);
    assert_true(ring_empty(r));
    ring_free(r);
    ring_free(NULL);
}

static void test_full_ring_refuses(void **state)
{
    (void)state;
    struct ring *r = ring_new(4096);
    unsigned in = 0, out = 0;
    while (put(r, in, 300))
        in++;
    assert_true(in >= 12);
    assert_int_equal(ring_dropped(r), 1);
    expect(r, out++, 300);
    expect(r, out++, 300);
    assert_true(put(r, in++, 300));
    while (out < in)
        expect(r, out++, 300);
    assert_null(ring_reserve(r, 4096));
    assert_null(ring_reserve(r, SIZE_MAX));
    assert_int_equal(ring_dropped(r), 3);
    assert_non_null(ring_reserve(r, 2000)); /* half of an empty ring always fits */
    ring_commit(r, 2000);
    ring_free(r);
}

static void test_every_size_wraps(void **state)
{
    (void)state;
    struct ring *r = ring_new(4096);
    unsigned in = 0, out = 0;
    for (unsigned i = 0; i < 20000; i++) {
        size_t n = 1 + i * 37 % 1000;
        if (!put(r, in, n)) {
            assert_true(out < in);
        } else {
            in++;
            expect(r, out++, n);
        }
    }
    assert_int_equal(in, out);
    ring_free(r);
}

enum { RECORDS = 50000 };

static void *produce(void *arg)
{
    struct ring *r = arg;
    for (unsigned i = 0; i < RECORDS;) {
        size_t n = sizeof i + i % 200;
        unsigned char *p = ring_reserve(r, n);
        if (!p) {
            sched_yield();
            continue;
        }
        memcpy(p, &i, sizeof i);
        memset(p + sizeof i, (int)(i & 255), n - sizeof i);
        ring_commit(r, n);
        i++;
    }
    return NULL;
}

static void test_two_threads(void **state)
{
    (void)state;
    struct ring *r = ring_new(8192);
    pthread_t t;
    assert_int_equal(pthread_create(&t, NULL, produce, r), 0);
    for (unsigned i = 0; i < RECORDS;) {
        size_t n;
        const unsigned char *p = ring_peek(r, &n);
        if (!p) {
            sched_yield();
            continue;
        }
        unsigned got;
        memcpy(&got, p, sizeof got);
        assert_int_equal(got, i);
        assert_int_equal(n, sizeof i + i % 200);
        for (size_t k = sizeof got; k < n; k++)
            assert_int_equal(p[k], i & 255);
        ring_release(r);
        i++;
    }
    pthread_join(t, NULL);
    assert_true(ring_empty(r));
    ring_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_and_abandon),
        cmocka_unit_test(test_full_ring_refuses),
        cmocka_unit_test(test_every_size_wraps),
        cmocka_unit_test(test_two_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
