/* route_test.c — hosts, wildcards, paths, methods, headers, order, refusals. */
#include "config/cfg.h"
#include "lb/base/err.h"
#include "lb/msg/head.h"
#include "lb/route/route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#define WORDS(...)                                                                                 \
    (const char *const[])                                                                          \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }
#define COUNT(a) ((unsigned)(sizeof(a) / sizeof(*(a))))

#define HOST(...)   .hosts = WORDS(__VA_ARGS__), .nhosts = COUNT(WORDS(__VA_ARGS__))
#define PATH(...)   .paths = WORDS(__VA_ARGS__), .npaths = COUNT(WORDS(__VA_ARGS__))
#define METHOD(...) .methods = WORDS(__VA_ARGS__), .nmethods = COUNT(WORDS(__VA_ARGS__))

static struct cfg_frontend fe;
static struct route_table *table;

static void compile(const struct cfg_route *routes, unsigned n)
{
    struct err e = {0};
    fe = (struct cfg_frontend){.name = "web", .routes = routes, .nroutes = n};
    table = route_compile(&fe, &e);
    if (!table)
        fail_msg("%s", e.text);
}

/* The index of the route that takes it; -1: otherwise. */
static int look(const char *method, const char *host, const char *path)
{
    struct route_query q = {slice_of(host), slice_of(path), slice_of(method), NULL};
    const struct cfg_route *r = route_lookup(table, &q);
    return r == &fe.otherwise ? -1 : (int)(r - fe.routes);
}

static int done(void **state)
{
    (void)state;
    route_free(table);
    table = NULL;
    return 0;
}

static void test_no_routes(void **state)
{
    (void)state;
    compile(NULL, 0);
    assert_int_equal(look("GET", "a.example", "/"), -1);
    route_free(NULL);
}

static void test_hosts(void **state)
{
    (void)state;
    const struct cfg_route r[] = {
        {HOST("app.example.com")},
        {HOST("*.example.com", "example.org.")},
        {HOST("[::1]")},
    };
    compile(r, COUNT(r));
    assert_int_equal(look("GET", "app.example.com", "/"), 0);
    assert_int_equal(look("GET", "APP.Example.COM.", "/"), 0);
    assert_int_equal(look("GET", "app.example.com..", "/"), -1);
    assert_int_equal(look("GET", "x.example.com", "/"), 1);
    assert_int_equal(look("GET", "x.app.example.com", "/"), 1);
    assert_int_equal(look("GET", "example.com", "/"), -1);
    assert_int_equal(look("GET", ".example.com", "/"), -1);
    assert_int_equal(look("GET", "badexample.com", "/"), -1);
    assert_int_equal(look("GET", "example.org", "/"), 1);
    assert_int_equal(look("GET", "a.example.org", "/"), -1);
    assert_int_equal(look("GET", "[::1]", "/"), 2);
    assert_int_equal(look("GET", "", "/"), -1);
    assert_int_equal(look("GET", ".", "/"), -1);
    char dots[600];
    memset(dots, '.', sizeof dots);
    memcpy(dots + sizeof dots - 13, ".example.com", 13);
    assert_int_equal(look("GET", dots, "/"), -1);                    /* too long */
    assert_int_equal(look("GET", dots + sizeof dots - 254, "/"), 1); /* just short enough */
    assert_int_equal(look("GET", dots + sizeof dots - 255, "/"), -1);
}

static void test_paths(void **state)
{
    (void)state;
    const struct cfg_route r[] = {
        {PATH("/x")},   {PATH("/x/*")}, {PATH("/a/b/*", "/c")}, {HOST("h"), PATH("/*")},
        {PATH("/a/*")},
    };
    compile(r, COUNT(r));
    assert_int_equal(look("GET", "", "/x"), 0);
    assert_int_equal(look("GET", "", "/x/"), 1);
    assert_int_equal(look("GET", "", "/x/y/z"), 1);
    assert_int_equal(look("GET", "", "/xy"), -1);
    assert_int_equal(look("GET", "", "/X"), -1);
    assert_int_equal(look("GET", "", "/a/b/c"), 2);
    assert_int_equal(look("GET", "", "/a/b"), 4);
    assert_int_equal(look("GET", "", "/c"), 2);
    assert_int_equal(look("GET", "h", "/zzz"), 3);
    assert_int_equal(look("GET", "h", "/x"), 0);
    assert_int_equal(look("GET", "h", "/a/c"), 3); /* order, not precision */
    assert_int_equal(look("OPTIONS", "h", "*"), 3);
    assert_int_equal(look("CONNECT", "h", ""), 3);
    assert_int_equal(look("GET", "", ""), -1);
}

