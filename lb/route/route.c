/*
 * route.c — compiling a frontend's routes into the table of table.h.
 *
 * Two passes over all (route, host, path) combinations: the first makes groups, keys and lists and
 * counts, the second fills the lists, which come out in order because routes are visited in order.
 * Runs on the control thread at load time, may fail, leaves nothing behind when it does.
 */
#include "lb/route/route.h"

#include "lb/base/err.h"
#include "lb/route/table.h"

#include <stdlib.h>

/* One of the two passes; `each` is called for every list a route belongs to. */
struct build {
    struct route_table *t;
    uint32_t *last; /* owned; per list: the last index counted or put, so that none comes twice */
    bool fill;
};

static bool tmap_init(struct tmap *m, size_t keys)
{
    size_t n = 8;
    while (n < keys * 2)
        n *= 2;
    m->slot = malloc(n * sizeof *m->slot);
    if (!m->slot)
        return false;
    for (size_t i = 0; i < n; i++)
        m->slot[i].val = TMAP_NONE;
    m->mask = n - 1;
    return true;
}

/* The value of the key, which gets `fresh` when it was not there. */
static uint32_t tmap_add(struct tmap *m, struct slice key, uint32_t tag, uint32_t fresh)
{
    uint64_t hash = tmap_hash(key, tag);
    struct tmap_slot *s = tmap_find(m, key, tag, hash);
    if (s->val == TMAP_NONE)
        *s = (struct tmap_slot){hash, key.p, (uint32_t)key.n, tag, fresh};
    return s->val;
}

static unsigned count_byte(struct slice s, char c)
{
    unsigned n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += s.p[i] == c;
    return n;
}

static bool is_prefix(struct slice path)
{
    return path.n >= 2 && path.p[path.n - 1] == '*' && path.p[path.n - 2] == '/';
}

/* The prefix "/" and the host "*" are no condition at all. */
static bool is_any_path(struct slice path)
{
    return slice_eq(path, SLICE("/*"));
}

static struct slice host_text(const char *host)
{
    struct slice s = slice_of(host);
    if (s.n && s.p[s.n - 1] == '.')
        s.n--;
    return s;
}

/* The group of a host pattern (NULL: of routes without), made when it is new. */
static uint32_t group_of(struct route_table *t, const char *pattern)
{
    if (!pattern || slice_eq(slice_of(pattern), SLICE("*")))
        return 0;
    struct slice host = host_text(pattern);
    enum key_kind kind = KEY_HOST;
    if (slice_starts(host, SLICE("*."))) {
        kind = KEY_WILDCARD;
        host.p += 2;
        host.n -= 2;
        t->labels |= route_bit(count_byte(host, '.'));
    }
    uint32_t id = tmap_add(&t->hosts, host, kind, t->ngroups);
    if (id == t->ngroups) {
        t->group[id].any_id = t->nlists++;
        t->ngroups++;
    }
    return id;
}

/* The list of a path pattern (NULL: of routes without) in a group, made when it is new. */
static uint32_t list_of(struct route_table *t, uint32_t group, const char *pattern)
{
    struct route_group *g = &t->group[group];
    struct slice path = slice_of(pattern);
    if (!pattern || is_any_path(path))
        return g->any_id;
    enum key_kind kind = KEY_EXACT;
    if (is_prefix(path)) {
        kind = KEY_PREFIX;
        path.n--;
        g->depths |= route_bit(count_byte(path, '/'));
        if (path.n > g->prefix_max)
            g->prefix_max = (uint32_t)path.n;
    } else {
        g->has_exact = true;
    }
    uint32_t id = tmap_add(&t->paths, path, route_tag(group, kind), t->nlists);
    if (id == t->nlists)
        t->nlists++;
    return id;
}

static uint32_t entry_of(const struct route_table *t, uint32_t route)
{
    const struct cfg_route *r = &t->fe->routes[route];
    return route * 2 + (r->nmethods || r->nheaders);
}

static void add_to_list(struct build *b, uint32_t id, uint32_t route)
{
    struct route_list *l = &b->t->list[id];
    if (l->n && b->last[id] == route)
        return;
    b->last[id] = route;
    if (b->fill)
        b->t->entry[l->at + l->n] = entry_of(b->t, route);
    l->n++;
}

static void add_route(struct build *b, uint32_t route)
{
    const struct cfg_route *r = &b->t->fe->routes[route];
    for (unsigned h = 0; h < (r->nhosts ? r->nhosts : 1); h++) {
        uint32_t group = group_of(b->t, r->nhosts ? r->hosts[h] : NULL);
        for (unsigned p = 0; p < (r->npaths ? r->npaths : 1); p++)
            add_to_list(b, list_of(b->t, group, r->npaths ? r->paths[p] : NULL), route);
    }
}

