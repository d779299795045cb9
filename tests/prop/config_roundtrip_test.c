/*
 * config_roundtrip_test.c — parse → dump → parse gives an equal tree, for random configurations.
 *
 * Plain values are drawn from the directive table, so a new directive is covered at once; routes,
 * options of plug-ins, addresses and texts are drawn here. Equality is judged by the table on both
 * trees and, for the rest, by the dump being a fixed point.
 */
#include "config/diag.h"
#include "config/options.h"
#include "config/value.h"
#include "lb/base/rng.h"
#include "tests/config_plugins.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { ROUNDS = 300 };

struct gen {
    FILE *out;
    struct rng rng;
    struct protos protos;
};

static unsigned below(struct gen *g, unsigned n)
{
    return rng_below(&g->rng, n);
}

static void put_text(struct gen *g)
{
    static const char *const pieces[] = {"a",    "path", "->",       "\\\"", "\\\\", " ",  "#",
                                         "\\${", "host", "\xc3\xa9", ";",    "{",    "off"};
    unsigned n = 1 + below(g, 4);
    fputs(" \"", g->out);
    while (n--)
        fputs(pieces[below(g, COUNT(pieces))], g->out);
    fputc('"', g->out);
}

static void put_number(struct gen *g, const struct directive *o)
{
    char text[VALUE_TEXT_MAX];
    uint64_t most = options_max(o), least = o->spec.min;
    if (most > UINT32_MAX)
        most = UINT32_MAX;
    uint64_t num = least + rng_next(&g->rng) % (most - least + 1);
    if (o->base == BASE_TIMEOUTS || o->store == STORE_SECONDS)
        num = num / 1000 * 1000 + 1000;
    if (o->base == BASE_TIMEOUTS && num > most)
        num = most;
    if (o->store == STORE_PERCENT) {
        fprintf(g->out, " %" PRIu64 "%%", num / 10);
        return;
    }
    value_format(o->spec.type, num, text);
    fprintf(g->out, " %s", text);
}

/* Some of the plain directives of a place. */
static void put_plain(struct gen *g, enum place place)
{
    for (unsigned i = 0; i < options_count; i++) {
        const struct directive *o = &options_table[i];
        unsigned choices = 0;
        if (!(o->places & 1u << place) || o->store == STORE_NONE || below(g, 2) ||
            (o->flags & OPTION_FILE) || strcmp(o->spec.name, "client-verify") == 0 ||
            strstr(o->spec.name, "-bytes"))
            continue;
        fputs(o->spec.name, g->out);
        while (o->spec.choices && o->spec.choices[choices])
            choices++;
        if (o->store == STORE_TEXT && place == PLACE_STICKY)
            fputs(" \"/a b\"", g->out);
        else if (o->store == STORE_TEXT)
            put_text(g);
        else if (o->spec.type == OPT_ENUM)
            fprintf(g->out, " %s", o->spec.choices[below(g, choices)]);
        else if (o->spec.type == OPT_ONOFF)
            fputs(below(g, 2) ? " on" : " off", g->out);
        else if (o->spec.type != OPT_FLAG)
            put_number(g, o);
        fputs(below(g, 2) ? "\n" : "; ", g->out);
    }
}

static void put_frontend(struct gen *g, unsigned i, unsigned backends)
{
    static const char *const extra[] = {
        "limit header-bytes 9k; limit target-bytes 1000b; limit body-bytes 5g",
        "access-log json syslog 127.0.0.1:514",
        "access-log \"/var/log/x y\"; forwarded { trust 10.0.0.0/8, ::1 }",
        "tls { cert Makefile; min-version 1.3; alpn h2 }; bind :%u { tls; proxy-protocol }",
        ("bind unix:/run/s%u { mode 0660 }; bind :%u { tls { cert Makefile; key Makefile\n"
         "client-ca Makefile; client-verify optional } }")};
    unsigned r = below(g, 5), b = below(g, backends);
    fprintf(g->out, "frontend f%u {\nbind 127.0.0.1:%u, [::1]:%u\n", i, 1000 + i, 1000 + i);
    for (unsigned k = 0; k < r; k++) {
        fprintf(g->out, "route host h%u.example.com, \"path\" ", k);
        fputs(below(g, 2) ? "path /a/*, /b " : "method GET POST ", g->out);
        if (below(g, 2)) {
            fputs("header X-Y", g->out);
            put_text(g);
        }
        fprintf(g->out, " -> b%u\n", b);
    }
    fprintf(g->out, "route path /r%u -> redirect 301 \"/\\${x}$uri\"\n", i);
    fprintf(g->out, below(g, 2) ? "otherwise -> b%u\n" : "otherwise -> respond 404 # %u\n", b);
    put_plain(g, PLACE_FRONTEND);
    fprintf(g->out, extra[below(g, COUNT(extra))], 2000 + i, 3000 + i);
    fputs("\n}\n", g->out);
}

