/* balancer_random_test.c — random, weighted-random, two-choices, least-time. */
#include "tests/balancer_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

enum { ROUNDS = 60000 };

/* Within 4 standard deviations of the binomial distribution: 1 in 16,000 by chance, seed fixed. */
static void expect_share(unsigned count, unsigned rounds, double share)
{
    double mean = rounds * share, off = count - mean;
    if (off * off > 16 * mean * (1 - share) + 1)
        fail_msg("%u picks of %u, expected about %.0f", count, rounds, mean);
}

static void random_is_uniform(void **state)
{
    (void)state;
    const uint16_t weights[] = {9, 1, 1, 1, 5};
    struct fixture *f = fixture_new("random", 5, weights);
    unsigned counts[5] = {0};
    fixture_set_up(f, 2, false);
    fixture_count(f, ROUNDS, counts);
    assert_int_equal(counts[2], 0);
    for (int i = 0; i < 5; i++)
        if (i != 2)
            expect_share(counts[i], ROUNDS, 0.25);
    fixture_free(f);
}

static void random_with_few_up(void **state)
{
    (void)state;
    struct fixture *f = fixture_new("random", 1000, NULL);
    for (unsigned i = 0; i < 1000; i++)
        fixture_set_up(f, i, i == 3 || i == 64 || i == 999);
    unsigned counts[1000] = {0};
    fixture_count(f, ROUNDS, counts);
    expect_share(counts[3], ROUNDS, 1 / 3.0);
    expect_share(counts[64], ROUNDS, 1 / 3.0);
    expect_share(counts[999], ROUNDS, 1 / 3.0);
    uint64_t tried[16] = {1 << 3, 1};
    assert_int_equal(fixture_pick(f, 0, tried), 999);
    tried[15] = UINT64_C(1) << 39;
    assert_int_equal(fixture_pick(f, 0, tried), BAL_NONE);
    fixture_free(f);
}

static void weighted_follows_weights(void **state)
{
    (void)state;
    const char *const names[] = {"weighted-random", "two-choices"}; /* idle: ties go to the draw */
    for (unsigned k = 0; k < 2; k++) {
        const uint16_t weights[] = {5, 1, 0, 3, 1};
        struct fixture *f = fixture_new(names[k], 5, weights);
        unsigned counts[5] = {0};
        fixture_count(f, ROUNDS, counts);
        for (int i = 0; i < 5; i++)
            expect_share(counts[i], ROUNDS, weights[i] / 10.0);
        fixture_set_up(f, 0, false);
        fixture_set_weight(f, 3, 2 * BAL_WEIGHT_SCALE);
        memset(counts, 0, sizeof counts);
        fixture_count(f, ROUNDS, counts);
        assert_int_equal(counts[0], 0);
        expect_share(counts[1], ROUNDS, 0.25);
        expect_share(counts[3], ROUNDS, 0.5);
        fixture_free(f);
    }
}

static void tried_heavy_server(void **state)
{
    (void)state;
    const uint16_t weights[] = {256, 1, 3};
    struct fixture *f = fixture_new("weighted-random", 3, weights);
    unsigned counts[3] = {0};
    uint64_t tried = 1;
    for (unsigned k = 0; k < ROUNDS; k++)
        counts[fixture_pick(f, 0, &tried)]++;
    expect_share(counts[1], ROUNDS, 0.25);
    expect_share(counts[2], ROUNDS, 0.75);
    tried = 7;
    assert_int_equal(fixture_pick(f, 0, &tried), BAL_NONE);
    fixture_free(f);
}

static void two_choices_prefers_less_loaded(void **state)
{
    (void)state;
    struct fixture *f = fixture_new("two-choices", 2, NULL);
    f->inflight[0] = 10;
    for (int k = 0; k < 100; k++)
        assert_int_equal(fixture_pick(f, 0, NULL), 1);
    const uint16_t weights[] = {4, 1};
    fixture_free(f);
    f = fixture_new("two-choices", 2, weights);
    f->inflight[0] = 11; /* 11/4 < 3/1 */
    f->inflight[1] = 3;
    unsigned counts[2] = {0};
    fixture_count(f, 1000, counts);
    assert_true(counts[0] > 950); /* the second draw rarely fails to find the other one */
    fixture_free(f);
}

/* Balls into bins: the fullest of two-choices stays near the mean, far below random's. */
static void two_choices_flattens(void **state)
{
    (void)state;
    struct fixture *f = fixture_new("two-choices", 100, NULL);
    uint32_t most = 0;
    for (int k = 0; k < 10000; k++)
        fixture_begin(f, 0);
    for (int i = 0; i < 100; i++)
        most = f->inflight[i] > most ? f->inflight[i] : most;
    assert_in_range(most, 100, 106);
    fixture_free(f);
}

