/* limits_test.c — every limit at its edge, and what a method may do. */
#include "tests/e2e/lib/e2e.h"

static void check_refusal(struct web *w, int status, const char *reason)
{
    reply_free(&w->r);
    assert_true(http_read(&w->c, "GET", &w->r, CLIENT_WAIT_MS));
    assert_int_equal(w->r.status, status);
    assert_string_equal(reply_field(&w->r, "X-Lb-Reason"), reason);
    assert_true(client_ends(&w->c, 3000));
    char *series =
        format_new("lb_frontend_exchanges_ended_total{frontend=\"web\",reason=\"%s\"}", reason);
    lb_wait_metric(&w->lb, series, 1, 3000);
    free(series);
}

static void heads_are_bounded(void **state)
{
    (void)state;
    struct web w;
    char filler[3000];
    memset(filler, 'x', sizeof filler);
    web_start(&w, &(struct web_opts){.frontend = "limit header-bytes 2k; limit target-bytes 100\n"
                                                 "limit header-fields 10"});
    struct client *c = web_client(&w);
    assert_true(client_sendf(c, "GET / HTTP/1.1\r\nHost: t\r\nX: %.1900s\r\n\r\n", filler));
    assert_true(http_read(c, "GET", &w.r, CLIENT_WAIT_MS));
    assert_int_equal(w.r.status, 200);
    assert_true(client_sendf(c, "GET / HTTP/1.1\r\nHost: t\r\nX: %.2100s\r\n\r\n", filler));
    check_refusal(&w, 431, "header-too-large");
    assert_true(client_sendf(web_client(&w), "GET /%.99s HTTP/1.1\r\nHost: t\r\n\r\n", filler));
    reply_free(&w.r);
    assert_true(http_read(&w.c, "GET", &w.r, CLIENT_WAIT_MS));
    assert_int_equal(w.r.status, 200);
    assert_true(client_sendf(&w.c, "GET /%.100s HTTP/1.1\r\nHost: t\r\n\r\n", filler));
    check_refusal(&w, 414, "target-too-long");
    c = web_client(&w);
    assert_true(client_sendf(c, "GET / HTTP/1.1\r\nHost: t\r\n"));
    for (int i = 0; i < 10; i++)
        assert_true(client_sendf(c, "X-%d: y\r\n", i));
    (void)client_sendf(c, "\r\n");
    check_refusal(&w, 431, "too-many-fields");
    web_stop(&w);
}

static void a_length_is_judged_before_the_body_comes(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, &(struct web_opts){.frontend = "limit body-bytes 1000"});
    struct client *c = web_client(&w);
    assert_true(client_sendf(c, "POST /sum HTTP/1.1\r\nHost: t\r\nContent-Length: 1001\r\n\r\n"));
    check_refusal(&w, 413, "body-too-large");
    assert_int_equal(origin_requests(w.o[0]), 0);
    web_stop(&w);
}

/* Exactly `n` bytes of body, `with` of them in one send with the head. */
static int post(struct web *w, size_t n, bool chunked, bool at_once)
{
    struct text t = {0};
    char body[2000];
    memset(body, 'b', sizeof body);
    text_addf(&t, "POST /sum HTTP/1.1\r\nHost: t\r\n");
    text_addf(&t, chunked ? "Transfer-Encoding: chunked\r\n\r\n" : "Content-Length: %zu\r\n\r\n",
              n);
    size_t head = t.n;
    if (chunked)
        text_addf(&t, "%zx\r\n%.*s\r\n0\r\n\r\n", n, (int)n, body);
    else
        text_addf(&t, "%.*s", (int)n, body);
    struct client *c = web_client(w);
    reply_free(&w->r);
    if (!at_once) {
        assert_true(client_send(c, t.p, head));
        sleep_ms(30);
    }
    (void)client_send(c, t.p + (at_once ? 0 : head), t.n - (at_once ? 0 : head));
    text_free(&t);
    return http_read(c, "POST", &w->r, CLIENT_WAIT_MS) ? w->r.status : 0;
}

