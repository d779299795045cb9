/*
 * weighted_round_robin.c — smooth: in proportion to the weights and well mixed, 5:1:1 gives
 * A A B A C A A.
 *
 * The order is exactly that of nginx's smooth weighted round robin: each server holds a claim; with
 * each pick every claim grows by the server's weight, the highest is served (lowest index on a tie)
 * and drops by the total. nginx walks all servers for that. Here claims are straight lines in time,
 * so a kinetic tournament finds the highest in about log2(n) steps. Over a cycle of
 * total / gcd(weights) picks each server gets exactly its share.
 *
 * A server that goes keeps its claim until it comes back. Claims are worth picks only relative to
 * the total, so they are scaled when it changes: otherwise a small rest of a large backend would
 * first work off claims that were fair among many, and whoever is served while the total is low
 * would pay less. That is O(n), so large backends do it when the total has doubled or halved; in
 * between a pick's price is off by what the total moved.
 */
#include "balancers/builtin.h"
#include "balancers/candidates.h"
#include "balancers/kinetic.h"
#include "balancers/track.h"

enum {
    STAGGER_MAX = 1024,   /* picks a worker may skip at its start */
    CLAIM_UNIT = 1 << 10, /* fractions of a weight, so that scaling hardly rounds */
    SCALE_ALWAYS = 64,    /* servers up to which claims are scaled with every change */
};
#define REBASE_AT (UINT64_C(1) << 30) /* time × slope stays below 2^54 */

struct wrr {
    struct track track;
    struct kinetic claims;
    int64_t total;      /* weights of servers that are up */
    int64_t scaled_for; /* total for which the claims are in proportion; 0: not yet any */
    unsigned worker, nworkers;
};

static size_t wrr_size(const void *shared, unsigned n)
{
    (void)shared;
    return sizeof(struct wrr) + track_bytes(n) + kinetic_bytes(n);
}

static void wrr_init(void *state, const void *shared, unsigned n, unsigned worker,
                     unsigned nworkers, uint64_t seed)
{
    (void)shared, (void)seed;
    struct wrr *s = state;
    kinetic_init(&s->claims, track_init(&s->track, s + 1, n), n);
    s->worker = worker;
    s->nworkers = nworkers;
}

static int64_t slope_of(const struct bal_view *v, unsigned i)
{
    return bitmap_test(v->up, i) ? (int64_t)view_weight(v, i) * CLAIM_UNIT : 0;
}

static bool wrr_needs_scaling(const struct wrr *s)
{
    if (s->claims.n <= SCALE_ALWAYS)
        return s->total != s->scaled_for;
    return s->total > 2 * s->scaled_for || 2 * s->total < s->scaled_for;
}

/* Starts time anew, with claims in proportion to the present total. */
static void wrr_rescale(struct wrr *s)
{
    for (unsigned i = 0; i < s->claims.n; i++) {
        __int128 claim = kinetic_value(&s->claims, i);
        s->claims.line[i].base = (int64_t)(claim * s->total / s->scaled_for);
    }
    s->claims.now = 0;
    s->scaled_for = s->total;
    kinetic_rebuild(&s->claims);
}

struct change {
    struct wrr *s;
    const struct bal_view *v;
};

static void server_changed(void *arg, unsigned i)
{
    const struct change *c = arg;
    int64_t slope = slope_of(c->v, i);
    c->s->total += slope - c->s->claims.line[i].slope;
    kinetic_bend(&c->s->claims, i, slope);
}

static void wrr_rebuild(struct wrr *s, const struct bal_view *v)
{
    s->total = 0;
    for (unsigned i = 0; i < v->n; i++) {
        struct line *line = &s->claims.line[i];
        int64_t claim = kinetic_value(&s->claims, i), slope = slope_of(v, i);
        *line = (struct line){.base = claim - slope * (int64_t)s->claims.now, .slope = slope};
        s->total += slope;
    }
    kinetic_rebuild(&s->claims);
}

static unsigned wrr_step(struct wrr *s, const uint64_t *tried)
{
    kinetic_tick(&s->claims);
    unsigned i = kinetic_best(&s->claims, tried);
    kinetic_shift(&s->claims, i, -s->total);
    return i;
}

static uint64_t gcd(uint64_t a, uint64_t b)
{
    while (b) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* Spreads the workers over the cycle, so that they do not all begin with the same server. */
static void wrr_stagger(struct wrr *s)
{
    uint64_t step = 0;
    for (unsigned i = 0; i < s->claims.n; i++)
        step = gcd(step, (uint64_t)s->claims.line[i].slope);
    uint64_t cycle = (uint64_t)s->total / step;
    uint64_t skip = s->nworkers ? cycle * s->worker / s->nworkers : 0;
    for (uint64_t done = 0; done < skip && done < STAGGER_MAX; done++)
        (void)wrr_step(s, NULL);
}

static void wrr_sync(struct wrr *s, const struct bal_view *v)
{
    struct change c = {s, v};
    if (!track_sync(&s->track, v, server_changed, &c))
        wrr_rebuild(s, v);
    if (s->scaled_for == 0) {
        s->scaled_for = s->total;
        wrr_stagger(s);
    } else if (wrr_needs_scaling(s)) {
        wrr_rescale(s);
    }
}

static int wrr_pick(void *state, const void *shared, const struct bal_view *v, uint64_t key,
                    const uint64_t *tried)
{
    (void)shared, (void)key;
    struct wrr *s = state;
    if (!any_candidate(v, tried))
        return BAL_NONE;
    if (track_stale(&s->track, v))
        wrr_sync(s, v);
    if (s->claims.now >= REBASE_AT)
        wrr_rescale(s);
    return (int)wrr_step(s, tried);
}

static const char *const aliases[] = {"weighted_round_robin", "wrr", "static-rr", NULL};

const struct balancer balancer_weighted_round_robin = {
    .abi = BALANCER_ABI,
    .desc =
        {
            .name = "weighted-round-robin",
            .aliases = aliases,
            .help = "each server in turn as often as its weight says, well mixed",
            .uses_weights = true,
        },
    .prepare = prepare_nothing,
    .state_size = wrr_size,
    .state_init = wrr_init,
    .pick = wrr_pick,
};
