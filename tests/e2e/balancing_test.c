/* balancing_test.c — which server gets a request: orders, shares, hashes, stickiness. */
#include "tests/e2e/lib/e2e.h"

/* Counts who answers n requests on one connection (and so, with one thread, of one worker). */
static void tally(struct web *w, unsigned n, unsigned count[WEB_ORIGINS + 1], const char *path)
{
    memset(count, 0, sizeof *count * (WEB_ORIGINS + 1));
    for (unsigned i = 0; i < n; i++) {
        unsigned who = 0;
        assert_int_equal(web_ask(w, "GET", path, NULL), 200);
        assert_int_equal(sscanf(reply_field(&w->r, "X-Origin"), "s%u", &who), 1);
        assert_in_range(who, 1, WEB_ORIGINS);
        count[who]++;
    }
}

static void round_robin_is_exact(void **state)
{
    (void)state;
    struct web w;
    unsigned n[WEB_ORIGINS + 1];
    web_start(&w, &(struct web_opts){.origins = 3, .threads = 1});
    tally(&w, 3000, n, "/");
    for (int i = 1; i <= 3; i++)
        assert_int_equal(n[i], 1000);
    assert_true(origin_connections(w.o[0]) <= 2);
    web_stop(&w);
}

static void round_robin_over_two_workers_is_fair(void **state)
{
    (void)state;
    struct web w;
    unsigned n[4] = {0};
    web_start(&w, &(struct web_opts){.origins = 3, .threads = 2});
    for (int i = 0; i < 600; i++)
        n[web_who(&w, "/", NULL) & 3]++;
    assert_int_equal(n[0], 0);
    for (int i = 1; i <= 3; i++)
        assert_in_range(n[i], 197, 203);
    web_stop(&w);
}

/* Smooth weighted round robin: 5:1:1 gives a a b a c a a, not a a a a a b c. */
static void weighted_round_robin_is_smooth(void **state)
{
    (void)state;
    struct lb lb = {.opts.threads = 1};
    struct origin *o[3];
    static const char *const names[] = {"a", "b", "c"};
    for (int i = 0; i < 3; i++)
        o[i] = origin_start(&(struct origin_opts){.name = names[i]});
    uint16_t port = port_new();
    lb_start(&lb,
             "frontend web { bind 127.0.0.1:%u; route -> app }\n"
             "backend app { balance weighted-round-robin; server a 127.0.0.1:%u { weight 5 }\n"
             "server b 127.0.0.1:%u { weight 1 }; server c 127.0.0.1:%u { weight 1 } }\n",
             port, origin_port(o[0]), origin_port(o[1]), origin_port(o[2]));
    struct client c;
    struct reply r = {0};
    struct text order = {0};
    unsigned a = 0, run = 0, longest = 0;
    assert_true(client_open(&c, port));
    for (int i = 0; i < 70; i++) {
        assert_true(http_exchange(&c, "GET", "/", NULL, &r));
        text_add(&order, reply_field(&r, "X-Origin"), 1);
        a += order.p[i] == 'a';
        run = order.p[i] == 'a' ? run + 1 : 0;
        longest = run > longest ? run : longest;
    }
    assert_int_equal(a, 50);
    assert_true(longest <= 4); /* a a across two rounds of a a b a c a a */
    for (int i = 7; i < 70; i++)
        assert_int_equal(order.p[i], order.p[i - 7]);
    text_free(&order);
    reply_free(&r);
    client_close(&c);
    lb_stop(&lb);
    for (int i = 0; i < 3; i++)
        origin_stop(o[i]);
}

static void hashes_keep_their_server(void **state)
{
    (void)state;
    static const char *const kinds[] = {"hash uri", "hash path", "hash header X-User"};
    for (size_t k = 0; k < 3; k++) {
        struct web w;
        unsigned used[WEB_ORIGINS + 1] = {0};
        web_start(&w, &(struct web_opts){.origins = 4, .balance = kinds[k]});
        for (int i = 0; i < 40; i++) {
            char path[32], field[32];
            (void)snprintf(path, sizeof path, "/item-%d", k < 2 ? i : 0);
            (void)snprintf(field, sizeof field, "X-User: u%d\r\n", i);
            unsigned first = web_who(&w, path, field);
            assert_in_range(first, 1, 4);
            used[first]++;
            for (int again = 0; again < 3; again++)
                assert_int_equal(web_who(&w, path, field), first);
        }
        for (int i = 1; i <= 4; i++)
            assert_true(used[i] > 0);
        web_stop(&w);
    }
}

static void source_hash_keeps_its_server(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, &(struct web_opts){.origins = 4, .balance = "source-hash"});
    unsigned first = web_who(&w, "/", NULL);
    for (int i = 0; i < 20; i++)
        assert_int_equal(web_who(&w, "/", NULL), first);
    web_stop(&w);
}

