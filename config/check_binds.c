/*
 * check_binds.c — addresses that exclude each other, over all frontends and `admin`.
 *
 * Sorted by port and address, so wildcards come before what they cover and equal ones are
 * neighbours: n log n. [::]:80 is bound for IPv6 only, so it does not meet 0.0.0.0:80; :80 is both.
 */
#include "config/build.h"

#include <stdlib.h>
#include <string.h>

enum family { FAMILY_ANY, FAMILY_4, FAMILY_6, FAMILY_NAME, FAMILY_UNIX };

struct place_bound {
    const struct cfg_addr *addr;
    const char *path; /* of a Unix socket */
    struct src_loc loc;
    enum family family;
    uint8_t ip[16];
};

static struct place_bound bound_of(const struct cfg_addr *a)
{
    struct place_bound p = {.addr = a, .loc = a->loc};
    if (a->kind == CFG_ADDR_NAME) {
        p.family = FAMILY_NAME;
    } else if (a->kind == CFG_ADDR_UNIX) {
        p.family = FAMILY_UNIX;
        p.path = a->host;
    } else if (a->kind == CFG_ADDR_IP && a->ip.sa.sa_family == AF_INET) {
        p.family = FAMILY_4;
        memcpy(p.ip, &a->ip.in4.sin_addr, 4);
    } else if (a->kind == CFG_ADDR_IP) {
        p.family = FAMILY_6;
        memcpy(p.ip, &a->ip.in6.sin6_addr, 16);
    }
    return p;
}

static unsigned port_of(const struct place_bound *p)
{
    return p->addr ? p->addr->port : 0;
}

static const char *text_of(const struct place_bound *p)
{
    return p->addr ? p->addr->text : p->path;
}

static int same_place(const struct place_bound *a, const struct place_bound *b)
{
    if (a->family != b->family)
        return a->family < b->family ? -1 : 1;
    if (a->family == FAMILY_UNIX)
        return strcmp(a->path, b->path);
    if (a->family == FAMILY_NAME)
        return strcasecmp(a->addr->host, b->addr->host);
    return memcmp(a->ip, b->ip, sizeof a->ip);
}

static int by_port(const void *x, const void *y)
{
    const struct place_bound *a = x, *b = y;
    if (port_of(a) != port_of(b))
        return port_of(a) < port_of(b) ? -1 : 1;
    int order = same_place(a, b);
    if (order)
        return order;
    if (a->loc.line != b->loc.line)
        return a->loc.line < b->loc.line ? -1 : 1;
    return a->loc.col < b->loc.col ? -1 : a->loc.col > b->loc.col;
}

static bool is_wildcard(const struct place_bound *p)
{
    static const uint8_t zero[16];
    return p->family == FAMILY_ANY ||
           (p->family <= FAMILY_6 && memcmp(p->ip, zero, sizeof zero) == 0);
}

/* Blames the one that stands later in the file. */
static void report(struct build *b, const struct place_bound *p, const struct place_bound *q)
{
    bool swap =
        p->loc.file == q->loc.file &&
        (p->loc.line < q->loc.line || (p->loc.line == q->loc.line && p->loc.col < q->loc.col));
    const struct place_bound *late = swap ? q : p, *early = swap ? p : q;
    int id = diag_add(b->diag, "E115", late->loc, 0, NULL, "'%s' overlaps with '%s'", text_of(late),
                      text_of(early));
    diag_also(b->diag, id, early->loc, "bound here");
}

static void compare(struct build *b, const struct place_bound *p, unsigned n)
{
    const struct place_bound *any = NULL, *wild[2] = {NULL, NULL};
    for (unsigned i = 0; i < n; i++) {
        if (i == 0 || port_of(&p[i]) != port_of(&p[i - 1]))
            any = wild[0] = wild[1] = NULL;
        if (p[i].family != FAMILY_UNIX && port_of(&p[i]) == 0)
            continue; /* the kernel chooses */
        bool ip = p[i].family <= FAMILY_6;
        const struct place_bound **w = p[i].family == FAMILY_6 ? &wild[1] : &wild[0];
        if (i > 0 && port_of(&p[i]) == port_of(&p[i - 1]) && same_place(&p[i], &p[i - 1]) == 0) {
            report(b, &p[i], &p[i - 1]);
            continue;
        }
        if (ip && any)
            report(b, &p[i], any);
        if (ip && *w)
            report(b, &p[i], *w);
        if (p[i].family == FAMILY_ANY)
            any = &p[i];
        else if (ip && is_wildcard(&p[i]))
            *w = &p[i];
    }
}

void check_binds(struct build *b)
{
    unsigned n = 0, most = 2;
    for (unsigned i = 0; i < b->cfg->nfrontends; i++)
        most += b->frontends[i].nbinds;
    struct place_bound *p = arena_array(b->tmp, most, sizeof *p);
    for (unsigned i = 0; i < b->cfg->nfrontends; i++)
        for (unsigned k = 0; k < b->frontends[i].nbinds; k++)
            p[n++] = bound_of(&b->frontends[i].binds[k].addr);
    if (b->cfg->admin.http)
        p[n++] = bound_of(b->cfg->admin.http);
    if (b->cfg->admin.socket)
        p[n++] = (struct place_bound){
            .path = b->cfg->admin.socket, .loc = b->cfg->admin.socket_loc, .family = FAMILY_UNIX};
    qsort(p, n, sizeof *p, by_port);
    compare(b, p, n);
}
