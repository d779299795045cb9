/*
 * route.c — cost of one route look-up by number of routes, and of compiling the table.
 *
 * make build/bench/micro/route && build/bench/micro/route [--csv]
 *
 * host:     N routes with a host each.      wildcard: N routes "*.hostN…".
 * path:     N routes with an exact path.    prefix:   N routes "/area/N/…".
 * miss:     the host table asked for hosts it does not have.
 * Requests go to random routes, so large tables pay for cache misses, not for search.
 */
#include "bench/micro/bench.h"
#include "config/cfg.h"
#include "lb/base/err.h"
#include "lb/base/rng.h"
#include "lb/route/route.h"

#include <stdio.h>
#include <stdlib.h>

enum { OPS = 1 << 18, ASKED = 4096, TEXT = 64 };

enum shape { BY_HOST, BY_WILDCARD, BY_PATH, BY_PREFIX, BY_MISS, SHAPES };
static const char *const shape_name[] = {"host", "wildcard", "path", "prefix", "miss"};

struct job {
    uint32_t n;
    struct cfg_frontend fe;
    struct cfg_route *route;
    char (*text)[TEXT];
    const char **word;
    char asked[ASKED][2][TEXT];
    struct route_query query[ASKED];
    struct route_table *table;
};

static void name_pattern(enum shape s, uint32_t i, char out[TEXT])
{
    static const char *const format[] = {"app%u.example.com", "*.team%u.example.com",
                                         "/static/item%u", "/area/%u/*", "app%u.example.com"};
    (void)snprintf(out, TEXT, format[s], i);
}

static void name_request(enum shape s, uint32_t i, char host[TEXT], char path[TEXT])
{
    static const char *const hosts[] = {"app%u.example.com", "www.team%u.example.com",
                                        "www.example.com", "www.example.com", "gone%u.example.com"};
    static const char *const paths[] = {"/index.html", "/index.html", "/static/item%u",
                                        "/area/%u/page/7.html", "/index.html"};
    (void)snprintf(host, TEXT, hosts[s], i);
    (void)snprintf(path, TEXT, paths[s], i);
}

static void prepare(struct job *j, enum shape s)
{
    struct rng r = {1};
    for (uint32_t i = 0; i < j->n; i++) {
        name_pattern(s, i, j->text[i]);
        j->word[i] = j->text[i];
        bool path = s == BY_PATH || s == BY_PREFIX;
        j->route[i] = path ? (struct cfg_route){.paths = &j->word[i], .npaths = 1}
                           : (struct cfg_route){.hosts = &j->word[i], .nhosts = 1};
    }
    for (uint32_t i = 0; i < ASKED; i++) {
        name_request(s, rng_below(&r, j->n), j->asked[i][0], j->asked[i][1]);
        j->query[i] = (struct route_query){slice_of(j->asked[i][0]), slice_of(j->asked[i][1]),
                                           SLICE("GET"), NULL};
    }
    j->fe = (struct cfg_frontend){.name = "web", .routes = j->route, .nroutes = j->n};
}

static void look(void *arg)
{
    struct job *j = arg;
    for (uint32_t i = 0; i < OPS; i++)
        bench_use((uintptr_t)route_lookup(j->table, &j->query[i % ASKED]));
}

static int measure(struct job *j, enum shape s, bool csv)
{
    prepare(j, s);
    struct err e = {0};
    double start = bench_now_ns();
    j->table = route_compile(&j->fe, &e);
    double compile = (bench_now_ns() - start) / 1e6;
    if (!j->table)
        return fprintf(stderr, "%s\n", e.text), 1;
    if (csv)
        bench_row(shape_name[s], j->n, bench_best(look, j, OPS));
    else
        printf("%-9s %7u routes: %6.1f ns a look-up, compiled in %.2f ms\n", shape_name[s], j->n,
               bench_best(look, j, OPS), compile);
    route_free(j->table);
    return 0;
}

int main(int argc, char **argv)
{
    static const uint32_t sizes[] = {10, 100, 1000, 10000, 100000};
    static struct job j;
    for (int s = 0; s < SHAPES; s++) {
        for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            j.n = sizes[i];
            j.route = calloc(j.n, sizeof *j.route);
            j.text = calloc(j.n, sizeof *j.text);
            j.word = calloc(j.n, sizeof *j.word);
            if (!j.route || !j.text || !j.word || measure(&j, (enum shape)s, bench_csv(argc, argv)))
                return 1;
            free(j.route);
            free(j.text);
            free(j.word);
        }
    }
    return 0;
}
