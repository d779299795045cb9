/* realservers_test.c — nginx, Redis and PostgreSQL behind lb, with their own clients. */
#include "tests/e2e/lib/e2e.h"

#include <signal.h>

/* Three nginx behind one frontend. */
struct farm {
    struct lb lb;
    struct service *s[3];
    uint16_t port;
};

static void farm_start(struct farm *f, unsigned threads, const char *backend)
{
    static const char *const names[] = {"n1", "n2", "n3"};
    *f = (struct farm){.port = port_new(), .lb.opts.threads = threads};
    for (int i = 0; i < 3; i++)
        f->s[i] = nginx_start(names[i]);
    lb_start(&f->lb,
             "frontend web { bind 127.0.0.1:%u; timeout client 5s; route -> app\n"
             "  access-log json \"${E2E_DIR}/access.log\" }\n"
             "backend app { timeout connect 1s; %s\n server n1 127.0.0.1:%u\n"
             "  server n2 127.0.0.1:%u\n server n3 127.0.0.1:%u }\n",
             f->port, backend, f->s[0]->port, f->s[1]->port, f->s[2]->port);
}

static void farm_stop(struct farm *f)
{
    lb_stop(&f->lb);
    for (int i = 0; i < 3; i++)
        service_stop(f->s[i]);
}

static void nginx_sees_few_connections_and_equal_shares(void **state)
{
    (void)state;
    struct farm f;
    struct client c;
    struct reply r = {0};
    unsigned acc[3], req[3], acc2, req2;
    farm_start(&f, 1, "timeout server 5s");
    for (int i = 0; i < 3; i++)
        nginx_counts(f.s[i], &acc[i], &req[i]);
    assert_true(client_open(&c, f.port));
    for (int i = 0; i < 3000; i++) {
        assert_true(http_exchange(&c, "GET", "/", NULL, &r));
        assert_int_equal(r.status, 200);
    }
    for (int i = 0; i < 3; i++) {
        nginx_counts(f.s[i], &acc2, &req2);
        assert_int_equal(req2 - req[i] - 1, 1000); /* but the question itself */
        assert_true(acc2 - acc[i] - 1 <= 2);
    }
    client_close(&c);
    reply_free(&r);
    farm_stop(&f);
}

static const char checked[] = "timeout server 1s; check http GET /healthz { every 200ms; "
                              "timeout 200ms; fall 2; rise 2 }";

static void killed_nginx_costs_no_request(void **state)
{
    (void)state;
    struct farm f;
    farm_start(&f, 2, checked);
    lb_wait_server(&f.lb, "app", "n1", true, 3000);
    struct load *l =
        load_start(&(struct load_opts){.port = f.port, .keepalive = 3, .fresh = 2, .pause_ms = 1});
    sleep_ms(500);
    uint64_t begin = now_ms();
    proc_signal(&f.s[0]->proc, SIGKILL);
    lb_wait_server(&f.lb, "app", "n1", false, 3000);
    uint64_t took = now_ms() - begin;
    sleep_ms(500);
    struct load_result r = load_stop(l);
    if (r.failed)
        fail_msg("%u of %u requests failed; first: %s", r.failed, r.done + r.failed, r.first);
    assert_true(r.done > 200);
    assert_true(took < 1500); /* fall × every, and time to see it */
    farm_stop(&f);
}

static void stopped_nginx_times_out_and_is_named(void **state)
{
    (void)state;
    struct farm f;
    struct reply r = {0};
    farm_start(&f, 1, "timeout server 700ms");
    for (int i = 0; i < 3; i++)
        proc_signal(&f.s[i]->proc, SIGSTOP);
    uint64_t begin = now_ms();
    assert_int_equal(http_get(f.port, "/", NULL, &r), 504);
    assert_in_range(now_ms() - begin, 500, 4000);
    assert_string_equal(reply_field(&r, "X-Lb-Reason"), "server-timeout");
    lb_wait_file(&f.lb, "access.log", "server-timeout", 5000);
    for (int i = 0; i < 3; i++)
        proc_signal(&f.s[i]->proc, SIGCONT);
    reply_free(&r);
    farm_stop(&f);
}