static void bodies_are_bounded_to_the_byte(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, &(struct web_opts){.frontend = "limit body-bytes 1000"});
    for (int i = 0; i < 4; i++) {
        assert_int_equal(post(&w, 1000, i & 1, i & 2), 200);
        assert_int_equal(post(&w, 1001, i & 1, i & 2), 413);
        assert_string_equal(reply_field(&w.r, "X-Lb-Reason"), "body-too-large");
    }
    web_stop(&w);
}

static void requests_of_a_connection_are_counted(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, &(struct web_opts){.frontend = "limit requests 3"});
    assert_int_equal(web_ask(&w, "GET", "/", NULL), 200);
    assert_int_equal(web_ask(&w, "GET", "/", NULL), 200);
    assert_string_equal(reply_field(&w.r, "Connection"), "");
    assert_int_equal(web_ask(&w, "GET", "/", NULL), 200);
    assert_string_equal(reply_field(&w.r, "Connection"), "close");
    assert_true(client_ends(&w.c, 1000));
    web_stop(&w);
}

static void pipelined_requests_run_one_by_one(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, NULL);
    struct client *c = web_client(&w);
    for (int i = 0; i < 200; i++)
        assert_true(client_sendf(c, "GET /bytes/%d HTTP/1.1\r\nHost: t\r\n\r\n", i));
    for (int i = 0; i < 200; i++) {
        reply_free(&w.r);
        assert_true(http_read(c, "GET", &w.r, CLIENT_WAIT_MS));
        assert_int_equal(w.r.body.n, i); /* in order */
    }
    assert_true(origin_connections(w.o[0]) <= 2);
    web_stop(&w);
}

static void connections_are_bounded(void **state)
{
    (void)state;
    struct web w;
    struct client c[5];
    web_start(&w, &(struct web_opts){.frontend = "limit connections 3"});
    for (int i = 0; i < 5; i++) {
        assert_true(client_open(&c[i], w.port));
        sleep_ms(30);
    }
    for (int i = 0; i < 5; i++)
        assert_int_equal(client_ends(&c[i], i < 3 ? 50 : 1000), i >= 3);
    lb_wait_metric(&w.lb, "lb_frontend_connections_refused_total{frontend=\"web\"}", 2, 3000);
    for (int i = 0; i < 5; i++)
        client_close(&c[i]);
    sleep_ms(50);
    assert_int_equal(http_get(w.port, "/", NULL, NULL), 200);
    web_stop(&w);
}

static void a_source_has_its_share(void **state)
{
    (void)state;
    struct web w;
    struct client c[4];
    web_start(&w, &(struct web_opts){.frontend = "limit source-connections 2"});
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 4; i++) {
            assert_true(client_open(&c[i], w.port));
            sleep_ms(20);
        }
        for (int i = 0; i < 4; i++)
            assert_int_equal(client_ends(&c[i], i < 2 ? 30 : 1000), i >= 2);
        for (int i = 0; i < 4; i++)
            client_close(&c[i]);
        sleep_ms(50);
    }
    assert_int_equal(http_get(w.port, "/", NULL, NULL), 200);
    web_stop(&w);
}

