/* h2_test.c — HTTP/2 from clients: exchanges, bodies, windows, resets, floods, drain. */
#include "tests/e2e/lib/e2e.h"
#include "tests/e2e/lib/h2.h"

enum { MIB10 = 10 << 20, WAIT = 5000 };

static void start(struct web *w, const char *frontend)
{
    web_start(w, &(struct web_opts){.bind = "{ h2c }", .threads = 1, .frontend = frontend});
}

static struct h2_reply ask(struct h2 *h, uint32_t id, const char *path)
{
    struct h2_reply r = {0};
    assert_true(h2_get(h, id, path));
    (void)h2_read(h, id, &r, WAIT);
    return r;
}

static void check_pattern(struct h2_reply *r, size_t n)
{
    assert_int_equal(r->status, 200);
    assert_true(r->ended);
    assert_int_equal(r->body.n, n);
    assert_true(sum_bytes(SUM_SEED, text_str(&r->body), r->body.n) == pattern_sum(n));
    h2_reply_free(r);
}

static void one_bind_speaks_both_protocols(void **state)
{
    (void)state;
    struct web w;
    struct h2 h;
    start(&w, "");
    assert_int_equal(http_get(w.port, "/", NULL, NULL), 200);
    h2_open(&h, w.port);
    struct h2_reply r = ask(&h, 1, "/");
    assert_int_equal(r.status, 200);
    assert_string_equal(text_str(&r.body), "s1");
    h2_reply_free(&r);
    h2_close(&h);
    h2_connect(&h, w.port); /* the preface byte by byte */
    for (size_t i = 0; i < NGHTTP2_CLIENT_MAGIC_LEN; i++) {
        assert_true(client_send(&h.c, &NGHTTP2_CLIENT_MAGIC[i], 1));
        sleep_ms(2);
    }
    (void)h2_frame(&h, NGHTTP2_SETTINGS, 0, 0, NULL, 0);
    r = ask(&h, 1, "/");
    assert_int_equal(r.status, 200);
    h2_reply_free(&r);
    h2_close(&h);
    lb_wait_metric(&w.lb, "lb_frontend_h2_connections_total{frontend=\"web\"}", 2, WAIT);
    lb_wait_metric(&w.lb, "lb_frontend_h2_requests_total{frontend=\"web\"}", 2, WAIT);
    web_stop(&w);
}

static void request_reaches_the_origin_as_http1(void **state)
{
    (void)state;
    struct web w;
    struct h2 h;
    struct h2_reply r = {0};
    start(&w, "");
    h2_open(&h, w.port);
    assert_true(h2_headers(&h, 1, H2_END_STREAM | H2_END_HEADERS,
                           H2_GET("/head?a=b") "cookie: a=1\nx-one: 1\ncookie: b=2\n"
                                               "te: trailers\ncookie: c=3\n"));
    assert_true(h2_read(&h, 1, &r, WAIT));
    const char *seen = text_str(&r.body);
    assert_true(strncmp(seen, "GET /head?a=b HTTP/1.1\r\n", 24) == 0);
    assert_int_equal(head_count(seen, "cookie"), 1);
    assert_true(matches(seen, "cookie: a=1; b=2; c=3\r\n"));
    assert_true(matches(seen, "host: test\r\n"));
    assert_true(matches(seen, "x-one: 1\r\n"));
    assert_true(matches(seen, "Connection: TE\r\nTE: trailers\r\n"));
    assert_int_equal(head_count(seen, "transfer-encoding"), 0);
    h2_reply_free(&r);
    r = ask(&h, 3, "/hop"); /* connection-specific fields of the origin */
    assert_int_equal(r.status, 200);
    assert_false(matches(text_str(&r.head), "(^|\n)(connection|keep-alive|transfer-encoding):"));
    h2_reply_free(&r);
    h2_close(&h);
    web_stop(&w);
}

static void bodies_down_come_whole(void **state)
{
    (void)state;
    static const char *const kinds[] = {"bytes", "chunked", "until-close"};
    static const size_t sizes[] = {0, 1, 16384, 65535, 300000, MIB10};
    struct web w;
    struct h2 h;
    uint32_t id = 1;
    start(&w, "");
    h2_open(&h, w.port);
    h.greedy = true;
    for (size_t k = 0; k < 3; k++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++, id += 2) {
            char *path = k == 1 ? format_new("/%s/%zu/10007", kinds[k], sizes[i])
                                : format_new("/%s/%zu", kinds[k], sizes[i]);
            struct h2_reply r = ask(&h, id, path);
            check_pattern(&r, sizes[i]);
            free(path);
        }
    h2_close(&h);
    web_stop(&w);
}

