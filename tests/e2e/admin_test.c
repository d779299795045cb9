/* admin_test.c — the admin address and the demo: what people and scripts look at. */
#include "tests/e2e/lib/e2e.h"

#include <signal.h>

/* Pipes `text` to a command; fails the test unless it exits with 0. */
static void check_with(const char *command, const char *text)
{
    int status;
    char *dir = tmpdir_new(), *path = format_new("%s/in", dir);
    char *shell = format_new("%s <%s", command, path);
    file_write(path, text, strlen(text));
    char *out = proc_output((const char *const[]){"sh", "-c", shell, NULL}, &status, 10000);
    if (status != 0)
        fail_msg("%s: status %d: %s", command, status, out);
    free(out);
    free(shell);
    free(path);
    tmpdir_remove(dir);
}

static void counters_are_right(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, &(struct web_opts){.origins = 2});
    for (int i = 0; i < 10; i++)
        assert_int_not_equal(web_who(&w, "/", NULL), 0);
    for (int i = 0; i < 4; i++)
        (void)http_get(w.port, "/status/404", NULL, NULL);
    for (int i = 0; i < 2; i++)
        (void)http_get(w.port, "/status/503", NULL, NULL);
    lb_wait_metric(&w.lb, "lb_frontend_requests_total{frontend=\"web\"}", 16, 3000);
    lb_wait_metric(&w.lb, "lb_frontend_responses_total{frontend=\"web\",code=\"2xx\"}", 10, 3000);
    lb_wait_metric(&w.lb, "lb_frontend_responses_total{frontend=\"web\",code=\"4xx\"}", 4, 3000);
    lb_wait_metric(&w.lb, "lb_frontend_responses_total{frontend=\"web\",code=\"5xx\"}", 2, 3000);
    double s1 =
        lb_metric(&w.lb, "lb_server_responses_total{backend=\"app\",server=\"s1\",code=\"2xx\"}");
    double s2 =
        lb_metric(&w.lb, "lb_server_responses_total{backend=\"app\",server=\"s2\",code=\"2xx\"}");
    assert_true(s1 + s2 == 10 && s1 >= 3 && s2 >= 3);
    assert_true(lb_metric(&w.lb, "lb_server_up{backend=\"app\",server=\"s1\"}") == 1);
    web_stop(&w);
}

static void pages_are_well_formed(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, &(struct web_opts){.origins = 2, .backend = "check tcp { every 200ms }"});
    for (int i = 0; i < 5; i++)
        (void)web_who(&w, "/", NULL);
    assert_int_equal(http_get(w.lb.admin, "/metrics", NULL, &w.r), 200);
    assert_true(matches(reply_field(&w.r, "Content-Type"), "^text/plain; *version=0\\.0\\.4"));
    if (proc_available("promtool"))
        check_with("promtool check metrics", text_str(&w.r.body));
    assert_int_equal(http_get(w.lb.admin, "/stats.json", NULL, &w.r), 200);
    assert_true(matches(reply_field(&w.r, "Content-Type"), "^application/json"));
    check_with("python3 -m json.tool", text_str(&w.r.body));
    assert_int_equal(http_get(w.lb.admin, "/stats;csv", NULL, &w.r), 200);
    assert_true(matches(text_str(&w.r.body), "^# pxname,svname,"));
    assert_true(matches(text_str(&w.r.body), "^app,s1,"));
    assert_true(matches(text_str(&w.r.body), "^web,FRONTEND,"));
    assert_int_equal(http_get(w.lb.admin, "/nginx_status", NULL, &w.r), 200);
    assert_true(matches(text_str(&w.r.body), "^Active connections: [0-9]+"));
    assert_int_equal(http_get(w.lb.admin, "/", NULL, &w.r), 200);
    assert_true(matches(reply_field(&w.r, "Content-Type"), "^text/html"));
    assert_int_equal(http_get(w.lb.admin, "/healthz", NULL, &w.r), 200);
    assert_int_equal(http_get(w.lb.admin, "/readyz", NULL, &w.r), 200);
    assert_int_equal(http_get(w.lb.admin, "/nothing", NULL, &w.r), 404);
    web_stop(&w);
}

static void draining_is_not_ready(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, NULL);
    assert_true(http_send(web_client(&w), "GET", "/slow/1500", NULL, NULL, 0));
    sleep_ms(150);
    proc_signal(&w.lb.proc, SIGTERM);
    sleep_ms(200);
    int ready = http_get(w.lb.admin, "/readyz", NULL, NULL);
    assert_true(ready == 503 || ready == 0);
    assert_true(http_read(&w.c, "GET", &w.r, CLIENT_WAIT_MS));
    web_stop(&w);
}

