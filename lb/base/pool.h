/*
 * pool.h — fixed-size objects from slabs; one owner thread, no locks.
 *
 * Objects are cut from slabs of about 64 KiB, so an object costs its size and nothing more. Freed
 * objects are kept for reuse; slabs that became wholly free beyond the low-water mark go back.
 * In sanitizer builds each object is its own malloc, so that use after free is seen.
 */
#ifndef LB_BASE_POOL_H
#define LB_BASE_POOL_H

#include <stddef.h>

struct pool;

/*
 * A pool of objects of `size` bytes that keeps at least `keep` free objects cached before giving
 * slabs back. `name` is borrowed for the pool's life (reports). NULL when out of memory or when
 * `size` does not fit in a slab (64 KiB less a few bytes).
 */
struct pool *pool_new(const char *name, size_t size, unsigned keep);

/* An object with undefined content, aligned to 16 bytes; NULL when out of memory. */
void *pool_get(struct pool *);

/* Gives an object back; NULL is a no-op. */
void pool_put(struct pool *, void *);

/* Objects handed out, and free objects cached. */
void pool_report(const struct pool *, size_t *used, size_t *cached);

/* Bytes held from the allocator. */
size_t pool_bytes(const struct pool *);

/* Frees the pool and every slab; nothing of it may be in use any more. NULL is a no-op. */
void pool_free(struct pool *);

#endif
