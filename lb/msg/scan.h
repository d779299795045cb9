/*
 * scan.h — byte classes of HTTP text, and the ends of runs found 16 bytes at a time.
 *
 * Private to lb/msg. SSE2 is part of every x86-64; elsewhere, and for the last bytes before `end`,
 * the same tests run byte by byte. Nothing reads at or behind `end`. Pure, any thread. The
 * functions are inline because a call per field name and value was a third of the parser's time.
 */
#ifndef LB_MSG_SCAN_H
#define LB_MSG_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum byte_class {
    BYTE_TOKEN = 1, /* tchar, RFC 9110 section 5.6.2 */
    BYTE_HOST = 2,  /* unreserved and sub-delims, RFC 3986 section 3.2.2 */
    BYTE_HEX = 4,
    BYTE_DIGIT = 8,
    BYTE_UNRESERVED = 16, /* RFC 3986 section 2.3 */
};

extern const uint8_t byte_classes[256];

static inline bool byte_is(char c, enum byte_class k)
{
    return byte_classes[(uint8_t)c] & k;
}

static inline bool byte_blank(char c) /* OWS */
{
    return c == ' ' || c == '\t';
}

/* May the byte stand in a field value or a reason phrase? (HTAB, SP, VCHAR, obs-text) */
static inline bool byte_value(char c)
{
    return ((uint8_t)c >= 0x20 && c != 0x7f) || c == '\t';
}

/* May the byte stand in a request target as lb accepts it? (VCHAR without "#") */
static inline bool byte_target(char c)
{
    return c > 0x20 && c != 0x7f && c != '#';
}

/* The value of a hex digit; only for bytes of BYTE_HEX. */
static inline unsigned hex_value(char c)
{
    return c <= '9' ? (unsigned)(c - '0') : (unsigned)((c | 0x20) - 'a' + 10);
}

/* Every byte of p[0..n) is of class k, and there is at least one. */
static inline bool bytes_are(const char *p, size_t n, enum byte_class k)
{
    for (size_t i = 0; i < n; i++)
        if (!byte_is(p[i], k))
            return false;
    return n > 0;
}

#ifdef __SSE2__
/* Bit i: byte i of the 16 at p may not stand in a field value. */
static inline __attribute__((always_inline)) unsigned stop_mask16(const char *p)
{
    const __m128i top = _mm_set1_epi8(0x1f), tab = _mm_set1_epi8('\t'), del = _mm_set1_epi8(0x7f);
    __m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
    __m128i ctl = _mm_cmpeq_epi8(_mm_min_epu8(x, top), x);
    __m128i bad =
        _mm_or_si128(_mm_andnot_si128(_mm_cmpeq_epi8(x, tab), ctl), _mm_cmpeq_epi8(x, del));
    return (unsigned)_mm_movemask_epi8(bad);
}
#endif

/* The first byte in [p, end) that a field value may not have; `end` when there is none. */
static inline const char *scan_value(const char *p, const char *end)
{
#ifdef __SSE2__
    for (; end - p >= 16; p += 16) {
        unsigned m = stop_mask16(p);
        if (m)
            return p + __builtin_ctz(m);
    }
#endif
    while (p < end && byte_value(*p))
        p++;
    return p;
}

/*
 * The same for all field lines of a head, one stop after the other (CR, LF, CR, LF …). Masks of 64
 * bytes are made from addresses that depend on no stop before, so the processor works on several
 * lines at once; finding each stop from the one before it took twice the time.
 */
struct stops {
    const char *begin, *block, *next,
        *end; /* `bits` are of block[0..64); next: the block to come */
    uint64_t bits;
};

static inline __attribute__((always_inline)) struct stops stops_from(const char *p, const char *end)
{
    return (struct stops){p, p, p, end, 0};
}

