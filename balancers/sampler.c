/* sampler.c — the sum tree: build, update, draw. */
#include "balancers/sampler.h"

#include "balancers/candidates.h"

enum { DRAWS = 16 };

static unsigned leaves_for(unsigned n)
{
    unsigned leaves = 1;
    while (leaves < n)
        leaves *= 2;
    return leaves;
}

size_t sampler_bytes(unsigned n)
{
    return track_bytes(n) + 2 * leaves_for(n) * sizeof(uint32_t);
}

void sampler_init(struct sampler *s, void *mem, unsigned n, struct rng rng)
{
    s->leaves = leaves_for(n);
    s->sum = track_init(&s->track, mem, n);
    s->rng = rng;
}

static uint32_t leaf_weight(const struct bal_view *v, unsigned i)
{
    return bitmap_test(v->up, i) ? view_weight(v, i) : 0;
}

struct change {
    struct sampler *s;
    const struct bal_view *v;
};

static void leaf_changed(void *arg, unsigned i)
{
    const struct change *c = arg;
    struct sampler *s = c->s;
    uint32_t delta = leaf_weight(c->v, i) - s->sum[s->leaves + i]; /* may wrap: so do the sums */
    for (unsigned x = s->leaves + i; x > 0; x /= 2)
        s->sum[x] += delta;
}

void sampler_sync(struct sampler *s, const struct bal_view *v)
{
    struct change c = {s, v};
    if (!track_stale(&s->track, v) || track_sync(&s->track, v, leaf_changed, &c))
        return;
    for (unsigned i = 0; i < v->n; i++)
        s->sum[s->leaves + i] = leaf_weight(v, i);
    for (unsigned x = s->leaves - 1; x > 0; x--)
        s->sum[x] = s->sum[2 * x] + s->sum[2 * x + 1];
}

static unsigned descend(const struct sampler *s, uint32_t point)
{
    unsigned x = 1;
    while (x < s->leaves) {
        uint32_t left = s->sum[2 * x];
        unsigned right = point >= left;
        point -= right ? left : 0;
        x = 2 * x + right;
    }
    return x - s->leaves;
}

/* When the tried ones hold most of the weight: add up what is left, exactly. */
static int draw_by_scan(struct sampler *s, const struct bal_view *v, const uint64_t *tried)
{
    uint32_t left = 0;
    for (unsigned i = bitmap_next(v->up, tried, v->n, 0); i < v->n;
         i = bitmap_next(v->up, tried, v->n, i + 1))
        left += view_weight(v, i);
    if (left == 0)
        return BAL_NONE;
    uint32_t point = rng_below(&s->rng, left);
    unsigned i = bitmap_next(v->up, tried, v->n, 0);
    while (point >= view_weight(v, i)) {
        point -= view_weight(v, i);
        i = bitmap_next(v->up, tried, v->n, i + 1);
    }
    return (int)i;
}

int sampler_draw(struct sampler *s, const struct bal_view *v, const uint64_t *tried)
{
    if (s->sum[1] == 0)
        return BAL_NONE;
    for (int draw = 0; draw < DRAWS; draw++) {
        unsigned i = descend(s, rng_below(&s->rng, s->sum[1]));
        if (!tried || !bitmap_test(tried, i))
            return (int)i;
    }
    return draw_by_scan(s, v, tried);
}
