/*
 * build_tls.c — `tls` of frontends, binds and servers. Files must be readable; what is in them is
 * the TLS engine's affair.
 */
#include "config/build.h"

#include <string.h>

static void require_certs(struct build *b, const struct stmt *s, const struct cfg_tls *tls)
{
    for (unsigned i = 0; i < tls->ncerts; i++)
        if (tls->certs[0].key && !tls->certs[i].key) {
            build_error(b, s, 0, "E131", NULL, "there are %u certificates but fewer keys",
                        tls->ncerts);
            return;
        }
}

static struct cfg_tls *listen_block(struct build *b, const struct stmt *s)
{
    struct cfg_tls *tls = arena_alloc(b->keep, sizeof *tls);
    *tls = b->protos.tls;
    tls->loc = stmt_loc(s, 0);
    tls->verify = false;
    unsigned n = build_total(s->first, "cert");
    tls->certs = arena_array(b->keep, n, sizeof *tls->certs);
    tls->alpn = arena_array(b->keep, build_total(s->first, "alpn"), sizeof *tls->alpn);
    struct scope sub = {.place = PLACE_TLS, .stmt = s, .base = {[BASE_TLS] = tls}};
    build_block(b, &sub, s->first);
    require_certs(b, s, tls);
    bool verify_given = build_total(s->first, "client-verify") > 0;
    if (tls->client_ca && !verify_given)
        tls->client_verify = CFG_VERIFY_REQUIRED;
    if (tls->client_verify != CFG_VERIFY_OFF && build_total(s->first, "client-ca") == 0)
        build_error(b, s, 0, "E131", NULL, "'client-verify' needs 'client-ca'");
    return tls;
}

void set_tls(struct build *b, struct scope *sc, const struct stmt *s, const struct directive *o)
{
    struct cfg_frontend *fe = sc->base[BASE_FRONTEND];
    if (!build_count(b, s, 1, 0, 0, o->syntax))
        return;
    struct cfg_tls *tls = s->has_block ? listen_block(b, s) : NULL;
    if (sc->place == PLACE_BIND) {
        struct cfg_bind *bind = sc->base[BASE_BIND];
        bind->tls = true;
        bind->tls_opts = tls;
    } else if (tls) {
        fe->tls = tls;
    } else {
        build_error(b, s, 0, "E129", "a bind that speaks TLS says so: bind :443 { tls }",
                    "'tls' of a frontend needs a block");
    }
}

void set_certs(struct build *b, struct scope *sc, const struct stmt *s, const struct directive *o)
{
    struct cfg_tls *tls = sc->base[BASE_TLS];
    if (!build_count(b, s, 1, 1, ~0u, o->syntax))
        return;
    for (unsigned i = 1; i < s->nw; i++) {
        struct cfg_cert *c = (struct cfg_cert *)&tls->certs[tls->ncerts++];
        c->cert = build_file(b, s, i);
        c->loc = stmt_loc(s, i);
    }
}

/* The n-th file of a list belongs to the n-th certificate, wherever `cert` stands: room is there
 * already. `which`: the member it goes to. */
static void set_nth(struct build *b, struct scope *sc, const struct stmt *s,
                    const struct directive *o, const char **(*which)(struct cfg_cert *))
{
    struct cfg_tls *tls = sc->base[BASE_TLS];
    unsigned room = build_total(sc->stmt->first, "cert"), k = 0;
    if (!build_count(b, s, 1, 1, ~0u, o->syntax))
        return;
    for (const struct stmt *t = sc->stmt->first; t != s; t = t->next)
        k += build_keyword(t, 0, o->spec.name) ? t->nw - 1 : 0;
    for (unsigned i = 1; i < s->nw; i++, k++) {
        const char *path = build_file(b, s, i);
        if (k >= room) {
            build_error(b, s, i, "E131", NULL, "%s without a certificate",
                        *o->spec.name == 'k' ? "a key" : "a response");
            return;
        }
        *which((struct cfg_cert *)&tls->certs[k]) = path;
    }
}

static const char **key_of(struct cfg_cert *c)
{
    return &c->key;
}

static const char **ocsp_of(struct cfg_cert *c)
{
    return &c->ocsp;
}

void set_keys(struct build *b, struct scope *sc, const struct stmt *s, const struct directive *o)
{
    set_nth(b, sc, s, o, key_of);
}

void set_ocsp(struct build *b, struct scope *sc, const struct stmt *s, const struct directive *o)
{
    set_nth(b, sc, s, o, ocsp_of);
}

void set_alpn(struct build *b, struct scope *sc, const struct stmt *s, const struct directive *o)
{
    struct cfg_tls *tls = sc->base[BASE_TLS];
    if (!build_count(b, s, 1, 1, ~0u, o->syntax))
        return;
    for (unsigned i = 1; i < s->nw; i++) {
        const struct word *w = &s->w[i];
        if (w->n == 0 || w->n > 255)
            build_error(b, s, i, "E107", NULL, "the name of a protocol has 1 to 255 bytes");
        else if (build_check_line(b, s, i, "alpn"))
            ((const char **)tls->alpn)[tls->nalpn++] = build_text(b, w);
    }
}

void set_min_version(struct build *b, struct scope *sc, const struct stmt *s,
                     const struct directive *o)
{
    struct cfg_tls *tls = sc->base[BASE_TLS];
    if (!build_count(b, s, 1, 1, 1, o->syntax))
        return;
    if (word_is(&s->w[1], "1.2"))
        tls->min_version = 0x0303;
    else if (word_is(&s->w[1], "1.3"))
        tls->min_version = 0x0304;
    else
        build_error(b, s, 1, "E107", "1.2 or 1.3", "'%.*s' is not a version of TLS we speak",
                    (int)s->w[1].n, s->w[1].p);
}

void set_server_tls(struct build *b, struct scope *sc, const struct stmt *s,
                    const struct directive *o)
{
    struct cfg_server *server = sc->base[BASE_SERVER];
    if (!build_count(b, s, 1, 0, 0, o->syntax))
        return;
    struct cfg_tls *tls = arena_alloc(b->keep, sizeof *tls);
    *tls = b->protos.tls;
    tls->loc = stmt_loc(s, 0);
    struct scope sub = {.place = PLACE_SERVER_TLS, .stmt = s, .base = {[BASE_TLS] = tls}};
    build_block(b, &sub, s->first);
    server->tls = true;
    server->tls_opts = tls;
    b->cfg->uses_tls = true;
}

void set_server_cert(struct build *b, struct scope *sc, const struct stmt *s,
                     const struct directive *o)
{
    struct cfg_tls *tls = sc->base[BASE_TLS];
    if (!build_count(b, s, 1, 1, 1, o->syntax))
        return;
    struct cfg_cert *c = arena_alloc(b->keep, sizeof *c);
    *c = (struct cfg_cert){.cert = build_file(b, s, 1), .loc = stmt_loc(s, 1)};
    tls->certs = c;
    tls->ncerts = 1;
}
