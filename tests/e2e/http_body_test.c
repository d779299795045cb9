/* http_body_test.c — bodies of every framing and size, streams, interim replies, upgrades. */
#include "tests/e2e/lib/e2e.h"

enum { MIB10 = 10 << 20 };

static void check_pattern(const struct reply *r, size_t n)
{
    assert_int_equal(r->status, 200);
    assert_true(r->complete);
    assert_int_equal(r->body.n, n);
    assert_true(sum_bytes(SUM_SEED, text_str(&r->body), r->body.n) == pattern_sum(n));
}

static void bodies_of_every_size_come_back_whole(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, NULL);
    static const size_t sizes[] = {0, 1, 100, 16000, 16384, 16385, 65536, 300000, MIB10};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char path[64];
        (void)snprintf(path, sizeof path, "/bytes/%zu", sizes[i]);
        assert_int_equal(web_ask(&w, "GET", path, NULL), 200);
        check_pattern(&w.r, sizes[i]);
        (void)snprintf(path, sizeof path, "/chunked/%zu/10007", sizes[i]);
        assert_int_equal(web_ask(&w, "GET", path, NULL), 200);
        check_pattern(&w.r, sizes[i]);
    }
    web_stop(&w);
}

static void body_ended_by_closing_is_delimited(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, NULL);
    static const char *const paths[] = {"/until-close/0", "/until-close/100",
                                        "/until-close/1000000"};
    static const size_t sizes[] = {0, 100, 1000000};
    for (size_t i = 0; i < 3; i++) {
        (void)web_client(&w);
        assert_int_equal(web_ask(&w, "GET", paths[i], NULL), 200);
        check_pattern(&w.r, sizes[i]);
    }
    web_stop(&w);
}

/* Expects "LENGTH SUM" of the pattern in the reply. */
static void check_sum(const struct reply *r, size_t n)
{
    char want[64];
    (void)snprintf(want, sizeof want, "%zu %016llx", n, (unsigned long long)pattern_sum(n));
    assert_int_equal(r->status, 200);
    assert_string_equal(text_str(&r->body), want);
}

static void uploads_arrive_whole(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, NULL);
    static const size_t sizes[] = {0, 1, 16384, 300000, MIB10};
    char *body = malloc(MIB10);
    assert_non_null(body);
    pattern_fill(body, 0, MIB10);
    (void)web_client(&w);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        reply_free(&w.r);
        assert_true(http_send(&w.c, "POST", "/sum", NULL, body, sizes[i]));
        assert_true(http_read(&w.c, "POST", &w.r, 20000));
        check_sum(&w.r, sizes[i]);
        reply_free(&w.r);
        assert_true(http_send(&w.c, "PUT", "/sum", "Transfer-Encoding: chunked\r\n", NULL, 0));
        assert_true(http_send_chunks(&w.c, sizes[i], 9973));
        assert_true(http_read(&w.c, "PUT", &w.r, 20000));
        check_sum(&w.r, sizes[i]);
    }
    free(body);
    web_stop(&w);
}

static void chunked_both_ways_at_once(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, NULL);
    (void)web_client(&w);
    assert_true(http_send(&w.c, "POST", "/echo", "Transfer-Encoding: chunked\r\n", NULL, 0));
    assert_true(http_send_chunks(&w.c, 20000, 1));
    assert_true(http_read(&w.c, "POST", &w.r, 20000));
    assert_true(w.r.chunked);
    check_pattern(&w.r, 20000);
    assert_int_equal(web_ask(&w, "GET", "/", NULL), 200);
    web_stop(&w);
}

static void expect_100_continue_waits_for_the_origin(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, NULL);
    struct client *c = web_client(&w);
    assert_true(client_sendf(c, "POST /echo HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n"
                                "Expect: 100-continue\r\n\r\n"));
    assert_true(client_until(c, "\r\n\r\n", CLIENT_WAIT_MS));
    assert_true(matches(text_str(&c->in), "^HTTP/1.1 100 "));
    assert_true(client_sendf(c, "body"));
    assert_true(http_read(c, "POST", &w.r, CLIENT_WAIT_MS));
    assert_int_equal(w.r.status, 200);
    assert_string_equal(text_str(&w.r.body), "body");
    web_stop(&w);
}

static void serve_refusal(struct visit *v)
{
    struct request r = {0};
    while (visit_request_head(v, &r) && visit_reply(v, 403, NULL, "no", 2))
        ;
    request_free(&r);
}

static void expect_100_continue_may_be_refused(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, &(struct web_opts){.serve = serve_refusal});
    struct client *c = web_client(&w);
    assert_true(client_sendf(c, "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 100\r\n"
                                "Expect: 100-continue\r\n\r\n"));
    assert_true(http_read(c, "POST", &w.r, CLIENT_WAIT_MS));
    assert_int_equal(w.r.status, 403);
    assert_int_equal(w.r.interim, 0);
    assert_string_equal(text_str(&w.r.body), "no");
    web_stop(&w);
}

static void interim_replies_are_forwarded(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, NULL);
    assert_int_equal(web_ask(&w, "GET", "/early/3", NULL), 200);
    assert_int_equal(w.r.interim, 3);
    assert_string_equal(text_str(&w.r.body), "s1");
    assert_int_equal(web_ask(&w, "GET", "/", NULL), 200);
    assert_int_equal(w.r.interim, 0);
    struct client *c = web_client(&w); /* RFC 9110 section 15.2: never to HTTP/1.0 */
    reply_free(&w.r);
    assert_true(client_sendf(c, "GET /early/3 HTTP/1.0\r\n\r\n"));
    assert_true(http_read(c, "GET", &w.r, CLIENT_WAIT_MS));
    assert_int_equal(w.r.interim, 0);
    web_stop(&w);
}

