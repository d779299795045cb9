/*
 * hash.c — by a key of the request (path, header, cookie …), consistently; optionally bounded.
 *
 * `bounded-load C` keeps hot keys from drowning a server (Mirrokni, Thorup, Zadimoghaddam,
 * "Consistent Hashing with Bounded Loads", SODA 2018): no server takes more than C times its share
 * of the exchanges in flight; what would exceed that moves on along the key's sequence of owners.
 * The sum of the load is kept by `changed` and by differences of `up`, so a pick does not scan.
 */
#include "balancers/builtin.h"
#include "balancers/candidates.h"
#include "balancers/keyed.h"

#include "lb/base/err.h"

#include <errno.h>
#include <stdlib.h>

struct hash_shared {
    struct keyed *keyed; /* owned */
    double bound;        /* 0: none */
};

/* The arrays and all but `rng` serve the bound and are missing without it. */
struct hash_state {
    struct rng rng;
    bool built;
    uint64_t generation;
    uint64_t load;   /* exchanges in flight on servers that are up */
    uint64_t weight; /* their configured weights */
    uint64_t *up;    /* bitmap `load` and `weight` stand for */
    uint32_t *seen;  /* [n] what server i contributes to `load` */
};

static void hash_release(void *shared)
{
    struct hash_shared *sh = shared;
    if (sh)
        keyed_free(sh->keyed);
    free(sh);
}

static int hash_prepare(const struct bal_server *servers, unsigned n, const struct opts *opts,
                        void **shared, struct err *e)
{
    struct hash_shared *sh = calloc(1, sizeof *sh);
    if (!sh)
        return err_set(e, ENOMEM, "out of memory");
    sh->bound = (double)opts_num(opts, "bounded-load", 0) / 1000;
    sh->keyed = keyed_new(servers, n, keyed_slots(opts, n), e);
    if (!sh->keyed) {
        hash_release(sh);
        return -1;
    }
    *shared = sh;
    return 0;
}

static bool is_bounded(const struct hash_shared *sh)
{
    return sh->bound > 0;
}

static size_t hash_size(const void *shared, unsigned n)
{
    if (!is_bounded(shared))
        return sizeof(struct rng);
    return sizeof(struct hash_state) + bitmap_words(n) * sizeof(uint64_t) + n * sizeof(uint32_t);
}

static void hash_init(void *state, const void *shared, unsigned n, unsigned worker,
                      unsigned nworkers, uint64_t seed)
{
    (void)nworkers;
    *(struct rng *)state = worker_rng(worker, seed);
    if (!is_bounded(shared))
        return;
    struct hash_state *s = state;
    s->up = (uint64_t *)(void *)(s + 1);
    s->seen = (uint32_t *)(void *)(s->up + bitmap_words(n));
}

static uint64_t share_of(const struct hash_shared *sh, unsigned i)
{
    return sh->keyed->weight[i] ? sh->keyed->weight[i] : 1;
}

static void flip(struct hash_state *s, const struct hash_shared *sh, const struct bal_view *v,
                 unsigned i)
{
    if (bitmap_test(v->up, i)) {
        s->seen[i] = v->inflight[i];
        s->load += s->seen[i];
        s->weight += share_of(sh, i);
    } else {
        s->load -= s->seen[i];
        s->weight -= share_of(sh, i);
    }
}

static void hash_sync(struct hash_state *s, const struct hash_shared *sh, const struct bal_view *v)
{
    for (unsigned w = 0; w < bitmap_words(v->n); w++) {
        for (uint64_t diff = s->up[w] ^ v->up[w]; diff; diff &= diff - 1)
            flip(s, sh, v, w * 64 + (unsigned)__builtin_ctzll(diff));
        s->up[w] = v->up[w];
    }
    s->generation = v->generation;
    s->built = true;
}

struct bound {
    const struct hash_state *s;
    const struct hash_shared *sh;
};

/* One more stays at or below ceil(C × (load + 1) × weight / all weights). */
static bool below_bound(const void *arg, const struct bal_view *v, unsigned i)
{
    const struct bound *b = arg;
    double room = b->sh->bound * (double)(b->s->load + 1) * (double)share_of(b->sh, i);
    return (double)v->inflight[i] * (double)b->s->weight < room;
}

static int hash_pick(void *state, const void *shared, const struct bal_view *v, uint64_t key,
                     const uint64_t *tried)
{
    const struct hash_shared *sh = shared;
    if (!is_bounded(sh))
        return keyed_pick(sh->keyed, v, key, state, tried, NULL);
    struct hash_state *s = state;
    if (!s->built || s->generation != v->generation)
        hash_sync(s, sh, v);
    const struct bound bound = {s, sh};
    const struct keyed_limit limit = {below_bound, &bound};
    return keyed_pick(sh->keyed, v, key, &s->rng, tried, &limit);
}

static void hash_changed(void *state, const void *shared, const struct bal_view *v, unsigned server)
{
    struct hash_state *s = state;
    if (!is_bounded(shared) || !bitmap_test(s->up, server))
        return;
    s->load += (uint64_t)v->inflight[server] - s->seen[server];
    s->seen[server] = v->inflight[server];
}

static const char *const aliases[] = {"maglev",    "MAGLEV", "ring-hash", "ring_hash",
                                      "RING_HASH", "uri",    "hdr",       NULL};
static const struct opt_spec specs[] = {
    {"bounded-load", OPT_RATIO, 1001, 100000, NULL, NULL,
     "no server above this times its share of the load (1.25)"},
    KEYED_SLOTS_SPEC,
};

const struct balancer balancer_hash = {
    .abi = BALANCER_ABI,
    .uses_inflight = true,
    .desc =
        {
            .name = "hash",
            .aliases = aliases,
            .help = "by a key of the request, always the same server",
            .specs = specs,
            .nspecs = sizeof specs / sizeof *specs,
            .args_min = 1,
            .args_max = 2,
            .args_help = "uri|path|header NAME|cookie NAME|query NAME",
            .uses_weights = true,
            .takes_key = true,
        },
    .prepare = hash_prepare,
    .release = hash_release,
    .state_size = hash_size,
    .state_init = hash_init,
    .pick = hash_pick,
    .changed = hash_changed,
};
