/*
 * least_time.c — of two servers drawn at random the one expected to answer first.
 *
 * Finagle's peak EWMA: expected cost = latency × (exchanges in flight + 1), here / weight. The
 * latency is an exponentially weighted average that jumps to a peak at once and comes down slowly;
 * without answers it decays to nothing, so that a server that was slow is tried again after a few
 * times `decay`. A server never heard of (or forgotten) is tried with one exchange at a time. A
 * failure counts as a slow answer: a server that refuses quickly must not look fast.
 */
#include "balancers/builtin.h"
#include "balancers/candidates.h"

#include "lb/base/err.h"

#include <errno.h>
#include <stdlib.h>

#define COLD_BELOW_US 1.0  /* an average below this is no knowledge */
#define COLD_BUSY     1e15 /* cost of a cold server that has its one exchange */
#define FAILURE_US    1e6  /* a failure counts at least as this, and doubles the average */
#define COST_MAX_US   60e6
enum { DECAY_MS = 10000, REDRAWS = 8 };

struct lt_shared {
    double decay_us;
};

struct peak {
    double cost_us;
    uint64_t at_us; /* when cost_us was true */
};

struct lt {
    struct rng rng;
    struct peak peak[];
};

static int lt_prepare(const struct bal_server *servers, unsigned n, const struct opts *opts,
                      void **shared, struct err *e)
{
    (void)servers;
    if (check_server_count(n, e))
        return -1;
    struct lt_shared *sh = malloc(sizeof *sh);
    if (!sh)
        return err_set(e, ENOMEM, "out of memory");
    sh->decay_us = 1000.0 * (double)opts_num(opts, "decay", DECAY_MS);
    *shared = sh;
    return 0;
}

static size_t lt_size(const void *shared, unsigned n)
{
    (void)shared;
    return sizeof(struct lt) + n * sizeof(struct peak);
}

static void lt_init(void *state, const void *shared, unsigned n, unsigned worker, unsigned nworkers,
                    uint64_t seed)
{
    (void)shared, (void)n, (void)nworkers;
    ((struct lt *)state)->rng = worker_rng(worker, seed);
}

/* exp(-x) for x >= 0 to a few per cent, monotone: good enough to forget by, and without libm. */
static double fade(double x)
{
    return 1 / (1 + x * (1 + x / 2 * (1 + x / 3 * (1 + x / 4))));
}

static double peak_weight(const struct peak *p, const struct lt_shared *sh, uint64_t now_us)
{
    return now_us > p->at_us ? fade((double)(now_us - p->at_us) / sh->decay_us) : 1;
}

static double expected(const struct lt *s, const struct lt_shared *sh, const struct bal_view *v,
                       unsigned i)
{
    const struct peak *p = &s->peak[i];
    double cost = p->cost_us * peak_weight(p, sh, v->now_us), busy = v->inflight[i];
    if (cost < COLD_BELOW_US)
        cost = busy > 0 ? COLD_BUSY : 0;
    return cost * (busy + 1) / view_weight(v, i);
}

static int lt_pick(void *state, const void *shared, const struct bal_view *v, uint64_t key,
                   const uint64_t *tried)
{
    (void)key;
    struct lt *s = state;
    int a = candidate_uniform(v, tried, &s->rng), b = a;
    if (a == BAL_NONE || v->nup < 2)
        return a;
    for (int draw = 0; draw < REDRAWS && b == a; draw++)
        b = candidate_uniform(v, tried, &s->rng);
    double cost_a = expected(s, shared, v, (unsigned)a);
    return expected(s, shared, v, (unsigned)b) < cost_a ? b : a;
}

static void lt_done(void *state, const void *shared, const struct bal_result *r, uint64_t now_us)
{
    struct peak *p = &((struct lt *)state)->peak[r->server];
    double keep = peak_weight(p, shared, now_us), cost = r->latency_us ? r->latency_us : 1;
    if (r->failed) {
        cost = cost > FAILURE_US ? cost : FAILURE_US;
        cost = cost > 2 * p->cost_us ? cost : 2 * p->cost_us;
    }
    if (cost < p->cost_us * keep) /* a peak counts at once, anything lower by its age */
        cost = p->cost_us * keep + cost * (1 - keep);
    p->cost_us = cost < COST_MAX_US ? cost : COST_MAX_US;
    p->at_us = now_us;
}

static const char *const aliases[] = {"least_time", "leasttime", "peak-ewma", "ewma", NULL};
static const struct opt_spec specs[] = {
    {"decay", OPT_DURATION, 10, 3600000, "10s", NULL, "how fast old response times are forgotten"},
};

const struct balancer balancer_least_time = {
    .abi = BALANCER_ABI,
    .uses_inflight = true,
    .desc =
        {
            .name = "least-time",
            .aliases = aliases,
            .help = "the shorter expected response time of two servers drawn at random",
            .specs = specs,
            .nspecs = sizeof specs / sizeof *specs,
            .uses_weights = true,
        },
    .prepare = lt_prepare,
    .release = free,
    .state_size = lt_size,
    .state_init = lt_init,
    .pick = lt_pick,
    .done = lt_done,
};
