/*
 * arena.h — memory that lives and dies together.
 *
 * A configuration is built once and freed once, so nothing in it is freed by itself. Allocation
 * never returns NULL: when memory runs out it jumps to the loader, which drops both of its arenas
 * and fails the load. So the code that builds the tree has no error path for memory.
 */
#ifndef CONFIG_ARENA_H
#define CONFIG_ARENA_H

#include "lb/base/slice.h"

#include <setjmp.h>
#include <stddef.h>

struct arena_chunk;
struct arena {
    struct arena_chunk *chunks; /* owned; newest first */
    char *next;                 /* free bytes of the newest chunk */
    size_t left, grow;
    jmp_buf *oom; /* borrowed during a load; NULL: abort */
};

/* An empty arena whose first chunk will have `first` bytes. */
void arena_init(struct arena *, size_t first, jmp_buf *oom);
void arena_release(struct arena *); /* frees everything; the arena is then empty */

/* n zeroed bytes, aligned for any object of the configuration. Never NULL. */
void *arena_alloc(struct arena *, size_t n);
/* count × size zeroed bytes; overflow counts as out of memory. NULL when count is 0. */
void *arena_array(struct arena *, size_t count, size_t size);
/* A terminated copy. */
char *arena_text(struct arena *, struct slice);
/* A terminated string made as by printf. */
char *arena_format(struct arena *, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