static void put_server(struct gen *g, unsigned i)
{
    static const char *const addrs[] = {"1.2.3.4:5", "[::1]:6", "unix:/x/y", "name.internal:7"};
    unsigned addr = below(g, COUNT(addrs));
    fprintf(g->out, "server s%u %s {\n", i, addrs[addr]);
    put_plain(g, PLACE_SERVER);
    if (addr != 2 && below(g, 3) == 0) { /* a Unix socket has no name to check */
        fputs("tls { cert Makefile; ", g->out);
        put_plain(g, PLACE_SERVER_TLS);
        fputs("}\n", g->out);
    }
    fputs("}\n", g->out);
}

static void put_backend(struct gen *g, unsigned i)
{
    static const char *const balances[] = {"balance roundrobin",
                                           "balance source modulo",
                                           "balance hash cookie \"off\" bounded-load 1.333",
                                           "balance hash uri { replicas 3; bounded-load 2 }",
                                           "balance least-time half-life 1m learn off",
                                           "balance from-plugin",
                                           ""};
    static const char *const checks[] = {
        "check tcp { ", "check http GET /x { expect status 200-399; expect \"a;b\" host; ",
        "check http HEAD \"path\" { host \"a b\"; body-max 1k; "};
    static const char *const sticky[] = {"sticky source\n", "sticky header X-Z\n", ""};
    fprintf(g->out, "backend b%u {\n%s\n", i, balances[below(g, COUNT(balances))]);
    put_plain(g, PLACE_BACKEND);
    fputs(below(g, 2) ? checks[below(g, COUNT(checks))] : "retry { ", g->out);
    fputs("}\n", g->out);
    if (below(g, 2)) {
        fputs("passive { ", g->out);
        fputs(below(g, 2) ? "failures 7; count-5xx off; eject 1m" : "max-ejected 33%", g->out);
        fputs("}\n", g->out);
    }
    if (below(g, 2)) {
        fputs("sticky cookie C {\n", g->out);
        put_plain(g, PLACE_STICKY);
        fputs("}\n", g->out);
    } else {
        fputs(sticky[below(g, COUNT(sticky))], g->out);
    }
    for (unsigned k = below(g, 4); k-- > 0;)
        put_server(g, k);
    fputs("}\n", g->out);
}

static char *generate(uint64_t seed, size_t *n)
{
    char *text = NULL;
    struct gen g = {.rng = {seed}};
    unsigned backends, frontends;
    g.out = open_memstream(&text, n);
    frontends = below(&g, 4);
    backends = 1 + below(&g, 4);
    fputs("global { balancer \"./good.so\"; log file \"/a b\" json debug\n", g.out);
    put_plain(&g, PLACE_GLOBAL);
    fputs("}\ndefaults {\n", g.out);
    put_plain(&g, PLACE_DEFAULTS);
    fputs("check tcp { ", g.out);
    put_plain(&g, PLACE_CHECK);
    fputs("}; retry {", g.out);
    put_plain(&g, PLACE_RETRY);
    fputs("} }\nadmin { socket \"/run/a b\"; http 127.0.0.1:1 }\n", g.out);
    for (unsigned i = 0; i < frontends; i++)
        put_frontend(&g, i, backends);
    for (unsigned i = 0; i < backends; i++)
        put_backend(&g, i);
    fclose(g.out);
    return text;
}

static struct cfg *load(const char *what, const char *text, size_t n)
{
    struct diag *d = diag_new();
    struct cfg *c = cfg_load_text("t", text, n, &test_plugins, d);
    if (!c) {
        diag_print(d, stderr, false);
        fprintf(stderr, "--- %s\n%s", what, text);
    }
    diag_free(d);
    assert_non_null(c);
    return c;
}

static char *dump(const struct cfg *c, size_t *n)
{
    char *text = NULL;
    FILE *f = open_memstream(&text, n);
    cfg_dump(c, f);
    fclose(f);
    return text;
}

static void same_fields(enum base base, const void *a, const void *b)
{
    for (unsigned i = 0; i < options_count; i++) {
        const struct directive *o = &options_table[i];
        if (o->base != base || o->store == STORE_NONE)
            continue;
        const char *x = options_load_text(o, a), *y = options_load_text(o, b);
        if (options_load(o, a) != options_load(o, b))
            fail_msg("'%s' differs", o->spec.name);
        assert_true((!x && !y) || (x && y && strcmp(x, y) == 0));
    }
}

