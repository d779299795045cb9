/* server_test.c — objects that outlive reloads: lines, sums, references, reuse of lines. */
#include "lb/base/hash.h"
#include "lb/base/pages.h"
#include "lb/upstream/server.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static struct server_rt *make(struct backend_rt *be, const char *name, unsigned nworkers)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(80)};
    return server_rt_new(be, name, "10.0.0.1:80", (struct sockaddr *)&a, sizeof a, nworkers);
}

static void test_fresh_objects(void **state)
{
    (void)state;
    struct backend_rt *be = backend_rt_new("app", 3);
    struct server_rt *s = make(be, "a1", 3);
    assert_string_equal(s->backend, "app");
    assert_string_equal(s->name, "a1");
    assert_string_equal(s->addr_text, "10.0.0.1:80");
    assert_int_equal(s->id, hash_bytes("a1", 2, 0));
    assert_int_equal(s->grow_pct, 100);
    assert_int_equal(s->weight_override, -1);
    assert_int_equal(s->health, HEALTH_UNKNOWN);
    assert_true(server_usable(s));
    assert_int_equal(((struct sockaddr_in *)&s->addr)->sin_port, htons(80));
    assert_int_equal(be->refs, 2);
    server_rt_unref(s);
    assert_int_equal(be->refs, 1);
    backend_rt_unref(be);
    server_rt_unref(NULL);
    backend_rt_unref(NULL);
    frontend_rt_unref(NULL);
}

static void test_sums(void **state)
{
    (void)state;
    struct backend_rt *be = backend_rt_new("app", 2);
    struct frontend_rt *fe = frontend_rt_new("web", 2);
    struct server_rt *s = make(be, "a1", 2);
    for (unsigned w = 0; w < 2; w++) {
        stat_add(&s->line[w].stat[SRV_PICKS], 10 + w);
        stat_add(&be->line[w].stat[BE_RETRIES], 20 + w);
        stat_add(&fe->line[w].stat[FE_BYTES_OUT], UINT64_C(1) << 40);
        s->line[w].inflight = 3;
        hist_add(&be->line[w].total, 1000);
    }
    assert_int_equal(server_stat(s, SRV_PICKS), 21);
    assert_int_equal(server_stat(s, SRV_REQS), 0);
    assert_int_equal(backend_stat(be, BE_RETRIES), 41);
    assert_int_equal(frontend_stat(fe, FE_BYTES_OUT), UINT64_C(1) << 41);
    assert_int_equal(server_inflight(s), 6);
    assert_int_equal((uintptr_t)s->line % 64, 0);
    assert_int_equal((uintptr_t)be->line % 64, 0);
    server_rt_unref(s);
    assert_ptr_equal(backend_rt_ref(be), be);
    backend_rt_unref(be);
    backend_rt_unref(be);
    frontend_rt_unref(fe);
}

static void test_server_keeps_its_backend(void **state)
{
    (void)state;
    struct backend_rt *be = backend_rt_new("app", 1);
    struct server_rt *s = make(be, "a1", 1);
    backend_rt_unref(be); /* the configuration dropped it; the server holds on */
    stat_add(&s->line[0].stat[SRV_REQS], 1);
    assert_int_equal(backend_stat(s->be, BE_REQS), 0);
    server_rt_unref(s);
}

static void test_lines_are_distinct_and_wiped(void **state)
{
    (void)state;
    enum { N = 1000, WORKERS = 2 };
    static struct server_rt *s[N];
    struct backend_rt *be = backend_rt_new("app", WORKERS);
    for (int i = 0; i < N; i++) {
        s[i] = make(be, "x", WORKERS);
        for (int w = 0; w < WORKERS; w++)
            stat_add(&s[i]->line[w].stat[SRV_STATS - 1], (uint64_t)i * WORKERS + (uint64_t)w);
    }
    for (int i = 0; i < N; i++)
        for (int w = 0; w < WORKERS; w++)
            assert_int_equal(stat_get(&s[i]->line[w].stat[SRV_STATS - 1]), i * WORKERS + w);
    for (int i = 0; i < N; i += 2)
        server_rt_unref(s[i]);
    for (int i = 0; i < N; i += 2) {
        static const struct server_line zero;
        s[i] = make(be, "y", WORKERS);
        for (int w = 0; w < WORKERS; w++)
            assert_memory_equal(&s[i]->line[w], &zero, sizeof zero);
    }
    for (int i = 0; i < N; i++)
        server_rt_unref(s[i]);
    backend_rt_unref(be);
}

static void test_silly_arguments(void **state)
{
    (void)state;
    struct backend_rt *be = backend_rt_new("app", 1);
    assert_null(backend_rt_new("app", 0));
    assert_null(frontend_rt_new("web", 1000000));
    assert_null(make(be, "a1", 0));
    assert_int_equal(be->refs, 1);
    backend_rt_unref(be);
}

static long resident_pages(void)
{
    long size = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%ld %ld", &size, &resident), 2);
    (void)fclose(f);
    return resident;
}

static void test_unused_lines_cost_nothing(void **state)
{
    (void)state;
    if (LB_SANITIZED)
        skip();
    enum { N = 10000, WORKERS = 16 };
    static struct server_rt *s[N];
    struct backend_rt *be = backend_rt_new("app", WORKERS);
    long before = resident_pages();
    for (int i = 0; i < N; i++)
        s[i] = make(be, "x", WORKERS);
    long grown = (resident_pages() - before) * 4096;
    print_message("10,000 servers, 16 workers: %ld KiB resident, %zu KiB of lines\n", grown / 1024,
                  N * WORKERS * sizeof(struct server_line) / 1024);
    assert_true(grown < 10 * 1024 * 1024);
    for (int i = 0; i < N; i++)
        server_rt_unref(s[i]);
    backend_rt_unref(be);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fresh_objects),
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_server_keeps_its_backend),
        cmocka_unit_test(test_lines_are_distinct_and_wiped),
        cmocka_unit_test(test_silly_arguments),
        cmocka_unit_test(test_unused_lines_cost_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
