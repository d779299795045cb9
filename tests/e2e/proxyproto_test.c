/* proxyproto_test.c — the PROXY protocol from clients and to servers, in both modes. */
#include "tests/e2e/lib/e2e.h"

#include <signal.h>

#define V1       "PROXY TCP4 192.0.2.7 198.51.100.1 51234 443\r\n"
#define GET_HEAD "GET /head HTTP/1.1\r\nHost: test\r\n\r\n"

/* 16 + 12 bytes: 192.0.2.9:51234 → 198.51.100.1:443. */
static const char v2[] =
    "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\2\x09\xc6\x33\x64\1\xc8\x22\1\xbb";
static const char v2_local[] = "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";

struct gate {
    struct lb lb;
    struct origin *o;
    uint16_t http, tcp;
    struct client c;
    struct reply r;
};

static void gate_start(struct gate *g, const char *option)
{
    *g = (struct gate){.o = origin_start(NULL), .http = port_new(), .tcp = port_new(), .c.fd = -1};
    lb_start(&g->lb,
             "defaults { timeout connect 1s; timeout header 700ms; timeout client 5s\n"
             "  timeout server 5s; access-log text \"${E2E_DIR}/access.log\" }\n"
             "frontend web { bind 127.0.0.1:%u { %s }; route -> app }\n"
             "frontend raw { mode tcp; bind 127.0.0.1:%u { %s }; route -> back }\n"
             "backend app { server s1 127.0.0.1:%u }\n"
             "backend back { mode tcp; server s1 127.0.0.1:%u }\n",
             g->http, option, g->tcp, option, origin_port(g->o), origin_port(g->o));
}

static void gate_stop(struct gate *g)
{
    client_close(&g->c);
    reply_free(&g->r);
    lb_stop(&g->lb);
    origin_stop(g->o);
}

static const char trusting[] = "proxy-protocol { trust 10.0.0.0/8, 127.0.0.0/8 }";

static struct client *connect_to(struct gate *g, uint16_t port)
{
    client_close(&g->c);
    assert_true(client_open(&g->c, port));
    return &g->c;
}

static void expect_client(struct gate *g, const char *ip)
{
    char value[128];
    reply_free(&g->r);
    assert_true(http_read(&g->c, "GET", &g->r, CLIENT_WAIT_MS));
    assert_int_equal(g->r.status, 200);
    assert_true(head_field(text_str(&g->r.body), "X-Forwarded-For", 0, value, sizeof value));
    assert_string_equal(value, ip);
}

static void the_named_client_counts(void **state)
{
    (void)state;
    struct gate g;
    gate_start(&g, trusting);
    assert_true(client_sendf(connect_to(&g, g.http), V1 GET_HEAD));
    expect_client(&g, "192.0.2.7");
    assert_true(client_sendf(&g.c, GET_HEAD)); /* the connection goes on without a header */
    expect_client(&g, "192.0.2.7");
    assert_true(client_send(connect_to(&g, g.http), v2, sizeof v2 - 1));
    assert_true(client_sendf(&g.c, GET_HEAD));
    expect_client(&g, "192.0.2.9");
    lb_wait_file(&g.lb, "access.log", "192\\.0\\.2\\.9", 3000);
    assert_true(client_send(connect_to(&g, g.http), v2_local, sizeof v2_local - 1));
    assert_true(client_sendf(&g.c, GET_HEAD));
    expect_client(&g, "127.0.0.1");
    assert_true(client_sendf(connect_to(&g, g.http), "PROXY UNKNOWN\r\n" GET_HEAD));
    expect_client(&g, "127.0.0.1");
    gate_stop(&g);
}

static void a_header_may_come_in_pieces(void **state)
{
    (void)state;
    struct gate g;
    gate_start(&g, trusting);
    static const char all[] = V1 GET_HEAD;
    struct client *c = connect_to(&g, g.http);
    for (size_t i = 0; i < sizeof all - 1; i += 7) {
        size_t n = sizeof all - 1 - i < 7 ? sizeof all - 1 - i : 7;
        assert_true(client_send(c, all + i, n));
        sleep_ms(10);
    }
    expect_client(&g, "192.0.2.7");
    c = connect_to(&g, g.tcp);
    for (size_t i = 0; i < sizeof v2 - 1; i++) {
        assert_true(client_send(c, v2 + i, 1));
        sleep_ms(2);
    }
    assert_true(client_sendf(c, "GET / HTTP/1.1\r\nHost: test\r\n\r\n"));
    reply_free(&g.r);
    assert_true(http_read(c, "GET", &g.r, CLIENT_WAIT_MS));
    assert_int_equal(g.r.status, 200); /* the header itself was not passed on */
    client_close(c);
    lb_wait_file(&g.lb, "access.log", "192\\.0\\.2\\.9", 3000);
    gate_stop(&g);
}

