/* build_backend.c — directives of a backend, except those whose options are a plug-in's. */
#include "config/build.h"

#include <string.h>

/* Options of a cookie mean nothing elsewhere. */
static void read_cookie_options(struct build *b, const struct stmt *s, struct cfg_sticky *sticky)
{
    struct scope sub = {.place = PLACE_STICKY, .stmt = s, .base = {[BASE_STICKY] = sticky}};
    build_block(b, &sub, s->first);
    if (s->has_block && sticky->key != CFG_KEY_COOKIE && s->first)
        build_error(b, s, 1, "E131", NULL, "options of a cookie without a cookie");
    const struct src_loc loc = stmt_loc(s, 0);
    if (sticky->same_site && strcmp(sticky->same_site, "none") == 0 && !sticky->secure)
        diag_add(b->diag, "W209", loc, s->w[0].width, "add 'secure'",
                 "browsers drop a cookie of 'same-site none' that is not 'secure'");
}

static bool has_separator(const char *text)
{
    return text && strpbrk(text, ";,");
}

void set_sticky(struct build *b, struct scope *sc, const struct stmt *s, const struct directive *o)
{
    struct cfg_sticky *sticky = &((struct cfg_backend *)sc->base[BASE_BACKEND])->sticky;
    *sticky = b->protos.sticky;
    sticky->loc = stmt_loc(s, 0);
    if (!build_count(b, s, 1, 1, 2, o->syntax))
        return;
    bool named = build_keyword(s, 1, "cookie") || build_keyword(s, 1, "header");
    if (!build_count(b, s, 1, named ? 2 : 1, named ? 2 : 1, o->syntax))
        return;
    if (named) {
        bool cookie = word_is(&s->w[1], "cookie");
        if (!build_check_token(b, s, 2, cookie ? "cookie" : "header field"))
            return;
        sticky->key = cookie ? CFG_KEY_COOKIE : CFG_KEY_HEADER;
        sticky->name = build_text(b, &s->w[2]);
    } else if (build_keyword(s, 1, "source")) {
        sticky->key = CFG_KEY_SOURCE;
    } else if (!build_keyword(s, 1, "off")) {
        build_error(b, s, 1, "E107", o->syntax, "unknown kind of stickiness '%.*s'", (int)s->w[1].n,
                    s->w[1].p);
        return;
    }
    read_cookie_options(b, s, sticky);
    if (has_separator(sticky->path) || has_separator(sticky->domain))
        build_error(b, s, 0, "E107", NULL, "path and domain of a cookie can't hold ';' or ','");
}

void set_passive(struct build *b, struct scope *sc, const struct stmt *s, const struct directive *o)
{
    struct cfg_passive *passive = &((struct cfg_backend *)sc->base[BASE_BACKEND])->passive;
    *passive = b->protos.passive;
    if (s->nw == 2 && build_keyword(s, 1, "off") && !s->has_block)
        return;
    if (!build_count(b, s, 1, 0, 0, o->syntax))
        return;
    struct scope sub = {.place = PLACE_PASSIVE, .stmt = s, .base = {[BASE_PASSIVE] = passive}};
    build_block(b, &sub, s->first);
    passive->on = true;
    if (passive->eject_max_ms < passive->eject_ms)
        build_error(b, s, 0, "E131", NULL, "'eject-max' is shorter than 'eject'");
}

void set_retry(struct build *b, struct scope *sc, const struct stmt *s, const struct directive *o)
{
    struct cfg_retry *retry = &((struct cfg_backend *)sc->base[BASE_BACKEND])->retry;
    *retry = b->protos.retry;
    if (s->nw == 2 && build_keyword(s, 1, "off") && !s->has_block) {
        retry->attempts = 0;
        return;
    }
    if (!build_count(b, s, 1, 0, 0, o->syntax))
        return;
    if (!s->has_block)
        build_error(b, s, 0, "E129", o->example, "'retry' needs a block");
    struct scope sub = {.place = PLACE_RETRY, .stmt = s, .base = {[BASE_RETRY] = retry}};
    build_block(b, &sub, s->first);
}

void set_server(struct build *b, struct scope *sc, const struct stmt *s, const struct directive *o)
{
    struct cfg_backend *be = sc->base[BASE_BACKEND];
    struct cfg_server *server = (struct cfg_server *)&be->servers[be->nservers];
    *server = b->protos.server;
    server->loc = stmt_loc(s, s->nw > 1 ? 1 : 0);
    if (s->first) {
        struct scope sub = {.place = PLACE_SERVER, .stmt = s, .base = {[BASE_SERVER] = server}};
        build_block(b, &sub, s->first);
    }
    if (!build_count(b, s, 1, 2, 2, o->syntax))
        return;
    be->nservers++;
    (void)build_check_name(b, s, 1, "server");
    server->name = build_text(b, &s->w[1]);
    (void)build_address(b, s, 2, false, &server->addr);
}