static void different_workers_differ(void **state)
{
    (void)state;
    unsigned same = 0;
    struct err e;
    struct fixture *a = fixture_try(
        &(struct fixture_spec){.balancer = "random", .n = 100, .nworkers = 2, .seed = 7}, &e);
    struct fixture *b = fixture_try(
        &(struct fixture_spec){
            .balancer = "random", .n = 100, .worker = 1, .nworkers = 2, .seed = 7},
        &e);
    for (int k = 0; k < 1000; k++)
        same += fixture_pick(a, 0, NULL) == fixture_pick(b, 0, NULL);
    assert_in_range(same, 0, 40);
    fixture_free(a);
    fixture_free(b);
}

/* One request at a time, each answered after `latency[i]` µs; returns the picks. */
static void run_sequence(struct fixture *f, const uint32_t *latency, unsigned rounds,
                         unsigned *counts)
{
    for (unsigned k = 0; k < rounds; k++) {
        int i = fixture_begin(f, 0);
        counts[i]++;
        f->view.now_us += latency[i];
        fixture_done(f, (unsigned)i, latency[i], false);
        fixture_add_inflight(f, (unsigned)i, -1);
    }
}

static void least_time_avoids_slow(void **state)
{
    (void)state;
    struct fixture *f = fixture_new("least-time", 3, NULL);
    const uint32_t latency[] = {1000, 1000, 50000};
    unsigned counts[3] = {0};
    run_sequence(f, latency, 3000, counts);
    assert_in_range(counts[2], 1, 10); /* it was tried while unknown */
    assert_in_range(counts[0], 1000, 2000);
    fixture_free(f);
}

static void least_time_tries_again(void **state)
{
    (void)state;
    struct fixture *f = fixture_new("least-time", 2, NULL);
    const uint32_t slow[] = {1000, 200000}, even[] = {1000, 1000};
    unsigned counts[2] = {0};
    run_sequence(f, slow, 100, counts);
    memset(counts, 0, sizeof counts);
    run_sequence(f, even, 400000, counts); /* 400 s, decay 10 s */
    assert_true(counts[1] > 50000);
    fixture_free(f);
}

static void least_time_probes_cold_once(void **state)
{
    (void)state;
    struct fixture *f = fixture_new("least-time", 2, NULL);
    fixture_done(f, 0, 1000, false);
    assert_int_equal(fixture_begin(f, 0), 1); /* unknown: one exchange to learn */
    for (int k = 0; k < 50; k++)
        assert_int_equal(fixture_begin(f, 0), 0); /* no more before its answer */
    fixture_done(f, 1, 1000, false);
    fixture_add_inflight(f, 1, -1);
    assert_int_equal(fixture_begin(f, 0), 1);
    fixture_free(f);
}

static void least_time_failure_is_slow(void **state)
{
    (void)state;
    struct fixture *f = fixture_new("least-time", 2, NULL);
    fixture_done(f, 0, 20000, false);
    fixture_done(f, 1, 50, true); /* refused at once */
    for (int k = 0; k < 20; k++)
        assert_int_equal(fixture_pick(f, 0, NULL), 0);
    fixture_free(f);
}

static void least_time_counts_load_and_weight(void **state)
{
    (void)state;
    const uint16_t weights[] = {1, 4};
    struct fixture *f = fixture_new("least-time", 2, weights);
    fixture_done(f, 0, 1000, false);
    fixture_done(f, 1, 1000, false);
    f->inflight[1] = 2; /* 1000 × 3 / 4 < 1000 × 1 / 1 */
    for (int k = 0; k < 20; k++)
        assert_int_equal(fixture_pick(f, 0, NULL), 1);
    f->inflight[1] = 5;
    for (int k = 0; k < 20; k++)
        assert_int_equal(fixture_pick(f, 0, NULL), 0);
    fixture_free(f);
}

static void least_time_decay_option(void **state)
{
    (void)state;
    const struct opt_spec *spec = &balancer_find(NULL, "least-time")->desc.specs[0];
    const struct opt decay = {.spec = spec, .num = 100};
    const struct opts opts = {&decay, 1};
    struct err e;
    struct fixture *f =
        fixture_try(&(struct fixture_spec){.balancer = "least-time", .n = 2, .opts = &opts}, &e);
    const uint32_t slow[] = {1000, 20000}, even[] = {1000, 1000};
    unsigned counts[2] = {0};
    run_sequence(f, slow, 10, counts);
    memset(counts, 0, sizeof counts);
    run_sequence(f, even, 2000, counts); /* 2 s, decay 100 ms */
    assert_true(counts[1] > 200);
    fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_is_uniform),
        cmocka_unit_test(random_with_few_up),
        cmocka_unit_test(weighted_follows_weights),
        cmocka_unit_test(tried_heavy_server),
        cmocka_unit_test(two_choices_prefers_less_loaded),
        cmocka_unit_test(two_choices_flattens),
        cmocka_unit_test(different_workers_differ),
        cmocka_unit_test(least_time_avoids_slow),
        cmocka_unit_test(least_time_tries_again),
        cmocka_unit_test(least_time_probes_cold_once),
        cmocka_unit_test(least_time_failure_is_slow),
        cmocka_unit_test(least_time_counts_load_and_weight),
        cmocka_unit_test(least_time_decay_option),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
