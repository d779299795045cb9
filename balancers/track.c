/* track.c — block-wise comparison of a view with the copy of the last one. */
#include "balancers/track.h"

#include "lb/base/bitmap.h"

static size_t up_bytes(unsigned n)
{
    return bitmap_words(n) * sizeof(uint64_t);
}

static size_t weight_bytes(unsigned n)
{
    return (n * sizeof(uint16_t) + 7) & ~(size_t)7;
}

size_t track_bytes(unsigned n)
{
    return up_bytes(n) + weight_bytes(n);
}

void *track_init(struct track *t, void *mem, unsigned n)
{
    unsigned char *at = mem;
    t->up = (uint64_t *)(void *)at;
    t->weight = (uint16_t *)(void *)(at + up_bytes(n));
    return at + track_bytes(n);
}

static unsigned block_end(const struct bal_view *v, unsigned w)
{
    return v->n - w * 64 < 64 ? v->n : w * 64 + 64;
}

static bool block_differs(const struct track *t, const struct bal_view *v, unsigned w)
{
    size_t bytes = (block_end(v, w) - w * 64) * sizeof *t->weight;
    return t->up[w] != v->up[w] || memcmp(t->weight + w * 64, v->weight + w * 64, bytes) != 0;
}

static void block_report(const struct track *t, const struct bal_view *v, unsigned w,
                         void (*changed)(void *arg, unsigned i), void *arg)
{
    for (unsigned i = w * 64; i < block_end(v, w); i++) {
        bool was = bitmap_test(t->up, i), is = bitmap_test(v->up, i);
        if (was != is || (is && t->weight[i] != v->weight[i]))
            changed(arg, i);
    }
}

bool track_sync(struct track *t, const struct bal_view *v, void (*changed)(void *arg, unsigned i),
                void *arg)
{
    unsigned words = bitmap_words(v->n), differ = 0;
    for (unsigned w = 0; t->built && w < words; w++)
        differ += block_differs(t, v, w);
    bool few = t->built && differ <= words / 4 + 1;
    for (unsigned w = 0; few && differ && w < words; w++)
        if (block_differs(t, v, w))
            block_report(t, v, w, changed, arg);
    if (differ || !t->built) {
        memcpy(t->up, v->up, up_bytes(v->n));
        memcpy(t->weight, v->weight, v->n * sizeof *t->weight);
    }
    t->built = true;
    t->generation = v->generation;
    return few;
}
