/* reload_test.c — new configurations take over without a request, connection or counter lost. */
#include "tests/e2e/lib/e2e.h"

#include <signal.h>

static bool is_sanitized(void)
{
    return matches(lb_path(), "/(asan|tsan)/");
}

static void check_load(const struct load_result *r)
{
    if (r->failed || r->socket_broken)
        fail_msg("%u of %u requests failed%s; first: %s", r->failed, r->done + r->failed,
                 r->socket_broken ? ", WebSocket lost" : "", r->first);
    assert_true(r->done > 100);
    assert_true(r->echoes > 10);
    assert_int_equal(r->reopened, 0); /* the listener stays, and so do its connections */
}

/* Reloads with other balancers, servers, timeouts, frontends and binds in turn. */
static void reload_variant(struct web *w, int i, const uint16_t *extra)
{
    static const char *const balance[] = {"round-robin", "least-connections", "hash uri",
                                          "weighted-round-robin"};
    struct web_opts o = w->opts;
    o.balance = balance[i % 4];
    o.backend = i % 3 ? "timeout server 4s" : "check tcp { every 200ms }";
    o.origins = 1 + (unsigned)i % 3;
    o.server = i % 5 ? NULL : "{ weight 2 }";
    char *more = format_new("frontend extra%d { bind 127.0.0.1:%u; route -> other }\n"
                            "backend other { server x%d 127.0.0.1:%u }",
                            i % 7, extra[i % 2], i, w->oport[i % 3]);
    o.more = i % 4 ? more : NULL;
    char *conf = web_conf(w, &o);
    lb_reload(&w->lb, "%s", conf);
    free(conf);
    if (o.more)
        assert_int_equal(http_get(extra[i % 2], "/", NULL, NULL), 200);
    free(more);
}

static void many_reloads_under_load(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, &(struct web_opts){.origins = 3});
    struct load *l = load_start(&(struct load_opts){
        .port = w.port, .keepalive = 3, .fresh = 2, .websocket = true, .pause_ms = 2});
    const uint16_t extra[2] = {port_new(), port_new()};
    size_t warm = 0;
    for (int i = 0; i < 120; i++) {
        reload_variant(&w, i, extra);
        if (i == 20)
            warm = proc_rss_kib(&w.lb.proc);
    }
    size_t after = proc_rss_kib(&w.lb.proc);
    unsigned files = proc_open_files(&w.lb.proc);
    struct load_result r = load_stop(l);
    check_load(&r);
    if (!is_sanitized() && after > warm + 4096)
        fail_msg("resident memory grew from %zu to %zu KiB", warm, after);
    assert_true(files < 120);
    web_stop(&w);
}

static void bad_file_changes_nothing(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, &(struct web_opts){.origins = 2});
    struct load *l = load_start(&(struct load_opts){
        .port = w.port, .keepalive = 1, .fresh = 1, .websocket = true, .pause_ms = 2});
    lb_write(&w.lb, "frontend web { bind 127.0.0.1:%u; route -> nowhere }\n", w.port);
    lb_wait_log(&w.lb, "nowhere", 5000);
    lb_write(&w.lb, "frontend web { unbalanced\n");
    sleep_ms(300);
    assert_false(proc_wait(&w.lb.proc, 0));
    assert_int_not_equal(web_who(&w, "/", NULL), 0);
    struct origin *taken = origin_start(NULL); /* prepare fails on its address: nothing changes */
    lb_write(&w.lb,
             "frontend web { bind 127.0.0.1:%u, 127.0.0.1:%u; route -> redirect 302 \"/new\" }\n",
             w.port, origin_port(taken));
    lb_wait_log(&w.lb, "in use", 5000);
    assert_int_not_equal(web_who(&w, "/", NULL), 0);
    origin_stop(taken);
    reload_variant(&w, 0, (uint16_t[]){port_new(), port_new()}); /* and a good one still works */
    struct load_result r = load_stop(l);
    check_load(&r);
    web_stop(&w);
}

