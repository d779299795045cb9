/* balancer_hash_test.c — source-hash and hash: spread, weights, stability, bounded loads. */
#include "tests/balancer_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

enum { KEYS = 20000 };

static const struct opt_spec *spec_of(const char *balancer, const char *option)
{
    const struct plug_desc *d = &balancer_find(NULL, balancer)->desc;
    for (unsigned i = 0; i < d->nspecs; i++)
        if (strcmp(d->specs[i].name, option) == 0)
            return &d->specs[i];
    fail_msg("%s has no option %s", balancer, option);
    return NULL;
}

static struct fixture *with_option(const char *balancer, unsigned n, const char *option,
                                   uint64_t num, struct err *e)
{
    const struct opt o = {.spec = spec_of(balancer, option), .num = num};
    const struct opts opts = {&o, 1};
    return fixture_try(&(struct fixture_spec){.balancer = balancer, .n = n, .opts = &opts}, e);
}

static void same_key_same_server(void **state)
{
    (void)state;
    struct err e;
    struct fixture *all[] = {
        fixture_new("source-hash", 10, NULL),
        fixture_new("hash", 10, NULL),
        with_option("source-hash", 10, "modulo", 1, &e),
        with_option("hash", 10, "bounded-load", 1250, &e),
    };
    for (unsigned k = 0; k < 4; k++) {
        for (uint64_t key = 1; key < 1000; key++) {
            int i = fixture_pick(all[k], key, NULL);
            assert_in_range(i, 0, 9);
            assert_int_equal(fixture_pick(all[k], key, NULL), i);
        }
        fixture_free(all[k]);
    }
}

static void spreads_by_weight(void **state)
{
    (void)state;
    const uint16_t weights[] = {1, 2, 4, 0, 3};
    for (int modulo = 0; modulo < 2; modulo++) {
        const struct opt o = {.spec = spec_of("source-hash", "modulo"), .num = 1};
        const struct opts opts = {&o, (unsigned)modulo};
        struct err e;
        struct fixture *f = fixture_try(
            &(struct fixture_spec){
                .balancer = "source-hash", .n = 5, .weights = weights, .opts = &opts},
            &e);
        unsigned counts[5] = {0};
        fixture_count(f, KEYS, counts);
        for (int i = 0; i < 5; i++)
            assert_in_range(counts[i], weights[i] * KEYS / 10 * 93 / 100,
                            weights[i] * KEYS / 10 * 107 / 100);
        fixture_free(f);
    }
}

/* Neither the number of servers nor a server's place in the file decides, only the names. */
static void order_does_not_matter(void **state)
{
    (void)state;
    const unsigned numbers[] = {4, 2, 0, 3, 1};
    struct err e;
    struct fixture *a = fixture_new("hash", 5, NULL);
    struct fixture *b =
        fixture_try(&(struct fixture_spec){.balancer = "hash", .n = 5, .numbers = numbers}, &e);
    for (uint64_t key = 1; key < KEYS; key++)
        assert_int_equal(fixture_pick(a, key, NULL), numbers[fixture_pick(b, key, NULL)]);
    fixture_free(a);
    fixture_free(b);
}

static void only_keys_of_down_server_move(void **state)
{
    (void)state;
    const char *const names[] = {"source-hash", "hash"};
    for (unsigned k = 0; k < 2; k++) {
        struct fixture *f = fixture_new(names[k], 10, NULL);
        int before[KEYS];
        unsigned gained[10] = {0}, moved = 0;
        for (unsigned key = 0; key < KEYS; key++)
            before[key] = fixture_pick(f, key + 1, NULL);
        fixture_set_up(f, 4, false);
        for (unsigned key = 0; key < KEYS; key++) {
            int after = fixture_pick(f, key + 1, NULL);
            if (before[key] != 4)
                assert_int_equal(after, before[key]);
            else
                gained[after]++, moved++;
        }
        assert_in_range(moved, KEYS / 10 * 90 / 100, KEYS / 10 * 110 / 100);
        for (unsigned i = 0; i < 10; i++) /* evenly to all the others: 222 each */
            assert_in_range(gained[i], i == 4 ? 0 : 160, i == 4 ? 0 : 290);
        fixture_set_up(f, 4, true);
        for (unsigned key = 0; key < KEYS; key++)
            assert_int_equal(fixture_pick(f, key + 1, NULL), before[key]);
        fixture_free(f);
    }
}

