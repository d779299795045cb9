/*
 * route_prop_test.c — compiled tables against reading the routes one by one.
 *
 * Patterns and requests are drawn from few labels, so that most requests meet several routes.
 */
#include "config/cfg.h"
#include "lb/base/err.h"
#include "lb/base/rng.h"
#include "lb/msg/head.h"
#include "lb/route/route.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

enum { ROUTES = 60, WORDS_MAX = 3, TEXT_MAX = 64, TABLES = 300, QUERIES = 300 };

struct sample {
    struct cfg_frontend fe;
    struct cfg_route route[ROUTES];
    const char *words[ROUTES][3][WORDS_MAX];
    struct cfg_header_match header[ROUTES][2];
    char text[ROUTES * 2 * WORDS_MAX][TEXT_MAX];
    unsigned ntext;
    struct rng rng;
};

static const char *const labels[] = {"a", "b", "example", "com"};
static const char *const methods[] = {"GET", "POST", "X"};
static const char *const names[] = {"x-one", "x-two"};
static const char *const values[] = {"1", "2"};

static const char *pick(struct rng *r, const char *const *from, unsigned n)
{
    return from[rng_below(r, n)];
}

static void add_text(char *to, const char *text)
{
    size_t n = strlen(to);
    (void)snprintf(to + n, TEXT_MAX - n, "%s", text);
}

static void random_host(struct rng *r, char *out, bool pattern)
{
    out[0] = 0;
    if (pattern && rng_below(r, 3) == 0)
        add_text(out, "*.");
    unsigned n = 1 + rng_below(r, 4);
    for (unsigned i = 0; i < n; i++) {
        add_text(out, i ? "." : "");
        add_text(out, pick(r, labels, 4));
    }
    if (rng_below(r, 10) == 0)
        add_text(out, ".");
}

static void random_path(struct rng *r, char *out, bool pattern)
{
    out[0] = 0;
    unsigned n = rng_below(r, 5);
    for (unsigned i = 0; i < n; i++) {
        add_text(out, "/");
        add_text(out, rng_below(r, 6) ? pick(r, labels, 3) : "");
    }
    if (n == 0 || rng_below(r, 3) == 0)
        add_text(out, "/");
    if (pattern && rng_below(r, 2) == 0)
        add_text(out, out[strlen(out) - 1] == '/' ? "*" : "/*");
}

static char *new_text(struct sample *s)
{
    return s->text[s->ntext++];
}

static void random_route(struct sample *s, unsigned i)
{
    struct rng *r = &s->rng;
    struct cfg_route *c = &s->route[i];
    *c = (struct cfg_route){.hosts = s->words[i][0], .paths = s->words[i][1]};
    c->methods = s->words[i][2];
    c->headers = s->header[i];
    c->nhosts = rng_below(r, 3) ? rng_below(r, WORDS_MAX + 1) : 0;
    c->npaths = rng_below(r, 3) ? rng_below(r, WORDS_MAX + 1) : 0;
    c->nmethods = rng_below(r, 3) ? 0 : rng_below(r, 3);
    c->nheaders = rng_below(r, 3) ? 0 : rng_below(r, 3);
    for (unsigned k = 0; k < c->nhosts; k++)
        random_host(r, (char *)(s->words[i][0][k] = new_text(s)), true);
    for (unsigned k = 0; k < c->npaths; k++)
        random_path(r, (char *)(s->words[i][1][k] = new_text(s)), true);
    for (unsigned k = 0; k < c->nmethods; k++)
        s->words[i][2][k] = pick(r, methods, 2);
    for (unsigned k = 0; k < c->nheaders; k++) {
        const char *value = rng_below(r, 2) ? pick(r, values, 2) : NULL;
        s->header[i][k] = (struct cfg_header_match){pick(r, names, 2), value};
    }
}

