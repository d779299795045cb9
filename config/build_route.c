/*
 * build_route.c — `route` and `otherwise`.
 *
 * The words of a route are keywords only when they are not quoted, so a host may be called "path".
 */
#include "config/build.h"
#include "config/suggest.h"
#include "config/value.h"

#include <string.h>

static bool is_condition(const struct stmt *s, unsigned i)
{
    return build_keyword(s, i, "host") || build_keyword(s, i, "sni") ||
           build_keyword(s, i, "path") || build_keyword(s, i, "method") ||
           build_keyword(s, i, "header");
}

/* The first word after the values that begin at `i`. */
static unsigned values_end(const struct stmt *s, unsigned i)
{
    while (i < s->nw && !is_condition(s, i) && !build_keyword(s, i, "->"))
        i++;
    return i;
}

static bool is_host_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

static const char *bad_host(const char *h, size_t n)
{
    size_t i = n > 2 && h[0] == '*' && h[1] == '.' ? 2 : 0;
    if (n == 0 || n > 253)
        return "a host has 1 to 253 bytes";
    if (h[0] == '[') {
        bool ip6 = h[n - 1] == ']' && strspn(h + 1, "0123456789abcdef:.") == n - 2;
        return ip6 ? NULL : "not an IPv6 address in brackets";
    }
    for (; i < n; i++) {
        if (h[i] == '*')
            return "'*' stands for the first part only: *.example.com";
        if (h[i] == ':' || h[i] == '/')
            return "a host has no port and no path";
        if (!is_host_byte(h[i]))
            return "not a host name";
        if (h[i] == '.' && (i == 0 || h[i - 1] == '.'))
            return "a part is empty";
    }
    return NULL;
}

static const char *route_host(struct build *b, const struct stmt *s, unsigned i)
{
    char *h = arena_text(b->keep, word_slice(&s->w[i]));
    for (char *c = h; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c + ('a' - 'A'));
    size_t n = s->w[i].n;
    const char *problem = bad_host(h, n);
    if (problem)
        build_error(b, s, i, "E107", NULL, "bad host '%.*s': %s", (int)n, s->w[i].p, problem);
    return h;
}

static const char *bad_path(struct slice p)
{
    if (p.n == 0 || p.p[0] != '/')
        return "a path begins with '/'";
    for (size_t i = 0; i < p.n; i++) {
        unsigned char c = (unsigned char)p.p[i];
        if (c <= 0x20 || c >= 0x7f)
            return "percent-encode this byte";
        if (c == '?' || c == '#')
            return "the query is no part of the path";
        if (c == '*' && (i + 1 < p.n || p.p[i - 1] != '/'))
            return "'*' is the last part or nothing: /v1/*";
    }
    return NULL;
}

static const char *route_path(struct build *b, const struct stmt *s, unsigned i)
{
    const char *problem = bad_path(word_slice(&s->w[i]));
    if (problem)
        build_error(b, s, i, "E107", NULL, "bad path '%.*s': %s", (int)s->w[i].n, s->w[i].p,
                    problem);
    return build_text(b, &s->w[i]);
}

static const char *route_method(struct build *b, const struct stmt *s, unsigned i)
{
    char *m = arena_text(b->tmp, word_slice(&s->w[i]));
    bool lower = false;
    if (!build_check_token(b, s, i, "method"))
        return "";
    for (char *c = m; *c; c++)
        if (*c >= 'a' && *c <= 'z') {
            *c = (char)(*c - ('a' - 'A'));
            lower = true;
        }
    if (lower)
        build_error(b, s, i, "E107", build_did_you_mean(b, m), "methods are written in capitals");
    return build_text(b, &s->w[i]);
}

struct list { /* a field of struct cfg_route */
    const char *const **values;
    unsigned *n;
    const char *(*value)(struct build *, const struct stmt *, unsigned);
};

