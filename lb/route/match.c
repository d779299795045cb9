/*
 * match.c — looking a request up in the compiled table.
 *
 * Runs once per request on the worker's thread. Host and path come from the network: their length
 * bounds the work (at most one probe per dot of the host and per slash of the path, and only where
 * some configured pattern has as many), nothing is written but a copy of the host on the stack.
 */
#include "lb/base/hash.h"
#include "lb/msg/head.h"
#include "lb/route/route.h"
#include "lb/route/table.h"

struct search {
    const struct route_table *t;
    const struct route_query *q;
    uint32_t best; /* smallest matching index so far */
};

uint64_t tmap_hash(struct slice key, uint32_t tag)
{
    return hash_slice(key, tag);
}

struct tmap_slot *tmap_find(const struct tmap *m, struct slice key, uint32_t tag, uint64_t hash)
{
    for (uint64_t i = hash;; i++) {
        struct tmap_slot *s = &m->slot[i & m->mask];
        if (s->val == TMAP_NONE)
            return s;
        if (s->hash == hash && s->tag == tag && slice_eq((struct slice){s->key, s->len}, key))
            return s;
    }
}

/* The value of a key, TMAP_NONE when it is not there. */
static uint32_t find(const struct tmap *m, struct slice key, uint32_t tag)
{
    return tmap_find(m, key, tag, tmap_hash(key, tag))->val;
}

static bool method_holds(const struct cfg_route *r, struct slice method)
{
    for (unsigned i = 0; i < r->nmethods; i++)
        if (slice_eq(slice_of(r->methods[i]), method))
            return true;
    return r->nmethods == 0;
}

static bool header_holds(const struct cfg_header_match *m, const struct head *h)
{
    struct slice name = slice_of(m->name), value = slice_of(m->value);
    for (unsigned i = 0; h && i < h->nfields; i++) {
        const struct field *f = &h->f[i];
        if (slice_ieq(field_name(h, f), name) && (!m->value || slice_eq(field_value(h, f), value)))
            return true;
    }
    return false;
}

static bool rest_holds(const struct cfg_route *r, const struct route_query *q)
{
    if (!method_holds(r, q->method))
        return false;
    for (unsigned i = 0; i < r->nheaders; i++)
        if (!header_holds(&r->headers[i], q->head))
            return false;
    return true;
}

/* Lowers s->best to the first route of the list that takes the request. */
static void try_list(struct search *s, const struct route_list *l)
{
    const uint32_t *entry = l->n == 1 ? &l->at : s->t->entry + l->at;
    for (uint32_t i = 0; i < l->n && entry[i] / 2 < s->best; i++) {
        uint32_t route = entry[i] / 2;
        if (entry[i] % 2 == 0 || rest_holds(&s->t->fe->routes[route], s->q)) {
            s->best = route;
            return;
        }
    }
}

static void try_path(struct search *s, struct slice path, uint32_t tag)
{
    uint32_t list = find(&s->t->paths, path, tag);
    if (list != TMAP_NONE)
        try_list(s, &s->t->list[list]);
}

static void try_prefixes(struct search *s, uint32_t group)
{
    const struct route_group *g = &s->t->group[group];
    struct slice path = s->q->path;
    size_t max = path.n < g->prefix_max ? path.n : g->prefix_max;
    unsigned depth = 0;
    for (size_t i = 0; i < max; i++) {
        if (path.p[i] != '/' || !(g->depths & route_bit(++depth)))
            continue;
        try_path(s, (struct slice){path.p, i + 1}, route_tag(group, KEY_PREFIX));
    }
}

static void try_group(struct search *s, uint32_t group)
{
    const struct route_group *g = &s->t->group[group];
    try_list(s, &g->any);
    if (g->has_exact)
        try_path(s, s->q->path, route_tag(group, KEY_EXACT));
    if (g->depths)
        try_prefixes(s, group);
}

/* The groups of "*.SUFFIX" for each suffix of the host that has labels in front of it. */
static void try_wildcards(struct search *s, struct slice host)
{
    unsigned dots = 0;
    for (size_t i = host.n; i-- > 1;) {
        if (host.p[i] != '.')
            continue;
        struct slice suffix = {host.p + i + 1, host.n - i - 1};
        if (s->t->labels & route_bit(dots++)) {
            uint32_t group = find(&s->t->hosts, suffix, KEY_WILDCARD);
            if (group != TMAP_NONE)
                try_group(s, group);
        }
    }
}

static void try_host(struct search *s)
{
    char lower[ROUTE_HOST_MAX];
    struct slice host = s->q->host;
    if (host.n && host.p[host.n - 1] == '.')
        host.n--;
    if (host.n == 0 || host.n > sizeof lower)
        return;
    for (size_t i = 0; i < host.n; i++) {
        unsigned char c = (unsigned char)host.p[i];
        lower[i] = (char)(c + ((unsigned)(c - 'A') < 26u) * 32);
    }
    host.p = lower;
    uint32_t group = find(&s->t->hosts, host, KEY_HOST);
    if (group != TMAP_NONE)
        try_group(s, group);
    if (s->t->labels)
        try_wildcards(s, host);
}

const struct cfg_route *route_lookup(const struct route_table *t, const struct route_query *q)
{
    struct search s = {t, q, t->fe->nroutes};
    if (t->ngroups > 1)
        try_host(&s);
    try_group(&s, 0);
    return s.best < t->fe->nroutes ? &t->fe->routes[s.best] : &t->fe->otherwise;
}