static void stopped_nginx_is_marked_down_and_up(void **state)
{
    (void)state;
    struct farm f;
    farm_start(&f, 2, checked);
    proc_signal(&f.s[1]->proc, SIGSTOP);
    lb_wait_server(&f.lb, "app", "n2", false, 5000);
    for (int i = 0; i < 10; i++)
        assert_int_equal(http_get(f.port, "/", NULL, NULL), 200);
    proc_signal(&f.s[1]->proc, SIGCONT);
    lb_wait_server(&f.lb, "app", "n2", true, 5000);
    farm_stop(&f);
}

/* A TCP frontend in front of one service; returns its port. */
static uint16_t tcp_front(struct lb *lb, const struct service *s)
{
    uint16_t port = port_new();
    lb_start(lb,
             "defaults { timeout connect 1s; timeout client 10s; timeout server 10s }\n"
             "frontend in { mode tcp; bind 127.0.0.1:%u; route -> out }\n"
             "backend out { mode tcp; check tcp { every 500ms }; server s 127.0.0.1:%u }\n",
             port, s->port);
    return port;
}

static void redis_benchmark_passes(void **state)
{
    (void)state;
    struct lb lb = {0};
    struct service *s = redis_start();
    int status;
    char *port = format_new("%u", tcp_front(&lb, s));
    const char *bench[] = {
        "redis-benchmark",          "-p", port, "-n", "5000", "-c", "20", "-q", "-t",
        "set,get,lpush,lrange_100", NULL};
    char *out = proc_output(bench, &status, 60000);
    if (status != 0 || matches(out, "[Ee]rror"))
        fail_msg("redis-benchmark: status %d\n%s", status, out);
    free(out);
    const char *pipelined[] = {"redis-benchmark",
                               "-p",
                               port,
                               "-n",
                               "20000",
                               "-c",
                               "10",
                               "-P",
                               "64",
                               "-d",
                               "1000",
                               "-q",
                               "-t",
                               "set,get",
                               NULL};
    out = proc_output(pipelined, &status, 60000);
    if (status != 0 || matches(out, "[Ee]rror"))
        fail_msg("redis-benchmark -P: status %d\n%s", status, out);
    free(out);
    free(port);
    lb_stop(&lb);
    service_stop(s);
}

static void psql_passes(void **state)
{
    (void)state;
    struct lb lb = {0};
    struct service *s = postgres_start();
    int status;
    char *url = format_new("postgresql://postgres@127.0.0.1:%u/postgres", tcp_front(&lb, s));
    const char *argv[] = {"psql",
                          url,
                          "-X",
                          "-A",
                          "-t",
                          "-v",
                          "ON_ERROR_STOP=1",
                          "-c",
                          "create table t as select i, repeat('x', 1000) as pad "
                          "from generate_series(1, 5000) i",
                          "-c",
                          "select count(*), sum(length(pad)) from t",
                          "-c",
                          "select pad from t",
                          NULL};
    char *out = proc_output(argv, &status, 60000);
    if (status != 0 || !matches(out, "^5000\\|5000000$") || count_lines(out, "^x{255}") != 5000)
        fail_msg("psql: status %d, %zu bytes: %.300s", status, strlen(out), out);
    free(out);
    free(url);
    lb_stop(&lb);
    service_stop(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        E2E_TEST(nginx_sees_few_connections_and_equal_shares),
        E2E_TEST(killed_nginx_costs_no_request),
        E2E_TEST(stopped_nginx_times_out_and_is_named),
        E2E_TEST(stopped_nginx_is_marked_down_and_up),
        E2E_TEST(redis_benchmark_passes),
        E2E_TEST(psql_passes),
    };
    return cmocka_run_group_tests_name("realservers", tests, NULL, NULL);
}
