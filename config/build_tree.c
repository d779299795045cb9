/*
 * build_tree.c — the order of the build: names first, then `global`, `defaults`, backends and
 * frontends, so that declarations may stand in any order.
 */
#include "config/build.h"

#include <string.h>

static void index_places(struct build *b)
{
    for (unsigned i = 0; i < options_count; i++)
        for (unsigned p = 0; p < PLACE_COUNT; p++) {
            struct place_index *x = &b->place[p];
            if (options_table[i].places & 1u << p && x->n < PLACE_OPTIONS_MAX)
                x->o[x->n++] = &options_table[i];
        }
}

/* Keeps the one block of a kind; reports a second one. */
static void keep_only(struct build *b, const struct stmt *s, const struct stmt **slot)
{
    if (s->nw > 1)
        build_error(b, s, 1, "E103", NULL, "'%.*s' has no name", (int)s->w[0].n, s->w[0].p);
    if (!*slot) {
        *slot = s;
        return;
    }
    int id = build_error(b, s, 0, "E113", NULL, "there is a block '%.*s' already", (int)s->w[0].n,
                         s->w[0].p);
    diag_also(b->diag, id, stmt_loc(*slot, 0), "first here");
}

/* The word that names the block, or the first one when there is no name. */
static unsigned name_word(const struct stmt *s)
{
    return s->nw > 1 ? 1 : 0;
}

static void put_name(struct build *b, struct names *set, const struct stmt *s, unsigned value,
                     const struct stmt *const *owners, const char *what)
{
    if (!build_count(b, s, 1, 1, 1, "NAME { ... }") || !build_check_name(b, s, 1, what))
        return;
    const unsigned *before = names_put(set, word_slice(&s->w[1]), value);
    if (!before)
        return;
    int id = build_error(b, s, 1, "E113", NULL, "there is a %s '%.*s' already", what,
                         (int)s->w[1].n, s->w[1].p);
    diag_also(b->diag, id, stmt_loc(owners[*before], name_word(owners[*before])), "first here");
}

static void count_blocks(struct build *b, const struct stmt *first)
{
    for (const struct stmt *s = first; s; s = s->next) {
        b->cfg->nfrontends += build_keyword(s, 0, "frontend") && s->has_block;
        b->cfg->nbackends += build_keyword(s, 0, "backend") && s->has_block;
    }
}

/* Sorts the blocks of the file by kind and learns their names. */
static void collect(struct build *b, const struct stmt *first)
{
    struct scope top = {.place = PLACE_TOP};
    struct names frontends;
    unsigned nf = b->cfg->nfrontends, nb = b->cfg->nbackends, f = 0, k = 0;
    const struct stmt **fs = arena_array(b->tmp, nf, sizeof *fs);
    const struct stmt **bs = arena_array(b->tmp, nb, sizeof *bs);
    names_init(&frontends, b->tmp, nf);
    names_init(&b->backend_names, b->tmp, nb);
    for (const struct stmt *s = first; s; s = s->next) {
        unsigned used;
        const struct directive *o = build_find(b, PLACE_TOP, s, &used);
        if (!o || !s->has_block) {
            build_statement(b, &top, s); /* reports it */
        } else if (build_keyword(s, 0, "frontend")) {
            fs[f] = b->fe_facts[f].stmt = s;
            put_name(b, &frontends, s, f++, fs, "frontend");
        } else if (build_keyword(s, 0, "backend")) {
            bs[k] = b->be_facts[k].stmt = s;
            put_name(b, &b->backend_names, s, k++, bs, "backend");
        } else {
            keep_only(b, s,
                      o->block == PLACE_GLOBAL     ? &b->global
                      : o->block == PLACE_DEFAULTS ? &b->defaults
                                                   : &b->admin);
        }
    }
}

static void read_global(struct build *b)
{
    struct scope sc = {.place = PLACE_GLOBAL, .stmt = b->global};
    sc.base[BASE_GLOBAL] = &b->cfg->global;
    if (b->global)
        build_block(b, &sc, b->global->first);
}

