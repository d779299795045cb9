/*
 * check_routes.c — routes that can never be reached.
 *
 * Each route is split into its combinations of one host, one path, one method and its first header;
 * each combination is looked up in a table together with all its generalisations (any host, the
 * wildcard above, the path prefixes, …). A route is unreachable when every combination is covered
 * by an earlier route. So 10,000 host routes cost 10,000 times a few look-ups, not a comparison of
 * each with each. Where the table is not sure (very many combinations), it keeps silent.
 */
#include "config/build.h"

#include "lb/base/hash.h"

#include <string.h>

enum { COMBOS_MAX = 4096, CHAIN_MAX = 64, SEGMENTS_MAX = 16 };

struct combo {
    const struct cfg_route *route; /* NULL: free slot */
    struct slice host, path, method;
    const struct cfg_header_match *header; /* the first one or NULL */
    struct combo *next;                    /* same key */
    uint64_t key;
};

struct table {
    struct combo **slots;
    unsigned mask;
};

static uint64_t header_key(const struct cfg_header_match *h)
{
    if (!h)
        return 0;
    uint64_t value = h->value ? hash_slice(slice_of(h->value), 1) : 0;
    uint64_t name = 0;
    for (const char *c = h->name; *c; c++)
        name = name * 31 + (unsigned char)(*c | 0x20);
    return hash_u64(name ^ value);
}

static uint64_t combo_key(const struct combo *c)
{
    uint64_t k = hash_slice(c->host, 11);
    k = hash_u64(k ^ hash_slice(c->path, 12));
    k = hash_u64(k ^ hash_slice(c->method, 13));
    return hash_u64(k ^ header_key(c->header));
}

static bool same_header(const struct cfg_header_match *a, const struct cfg_header_match *b)
{
    if (strcasecmp(a->name, b->name) != 0)
        return false;
    return a->value ? b->value && strcmp(a->value, b->value) == 0 : !b->value;
}

/* Does a request that meets `have` also meet the single condition `want`? */
static bool implies(const struct cfg_header_match *have, const struct cfg_header_match *want)
{
    return want->value ? same_header(have, want) : strcasecmp(have->name, want->name) == 0;
}

/* Does every request that meets the headers of `r` meet those of the earlier route `e`? */
static bool headers_cover(const struct cfg_route *e, const struct cfg_route *r)
{
    for (unsigned i = 0; i < e->nheaders; i++) {
        bool met = false;
        for (unsigned k = 0; k < r->nheaders && !met; k++)
            met = implies(&r->headers[k], &e->headers[i]);
        if (!met)
            return false;
    }
    return true;
}

static const struct cfg_route *find_exact(const struct table *t, struct combo *c)
{
    unsigned seen = 0;
    c->key = combo_key(c);
    const struct combo *e = t->slots[c->key & t->mask];
    for (; e && seen < CHAIN_MAX; e = e->next, seen++) {
        if (e->key != c->key || !slice_eq(e->host, c->host) || !slice_eq(e->path, c->path) ||
            !slice_eq(e->method, c->method))
            continue;
        if (headers_cover(e->route, c->route))
            return e->route;
    }
    return NULL;
}

static const struct cfg_route *find_header(const struct table *t, struct combo c)
{
    const struct cfg_route *r = c.route;
    c.header = NULL;
    const struct cfg_route *found = find_exact(t, &c);
    for (unsigned i = 0; i < r->nheaders && !found; i++) {
        struct cfg_header_match present = {.name = r->headers[i].name};
        c.header = &r->headers[i];
        found = find_exact(t, &c);
        c.header = &present;
        if (!found)
            found = find_exact(t, &c);
    }
    return found;
}

static const struct cfg_route *find_method(const struct table *t, struct combo c)
{
    const struct cfg_route *found = find_header(t, c);
    if (!found && c.method.n) {
        c.method = (struct slice){0};
        found = find_header(t, c);
    }
    return found;
}

