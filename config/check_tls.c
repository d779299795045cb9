/*
 * check_tls.c — `tls` blocks: what is in their files, by the engine's judgement, and what the
 * program can't do.
 */
#include "config/build.h"

#include <string.h>

static void say(void *to, bool error, struct src_loc loc, const char *text)
{
    struct build *b = to;
    diag_add(b->diag, error ? "E133" : "W212", loc, 0, NULL, "%s", text);
}

static void judge(struct build *b, const struct cfg_tls *t, bool server)
{
    if (t && b->plugins && b->plugins->judge_tls)
        b->plugins->judge_tls(t, server, say, b);
}

static void check_alpn(struct build *b, const struct cfg_tls *t)
{
    for (unsigned i = 0; t && i < t->nalpn; i++)
        if (strcmp(t->alpn[i], "h2") != 0 && strcmp(t->alpn[i], "http/1.1") != 0)
            diag_add(b->diag, "W213", t->loc, 0, NULL,
                     "'%s' is not spoken in mode http and is not offered", t->alpn[i]);
}

static void check_listen(struct build *b, const struct cfg_frontend *fe)
{
    const struct cfg_tls *last = fe->tls; /* addresses of one `bind` share its block */
    judge(b, fe->tls, false);
    if (fe->mode == CFG_HTTP)
        check_alpn(b, fe->tls);
    for (unsigned i = 0; i < fe->nbinds; i++) {
        const struct cfg_tls *t = fe->binds[i].tls_opts;
        if (!fe->binds[i].tls || t == fe->tls || t == last)
            continue;
        last = t;
        judge(b, t, false);
        if (fe->mode == CFG_HTTP)
            check_alpn(b, t);
    }
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* Servers of a backend mostly have the same terms: they are judged once. */
static bool same_terms(const struct cfg_tls *a, const struct cfg_tls *b)
{
    return a && a->verify == b->verify && a->ncerts == b->ncerts && same_text(a->ca, b->ca) &&
           (!a->ncerts || same_text(a->certs[0].cert, b->certs[0].cert)) &&
           same_text(a->ciphers, b->ciphers) && same_text(a->ciphersuites, b->ciphersuites) &&
           same_text(a->groups, b->groups);
}

static void check_servers(struct build *b, const struct cfg_backend *be)
{
    const struct cfg_tls *last = NULL;
    for (unsigned i = 0; i < be->nservers; i++) {
        const struct cfg_server *s = &be->servers[i];
        if (!s->tls)
            continue;
        if (!same_terms(last, s->tls_opts))
            judge(b, s->tls_opts, true);
        last = s->tls_opts;
        if (last->verify && !last->sni && s->addr.kind == CFG_ADDR_UNIX)
            diag_add(b->diag, "E119", last->loc, 0, "sni NAME, or verify off",
                     "there is no name to check the certificate of '%s' for", s->name);
    }
}

void check_tls_blocks(struct build *b)
{
    if (!b->cfg->uses_tls)
        return;
    for (unsigned i = 0; i < b->cfg->nfrontends; i++)
        check_listen(b, &b->frontends[i]);
    for (unsigned i = 0; i < b->cfg->nbackends; i++)
        check_servers(b, &b->backends[i]);
}
