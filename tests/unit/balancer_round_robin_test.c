/* balancer_round_robin_test.c — round-robin and weighted-round-robin: order, counts, changes. */
#include "tests/balancer_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void expect_order(struct fixture *f, const char *letters)
{
    for (const char *c = letters; *c; c++)
        assert_int_equal(fixture_pick(f, 0, NULL), *c - 'A');
}

static void rr_takes_turns(void **state)
{
    (void)state;
    struct fixture *f = fixture_new("round-robin", 3, NULL);
    unsigned counts[3] = {0};
    expect_order(f, "ABCABC");
    fixture_count(f, 3000, counts);
    for (int i = 0; i < 3; i++)
        assert_int_equal(counts[i], 1000);
    fixture_free(f);
}

static void rr_steps_over_down_and_tried(void **state)
{
    (void)state;
    struct fixture *f = fixture_new("round-robin", 4, NULL);
    fixture_set_up(f, 1, false);
    expect_order(f, "ACDACD");
    uint64_t tried = 1 << 0 | 1 << 2;
    assert_int_equal(fixture_pick(f, 0, &tried), 3);
    assert_int_equal(fixture_pick(f, 0, &tried), 3);
    expect_order(f, "AC");
    tried |= 1 << 3;
    assert_int_equal(fixture_pick(f, 0, &tried), BAL_NONE);
    for (unsigned i = 0; i < 4; i++)
        fixture_set_up(f, i, false);
    assert_int_equal(fixture_pick(f, 0, NULL), BAL_NONE);
    fixture_free(f);
}

static void rr_ignores_weights(void **state)
{
    (void)state;
    const uint16_t weights[] = {5, 1, 1};
    struct fixture *f = fixture_new("round-robin", 3, weights);
    expect_order(f, "ABCABC");
    fixture_free(f);
}

static int first_pick(const char *name, unsigned n, unsigned worker, unsigned nworkers)
{
    struct err e;
    struct fixture *f = fixture_try(
        &(struct fixture_spec){.balancer = name, .n = n, .worker = worker, .nworkers = nworkers},
        &e);
    int i = fixture_pick(f, 0, NULL);
    fixture_free(f);
    return i;
}

static void workers_start_apart(void **state)
{
    (void)state;
    const char *const names[] = {"round-robin", "weighted-round-robin", "least-connections"};
    for (unsigned k = 0; k < 3; k++) {
        assert_int_equal(first_pick(names[k], 8, 0, 1), 0);
        for (unsigned w = 0; w < 4; w++)
            assert_int_equal(first_pick(names[k], 8, w, 4), 2 * (int)w);
        assert_in_range(first_pick(names[k], 2, 5, 7), 0, 1);
    }
}

static void wrr_smooth_order(void **state)
{
    (void)state;
    const uint16_t weights[] = {5, 1, 1};
    struct fixture *f = fixture_new("weighted-round-robin", 3, weights);
    expect_order(f, "AABACAAAABACAAAABACAA");
    fixture_free(f);
    const uint16_t other[] = {4, 2, 1};
    f = fixture_new("weighted-round-robin", 3, other);
    expect_order(f, "ABACABAABACABA");
    fixture_free(f);
}

static void wrr_exact_per_cycle(void **state)
{
    (void)state;
    const uint16_t weights[] = {256, 1, 7, 100, 3, 3, 64};
    struct fixture *f = fixture_new("weighted-round-robin", 7, weights);
    for (unsigned cycle = 1; cycle <= 50; cycle++) {
        unsigned counts[7] = {0};
        fixture_count(f, 434, counts);
        for (int i = 0; i < 7; i++)
            assert_int_equal(counts[i], weights[i]);
    }
    fixture_free(f);
}

static void wrr_equal_weights_are_round_robin(void **state)
{
    (void)state;
    struct fixture *f = fixture_new("weighted-round-robin", 5, NULL);
    expect_order(f, "ABCDEABCDEABCDE");
    fixture_free(f);
}

/* After a server went or came, the following cycles are exact again within one pick. */
static void wrr_follows_changes(void **state)
{
    (void)state;
    const uint16_t weights[] = {50, 1, 1, 2};
    struct fixture *f = fixture_new("weighted-round-robin", 4, weights);
    unsigned counts[4] = {0};
    fixture_count(f, 33, counts);
    fixture_set_up(f, 0, false);
    memset(counts, 0, sizeof counts);
    fixture_count(f, 40, counts);
    assert_int_equal(counts[0], 0);
    assert_in_range(counts[1], 9, 11);
    assert_in_range(counts[2], 9, 11);
    assert_in_range(counts[3], 19, 21);
    fixture_set_up(f, 0, true);
    fixture_set_weight(f, 3, 2 * BAL_WEIGHT_SCALE / 2); /* slow start at one half */
    memset(counts, 0, sizeof counts);
    fixture_count(f, 530, counts);
    assert_in_range(counts[0], 498, 502);
    assert_in_range(counts[3], 9, 11);
    fixture_free(f);
}

static void wrr_tried_and_none(void **state)
{
    (void)state;
    const uint16_t weights[] = {5, 1, 1};
    struct fixture *f = fixture_new("weighted-round-robin", 3, weights);
    uint64_t tried = 1;
    assert_in_range(fixture_pick(f, 0, &tried), 1, 2);
    tried = 7;
    assert_int_equal(fixture_pick(f, 0, &tried), BAL_NONE);
    tried = 5;
    assert_int_equal(fixture_pick(f, 0, &tried), 1);
    for (unsigned i = 0; i < 3; i++)
        fixture_set_up(f, i, false);
    assert_int_equal(fixture_pick(f, 0, NULL), BAL_NONE);
    fixture_set_up(f, 2, true);
    assert_int_equal(fixture_pick(f, 0, NULL), 2);
    fixture_free(f);
}

/* A server that is up for every other pick gets its third of those, not of all. */
static void wrr_survives_flapping(void **state)
{
    (void)state;
    struct fixture *f = fixture_new("weighted-round-robin", 3, NULL);
    unsigned counts[3] = {0};
    for (int k = 0; k < 3000; k++) {
        fixture_set_up(f, 0, k % 2 == 0);
        counts[fixture_pick(f, 0, NULL)]++;
    }
    assert_in_range(counts[0], 490, 510);
    assert_in_range(counts[1], 1240, 1260);
    assert_in_range(counts[2], 1240, 1260);
    fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rr_takes_turns),
        cmocka_unit_test(rr_steps_over_down_and_tried),
        cmocka_unit_test(rr_ignores_weights),
        cmocka_unit_test(workers_start_apart),
        cmocka_unit_test(wrr_smooth_order),
        cmocka_unit_test(wrr_exact_per_cycle),
        cmocka_unit_test(wrr_equal_weights_are_round_robin),
        cmocka_unit_test(wrr_follows_changes),
        cmocka_unit_test(wrr_tried_and_none),
        cmocka_unit_test(wrr_survives_flapping),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