/* The path itself, every prefix above it and no path at all. */
static const struct cfg_route *find_path(const struct table *t, struct combo c)
{
    char prefix[1024];
    struct slice p = c.path;
    const struct cfg_route *found = find_method(t, c);
    bool wild = p.n && p.p[p.n - 1] == '*';
    size_t end = wild ? p.n - 2 : p.n; /* "/a/b/" of "/a/b/…": look before the last '/' */
    for (unsigned depth = 0; p.n && !found && depth < SEGMENTS_MAX; depth++) {
        while (end > 0 && p.p[end - 1] != '/')
            end--;
        if (end == 0)
            break;
        if (end + 1 <= sizeof prefix) {
            memcpy(prefix, p.p, end);
            prefix[end] = '*';
            c.path = (struct slice){prefix, end + 1};
            found = find_method(t, c);
        }
        end--;
    }
    if (!found && p.n) {
        c.path = (struct slice){0};
        found = find_method(t, c);
    }
    return found;
}

static const struct cfg_route *find_cover(const struct table *t, struct combo c)
{
    char above[256];
    struct slice h = c.host;
    const struct cfg_route *found = find_path(t, c);
    const char *dot = h.n ? memchr(h.p, '.', h.n) : NULL;
    size_t rest = dot ? h.n - (size_t)(dot - h.p) : 0;
    if (!found && dot && h.p[0] != '*' && h.p[0] != '[' && rest + 1 <= sizeof above) {
        above[0] = '*';
        memcpy(above + 1, dot, rest);
        c.host = (struct slice){above, rest + 1};
        found = find_path(t, c);
    }
    if (!found && h.n) {
        c.host = (struct slice){0};
        found = find_path(t, c);
    }
    return found;
}

/* The i-th combination of a route. */
static struct combo combo_at(const struct cfg_route *r, unsigned i)
{
    struct combo c = {.route = r, .header = r->nheaders ? &r->headers[0] : NULL};
    unsigned hosts = r->nhosts ? r->nhosts : 1, paths = r->npaths ? r->npaths : 1;
    if (r->nhosts)
        c.host = slice_of(r->hosts[i % hosts]);
    if (r->npaths)
        c.path = slice_of(r->paths[i / hosts % paths]);
    if (r->nmethods)
        c.method = slice_of(r->methods[i / hosts / paths]);
    return c;
}

/* How many combinations a route has, 0 when too many to look at. */
static unsigned combos(const struct cfg_route *r)
{
    uint64_t n = r->nhosts ? r->nhosts : 1;
    n *= r->npaths ? r->npaths : 1;
    n *= n <= COMBOS_MAX && r->nmethods ? r->nmethods : 1;
    return n <= COMBOS_MAX ? (unsigned)n : 0;
}

static void report(struct build *b, const struct cfg_route *r, const struct cfg_route *by)
{
    int id = diag_add(b->diag, "E116", r->loc, 0, NULL, "this route can never be reached");
    diag_also(b->diag, id, by->loc, "everything it matches is taken here");
}

static void check_route(struct build *b, struct table *t, const struct cfg_route *r)
{
    const struct cfg_route *first = NULL;
    unsigned n = combos(r), covered = 0;
    for (; covered < n; covered++) {
        const struct cfg_route *by = find_cover(t, combo_at(r, covered));
        if (!by)
            break;
        first = first ? first : by;
    }
    if (n && covered == n) {
        report(b, r, first);
        return;
    }
    for (unsigned i = 0; i < n; i++) {
        struct combo *c = arena_alloc(b->tmp, sizeof *c);
        *c = combo_at(r, i);
        c->key = combo_key(c);
        c->next = t->slots[c->key & t->mask];
        t->slots[c->key & t->mask] = c;
    }
}

static bool is_explicit(const struct cfg_frontend *fe)
{
    return fe->otherwise.loc.line != fe->loc.line || fe->otherwise.loc.col != fe->loc.col;
}

static void check_frontend(struct build *b, const struct cfg_frontend *fe)
{
    struct table t = {.mask = 63};
    while (t.mask < fe->nroutes * 2u && t.mask < 1u << 24)
        t.mask = t.mask * 2 + 1;
    t.slots = arena_array(b->tmp, t.mask + 1, sizeof *t.slots);
    for (unsigned i = 0; i < fe->nroutes; i++)
        check_route(b, &t, &fe->routes[i]);
    if (fe->nroutes && is_explicit(fe))
        check_route(b, &t, &fe->otherwise);
}

void check_routes(struct build *b)
{
    for (unsigned i = 0; i < b->cfg->nfrontends; i++)
        if (b->frontends[i].nroutes)
            check_frontend(b, &b->frontends[i]);
}
