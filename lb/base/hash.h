/*
 * hash.h — 64-bit hashing of bytes, by xxhash (XXH3), and mixing of two values.
 *
 * Not keyed against an attacker unless a secret seed is passed.
 */
#ifndef LB_BASE_HASH_H
#define LB_BASE_HASH_H

#include "lb/base/slice.h"

/* XXH3-64 of n bytes with `seed`. */
uint64_t hash_bytes(const void *p, size_t n, uint64_t seed);

static inline uint64_t hash_slice(struct slice s, uint64_t seed)
{
    return hash_bytes(s.p, s.n, seed);
}

/* A well mixed 64-bit value from an integer (the finaliser of SplitMix64). */
static inline uint64_t hash_u64(uint64_t z)
{
    z += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

#endif
