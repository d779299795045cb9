/* build_frontend.c — directives of a frontend, except routes and TLS. */
#include "config/address.h"
#include "config/build.h"
#include "config/suggest.h"

#include <string.h>

void set_mode(struct build *b, struct scope *sc, const struct stmt *s, const struct directive *o)
{
    struct cfg_frontend *fe = sc->base[BASE_FRONTEND];
    struct cfg_backend *be = sc->base[BASE_BACKEND];
    if (!build_count(b, s, 1, 1, 1, o->syntax))
        return;
    bool tcp = build_keyword(s, 1, "tcp");
    if (!tcp && !build_keyword(s, 1, "http")) {
        build_error(b, s, 1, "E107", "http or tcp", "unknown mode '%.*s'", (int)s->w[1].n,
                    s->w[1].p);
        return;
    }
    if (fe)
        fe->mode = tcp ? CFG_TCP : CFG_HTTP;
    if (be)
        be->mode = tcp ? CFG_TCP : CFG_HTTP;
    if (sc->be) {
        sc->be->mode_given = true;
        sc->be->mode_loc = stmt_loc(s, 1);
    }
    if (sc->place == PLACE_DEFAULTS) {
        b->default_mode_given = true;
        b->default_mode_loc = stmt_loc(s, 1);
    }
}

void set_bind(struct build *b, struct scope *sc, const struct stmt *s, const struct directive *o)
{
    struct cfg_frontend *fe = sc->base[BASE_FRONTEND];
    struct cfg_bind common = b->protos.bind;
    struct scope sub = {.place = PLACE_BIND, .stmt = s, .base = {[BASE_BIND] = &common}};
    build_block(b, &sub, s->first);
    if (!build_count(b, s, 1, 1, ~0u, o->syntax))
        return;
    for (unsigned i = 1; i < s->nw; i++) {
        struct cfg_bind *bind = (struct cfg_bind *)&fe->binds[fe->nbinds];
        *bind = common;
        if (!build_address(b, s, i, true, &bind->addr))
            continue;
        if (common.unix_mode && bind->addr.kind != CFG_ADDR_UNIX)
            build_error(b, s, i, "E131", NULL, "'mode' is for Unix sockets");
        fe->nbinds++;
        b->cfg->uses_tls |= common.tls;
    }
}

void set_access_log(struct build *b, struct scope *sc, const struct stmt *s,
                    const struct directive *o)
{
    struct cfg_frontend *fe = sc->base[BASE_FRONTEND];
    if (!build_count(b, s, 1, 1, 3, o->syntax))
        return;
    if (build_keyword(s, 1, "off") && s->nw == 2) {
        fe->has_access_log = fe->access_json = false;
        fe->access_log = (struct cfg_log){0};
        return;
    }
    struct cfg_log log = {.level = 2};
    unsigned i = 1;
    bool form = build_keyword(s, i, "json") || build_keyword(s, i, "text");
    if (form)
        log.json = word_is(&s->w[i++], "json");
    if (i == s->nw) {
        build_error(b, s, i - 1, "E103", o->syntax, "the place to log to is missing");
        return;
    }
    unsigned errors = diag_errors(b->diag);
    unsigned used = build_log_target(b, s, i, &log);
    if (diag_errors(b->diag) != errors)
        return;
    if (used == 0) { /* the path alone */
        if (!build_check_line(b, s, i, "path"))
            return;
        log.to = CFG_LOG_FILE;
        log.path = build_text(b, &s->w[i]);
        used = 1;
    }
    i += used;
    if (!form && i < s->nw && (build_keyword(s, i, "json") || build_keyword(s, i, "text")))
        log.json = word_is(&s->w[i++], "json");
    if (i < s->nw) {
        build_error(b, s, i, "E103", o->syntax, "unexpected '%.*s'", (int)s->w[i].n, s->w[i].p);
        return;
    }
    fe->has_access_log = true;
    fe->access_json = log.json;
    fe->access_log = log;
}

void set_methods(struct build *b, struct scope *sc, const struct stmt *s, const struct directive *o)
{
    struct cfg_frontend *fe = sc->base[BASE_FRONTEND];
    fe->method_list = NULL;
    fe->nmethods = 0;
    if (!build_count(b, s, 1, 1, ~0u, o->syntax))
        return;
    bool standard = build_keyword(s, 1, "standard"), any = build_keyword(s, 1, "any");
    if (s->nw == 2 && (standard || any)) {
        fe->methods = any ? CFG_METHODS_ANY : CFG_METHODS_STANDARD;
        return;
    }
    for (unsigned i = 1; i < s->nw; i++) {
        if (!build_check_token(b, s, i, "method"))
            return;
        for (uint32_t k = 0; k < s->w[i].n; k++)
            if (s->w[i].p[k] >= 'a' && s->w[i].p[k] <= 'z') {
                build_error(b, s, i, "E107", "standard, any, or names in capitals",
                            "methods are written in capitals");
                return;
            }
    }
    fe->methods = CFG_METHODS_LIST;
    fe->method_list = build_texts(b, s, 1, s->nw);
    fe->nmethods = s->nw - 1;
}

void set_forwarded(struct build *b, struct scope *sc, const struct stmt *s,
                   const struct directive *o)
{
    struct cfg_frontend *fe = sc->base[BASE_FRONTEND];
    if (!build_count(b, s, 1, 0, 0, o->syntax))
        return;
    fe->ntrust = 0;
    fe->rfc7239 = false;
    fe->trust = arena_array(b->keep, build_total(s->first, "trust"), sizeof *fe->trust);
    struct scope sub = {.place = PLACE_FORWARDED, .stmt = s, .base = {[BASE_FRONTEND] = fe}};
    build_block(b, &sub, s->first);
}

void set_proxy_protocol(struct build *b, struct scope *sc, const struct stmt *s,
                        const struct directive *o)
{
    struct cfg_bind *bind = sc->base[BASE_BIND];
    if (!build_count(b, s, 1, 0, 0, o->syntax))
        return;
    bind->proxy_protocol = true;
    bind->nproxy_trust = 0;
    bind->proxy_trust =
        arena_array(b->keep, build_total(s->first, "trust"), sizeof *bind->proxy_trust);
    struct scope sub = {.place = PLACE_PROXY, .stmt = s, .base = {[BASE_BIND] = bind}};
    build_block(b, &sub, s->first);
}

void set_trust(struct build *b, struct scope *sc, const struct stmt *s, const struct directive *o)
{
    struct cfg_frontend *fe = sc->base[BASE_FRONTEND];
    struct cfg_bind *bind = sc->base[BASE_BIND];
    bool of_bind = sc->place == PLACE_PROXY;
    const struct cfg_net *list = of_bind ? bind->proxy_trust : fe->trust;
    unsigned *n = of_bind ? &bind->nproxy_trust : &fe->ntrust;
    if (!build_count(b, s, 1, 1, ~0u, o->syntax))
        return;
    for (unsigned i = 1; i < s->nw; i++) {
        struct cfg_net *net = (struct cfg_net *)&list[*n];
        const char *problem = network_parse(word_slice(&s->w[i]), net);
        if (problem)
            build_error(b, s, i, "E111", "10.0.0.0/8 or fd00::/8", "bad network '%.*s': %s",
                        (int)s->w[i].n, s->w[i].p, problem);
        else
            ++*n;
    }
}
