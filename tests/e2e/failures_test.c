/*
 * failures_test.c — peers that do not behave: answers before the request is over, resets at any
 * moment, half-closed clients, replies that end early, late or never.
 */
#include "tests/e2e/lib/e2e.h"

/* Bytes that would be a request if they were not part of a body. */
static const char hidden[] = "GET /hidden HTTP/1.1\r\nHost: test\r\n\r\n";

static void serve_early(struct visit *v)
{
    struct request r = {0};
    if (visit_request_head(v, &r) && visit_reply(v, 200, NULL, "early", 5))
        (void)client_ends(&v->c, 3000);
    request_free(&r);
}

static void early_reply_ends_the_connection(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, &(struct web_opts){.serve = serve_early});
    struct client *c = web_client(&w);
    assert_true(client_sendf(c, "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 1000\r\n\r\n"));
    assert_true(http_read(c, "POST", &w.r, CLIENT_WAIT_MS));
    assert_int_equal(w.r.status, 200);
    assert_string_equal(text_str(&w.r.body), "early");
    assert_string_equal(reply_field(&w.r, "Connection"), "close");
    (void)client_sendf(c, "%s", hidden);
    assert_true(client_ends(c, 3000));
    assert_int_equal(c->in.n, 0); /* the rest of the body was not taken for a request */
    assert_int_equal(origin_requests(w.o[0]), 1);
    assert_int_equal(web_ask((web_client(&w), &w), "GET", "/", NULL), 200);
    assert_int_equal(origin_connections(w.o[0]), 2); /* nor is the server's connection reused */
    web_stop(&w);
}

/* Part of the reply comes before the request is over, the rest after it. */
static void serve_echo_early(struct visit *v)
{
    struct request r = {0};
    while (visit_request_head(v, &r)) {
        if (!client_sendf(&v->c, "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf") ||
            !client_want(&v->c, 4, 3000) || !client_sendf(&v->c, "%.4s", text_str(&v->c.in)))
            break;
        text_drop(&v->c.in, 4);
    }
    request_free(&r);
}

static void reply_that_overlaps_its_request_keeps_the_connection(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, &(struct web_opts){.serve = serve_echo_early});
    struct client *c = web_client(&w);
    for (int i = 0; i < 3; i++) {
        reply_free(&w.r);
        assert_true(client_sendf(c, "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n\r\n"));
        assert_true(client_until(c, "half", 3000));
        assert_true(client_sendf(c, "full"));
        assert_true(http_read(c, "POST", &w.r, CLIENT_WAIT_MS));
        assert_string_equal(text_str(&w.r.body), "halffull");
    }
    web_stop(&w);
}

/* Answers and closes at once, with most of the body unread: the kernel sends a reset. */
static void serve_refuse_and_close(struct visit *v)
{
    struct request r = {0};
    if (visit_request_head(v, &r))
        (void)visit_reply(v, 413, "Connection: close\r\n", "too much", 8);
    sleep_ms(30);
    request_free(&r);
}

static void refusal_during_an_upload_reaches_the_client(void **state)
{
    (void)state;
    enum { BODY = 4 << 20 };
    struct web w;
    char *body = calloc(1, BODY);
    assert_non_null(body);
    web_start(&w, &(struct web_opts){.serve = serve_refuse_and_close, .threads = 1});
    for (int i = 0; i < 10; i++) {
        struct client *c = web_client(&w);
        reply_free(&w.r);
        assert_true(
            client_sendf(c, "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n\r\n", BODY));
        (void)client_send(c, body, i % 2 ? BODY : 100000);
        assert_true(http_read(c, "POST", &w.r, CLIENT_WAIT_MS));
        assert_int_equal(w.r.status, 413);
        assert_string_equal(text_str(&w.r.body), "too much");
    }
    free(body);
    web_stop(&w);
}

static void serve_unauthorised(struct visit *v)
{
    struct request r = {0};
    while (visit_request_head(v, &r) && visit_reply(v, 401, NULL, "who", 3))
        ;
    request_free(&r);
}

