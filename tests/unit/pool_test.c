/* pool_test.c — objects are distinct, aligned, reused; slabs go back beyond the low-water mark. */
#include "lb/base/pages.h"
#include "lb/base/pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { MANY = 5000 };

static void test_objects_are_distinct_and_aligned(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 8, 24, 272, 4096, 20 * 1024, 40000};
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct pool *p = pool_new("test", sizes[i], 0);
        void *o[64];
        for (unsigned k = 0; k < 64; k++) {
            o[k] = pool_get(p);
            assert_non_null(o[k]);
            assert_int_equal((uintptr_t)o[k] % 16, 0);
            memset(o[k], (int)k, sizes[i]);
        }
        for (unsigned k = 0; k < 64; k++) {
            const unsigned char *b = o[k];
            assert_int_equal(b[0], k);
            assert_int_equal(b[sizes[i] - 1], k);
            pool_put(p, o[k]);
        }
        pool_free(p);
    }
}

static void test_counts(void **state)
{
    (void)state;
    struct pool *p = pool_new("test", 100, 10);
    size_t used, cached;
    pool_report(p, &used, &cached);
    assert_int_equal(used, 0);
    void *a = pool_get(p), *b = pool_get(p);
    pool_report(p, &used, &cached);
    assert_int_equal(used, 2);
    pool_put(p, a);
    pool_put(p, b);
    pool_put(p, NULL);
    pool_report(p, &used, &cached);
    assert_int_equal(used, 0);
    pool_free(p);
    pool_free(NULL);
}

static void test_too_large_is_refused(void **state)
{
    (void)state;
    assert_null(pool_new("test", 64 * 1024, 0));
    assert_null(pool_new("test", SIZE_MAX, 0));
}

static void test_slabs_go_back(void **state)
{
    (void)state;
    struct pool *p = pool_new("test", 256, 300);
    void **o = malloc(MANY * sizeof *o);
    for (unsigned i = 0; i < MANY; i++)
        o[i] = pool_get(p);
    size_t full = pool_bytes(p), used, cached;
    assert_true(full >= (size_t)MANY * 256);
    for (unsigned i = 0; i < MANY; i++)
        pool_put(p, o[(i * 7919u) % MANY]); /* 7919 is prime to MANY: each once, out of order */
    pool_report(p, &used, &cached);
    assert_int_equal(used, 0);
#if !LB_SANITIZED
    assert_true(cached >= 300);
    assert_true(pool_bytes(p) <= 3 * 64 * 1024);
#endif
    free(o);
    pool_free(p);
}

static void test_last_freed_comes_first(void **state)
{
    (void)state;
    if (LB_SANITIZED)
        skip();
    struct pool *p = pool_new("test", 512, 0);
    void *a = pool_get(p);
    pool_put(p, a);
    size_t held = pool_bytes(p);
    for (int i = 0; i < 1000; i++) { /* no mapping and unmapping in turn */
        void *b = pool_get(p);
        assert_ptr_equal(a, b);
        pool_put(p, b);
        assert_int_equal(pool_bytes(p), held);
    }
    pool_free(p);
}

/* Against a plain array: no object is handed out twice, none changes while it is out. */
static void test_random_traffic(void **state)
{
    (void)state;
    struct pool *p = pool_new("test", 48, 20);
    enum { SLOTS = 3000 };
    static uint64_t *held[SLOTS];
    uint64_t x = 42;
    for (unsigned i = 0; i < 60000; i++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        unsigned k = (unsigned)(x >> 33) % SLOTS;
        if (held[k]) {
            assert_int_equal(held[k][0], k);
            assert_int_equal(held[k][5], ~(uint64_t)k);
            pool_put(p, held[k]);
            held[k] = NULL;
        } else {
            held[k] = pool_get(p);
            held[k][0] = k;
            held[k][5] = ~(uint64_t)k;
        }
    }
    for (unsigned k = 0; k < SLOTS; k++) {
        pool_put(p, held[k]);
        held[k] = NULL;
    }
    pool_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_objects_are_distinct_and_aligned),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_too_large_is_refused),
        cmocka_unit_test(test_slabs_go_back),
        cmocka_unit_test(test_last_freed_comes_first),
        cmocka_unit_test(test_random_traffic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