/* Uploads within the windows the peer opens. */
static void upload(struct h2 *h, uint32_t id, size_t n, size_t each, struct h2_reply *r)
{
    int64_t conn = 65535, stream = 65536;
    for (size_t done = 0; done < n;) {
        size_t some = n - done < each ? n - done : each;
        struct h2_frame f;
        while ((int64_t)some > conn || (int64_t)some > stream) {
            assert_true(h2_next(h, &f, WAIT));
            h2_note(h, &f, id, r);
            assert_false(r->reset || r->goaway);
            if (f.type != NGHTTP2_WINDOW_UPDATE)
                continue;
            int64_t more = (int64_t)f.p[0] << 24 | f.p[1] << 16 | f.p[2] << 8 | f.p[3];
            *(f.id ? &stream : &conn) += more;
        }
        assert_true(h2_pattern(h, id, done, some, some, done + some == n));
        conn -= (int64_t)some;
        stream -= (int64_t)some;
        done += some;
    }
}

static void bodies_up_arrive_whole(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 3000, 16384, 70000, MIB10};
    struct web w;
    struct h2 h;
    start(&w, "");
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int length = 0; length < 2; length++) {
            struct h2_reply r = {0};
            char *want =
                format_new("%zu %016llx", sizes[i], (unsigned long long)pattern_sum(sizes[i]));
            char *fields = length ? format_new(H2_POST("/sum") "content-length: %zu\n", sizes[i])
                                  : format_new("%s", H2_POST("/sum"));
            h2_open(&h, w.port);
            assert_true(h2_headers(&h, 1, H2_END_HEADERS, fields));
            upload(&h, 1, sizes[i], 9973, &r);
            assert_true(h2_read(&h, 1, &r, 20000));
            assert_string_equal(text_str(&r.body), want);
            h2_reply_free(&r);
            h2_close(&h);
            free(fields);
            free(want);
        }
    web_stop(&w);
}

static void bodies_up_are_bounded(void **state)
{
    (void)state;
    static const size_t sizes[] = {1000, 30000, 30001, 40000};
    struct web w;
    struct h2 h;
    start(&w, "limit body-bytes 30000b");
    for (size_t i = 0; i < 4; i++) /* without a length: the limit is met on the way */
        for (size_t each = 5000; each <= 16000; each += 11000) {
            struct h2_reply r = {0};
            h2_open(&h, w.port);
            assert_true(h2_headers(&h, 1, H2_END_HEADERS, H2_POST("/sum")));
            upload(&h, 1, sizes[i], each, &r);
            assert_true(h2_read(&h, 1, &r, WAIT));
            assert_int_equal(r.status, sizes[i] <= 30000 ? 200 : 413);
            h2_reply_free(&r);
            h2_close(&h);
        }
    web_stop(&w);
}

static void body_that_came_at_once_is_counted(void **state)
{
    (void)state;
    struct web w;
    struct h2 h;
    struct h2_reply r = {0};
    struct text all = {0}, block = {0};
    start(&w, "");
    h2_open(&h, w.port);
    h2_block(&h, H2_POST("/echo"), &block);
    uint8_t head[9] = {0, 0, (uint8_t)block.n, NGHTTP2_HEADERS, H2_END_HEADERS, 0, 0, 0, 1};
    uint8_t data[9] = {0, 0, 4, NGHTTP2_DATA, H2_END_STREAM, 0, 0, 0, 1};
    text_add(&all, head, 9);
    text_add(&all, block.p, block.n);
    text_add(&all, data, 9);
    text_add(&all, "body", 4);
    assert_true(client_send(&h.c, all.p, all.n));
    assert_true(h2_read(&h, 1, &r, WAIT));
    assert_string_equal(text_str(&r.body), "body");
    char *seen = origin_last_head(w.o[0]);
    assert_true(matches(seen, "content-length: 4\r\n"));
    free(seen);
    text_free(&all);
    text_free(&block);
    h2_reply_free(&r);
    h2_close(&h);
    web_stop(&w);
}

