/* config_load_test.c — what the tree holds after a load; for messages see config_golden_test.c. */
#include "config/diag.h"
#include "tests/config_plugins.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static struct diag *diag;

static int setup(void **state)
{
    (void)state;
    diag = diag_new();
    return diag ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    diag_free(diag);
    return 0;
}

static struct cfg *load(const char *text)
{
    struct cfg *c = cfg_load_text("test.conf", text, strlen(text), &test_plugins, diag);
    if (!c)
        diag_print(diag, stderr, false);
    assert_non_null(c);
    return c;
}

static bool has_code(const char *code)
{
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);
    diag_print_json(diag, f);
    fclose(f);
    bool found = strstr(text, code) != NULL;
    free(text);
    return found;
}

static void test_smallest(void **state)
{
    (void)state;
    struct cfg *c = load(
        "global { threads 1 }\n"
        "frontend web { mode http; bind 127.0.0.1:8080; route -> app; timeout client 5s }\n"
        "backend app { balance round-robin; server s1 127.0.0.1:9001; server s2 127.0.0.1:9002;"
        " timeout connect 2s; timeout server 3s }\n"
        "admin { http 127.0.0.1:8404 }\n");
    assert_int_equal(diag_warnings(diag), 0);
    assert_int_equal(c->global.threads, 1);
    assert_int_equal(c->nfrontends, 1);
    assert_int_equal(c->frontends[0].timeouts.client, 5000);
    assert_int_equal(c->frontends[0].otherwise.status, 421);
    assert_int_equal(c->frontends[0].routes[0].backend, 0);
    assert_int_equal(c->backends[0].nservers, 2);
    assert_int_equal(c->backends[0].timeouts.server, 3000);
    assert_int_equal(c->backends[0].servers[1].addr.port, 9002);
    assert_int_equal(c->admin.http->port, 8404);
    assert_false(c->uses_tls);
    cfg_free(c);
}

static void test_defaults_are_inherited(void **state)
{
    (void)state;
    struct cfg *c = load("frontend web { bind :1; route -> app }\n"
                         "backend app { server a 1.2.3.4:5; retry { attempts 1 } }\n"
                         "backend raw { server a 1.2.3.4:5; balance random }\n"
                         "frontend two { bind :2; route -> raw; limit requests 7 }\n"
                         "defaults { timeout client 7s; timeout connect 3s; limit requests 5\n"
                         "retry { attempts 4; budget 30% }; passive; balance least-connections\n"
                         "check tcp { rise 5 }; access-log json stdout }\n");
    assert_int_equal(c->frontends[0].timeouts.client, 7000);
    assert_int_equal(c->frontends[0].limits.requests, 5);
    assert_int_equal(c->frontends[1].limits.requests, 7);
    assert_true(c->frontends[0].has_access_log && c->frontends[0].access_json);
    assert_int_equal(c->backends[0].timeouts.connect, 3000);
    assert_int_equal(c->backends[0].retry.attempts, 1);
    assert_int_equal(c->backends[0].retry.budget_pct, 20); /* the whole block was replaced */
    assert_int_equal(c->backends[1].retry.attempts, 4);
    assert_int_equal(c->backends[1].retry.budget_pct, 30);
    assert_true(c->backends[1].passive.on);
    assert_int_equal(c->backends[1].check.rise, 5);
    assert_string_equal(c->backends[0].balance.name, "least-connections");
    assert_string_equal(c->backends[1].balance.name, "random");
    cfg_free(c);
}

static void test_mode_follows_routes(void **state)
{
    (void)state;
    struct cfg *c =
        load("frontend db { mode tcp; bind :1; route -> raw }\n"
             "frontend web { bind :2; route -> app }\n"
             "backend raw { server a 1.2.3.4:5 }\nbackend app { server a 1.2.3.4:5 }\n");
    assert_int_equal(c->backends[0].mode, CFG_TCP);
    assert_int_equal(c->backends[1].mode, CFG_HTTP);
    assert_int_equal(c->frontends[0].otherwise.action, CFG_RESPOND);
    assert_int_equal(c->frontends[0].otherwise.status, 0);
    cfg_free(c);
}

static void test_routes(void **state)
{
    (void)state;
    struct cfg *c = load("frontend web { bind :1\n"
                         "route host App.Example.com, *.b.c \"path\" path /x /y/* \\\n"
                         "  method GET, POST header X-A header X-B \"v w\" ->app\n"
                         "route path /old/* -> redirect 308 \"https://$host/new$uri\"\n"
                         "route header X-C \"\" -> close\n"
                         "otherwise -> respond 404 }\n"
                         "backend app { server a 1.2.3.4:5 }\n");
    const struct cfg_route *r = c->frontends[0].routes;
    assert_int_equal(c->frontends[0].nroutes, 3);
    assert_int_equal(r[0].nhosts, 3);
    assert_string_equal(r[0].hosts[0], "app.example.com");
    assert_string_equal(r[0].hosts[1], "*.b.c");
    assert_string_equal(r[0].hosts[2], "path");
    assert_int_equal(r[0].npaths, 2);
    assert_string_equal(r[0].paths[1], "/y/*");
    assert_int_equal(r[0].nmethods, 2);
    assert_int_equal(r[0].nheaders, 2);
    assert_null(r[0].headers[0].value);
    assert_string_equal(r[0].headers[1].value, "v w");
    assert_int_equal(r[1].action, CFG_REDIRECT);
    assert_int_equal(r[1].status, 308);
    assert_string_equal(r[1].location, "https://$host/new$uri");
    assert_int_equal(r[2].action, CFG_RESPOND);
    assert_int_equal(r[2].status, 0);
    assert_string_equal(r[2].headers[0].value, "");
    assert_int_equal(c->frontends[0].otherwise.status, 404);
    cfg_free(c);
}

