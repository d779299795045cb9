/* balancer_least_connections_test.c — minimum by weight, ties, updates. */
#include "tests/balancer_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void picks_the_minimum(void **state)
{
    (void)state;
    struct fixture *f = fixture_new("least-connections", 3, NULL);
    const uint32_t load[] = {3, 1, 2};
    memcpy(f->inflight, load, sizeof load);
    assert_int_equal(fixture_pick(f, 0, NULL), 1);
    fixture_add_inflight(f, 1, 1);
    fixture_add_inflight(f, 1, 1);
    assert_int_equal(fixture_pick(f, 0, NULL), 2);
    uint64_t tried = 1 << 2;
    assert_in_range(fixture_pick(f, 0, &tried), 0, 1);
    tried = 7;
    assert_int_equal(fixture_pick(f, 0, &tried), BAL_NONE);
    fixture_free(f);
}

static void load_is_per_weight(void **state)
{
    (void)state;
    const uint16_t weights[] = {4, 1};
    struct fixture *f = fixture_new("least-connections", 2, weights);
    for (int k = 0; k < 500; k++)
        fixture_begin(f, 0);
    assert_in_range(f->inflight[0], 399, 401);
    fixture_free(f);
}

static void equals_share_in_turn(void **state)
{
    (void)state;
    struct fixture *f = fixture_new("least-connections", 3, NULL);
    unsigned counts[3] = {0};
    for (int k = 0; k < 3000; k++) {
        int i = fixture_begin(f, 0);
        assert_int_equal(i, k % 3);
        counts[i]++;
        fixture_add_inflight(f, (unsigned)i, -1);
    }
    assert_int_equal(counts[1], 1000);
    fixture_free(f);
}

static void idle_ties_follow_weights(void **state)
{
    (void)state;
    const uint16_t weights[] = {2, 1, 1};
    struct fixture *f = fixture_new("least-connections", 3, weights);
    unsigned counts[3] = {0};
    fixture_count(f, 4000, counts);
    assert_in_range(counts[0], 1998, 2002);
    assert_in_range(counts[1], 998, 1002);
    fixture_free(f);
}

/* A server that comes back, or was busy for long, does not win all ties afterwards. */
static void no_catching_up(void **state)
{
    (void)state;
    struct fixture *f = fixture_new("least-connections", 3, NULL);
    unsigned counts[3] = {0};
    fixture_set_up(f, 0, false);
    fixture_add_inflight(f, 1, 1);
    fixture_count(f, 1000, counts);
    assert_int_equal(counts[2], 1000);
    fixture_set_up(f, 0, true);
    fixture_add_inflight(f, 1, -1);
    memset(counts, 0, sizeof counts);
    fixture_count(f, 300, counts);
    for (int i = 0; i < 3; i++)
        assert_in_range(counts[i], 98, 102);
    fixture_free(f);
}

static void none_up(void **state)
{
    (void)state;
    struct fixture *f = fixture_new("least-connections", 2, NULL);
    fixture_set_up(f, 0, false);
    assert_int_equal(fixture_pick(f, 0, NULL), 1);
    fixture_set_up(f, 1, false);
    assert_int_equal(fixture_pick(f, 0, NULL), BAL_NONE);
    fixture_add_inflight(f, 1, 1);
    assert_int_equal(fixture_pick(f, 0, NULL), BAL_NONE);
    fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(picks_the_minimum),    cmocka_unit_test(load_is_per_weight),
        cmocka_unit_test(equals_share_in_turn), cmocka_unit_test(idle_ties_follow_weights),
        cmocka_unit_test(no_catching_up),       cmocka_unit_test(none_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
