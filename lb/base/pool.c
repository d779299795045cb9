/*
 * pool.c — slabs of 64 KiB, aligned to their size.
 *
 * An object finds its slab by masking its address, so it carries no header. A slab hands out freed
 * objects last in, first out, and only then memory that was never touched. Slabs with free objects
 * are in `partial`, wholly free ones in `empty`, full ones in no list. Every operation is O(1); a
 * slab goes back to the system when it is wholly free, `keep` objects stay cached without it and
 * one other empty slab is at hand (else one object taken and returned in turn would map and unmap).
 * One thread per pool. No memory is cleared: the caller initialises what it gets.
 */
#include "lb/base/pool.h"

#include "lb/base/list.h"
#include "lb/base/pages.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

enum { SLAB_BYTES = 64 * 1024, SLAB_HEAD = 64, OBJECT_ALIGN = 16 };

struct pool {
    const char *name; /* borrowed */
    size_t size;      /* of an object, rounded up */
    size_t used;
    unsigned cap;  /* objects in a slab */
    unsigned keep; /* low-water mark in objects */
    unsigned slabs, empties;
    struct list partial, empty;
};

struct slab {
    struct list link;
    void *free;  /* chain of freed objects */
    char *fresh; /* next object never handed out */
    unsigned used;
};

_Static_assert(sizeof(struct slab) <= SLAB_HEAD,
               "the slab's head must fit in front of the objects");

struct pool *pool_new(const char *name, size_t size, unsigned keep)
{
    if (size < sizeof(void *))
        size = sizeof(void *);
    if (size > SLAB_BYTES - SLAB_HEAD)
        return NULL;
    struct pool *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->name = name;
    p->size = (size + OBJECT_ALIGN - 1) & ~(size_t)(OBJECT_ALIGN - 1);
    p->cap = (unsigned)((SLAB_BYTES - SLAB_HEAD) / p->size);
    p->keep = keep;
    list_init(&p->partial);
    list_init(&p->empty);
    return p;
}

#if LB_SANITIZED

void *pool_get(struct pool *p)
{
    void *o = aligned_alloc(OBJECT_ALIGN, p->size);
    if (o)
        p->used++;
    return o;
}

void pool_put(struct pool *p, void *o)
{
    if (!o)
        return;
    assert(p->used > 0);
    p->used--;
    free(o);
}

void pool_report(const struct pool *p, size_t *used, size_t *cached)
{
    *used = p->used;
    *cached = 0;
}

size_t pool_bytes(const struct pool *p)
{
    return p->used * p->size;
}

void pool_free(struct pool *p)
{
    assert(!p || p->used == 0);
    free(p);
}

#else

static size_t cached(const struct pool *p)
{
    return (size_t)p->slabs * p->cap - p->used;
}

static struct slab *slab_of(void *object)
{
    return (struct slab *)((uintptr_t)object & ~(uintptr_t)(SLAB_BYTES - 1));
}

/* A slab with a free object, at the head of `partial`, when that list was empty. */
static struct slab *slab_more(struct pool *p)
{
    struct slab *s;
    if (p->empties) {
        s = container_of(list_pop(&p->empty), struct slab, link);
        p->empties--;
    } else {
        s = pages_map(SLAB_BYTES, SLAB_BYTES);
        if (!s)
            return NULL;
        s->fresh = (char *)s + SLAB_HEAD;
        p->slabs++;
    }
    list_push_front(&p->partial, &s->link);
    return s;
}

void *pool_get(struct pool *p)
{
    struct slab *s = container_of(p->partial.next, struct slab, link);
    if (__builtin_expect(list_empty(&p->partial), 0)) {
        s = slab_more(p);
        if (!s)
            return NULL;
    }
    void *o = s->free;
    if (o) {
        s->free = *(void **)o;
    } else {
        o = s->fresh;
        s->fresh += p->size;
    }
    p->used++;
    if (++s->used == p->cap)
        list_del(&s->link);
    return o;
}

/* The slab has just become wholly free: keep it, or give it back. */
static void slab_emptied(struct pool *p, struct slab *s)
{
    list_del(&s->link);
    if (p->empties && cached(p) >= (size_t)p->keep + p->cap) {
        p->slabs--;
        pages_unmap(s, SLAB_BYTES);
        return;
    }
    list_push_front(&p->empty, &s->link);
    p->empties++;
}

void pool_put(struct pool *p, void *o)
{
    if (!o)
        return;
    struct slab *s = slab_of(o);
    *(void **)o = s->free;
    s->free = o;
    p->used--;
    if (s->used-- == p->cap)
        list_push_front(&p->partial, &s->link);
    if (__builtin_expect(s->used == 0, 0))
        slab_emptied(p, s);
}

void pool_report(const struct pool *p, size_t *used, size_t *kept)
{
    *used = p->used;
    *kept = cached(p);
}

size_t pool_bytes(const struct pool *p)
{
    return (size_t)p->slabs * SLAB_BYTES;
}

void pool_free(struct pool *p)
{
    if (!p)
        return;
    assert(p->used == 0);
    list_take_all(&p->empty, &p->partial);
    for (struct list *l; (l = list_pop(&p->empty));)
        pages_unmap(container_of(l, struct slab, link), SLAB_BYTES);
    free(p);
}

#endif