static void test_plug_options(void **state)
{
    (void)state;
    struct cfg *c =
        load("frontend web { bind :1; route path /a -> a; route path /b -> b; route -> c }\n"
             "backend a { balance hash header X-User bounded-load 1.25 { replicas 7 }\n"
             "  server a 1.2.3.4:5; check http GET \"/ok\" every 5s expect status 200-399 fall 9\n"
             "}\n"
             "backend b { balance from-plugin; server a 1.2.3.4:5\n"
             "  check http HEAD / { expect status 200; expect header X; body-max 1k } }\n"
             "backend c { balance ip_hash modulo; server a 1.2.3.4:5 }\n"
             "global { balancer \"./good.so\" }\n");
    const struct cfg_backend *a = &c->backends[0], *b = &c->backends[1], *s = &c->backends[2];
    assert_int_equal(a->balance.key, CFG_KEY_HEADER);
    assert_string_equal(a->balance.key_name, "X-User");
    assert_int_equal(opts_num(&a->balance.opts, "bounded-load", 0), 1250);
    assert_int_equal(opts_num(&a->balance.opts, "replicas", 0), 7);
    assert_int_equal(a->check.every_ms, 5000);
    assert_int_equal(a->check.fall, 9);
    assert_int_equal(a->check.nargs, 2);
    assert_string_equal(a->check.args[1], "/ok");
    assert_int_equal(opts_find(&a->check.opts, "expect")->nwords, 2);
    assert_string_equal(b->balance.name, "from-plugin");
    assert_int_equal(b->check.opts.n, 3);
    assert_int_equal(opts_num(&b->check.opts, "body-max", 0), 1024);
    assert_string_equal(s->balance.name, "source-hash");
    assert_int_equal(s->balance.key, CFG_KEY_SOURCE);
    assert_non_null(opts_find(&s->balance.opts, "modulo"));
    assert_true(has_code("W206"));
    assert_string_equal(c->global.balancer_plugins[0], "./good.so");
    cfg_free(c);
}

static void test_tls(void **state)
{
    (void)state;
    struct cfg *c = load(
        "frontend web { route -> app; tls { cert \"Makefile\"; alpn h2, http/1.1 }\n"
        "  bind :443 { tls; proxy-protocol; backlog 9 }\n  bind unix:/run/x { mode 0660 }\n"
        "  bind :444 { tls { cert \"Makefile\"; key \"Makefile\"; client-ca \"Makefile\" } }\n"
        "  forwarded { trust 10.0.0.0/8, ::1; trust 1.2.3.4 } }\n"
        "backend app { server a unix:/x { weight 256; backup; disabled; max-connections 3\n"
        "  tls { verify off; sni \"x.y\"; min-version 1.3 } }; server b h:1 { weight 0; tls }\n"
        "  sticky cookie S { secure; max-age 1d; domain x.y }\n"
        "  all-down ignore-health; slow-start 30s; idle-connections 5 }\n"
        "global { secret \"0123456789abcdef\" }\n");
    const struct cfg_frontend *f = &c->frontends[0];
    const struct cfg_server *s = c->backends[0].servers;
    assert_true(c->uses_tls);
    assert_int_equal(f->nbinds, 3);
    assert_true(f->binds[0].tls && f->binds[0].tls_opts == f->tls);
    assert_true(f->binds[0].proxy_protocol);
    assert_int_equal(f->binds[0].backlog, 9);
    assert_int_equal(f->binds[1].unix_mode, 0660);
    assert_int_equal(f->binds[2].tls_opts->client_verify, CFG_VERIFY_REQUIRED);
    assert_non_null(f->binds[2].tls_opts->certs[0].key);
    assert_int_equal(f->tls->nalpn, 2);
    assert_int_equal(f->ntrust, 3);
    assert_int_equal(s[0].weight, 256);
    assert_true(s[0].backup && s[0].disabled && s[0].tls && !s[0].tls_opts->verify);
    assert_int_equal(s[0].tls_opts->min_version, 0x0304);
    assert_string_equal(s[0].tls_opts->sni, "x.y");
    assert_true(s[1].tls_opts->verify);
    assert_int_equal(c->backends[0].sticky.max_age_s, 86400);
    assert_true(c->backends[0].all_down_ignore_health);
    assert_string_equal(c->backends[0].balance.name, "weighted-round-robin");
    cfg_free(c);
}

