/*
 * arena.c — bump allocation in chunks that double up to 1 MiB.
 *
 * Large chunks come from mmap inside malloc, so a released arena goes back to the system. Text is
 * not aligned: short strings of a big configuration stay dense.
 */
#include "config/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ARENA_ALIGN = 8, ARENA_CHUNK_MAX = 1 << 20 };

struct arena_chunk {
    struct arena_chunk *older;
};

_Static_assert(sizeof(struct arena_chunk) % ARENA_ALIGN == 0, "chunks start aligned");

void arena_init(struct arena *a, size_t first, jmp_buf *oom)
{
    *a = (struct arena){.grow = first, .oom = oom};
}

void arena_release(struct arena *a)
{
    while (a->chunks) {
        struct arena_chunk *older = a->chunks->older;
        free(a->chunks);
        a->chunks = older;
    }
    a->next = NULL;
    a->left = 0;
}

static _Noreturn void out_of_memory(struct arena *a)
{
    if (a->oom)
        longjmp(*a->oom, 1);
    abort();
}

static void add_chunk(struct arena *a, size_t need)
{
    size_t size = need > a->grow ? need : a->grow;
    struct arena_chunk *c = size < SIZE_MAX - sizeof *c ? calloc(1, sizeof *c + size) : NULL;
    if (!c)
        out_of_memory(a);
    c->older = a->chunks;
    a->chunks = c;
    a->next = (char *)(c + 1);
    a->left = size;
    if (a->grow < ARENA_CHUNK_MAX)
        a->grow *= 2;
}

static char *take(struct arena *a, size_t n)
{
    if (n > a->left)
        add_chunk(a, n);
    char *p = a->next;
    a->next += n;
    a->left -= n;
    return p;
}

void *arena_alloc(struct arena *a, size_t n)
{
    if (n > SIZE_MAX / 2)
        out_of_memory(a);
    size_t pad = (size_t)(-(uintptr_t)a->next & (ARENA_ALIGN - 1));
    if (n + pad > a->left)
        add_chunk(a, n + ARENA_ALIGN); /* chunks start aligned */
    else
        (void)take(a, pad);
    return take(a, n);
}

void *arena_array(struct arena *a, size_t count, size_t size)
{
    if (count == 0)
        return NULL;
    if (size && count > SIZE_MAX / 2 / size)
        out_of_memory(a);
    return arena_alloc(a, count * size);
}

char *arena_text(struct arena *a, struct slice s)
{
    char *p = take(a, s.n + 1);
    if (s.n)
        memcpy(p, s.p, s.n);
    p[s.n] = '\0';
    return p;
}

char *arena_format(struct arena *a, const char *format, ...)
{
    va_list ap, again;
    va_start(ap, format);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, format, ap);
    va_end(ap);
    char *p = take(a, n > 0 ? (size_t)n + 1 : 1);
    if (n > 0)
        (void)vsnprintf(p, (size_t)n + 1, format, again);
    va_end(again);
    return p;
}