static void nearly_all_down(void **state)
{
    (void)state;
    struct fixture *f = fixture_new("hash", 1000, NULL);
    for (unsigned i = 0; i < 1000; i++)
        fixture_set_up(f, i, i == 7 || i == 500 || i == 900);
    unsigned counts[1000] = {0};
    fixture_count(f, 3000, counts);
    assert_in_range(counts[7], 850, 1150);
    assert_in_range(counts[500], 850, 1150);
    assert_int_equal(counts[7] + counts[500] + counts[900], 3000);
    uint64_t tried[16] = {1 << 7};
    tried[500 / 64] |= UINT64_C(1) << 500 % 64;
    assert_int_equal(fixture_pick(f, 1, tried), 900);
    fixture_set_up(f, 900, false);
    assert_int_equal(fixture_pick(f, 1, tried), BAL_NONE);
    fixture_free(f);
}

static void zero_weights_only(void **state)
{
    (void)state;
    const uint16_t weights[] = {0, 0};
    struct fixture *f = fixture_new("hash", 2, weights);
    assert_int_equal(fixture_pick(f, 1, NULL), BAL_NONE);
    fixture_set_up(f, 1, true); /* raised at run time */
    assert_int_equal(fixture_pick(f, 1, NULL), 1);
    fixture_free(f);
}

static void requests_without_key_spread(void **state)
{
    (void)state;
    struct fixture *f = fixture_new("hash", 4, NULL);
    unsigned counts[4] = {0};
    for (int k = 0; k < 4000; k++)
        counts[fixture_pick(f, 0, NULL)]++;
    for (int i = 0; i < 4; i++)
        assert_in_range(counts[i], 850, 1150);
    fixture_free(f);
}

/* One hot key: without a bound all on one server, with it never above ceil(1.25 × share). */
static void bounded_load_holds(void **state)
{
    (void)state;
    struct err e;
    struct fixture *f = with_option("hash", 8, "bounded-load", 1250, &e);
    for (unsigned total = 0; total < 4000; total++) {
        int i = fixture_begin(f, total % 2 ? 42 : total + 1);
        unsigned bound = (5 * (total + 1) + 31) / 32; /* 1.25 / 8 */
        assert_true(f->inflight[i] <= bound);
    }
    fixture_set_up(f, 0, false);
    uint32_t rest = 4000 - f->inflight[0];
    for (int k = 0; k < 1000; k++)
        fixture_begin(f, 42);
    for (unsigned i = 1; i < 8; i++)
        assert_true(f->inflight[i] <= (5 * (rest + 1000) + 27) / 28);
    fixture_free(f);
}

static void bounded_load_keeps_cold_keys(void **state)
{
    (void)state;
    struct err e;
    struct fixture *plain = fixture_new("hash", 8, NULL);
    struct fixture *bounded = with_option("hash", 8, "bounded-load", 2000, &e);
    for (unsigned i = 0; i < 8; i++)
        fixture_add_inflight(bounded, i, 10); /* evenly busy: nobody is above the bound */
    for (uint64_t key = 1; key < 1000; key++)
        assert_int_equal(fixture_pick(plain, key, NULL), fixture_pick(bounded, key, NULL));
    fixture_free(plain);
    fixture_free(bounded);
}

static void bad_options(void **state)
{
    (void)state;
    struct err e = {0};
    const struct opt both[] = {{.spec = spec_of("source-hash", "modulo"), .num = 1},
                               {.spec = spec_of("source-hash", "consistent"), .num = 1}};
    const struct opts opts = {both, 2};
    struct fixture *f =
        fixture_try(&(struct fixture_spec){.balancer = "source-hash", .n = 2, .opts = &opts}, &e);
    assert_null(f->state);
    assert_non_null(strstr(e.text, "either"));
    fixture_free(f);
    f = with_option("hash", 500, "slots", 101, &e);
    assert_null(f->state);
    assert_string_equal(e.text, "101 slots are too few for 500 servers");
    fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_key_same_server),
        cmocka_unit_test(spreads_by_weight),
        cmocka_unit_test(order_does_not_matter),
        cmocka_unit_test(only_keys_of_down_server_move),
        cmocka_unit_test(nearly_all_down),
        cmocka_unit_test(zero_weights_only),
        cmocka_unit_test(requests_without_key_spread),
        cmocka_unit_test(bounded_load_holds),
        cmocka_unit_test(bounded_load_keeps_cold_keys),
        cmocka_unit_test(bad_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