static void refused_expectation_ends_the_connection(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, &(struct web_opts){.serve = serve_unauthorised});
    struct client *c = web_client(&w);
    assert_true(client_sendf(c, "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 100\r\n"
                                "Expect: 100-continue\r\n\r\n"));
    assert_true(http_read(c, "POST", &w.r, CLIENT_WAIT_MS));
    assert_int_equal(w.r.status, 401);
    assert_string_equal(reply_field(&w.r, "Connection"), "close");
    (void)client_sendf(c, "%s", hidden);
    assert_true(client_ends(c, 3000));
    assert_int_equal(c->in.n, 0);
    assert_int_equal(origin_requests(w.o[0]), 1);
    web_stop(&w);
}

static void serve_greeting_upgrade(struct visit *v)
{
    struct request r = {0};
    if (visit_request_head(v, &r) &&
        client_sendf(&v->c, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n"
                            "Upgrade: x\r\n\r\nwelcome"))
        origin_echo(v);
    request_free(&r);
}

static void bytes_right_behind_an_upgrade_are_not_held_back(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, &(struct web_opts){.serve = serve_greeting_upgrade});
    struct client *c = web_client(&w);
    assert_true(client_sendf(c, "GET / HTTP/1.1\r\nHost: test\r\nConnection: upgrade\r\n"
                                "Upgrade: x\r\n\r\nhello"));
    assert_true(http_read_head(c, &w.r, CLIENT_WAIT_MS));
    assert_int_equal(w.r.status, 101);
    assert_true(client_expect(c, "welcome"));
    assert_true(client_expect(c, "hello"));
    web_stop(&w);
}

static void serve_chatter(struct visit *v)
{
    struct request r = {0};
    if (visit_request(v, &r))
        while (client_sendf(&v->c, "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"))
            ;
    request_free(&r);
}

static void interim_replies_are_bounded(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, &(struct web_opts){.serve = serve_chatter});
    assert_true(http_send(web_client(&w), "GET", "/", NULL, NULL, 0));
    assert_true(client_ends(&w.c, 3000) || w.c.in.n > 0);
    web_wait_access(&w, "bad-response");
    web_stop(&w);
}

static void half_closed_client_gets_its_reply(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, NULL);
    static const char *const asks[] = {
        "GET /slow/200 HTTP/1.1\r\nHost: test\r\n\r\n",
        "GET /chunked/100000/1000 HTTP/1.1\r\nHost: test\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n\r\nbody"};
    for (size_t i = 0; i < sizeof asks / sizeof *asks; i++) {
        struct client *c = web_client(&w);
        reply_free(&w.r);
        assert_true(client_sendf(c, "%s", asks[i]));
        client_shut(c);
        assert_true(http_read(c, "GET", &w.r, CLIENT_WAIT_MS));
        assert_int_equal(w.r.status, 200);
        assert_true(w.r.complete);
        assert_true(client_ends(c, 2000));
        assert_int_equal(c->ending, END_FIN);
    }
    web_stop(&w);
}

static void half_a_request_is_not_passed_off_as_a_whole_one(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, NULL);
    struct client *c = web_client(&w);
    assert_true(client_sendf(c, "POST /sum HTTP/1.1\r\nHost: t\r\nContent-Length: 9\r\n\r\nhalf"));
    sleep_ms(50);
    client_shut(c);
    assert_true(client_ends(c, 2000));
    web_wait_access(&w, "client-closed");
    web_stop(&w);
}