static void interim_and_bodyless_replies(void **state)
{
    (void)state;
    struct web w;
    struct h2 h;
    start(&w, "");
    h2_open(&h, w.port);
    struct h2_reply r = ask(&h, 1, "/early/3");
    assert_int_equal(r.interim, 3);
    assert_int_equal(r.status, 200);
    h2_reply_free(&r);
    assert_true(h2_headers(&h, 3, H2_END_STREAM | H2_END_HEADERS,
                           ":method: HEAD\n:scheme: http\n:path: /bytes/100\n:authority: t\n"));
    assert_true(h2_read(&h, 3, &r, WAIT));
    assert_int_equal(r.body.n, 0);
    assert_true(matches(text_str(&r.head), "content-length: 100\n"));
    h2_reply_free(&r);
    static const int codes[] = {204, 304, 404, 500};
    for (uint32_t i = 0; i < 4; i++) {
        char *path = format_new("/status/%d", codes[i]);
        r = ask(&h, 5 + 2 * i, path);
        assert_int_equal(r.status, codes[i]);
        assert_true(r.ended);
        assert_int_equal(r.body.n > 0, i > 1 ? r.body.n > 0 : 0);
        h2_reply_free(&r);
        free(path);
    }
    assert_true(h2_headers(&h, 21, H2_END_HEADERS,
                           H2_POST("/echo") "content-length: 4\nexpect: 100-continue\n"));
    struct h2_frame f;
    while (!r.interim && h2_next(&h, &f, WAIT))
        h2_note(&h, &f, 21, &r);
    assert_int_equal(r.interim, 1);
    assert_true(h2_frame(&h, NGHTTP2_DATA, H2_END_STREAM, 21, "body", 4));
    assert_true(h2_read(&h, 21, &r, WAIT));
    assert_string_equal(text_str(&r.body), "body");
    h2_reply_free(&r);
    h2_close(&h);
    web_stop(&w);
}

static void many_streams_at_once(void **state)
{
    (void)state;
    enum { N = 100 };
    struct web w;
    struct h2 h;
    static struct h2_reply r[N];
    struct h2_frame f;
    unsigned ended = 0;
    start(&w, "");
    h2_open(&h, w.port);
    h.greedy = true;
    for (uint32_t i = 0; i < N; i++)
        assert_true(h2_get(&h, 2 * i + 1, i % 2 ? "/bytes/30000" : "/slow/50"));
    while (ended < N && h2_next(&h, &f, WAIT)) {
        uint32_t i = f.id / 2;
        assert_true(i < N);
        h2_note(&h, &f, f.id, &r[i]);
        ended += f.id && r[i].ended;
    }
    assert_int_equal(ended, N);
    for (uint32_t i = 0; i < N; i++) {
        assert_int_equal(r[i].status, 200);
        if (i % 2)
            check_pattern(&r[i], 30000);
        else
            h2_reply_free(&r[i]);
    }
    h2_close(&h);
    web_stop(&w);
}

static void slow_origin_holds_up_its_own_stream_only(void **state)
{
    (void)state;
    struct web w;
    struct h2 h;
    struct h2_reply r = {0};
    start(&w, "");
    h2_open(&h, w.port);
    assert_true(h2_headers(&h, 1, H2_END_HEADERS, H2_POST("/never")));
    for (uint32_t id = 3; id < 43; id += 2) /* uploads that nobody takes, a window each */
        assert_true(h2_headers(&h, id, H2_END_HEADERS, H2_POST("/stall/1000000")));
    h.greedy = true;
    for (uint32_t id = 3; id < 23; id += 2)
        assert_true(h2_pattern(&h, id, 0, 32768, 16384, false));
    for (uint32_t id = 101; id < 111; id += 2) {
        r = ask(&h, id, "/bytes/100000");
        check_pattern(&r, 100000);
    }
    h2_close(&h);
    web_stop(&w);
}

static void closed_window_holds_up_one_stream(void **state)
{
    (void)state;
    struct web w;
    struct h2 h;
    struct h2_reply slow = {0};
    struct h2_frame f;
    start(&w, "");
    h2_open(&h, w.port);
    assert_true(h2_window(&h, 0, 1 << 20));
    assert_true(h2_get(&h, 1, "/bytes/200000"));
    while (slow.body.n < 65535 && h2_next(&h, &f, WAIT))
        h2_note(&h, &f, 1, &slow);
    assert_int_equal(slow.body.n, 65535); /* and then its window is closed */
    struct h2_reply r = ask(&h, 3, "/bytes/60000");
    check_pattern(&r, 60000);
    assert_false(slow.ended);
    assert_true(h2_window(&h, 1, 1 << 20));
    assert_true(h2_read(&h, 1, &slow, WAIT));
    check_pattern(&slow, 200000);
    h2_close(&h);
    web_stop(&w);
}