static void a_missing_or_bad_header_is_refused(void **state)
{
    (void)state;
    struct gate g;
    gate_start(&g, trusting);
    static const char *const bad[] = {GET_HEAD, "PROXY TCP4 1.2.3.4\r\n" GET_HEAD,
                                      "\r\n\r\n" GET_HEAD, "PROXY"};
    for (int i = 0; i < 8; i++) {
        struct client *c = connect_to(&g, i % 2 ? g.tcp : g.http);
        assert_true(client_sendf(c, "%s", bad[i / 2]));
        if (i >= 6)
            client_shut(c);
        assert_true(client_ends(c, 400));
        assert_int_equal(c->in.n, 0);
    }
    uint64_t begin = now_ms();
    assert_true(client_sendf(connect_to(&g, g.tcp), "PROXY TC")); /* never ends */
    assert_true(client_ends(&g.c, 3000));
    assert_in_range(now_ms() - begin, 500, 2500);
    lb_wait_file(&g.lb, "access.log", "bad-proxy-header", 3000);
    assert_int_equal(origin_connections(g.o), 0);
    lb_wait_metric(&g.lb, "lb_frontend_connections_refused_total{frontend=\"raw\"}", 5, 3000);
    gate_stop(&g);
}

static void a_stranger_is_refused(void **state)
{
    (void)state;
    struct gate g;
    gate_start(&g, "proxy-protocol { trust 10.0.0.0/8 }");
    (void)client_sendf(connect_to(&g, g.http), V1 GET_HEAD);
    assert_true(client_ends(&g.c, 500));
    assert_int_equal(g.c.in.n, 0);
    gate_stop(&g);
}

static void nobody_is_believed_without_the_option(void **state)
{
    (void)state;
    struct gate g;
    gate_start(&g, "backlog 100");
    assert_true(client_sendf(connect_to(&g, g.http), V1 GET_HEAD));
    assert_true(http_read(&g.c, "GET", &g.r, CLIENT_WAIT_MS));
    assert_int_equal(g.r.status, 400);
    gate_stop(&g);
}

/* Answers with the PROXY header it was sent, "v1 …" or "v2 …" in hex. */
static void serve_naming(struct visit *v)
{
    struct text t = {0};
    struct request r = {0};
    size_t n = 0;
    if (client_want(&v->c, 16, 3000) && v->c.in.p[0] == 'P') {
        if (!client_until(&v->c, "\r\n", 3000))
            return;
        n = (size_t)(strstr(v->c.in.p, "\r\n") + 2 - v->c.in.p);
        text_add(&t, v->c.in.p, n - 2);
    } else if (v->c.in.n >= 16) {
        n = 16 + (((size_t)(unsigned char)v->c.in.p[14] << 8) | (unsigned char)v->c.in.p[15]);
        if (!client_want(&v->c, n, 3000))
            return;
        for (size_t i = 12; i < n; i++)
            text_addf(&t, "%02x", (unsigned char)v->c.in.p[i]);
    }
    text_drop(&v->c.in, n);
    while (visit_request(v, &r) && visit_reply(v, 200, NULL, text_str(&t), t.n))
        ;
    request_free(&r);
    text_free(&t);
}

static void servers_are_told_who_the_client_is(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, &(struct web_opts){.serve = serve_naming, .server = "{ proxy-protocol v1 }"});
    for (unsigned i = 1; i <= 3; i++) {
        assert_int_equal(web_ask(&w, "GET", "/", NULL), 200);
        char *want = format_new("^PROXY TCP4 127\\.0\\.0\\.1 127\\.0\\.0\\.1 [0-9]+ %u$", w.port);
        assert_true(matches(text_str(&w.r.body), want));
        free(want);
        assert_int_equal(origin_connections(w.o[0]), i); /* never shared, never kept */
    }
    web_stop(&w);
    web_start(&w, &(struct web_opts){.serve = serve_naming, .server = "{ proxy-protocol v2 }"});
    assert_int_equal(web_ask(&w, "POST", "/", "X-Request-Id: mine\r\nContent-Length: 0\r\n"), 200);
    /* addresses of 12 bytes, then the request id of 26 or so in a TLV of type 5 */
    assert_true(matches(text_str(&w.r.body), "^211100[0-9a-f]{2}7f0000017f000001[0-9a-f]{8}0500"));
    web_stop(&w);
}

/* The first server refuses, the second is told by itself. */
static void another_attempt_is_announced_anew(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, &(struct web_opts){.origins = 2,
                                     .serve = serve_naming,
                                     .server = "{ proxy-protocol v2 }",
                                     .threads = 1});
    web_origin_stop(&w, 0);
    for (int i = 0; i < 4; i++) {
        (void)web_client(&w);
        reply_free(&w.r);
        assert_true(http_send(&w.c, "POST", "/", NULL, "body", 4));
        assert_true(http_read(&w.c, "POST", &w.r, CLIENT_WAIT_MS));
        assert_int_equal(w.r.status, 200);
        assert_true(matches(text_str(&w.r.body), "^2111"));
    }
    web_stop(&w);
}