/* A head of the size that `arg` points to. */
static void serve_large_head(struct visit *v)
{
    struct request r = {0};
    size_t n = *(size_t *)v->arg;
    char *filler = malloc(n);
    if (filler && visit_request(v, &r)) {
        memset(filler, 'x', n);
        (void)client_sendf(&v->c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Large: ");
        (void)client_send(&v->c, filler, n);
        (void)client_sendf(&v->c, "\r\n\r\n");
        (void)client_ends(&v->c, 1000);
    }
    free(filler);
    request_free(&r);
}

static void large_reply_heads_pass_or_are_named(void **state)
{
    (void)state;
    struct web w;
    size_t n = 30000;
    web_start(&w, &(struct web_opts){.serve = serve_large_head, .arg = &n});
    assert_int_equal(http_get(w.port, "/", NULL, &w.r), 200);
    assert_int_equal(strlen(reply_field(&w.r, "X-Large")) > 0, 1);
    n = 100000;
    reply_free(&w.r);
    assert_int_equal(http_get(w.port, "/", NULL, &w.r), 502);
    assert_string_equal(reply_field(&w.r, "X-Lb-Reason"), "response-header-too-large");
    web_stop(&w);
}

static void serve_too_much(struct visit *v)
{
    struct request r = {0};
    while (visit_request(v, &r) &&
           client_sendf(&v->c, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody"
                               "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"))
        ;
    request_free(&r);
}

static void bytes_behind_a_reply_belong_to_nobody(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, &(struct web_opts){.serve = serve_too_much});
    for (int i = 0; i < 10; i++) {
        assert_int_equal(web_ask(&w, "GET", "/", NULL), 200);
        assert_string_equal(text_str(&w.r.body), "body");
    }
    assert_true(client_silent(&w.c, 50));
    web_stop(&w);
}

/* A body that ends by closing, cut by a reset. */
static void serve_reset_in_body(struct visit *v)
{
    struct request r = {0};
    if (visit_request(v, &r)) {
        (void)client_sendf(&v->c, "HTTP/1.1 200 OK\r\n\r\nsome of the body");
        sleep_ms(100);
        client_arm_reset(&v->c);
    }
    request_free(&r);
}

static void reset_is_not_an_end_of_body(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, &(struct web_opts){.serve = serve_reset_in_body});
    assert_int_equal(web_ask(&w, "GET", "/", NULL), 200);
    assert_false(w.r.complete);
    struct client *c = web_client(&w); /* without chunks only a reset can tell */
    assert_true(client_sendf(c, "GET / HTTP/1.0\r\n\r\n"));
    assert_true(client_ends(c, 3000));
    assert_int_equal(c->ending, END_RESET);
    web_wait_access(&w, "response-truncated");
    web_stop(&w);
}

static void resets_at_any_moment_are_survived(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, &(struct web_opts){.threads = 1});
    static const char *const asks[] = {"GET /slow/30 HTTP/1.1\r\nHost: t\r\n\r\n",
                                       "GET /bytes/3000000 HTTP/1.1\r\nHost: t\r\n\r\n",
                                       "GET /chunked/300000/7 HTTP/1.0\r\nHost: t\r\n\r\n",
                                       "GET /upgrade HTTP/1.1\r\nHost: t\r\nConnection: upgrade\r\n"
                                       "Upgrade: x\r\n\r\nabc",
                                       "POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 90\r\n"
                                       "Expect: 100-continue\r\n\r\n"};
    for (int i = 0; i < 100; i++) {
        struct client *c = web_client(&w);
        (void)client_sendf(c, "%s", asks[i % 5]);
        if (i % 4)
            (void)client_more(c, (unsigned)(i % 40));
        client_reset(c);
    }
    sleep_ms(200);
    assert_int_equal(http_get(w.port, "/", NULL, NULL), 200);
    lb_wait_metric(&w.lb, "lb_frontend_connections{frontend=\"web\"}", 0, 5000);
    lb_wait_metric(&w.lb, "lb_frontend_inflight{frontend=\"web\"}", 0, 5000);
    web_stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        E2E_TEST(early_reply_ends_the_connection),
        E2E_TEST(reply_that_overlaps_its_request_keeps_the_connection),
        E2E_TEST(refusal_during_an_upload_reaches_the_client),
        E2E_TEST(refused_expectation_ends_the_connection),
        E2E_TEST(bytes_right_behind_an_upgrade_are_not_held_back),
        E2E_TEST(interim_replies_are_bounded),
        E2E_TEST(half_closed_client_gets_its_reply),
        E2E_TEST(half_a_request_is_not_passed_off_as_a_whole_one),
        E2E_TEST(large_reply_heads_pass_or_are_named),
        E2E_TEST(bytes_behind_a_reply_belong_to_nobody),
        E2E_TEST(reset_is_not_an_end_of_body),
        E2E_TEST(resets_at_any_moment_are_survived),
    };
    return cmocka_run_group_tests_name("failures", tests, NULL, NULL);
}
