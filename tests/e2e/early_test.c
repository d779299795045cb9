/* early_test.c — what comes before its time: replies to unfinished requests, tunnel bytes that
 * share a segment with a head, a half-close before the connection to the server stands. */
#include "tests/e2e/lib/e2e.h"

static const char reply_ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nearly";

/* Answers as soon as the head is there; the body is left to who wants it. */
static void serve_before_the_body(struct visit *v)
{
    struct request r = {0};
    if (visit_request_head(v, &r))
        (void)client_sendf(&v->c, "%s", reply_ok);
    (void)client_ends(&v->c, 5000);
    request_free(&r);
}

/* The rest of a body whose request was answered early must never be taken for a request. */
static void body_after_an_early_reply_is_no_request(void **state)
{
    (void)state;
    static const char smuggled[] = "GET /smuggled HTTP/1.1\r\nHost: test\r\n\r\n";
    struct web w;
    web_start(&w, &(struct web_opts){.serve = serve_before_the_body});
    struct client *c = web_client(&w);
    assert_true(client_sendf(c, "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 1000\r\n\r\nab"));
    assert_true(http_read(c, "POST", &w.r, 5000));
    assert_int_equal(w.r.status, 200);
    assert_string_equal(reply_field(&w.r, "Connection"), "close");
    (void)client_sendf(c, "%s", smuggled);
    assert_true(client_ends(c, 5000));
    assert_int_equal(c->in.n, 0); /* no second reply */
    assert_int_equal(origin_requests(w.o[0]), 1);
    web_stop(&w);
}

/* The same with a head that comes early and a body that ends before the request's does. */
static void serve_head_then_body(struct visit *v)
{
    struct request r = {0};
    if (visit_request_head(v, &r) &&
        client_sendf(&v->c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n") &&
        client_want(&v->c, 4, 5000))
        (void)client_sendf(&v->c, "early");
    (void)client_ends(&v->c, 5000);
    request_free(&r);
}

static void early_reply_in_two_parts_closes_as_well(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, &(struct web_opts){.serve = serve_head_then_body});
    struct client *c = web_client(&w);
    assert_true(client_sendf(c, "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 1000\r\n\r\n"));
    assert_true(http_read_head(c, &w.r, 5000));
    assert_true(client_sendf(c, "four"));
    assert_true(client_expect(c, "early"));
    (void)client_sendf(c, "GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_true(client_ends(c, 5000));
    assert_int_equal(c->in.n, 0);
    assert_int_equal(origin_requests(w.o[0]), 1);
    web_stop(&w);
}

/* Refuses an upload and closes at once, so that its kernel resets the connection. */
static void serve_413_and_close(struct visit *v)
{
    struct request r = {0};
    if (visit_request_head(v, &r))
        (void)visit_reply(v, 413, "Connection: close\r\n", "no\n", 3);
    request_free(&r);
}

static void refusal_of_an_upload_reaches_the_client(void **state)
{
    (void)state;
    enum { BODY = 8 << 20, PART = 65536 };
    static char part[PART];
    struct web w;
    web_start(&w, &(struct web_opts){.serve = serve_413_and_close});
    for (int round = 0; round < 20; round++) {
        struct client *c = web_client(&w);
        assert_true(
            client_sendf(c, "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n\r\n", BODY));
        for (size_t at = 0; at < BODY && client_send(c, part, PART); at += PART)
            if (client_more(c, 0))
                break;
        assert_true(http_read(c, "POST", &w.r, 5000));
        assert_int_equal(w.r.status, 413);
        reply_free(&w.r);
    }
    web_stop(&w);
}

static const char upgrade_request[] = "GET /ws HTTP/1.1\r\nHost: test\r\nConnection: upgrade\r\n"
                                      "Upgrade: websocket\r\n\r\n";

static void serve_switch_and_speak(struct visit *v)
{
    struct request r = {0};
    if (visit_request_head(v, &r) &&
        client_sendf(&v->c, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n"
                            "Upgrade: websocket\r\n\r\nfirst"))
        origin_echo(v);
    request_free(&r);
}

static void tunnel_bytes_behind_the_101_are_passed_on(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, &(struct web_opts){.serve = serve_switch_and_speak});
    struct client *c = web_client(&w);
    assert_true(client_sendf(c, "%s", upgrade_request));
    assert_true(http_read_head(c, &w.r, 5000));
    assert_int_equal(w.r.status, 101);
    assert_true(client_expect(c, "first"));
    assert_true(client_sendf(c, "second"));
    assert_true(client_expect(c, "second"));
    web_stop(&w);
}

static void tunnel_bytes_behind_the_request_are_passed_on(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, &(struct web_opts){.serve = serve_switch_and_speak});
    struct client *c = web_client(&w);
    assert_true(client_sendf(c, "%sahead", upgrade_request));
    assert_true(http_read_head(c, &w.r, 5000));
    assert_int_equal(w.r.status, 101);
    assert_true(client_until(c, "first", 5000) && client_until(c, "ahead", 5000));
    web_stop(&w);
}

/* Speaks and is reset while it does: the client is gone before the server has said its first word.
 */
static void serve_greeting(struct visit *v)
{
    (void)client_sendf(&v->c, "220 hello\r\n");
    (void)client_ends(&v->c, 5000);
}

static void tcp_clients_that_reset_at_once_do_no_harm(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, &(struct web_opts){.serve = serve_greeting, .frontend = "mode tcp"});
    for (int i = 0; i < 200; i++) {
        struct client c;
        assert_true(client_open(&c, w.port));
        if (i & 1)
            assert_true(client_sendf(&c, "EHLO\r\n"));
        client_reset(&c);
    }
    assert_true(client_expect(web_client(&w), "220 hello\r\n"));
    web_stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        E2E_TEST(body_after_an_early_reply_is_no_request),
        E2E_TEST(early_reply_in_two_parts_closes_as_well),
        E2E_TEST(refusal_of_an_upload_reaches_the_client),
        E2E_TEST(tunnel_bytes_behind_the_101_are_passed_on),
        E2E_TEST(tunnel_bytes_behind_the_request_are_passed_on),
        E2E_TEST(tcp_clients_that_reset_at_once_do_no_harm),
    };
    return cmocka_run_group_tests_name("early", tests, NULL, NULL);
}
