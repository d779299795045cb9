/* http_basic_test.c — requests and replies of every shape pass unharmed; fields are edited. */
#include "tests/e2e/lib/e2e.h"

static void methods_and_statuses_pass(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, &(struct web_opts){.threads = 1});
    assert_int_equal(web_ask(&w, "GET", "/", NULL), 200);
    assert_string_equal(text_str(&w.r.body), "s1");
    assert_int_equal(w.r.minor, 1);
    assert_int_equal(web_ask(&w, "HEAD", "/", NULL), 200);
    assert_string_equal(reply_field(&w.r, "Content-Length"), "2");
    assert_true(client_silent(&w.c, 30));
    static const int statuses[] = {200, 201, 204, 206, 302, 304, 400, 404, 418, 500, 503};
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        char path[32];
        (void)snprintf(path, sizeof path, "/status/%d", statuses[i]);
        assert_int_equal(web_ask(&w, "GET", path, NULL), statuses[i]);
        assert_true(w.r.complete);
    }
    reply_free(&w.r);
    assert_true(http_send(&w.c, "POST", "/echo", NULL, "hello", 5));
    assert_true(http_read(&w.c, "POST", &w.r, CLIENT_WAIT_MS));
    assert_string_equal(text_str(&w.r.body), "hello");
    assert_int_equal(web_ask(&w, "DELETE", "/x", NULL), 200);
    assert_int_equal(web_ask(&w, "OPTIONS", "*", NULL), 200);
    assert_int_equal(web_ask(&w, "BREW", "/pot", NULL), 200);
    web_stop(&w);
}

static void connections_are_reused_on_both_sides(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, &(struct web_opts){.threads = 1});
    for (int i = 0; i < 50; i++)
        assert_int_equal(web_ask(&w, "GET", "/", NULL), 200);
    assert_int_equal(origin_requests(w.o[0]), 50);
    assert_int_equal(origin_connections(w.o[0]), 1);
    for (int i = 0; i < 20; i++) { /* also from one client to the next */
        (void)web_client(&w);
        assert_int_equal(web_ask(&w, "GET", "/", NULL), 200);
    }
    assert_int_equal(origin_connections(w.o[0]), 1);
    web_stop(&w);
}

static void origin_that_closes_is_not_reused(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, &(struct web_opts){.threads = 1});
    for (int i = 0; i < 5; i++) {
        assert_int_equal(web_ask(&w, "GET", "/bye", NULL), 200);
        assert_string_equal(text_str(&w.r.body), "bye\n");
    }
    assert_int_equal(origin_connections(w.o[0]), 5);
    web_stop(&w);
}

static void client_may_ask_to_close(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, NULL);
    assert_int_equal(web_ask(&w, "GET", "/", "Connection: close\r\n"), 200);
    assert_true(matches(reply_field(&w.r, "Connection"), "close"));
    assert_true(client_ends(&w.c, 1000));
    assert_int_equal(w.c.ending, END_FIN);
    web_stop(&w);
}

static void http_1_0_clients_are_served(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, NULL);
    static const char *const paths[] = {"/bytes/5000", "/chunked/5000/700", "/until-close/5000"};
    for (size_t i = 0; i < 3; i++) {
        struct client *c = web_client(&w);
        reply_free(&w.r);
        assert_true(client_sendf(c, "GET %s HTTP/1.0\r\nHost: test\r\n\r\n", paths[i]));
        assert_true(http_read(c, "GET", &w.r, CLIENT_WAIT_MS));
        assert_false(w.r.chunked);
        assert_int_equal(w.r.body.n, 5000);
        assert_true(sum_bytes(SUM_SEED, w.r.body.p, w.r.body.n) == pattern_sum(5000));
        assert_true(client_ends(c, 1000));
    }
    struct client *c = web_client(&w);
    for (int i = 0; i < 2; i++) {
        reply_free(&w.r);
        assert_true(client_sendf(c, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
        assert_true(http_read(c, "GET", &w.r, CLIENT_WAIT_MS));
        assert_true(w.r.complete);
    }
    web_stop(&w);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, NULL);
    struct client *c = web_client(&w);
    struct text t = {0};
    for (int i = 1; i <= 20; i++)
        text_addf(&t, "GET /bytes/%d HTTP/1.1\r\nHost: test\r\n\r\n", i * 10);
    text_addf(&t, "POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\n\r\nabc");
    text_addf(&t, "GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_true(client_send(c, t.p, t.n));
    text_free(&t);
    for (size_t i = 1; i <= 22; i++) {
        reply_free(&w.r);
        assert_true(http_read(c, "GET", &w.r, CLIENT_WAIT_MS));
        assert_int_equal(w.r.status, 200);
        assert_int_equal(w.r.body.n, i <= 20 ? i * 10 : i == 21 ? 3 : 2);
    }
    web_stop(&w);
}

static void head_may_come_byte_by_byte(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, NULL);
    struct client *c = web_client(&w);
    const char *req = "GET /head HTTP/1.1\r\nHost: test\r\nX-A: b\r\n\r\n";
    for (; *req; req++) {
        assert_true(client_send(c, req, 1));
        sleep_ms(1);
    }
    assert_true(http_read(c, "GET", &w.r, CLIENT_WAIT_MS));
    assert_int_equal(head_count(text_str(&w.r.body), "X-A"), 1);
    web_stop(&w);
}