static void least_connections_avoids_the_busy(void **state)
{
    (void)state;
    struct web w;
    struct client slow[4];
    unsigned n[WEB_ORIGINS + 1];
    web_start(&w, &(struct web_opts){.origins = 2, .threads = 1, .balance = "least-connections"});
    for (int i = 0; i < 4; i++) { /* two on each */
        assert_true(client_open(&slow[i], w.port));
        assert_true(http_send(&slow[i], "GET", "/slow/1500", NULL, NULL, 0));
        sleep_ms(20);
    }
    assert_int_equal(origin_open(w.o[0]), 2);
    assert_int_equal(origin_open(w.o[1]), 2);
    client_reset(&slow[0]); /* frees one place */
    sleep_ms(100);
    tally(&w, 20, n, "/");
    assert_true(n[1] == 20 || n[2] == 20);
    for (int i = 1; i < 4; i++)
        client_close(&slow[i]);
    web_stop(&w);
}

static void every_policy_serves_all_servers(void **state)
{
    (void)state;
    static const char *const names[] = {"random",     "weighted-random",   "two-choices",
                                        "least-time", "least-connections", "weighted-round-robin"};
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        struct web w;
        unsigned n[WEB_ORIGINS + 1];
        web_start(&w, &(struct web_opts){.origins = 3, .threads = 1, .balance = names[k]});
        tally(&w, 200, n, "/");
        for (int i = 1; i <= 3 && strcmp(names[k], "least-time") != 0; i++)
            if (!n[i])
                fail_msg("%s gave nothing to s%d", names[k], i);
        web_stop(&w);
    }
}

static void sticky_cookie_keeps_the_server(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, &(struct web_opts){
                      .origins = 3, .backend = "sticky cookie LBSRV { http-only; same-site lax }"});
    unsigned seen[4] = {0};
    for (int i = 0; i < 9; i++) {
        struct reply r = {0};
        unsigned first = 0;
        assert_int_equal(http_get(w.port, "/", NULL, &r), 200);
        (void)sscanf(reply_field(&r, "X-Origin"), "s%u", &first);
        seen[first & 3]++;
        const char *set = reply_field(&r, "Set-Cookie");
        assert_true(matches(set, "^LBSRV=[^;]+; *.*HttpOnly"));
        assert_true(matches(set, "SameSite=[Ll]ax"));
        assert_false(matches(set, "127\\.0\\.0\\.1|s[123](;|$)"));
        char *fields = format_new("Cookie: a=b; %.*s; c=d\r\n", (int)strcspn(set, ";"), set);
        for (int again = 0; again < 5; again++)
            assert_int_equal(web_who(&w, "/", fields), first);
        assert_int_equal(http_get(w.port, "/", fields, &r), 200);
        assert_int_equal(head_count(text_str(&r.head), "Set-Cookie"), 0);
        free(fields);
        reply_free(&r);
    }
    assert_true(seen[1] && seen[2] && seen[3]);
    assert_int_not_equal(web_who(&w, "/", "Cookie: LBSRV=forged\r\n"), 0);
    web_stop(&w);
}

static void max_connections_of_a_server_is_kept(void **state)
{
    (void)state;
    struct web w;
    struct client c[6];
    web_start(&w, &(struct web_opts){.origins = 2,
                                     .threads = 1,
                                     .backend = "timeout queue 3s",
                                     .server = "{ max-connections 2 }"});
    for (int i = 0; i < 6; i++) {
        assert_true(client_open(&c[i], w.port));
        assert_true(http_send(&c[i], "GET", "/slow/400", NULL, NULL, 0));
    }
    sleep_ms(150);
    assert_true(origin_open(w.o[0]) <= 2 && origin_open(w.o[1]) <= 2);
    for (int i = 0; i < 6; i++) { /* the last two waited */
        struct reply r = {0};
        assert_true(http_read(&c[i], "GET", &r, CLIENT_WAIT_MS));
        assert_int_equal(r.status, 200);
        reply_free(&r);
        client_close(&c[i]);
    }
    web_stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        E2E_TEST(round_robin_is_exact),
        E2E_TEST(round_robin_over_two_workers_is_fair),
        E2E_TEST(weighted_round_robin_is_smooth),
        E2E_TEST(hashes_keep_their_server),
        E2E_TEST(source_hash_keeps_its_server),
        E2E_TEST(least_connections_avoids_the_busy),
        E2E_TEST(every_policy_serves_all_servers),
        E2E_TEST(sticky_cookie_keeps_the_server),
        E2E_TEST(max_connections_of_a_server_is_kept),
    };
    return cmocka_run_group_tests_name("balancing", tests, NULL, NULL);
}
