/* survivors.c — one hash table over names of the old snapshot; linear probing, half full. */
#include "lb/snapshot/survivors.h"

#include "lb/base/hash.h"
#include "lb/snapshot/snapshot.h"

#include <stdlib.h>

enum kind { SERVER = 1, BACKEND, FRONTEND };

struct entry {
    uint64_t hash;
    void *rt;
    enum kind kind;
};

struct survivors {
    size_t mask;
    struct entry table[];
};

static uint64_t key_of(enum kind kind, const char *a, const char *b, const char *c)
{
    uint64_t h = hash_slice(slice_of(a), kind);
    h = b ? hash_slice(slice_of(b), h) : h;
    return c ? hash_slice(slice_of(c), h) : h;
}

static void add(struct survivors *s, enum kind kind, uint64_t hash, void *rt)
{
    size_t i = hash & s->mask;
    while (s->table[i].rt)
        i = (i + 1) & s->mask;
    s->table[i] = (struct entry){hash, rt, kind};
}

static void *find(const struct survivors *s, enum kind kind, uint64_t hash,
                  bool (*same)(const void *, const char *const *), const char *const *names)
{
    for (size_t i = hash & s->mask; s->table[i].rt; i = (i + 1) & s->mask)
        if (s->table[i].hash == hash && s->table[i].kind == kind && same(s->table[i].rt, names))
            return s->table[i].rt;
    return NULL;
}

static void add_all(struct survivors *s, const struct snapshot *old)
{
    for (unsigned i = 0; i < old->nbackends; i++) {
        const struct backend *b = &old->backends[i];
        add(s, BACKEND, key_of(BACKEND, b->rt->name, NULL, NULL), b->rt);
        for (unsigned k = 0; k < b->nservers; k++) {
            struct server_rt *rt = b->servers[k];
            add(s, SERVER, key_of(SERVER, rt->backend, rt->name, rt->addr_text), rt);
        }
    }
    for (unsigned i = 0; i < old->nfrontends; i++) {
        struct frontend_rt *rt = old->frontends[i].rt;
        add(s, FRONTEND, key_of(FRONTEND, rt->name, NULL, NULL), rt);
    }
}

struct survivors *survivors_of(const struct snapshot *old)
{
    size_t n = 1, size = 16;
    for (unsigned i = 0; old && i < old->nbackends; i++)
        n += 1 + old->backends[i].nservers;
    n += old ? old->nfrontends : 0;
    while (size < 2 * n)
        size *= 2;
    struct survivors *s = calloc(1, sizeof *s + size * sizeof *s->table);
    if (!s)
        return NULL;
    s->mask = size - 1;
    if (old)
        add_all(s, old);
    return s;
}

void survivors_free(struct survivors *s)
{
    free(s);
}

static bool same_server(const void *p, const char *const *names)
{
    const struct server_rt *rt = p;
    return strcmp(rt->backend, names[0]) == 0 && strcmp(rt->name, names[1]) == 0 &&
           strcmp(rt->addr_text, names[2]) == 0;
}

static bool same_backend(const void *p, const char *const *names)
{
    return strcmp(((const struct backend_rt *)p)->name, names[0]) == 0;
}

static bool same_frontend(const void *p, const char *const *names)
{
    return strcmp(((const struct frontend_rt *)p)->name, names[0]) == 0;
}

struct server_rt *survivors_server(struct survivors *s, const char *backend, const char *name,
                                   const char *addr)
{
    const char *names[] = {backend, name, addr};
    struct server_rt *rt = find(s, SERVER, key_of(SERVER, backend, name, addr), same_server, names);
    if (rt)
        rt->refs++;
    return rt;
}

struct backend_rt *survivors_backend(struct survivors *s, const char *name)
{
    struct backend_rt *rt =
        find(s, BACKEND, key_of(BACKEND, name, NULL, NULL), same_backend, &name);
    if (rt)
        rt->refs++;
    return rt;
}

struct frontend_rt *survivors_frontend(struct survivors *s, const char *name)
{
    struct frontend_rt *rt =
        find(s, FRONTEND, key_of(FRONTEND, name, NULL, NULL), same_frontend, &name);
    if (rt)
        rt->refs++;
    return rt;
}
