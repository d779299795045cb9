/* hist_test.c — cells, error bound, quantiles, cumulative counts. */
#include "lb/base/rng.h"
#include "lb/stats/hist.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

static void test_cells_are_contiguous(void **state)
{
    (void)state;
    for (unsigned i = 0; i + 1 < HIST_CELLS; i++) {
        assert_int_equal(hist_index(hist_upper_us(i)), i);
        assert_int_equal(hist_index(hist_upper_us(i) + 1), i + 1);
    }
    assert_int_equal(hist_upper_us(HIST_CELLS - 1), (UINT64_C(1) << 28) - 1);
    assert_int_equal(hist_index(UINT64_MAX), HIST_CELLS - 1);
    assert_int_equal(hist_index(0), 0);
}

static void test_relative_error(void **state)
{
    (void)state;
    struct rng r = {7};
    for (int i = 0; i < 100000; i++) {
        uint64_t us = rng_next(&r) >> (36 + rng_below(&r, 28));
        uint64_t up = hist_upper_us(hist_index(us));
        assert_true(up >= us && (up - us) * HIST_SUB <= us);
    }
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void test_quantiles_against_sorting(void **state)
{
    (void)state;
    enum { N = 10000 };
    static struct hist h[3];
    static struct hist_sum sum;
    static uint64_t v[N];
    uint64_t total = 0;
    struct rng r = {99};
    for (int i = 0; i < N; i++) {
        v[i] = rng_next(&r) >> (40 + rng_below(&r, 20));
        total += v[i];
        hist_add(&h[i % 3], v[i]);
    }
    for (int i = 0; i < 3; i++)
        hist_merge(&sum, &h[i]);
    assert_int_equal(sum.count, N);
    assert_int_equal(sum.sum_us, total);
    qsort(v, N, sizeof *v, by_value);
    static const double shares[] = {0, 0.01, 0.5, 0.9, 0.99, 0.999, 1};
    for (unsigned i = 0; i < sizeof shares / sizeof *shares; i++) {
        int rank = (int)(shares[i] * N);
        uint64_t exact = v[rank ? rank - 1 : 0];
        assert_int_equal(hist_index(hist_quantile(&sum, shares[i])), hist_index(exact));
    }
    for (unsigned c = 0; c < HIST_CELLS - 1; c++) {
        uint64_t below = 0, up = hist_upper_us(c);
        for (int i = 0; i < N && v[i] <= up; i++)
            below++;
        assert_int_equal(hist_count_le(&sum, up), below);
    }
}

static void test_empty_and_overflow(void **state)
{
    (void)state;
    static struct hist h;
    struct hist_sum sum = {0};
    assert_int_equal(hist_quantile(&sum, 0.5), 0);
    assert_int_equal(hist_count_le(&sum, UINT64_MAX), 0);
    hist_add(&h, UINT64_C(1) << 40);
    hist_merge(&sum, &h);
    assert_int_equal(hist_count_le(&sum, hist_upper_us(HIST_CELLS - 1)), 0);
    assert_int_equal(hist_count_le(&sum, UINT64_MAX), 1);
    assert_int_equal(hist_quantile(&sum, 1), hist_upper_us(HIST_CELLS - 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cells_are_contiguous),
        cmocka_unit_test(test_relative_error),
        cmocka_unit_test(test_quantiles_against_sorting),
        cmocka_unit_test(test_empty_and_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
