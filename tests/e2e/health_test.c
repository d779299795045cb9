/* health_test.c — servers go down and come back: active checks, backups, ejection by traffic. */
#include "tests/e2e/lib/e2e.h"

/* What serve_sick does, by origin port: set by tests, read by origin threads. */
static atomic_bool sick[65536];

/* /healthz tells how the origin is; every other path works as usual. */
static void serve_sick(struct visit *v)
{
    struct request r = {0};
    while (visit_request(v, &r)) {
        bool ill = atomic_load(&sick[origin_port(v->o)]);
        if (strcmp(r.path, "/healthz") == 0)
            (void)visit_reply(v, ill ? 503 : 200, NULL, NULL, 0);
        else
            (void)visit_reply(v, strcmp(r.path, "/fail") == 0 && ill ? 500 : 200, NULL, "ok", 2);
    }
    request_free(&r);
}

static void expect_only(struct web *w, unsigned who)
{
    for (int i = 0; i < 10; i++)
        assert_int_equal(web_who(w, "/", NULL), who);
}

static void refused_server_is_marked_down_and_up_again(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, &(struct web_opts){.origins = 2,
                                     .backend = "check tcp { every 100ms; timeout 100ms; "
                                                "fall 2; rise 3 }"});
    lb_wait_server(&w.lb, "app", "s1", true, 3000);
    lb_wait_server(&w.lb, "app", "s2", true, 3000);
    uint64_t begin = now_ms();
    web_origin_stop(&w, 0);
    lb_wait_server(&w.lb, "app", "s1", false, 3000);
    assert_true(now_ms() - begin < 1500);
    expect_only(&w, 2);
    lb_wait_log(&w.lb, "s1", 1000);
    begin = now_ms();
    web_origin_start(&w, 0);
    lb_wait_server(&w.lb, "app", "s1", true, 3000);
    assert_true(now_ms() - begin >= 150); /* three good ones in a row first */
    unsigned n[3] = {0};
    for (int i = 0; i < 20; i++)
        n[web_who(&w, "/", NULL) % 3]++;
    assert_true(n[1] && n[2]);
    web_stop(&w);
}

static void http_check_looks_at_the_status(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, &(struct web_opts){.origins = 2,
                                     .serve = serve_sick,
                                     .backend = "check http GET /healthz { host checked.example; "
                                                "expect status 200-399; every 100ms; "
                                                "timeout 200ms; fall 2; rise 2 }"});
    for (uint64_t end = now_ms() + 3000; origin_requests(w.o[1]) == 0 && now_ms() < end;)
        sleep_ms(10);
    char *head = origin_last_head(w.o[1]);
    assert_true(matches(head, "^GET /healthz HTTP/1"));
    assert_true(matches(head, "^Host: checked\\.example"));
    free(head);
    atomic_store(&sick[w.oport[1]], true);
    lb_wait_server(&w.lb, "app", "s2", false, 3000);
    expect_only(&w, 1);
    atomic_store(&sick[w.oport[1]], false);
    lb_wait_server(&w.lb, "app", "s2", true, 3000);
    web_stop(&w);
}

/* Accepts and says nothing: the check's own time limit must find it out. */
static void serve_silence(struct visit *v)
{
    (void)client_ends(&v->c, 60000);
}

static void silent_server_fails_its_http_check(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, &(struct web_opts){.serve = serve_silence,
                                     .backend = "check http GET / { every 100ms; timeout 150ms; "
                                                "fall 2; rise 2 }"});
    lb_wait_server(&w.lb, "app", "s1", false, 3000);
    assert_int_equal(http_get(w.port, "/", NULL, &w.r), 503);
    assert_string_equal(reply_field(&w.r, "X-Lb-Reason"), "no-server");
    assert_true(*reply_field(&w.r, "X-Request-Id"));
    web_wait_access(&w, "no-server");
    web_stop(&w);
}

static void all_down_may_ignore_health(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, &(struct web_opts){.origins = 2,
                                     .serve = serve_sick,
                                     .backend = "all-down ignore-health\n"
                                                "check http GET /healthz { every 100ms; "
                                                "timeout 200ms; fall 1; rise 1 }"});
    atomic_store(&sick[w.oport[0]], true);
    atomic_store(&sick[w.oport[1]], true);
    lb_wait_server(&w.lb, "app", "s1", false, 3000);
    lb_wait_server(&w.lb, "app", "s2", false, 3000);
    for (int i = 0; i < 10; i++)
        assert_int_not_equal(web_who(&w, "/", NULL), 0);
    web_stop(&w);
}

static void backup_serves_only_when_all_others_are_down(void **state)
{
    (void)state;
    struct lb lb = {0};
    struct origin *main_o = origin_start(&(struct origin_opts){.name = "s1"});
    struct origin *backup = origin_start(&(struct origin_opts){.name = "s2"});
    uint16_t port = port_new(), mport = origin_port(main_o);
    struct web w = {.port = port};
    lb_start(&lb,
             "frontend web { bind 127.0.0.1:%u; route -> app }\n"
             "backend app { check tcp { every 100ms; timeout 100ms; fall 2; rise 2 }\n"
             "timeout connect 1s\nserver s1 127.0.0.1:%u\n"
             "server s2 127.0.0.1:%u { backup } }\n",
             port, mport, origin_port(backup));
    expect_only(&w, 1);
    origin_stop(main_o);
    lb_wait_server(&lb, "app", "s1", false, 3000);
    expect_only(&w, 2);
    main_o = origin_start(&(struct origin_opts){.name = "s1", .port = mport});
    lb_wait_server(&lb, "app", "s1", true, 3000);
    expect_only(&w, 1);
    lb_stop(&lb);
    origin_stop(main_o);
    origin_stop(backup);
}

static void servers_may_start_down(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, &(struct web_opts){.origins = 1,
                                     .serve = serve_silence,
                                     .backend = "check http GET / { every 5s; timeout 4s; "
                                                "start down }"});
    assert_int_equal(http_get(w.port, "/", NULL, &w.r), 503);
    web_stop(&w);
}

static void traffic_ejects_a_failing_server(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, &(struct web_opts){.origins = 3,
                                     .serve = serve_sick,
                                     .backend = "passive { failures 3; count-5xx on; eject 1s }"});
    atomic_store(&sick[w.oport[2]], true);
    unsigned failed = 0;
    for (int i = 0; i < 30; i++)
        failed += web_who(&w, "/fail", NULL) == 0;
    assert_true(failed >= 3);
    lb_wait_server(&w.lb, "app", "s3", false, 2000);
    for (int i = 0; i < 12; i++)
        assert_int_not_equal(web_who(&w, "/fail", NULL), 0);
    atomic_store(&sick[w.oport[2]], false);
    lb_wait_server(&w.lb, "app", "s3", true, 5000);
    web_stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        E2E_TEST(refused_server_is_marked_down_and_up_again),
        E2E_TEST(http_check_looks_at_the_status),
        E2E_TEST(silent_server_fails_its_http_check),
        E2E_TEST(all_down_may_ignore_health),
        E2E_TEST(backup_serves_only_when_all_others_are_down),
        E2E_TEST(servers_may_start_down),
        E2E_TEST(traffic_ejects_a_failing_server),
    };
    return cmocka_run_group_tests_name("health", tests, NULL, NULL);
}