static void test_methods_and_headers(void **state)
{
    (void)state;
    const struct cfg_header_match beta = {"X-Beta", NULL}, blue = {"x-colour", "blue"};
    const struct cfg_header_match both[] = {{"x-beta", "1"}, {"X-COLOUR", "blue"}};
    const struct cfg_route r[] = {
        {METHOD("POST", "PUT"), PATH("/p")},
        {.headers = both, .nheaders = 2},
        {.headers = &blue, .nheaders = 1},
        {.headers = &beta, .nheaders = 1, METHOD("GET")},
        {PATH("/p")},
    };
    compile(r, COUNT(r));
    assert_int_equal(look("POST", "", "/p"), 0);
    assert_int_equal(look("post", "", "/p"), 4);
    assert_int_equal(look("GET", "", "/p"), 4);
    static struct head h;
    static const char text[] = "x-betaX-Colourredblue";
    h.base = text;
    h.nfields = 1;
    h.f[0] = (struct field){.name = 0, .nlen = 6, .val = 6, .vlen = 0};
    struct route_query q = {SLICE(""), SLICE("/q"), SLICE("GET"), &h};
    assert_ptr_equal(route_lookup(table, &q), &r[3]);
    q.method = SLICE("HEAD");
    assert_ptr_equal(route_lookup(table, &q), &fe.otherwise);
    h.f[h.nfields++] = (struct field){.name = 6, .nlen = 8, .val = 14, .vlen = 3};
    assert_ptr_equal(route_lookup(table, &q), &fe.otherwise);
    h.f[h.nfields++] = (struct field){.name = 6, .nlen = 8, .val = 17, .vlen = 4};
    assert_ptr_equal(route_lookup(table, &q), &r[2]); /* any line of that name will do */
}

static void test_first_match_wins(void **state)
{
    (void)state;
    const struct cfg_route r[] = {
        {HOST("*.b.c")},
        {HOST("a.b.c")},
        {HOST("*.c"), PATH("/1")},
        {HOST("*")},
        {HOST("x.c", "x.c", "X.c"), PATH("/1", "/1")},
    };
    compile(r, COUNT(r));
    assert_int_equal(look("GET", "a.b.c", "/1"), 0);
    assert_int_equal(look("GET", "x.c", "/1"), 2);
    assert_int_equal(look("GET", "x.c", "/2"), 3);
    assert_int_equal(look("GET", "", ""), 3);
}

static void test_bad_patterns(void **state)
{
    (void)state;
    const struct cfg_route r[] = {
        {HOST("")},    {HOST("*.")}, {HOST("a.*.b")}, {HOST("**")},    {HOST("*.*.b")},
        {PATH("/x*")}, {PATH("*")},  {PATH("/*/x")},  {PATH("/x/**")}, {HOST("a", ".")},
    };
    for (unsigned i = 0; i < COUNT(r); i++) {
        struct err e = {0};
        fe = (struct cfg_frontend){.name = "web", .routes = &r[i], .nroutes = 1};
        assert_null(route_compile(&fe, &e));
        assert_true(e.text[0]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_no_routes, done),
        cmocka_unit_test_teardown(test_hosts, done),
        cmocka_unit_test_teardown(test_paths, done),
        cmocka_unit_test_teardown(test_methods_and_headers, done),
        cmocka_unit_test_teardown(test_first_match_wins, done),
        cmocka_unit_test(test_bad_patterns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