static void failures_are_told_apart(void **state)
{
    (void)state;
    struct web w;
    struct h2 h;
    start(&w, "route path /no -> respond 403");
    h2_open(&h, w.port);
    h.greedy = true;
    struct h2_reply r = ask(&h, 1, "/cut/100000"); /* a truncated response must not look whole */
    assert_int_equal(r.status, 200);
    assert_true(r.reset);
    assert_int_equal(r.error, NGHTTP2_INTERNAL_ERROR);
    h2_reply_free(&r);
    r = ask(&h, 3, "/garbage");
    assert_int_equal(r.status, 502);
    assert_true(matches(text_str(&r.head), "x-lb-reason: bad-response"));
    h2_reply_free(&r);
    r = ask(&h, 5, "/no");
    assert_int_equal(r.status, 403);
    h2_reply_free(&r);
    assert_true(h2_headers(&h, 7, H2_END_HEADERS, H2_POST("/no"))); /* never ends its body */
    while (!r.reset && h2_read(&h, 7, &r, WAIT))
        r.ended = false;
    assert_int_equal(r.status, 403);
    assert_true(r.reset);
    assert_int_equal(r.error, NGHTTP2_NO_ERROR);
    h2_reply_free(&r);
    r = ask(&h, 9, "/");
    assert_int_equal(r.status, 200);
    h2_reply_free(&r);
    h2_close(&h);
    web_stop(&w);
}

static void reset_reaches_the_origin(void **state)
{
    (void)state;
    struct web w;
    struct h2 h;
    start(&w, "");
    h2_open(&h, w.port);
    assert_true(h2_get(&h, 1, "/never"));
    for (int i = 0; i < 100 && !origin_requests(w.o[0]); i++)
        sleep_ms(20);
    assert_true(h2_rst(&h, 1, NGHTTP2_CANCEL));
    web_wait_access(&w, "client-reset");
    for (int i = 0; i < 100 && origin_open(w.o[0]); i++)
        sleep_ms(20);
    assert_int_equal(origin_open(w.o[0]), 0);
    struct h2_reply r = ask(&h, 3, "/");
    assert_int_equal(r.status, 200);
    h2_reply_free(&r);
    h2_close(&h);
    web_stop(&w);
}

static void rapid_resets_end_the_connection_and_harm_nobody(void **state)
{
    (void)state;
    struct web w;
    struct h2 h, good;
    start(&w, "");
    struct load *load = load_start(&(struct load_opts){.port = w.port, .keepalive = 2});
    h2_open(&good, w.port);
    for (int round = 0; round < 3; round++) {
        struct h2_reply r = {0};
        h2_open(&h, w.port);
        for (uint32_t id = 1; id < 4000; id += 2)
            if (!h2_get(&h, id, "/slow/50") || !h2_rst(&h, id, NGHTTP2_CANCEL))
                break;
        (void)h2_read(&h, 4001, &r, WAIT);
        assert_true(!r.goaway || r.error == NGHTTP2_ENHANCE_YOUR_CALM);
        assert_true(r.goaway || r.closed);
        h2_reply_free(&r);
        h2_close(&h);
        r = ask(&good, (uint32_t)(1 + 2 * round), "/");
        assert_int_equal(r.status, 200);
        h2_reply_free(&r);
    }
    h2_close(&good);
    struct load_result l = load_stop(load);
    assert_int_equal(l.failed, 0);
    assert_true(l.done > 0);
    lb_wait_metric(&w.lb, "lb_frontend_h2_floods_total{frontend=\"web\"}", 3, WAIT);
    assert_true(origin_requests(w.o[0]) < l.done + 2000);
    web_stop(&w);
}

static void stop_drains(void **state)
{
    (void)state;
    struct web w;
    struct h2 h;
    struct h2_reply r = {0};
    start(&w, "");
    h2_open(&h, w.port);
    assert_true(h2_get(&h, 1, "/slow/600"));
    for (int i = 0; i < 100 && !origin_requests(w.o[0]); i++)
        sleep_ms(20);
    proc_signal(&w.lb.proc, 15);
    sleep_ms(200);
    assert_true(h2_read(&h, 1, &r, WAIT));
    assert_int_equal(r.status, 200);
    assert_true(r.goaway);
    assert_int_equal(r.error, NGHTTP2_NO_ERROR);
    h2_reply_free(&r);
    assert_int_equal(lb_wait_end(&w.lb, 10000), 0);
    h2_close(&h);
}

