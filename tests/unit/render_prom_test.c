/* render_prom_test.c — the Prometheus page: names, values, and what promtool says of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/admin_world.h"

#include "lb/base/clock.h"

#include <sys/wait.h>
#include <unistd.h>

static void prom(struct out *o, const struct collect *c, const struct admin_ops *ops)
{
    (void)ops;
    render_prom(o, c);
}

static void has(const char *text, const char *line)
{
    char whole[256];
    (void)snprintf(whole, sizeof whole, "\n%s\n", line);
    if (!strstr(text, whole))
        fail_msg("missing: %s", line);
}

static void values(void **state)
{
    (void)state;
    struct world *w = world_new("web", 2, 3);
    atomic_store(&w->srv[1].rt->health, HEALTH_DOWN);
    atomic_store(&w->srv[2].rt->admin, ADMIN_DRAIN);
    atomic_store(&w->srv[0].rt->line[1].inflight, 2);
    char *text = world_render(w, prom);
    has(text, "lb_build_info{version=\"1.2.3\"} 1");
    has(text, "# TYPE lb_frontend_requests_total counter");
    has(text, "lb_frontend_requests_total{frontend=\"web\"} 23");
    has(text, "lb_frontend_responses_total{frontend=\"web\",code=\"2xx\"} 26");
    has(text, "lb_frontend_exchanges_ended_total{frontend=\"web\",reason=\"no-route\"} 2");
    has(text, "lb_frontend_connections{frontend=\"web\"} 29");
    has(text, "lb_server_up{backend=\"web\",server=\"s1\"} 1");
    has(text, "lb_server_up{backend=\"web\",server=\"s2\"} 0");
    has(text, "lb_server_up{backend=\"web\",server=\"s3\"} 1");
    has(text, "lb_server_usable{backend=\"web\",server=\"s3\"} 0");
    has(text, "lb_backend_servers_up{backend=\"web\"} 2");
    has(text, "lb_server_requests_total{backend=\"web\",server=\"s1\"} 108");
    has(text, "lb_server_responses_total{backend=\"backend1\",server=\"s1\",code=\"5xx\"} 112");
    has(text, "lb_server_inflight{backend=\"web\",server=\"s1\"} 2");
    has(text, "lb_config_reloads_total{result=\"failed\"} 1");
    has(text, "lb_loop_turns_total 2000");
    assert_null(strstr(text, "reason=\"drained\""));
    assert_null(strstr(text, "responses_1xx"));
    free(text);
    world_free(w);
}

/* Buckets are cumulative and agree with the histogram, one at a time and in all. */
static void buckets(void **state)
{
    (void)state;
    struct world *w = world_new("web", 1, 1);
    struct hist_sum h;
    latency_sum(&h, w->be[0].rt, LATENCY_TOTAL);
    char *text = world_render(w, prom), line[160];
    static const struct {
        const char *le;
        uint64_t us;
    } some[] = {
        {"0.000127", 127}, {"0.001023", 1023}, {"0.065535", 65535}, {"67.108863", 67108863}};
    for (unsigned i = 0; i < sizeof some / sizeof some[0]; i++) {
        (void)snprintf(line, sizeof line,
                       "lb_backend_request_duration_seconds_bucket{backend=\"web\",le=\"%s\"} %llu",
                       some[i].le, (unsigned long long)hist_count_le(&h, some[i].us));
        has(text, line);
    }
    (void)snprintf(line, sizeof line,
                   "lb_backend_request_duration_seconds_count{backend=\"web\"} %llu",
                   (unsigned long long)h.count);
    has(text, line);
    (void)snprintf(line, sizeof line,
                   "lb_backend_request_duration_seconds_sum{backend=\"web\"} %llu.%06llu",
                   (unsigned long long)h.sum_us / 1000000, (unsigned long long)h.sum_us % 1000000);
    has(text, line);
    free(text);
    world_free(w);
}

static void escapes(void **state)
{
    (void)state;
    struct world *w = world_new("a\"b\\c\nd", 1, 1);
    char *text = world_render(w, prom);
    has(text, "lb_frontend_requests_total{frontend=\"a\\\"b\\\\c\\nd\"} 23");
    free(text);
    world_free(w);
}

static bool installed(const char *program)
{
    char command[128];
    (void)snprintf(command, sizeof command, "command -v %s >/dev/null 2>&1", program);
    return system(command) == 0;
}

static void promtool(void **state)
{
    (void)state;
    if (!installed("promtool"))
        skip();
    struct world *w = world_new("we\"b", 3, 3);
    char *text = world_render(w, prom);
    FILE *p = popen("promtool check metrics", "w");
    assert_non_null(p);
    assert_int_equal(fwrite(text, 1, strlen(text), p), strlen(text));
    assert_int_equal(pclose(p), 0);
    free(text);
    world_free(w);
}

/* 1,000 backends of 10 servers: how long, and that it all ends up in the output. */
static void large(void **state)
{
    (void)state;
    struct world *w = world_new("web", 1000, 10);
    uint64_t from = clock_us();
    char *text = world_render(w, prom);
    uint64_t us = clock_us() - from;
    assert_non_null(text);
    has(text, "lb_server_up{backend=\"backend999\",server=\"s10\"} 1");
    print_message("%zu bytes in %llu us\n", strlen(text), (unsigned long long)us);
    free(text);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values),   cmocka_unit_test(buckets), cmocka_unit_test(escapes),
        cmocka_unit_test(promtool), cmocka_unit_test(large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