static void hop_by_hop_fields_stay_on_their_hop(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, NULL);
    assert_int_equal(web_ask(&w, "GET", "/head",
                             "Connection: keep-alive, X-Secret\r\nX-Secret: 1\r\nKeep-Alive: 5\r\n"
                             "Proxy-Connection: keep-alive\r\nTE: gzip\r\nX-Public: 1\r\n"),
                     200);
    const char *seen = text_str(&w.r.body);
    static const char *const gone[] = {"X-Secret", "Keep-Alive", "Proxy-Connection"};
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(head_count(seen, gone[i]), 0);
    assert_false(matches(seen, "gzip"));
    assert_int_equal(head_count(seen, "X-Public"), 1);
    assert_int_equal(head_count(seen, "Host"), 1);
    assert_int_equal(web_ask(&w, "GET", "/hop", NULL), 200);
    const char *head = text_str(&w.r.head);
    assert_int_equal(head_count(head, "X-Private"), 0);
    assert_int_equal(head_count(head, "Keep-Alive"), 0);
    assert_int_equal(head_count(head, "Proxy-Connection"), 0);
    assert_int_equal(head_count(head, "X-Public"), 1);
    web_stop(&w);
}

static void forwarding_fields_are_added(void **state)
{
    (void)state;
    struct web w;
    char v[256];
    web_start(&w, NULL);
    assert_int_equal(web_ask(&w, "GET", "/head", "Host: app.example\r\n"), 200);
    const char *seen = text_str(&w.r.body);
    assert_true(head_field(seen, "X-Forwarded-For", 0, v, sizeof v));
    assert_string_equal(v, "127.0.0.1");
    assert_true(head_field(seen, "X-Forwarded-Proto", 0, v, sizeof v));
    assert_string_equal(v, "http");
    assert_true(head_field(seen, "X-Forwarded-Host", 0, v, sizeof v));
    assert_string_equal(v, "app.example");
    assert_true(head_field(seen, "Via", 0, v, sizeof v));
    assert_true(matches(v, "^1\\.1 "));
    assert_true(head_field(seen, "X-Request-Id", 0, v, sizeof v));
    assert_true(strlen(v) >= 16);
    assert_true(head_field(seen, "Host", 0, v, sizeof v));
    assert_string_equal(v, "app.example");
    web_stop(&w);
}

static void strangers_cannot_forge_forwarding_fields(void **state)
{
    (void)state;
    struct web w;
    char v[256];
    const char *forged = "X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: https\r\n";
    web_start(&w, NULL);
    assert_int_equal(web_ask(&w, "GET", "/head", forged), 200);
    const char *seen = text_str(&w.r.body);
    assert_int_equal(head_count(seen, "X-Forwarded-For"), 1);
    assert_true(head_field(seen, "X-Forwarded-For", 0, v, sizeof v));
    assert_string_equal(v, "127.0.0.1");
    assert_true(head_field(seen, "X-Forwarded-Proto", 0, v, sizeof v));
    assert_string_equal(v, "http");
    web_stop(&w);

    web_start(&w, &(struct web_opts){.frontend = "forwarded { trust 127.0.0.0/8 }"});
    assert_int_equal(web_ask(&w, "GET", "/head", forged), 200);
    seen = text_str(&w.r.body);
    assert_true(head_field(seen, "X-Forwarded-For", 0, v, sizeof v));
    assert_true(matches(v, "^1\\.2\\.3\\.4, *127\\.0\\.0\\.1$"));
    assert_true(head_field(seen, "X-Forwarded-Proto", 0, v, sizeof v));
    assert_string_equal(v, "https");
    web_stop(&w);
}