static void same_opts(const struct opts *a, const struct opts *b)
{
    assert_int_equal(a->n, b->n);
    for (unsigned i = 0; i < a->n; i++) {
        assert_ptr_equal(a->v[i].spec, b->v[i].spec);
        assert_true(a->v[i].num == b->v[i].num);
        assert_int_equal(a->v[i].nwords, b->v[i].nwords);
        for (unsigned k = 0; k < a->v[i].nwords; k++)
            assert_string_equal(a->v[i].words[k], b->v[i].words[k]);
    }
}

static void same_frontend(const struct cfg_frontend *a, const struct cfg_frontend *b)
{
    same_fields(BASE_TIMEOUTS, &a->timeouts, &b->timeouts);
    same_fields(BASE_LIMITS, &a->limits, &b->limits);
    assert_int_equal(a->mode, b->mode);
    assert_int_equal(a->nbinds, b->nbinds);
    assert_int_equal(a->nroutes, b->nroutes);
    assert_int_equal(a->ntrust, b->ntrust);
    assert_int_equal(a->otherwise.action, b->otherwise.action);
    assert_int_equal(a->otherwise.status, b->otherwise.status);
    assert_int_equal(a->has_access_log, b->has_access_log);
    assert_int_equal(a->access_json, b->access_json);
    for (unsigned i = 0; i < a->nbinds; i++) {
        same_fields(BASE_BIND, &a->binds[i], &b->binds[i]);
        assert_int_equal(a->binds[i].tls, b->binds[i].tls);
        assert_string_equal(a->binds[i].addr.text, b->binds[i].addr.text);
    }
    for (unsigned i = 0; i < a->nroutes; i++) {
        const struct cfg_route *r = &a->routes[i], *s = &b->routes[i];
        assert_int_equal(r->action, s->action);
        assert_int_equal(r->backend, s->backend);
        assert_int_equal(r->nhosts, s->nhosts);
        assert_int_equal(r->npaths, s->npaths);
        assert_int_equal(r->nmethods, s->nmethods);
        assert_int_equal(r->nheaders, s->nheaders);
        for (unsigned k = 0; k < r->nheaders; k++)
            assert_string_equal(r->headers[k].value, s->headers[k].value);
    }
}

static void same_backend(const struct cfg_backend *a, const struct cfg_backend *b)
{
    same_fields(BASE_BACKEND, a, b);
    same_fields(BASE_TIMEOUTS, &a->timeouts, &b->timeouts);
    same_fields(BASE_RETRY, &a->retry, &b->retry);
    same_fields(BASE_PASSIVE, &a->passive, &b->passive);
    same_fields(BASE_STICKY, &a->sticky, &b->sticky);
    same_fields(BASE_CHECK, &a->check, &b->check);
    assert_int_equal(a->mode, b->mode);
    assert_int_equal(a->passive.on, b->passive.on);
    assert_int_equal(a->sticky.key, b->sticky.key);
    assert_string_equal(a->balance.name, b->balance.name);
    assert_int_equal(a->balance.key, b->balance.key);
    same_opts(&a->balance.opts, &b->balance.opts);
    same_opts(&a->check.opts, &b->check.opts);
    assert_int_equal(a->nservers, b->nservers);
    for (unsigned i = 0; i < a->nservers; i++) {
        same_fields(BASE_SERVER, &a->servers[i], &b->servers[i]);
        assert_string_equal(a->servers[i].addr.text, b->servers[i].addr.text);
        assert_int_equal(a->servers[i].tls, b->servers[i].tls);
        if (a->servers[i].tls)
            same_fields(BASE_TLS, a->servers[i].tls_opts, b->servers[i].tls_opts);
    }
}

static void same_tree(const struct cfg *a, const struct cfg *b)
{
    same_fields(BASE_GLOBAL, &a->global, &b->global);
    assert_int_equal(a->global.log.level, b->global.log.level);
    assert_string_equal(a->global.log.path, b->global.log.path);
    assert_int_equal(a->nfrontends, b->nfrontends);
    assert_int_equal(a->nbackends, b->nbackends);
    for (unsigned i = 0; i < a->nfrontends; i++)
        same_frontend(&a->frontends[i], &b->frontends[i]);
    for (unsigned i = 0; i < a->nbackends; i++)
        same_backend(&a->backends[i], &b->backends[i]);
}

static void test_round_trip(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ROUNDS; i++) {
        size_t n, n1, n2;
        char *text = generate(i, &n);
        struct cfg *a = load("generated", text, n);
        char *first = dump(a, &n1);
        struct cfg *b = load("dumped", first, n1);
        char *second = dump(b, &n2);
        same_tree(a, b);
        assert_string_equal(first, second);
        cfg_free(a);
        cfg_free(b);
        free(text);
        free(first);
        free(second);
    }
}

int main(void)
{
    const char *root = getenv("LB_ROOT"); /* `cert Makefile` is read */
    if (root && chdir(root) != 0)
        return 1;
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_round_trip)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