static void test_environment_and_strings(void **state)
{
    (void)state;
    setenv("LB_TEST_A", "1.2.3.4", 1);
    setenv("LB_TEST_EMPTY", "", 1);
    setenv("LB_TEST_WORDS", "a; b { c }", 1);
    struct cfg *c =
        load("\xef\xbb\xbf# comment\r\n"
             "frontend web { bind ${LB_TEST_A}:${LB_TEST_NONE:-81}, \r\n\r\n :82 # x\r\n"
             "route header X \"${LB_TEST_WORDS}\" -> app\n"
             "route header Y \"\\${A} \\\" \\\\ #\" -> redirect 301 /a#b }\n"
             "backend app{server a x${LB_TEST_EMPTY}y:1{weight 1}}\n");
    const struct cfg_frontend *f = &c->frontends[0];
    assert_int_equal(f->nbinds, 2);
    assert_string_equal(f->binds[0].addr.text, "1.2.3.4:81");
    assert_string_equal(f->routes[0].headers[0].value, "a; b { c }");
    assert_string_equal(f->routes[1].headers[0].value, "${A} \" \\ #");
    assert_string_equal(f->routes[1].location, "/a#b");
    assert_string_equal(c->backends[0].servers[0].addr.host, "xy");
    cfg_free(c);
}

static void test_strict(void **state)
{
    (void)state;
    static const char text[] = "backend app { server a 1.2.3.4:5 }\n";
    diag_set_strict(diag, true);
    assert_null(cfg_load_text("t", text, sizeof text - 1, &test_plugins, diag));
    assert_int_equal(diag_warnings(diag), 0);
    assert_true(diag_errors(diag) > 0);
}

static void test_json(void **state)
{
    (void)state;
    static const char text[] = "glo\"bal\n\xff{}\nfrontend a { bind \"\xc3\xa9\"; }\n";
    assert_null(cfg_load_text("t\"x", text, sizeof text - 1, &test_plugins, diag));
    assert_true(has_code("\"file\":\"t\\\"x\""));
    assert_true(has_code("\\ufffd"));
    assert_true(has_code("\"column\":1"));
}

static void test_message_after_load(void **state)
{
    (void)state;
    static const char text[] = "frontend a { bind :1; route -> b }\nbackend b { server c d:1 }\n";
    struct cfg *c = load(text);
    int id = diag_add(diag, "E201", c->frontends[0].binds[0].addr.loc, 0, NULL, "cannot bind");
    diag_also(diag, id, c->backends[0].loc, "other");
    assert_int_equal(diag_errors(diag), 1);
    assert_true(has_code("\"file\":\"test.conf\",\"line\":1,\"column\":19"));
    cfg_free(c);
}

static void test_many_errors(void **state)
{
    (void)state;
    enum { N = 20000 };
    char *text = malloc(N * 3);
    for (unsigned i = 0; i < N; i++)
        memcpy(text + i * 3, "x;\n", 3);
    assert_null(cfg_load_text("t", text, N * 3, &test_plugins, diag));
    assert_int_equal(diag_errors(diag), N);
    free(text);
}

static void test_deep_nesting(void **state)
{
    (void)state;
    enum { N = 100000 };
    char *text = malloc(N * 3);
    for (unsigned i = 0; i < N; i++)
        memcpy(text + i * 3, i % 2 ? "a {" : " b{", 3);
    assert_null(cfg_load_text("t", text, N * 3, &test_plugins, diag));
    free(text);
}

static void test_no_plugins(void **state)
{
    (void)state;
    static const char text[] = "frontend a { bind :1; route -> b }\nbackend b { server c d:1 }\n";
    struct cfg *c = cfg_load_text("t", text, sizeof text - 1, NULL, diag);
    assert_non_null(c);
    assert_string_equal(c->backends[0].balance.name, "round-robin");
    cfg_free(c);
    cfg_free(NULL);
    assert_null(cfg_load("/nonexistent/lb.conf", NULL, diag));
    assert_null(cfg_load("/", NULL, diag));
    assert_int_equal(diag_errors(diag), 2);
}

static void test_reference(void **state)
{
    (void)state;
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);
    cfg_write_reference(&test_plugins, f);
    fclose(f);
    assert_non_null(strstr(text, "| `timeout connect` TIME | 0 to 24d | `2s` |"));
    assert_non_null(strstr(text, "### `balance hash KEY`"));
    assert_non_null(strstr(text, "### `check http METHOD PATH`"));
    assert_non_null(strstr(text, "| E104 |"));
    free(text);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const char *root = getenv("LB_ROOT"); /* the certificates of the tests are files of the tree */
    if (root && chdir(root) != 0)
        return 1;
    const struct CMUnitTest tests[] = {
        TEST(test_smallest),
        TEST(test_defaults_are_inherited),
        TEST(test_mode_follows_routes),
        TEST(test_routes),
        TEST(test_plug_options),
        TEST(test_tls),
        TEST(test_environment_and_strings),
        TEST(test_strict),
        TEST(test_json),
        TEST(test_message_after_load),
        TEST(test_many_errors),
        TEST(test_deep_nesting),
        TEST(test_no_plugins),
        TEST(test_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
