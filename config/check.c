/*
 * check.c — what can only be judged when all blocks are there: modes, names in use, limits of the
 * process, combinations that can't work.
 */
#include "config/build.h"
#include "config/value.h"

#include <string.h>
#include <sys/resource.h>

static int complain(struct build *b, const char *code, struct src_loc loc, const char *hint,
                    const char *text)
{
    return diag_add(b->diag, code, loc, 0, hint, "%s", text);
}

static const char *mode_name(enum cfg_mode m)
{
    return m == CFG_TCP ? "tcp" : "http";
}

/* A route of frontend `fe` leads to backend `i`: their modes must agree. */
static void join_modes(struct build *b, const struct cfg_frontend *fe, const struct cfg_route *r)
{
    struct cfg_backend *be = &b->backends[r->backend];
    struct backend_facts *facts = &b->be_facts[r->backend];
    if (!facts->mode_loc.file) {
        be->mode = fe->mode;
        facts->mode_loc = r->loc;
        return;
    }
    if (be->mode == fe->mode)
        return;
    int id = diag_add(b->diag, "E117", r->loc, 0, NULL,
                      "frontend '%s' is in mode %s, backend '%s' in mode %s", fe->name,
                      mode_name(fe->mode), be->name, mode_name(be->mode));
    diag_also(b->diag, id, facts->mode_loc,
              facts->mode_given ? "the backend's mode is set here"
                                : "this route makes the backend's mode");
}

static void check_tcp_route(struct build *b, const struct cfg_route *r)
{
    if (r->npaths || r->nmethods || r->nheaders)
        complain(b, "E131", r->loc, "use 'mode http'", "mode tcp knows only the condition 'host'");
    if (r->action == CFG_REDIRECT || (r->action == CFG_RESPOND && r->status))
        complain(b, "E131", r->loc, "use 'mode http' or '-> close'",
                 "there are no HTTP replies in mode tcp");
}

static void check_frontend(struct build *b, const struct cfg_frontend *fe)
{
    for (unsigned i = 0; i <= fe->nroutes; i++) {
        const struct cfg_route *r = i < fe->nroutes ? &fe->routes[i] : &fe->otherwise;
        if (r->action == CFG_TO_BACKEND)
            join_modes(b, fe, r);
        if (fe->mode == CFG_TCP)
            check_tcp_route(b, r);
    }
    if (fe->limits.target_bytes > fe->limits.header_bytes)
        complain(b, "E131", fe->loc, NULL, "'limit target-bytes' is above 'limit header-bytes'");
}

static void check_weights(struct build *b, const struct cfg_backend *be)
{
    const struct plug_desc *d = be->balance.name ? build_find_balancer(b, be->balance.name) : NULL;
    if (!d || d->uses_weights)
        return;
    for (unsigned i = 0; i < be->nservers; i++) {
        if (be->servers[i].weight <= 1)
            continue;
        int id = diag_add(b->diag, "W201", be->balance.loc.file ? be->balance.loc : be->loc, 0,
                          NULL, "balancer '%s' ignores weights", d->name);
        diag_also(b->diag, id, be->servers[i].loc, "this server has one");
        return;
    }
}

static void check_backend(struct build *b, unsigned i)
{
    const struct cfg_backend *be = &b->backends[i];
    enum cfg_key key = be->balance.key, sticky = be->sticky.key;
    if (!b->be_facts[i].used)
        diag_add(b->diag, "W202", be->loc, 0, NULL, "no route leads to backend '%s'", be->name);
    if (be->nservers == 0 && !build_total(b->be_facts[i].stmt->first, "server"))
        diag_add(b->diag, "W207", be->loc, 0, NULL, "backend '%s' has no server", be->name);
    check_weights(b, be);
    if (be->mode != CFG_TCP)
        return;
    if (sticky == CFG_KEY_COOKIE || sticky == CFG_KEY_HEADER)
        complain(b, "E131", be->sticky.loc, "sticky source",
                 "there are no cookies and headers in mode tcp");
    if (key != CFG_KEY_NONE && key != CFG_KEY_SOURCE)
        complain(b, "E131", be->balance.loc, "balance source-hash",
                 "there are no requests to take a key from in mode tcp");
}

static const struct stmt *find_statement(const struct stmt *block, const char *name)
{
    const struct stmt *s = block ? block->first : NULL;
    while (s && !build_keyword(s, 0, name))
        s = s->next;
    return s;
}

/* A client connection takes a descriptor here and one towards a server. */
static void check_descriptors(struct build *b)
{
    struct rlimit lim;
    const struct stmt *s = find_statement(b->global, "max-connections");
    uint64_t need = (uint64_t)b->cfg->global.max_connections * 2, written;
    if (!s || s->nw != 2 || value_uint(word_slice(&s->w[1]), &written) != VALUE_OK ||
        written != b->cfg->global.max_connections) /* it was refused */
        return;
    if (getrlimit(RLIMIT_NOFILE, &lim) != 0 || lim.rlim_max == RLIM_INFINITY)
        return;
    if (need > lim.rlim_max)
        diag_add(b->diag, "W203", stmt_loc(s, 1), s->w[1].width, "raise RLIMIT_NOFILE",
                 "%u connections need %llu descriptors, the limit is %llu",
                 b->cfg->global.max_connections, (unsigned long long)need,
                 (unsigned long long)lim.rlim_max);
}

static void check_secret(struct build *b)
{
    enum { SECRET_MIN = 16 };
    const char *secret = b->cfg->global.secret;
    const struct stmt *s = find_statement(b->global, "secret");
    if (secret) {
        if (strlen(secret) < SECRET_MIN && s)
            diag_add(b->diag, "W204", stmt_loc(s, 1), s->w[s->nw > 1].width, NULL,
                     "the secret is shorter than %d bytes", SECRET_MIN);
        return;
    }
    for (unsigned i = 0; i < b->cfg->nbackends && !s; i++)
        if (b->backends[i].sticky.key == CFG_KEY_COOKIE) {
            complain(b, "W204", b->backends[i].sticky.loc,
                     "global { secret \"...\" } keeps them valid",
                     "sticky cookies end with the process without a 'secret'");
            return; /* one reminder is enough */
        }
}

void check_tree(struct build *b)
{
    for (unsigned i = 0; i < b->cfg->nfrontends; i++)
        check_frontend(b, &b->frontends[i]);
    for (unsigned i = 0; i < b->cfg->nbackends; i++)
        check_backend(b, i);
    if (b->cfg->nfrontends == 0 && diag_errors(b->diag) == 0)
        diag_add(b->diag, "W210", (struct src_loc){.file = b->cfg->path}, 0, NULL,
                 "there is no frontend: nothing to do");
    check_descriptors(b);
    check_secret(b);
    check_binds(b);
    check_routes(b);
    check_tls_blocks(b);
}