static void events_arrive_one_by_one(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, NULL);
    struct client *c = web_client(&w);
    assert_true(http_send(c, "GET", "/sse/5/300", NULL, NULL, 0));
    assert_true(http_read_head(c, &w.r, CLIENT_WAIT_MS));
    assert_string_equal(reply_field(&w.r, "Content-Type"), "text/event-stream");
    uint64_t last = now_ms();
    for (int i = 0; i < 5; i++) {
        char event[32], next[32];
        (void)snprintf(event, sizeof event, "data: %d\n\n", i);
        (void)snprintf(next, sizeof next, "data: %d\n\n", i + 1);
        assert_true(client_until(c, event, 2000));
        assert_null(strstr(text_str(&c->in), next));
        if (i > 0)
            assert_in_range(now_ms() - last, 150, 1500);
        last = now_ms();
    }
    web_stop(&w);
}

static void upgraded_connection_carries_bytes_both_ways(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, NULL);
    static const char ask[] = "Connection: Upgrade\r\nUpgrade: websocket\r\n"
                              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                              "Sec-WebSocket-Version: 13\r\n";
    assert_int_equal(web_ask(&w, "GET", "/upgrade", ask), 101);
    assert_string_equal(reply_field(&w.r, "Upgrade"), "websocket");
    assert_true(matches(reply_field(&w.r, "Connection"), "[Uu]pgrade"));
    assert_true(client_sendf(&w.c, "ping"));
    assert_true(client_expect(&w.c, "ping"));
    char *big = malloc(1 << 20);
    assert_non_null(big);
    pattern_fill(big, 0, 1 << 20);
    for (int i = 0; i < 16; i++) { /* in turns: the echo has no more than the sockets hold */
        assert_true(client_send(&w.c, big + i * 65536, 65536));
        assert_true(client_want(&w.c, 65536, CLIENT_WAIT_MS));
        assert_memory_equal(w.c.in.p, big + i * 65536, 65536);
        text_drop(&w.c.in, 65536);
    }
    free(big);
    client_shut(&w.c);
    assert_true(client_ends(&w.c, 2000));
    assert_int_equal(w.c.ending, END_FIN);
    web_wait_access(&w, "101.*switched|switched.*101");
    web_stop(&w);
}

static void bytes_sent_along_with_the_upgrade_arrive(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, NULL);
    struct client *c = web_client(&w);
    assert_true(client_sendf(c, "GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\n"
                                "Upgrade: websocket\r\n\r\nearly bird"));
    reply_free(&w.r);
    assert_true(http_read(c, "GET", &w.r, CLIENT_WAIT_MS));
    assert_int_equal(w.r.status, 101);
    assert_true(client_expect(c, "early bird"));
    web_stop(&w);
}

static void upgrade_that_is_declined_stays_http(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, NULL);
    const char *ask = "Connection: upgrade\r\nUpgrade: h2c\r\n";
    assert_int_equal(web_ask(&w, "GET", "/", ask), 200);
    assert_int_equal(web_ask(&w, "GET", "/", NULL), 200);
    web_stop(&w);
}

static void broken_replies_are_not_hidden(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, NULL);
    assert_int_equal(web_ask(&w, "GET", "/cut/1000000", NULL), 200);
    assert_false(w.r.complete);
    web_wait_access(&w, "response-truncated");
    (void)web_client(&w);
    assert_int_equal(web_ask(&w, "GET", "/garbage", NULL), 502);
    assert_string_equal(reply_field(&w.r, "X-Lb-Reason"), "bad-response");
    web_stop(&w);
}

static void slow_reader_does_not_fill_the_proxy(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, &(struct web_opts){.threads = 1});
    size_t before = proc_rss_kib(&w.lb.proc);
    struct client *c = web_client(&w);
    assert_true(http_send(c, "GET", "/bytes/200000000", NULL, NULL, 0));
    sleep_ms(1000); /* the origin sends as fast as it may, nobody reads */
    size_t after = proc_rss_kib(&w.lb.proc);
    assert_true(after < before + 8192);
    client_reset(c);
    web_wait_access(&w, "client-(reset|closed)");
    web_stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        E2E_TEST(bodies_of_every_size_come_back_whole),
        E2E_TEST(body_ended_by_closing_is_delimited),
        E2E_TEST(uploads_arrive_whole),
        E2E_TEST(chunked_both_ways_at_once),
        E2E_TEST(expect_100_continue_waits_for_the_origin),
        E2E_TEST(expect_100_continue_may_be_refused),
        E2E_TEST(interim_replies_are_forwarded),
        E2E_TEST(events_arrive_one_by_one),
        E2E_TEST(upgraded_connection_carries_bytes_both_ways),
        E2E_TEST(bytes_sent_along_with_the_upgrade_arrive),
        E2E_TEST(upgrade_that_is_declined_stays_http),
        E2E_TEST(broken_replies_are_not_hidden),
        E2E_TEST(slow_reader_does_not_fill_the_proxy),
    };
    return cmocka_run_group_tests_name("http_body", tests, NULL, NULL);
}