/* The mask of the fewer than 64 bytes at s->next. */
static inline uint64_t stops_tail(const struct stops *s)
{
    size_t n = (size_t)(s->end - s->next), i = 0;
    uint64_t m = 0;
#ifdef __SSE2__
    for (; n - i >= 16; i += 16)
        m |= (uint64_t)stop_mask16(s->next + i) << i;
    if (i < n && s->end - s->begin >= 16) /* the last 16, of which some are known already */
        return m | (uint64_t)(stop_mask16(s->end - 16) >> (16 - (n - i))) << i;
#endif
    for (; i < n; i++)
        m |= (uint64_t)!byte_value(s->next[i]) << i;
    return m;
}

/* The mask of the 64 bytes at p. */
static inline __attribute__((always_inline)) uint64_t stop_mask64(const char *p)
{
#ifdef __SSE2__
    return stop_mask16(p) | (uint64_t)stop_mask16(p + 16) << 16 |
           (uint64_t)stop_mask16(p + 32) << 32 | (uint64_t)stop_mask16(p + 48) << 48;
#else
    uint64_t m = 0;
    for (size_t i = 0; i < 64; i++)
        m |= (uint64_t)!byte_value(p[i]) << i;
    return m;
#endif
}

/* The next stop, or `end`. */
static inline __attribute__((always_inline)) const char *stops_next(struct stops *s)
{
    while (!s->bits) {
        size_t n = (size_t)(s->end - s->next);
        if (n == 0)
            return s->end;
        s->block = s->next;
        s->bits = n >= 64 ? stop_mask64(s->block) : stops_tail(s);
        s->next += n >= 64 ? 64 : n;
    }
    const char *p = s->block + __builtin_ctzll(s->bits);
    s->bits &= s->bits - 1;
    return p;
}

/* The first byte in [p, end) that a request target may not have; `end` when there is none. */
static inline const char *scan_target(const char *p, const char *end)
{
#ifdef __SSE2__
    const __m128i low = _mm_set1_epi8(0x20), del = _mm_set1_epi8(0x7f), hash = _mm_set1_epi8('#');
    for (; end - p >= 16; p += 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
        /* compared as signed: bytes from 0x80 on are below 0x20 */
        __m128i good = _mm_cmpgt_epi8(x, low);
        __m128i bad = _mm_or_si128(_mm_cmpeq_epi8(x, del), _mm_cmpeq_epi8(x, hash));
        unsigned m = (unsigned)_mm_movemask_epi8(_mm_andnot_si128(bad, good)) ^ 0xffffu;
        if (m)
            return p + __builtin_ctz(m);
    }
#endif
    while (p < end && byte_target(*p))
        p++;
    return p;
}

/* The first byte in [p, end) that is not a tchar; `end` when there is none. Letters, digits and "-"
 * are recognised 16 at a time; the other tchars are rare in field names. */
static inline __attribute__((always_inline)) const char *scan_token(const char *p, const char *end)
{
#ifdef __SSE2__
    const __m128i bit = _mm_set1_epi8(0x20), a = _mm_set1_epi8('a'), z = _mm_set1_epi8(25);
    const __m128i zero = _mm_set1_epi8('0'), nine = _mm_set1_epi8(9), dash = _mm_set1_epi8('-');
    for (; end - p >= 16; p += 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i l = _mm_sub_epi8(_mm_or_si128(x, bit), a), d = _mm_sub_epi8(x, zero);
        __m128i ok = _mm_or_si128(_mm_cmpeq_epi8(_mm_min_epu8(l, z), l),
                                  _mm_cmpeq_epi8(_mm_min_epu8(d, nine), d));
        ok = _mm_or_si128(ok, _mm_cmpeq_epi8(x, dash));
        unsigned m = (unsigned)_mm_movemask_epi8(ok) ^ 0xffffu;
        if (m) {
            p += __builtin_ctz(m);
            if (*p == ':') /* nearly always */
                return p;
            break;
        }
    }
#endif
    while (p < end && byte_is(*p, BYTE_TOKEN))
        p++;
    return p;
}

#endif