/* Gives frontends and backends the timeouts they know; the others stay as built in. */
static void share_timeouts(struct build *b)
{
    struct cfg_timeouts given = b->default_fe.timeouts;
    b->default_fe.timeouts = b->protos.timeouts;
    for (unsigned i = 0; i < options_count; i++) {
        const struct directive *o = &options_table[i];
        if (o->base != BASE_TIMEOUTS)
            continue;
        if (o->places & 1u << PLACE_FRONTEND)
            options_store(o, &b->default_fe.timeouts, options_load(o, &given));
        if (o->places & 1u << PLACE_BACKEND)
            options_store(o, &b->default_be.timeouts, options_load(o, &given));
    }
}

static void read_defaults(struct build *b)
{
    struct scope sc = {.place = PLACE_DEFAULTS, .stmt = b->defaults};
    b->default_fe = b->protos.frontend;
    b->default_be = b->protos.backend;
    sc.base[BASE_FRONTEND] = &b->default_fe;
    sc.base[BASE_LIMITS] = &b->default_fe.limits;
    sc.base[BASE_TIMEOUTS] = &b->default_fe.timeouts;
    sc.base[BASE_BACKEND] = &b->default_be;
    if (!b->defaults)
        return;
    build_block(b, &sc, b->defaults->first);
    share_timeouts(b);
}

static void read_admin(struct build *b)
{
    struct scope sc = {.place = PLACE_ADMIN, .stmt = b->admin};
    sc.base[BASE_ADMIN] = &b->cfg->admin;
    if (b->admin)
        build_block(b, &sc, b->admin->first);
}

static unsigned count_statements(const struct stmt *first, const char *name)
{
    unsigned n = 0;
    for (; first; first = first->next)
        n += build_keyword(first, 0, name);
    return n;
}

/* Names and places first, so that messages about routes can point at backends. */
static void name_backends(struct build *b)
{
    for (unsigned i = 0; i < b->cfg->nbackends; i++) {
        const struct stmt *s = b->be_facts[i].stmt;
        b->backends[i] = b->default_be;
        b->backends[i].name = build_text(b, &s->w[name_word(s)]);
        b->backends[i].loc = stmt_loc(s, name_word(s));
        b->be_facts[i].mode_given = b->default_mode_given;
        b->be_facts[i].mode_loc = b->default_mode_loc;
    }
}

static void check_server_names(struct build *b, const struct cfg_backend *be)
{
    struct names names;
    names_init(&names, b->tmp, be->nservers);
    for (unsigned i = 0; i < be->nservers; i++) {
        const struct cfg_server *server = &be->servers[i];
        const unsigned *before = names_put(&names, slice_of(server->name), i);
        if (!before || !*server->name)
            continue;
        int id = diag_add(b->diag, "E113", server->loc, (unsigned)strlen(server->name), NULL,
                          "there is a server '%s' already", server->name);
        diag_also(b->diag, id, be->servers[*before].loc, "first here");
    }
}

static void read_backend(struct build *b, unsigned i)
{
    struct cfg_backend *be = &b->backends[i];
    const struct stmt *s = b->be_facts[i].stmt;
    struct scope sc = {.place = PLACE_BACKEND, .stmt = s, .be = &b->be_facts[i]};
    sc.base[BASE_BACKEND] = be;
    sc.base[BASE_TIMEOUTS] = &be->timeouts;
    be->servers = arena_array(b->keep, count_statements(s->first, "server"), sizeof *be->servers);
    build_block(b, &sc, s->first);
    if (!be->balance.name && !be->balance.loc.file)
        build_default_balance(b, be);
    check_server_names(b, be);
}