/* By PROXY header: each named network is counted, not the proxy's. */
static void named_sources_are_counted_apart(void **state)
{
    (void)state;
    struct lb lb = {0};
    struct client c[6];
    uint16_t port = port_new();
    lb_start(&lb,
             "frontend web { bind 127.0.0.1:%u { proxy-protocol { trust 127.0.0.1 } }\n"
             "  timeout client 5s; limit source-connections 2; limit source-ipv4-bits 24\n"
             "  route -> respond 404 }\n",
             port);
    static const char *const ips[] = {"192.0.2.1", "192.0.2.2", "192.0.2.3",
                                      "192.0.3.1", "192.0.3.2", "192.0.3.3"};
    for (int i = 0; i < 6; i++) {
        assert_true(client_open(&c[i], port));
        assert_true(client_sendf(&c[i], "PROXY TCP4 %s 192.0.2.9 1 2\r\n", ips[i]));
        sleep_ms(20);
    }
    for (int i = 0; i < 6; i++)
        assert_int_equal(client_ends(&c[i], i % 3 < 2 ? 30 : 1000), i % 3 == 2);
    for (int i = 0; i < 6; i++)
        client_close(&c[i]);
    lb_stop(&lb);
}

static void slow_bodies_are_cut(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, &(struct web_opts){.frontend = "limit body-min-rate 100"});
    struct client *c = web_client(&w);
    uint64_t begin = now_ms();
    assert_true(client_sendf(c, "POST /sum HTTP/1.1\r\nHost: t\r\nContent-Length: 9000\r\n\r\n"));
    while (now_ms() - begin < 6000 && c->in.n == 0 && c->ending == END_NONE) {
        (void)client_send(c, "0123456789", 10);
        (void)client_more(c, 300); /* about 33 bytes a second */
    }
    assert_in_range(now_ms() - begin, 2500, 5500);
    assert_true(http_read(c, "POST", &w.r, CLIENT_WAIT_MS));
    assert_int_equal(w.r.status, 408);
    assert_string_equal(reply_field(&w.r, "X-Lb-Reason"), "client-slow-body");
    web_stop(&w);
}

/* Many downloads nobody reads, more than the limit allows buffers for; then all are read. */
static void memory_is_bounded_and_nothing_is_lost(void **state)
{
    (void)state;
    enum { MANY = 60, BYTES = 1000000 };
    static struct client c[MANY];
    struct web w;
    struct reply r = {0};
    web_start(&w, &(struct web_opts){.threads = 1,
                                     .frontend = "timeout client 60s",
                                     .backend = "timeout server 60s",
                                     .global = "memory-limit 128k"});
    size_t before = proc_rss_kib(&w.lb.proc);
    for (int i = 0; i < MANY; i++) {
        assert_true(client_open(&c[i], w.port));
        assert_true(http_send(&c[i], "GET", "/bytes/9000000", NULL, NULL, 0));
    }
    for (int i = 0; i < 100 && lb_metric(&w.lb, "lb_memory_waits_total") <= 0; i++)
        sleep_ms(50);
    assert_true(lb_metric(&w.lb, "lb_memory_waits_total") > 0);
    if (!matches(lb_path(), "/(asan|tsan)/")) /* they keep freed memory aside */
        assert_true(proc_rss_kib(&w.lb.proc) < before + 4096);
    for (int i = 0; i < MANY; i++)
        client_reset(&c[i]);
    for (int i = 0; i < MANY; i++) {
        assert_true(client_open(&c[i], w.port));
        assert_true(http_send(&c[i], "GET", "/bytes/1000000", NULL, NULL, 0));
    }
    uint64_t end = now_ms() + 30000; /* in turns: who does not read holds a buffer */
    for (int left = MANY; left > 0 && now_ms() < end;) {
        left = 0;
        for (int i = 0; i < MANY; i++)
            if (c[i].in.n < BYTES && c[i].ending == END_NONE && ++left)
                (void)client_more(&c[i], 1);
    }
    for (int i = 0; i < MANY; i++) {
        if (!http_read(&c[i], "GET", &r, 2000))
            fail_msg("%d: %zu bytes, ending %d: %.300s", i, c[i].in.n, c[i].ending,
                     text_str(&c[i].in));
        assert_int_equal(r.status, 200);
        assert_int_equal(r.body.n, BYTES);
        reply_free(&r);
        client_close(&c[i]);
    }
    web_stop(&w);
}

