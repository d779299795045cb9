/*
 * pages.h — zeroed memory by the page: costs nothing until it is touched, goes back when freed.
 *
 * For slabs, large segments, rings and counter blocks. In sanitizer builds it comes from the heap,
 * so that overflow, leak and reachability checks see it. Any thread.
 */
#ifndef LB_BASE_PAGES_H
#define LB_BASE_PAGES_H

#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define LB_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define LB_SANITIZED 1
#endif
#endif
#ifndef LB_SANITIZED
#define LB_SANITIZED 0
#endif

/* `size` zeroed bytes aligned to `align` (a power of two, at least 64); NULL: out of memory. */
void *pages_map(size_t size, size_t align);

/* Gives back what pages_map returned for the same size. NULL is a no-op. */
void pages_unmap(void *, size_t size);

#endif
