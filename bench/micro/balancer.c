/*
 * balancer.c — nanoseconds per pick of each balancer at several numbers of servers.
 *
 *   build/bench/micro/balancer          a table
 *   build/bench/micro/balancer --csv    lines "balancer,servers,ns"
 *
 * One step is what a worker does for an exchange: a pick, `changed` for its begin and end and
 * `done` where the balancer has them, with 100 exchanges under way. `+flap` adds a server that goes
 * or comes before each pick, as with max-connections. Each figure is the best of several runs.
 */
#include "tests/balancer_fixture.h"

#include <time.h>

enum { UNDER_WAY = 100, RUNS = 5, STEPS = 200000, STEPS_SMALL = 20000 };

static const unsigned sizes[] = {1, 10, 100, 1000, 10000};
enum { SIZES = sizeof sizes / sizeof *sizes };

struct line {
    const char *label, *balancer, *option;
    uint64_t num;
    bool skewed, flap; /* weights 1..16 instead of 1; a server toggles before each pick */
};

static const struct line lines[] = {
    {"round-robin", "round-robin", NULL, 0, false, false},
    {"weighted-round-robin equal", "weighted-round-robin", NULL, 0, false, false},
    {"weighted-round-robin 1..16", "weighted-round-robin", NULL, 0, true, false},
    {"weighted-round-robin +flap", "weighted-round-robin", NULL, 0, true, true},
    {"random", "random", NULL, 0, false, false},
    {"weighted-random", "weighted-random", NULL, 0, true, false},
    {"weighted-random +flap", "weighted-random", NULL, 0, true, true},
    {"least-connections", "least-connections", NULL, 0, true, false},
    {"least-connections +flap", "least-connections", NULL, 0, true, true},
    {"two-choices", "two-choices", NULL, 0, true, false},
    {"least-time", "least-time", NULL, 0, true, false},
    {"source-hash", "source-hash", NULL, 0, false, false},
    {"source-hash modulo", "source-hash", "modulo", 1, false, false},
    {"hash", "hash", NULL, 0, false, false},
    {"hash bounded-load 1.25", "hash", "bounded-load", 1250, false, false},
};

static uint64_t now_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static struct fixture *backend_of(const struct line *l, unsigned n)
{
    struct opt o = {.num = l->num};
    const struct plug_desc *d = &balancer_find(NULL, l->balancer)->desc;
    for (unsigned i = 0; l->option && i < d->nspecs; i++)
        if (strcmp(d->specs[i].name, l->option) == 0)
            o.spec = &d->specs[i];
    const struct opts opts = {&o, l->option ? 1 : 0};
    uint16_t *weights = fixture_alloc(n, sizeof *weights);
    for (unsigned i = 0; i < n; i++)
        weights[i] = l->skewed ? (uint16_t)(1 + hash_u64(i) % 16) : 1;
    struct err e;
    struct fixture *f = fixture_try(
        &(struct fixture_spec){
            .balancer = l->balancer, .n = n, .weights = weights, .opts = &opts, .seed = 1},
        &e);
    free(weights);
    return f;
}

static void steps(struct fixture *f, const struct line *l, unsigned count)
{
    int ring[UNDER_WAY];
    for (unsigned k = 0; k < UNDER_WAY; k++)
        ring[k] = fixture_begin(f, k + 1);
    for (unsigned k = 0; k < count; k++) {
        unsigned oldest = (unsigned)ring[k % UNDER_WAY];
        f->view.now_us += 10;
        fixture_add_inflight(f, oldest, -1);
        fixture_done(f, oldest, 1000 + oldest % 64, false);
        if (l->flap && f->view.n > 1)
            fixture_set_up(f, 1 + k / 2 % (f->view.n - 1), k & 1);
        ring[k % UNDER_WAY] = fixture_begin(f, k * UINT64_C(0x9e3779b97f4a7c15) + 1);
    }
    for (unsigned k = 0; k < UNDER_WAY; k++)
        fixture_add_inflight(f, (unsigned)ring[k], -1);
}

static double measure(const struct line *l, unsigned n)
{
    struct fixture *f = backend_of(l, n);
    unsigned count = l->flap ? STEPS_SMALL : STEPS;
    double best = 0;
    for (int run = 0; run < RUNS; run++) {
        uint64_t start = now_ns();
        steps(f, l, count);
        double ns = (double)(now_ns() - start) / count;
        best = run == 0 || ns < best ? ns : best;
    }
    fixture_free(f);
    return best;
}

int main(int argc, char **argv)
{
    bool csv = argc > 1 && strcmp(argv[1], "--csv") == 0;
    if (!csv)
        printf("%-30s", "ns per exchange, servers:");
    for (unsigned s = 0; !csv && s < SIZES; s++)
        printf("%9u%s", sizes[s], s == SIZES - 1 ? "\n" : "");
    for (unsigned i = 0; i < sizeof lines / sizeof *lines; i++) {
        if (!csv)
            printf("%-30s", lines[i].label);
        for (unsigned s = 0; s < SIZES; s++) {
            double ns = measure(&lines[i], sizes[s]);
            if (csv)
                printf("%s,%u,%.1f\n", lines[i].label, sizes[s], ns);
            else
                printf("%9.1f%s", ns, s == SIZES - 1 ? "\n" : "");
        }
    }
    return 0;
}
