/*
 * pages.c — anonymous mappings with a chosen alignment.
 *
 * The kernel hands out mappings next to each other, so after one aligned mapping the next usually
 * is aligned as well: over-allocating and trimming is the exception.
 */
#include "lb/base/pages.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if LB_SANITIZED

void *pages_map(size_t size, size_t align)
{
    assert(align >= 64 && (align & (align - 1)) == 0);
    if (size == 0 || size > SIZE_MAX - align)
        return NULL;
    void *p = aligned_alloc(align, (size + align - 1) & ~(align - 1));
    if (p)
        memset(p, 0, size);
    return p;
}

void pages_unmap(void *p, size_t size)
{
    (void)size;
    free(p);
}

#else

#include <sys/mman.h>
#include <unistd.h>

static void *map(size_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

static size_t round_up(size_t n, size_t to)
{
    return (n + to - 1) & ~(to - 1);
}

/* Maps `align` more than asked for and gives back what lies outside the aligned part. */
static void *map_trimmed(size_t size, size_t align)
{
    char *p = map(size + align);
    if (!p)
        return NULL;
    char *at = p + (round_up((uintptr_t)p, align) - (uintptr_t)p);
    if (at > p)
        (void)munmap(p, (size_t)(at - p));
    if (p + align > at)
        (void)munmap(at + size, (size_t)(p + align - at));
    return at;
}

void *pages_map(size_t size, size_t align)
{
    assert(align >= 64 && (align & (align - 1)) == 0);
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    if (size == 0 || size > SIZE_MAX - align - page)
        return NULL;
    size = round_up(size, page);
    void *p = map(size);
    if (!p || ((uintptr_t)p & (align - 1)) == 0)
        return p;
    (void)munmap(p, size);
    return map_trimmed(size, align);
}

void pages_unmap(void *p, size_t size)
{
    if (p)
        (void)munmap(p, round_up(size, (size_t)sysconf(_SC_PAGESIZE)));
}

#endif