static int check_patterns(const struct cfg_route *r, struct err *e)
{
    for (unsigned i = 0; i < r->nhosts; i++) {
        struct slice s = host_text(r->hosts[i]);
        bool any = slice_eq(slice_of(r->hosts[i]), SLICE("*"));
        if (slice_starts(s, SLICE("*."))) {
            s.p += 2;
            s.n -= 2;
        }
        if (!any && (s.n == 0 || s.n > ROUTE_HOST_MAX || count_byte(s, '*')))
            return err_set(e, 0, "%s:%u: host '%s': want a name or *.NAME", r->loc.file,
                           r->loc.line, r->hosts[i]);
    }
    for (unsigned i = 0; i < r->npaths; i++) {
        struct slice s = slice_of(r->paths[i]);
        if (s.n > UINT16_MAX || count_byte(s, '*') > is_prefix(s))
            return err_set(e, 0, "%s:%u: path '%s': '*' may only stand at the end, after '/'",
                           r->loc.file, r->loc.line, r->paths[i]);
    }
    return 0;
}

/* Upper bounds for host keys and for (host, path) keys; -1 when they are beyond reason. */
static int count_keys(const struct cfg_frontend *fe, size_t *hosts, size_t *pairs, struct err *e)
{
    *hosts = *pairs = 0;
    for (unsigned i = 0; i < fe->nroutes; i++) {
        const struct cfg_route *r = &fe->routes[i];
        if (check_patterns(r, e))
            return -1;
        *hosts += r->nhosts;
        *pairs += (size_t)(r->nhosts ? r->nhosts : 1) * (r->npaths ? r->npaths : 1);
        if (*hosts + *pairs > UINT32_MAX / 16)
            return err_set(e, 0, "%s:%u: too many combinations of host and path", r->loc.file,
                           r->loc.line);
    }
    return 0;
}

static void run_pass(struct build *b)
{
    for (uint32_t i = 0; i < b->t->fe->nroutes; i++)
        add_route(b, i);
}

/* Between the passes: the counts become places. false when out of memory. */
static bool place_lists(struct route_table *t)
{
    uint32_t total = 0;
    for (uint32_t i = 0; i < t->nlists; i++) {
        t->list[i].at = total;
        total += t->list[i].n;
        t->list[i].n = 0;
    }
    t->entry = malloc((total ? total : 1) * sizeof *t->entry);
    return t->entry != NULL;
}

/* After the passes: short lists hold their entry, groups hold their list. */
static void settle_lists(struct route_table *t)
{
    for (uint32_t i = 0; i < t->nlists; i++)
        if (t->list[i].n == 1)
            t->list[i].at = t->entry[t->list[i].at];
    for (uint32_t i = 0; i < t->ngroups; i++)
        t->group[i].any = t->list[t->group[i].any_id];
}

/* Both passes; false when out of memory. */
static bool fill_table(struct route_table *t, size_t hosts, size_t pairs)
{
    size_t lists = hosts + pairs + 1;
    struct build b = {.t = t, .last = calloc(lists, sizeof *b.last)};
    t->group = calloc(hosts + 1, sizeof *t->group);
    t->list = calloc(lists, sizeof *t->list);
    bool ok =
        b.last && t->group && t->list && tmap_init(&t->hosts, hosts) && tmap_init(&t->paths, pairs);
    if (ok) {
        t->ngroups = t->nlists = 1; /* group 0 and its list of routes without a path */
        run_pass(&b);
        ok = place_lists(t);
    }
    if (ok) {
        b.fill = true;
        run_pass(&b);
        settle_lists(t);
    }
    free(b.last);
    return ok;
}

struct route_table *route_compile(const struct cfg_frontend *fe, struct err *e)
{
    size_t hosts, pairs;
    if (count_keys(fe, &hosts, &pairs, e))
        return NULL;
    struct route_table *t = calloc(1, sizeof *t);
    if (t)
        t->fe = fe;
    if (!t || !fill_table(t, hosts, pairs)) {
        (void)err_set(e, 0, "out of memory for the routes of frontend '%s'", fe->name);
        route_free(t);
        return NULL;
    }
    return t;
}

void route_free(struct route_table *t)
{
    if (!t)
        return;
    free(t->hosts.slot);
    free(t->paths.slot);
    free(t->group);
    free(t->list);
    free(t->entry);
    free(t);
}
