/*
 * ring.c — records in a power-of-two buffer, each contiguous, behind an 8-byte length.
 *
 * `head` and `tail` only grow; their distance is what is in use. A record that does not fit before
 * the end of the buffer is put at its start and a skip mark covers the gap. Each side keeps a copy
 * of the other's position and looks again only when the copy says full (or empty), so the cache
 * line of a position rarely moves between processors.
 */
#include "lb/base/ring.h"

#include "lb/base/pages.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { RECORD_HEAD = 8, RING_LINE = 64 };

static const uint32_t skip_mark = UINT32_MAX;

struct ring {
    char *mem; /* owned */
    size_t size;
    struct { /* producer's line */
        _Atomic size_t head;
        size_t seen_tail;
        size_t at; /* of the record reserved last */
        size_t max;
        _Atomic uint64_t dropped;
    } in __attribute__((aligned(RING_LINE)));
    struct { /* consumer's line */
        _Atomic size_t tail;
        size_t seen_head;
    } out __attribute__((aligned(RING_LINE)));
};

static size_t record_bytes(size_t n)
{
    return RECORD_HEAD + ((n + 7) & ~(size_t)7);
}

static uint32_t *mark_at(const struct ring *r, size_t pos)
{
    return (uint32_t *)(void *)(r->mem + (pos & (r->size - 1)));
}

struct ring *ring_new(size_t size)
{
    size_t n = 4096;
    while (n < size && n < SIZE_MAX / 4)
        n *= 2;
    struct ring *r = aligned_alloc(RING_LINE, sizeof *r);
    if (!r)
        return NULL;
    *r = (struct ring){.mem = pages_map(n, RING_LINE), .size = n};
    if (!r->mem) {
        free(r);
        return NULL;
    }
    return r;
}

void ring_free(struct ring *r)
{
    if (!r)
        return;
    pages_unmap(r->mem, r->size);
    free(r);
}

/* Are `need` bytes free behind `head`? */
static bool has_room(struct ring *r, size_t head, size_t need)
{
    if (need <= r->size - (head - r->in.seen_tail))
        return true;
    r->in.seen_tail = atomic_load_explicit(&r->out.tail, memory_order_acquire);
    return need <= r->size - (head - r->in.seen_tail);
}

void *ring_reserve(struct ring *r, size_t max)
{
    size_t head = atomic_load_explicit(&r->in.head, memory_order_relaxed);
    size_t to_end = r->size - (head & (r->size - 1));
    size_t need = max <= r->size / 2 ? record_bytes(max) : r->size + 1;
    size_t gap = need > to_end ? to_end : 0;
    if (!has_room(r, head, gap + need)) {
        uint64_t n = atomic_load_explicit(&r->in.dropped, memory_order_relaxed);
        atomic_store_explicit(&r->in.dropped, n + 1, memory_order_relaxed);
        return NULL;
    }
    if (gap)
        *mark_at(r, head) = skip_mark;
    r->in.at = head + gap;
    r->in.max = max;
    return mark_at(r, r->in.at) + RECORD_HEAD / sizeof(uint32_t);
}

void ring_commit(struct ring *r, size_t used)
{
    assert(used <= r->in.max);
    if (used == 0)
        return;
    *mark_at(r, r->in.at) = (uint32_t)used;
    r->in.max = 0;
    atomic_store_explicit(&r->in.head, r->in.at + record_bytes(used), memory_order_release);
}

const void *ring_peek(struct ring *r, size_t *n)
{
    size_t tail = atomic_load_explicit(&r->out.tail, memory_order_relaxed);
    if (tail == r->out.seen_head) {
        r->out.seen_head = atomic_load_explicit(&r->in.head, memory_order_acquire);
        if (tail == r->out.seen_head)
            return NULL;
    }
    if (*mark_at(r, tail) == skip_mark) { /* a record follows: both were published at once */
        tail += r->size - (tail & (r->size - 1));
        atomic_store_explicit(&r->out.tail, tail, memory_order_release);
    }
    *n = *mark_at(r, tail);
    return mark_at(r, tail) + RECORD_HEAD / sizeof(uint32_t);
}

void ring_release(struct ring *r)
{
    size_t tail = atomic_load_explicit(&r->out.tail, memory_order_relaxed);
    assert(tail != r->out.seen_head);
    atomic_store_explicit(&r->out.tail, tail + record_bytes(*mark_at(r, tail)),
                          memory_order_release);
}

bool ring_empty(const struct ring *r)
{
    return atomic_load_explicit(&r->out.tail, memory_order_acquire) ==
           atomic_load_explicit(&r->in.head, memory_order_acquire);
}

uint64_t ring_dropped(const struct ring *r)
{
    return atomic_load_explicit(&r->in.dropped, memory_order_relaxed);
}
