/* target_test.c — the normal form of paths. */
#include "lb/msg/target.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

static void paths_become_normal(void **state)
{
    static const char *const pairs[][2] = {
        {"/", "/"},
        {"", ""},
        {"*", "*"},
        {"/a/b", "/a/b"},
        {"/a/b/", "/a/b/"},
        {"/a.b/c..d/..e", "/a.b/c..d/..e"},
        {"/.well-known/x", "/.well-known/x"},
        {"/...", "/..."},
        {"//", "/"},
        {"//admin", "/admin"},
        {"/a//b///", "/a/b/"},
        {"/.", "/"},
        {"/./a", "/a"},
        {"/a/.", "/a/"},
        {"/a/./b", "/a/b"},
        {"/..", "/"},
        {"/../../x", "/x"},
        {"/api/../admin", "/admin"},
        {"/a/b/..", "/a/"},
        {"/a/b/../", "/a/"},
        {"/a//../b", "/b"},
        {"/%61dmin", "/admin"},
        {"/%2e%2E/x", "/x"},
        {"/a/%2e./b", "/b"},
        {"/a%2fb", "/a%2Fb"},
        {"/%00%ff", "/%00%FF"},
        {"/%7e%5F%2d", "/~_-"},
        {"/%25%32%65", "/%252e"},
        {"/a%", NULL},
        {"/a%4", NULL},
        {"/a%4g/", NULL},
        {"/%%41", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        char out[64];
        struct slice s = target_normalise(slice_of(pairs[i][0]), out, sizeof out);
        if (pairs[i][1] ? !slice_eq(s, slice_of(pairs[i][1])) || !s.p : s.p != NULL)
            fail_msg("%s gives '%.*s'", pairs[i][0], (int)s.n, s.p ? s.p : "");
    }
}

static void a_normal_path_is_not_copied(void **state)
{
    struct slice path = SLICE("/a/b.c");
    (void)state;
    assert_ptr_equal(target_normalise(path, NULL, 0).p, path.p);
}

static void the_result_may_fill_the_room(void **state)
{
    (void)state;
    for (size_t max = 0; max < 8; max++) {
        char *out = malloc(max ? max : 1);
        assert_non_null(out);
        struct slice s = target_normalise(SLICE("//a/%2f"), out, max);
        assert_int_equal(s.n, max >= 6 ? 6 : 0);
        assert_true(!s.p == (max < 6));
        free(out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_become_normal),
        cmocka_unit_test(a_normal_path_is_not_copied),
        cmocka_unit_test(the_result_may_fill_the_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