static void servers_come_and_go(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, &(struct web_opts){.origins = 3});
    struct web_opts one = w.opts;
    one.origins = 1;
    char *conf = web_conf(&w, &one);
    lb_reload(&w.lb, "%s", conf);
    free(conf);
    for (int i = 0; i < 10; i++)
        assert_int_equal(web_who(&w, "/", NULL), 1);
    assert_true(lb_metric(&w.lb, "lb_server_up{backend=\"app\",server=\"s2\"}") < 0);
    conf = web_conf(&w, &w.opts);
    lb_reload(&w.lb, "%s", conf);
    free(conf);
    unsigned seen[4] = {0};
    for (int i = 0; i < 30; i++)
        seen[web_who(&w, "/", NULL) & 3]++;
    assert_true(!seen[0] && seen[1] && seen[2] && seen[3]);
    web_stop(&w);
}

static void binds_come_and_go(void **state)
{
    (void)state;
    struct web w;
    struct client kept;
    web_start(&w, NULL);
    uint16_t old = w.port, fresh = port_new();
    assert_int_equal(web_ask(&w, "GET", "/", NULL), 200);
    kept = w.c;
    w.c = (struct client){.fd = -1};
    w.port = fresh;
    char *conf = web_conf(&w, &w.opts);
    lb_reload(&w.lb, "%s", conf);
    free(conf);
    assert_int_equal(http_get(fresh, "/", NULL, NULL), 200);
    assert_int_equal(http_get(old, "/", NULL, NULL), 0);
    client_close(&kept);
    web_stop(&w);
}

static void counters_and_health_survive(void **state)
{
    (void)state;
    const char *series = "lb_frontend_requests_total{frontend=\"web\"}";
    struct web w;
    struct web_opts o = {.origins = 2, .backend = "check tcp { every 100ms; fall 2; rise 100 }"};
    web_start(&w, &o);
    for (int i = 0; i < 40; i++)
        assert_int_not_equal(web_who(&w, "/", NULL), 0);
    lb_wait_metric(&w.lb, series, 40, 3000);
    web_origin_stop(&w, 0);
    lb_wait_server(&w.lb, "app", "s1", false, 3000);
    web_origin_start(&w, 0);
    char *conf = web_conf(&w, &o);
    lb_reload(&w.lb, "%s", conf);
    free(conf);
    assert_true(lb_metric(&w.lb, series) == 40);
    for (int i = 0; i < 6; i++) /* s1 is still down: its rise is not reached */
        assert_int_equal(web_who(&w, "/", NULL), 2);
    web_stop(&w);
}

static void exchange_under_way_keeps_its_configuration(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, NULL);
    assert_true(http_send(web_client(&w), "GET", "/slow/800", NULL, NULL, 0));
    sleep_ms(100);
    lb_reload(&w.lb, "frontend web { bind 127.0.0.1:%u; route -> respond 404 }\n", w.port);
    assert_int_equal(http_get(w.port, "/", NULL, NULL), 404);
    assert_true(http_read(&w.c, "GET", &w.r, CLIENT_WAIT_MS));
    assert_int_equal(w.r.status, 200);
    assert_string_equal(text_str(&w.r.body), "s1");
    web_stop(&w);
}

static void term_lets_exchanges_finish(void **state)
{
    (void)state;
    static const int signals[] = {SIGTERM, SIGINT};
    for (int i = 0; i < 2; i++) {
        struct web w;
        web_start(&w, NULL);
        assert_true(http_send(web_client(&w), "GET", "/slow/800", NULL, NULL, 0));
        sleep_ms(150);
        proc_signal(&w.lb.proc, signals[i]);
        sleep_ms(200);
        assert_int_equal(http_get(w.port, "/", NULL, NULL), 0); /* no longer listening */
        assert_true(http_read(&w.c, "GET", &w.r, CLIENT_WAIT_MS));
        assert_int_equal(w.r.status, 200);
        assert_true(w.r.complete);
        assert_true(client_ends(&w.c, 2000));
        web_stop(&w);
    }
}

static void second_term_stops_at_once(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, NULL);
    assert_true(http_send(web_client(&w), "GET", "/never", NULL, NULL, 0));
    sleep_ms(150);
    uint64_t begin = now_ms();
    proc_signal(&w.lb.proc, SIGTERM);
    sleep_ms(200);
    assert_false(proc_wait(&w.lb.proc, 0));
    proc_signal(&w.lb.proc, SIGTERM);
    assert_true(proc_wait(&w.lb.proc, 3000));
    assert_true(now_ms() - begin < 2500);
    web_stop(&w);
}

