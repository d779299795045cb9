/*
 * server.c — making, counting and summing the objects that outlive a configuration.
 *
 * Counter lines are cut from zeroed pages that nobody touches before a worker counts something, so
 * ten thousand servers cost the resident memory of those that are used. Servers' lines (a few
 * hundred bytes each) are packed without headers into chunks owned by their backend; the lines of a
 * server that went are wiped and used again, chunks go with the backend. New and unref run on the
 * control thread; the sums read with relaxed loads on any thread.
 */
#include "lb/upstream/server.h"

#include "lb/base/clock.h"
#include "lb/base/hash.h"
#include "lb/base/pages.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_FIRST = 4 * 1024, CHUNK_MOST = 256 * 1024, LINE_ALIGN = 64 };

struct chunk {
    struct chunk *next; /* owned */
    char *mem;          /* owned */
    size_t size, used;
};

struct free_lines { /* lies in the lines of a server that went */
    struct free_lines *next;
    unsigned nworkers;
};

/* What server.h shows of a backend, and the memory of its servers' lines. */
struct backend_own {
    struct backend_rt rt;
    struct chunk *chunks;          /* owned; the newest first */
    struct free_lines *free_lines; /* in the chunks */
};

static struct backend_own *own(struct backend_rt *be)
{
    return container_of(be, struct backend_own, rt);
}

static bool bad_count(unsigned nworkers)
{
    return nworkers == 0 || nworkers > 4096;
}

/* A chunk with room for `need` bytes in front of the others; NULL: out of memory. */
static struct chunk *chunk_more(struct backend_own *b, size_t need)
{
    size_t size = b->chunks ? b->chunks->size * 2 : CHUNK_FIRST;
    if (size > CHUNK_MOST)
        size = CHUNK_MOST;
    while (size < need)
        size *= 2;
    struct chunk *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->mem = pages_map(size, LINE_ALIGN);
    if (!c->mem) {
        free(c);
        return NULL;
    }
    c->size = size;
    c->next = b->chunks;
    b->chunks = c;
    return c;
}

static struct server_line *lines_get(struct backend_own *b, unsigned nworkers)
{
    size_t need = nworkers * sizeof(struct server_line);
    for (struct free_lines **at = &b->free_lines; *at; at = &(*at)->next) {
        struct free_lines *f = *at;
        if (f->nworkers != nworkers)
            continue;
        *at = f->next;
        memset(f, 0, need);
        return (struct server_line *)(void *)f;
    }
    struct chunk *c = b->chunks;
    if (!c || c->size - c->used < need)
        c = chunk_more(b, need);
    if (!c)
        return NULL;
    c->used += need;
    return (struct server_line *)(void *)(c->mem + c->used - need);
}

static void lines_put(struct backend_own *b, struct server_line *lines, unsigned nworkers)
{
    if (!lines)
        return;
    struct free_lines *f = (struct free_lines *)(void *)lines;
    *f = (struct free_lines){b->free_lines, nworkers};
    b->free_lines = f;
}

struct backend_rt *backend_rt_new(const char *name, unsigned nworkers)
{
    if (bad_count(nworkers))
        return NULL;
    struct backend_own *b = calloc(1, sizeof *b);
    if (!b)
        return NULL;
    b->rt.name = strdup(name);
    b->rt.line = pages_map(nworkers * sizeof *b->rt.line, LINE_ALIGN);
    b->rt.nworkers = nworkers;
    b->rt.refs = 1;
    if (!b->rt.name || !b->rt.line) {
        backend_rt_unref(&b->rt);
        return NULL;
    }
    return &b->rt;
}

void backend_rt_unref(struct backend_rt *be)
{
    if (!be)
        return;
    assert(be->refs > 0);
    if (--be->refs)
        return;
    struct backend_own *b = own(be);
    while (b->chunks) {
        struct chunk *c = b->chunks;
        b->chunks = c->next;
        pages_unmap(c->mem, c->size);
        free(c);
    }
    pages_unmap(be->line, be->nworkers * sizeof *be->line);
    free(be->name);
    free(b);
}

struct frontend_rt *frontend_rt_new(const char *name, unsigned nworkers)
{
    if (bad_count(nworkers))
        return NULL;
    struct frontend_rt *fe = calloc(1, sizeof *fe);
    if (!fe)
        return NULL;
    fe->name = strdup(name);
    fe->line = pages_map(nworkers * sizeof *fe->line, LINE_ALIGN);
    fe->nworkers = nworkers;
    fe->refs = 1;
    if (!fe->name || !fe->line) {
        frontend_rt_unref(fe);
        return NULL;
    }
    return fe;
}

void frontend_rt_unref(struct frontend_rt *fe)
{
    if (!fe)
        return;
    assert(fe->refs > 0);
    if (--fe->refs)
        return;
    pages_unmap(fe->line, fe->nworkers * sizeof *fe->line);
    free(fe->name);
    free(fe);
}

struct server_rt *server_rt_new(struct backend_rt *be, const char *name, const char *addr_text,
                                const struct sockaddr *addr, socklen_t len, unsigned nworkers)
{
    if (bad_count(nworkers) || len > sizeof(struct sockaddr_storage))
        return NULL;
    struct server_rt *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->refs = 1;
    s->be = backend_rt_ref(be);
    s->nworkers = nworkers;
    s->backend = strdup(be->name);
    s->name = strdup(name);
    s->addr_text = strdup(addr_text);
    s->line = lines_get(own(be), nworkers);
    if (!s->backend || !s->name || !s->addr_text || !s->line) {
        server_rt_unref(s);
        return NULL;
    }
    s->id = hash_bytes(name, strlen(name), 0);
    if (len)
        memcpy(&s->addr, addr, len);
    s->addr_len = len;
    s->changed_wall_us = clock_wall_us();
    atomic_init(&s->grow_pct, 100);
    atomic_init(&s->weight_override, -1);
    return s;
}

void server_rt_unref(struct server_rt *s)
{
    if (!s)
        return;
    assert(s->refs > 0);
    if (--s->refs)
        return;
    lines_put(own(s->be), s->line, s->nworkers);
    backend_rt_unref(s->be);
    free(s->backend);
    free(s->name);
    free(s->addr_text);
    free(s);
}

uint64_t server_stat(const struct server_rt *s, enum srv_stat i)
{
    uint64_t sum = 0;
    for (unsigned w = 0; w < s->nworkers; w++)
        sum += stat_get(&s->line[w].stat[i]);
    return sum;
}

uint64_t backend_stat(const struct backend_rt *be, enum be_stat i)
{
    uint64_t sum = 0;
    for (unsigned w = 0; w < be->nworkers; w++)
        sum += stat_get(&be->line[w].stat[i]);
    return sum;
}

uint64_t frontend_stat(const struct frontend_rt *fe, enum fe_stat i)
{
    uint64_t sum = 0;
    for (unsigned w = 0; w < fe->nworkers; w++)
        sum += stat_get(&fe->line[w].stat[i]);
    return sum;
}

uint32_t server_inflight(const struct server_rt *s)
{
    uint32_t sum = 0;
    for (unsigned w = 0; w < s->nworkers; w++)
        sum += atomic_load_explicit(&s->line[w].inflight, memory_order_relaxed);
    return sum;
}