/* Heads that never end hold every buffer: the oldest go, and others are served. */
static void unfinished_heads_are_shed(void **state)
{
    (void)state;
    enum { MANY = 80 };
    static struct client c[MANY];
    struct web w;
    web_start(&w, &(struct web_opts){.threads = 1,
                                     .frontend = "timeout header 60s",
                                     .global = "memory-limit 128k"});
    for (int i = 0; i < MANY; i++) {
        assert_true(client_open(&c[i], w.port));
        assert_true(client_sendf(&c[i], "GET / HTTP/1.1\r\nHost: "));
    }
    for (int i = 0; i < 5; i++)
        assert_int_equal(http_get(w.port, "/", NULL, NULL), 200);
    assert_true(lb_metric(&w.lb, "lb_shed_connections_total") > 0);
    for (int i = 0; i < MANY; i++)
        client_close(&c[i]);
    web_stop(&w);
}

static void methods_are_chosen(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, NULL);
    assert_int_equal(web_ask(&w, "TRACE", "/", NULL), 405);
    assert_string_equal(reply_field(&w.r, "X-Lb-Reason"), "method-refused");
    assert_true(*reply_field(&w.r, "Allow"));
    (void)web_client(&w);
    assert_int_equal(web_ask(&w, "BREW", "/", NULL), 200);
    web_stop(&w);
    web_start(&w, &(struct web_opts){.frontend = "methods standard"});
    assert_int_equal(web_ask(&w, "PATCH", "/", NULL), 200);
    assert_int_equal(web_ask(&w, "BREW", "/", NULL), 405);
    web_stop(&w);
    web_start(&w, &(struct web_opts){.frontend = "methods any"});
    assert_int_equal(web_ask(&w, "TRACE", "/", NULL), 200);
    web_stop(&w);
    web_start(&w, &(struct web_opts){.frontend = "methods GET, BREW"});
    assert_int_equal(web_ask(&w, "BREW", "/", NULL), 200);
    assert_int_equal(web_ask(&w, "GET", "/", NULL), 200);
    assert_int_equal(web_ask(&w, "DELETE", "/", NULL), 405);
    assert_string_equal(reply_field(&w.r, "Allow"), "GET, BREW");
    web_stop(&w);
}

static void max_forwards_is_counted(void **state)
{
    (void)state;
    struct web w;
    char value[32];
    web_start(&w, NULL);
    assert_int_equal(web_ask(&w, "OPTIONS", "/head", "Max-Forwards: 5\r\n"), 200);
    assert_true(head_field(text_str(&w.r.body), "Max-Forwards", 0, value, sizeof value));
    assert_string_equal(value, "4");
    assert_int_equal(head_count(text_str(&w.r.body), "Max-Forwards"), 1);
    unsigned asked = origin_requests(w.o[0]);
    assert_int_equal(web_ask(&w, "OPTIONS", "/head", "Max-Forwards: 0\r\n"), 204);
    assert_true(*reply_field(&w.r, "Allow"));
    assert_int_equal(origin_requests(w.o[0]), asked);
    assert_int_equal(web_ask(&w, "GET", "/head", "Max-Forwards: 0\r\n"), 200);
    web_stop(&w);
}

static void serve_connect(struct visit *v)
{
    struct request r = {0};
    while (visit_request_head(v, &r)) {
        if (strcmp(r.method, "CONNECT") != 0 || strcmp(r.path, "db.internal:5432") != 0) {
            (void)visit_reply(v, 403, NULL, "no", 2);
            continue;
        }
        (void)client_sendf(&v->c, "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n");
        origin_echo(v);
        break;
    }
    request_free(&r);
}