static void tcp_servers_are_told_too(void **state)
{
    (void)state;
    struct lb lb = {0};
    struct client c;
    uint16_t port = port_new(), dead = port_new();
    struct origin *o = origin_start(&(struct origin_opts){.serve = origin_echo});
    lb_start(&lb,
             "frontend in { mode tcp; bind 127.0.0.1:%u { proxy-protocol { trust 127.0.0.1 } }\n"
             "  timeout client 5s; route -> out }\n"
             "backend out { mode tcp; timeout connect 1s; timeout server 5s\n"
             "  server a 127.0.0.1:%u { proxy-protocol v1 }\n"
             "  server b 127.0.0.1:%u { proxy-protocol v1 } }\n",
             port, dead, origin_port(o));
    for (int i = 0; i < 3; i++) {
        assert_true(client_open(&c, port));
        assert_true(client_sendf(&c, V1 "%s", i ? "hello" : ""));
        assert_true(client_until(&c, "\r\n", CLIENT_WAIT_MS)); /* before any byte of the client */
        char *want = format_new("PROXY TCP4 192.0.2.7 127.0.0.1 51234 %u\r\n", port);
        assert_true(client_expect(&c, want));
        free(want);
        if (i)
            assert_true(client_expect(&c, "hello"));
        client_close(&c);
    }
    lb_stop(&lb);
    origin_stop(o);
}

static void nginx_understands_it(void **state)
{
    (void)state;
    if (!proc_available("nginx"))
        skip();
    char *dir = tmpdir_new(), *conf = format_new("%s/nginx.conf", dir);
    char *log = format_new("%s/log", dir);
    uint16_t port = port_new(), front = port_new();
    char *text = format_new(
        "daemon off; master_process off; worker_processes 1; pid %s/pid; error_log %s/e;\n"
        "events { }\nhttp { access_log off; client_body_temp_path %s/b; proxy_temp_path %s/p;\n"
        "  fastcgi_temp_path %s/f; uwsgi_temp_path %s/u; scgi_temp_path %s/s;\n"
        "  server { listen 127.0.0.1:%u proxy_protocol;\n"
        "    location / { return 200 $proxy_protocol_addr:$proxy_protocol_port; } } }\n",
        dir, dir, dir, dir, dir, dir, dir, port);
    file_write(conf, text, strlen(text));
    const char *argv[] = {"nginx", "-p", dir, "-c", conf, NULL};
    struct proc nginx = proc_start(argv, &(struct proc_opts){.log = log});
    struct client c;
    for (int i = 0; i < 100 && !client_open(&c, port); i++)
        sleep_ms(50);
    client_close(&c);
    struct lb lb = {0};
    lb_start(&lb,
             "frontend in { bind 127.0.0.1:%u { proxy-protocol { trust 127.0.0.1 } }\n"
             "  timeout client 5s; route path /1 -> v1; route -> v2 }\n"
             "defaults { timeout connect 1s; timeout server 5s\n"
             "  check http GET / { every 50ms; timeout 50ms; start down; rise 1 } }\n"
             "backend v1 { server s 127.0.0.1:%u { proxy-protocol v1 } }\n"
             "backend v2 { server s 127.0.0.1:%u { proxy-protocol v2 } }\n",
             front, port, port);
    lb_wait_server(&lb, "v1", "s", true, 5000); /* checks announce themselves as well */
    lb_wait_server(&lb, "v2", "s", true, 5000);
    for (int i = 1; i <= 2; i++) {
        struct reply r = {0};
        assert_true(client_open(&c, front));
        assert_true(client_sendf(&c, V1 "GET /%d HTTP/1.1\r\nHost: t\r\n\r\n", i));
        assert_true(http_read(&c, "GET", &r, CLIENT_WAIT_MS));
        assert_int_equal(r.status, 200);
        assert_string_equal(text_str(&r.body), "192.0.2.7:51234");
        reply_free(&r);
        client_close(&c);
    }
    lb_stop(&lb);
    (void)proc_stop(&nginx, SIGTERM, 5000);
    free(text);
    free(conf);
    free(log);
    tmpdir_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        E2E_TEST(the_named_client_counts),
        E2E_TEST(a_header_may_come_in_pieces),
        E2E_TEST(a_missing_or_bad_header_is_refused),
        E2E_TEST(a_stranger_is_refused),
        E2E_TEST(nobody_is_believed_without_the_option),
        E2E_TEST(servers_are_told_who_the_client_is),
        E2E_TEST(another_attempt_is_announced_anew),
        E2E_TEST(tcp_servers_are_told_too),
        E2E_TEST(nginx_understands_it),
    };
    return cmocka_run_group_tests_name("proxyproto", tests, NULL, NULL);
}