static void drain_timeout_bounds_the_wait(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, NULL);
    assert_true(http_send(web_client(&w), "GET", "/never", NULL, NULL, 0));
    sleep_ms(150);
    uint64_t begin = now_ms();
    proc_signal(&w.lb.proc, SIGTERM);
    assert_true(proc_wait(&w.lb.proc, 10000)); /* drain-timeout is 3 s, see lb.c */
    assert_in_range(now_ms() - begin, 2500, 6000);
    web_stop(&w);
}

/* A removed bind is closed even while an exchange that began under it goes on, and may come back.
 */
static void removed_bind_closes_under_a_long_exchange(void **state)
{
    (void)state;
    struct web w;
    struct client c, gone, idle;
    uint16_t second = port_new();
    web_start(&w, NULL);
    struct web_opts o = w.opts;
    char *more = format_new("frontend second { bind 127.0.0.1:%u; route -> app }", second);
    o.more = more;
    char *with = web_conf(&w, &o), *without = web_conf(&w, &w.opts);
    lb_reload(&w.lb, "%s", with);
    assert_true(client_open(&c, second) && client_open(&idle, second));
    assert_true(http_exchange(&idle, "GET", "/", NULL, &w.r));
    reply_free(&w.r);
    assert_true(http_send(&c, "GET", "/upgrade", "Connection: upgrade\r\nUpgrade: x\r\n", NULL, 0));
    assert_true(http_read_head(&c, &w.r, 5000));
    assert_int_equal(w.r.status, 101);
    for (int round = 0; round < 3; round++) {
        lb_reload(&w.lb, "%s", without);
        assert_false(client_open(&gone, second));
        lb_reload(&w.lb, "%s", with);
        assert_int_equal(http_get(second, "/", NULL, NULL), 200);
        assert_true(client_sendf(&c, "still here"));
        assert_true(client_expect(&c, "still here"));
    }
    client_close(&idle);
    client_close(&c);
    web_stop(&w);
    free(more);
    free(with);
    free(without);
}

/* Connections go on under another frontend when their bind moves there; both sides' counts balance.
 */
static void bind_moves_with_its_connections(void **state)
{
    (void)state;
    struct web w;
    uint16_t other = port_new();
    web_start(&w, NULL);
    struct web_opts o = w.opts;
    assert_int_equal(web_ask(&w, "GET", "/", NULL), 200); /* and stays open */
    uint16_t web_port = w.port;
    char *more = format_new("frontend heir { bind 127.0.0.1:%u; route -> app }", web_port);
    o.more = more;
    w.port = other;
    char *conf = web_conf(&w, &o);
    lb_reload(&w.lb, "%s", conf);
    w.port = web_port;
    assert_int_equal(web_ask(&w, "GET", "/", NULL), 200);
    client_close(&w.c);
    static const char *const names[] = {"web", "heir"};
    for (int i = 0; i < 2; i++) {
        char series[96], closed[96];
        (void)snprintf(series, sizeof series, "lb_frontend_connections_total{frontend=\"%s\"}",
                       names[i]);
        (void)snprintf(closed, sizeof closed,
                       "lb_frontend_connections_closed_total{frontend=\"%s\"}", names[i]);
        double opened = lb_metric(&w.lb, series);
        assert_true(opened >= 1);
        lb_wait_metric(&w.lb, closed, opened, 5000);
    }
    web_stop(&w);
    free(more);
    free(conf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        E2E_TEST(many_reloads_under_load),
        E2E_TEST(bad_file_changes_nothing),
        E2E_TEST(servers_come_and_go),
        E2E_TEST(binds_come_and_go),
        E2E_TEST(counters_and_health_survive),
        E2E_TEST(exchange_under_way_keeps_its_configuration),
        E2E_TEST(term_lets_exchanges_finish),
        E2E_TEST(second_term_stops_at_once),
        E2E_TEST(drain_timeout_bounds_the_wait),
        E2E_TEST(removed_bind_closes_under_a_long_exchange),
        E2E_TEST(bind_moves_with_its_connections),
    };
    return cmocka_run_group_tests_name("reload", tests, NULL, NULL);
}