static unsigned read_list(struct build *b, const struct stmt *s, unsigned i, const struct list *l)
{
    unsigned end = values_end(s, i + 1), n = end - i - 1;
    if (n == 0)
        build_error(b, s, i, "E103", NULL, "'%.*s' needs a value", (int)s->w[i].n, s->w[i].p);
    else if (*l->n)
        build_error(b, s, i, "E114", "put all values behind one word: host a, b",
                    "'%.*s' is set twice", (int)s->w[i].n, s->w[i].p);
    else {
        const char **v = arena_array(b->keep, n, sizeof *v);
        for (unsigned k = 0; k < n; k++)
            v[k] = l->value(b, s, i + 1 + k);
        *l->values = v;
        *l->n = n;
    }
    return end;
}

static unsigned read_header(struct build *b, const struct stmt *s, unsigned i, struct cfg_route *r)
{
    unsigned end = values_end(s, i + 1), n = end - i - 1;
    struct cfg_header_match *h = (struct cfg_header_match *)&r->headers[r->nheaders];
    if (n == 0 || n > 2) {
        build_error(b, s, n ? i + 3 : i, "E103", "header NAME [VALUE]",
                    n ? "unexpected value" : "'header' needs a name");
        return end;
    }
    if (build_check_token(b, s, i + 1, "header field") &&
        (n == 1 || !s->w[i + 2].n || build_check_line(b, s, i + 2, "header"))) {
        h->name = build_text(b, &s->w[i + 1]);
        h->value = n == 2 ? build_text(b, &s->w[i + 2]) : NULL;
        r->nheaders++;
    }
    return end;
}

static unsigned read_condition(struct build *b, const struct stmt *s, unsigned i,
                               struct cfg_route *r)
{
    if (build_keyword(s, i, "header"))
        return read_header(b, s, i, r);
    if (build_keyword(s, i, "host") || build_keyword(s, i, "sni"))
        return read_list(b, s, i, &(struct list){&r->hosts, &r->nhosts, route_host});
    if (build_keyword(s, i, "path"))
        return read_list(b, s, i, &(struct list){&r->paths, &r->npaths, route_path});
    return read_list(b, s, i, &(struct list){&r->methods, &r->nmethods, route_method});
}

static void to_backend(struct build *b, const struct stmt *s, unsigned i, struct cfg_route *r)
{
    enum { SUGGESTIONS_MAX = 50 }; /* comparing is slow: not for thousands of mistakes */
    const unsigned *found = names_get(&b->backend_names, word_slice(&s->w[i]));
    if (found) {
        r->backend = *found;
        b->be_facts[*found].used = true;
        return;
    }
    struct suggest best;
    suggest_init(&best, word_slice(&s->w[i]));
    unsigned at = 0;
    for (unsigned k = 0; k < b->cfg->nbackends && diag_errors(b->diag) < SUGGESTIONS_MAX; k++) {
        const char *was = best.best;
        suggest_try(&best, b->backends[k].name);
        at = best.best != was ? k : at;
    }
    int id = build_error(b, s, i, "E112", build_did_you_mean(b, best.best),
                         "no backend is called '%.*s'", (int)s->w[i].n, s->w[i].p);
    if (best.best) {
        diag_also(b->diag, id, b->backends[at].loc, "this one is");
        b->be_facts[at].used = true; /* probably: no warning about it */
    }
}

static bool read_status(struct build *b, const struct stmt *s, unsigned i, struct cfg_route *r)
{
    static const unsigned REDIRECTS[] = {301, 302, 303, 307, 308};
    static const struct opt_spec spec = {
        .name = "respond", .type = OPT_UINT, .min = 200, .max = 599};
    uint64_t n = 0;
    if (r->action == CFG_RESPOND) {
        if (!build_number(b, s, i, &spec, 599, &n))
            return false;
        r->status = (unsigned)n;
        return true;
    }
    (void)value_uint(word_slice(&s->w[i]), &n);
    for (unsigned k = 0; k < sizeof REDIRECTS / sizeof *REDIRECTS; k++)
        if (n == REDIRECTS[k])
            r->status = REDIRECTS[k];
    if (!r->status)
        build_error(b, s, i, "E107", "301, 302, 303, 307 or 308",
                    "'%.*s' is not a status of a redirect", (int)s->w[i].n, s->w[i].p);
    return r->status != 0;
}