static void malformed_requests_are_refused_with_a_reason(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        int status;
        const char *reason;
    } cases[] = {
        {"GET / HTTP/1.1\r\n\r\n", 400, "bad-host"},
        {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, "bad-host"},
        {"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400, "space-before-colon"},
        {"GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n", 400, "obs-fold"},
        {"GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505, "bad-version"},
        {"nonsense\r\n\r\n", 400, "bad-request-line"},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
         400, "length-and-chunked"},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400,
         "bad-content-length"},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501,
         "unknown-transfer-encoding"},
        {"POST / HTTP/1.1\r\nHost: a\r\nExpect: wonders\r\nContent-Length: 1\r\n\r\n", 417,
         "bad-expect"},
    };
    struct web w;
    web_start(&w, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct client *c = web_client(&w);
        reply_free(&w.r);
        assert_true(client_sendf(c, "%s", cases[i].bytes));
        assert_true(http_read(c, "GET", &w.r, CLIENT_WAIT_MS));
        if (w.r.status != cases[i].status)
            fail_msg("%d, not %d for: %s", w.r.status, cases[i].status, cases[i].bytes);
        assert_string_equal(reply_field(&w.r, "X-Lb-Reason"), cases[i].reason);
        assert_true(*reply_field(&w.r, "X-Request-Id"));
        assert_true(client_ends(c, 2000));
        web_wait_access(&w, cases[i].reason);
    }
    assert_int_equal(origin_requests(w.o[0]), 0);
    web_stop(&w);
}

static void limits_are_kept(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, NULL);
    char *big = malloc(40000), path[64];
    assert_non_null(big);
    memset(big, 'a', 40000);
    struct text t = {0};
    (void)web_client(&w);
    text_addf(&t, "GET / HTTP/1.1\r\nHost: a\r\nX-Big: %.*s\r\n\r\n", 30000, big);
    (void)client_send(&w.c, t.p, t.n);
    assert_true(http_read(&w.c, "GET", &w.r, CLIENT_WAIT_MS));
    assert_int_equal(w.r.status, 431);
    text_free(&t);
    (void)web_client(&w);
    reply_free(&w.r);
    text_addf(&t, "GET /%.*s HTTP/1.1\r\nHost: a\r\n\r\n", 12000, big);
    (void)client_send(&w.c, t.p, t.n);
    assert_true(http_read(&w.c, "GET", &w.r, CLIENT_WAIT_MS));
    assert_int_equal(w.r.status, 414);
    text_free(&t);
    for (int i = 0; i < 120; i++)
        text_addf(&t, "X-%d: 1\r\n", i);
    (void)web_client(&w);
    assert_int_equal(web_ask(&w, "GET", "/", t.p), 431);
    text_free(&t);
    (void)snprintf(path, sizeof path, "/%.*s", 40, big);
    (void)web_client(&w);
    assert_int_equal(web_ask(&w, "GET", path, NULL), 200);
    free(big);
    web_stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        E2E_TEST(methods_and_statuses_pass),
        E2E_TEST(connections_are_reused_on_both_sides),
        E2E_TEST(origin_that_closes_is_not_reused),
        E2E_TEST(client_may_ask_to_close),
        E2E_TEST(http_1_0_clients_are_served),
        E2E_TEST(pipelined_requests_are_answered_in_order),
        E2E_TEST(head_may_come_byte_by_byte),
        E2E_TEST(hop_by_hop_fields_stay_on_their_hop),
        E2E_TEST(forwarding_fields_are_added),
        E2E_TEST(strangers_cannot_forge_forwarding_fields),
        E2E_TEST(malformed_requests_are_refused_with_a_reason),
        E2E_TEST(limits_are_kept),
    };
    return cmocka_run_group_tests_name("http_basic", tests, NULL, NULL);
}
