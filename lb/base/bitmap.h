/*
 * bitmap.h — sets of small integers in 64-bit words.
 */
#ifndef LB_BASE_BITMAP_H
#define LB_BASE_BITMAP_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Words needed for n bits. */
static inline unsigned bitmap_words(unsigned n)
{
    return (n + 63) / 64;
}

static inline void bitmap_set(uint64_t *b, unsigned i)
{
    b[i / 64] |= UINT64_C(1) << (i % 64);
}

static inline void bitmap_clear(uint64_t *b, unsigned i)
{
    b[i / 64] &= ~(UINT64_C(1) << (i % 64));
}

static inline bool bitmap_test(const uint64_t *b, unsigned i)
{
    return b[i / 64] >> (i % 64) & 1;
}

/* How many of the first n bits are set. */
static inline unsigned bitmap_count(const uint64_t *b, unsigned n)
{
    unsigned c = 0;
    for (unsigned w = 0; w < bitmap_words(n); w++)
        c += (unsigned)__builtin_popcountll(b[w]);
    return c;
}

/*
 * The first index >= from (and < n) that is set in `b` and, when `not` is given, clear in `not`;
 * n when there is none. Bits at n and above must be clear in `b`.
 */
static inline unsigned bitmap_next(const uint64_t *b, const uint64_t * not, unsigned n,
                                   unsigned from)
{
    for (unsigned w = from / 64, words = bitmap_words(n); w < words; w++) {
        uint64_t bits = b[w] & (not ? ~not [w] : ~UINT64_C(0));
        if (w == from / 64)
            bits &= ~UINT64_C(0) << (from % 64);
        if (bits)
            return w * 64 + (unsigned)__builtin_ctzll(bits);
    }
    return n;
}

/* As bitmap_next, but goes on from 0 at the end; n when no bit qualifies. */
static inline unsigned bitmap_next_wrap(const uint64_t *b, const uint64_t * not, unsigned n,
                                        unsigned from)
{
    unsigned i = bitmap_next(b, not, n, from < n ? from : 0);
    return i < n ? i : bitmap_next(b, not, n, 0);
}

#endif
