/* routing_test.c — which backend a request gets, and what lb answers by itself. */
#include "tests/e2e/lib/e2e.h"

/* Origins s1 … s5 are the only servers of backends b1 … b5. */
struct routes {
    struct lb lb;
    struct origin *o[5];
    uint16_t port;
};

static void routes_start(struct routes *t, const char *routes)
{
    static const char *const names[] = {"s1", "s2", "s3", "s4", "s5"};
    struct text conf = {0};
    *t = (struct routes){.port = port_new()};
    text_addf(&conf,
              "defaults { timeout connect 1s; timeout client 5s; timeout server 5s }\n"
              "frontend web { bind 127.0.0.1:%u; access-log text \"${E2E_DIR}/access.log\"\n%s }\n",
              t->port, routes);
    for (int i = 0; i < 5; i++) {
        t->o[i] = origin_start(&(struct origin_opts){.name = names[i]});
        text_addf(&conf, "backend b%d { server %s 127.0.0.1:%u }\n", i + 1, names[i],
                  origin_port(t->o[i]));
    }
    lb_start(&t->lb, "%s", conf.p);
    text_free(&conf);
}

static void routes_stop(struct routes *t)
{
    lb_stop(&t->lb);
    for (int i = 0; i < 5; i++)
        origin_stop(t->o[i]);
}

/* The number of the origin that answers, or 1000 + status when it is not 200. */
static unsigned who(const struct routes *t, const char *method, const char *path,
                    const char *fields)
{
    struct client c;
    struct reply r = {0};
    unsigned n = 0;
    assert_true(client_open(&c, t->port));
    if (!http_exchange(&c, method, path, fields, &r))
        fail_msg("no reply to %s %s", method, path);
    if (r.status != 200)
        n = 1000 + (unsigned)r.status;
    else
        (void)sscanf(reply_field(&r, "X-Origin"), "s%u", &n);
    client_close(&c);
    reply_free(&r);
    return n;
}

static void conditions_choose_the_backend(void **state)
{
    (void)state;
    static const struct {
        const char *method, *path, *fields;
        unsigned want;
    } cases[] = {
        {"GET", "/", "Host: app.example.com\r\n", 1},
        {"GET", "/", "Host: APP.Example.COM\r\n", 1},
        {"GET", "/", "Host: app.example.com:8080\r\n", 1},
        {"GET", "/", "Host: app.example.com.\r\n", 1},
        {"GET", "/v1/users", "Host: api.example.com\r\n", 2},
        {"GET", "/v1/", "Host: api.example.com\r\n", 2},
        {"GET", "/v1", "Host: api.example.com\r\n", 3},
        {"GET", "/v1/users?a=b", "Host: api.example.com\r\n", 2},
        {"GET", "/v2", "Host: api.example.com\r\n", 3},
        {"GET", "/", "Host: x.y.example.com\r\n", 3},
        {"GET", "/", "Host: example.com\r\n", 1421},
        {"GET", "/", "Host: other.org\r\n", 1421},
        {"POST", "/form", "Host: other.org\r\nContent-Length: 0\r\n", 4},
        {"PUT", "/form", "Host: other.org\r\nContent-Length: 0\r\n", 4},
        {"GET", "/form", "Host: other.org\r\n", 1421},
        {"GET", "/", "Host: other.org\r\nX-Canary: yes\r\n", 5},
        {"GET", "/", "Host: other.org\r\nX-Canary: no\r\n", 1421},
    };
    struct routes t;
    routes_start(&t, "route host app.example.com -> b1\n"
                     "route host api.example.com path /v1/* -> b2\n"
                     "route host *.example.com -> b3\n"
                     "route method POST PUT path /form -> b4\n"
                     "route header X-Canary yes -> b5\n");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        unsigned got = who(&t, cases[i].method, cases[i].path, cases[i].fields);
        if (got != cases[i].want)
            fail_msg("%u, not %u for %s %s with %s", got, cases[i].want, cases[i].method,
                     cases[i].path, cases[i].fields);
    }
    lb_wait_file(&t.lb, "access.log", "no-route", 5000);
    routes_stop(&t);
}

static void order_decides_and_otherwise_comes_last(void **state)
{
    (void)state;
    struct routes t;
    routes_start(&t, "otherwise -> b5\n"
                     "route path /a /b -> b1\n"
                     "route path /a/* -> b2\n"
                     "route path /* host special -> b3\n");
    assert_int_equal(who(&t, "GET", "/a", NULL), 1);
    assert_int_equal(who(&t, "GET", "/b", NULL), 1);
    assert_int_equal(who(&t, "GET", "/a/x", "Host: special\r\n"), 2);
    assert_int_equal(who(&t, "GET", "/c", "Host: special\r\n"), 3);
    assert_int_equal(who(&t, "GET", "/c", NULL), 5);
    assert_int_equal(who(&t, "GET", "http://special/c", "Host: special\r\n"), 3);
    routes_stop(&t);
}

static void lb_answers_by_itself(void **state)
{
    (void)state;
    struct routes t;
    struct reply r = {0};
    routes_start(&t, "route path /old/* -> redirect 301 \"/new/\"\n"
                     "route path /move -> redirect 308 \"https://$host$uri\"\n"
                     "route path /teapot -> respond 418\n"
                     "route path /gone -> respond 410\n"
                     "route -> b1\n");
    assert_int_equal(http_get(t.port, "/old/thing", NULL, &r), 301);
    assert_string_equal(reply_field(&r, "Location"), "/new/");
    assert_int_equal(http_get(t.port, "/move?a=1", "Host: h.example\r\n", &r), 308);
    assert_string_equal(reply_field(&r, "Location"), "https://h.example/move?a=1");
    assert_int_equal(http_get(t.port, "/teapot", NULL, &r), 418);
    assert_int_equal(http_get(t.port, "/gone", NULL, &r), 410);
    assert_int_equal(http_get(t.port, "/", NULL, &r), 200);
    assert_int_equal(origin_requests(t.o[0]), 1);
    lb_wait_file(&t.lb, "access.log", "route-reply", 5000);
    reply_free(&r);
    routes_stop(&t);
}

static void own_replies_keep_the_connection(void **state)
{
    (void)state;
    struct routes t;
    struct client c;
    struct reply r = {0};
    routes_start(&t, "route path /x -> respond 404\nroute host known -> b1\n");
    assert_true(client_open(&c, t.port));
    for (int i = 0; i < 3; i++) {
        assert_true(http_exchange(&c, "GET", "/x", NULL, &r));
        assert_int_equal(r.status, 404);
        assert_true(http_exchange(&c, "GET", "/y", "Host: known\r\n", &r));
        assert_int_equal(r.status, 200);
    }
    assert_true(http_exchange(&c, "HEAD", "/x", NULL, &r));
    assert_int_equal(r.status, 404);
    assert_true(client_silent(&c, 30));
    client_close(&c);
    reply_free(&r);
    routes_stop(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        E2E_TEST(conditions_choose_the_backend),
        E2E_TEST(order_decides_and_otherwise_comes_last),
        E2E_TEST(lb_answers_by_itself),
        E2E_TEST(own_replies_keep_the_connection),
    };
    return cmocka_run_group_tests_name("routing", tests, NULL, NULL);
}