static void connect_needs_a_route_that_names_it(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, &(struct web_opts){.serve = serve_connect});
    static const char ask[] = "CONNECT db.internal:5432 HTTP/1.1\r\nHost: db.internal:5432\r\n\r\n";
    assert_true(client_sendf(web_client(&w), "%s", ask));
    check_refusal(&w, 405, "connect-refused");
    assert_int_equal(origin_requests(w.o[0]), 0);
    web_stop(&w);

    web_start(
        &w, &(struct web_opts){.serve = serve_connect, .frontend = "route method CONNECT -> app"});
    struct client *c = web_client(&w);
    assert_true(client_sendf(c, "%sfirst", ask)); /* bytes for the tunnel right behind the head */
    assert_true(http_read_head(c, &w.r, CLIENT_WAIT_MS));
    assert_int_equal(w.r.status, 200);
    assert_string_equal(reply_field(&w.r, "Content-Length"), "");
    assert_true(client_expect(c, "first"));
    assert_true(client_sendf(c, "second"));
    assert_true(client_expect(c, "second"));
    client_shut(c);
    assert_true(client_ends(c, 2000));
    web_wait_access(&w, "switched");
    /* Declined: the bytes behind the head are not taken for a request. */
    assert_true(client_sendf(web_client(&w), "CONNECT other:1 HTTP/1.1\r\nHost: other:1\r\n\r\n"
                                             "GET / HTTP/1.1\r\nHost: t\r\n\r\n"));
    reply_free(&w.r);
    assert_true(http_read(&w.c, "CONNECT", &w.r, CLIENT_WAIT_MS));
    assert_int_equal(w.r.status, 403);
    assert_true(client_ends(&w.c, 3000));
    assert_int_equal(w.c.in.n, 0);
    web_stop(&w);
}

static void fields_of_the_hop_are_said_anew(void **state)
{
    (void)state;
    struct web w;
    char value[128];
    web_start(&w, &(struct web_opts){.frontend = "forwarded { rfc7239; trust 127.0.0.1 }"});
    assert_int_equal(web_ask(&w, "GET", "/head",
                             "TE: trailers, deflate\r\nConnection: TE\r\n"
                             "Forwarded: for=192.0.2.1\r\n"),
                     200);
    const char *head = text_str(&w.r.body);
    assert_true(head_field(head, "TE", 0, value, sizeof value));
    assert_string_equal(value, "trailers");
    assert_true(head_field(head, "Connection", 0, value, sizeof value));
    assert_string_equal(value, "TE");
    assert_true(head_field(head, "Forwarded", 0, value, sizeof value));
    assert_string_equal(value, "for=192.0.2.1, for=127.0.0.1;host=test;proto=http");
    assert_int_equal(head_count(head, "Forwarded"), 1);
    assert_int_equal(web_ask(&w, "GET", "/head", NULL), 200);
    assert_int_equal(head_count(text_str(&w.r.body), "TE"), 0);
    assert_int_equal(web_ask(&w, "GET", "/chunked/1000/100", "TE: trailers\r\nConnection: TE\r\n"),
                     200);
    assert_true(strstr(text_str(&w.r.trailers), "X-Sum") != NULL);
    web_stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        E2E_TEST(heads_are_bounded),
        E2E_TEST(a_length_is_judged_before_the_body_comes),
        E2E_TEST(bodies_are_bounded_to_the_byte),
        E2E_TEST(requests_of_a_connection_are_counted),
        E2E_TEST(pipelined_requests_run_one_by_one),
        E2E_TEST(connections_are_bounded),
        E2E_TEST(a_source_has_its_share),
        E2E_TEST(named_sources_are_counted_apart),
        E2E_TEST(slow_bodies_are_cut),
        E2E_TEST(memory_is_bounded_and_nothing_is_lost),
        E2E_TEST(unfinished_heads_are_shed),
        E2E_TEST(methods_are_chosen),
        E2E_TEST(max_forwards_is_counted),
        E2E_TEST(connect_needs_a_route_that_names_it),
        E2E_TEST(fields_of_the_hop_are_said_anew),
    };
    return cmocka_run_group_tests_name("limits", tests, NULL, NULL);
}