/* The rules of route.h, spelled out. */
static bool naive_host(const char *pattern, const char *host)
{
    char p[TEXT_MAX], h[TEXT_MAX];
    (void)snprintf(p, sizeof p, "%s", pattern);
    (void)snprintf(h, sizeof h, "%s", host);
    size_t np = strlen(p), nh = strlen(h);
    if (np && p[np - 1] == '.')
        p[--np] = 0;
    if (nh && h[nh - 1] == '.')
        h[--nh] = 0;
    for (char *c = h; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    if (p[0] != '*')
        return strcmp(p, h) == 0;
    return nh > np - 1 && strcmp(h + nh - (np - 1), p + 1) == 0;
}

static bool naive_path(const char *pattern, const char *path)
{
    size_t n = strlen(pattern);
    if (pattern[n - 1] == '*')
        return strcmp(pattern, "/*") == 0 || strncmp(pattern, path, n - 1) == 0;
    return strcmp(pattern, path) == 0;
}

static bool naive_header(const struct cfg_header_match *m, const struct head *h)
{
    for (unsigned i = 0; i < h->nfields; i++) {
        struct slice n = field_name(h, &h->f[i]), v = field_value(h, &h->f[i]);
        if (slice_ieq(n, slice_of(m->name)) && (!m->value || slice_eq(v, slice_of(m->value))))
            return true;
    }
    return false;
}

struct request {
    char host[TEXT_MAX], path[TEXT_MAX];
    const char *method;
    struct head head;
    char fields[64];
};

static bool naive_match(const struct cfg_route *r, const struct request *q)
{
    bool host = r->nhosts == 0, path = r->npaths == 0, method = r->nmethods == 0, header = true;
    for (unsigned i = 0; i < r->nhosts; i++)
        host |= naive_host(r->hosts[i], q->host);
    for (unsigned i = 0; i < r->npaths; i++)
        path |= naive_path(r->paths[i], q->path);
    for (unsigned i = 0; i < r->nmethods; i++)
        method |= strcmp(r->methods[i], q->method) == 0;
    for (unsigned i = 0; i < r->nheaders; i++)
        header &= naive_header(&r->headers[i], &q->head);
    return host && path && method && header;
}

static const struct cfg_route *naive_lookup(const struct cfg_frontend *fe, const struct request *q)
{
    for (unsigned i = 0; i < fe->nroutes; i++)
        if (naive_match(&fe->routes[i], q))
            return &fe->routes[i];
    return &fe->otherwise;
}

static void random_request(struct rng *r, struct request *q)
{
    q->host[0] = 0;
    if (rng_below(r, 20))
        random_host(r, q->host, false);
    for (char *c = q->host; *c; c++)
        if (rng_below(r, 4) == 0)
            *c = (char)toupper((unsigned char)*c);
    random_path(r, q->path, false);
    q->method = pick(r, methods, 3);
    q->head.base = q->fields;
    q->head.nfields = (uint16_t)rng_below(r, 4);
    uint32_t at = 0;
    for (unsigned i = 0; i < q->head.nfields; i++, at += 6) {
        memcpy(q->fields + at, pick(r, names, 2), 5);
        q->fields[at + 5] = *pick(r, values, 2);
        q->head.f[i] = (struct field){.name = at, .nlen = 5, .val = at + 5, .vlen = 1};
    }
}

static void test_against_reading(void **state)
{
    (void)state;
    static struct sample s;
    static struct request q;
    s.rng.state = 2024;
    unsigned matched = 0;
    for (unsigned t = 0; t < TABLES; t++) {
        s.ntext = 0;
        unsigned n = rng_below(&s.rng, ROUTES + 1);
        for (unsigned i = 0; i < n; i++)
            random_route(&s, i);
        s.fe = (struct cfg_frontend){.name = "web", .routes = s.route, .nroutes = n};
        struct err e = {0};
        struct route_table *table = route_compile(&s.fe, &e);
        if (!table)
            fail_msg("%s", e.text);
        for (unsigned k = 0; k < QUERIES; k++) {
            random_request(&s.rng, &q);
            struct route_query query = {slice_of(q.host), slice_of(q.path), slice_of(q.method),
                                        &q.head};
            const struct cfg_route *want = naive_lookup(&s.fe, &q);
            assert_ptr_equal(route_lookup(table, &query), want);
            matched += want != &s.fe.otherwise;
        }
        route_free(table);
    }
    assert_in_range(matched, TABLES * QUERIES / 4, TABLES * QUERIES - 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_reading)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