static void read_location(struct build *b, const struct stmt *s, unsigned i, struct cfg_route *r)
{
    const struct word *w = &s->w[i];
    bool ok = w->n > 0;
    for (uint32_t k = 0; k < w->n; k++)
        ok &= (unsigned char)w->p[k] > 0x20 && (unsigned char)w->p[k] < 0x7f;
    if (!ok)
        build_error(b, s, i, "E107", "percent-encode spaces and bytes beyond ASCII",
                    "the location of a redirect is not a URL");
    r->location = build_text(b, w);
}

/* Reads the action that begins at word `i`, which may be missing. */
static void read_action(struct build *b, const struct stmt *s, unsigned i, struct cfg_route *r)
{
    bool redirect = build_keyword(s, i, "redirect"), respond = build_keyword(s, i, "respond");
    unsigned more = redirect ? 2 : respond ? 1 : 0;
    if (i + more >= s->nw) {
        build_error(b, s, s->nw - 1, "E103",
                    "-> BACKEND, -> redirect CODE \"URL\", -> respond CODE or -> close",
                    "what to do is missing");
        return;
    }
    if (i + more + 1 < s->nw) {
        build_error(b, s, i + more + 1, "E103", NULL, "unexpected '%.*s' after the action",
                    (int)s->w[i + more + 1].n, s->w[i + more + 1].p);
        return;
    }
    if (redirect || respond) {
        r->action = redirect ? CFG_REDIRECT : CFG_RESPOND;
        if (read_status(b, s, i + 1, r) && redirect)
            read_location(b, s, i + 2, r);
    } else if (build_keyword(s, i, "close")) {
        r->action = CFG_RESPOND;
    } else {
        r->action = CFG_TO_BACKEND;
        to_backend(b, s, i, r);
    }
}

static void unknown_condition(struct build *b, const struct stmt *s, unsigned i)
{
    static const char *const KNOWN[] = {"host", "path", "method", "header"};
    struct suggest best;
    suggest_init(&best, word_slice(&s->w[i]));
    for (unsigned k = 0; k < sizeof KNOWN / sizeof *KNOWN; k++)
        suggest_try(&best, KNOWN[k]);
    build_error(b, s, i, "E101",
                best.best ? build_did_you_mean(b, best.best)
                          : "conditions are host, path, method and header; then '->'",
                "unknown condition '%.*s'", (int)s->w[i].n, s->w[i].p);
}

void set_route(struct build *b, struct scope *sc, const struct stmt *s, const struct directive *o)
{
    struct cfg_frontend *fe = sc->base[BASE_FRONTEND];
    struct cfg_route *r = (struct cfg_route *)&fe->routes[fe->nroutes];
    unsigned i = 1, headers = 0, errors = diag_errors(b->diag);
    *r = (struct cfg_route){.action = CFG_RESPOND, .loc = stmt_loc(s, 0)};
    for (unsigned k = 1; k < s->nw; k++)
        headers += build_keyword(s, k, "header");
    r->headers = arena_array(b->keep, headers, sizeof *r->headers);
    while (is_condition(s, i))
        i = read_condition(b, s, i, r);
    if (i >= s->nw)
        build_error(b, s, s->nw - 1, "E103", o->example, "'->' and what to do are missing");
    else if (!build_keyword(s, i, "->"))
        unknown_condition(b, s, i);
    else
        read_action(b, s, i + 1, r);
    if (diag_errors(b->diag) == errors && !s->bad)
        fe->nroutes++; /* half a route would be blamed for hiding others */
}

void set_otherwise(struct build *b, struct scope *sc, const struct stmt *s,
                   const struct directive *o)
{
    struct cfg_frontend *fe = sc->base[BASE_FRONTEND];
    fe->otherwise = (struct cfg_route){.action = CFG_RESPOND, .loc = stmt_loc(s, 0)};
    unsigned errors = diag_errors(b->diag);
    if (!build_keyword(s, 1, "->"))
        build_error(b, s, s->nw > 1 ? 1 : 0, "E103", o->example, "'otherwise' needs '->'");
    else
        read_action(b, s, 2, &fe->otherwise);
    if (diag_errors(b->diag) != errors || s->bad)
        fe->otherwise = (struct cfg_route){.action = CFG_RESPOND, .loc = fe->loc};
}