static void access_log_tells_the_exchange(void **state)
{
    (void)state;
    static const char *const forms[] = {"text", "json"};
    for (int i = 0; i < 2; i++) {
        struct origin *o = origin_start(NULL);
        struct lb lb = {0};
        uint16_t port = port_new();
        lb_start(&lb,
                 "frontend web { bind 127.0.0.1:%u; timeout client 5s; route -> app\n"
                 "  access-log %s \"${E2E_DIR}/access.log\" }\n"
                 "backend app { timeout connect 1s; timeout server 5s; server s1 127.0.0.1:%u }\n",
                 port, forms[i], origin_port(o));
        assert_int_equal(http_get(port, "/status/404?q=\"x\"", NULL, NULL), 404);
        lb_wait_file(&lb, "access.log", "GET.*/status/404.*404.*", 5000);
        char *log = lb_file(&lb, "access.log");
        static const char *const words[] = {"127\\.0\\.0\\.1", "web", "app", "s1", "ok", "GET"};
        for (size_t k = 0; k < sizeof words / sizeof *words; k++)
            if (!matches(log, words[k]))
                fail_msg("no %s in %s", words[k], log);
        if (i == 1)
            check_with("python3 -c 'import json,sys; [json.loads(l) for l in sys.stdin]'", log);
        free(log);
        lb_stop(&lb);
        origin_stop(o);
    }
}

static void usr1_reopens_the_log(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, NULL);
    assert_int_equal(web_ask(&w, "GET", "/before", NULL), 200);
    web_wait_access(&w, "/before");
    char *from = format_new("%s/access.log", w.lb.dir), *to = format_new("%s/old.log", w.lb.dir);
    assert_int_equal(rename(from, to), 0);
    proc_signal(&w.lb.proc, SIGUSR1);
    for (uint64_t end = now_ms() + 5000; now_ms() < end; sleep_ms(50)) {
        assert_int_equal(web_ask(&w, "GET", "/after", NULL), 200);
        struct text t = file_read(from);
        bool there = t.n > 0;
        text_free(&t);
        if (there)
            break;
    }
    web_wait_access(&w, "/after");
    free(from);
    free(to);
    web_stop(&w);
}

/* `lb demo` uses the fixed ports of lb.conf: skipped where something else has them. */
static void demo_serves_what_it_prints(void **state)
{
    (void)state;
    static const uint16_t ports[] = {8080, 8081, 8404, 9001, 9002, 9003, 9004};
    struct client c;
    for (size_t i = 0; i < sizeof ports / sizeof *ports; i++)
        if (client_open(&c, ports[i])) {
            client_close(&c);
            (void)fprintf(stderr, "port %u is taken\n", ports[i]);
            skip();
        }
    char *dir = tmpdir_new(), *log = format_new("%s/log", dir);
    struct proc p =
        proc_start((const char *const[]){lb_path(), "demo", NULL}, &(struct proc_opts){.log = log});
    uint64_t end = now_ms() + 10000;
    while (now_ms() < end && http_get(8404, "/readyz", NULL, NULL) != 200)
        sleep_ms(20);
    struct reply r = {0};
    assert_int_equal(http_get(8080, "/tour", NULL, &r), 200);
    assert_true(matches(text_str(&r.body), "^origin s[123]"));
    assert_true(client_open(&c, 8081));
    assert_true(client_until(&c, "comes back\n", CLIENT_WAIT_MS));
    client_close(&c);
    struct text said = file_read(log);
    assert_true(matches(text_str(&said), "curl.*127\\.0\\.0\\.1:8080"));
    assert_true(matches(text_str(&said), "8081"));
    assert_true(matches(text_str(&said), "8404"));
    text_free(&said);
    reply_free(&r);
    assert_int_equal(proc_stop(&p, SIGTERM, 20000), 0);
    free(log);
    tmpdir_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        E2E_TEST(counters_are_right),    E2E_TEST(pages_are_well_formed),
        E2E_TEST(draining_is_not_ready), E2E_TEST(access_log_tells_the_exchange),
        E2E_TEST(usr1_reopens_the_log),  E2E_TEST(demo_serves_what_it_prints),
    };
    return cmocka_run_group_tests_name("admin", tests, NULL, NULL);
}
