/*
 * least_connections.c — the server with the fewest exchanges in flight per weight.
 *
 * A winner tree per worker holds the minimum; a change of one server's count replays log2(n)
 * matches, so a pick does not scan. Equal loads, the rule in an idle backend, are decided by start
 * tags as in start-time fair queueing (Goyal, Vin, Cheng 1996): each pick moves the server's tag on
 * by 1/weight and the lowest tag wins, so equals share in proportion to their weights. Tags never
 * lag behind the virtual time, so a server that was busy or away does not then win every tie.
 */
#include "balancers/builtin.h"
#include "balancers/candidates.h"
#include "balancers/tourney.h"
#include "balancers/track.h"

#define TAG_UNIT (UINT64_C(1) << 30) /* weight × tag step; a step is >= 65,536 */

struct lc {
    struct track track;
    struct tourney tree;
    uint64_t vtime; /* highest tag chosen so far */
    uint64_t *tag;  /* [n], in the state block */
};

struct order {
    const struct lc *s;
    const struct bal_view *v;
};

static size_t lc_size(const void *shared, unsigned n)
{
    (void)shared;
    return sizeof(struct lc) + n * sizeof(uint64_t) + track_bytes(n) + tourney_bytes(n);
}

static void lc_init(void *state, const void *shared, unsigned n, unsigned worker, unsigned nworkers,
                    uint64_t seed)
{
    (void)shared, (void)seed;
    struct lc *s = state;
    s->tag = (uint64_t *)(void *)(s + 1);
    tourney_init(&s->tree, track_init(&s->track, s->tag + n, n), n);
    unsigned first = nworkers ? (unsigned)((uint64_t)worker * n / nworkers) : 0;
    for (unsigned i = 0; i < n; i++)
        s->tag[i] = i >= first ? i - first : i + n - first;
}

static bool tag_before(uint64_t a, uint64_t b)
{
    return (int64_t)(a - b) < 0; /* tags may wrap */
}

static bool lc_before(const void *arg, unsigned a, unsigned b)
{
    const struct order *o = arg;
    int load = compare_load(o->v, a, b);
    return load ? load < 0 : tag_before(o->s->tag[a], o->s->tag[b]);
}

static void tag_catch_up(struct lc *s, unsigned i)
{
    if (tag_before(s->tag[i], s->vtime))
        s->tag[i] = s->vtime;
}

struct change {
    struct lc *s;
    struct order order;
};

static void server_changed(void *arg, unsigned i)
{
    const struct change *c = arg;
    tag_catch_up(c->s, i);
    tourney_update(&c->s->tree, i, bitmap_test(c->order.v->up, i), lc_before, &c->order);
}

static void lc_sync(struct lc *s, const struct bal_view *v)
{
    struct change c = {s, {s, v}};
    if (!track_sync(&s->track, v, server_changed, &c))
        tourney_build(&s->tree, v->up, v->n, lc_before, &c.order);
}

static int lc_pick(void *state, const void *shared, const struct bal_view *v, uint64_t key,
                   const uint64_t *tried)
{
    (void)shared, (void)key;
    struct lc *s = state;
    const struct order order = {s, v};
    if (v->n == 0)
        return BAL_NONE;
    if (track_stale(&s->track, v))
        lc_sync(s, v);
    unsigned i = tourney_best(&s->tree, tried, lc_before, &order);
    if (i == TOURNEY_NONE)
        return BAL_NONE;
    if (tag_before(s->vtime, s->tag[i]))
        s->vtime = s->tag[i];
    s->tag[i] = s->vtime + TAG_UNIT / view_weight(v, i);
    tourney_update(&s->tree, i, true, lc_before, &order);
    return (int)i;
}

static void lc_changed(void *state, const void *shared, const struct bal_view *v, unsigned server)
{
    (void)shared;
    struct lc *s = state;
    const struct order order = {s, v};
    if (!s->track.built || s->tree.node[s->tree.leaves + server] == TOURNEY_NONE)
        return;
    tag_catch_up(s, server);
    tourney_update(&s->tree, server, true, lc_before, &order);
}

static const char *const aliases[] = {"leastconn", "least_conn", "least-conn", "least_connections",
                                      NULL};

const struct balancer balancer_least_connections = {
    .abi = BALANCER_ABI,
    .uses_inflight = true,
    .desc =
        {
            .name = "least-connections",
            .aliases = aliases,
            .help = "the fewest exchanges in flight per weight; equals in turn",
            .uses_weights = true,
        },
    .prepare = prepare_nothing,
    .state_size = lc_size,
    .state_init = lc_init,
    .pick = lc_pick,
    .changed = lc_changed,
};
