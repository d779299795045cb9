/*
 * balancer_registry_test.c — the list, and plug-ins good and broken.
 *
 * The plug-ins are built by the Makefile into tests/plugins/ next to this program's directory.
 */
#include "tests/balancer_fixture.h"

#include <libgen.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>
#include <cmocka.h>

static char plugin_dir[PATH_MAX];

static void find_plugin_dir(void)
{
    char self[PATH_MAX / 2];
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    self[len > 0 ? len : 0] = '\0';
    (void)snprintf(plugin_dir, sizeof plugin_dir, "%s/../plugins", dirname(self));
}

static const struct balancer *open_plugin(struct balancer_set *set, const char *file, struct err *e)
{
    char path[PATH_MAX + 64];
    (void)snprintf(path, sizeof path, "%s/%s", plugin_dir, file);
    return balancer_set_open(set, path, e);
}

static void builtin_ones_are_sound(void **state)
{
    (void)state;
    unsigned count = 0;
    for (const struct balancer *const *b = balancer_builtin(); *b; b++, count++) {
        assert_int_equal((*b)->abi, BALANCER_ABI);
        assert_non_null((*b)->desc.help);
        assert_non_null((*b)->prepare);
        assert_non_null((*b)->pick);
        assert_ptr_equal(balancer_find(NULL, (*b)->desc.name), *b);
        for (const char *const *a = (*b)->desc.aliases; a && *a; a++)
            assert_null(balancer_find(NULL, *a));
    }
    assert_int_equal(count, 9);
    assert_null(balancer_find(NULL, "no-such"));
}

static bool answers(const struct balancer *b, const char *name)
{
    bool yes = strcmp(b->desc.name, name) == 0;
    for (const char *const *a = b->desc.aliases; a && *a; a++)
        yes = yes || strcmp(*a, name) == 0;
    return yes;
}

static void names_are_unique(void **state)
{
    (void)state;
    for (const struct balancer *const *b = balancer_builtin(); *b; b++)
        for (const struct balancer *const *c = balancer_builtin(); *c; c++) {
            assert_int_equal(answers(*c, (*b)->desc.name), b == c);
            for (const char *const *a = (*b)->desc.aliases; a && *a; a++)
                assert_int_equal(answers(*c, *a), b == c);
        }
}

static void descriptions_tell_the_truth(void **state)
{
    (void)state;
    assert_false(balancer_find(NULL, "round-robin")->desc.uses_weights);
    assert_false(balancer_find(NULL, "random")->desc.uses_weights);
    assert_true(balancer_find(NULL, "weighted-round-robin")->desc.uses_weights);
    assert_true(balancer_find(NULL, "hash")->desc.takes_key);
    assert_false(balancer_find(NULL, "source-hash")->desc.takes_key);
    assert_int_equal(balancer_find(NULL, "source-hash")->desc.default_key, 1);
    assert_true(balancer_find(NULL, "least-connections")->uses_inflight);
    assert_false(balancer_find(NULL, "round-robin")->uses_inflight);
}

static void opens_the_example(void **state)
{
    (void)state;
    struct err e = {0};
    struct balancer_set *set = balancer_set_new();
    const struct balancer *b = open_plugin(set, "first.so", &e);
    assert_string_equal(e.text, "");
    assert_non_null(b);
    assert_ptr_equal(balancer_find(set, "first-available"), b);
    assert_null(balancer_find(NULL, "first-available"));
    assert_ptr_equal(open_plugin(set, "first.so", &e), b); /* again: the same */
    const uint64_t up = 0xe, tried = 2;
    const struct bal_view v = {.n = 4, .nup = 3, .up = &up};
    assert_int_equal(b->pick(NULL, NULL, &v, 0, NULL), 1);
    assert_int_equal(b->pick(NULL, NULL, &v, 0, &tried), 2);
    assert_int_equal(b->pick(NULL, NULL, &v, 0, &up), BAL_NONE);
    balancer_set_free(set);
    balancer_set_free(NULL);
}

static void refuses_broken_ones(void **state)
{
    (void)state;
    static const struct {
        const char *file, *says;
    } cases[] = {
        {"missing.so", "No such file"},
        {".", "not a file"},
        {"../unit/balancer_registry_test.d", "not a usable shared object"},
        {"no_symbol.so", "does not export 'lb_balancer_plugin'"},
        {"wrong_abi.so", "interface 2, this program has 1"},
        {"no_name.so", "no usable name"},
        {"taken_name.so", "'round-robin' is taken by balancer 'round-robin'"},
        {"taken_alias.so", "'leastconn' is taken by balancer 'least-connections'"},
        {"no_pick.so", "lacks the function pick"},
        {"no_state_size.so", "lacks the function state_size"},
        {"bad_options.so", "broken options"},
    };
    struct balancer_set *set = balancer_set_new();
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err e = {0};
        assert_null(open_plugin(set, cases[i].file, &e));
        assert_non_null(strstr(e.text, cases[i].file));
        if (!strstr(e.text, cases[i].says))
            fail_msg("'%s' does not say '%s'", e.text, cases[i].says);
    }
    balancer_set_free(set);
}

/* A copy under another path is another object with the same name. */
static void refuses_second_plugin_of_a_name(void **state)
{
    (void)state;
    struct err e = {0};
    struct balancer_set *set = balancer_set_new();
    assert_non_null(open_plugin(set, "first.so", &e));
    assert_null(open_plugin(set, "first_copy.so", &e));
    assert_non_null(strstr(e.text, "'first-available' is taken"));
    balancer_set_free(set);
}

int main(void)
{
    find_plugin_dir();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(builtin_ones_are_sound),
        cmocka_unit_test(names_are_unique),
        cmocka_unit_test(descriptions_tell_the_truth),
        cmocka_unit_test(opens_the_example),
        cmocka_unit_test(refuses_broken_ones),
        cmocka_unit_test(refuses_second_plugin_of_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