/* Binds that say `tls` without a block of their own use the frontend's. */
static void share_tls(struct build *b, struct cfg_frontend *fe, const struct stmt *s)
{
    bool used = false;
    for (unsigned i = 0; i < fe->nbinds; i++) {
        struct cfg_bind *bind = (struct cfg_bind *)&fe->binds[i];
        if (!bind->tls)
            continue;
        used |= !bind->tls_opts;
        if (!bind->tls_opts)
            bind->tls_opts = fe->tls;
        if (!bind->tls_opts || bind->tls_opts->ncerts == 0)
            diag_add(b->diag, "E119", bind->addr.loc, (unsigned)strlen(bind->addr.text),
                     "tls { cert \"FILE\" }", "TLS on '%s' needs a certificate", bind->addr.text);
    }
    if (fe->tls && !used)
        diag_add(b->diag, "W211", fe->tls->loc, 3, "bind :443 { tls }",
                 "no bind of frontend '%.*s' says 'tls'", (int)s->w[name_word(s)].n,
                 s->w[name_word(s)].p);
}

/* Without a list of its own a bind believes PROXY headers of those `forwarded` trusts. Who may
 * connect to a Unix socket is said by its mode. */
static void share_trust(struct build *b, const struct cfg_frontend *fe)
{
    for (unsigned i = 0; i < fe->nbinds; i++) {
        struct cfg_bind *bind = (struct cfg_bind *)&fe->binds[i];
        if (!bind->proxy_protocol || bind->nproxy_trust)
            continue;
        bind->proxy_trust = fe->trust;
        bind->nproxy_trust = fe->ntrust;
        if (!fe->ntrust && bind->addr.kind != CFG_ADDR_UNIX)
            diag_add(b->diag, "E131", bind->addr.loc, (unsigned)strlen(bind->addr.text),
                     "proxy-protocol { trust 10.0.0.0/8 }",
                     "'proxy-protocol' on '%s' trusts nobody", bind->addr.text);
    }
}

static void read_frontend(struct build *b, unsigned i)
{
    struct cfg_frontend *fe = &b->frontends[i];
    const struct stmt *s = b->fe_facts[i].stmt;
    struct scope sc = {.place = PLACE_FRONTEND, .stmt = s};
    *fe = b->default_fe;
    fe->name = build_text(b, &s->w[name_word(s)]);
    fe->loc = stmt_loc(s, name_word(s));
    sc.base[BASE_FRONTEND] = fe;
    sc.base[BASE_LIMITS] = &fe->limits;
    sc.base[BASE_TIMEOUTS] = &fe->timeouts;
    unsigned routes = count_statements(s->first, "route");
    unsigned binds = build_total(s->first, "bind");
    unsigned others = count_statements(s->first, "otherwise");
    fe->routes = arena_array(b->keep, routes, sizeof *fe->routes);
    fe->binds = arena_array(b->keep, binds, sizeof *fe->binds);
    fe->otherwise = (struct cfg_route){.action = CFG_RESPOND, .loc = fe->loc};
    build_block(b, &sc, s->first);
    if (!others && fe->mode == CFG_HTTP)
        fe->otherwise.status = 421;
    share_tls(b, fe, s);
    share_trust(b, fe);
    if (!count_statements(s->first, "bind"))
        build_error(b, s, name_word(s), "E119", "bind :80", "frontend '%s' has no 'bind'",
                    fe->name);
    if (!routes && !others)
        build_error(b, s, name_word(s), "E119", "route -> BACKEND", "frontend '%s' has no 'route'",
                    fe->name);
}

void build_tree(struct build *b, const struct stmt *first)
{
    struct cfg *c = b->cfg;
    options_protos(&b->protos);
    index_places(b);
    c->global = b->protos.global;
    c->admin = b->protos.admin;
    count_blocks(b, first);
    b->fe_facts = arena_array(b->tmp, c->nfrontends, sizeof *b->fe_facts);
    b->be_facts = arena_array(b->tmp, c->nbackends, sizeof *b->be_facts);
    c->frontends = b->frontends = arena_array(b->keep, c->nfrontends, sizeof *b->frontends);
    c->backends = b->backends = arena_array(b->keep, c->nbackends, sizeof *b->backends);
    collect(b, first);
    build_balancers(b);
    read_global(b);
    read_defaults(b);
    name_backends(b);
    for (unsigned i = 0; i < c->nbackends; i++)
        read_backend(b, i);
    for (unsigned i = 0; i < c->nfrontends; i++)
        read_frontend(b, i);
    read_admin(b);
    check_tree(b);
}
