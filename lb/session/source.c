/*
 * source.c — buckets of eight 64-bit words, each a 40-bit tag and a 24-bit count, changed by
 * compare-and-swap.
 *
 * A network is its keyed hash: the low bits choose the bucket, the high ones are the tag. A bucket
 * that is full (rare: the table has four words a connection) admits without counting, since
 * refusing would hit a stranger. Two workers that add the same network at the same moment while
 * words of the bucket become free may leave two words with its tag; each counts for itself then, so
 * the limit can be passed by a few, and the words go when their connections do.
 */
#include "lb/session/source.h"

#include "lb/base/hash.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS = 8, COUNT_BITS = 24 };
#define COUNT_MASK ((UINT64_C(1) << COUNT_BITS) - 1)

struct sources {
    _Atomic uint64_t *word; /* owned; [(mask + 1) * WORDS] */
    uint64_t mask, seed;
};

struct sources *sources_new(uint64_t connections, uint64_t seed)
{
    uint64_t buckets = 64;
    struct sources *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    while (buckets * WORDS < connections * 4 && buckets < UINT64_C(1) << 24)
        buckets *= 2;
    t->word = calloc(buckets * WORDS, sizeof *t->word); /* pages nobody touches cost nothing */
    t->mask = buckets - 1;
    t->seed = seed;
    if (!t->word) {
        free(t);
        return NULL;
    }
    return t;
}

void sources_free(struct sources *t)
{
    if (!t)
        return;
    free(t->word);
    free(t);
}

static uint64_t key_of(const struct sources *t, const struct source *s)
{
    uint8_t net[16] = {0};
    unsigned whole = s->bits / 8, rest = s->bits % 8;
    memcpy(net, s->peer->ip, whole);
    if (rest)
        net[whole] = (uint8_t)(s->peer->ip[whole] & (0xff00 >> rest));
    uint64_t key = hash_bytes(net, sizeof net, t->seed ^ hash_u64((uintptr_t)s->scope));
    return key ? key : 1;
}

static uint64_t tag_of(uint64_t key)
{
    uint64_t tag = key & ~COUNT_MASK;
    return tag ? tag : COUNT_MASK + 1;
}

/* The bucket's word with this tag, else a free one, else NULL. *seen is what was in it. */
static _Atomic uint64_t *find(const struct sources *t, uint64_t key, uint64_t *seen)
{
    _Atomic uint64_t *b = t->word + (key & t->mask) * WORDS, *room = NULL;
    for (unsigned i = 0; i < WORDS; i++) {
        uint64_t v = atomic_load_explicit(&b[i], memory_order_relaxed);
        if (v && (v & ~COUNT_MASK) == tag_of(key)) {
            *seen = v;
            return &b[i];
        }
        if (!v && !room)
            room = &b[i];
    }
    *seen = 0;
    return room;
}

bool sources_enter(struct sources *t, const struct source *s, uint32_t most, uint64_t *key)
{
    uint64_t k = key_of(t, s), seen;
    *key = 0;
    for (;;) {
        _Atomic uint64_t *at = find(t, k, &seen);
        if (!at || (seen & COUNT_MASK) == COUNT_MASK)
            return true;
        if ((seen & COUNT_MASK) >= most)
            return false;
        uint64_t next = seen ? seen + 1 : tag_of(k) + 1;
        if (atomic_compare_exchange_weak_explicit(at, &seen, next, memory_order_relaxed,
                                                  memory_order_relaxed)) {
            *key = k;
            return true;
        }
    }
}

void sources_leave(struct sources *t, uint64_t key)
{
    uint64_t seen;
    while (key) {
        _Atomic uint64_t *at = find(t, key, &seen);
        if (!at || !seen)
            return;
        uint64_t next = (seen & COUNT_MASK) > 1 ? seen - 1 : 0;
        if (atomic_compare_exchange_weak_explicit(at, &seen, next, memory_order_relaxed,
                                                  memory_order_relaxed))
            return;
    }
}