static void idle_connection_is_closed_in_order(void **state)
{
    (void)state;
    struct web w;
    struct h2 h;
    start(&w, "timeout idle 300ms");
    h2_open(&h, w.port);
    struct h2_reply r = ask(&h, 1, "/");
    assert_int_equal(r.status, 200);
    h2_reply_free(&r);
    assert_false(h2_read(&h, 3, &r, WAIT));
    assert_true(r.goaway);
    assert_int_equal(r.error, NGHTTP2_NO_ERROR);
    assert_true(r.closed);
    h2_reply_free(&r);
    h2_close(&h);
    web_stop(&w);
}

static void websocket_by_extended_connect(void **state)
{
    (void)state;
    struct web w;
    struct h2 h;
    struct h2_reply r = {0};
    struct h2_frame f;
    start(&w, "");
    h2_open(&h, w.port);
    assert_true(h2_headers(&h, 1, H2_END_HEADERS,
                           ":method: CONNECT\n:protocol: websocket\n:scheme: http\n"
                           ":path: /upgrade\n:authority: test\n"));
    while (!r.status && h2_next(&h, &f, WAIT))
        h2_note(&h, &f, 1, &r);
    assert_int_equal(r.status, 200);
    for (int i = 0; i < 3; i++) {
        assert_true(h2_frame(&h, NGHTTP2_DATA, 0, 1, "ping!", 5));
        while (r.body.n < 5 * ((size_t)i + 1) && h2_next(&h, &f, WAIT))
            h2_note(&h, &f, 1, &r);
    }
    assert_string_equal(text_str(&r.body), "ping!ping!ping!");
    assert_true(h2_frame(&h, NGHTTP2_DATA, H2_END_STREAM, 1, "", 0));
    assert_true(h2_read(&h, 1, &r, WAIT));
    h2_reply_free(&r);
    r = ask(&h, 3, "/");
    assert_int_equal(r.status, 200);
    h2_reply_free(&r);
    h2_close(&h);
    web_stop(&w);
}

static void the_usual_clients_are_served(void **state)
{
    (void)state;
    struct web w;
    start(&w, "");
    char *url = format_new("http://127.0.0.1:%u/bytes/100000", w.port);
    int status = 0;
    const char *const curl[] = {"curl",
                                "-sS",
                                "--http2-prior-knowledge",
                                "-o",
                                "/dev/null",
                                "-w",
                                "%{http_version} %{http_code} %{size_download}",
                                url,
                                NULL};
    char *out = proc_output(curl, &status, 10000);
    assert_string_equal(out, "2 200 100000");
    free(out);
    if (proc_available("h2load")) {
        const char *const load[] = {"h2load", "-n2000", "-c10", "-m20", url, NULL};
        out = proc_output(load, &status, 60000);
        assert_true(matches(out, "2000 succeeded, 0 failed, 0 errored"));
        free(out);
    }
    if (proc_available("nghttp")) {
        const char *const nghttp[] = {"nghttp", "-ns", "-m", "20", url, NULL};
        out = proc_output(nghttp, &status, 10000);
        assert_int_equal(status, 0);
        free(out);
    }
    free(url);
    web_stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        E2E_TEST(one_bind_speaks_both_protocols),
        E2E_TEST(request_reaches_the_origin_as_http1),
        E2E_TEST(bodies_down_come_whole),
        E2E_TEST(bodies_up_arrive_whole),
        E2E_TEST(bodies_up_are_bounded),
        E2E_TEST(body_that_came_at_once_is_counted),
        E2E_TEST(interim_and_bodyless_replies),
        E2E_TEST(many_streams_at_once),
        E2E_TEST(slow_origin_holds_up_its_own_stream_only),
        E2E_TEST(closed_window_holds_up_one_stream),
        E2E_TEST(failures_are_told_apart),
        E2E_TEST(reset_reaches_the_origin),
        E2E_TEST(rapid_resets_end_the_connection_and_harm_nobody),
        E2E_TEST(stop_drains),
        E2E_TEST(idle_connection_is_closed_in_order),
        E2E_TEST(websocket_by_extended_connect),
        E2E_TEST(the_usual_clients_are_served),
    };
    return cmocka_run_group_tests_name("h2", tests, NULL, NULL);
}
