/*
 * buf.c — segments in three classes with bounded caches.
 *
 * Small and medium segments come from slab pools, large ones from page mappings of their own, of
 * which a few stay cached: they serve bulk transfers, which come in bursts. One thread per `segs`.
 */
#include "lb/base/buf.h"

#include "lb/base/pages.h"
#include "lb/base/pool.h"

#include <stdlib.h>
#include <string.h>

enum { KEEP_SMALL = 64, KEEP_MEDIUM = 16, KEEP_LARGE = 32, LARGE_SPARE = 4 };
/* A bulk transfer that flows has its segment for one read and one send. More than a few in use mean
 * stalled readers, and those must not hold half a megabyte each. */
enum { LARGE_IN_USE = 32 };

static const uint32_t class_bytes[SEG_CLASSES] = {4 * 1024, 20 * 1024, 512 * 1024};

struct segs {
    struct pool *pool[SEG_LARGE]; /* owned; SEG_SMALL and SEG_MEDIUM */
    void *large[KEEP_LARGE];      /* owned; cached, nlarge of them */
    unsigned nlarge, large_held;  /* cached; from the allocator */
    unsigned large_low;           /* the fewest cached since segs_trim */
    size_t in_use, ceiling;       /* bytes */
};

struct segs *segs_new(size_t ceiling)
{
    struct segs *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->ceiling = ceiling;
    s->pool[SEG_SMALL] = pool_new("segments-small", class_bytes[SEG_SMALL], KEEP_SMALL);
    s->pool[SEG_MEDIUM] = pool_new("segments-medium", class_bytes[SEG_MEDIUM], KEEP_MEDIUM);
    if (!s->pool[SEG_SMALL] || !s->pool[SEG_MEDIUM]) {
        segs_free(s);
        return NULL;
    }
    return s;
}

void segs_free(struct segs *s)
{
    if (!s)
        return;
    while (s->nlarge)
        pages_unmap(s->large[--s->nlarge], class_bytes[SEG_LARGE]);
    pool_free(s->pool[SEG_SMALL]);
    pool_free(s->pool[SEG_MEDIUM]);
    free(s);
}

size_t segs_in_use(const struct segs *s)
{
    return s->in_use;
}

bool segs_large_free(const struct segs *s)
{
    return s->large_held - s->nlarge < LARGE_IN_USE &&
           (!s->ceiling || s->in_use + class_bytes[SEG_LARGE] <= s->ceiling);
}

void segs_limit(struct segs *s, size_t ceiling)
{
    s->ceiling = ceiling;
}

size_t segs_input_room(const struct segs *s, enum seg_share share)
{
    size_t most = s->ceiling / 8 * share;
    if (!s->ceiling)
        return SIZE_MAX;
    return s->in_use < most ? most - s->in_use : 0;
}

size_t segs_held(const struct segs *s)
{
    return pool_bytes(s->pool[SEG_SMALL]) + pool_bytes(s->pool[SEG_MEDIUM]) +
           (size_t)s->large_held * class_bytes[SEG_LARGE];
}

size_t seg_size(enum seg_class c)
{
    return class_bytes[c];
}

static void *large_get(struct segs *s)
{
    if (s->nlarge) {
        s->nlarge--;
        if (s->nlarge < s->large_low)
            s->large_low = s->nlarge;
        return s->large[s->nlarge];
    }
    void *p = pages_map(class_bytes[SEG_LARGE], 4096);
    if (p)
        s->large_held++;
    return p;
}

static void large_put(struct segs *s, void *p)
{
    if (s->nlarge < KEEP_LARGE) {
        s->large[s->nlarge++] = p;
        return;
    }
    s->large_held--;
    pages_unmap(p, class_bytes[SEG_LARGE]);
}

void segs_trim(struct segs *s)
{
    while (s->large_low > LARGE_SPARE) {
        s->large_low--;
        s->large_held--;
        pages_unmap(s->large[--s->nlarge], class_bytes[SEG_LARGE]);
    }
    s->large_low = s->nlarge;
}

/* A segment of class `c`; NULL when out of memory or over the ceiling. */
static char *seg_get(struct segs *s, enum seg_class c)
{
    if (s->ceiling && (s->in_use >= s->ceiling || class_bytes[c] > s->ceiling - s->in_use))
        return NULL;
    char *p = c == SEG_LARGE ? large_get(s) : pool_get(s->pool[c]);
    if (p)
        s->in_use += class_bytes[c];
    return p;
}

static void seg_put(struct segs *s, char *p, uint32_t cap)
{
    s->in_use -= cap;
    if (cap == class_bytes[SEG_LARGE])
        large_put(s, p);
    else
        pool_put(s->pool[cap == class_bytes[SEG_SMALL] ? SEG_SMALL : SEG_MEDIUM], p);
}

bool buf_want(struct buf *b, struct segs *s, enum seg_class c)
{
    if (b->mem)
        return true;
    b->mem = seg_get(s, c);
    if (!b->mem)
        return false;
    b->head = b->tail = BUF_HEADROOM;
    b->cap = class_bytes[c];
    return true;
}

bool buf_want_input(struct buf *b, struct segs *s, enum seg_class c, enum seg_share share)
{
    if (b->mem || !s->ceiling)
        return buf_want(b, s, c);
    while (c > SEG_SMALL && class_bytes[c] > segs_input_room(s, share))
        c--;
    return class_bytes[c] <= segs_input_room(s, share) && buf_want(b, s, c);
}

bool buf_grow(struct buf *b, struct segs *s, enum seg_class c)
{
    if (!b->mem)
        return buf_want(b, s, c);
    if (b->cap >= class_bytes[c])
        return true;
    char *mem = seg_get(s, c);
    if (!mem)
        return false;
    size_t n = buf_len(b);
    memcpy(mem + BUF_HEADROOM, buf_data(b), n);
    seg_put(s, b->mem, b->cap);
    *b = (struct buf){mem, BUF_HEADROOM, BUF_HEADROOM + (uint32_t)n, class_bytes[c]};
    return true;
}

void buf_compact(struct buf *b)
{
    if (!b->mem || b->head <= BUF_HEADROOM)
        return;
    size_t n = buf_len(b);
    memmove(b->mem + BUF_HEADROOM, buf_data(b), n);
    b->head = BUF_HEADROOM;
    b->tail = BUF_HEADROOM + (uint32_t)n;
}

void buf_drop(struct buf *b, struct segs *s)
{
    if (!b->mem)
        return;
    seg_put(s, b->mem, b->cap);
    *b = (struct buf){0};
}
