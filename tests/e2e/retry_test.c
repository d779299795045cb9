/* retry_test.c — what is tried again, and what never is. */
#include "tests/e2e/lib/e2e.h"

static void refused_connection_goes_to_another_server(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, &(struct web_opts){.origins = 3});
    web_origin_stop(&w, 1);
    for (int i = 0; i < 30; i++) {
        unsigned who = web_who(&w, "/", NULL);
        assert_true(who == 1 || who == 3);
    }
    /* Nothing was sent to the one that refused, so a POST may move too. */
    for (int i = 0; i < 6; i++) {
        (void)web_client(&w);
        reply_free(&w.r);
        assert_true(http_send(&w.c, "POST", "/echo", NULL, "body", 4));
        assert_true(http_read(&w.c, "POST", &w.r, CLIENT_WAIT_MS));
        assert_int_equal(w.r.status, 200);
        assert_string_equal(text_str(&w.r.body), "body");
    }
    web_stop(&w);
}

static void nobody_accepts(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, &(struct web_opts){.origins = 2});
    web_origin_stop(&w, 0);
    web_origin_stop(&w, 1);
    int status = http_get(w.port, "/", NULL, &w.r);
    assert_true(status == 502 || status == 503);
    assert_true(matches(reply_field(&w.r, "X-Lb-Reason"), "^(connect-failed|no-server)$"));
    web_stop(&w);
}

/* Origin 1 reads each request and dies on it; the others answer. */
static void serve_first_dies(struct visit *v)
{
    struct request r = {0};
    while (visit_request(v, &r)) {
        if (strcmp(origin_name(v->o), "s1") == 0)
            break;
        (void)visit_reply(v, 200, NULL, r.body.p, r.body.n);
    }
    request_free(&r);
}

static void get_without_a_reply_is_tried_elsewhere(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, &(struct web_opts){.origins = 2, .threads = 1, .serve = serve_first_dies});
    for (int i = 0; i < 10; i++)
        assert_int_equal(web_who(&w, "/", NULL), 2);
    assert_true(origin_requests(w.o[0]) > 0);
    assert_true(lb_metric(&w.lb, "lb_backend_retries_total{backend=\"app\"}") > 0);
    web_stop(&w);
}

static void post_is_never_replayed(void **state)
{
    (void)state;
    struct web w;
    unsigned failed = 0;
    web_start(&w, &(struct web_opts){.origins = 2, .threads = 1, .serve = serve_first_dies});
    for (int i = 0; i < 10; i++) {
        (void)web_client(&w);
        reply_free(&w.r);
        assert_true(http_send(&w.c, "POST", "/", NULL, "once", 4));
        assert_true(http_read(&w.c, "POST", &w.r, CLIENT_WAIT_MS));
        if (w.r.status == 200)
            continue;
        assert_int_equal(w.r.status, 502);
        assert_true(matches(reply_field(&w.r, "X-Lb-Reason"), "^server-(closed|reset)$"));
        failed++;
    }
    assert_int_equal(failed, 5);
    assert_int_equal(origin_requests(w.o[0]) + origin_requests(w.o[1]), 10);
    web_stop(&w);
}

static void reply_that_began_is_not_retried(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, &(struct web_opts){.origins = 2});
    for (int i = 0; i < 4; i++) {
        (void)web_client(&w);
        assert_int_equal(web_ask(&w, "GET", "/cut/1000", NULL), 200);
        assert_false(w.r.complete);
    }
    assert_int_equal(origin_requests(w.o[0]) + origin_requests(w.o[1]), 4);
    web_stop(&w);
}

static void reset_is_named_when_nothing_helps(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, &(struct web_opts){.origins = 2});
    assert_int_equal(http_get(w.port, "/reset", NULL, &w.r), 502);
    assert_true(matches(reply_field(&w.r, "X-Lb-Reason"), "^server-(reset|closed)$"));
    web_wait_access(&w, "server-(reset|closed)");
    web_stop(&w);
}

/* Keeps a connection for one request more than the test can see: closes it when idle for 50 ms. */
static void serve_impatient(struct visit *v)
{
    struct request r = {0};
    while ((v->c.in.n || client_more(&v->c, 50)) && visit_request(v, &r))
        (void)visit_reply(v, 200, NULL, r.body.p, r.body.n);
    request_free(&r);
}

static void pooled_connections_that_died_are_not_felt(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, &(struct web_opts){.threads = 1, .serve = serve_impatient});
    for (int i = 0; i < 20; i++) {
        sleep_ms(i % 2 ? 50 : 80); /* about when the origin closes */
        assert_int_equal(web_ask(&w, "GET", "/", NULL), 200);
    }
    sleep_ms(200);
    reply_free(&w.r);
    assert_true(http_send(&w.c, "POST", "/", NULL, "late", 4));
    assert_true(http_read(&w.c, "POST", &w.r, CLIENT_WAIT_MS));
    assert_int_equal(w.r.status, 200);
    web_stop(&w);
}

static void restarted_origin_is_not_felt(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, &(struct web_opts){.origins = 2, .threads = 1});
    for (int i = 0; i < 10; i++) {
        for (int n = 0; n < 6; n++)
            assert_int_equal(web_ask(&w, "GET", "/", NULL), 200);
        web_origin_stop(&w, (unsigned)i % 2);
        for (int n = 0; n < 6; n++)
            assert_int_equal(web_ask(&w, "GET", "/", NULL), 200);
        web_origin_start(&w, (unsigned)i % 2);
    }
    web_stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        E2E_TEST(refused_connection_goes_to_another_server),
        E2E_TEST(nobody_accepts),
        E2E_TEST(get_without_a_reply_is_tried_elsewhere),
        E2E_TEST(post_is_never_replayed),
        E2E_TEST(reply_that_began_is_not_retried),
        E2E_TEST(reset_is_named_when_nothing_helps),
        E2E_TEST(pooled_connections_that_died_are_not_felt),
        E2E_TEST(restarted_origin_is_not_felt),
    };
    return cmocka_run_group_tests_name("retry", tests, NULL, NULL);
}
