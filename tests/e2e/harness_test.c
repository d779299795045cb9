/* harness_test.c — the harness itself: clients, origins and services without a proxy between. */
#include "tests/e2e/lib/e2e.h"

#include <signal.h>

static void reads_replies_of_every_framing(void **state)
{
    (void)state;
    struct origin *o = origin_start(&(struct origin_opts){.name = "one"});
    static const char *const paths[] = {"/bytes/100000", "/chunked/100000/999",
                                        "/until-close/100000"};
    for (size_t i = 0; i < 3; i++) {
        struct reply r = {0};
        assert_int_equal(http_get(origin_port(o), paths[i], NULL, &r), 200);
        assert_true(r.complete);
        assert_int_equal(r.body.n, 100000);
        assert_true(sum_bytes(SUM_SEED, r.body.p, r.body.n) == pattern_sum(100000));
        assert_string_equal(reply_field(&r, "x-origin"), "one");
        reply_free(&r);
    }
    assert_int_equal(origin_connections(o), 3);
    assert_int_equal(origin_requests(o), 3);
    origin_stop(o);
}

static void tells_how_a_connection_ended(void **state)
{
    (void)state;
    struct origin *o = origin_start(NULL);
    struct client c;
    struct reply r = {0};
    assert_true(client_open(&c, origin_port(o)));
    assert_true(http_send(&c, "GET", "/cut/1000", NULL, NULL, 0));
    assert_true(http_read(&c, "GET", &r, 1000));
    assert_false(r.complete);
    assert_int_equal(r.body.n, 500);
    assert_int_equal(c.ending, END_FIN);
    client_close(&c);
    assert_true(client_open(&c, origin_port(o)));
    assert_true(http_send(&c, "GET", "/reset", NULL, NULL, 0));
    assert_true(client_ends(&c, 1000));
    assert_int_equal(c.ending, END_RESET);
    client_close(&c);
    assert_true(client_open(&c, origin_port(o)));
    assert_true(http_send(&c, "GET", "/never", NULL, NULL, 0));
    assert_true(client_silent(&c, 50));
    client_close(&c);
    reply_free(&r);
    origin_stop(o);
}

static void sends_bodies_and_upgrades(void **state)
{
    (void)state;
    struct origin *o = origin_start(NULL);
    struct client c;
    struct reply r = {0};
    assert_true(client_open(&c, origin_port(o)));
    assert_true(http_send(&c, "POST", "/echo", "Transfer-Encoding: chunked\r\n", NULL, 0));
    assert_true(http_send_chunks(&c, 70000, 4096));
    assert_true(http_read(&c, "POST", &r, 2000));
    assert_true(r.chunked && r.complete);
    assert_true(sum_bytes(SUM_SEED, r.body.p, r.body.n) == pattern_sum(70000));
    assert_true(http_exchange(&c, "GET", "/early/2", NULL, &r));
    assert_int_equal(r.interim, 2);
    assert_true(http_exchange(&c, "GET", "/upgrade", "Connection: upgrade\r\nUpgrade: x\r\n", &r));
    assert_int_equal(r.status, 101);
    assert_true(client_sendf(&c, "ping"));
    assert_true(client_expect(&c, "ping"));
    client_close(&c);
    reply_free(&r);
    origin_stop(o);
}

static void gives_ports_that_stay_free(void **state)
{
    (void)state;
    uint16_t a = port_new(), b = port_new();
    assert_int_not_equal(a, b);
    for (int i = 0; i < 3; i++) {
        struct origin *o = origin_start(&(struct origin_opts){.port = a});
        assert_int_equal(http_get(a, "/", NULL, NULL), 200);
        origin_stop(o);
        assert_int_equal(http_get(a, "/", NULL, NULL), 0);
    }
}

static void runs_processes(void **state)
{
    (void)state;
    int status;
    char *out =
        proc_output((const char *const[]){"sh", "-c", "echo hello; exit 3", NULL}, &status, 2000);
    assert_string_equal(out, "hello\n");
    assert_int_equal(status, 3);
    free(out);
    struct proc p = proc_start((const char *const[]){"sleep", "60", NULL}, NULL);
    assert_false(proc_wait(&p, 20));
    assert_true(proc_open_files(&p) >= 3);
    assert_int_equal(proc_stop(&p, SIGTERM, 2000), 128 + SIGTERM);
}

static void runs_services(void **state)
{
    (void)state;
    unsigned accepted, requests;
    struct service *s = nginx_start("n1");
    assert_int_equal(http_get(s->port, "/x", NULL, NULL), 200);
    nginx_counts(s, &accepted, &requests);
    assert_true(accepted >= 2 && requests >= 2);
    service_stop(s);
    service_stop(redis_start());
    service_stop(postgres_start());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        E2E_TEST(reads_replies_of_every_framing),
        E2E_TEST(tells_how_a_connection_ended),
        E2E_TEST(sends_bodies_and_upgrades),
        E2E_TEST(gives_ports_that_stay_free),
        E2E_TEST(runs_processes),
        E2E_TEST(runs_services),
    };
    return cmocka_run_group_tests_name("harness", tests, NULL, NULL);
}
