/*
 * ring.h — a single-producer single-consumer byte ring of whole records.
 *
 * Workers put log records in without a lock or a system call; the logger thread takes them out.
 * A full ring refuses the record and counts it: the producer never waits.
 */
#ifndef LB_BASE_RING_H
#define LB_BASE_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ring;

/* A ring of `size` bytes (rounded up to a power of two, at least 4 KiB); NULL: out of memory. */
struct ring *ring_new(size_t size);
void ring_free(struct ring *);

/*
 * Producer: room for a record of up to `max` bytes, contiguous; NULL when full (counted as
 * dropped). After writing call ring_commit with the bytes really used (<= max; 0 abandons the
 * record).
 */
void *ring_reserve(struct ring *, size_t max);
void ring_commit(struct ring *, size_t used);

/* Consumer: the oldest record and its length, or NULL; valid until ring_release. */
const void *ring_peek(struct ring *, size_t *n);
void ring_release(struct ring *);

bool ring_empty(const struct ring *);       /* any thread */
uint64_t ring_dropped(const struct ring *); /* records refused so far; any thread */

#endif
