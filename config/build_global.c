/* build_global.c — directives of `global` and `admin`, and where logs go. */
#include "config/build.h"
#include "config/suggest.h"
#include "config/value.h"

#include "lb/base/err.h"

#include <string.h>

void set_threads(struct build *b, struct scope *sc, const struct stmt *s, const struct directive *o)
{
    enum { THREADS_MAX = 256 };
    static const struct opt_spec spec = {
        .name = "threads", .type = OPT_UINT, .min = 1, .max = THREADS_MAX};
    struct cfg_global *g = sc->base[BASE_GLOBAL];
    uint64_t n = 0;
    if (!build_count(b, s, 1, 1, 1, o->syntax))
        return;
    if (!build_keyword(s, 1, "auto") && !build_number(b, s, 1, &spec, THREADS_MAX, &n))
        return;
    g->threads = (unsigned)n;
}

unsigned build_log_target(struct build *b, const struct stmt *s, unsigned i, struct cfg_log *log)
{
    bool file = build_keyword(s, i, "file"), syslog = build_keyword(s, i, "syslog");
    if (build_keyword(s, i, "stderr") || build_keyword(s, i, "stdout")) {
        log->to = word_is(&s->w[i], "stderr") ? CFG_LOG_STDERR : CFG_LOG_STDOUT;
        return 1;
    }
    if (!file && !syslog)
        return 0;
    if (i + 1 >= s->nw) {
        build_error(b, s, i, "E103", NULL, file ? "a path is missing" : "an address is missing");
        return 0;
    }
    log->to = file ? CFG_LOG_FILE : CFG_LOG_SYSLOG;
    struct cfg_addr addr;
    bool path = s->w[i + 1].n && *s->w[i + 1].p == '/';
    if (syslog && !path && !build_address(b, s, i + 1, false, &addr))
        return 0;
    if (!build_check_line(b, s, i + 1, file ? "path" : "address"))
        return 0;
    log->path = syslog && !path ? addr.text : build_text(b, &s->w[i + 1]);
    return 2;
}

static void bad_log_word(struct build *b, const struct stmt *s, unsigned i, const char *syntax)
{
    static const char *const KNOWN[] = {"stderr", "stdout",  "file", "syslog", "text",
                                        "json",   "warning", "info", "error",  "debug"};
    struct suggest best;
    suggest_init(&best, word_slice(&s->w[i]));
    for (unsigned k = 0; k < sizeof KNOWN / sizeof *KNOWN; k++)
        suggest_try(&best, KNOWN[k]);
    build_error(b, s, i, "E107", best.best ? build_did_you_mean(b, best.best) : syntax,
                "unexpected '%.*s' in 'log'", (int)s->w[i].n, s->w[i].p);
}

void set_log(struct build *b, struct scope *sc, const struct stmt *s, const struct directive *o)
{
    static const char *const LEVELS[] = {"error", "warning", "info", "debug"};
    struct cfg_log *log = &((struct cfg_global *)sc->base[BASE_GLOBAL])->log;
    *log = b->protos.global.log;
    if (!build_count(b, s, 1, 1, 4, o->syntax))
        return;
    unsigned errors = diag_errors(b->diag);
    unsigned i = 1 + build_log_target(b, s, 1, log);
    if (diag_errors(b->diag) != errors)
        return;
    if (i == 1) {
        bad_log_word(b, s, 1, o->syntax);
        return;
    }
    if (i < s->nw && (build_keyword(s, i, "json") || build_keyword(s, i, "text")))
        log->json = word_is(&s->w[i++], "json");
    for (int level = 0; level < 4 && i < s->nw; level++)
        if (build_keyword(s, i, LEVELS[level])) {
            log->level = level;
            i++;
            break;
        }
    if (i < s->nw)
        bad_log_word(b, s, i, o->syntax);
}

void set_balancer_plugin(struct build *b, struct scope *sc, const struct stmt *s,
                         const struct directive *o)
{
    (void)sc; /* build_balancers has loaded it: `balance` may stand before it */
    (void)build_count(b, s, 1, 1, 1, o->syntax);
}

static bool same_name(const struct plug_desc *a, const struct plug_desc *c)
{
    return strcmp(a->name, c->name) == 0;
}

static void load_plugin(struct build *b, const struct stmt *s)
{
    struct cfg_global *g = &b->cfg->global;
    struct err e = {0};
    if (s->bad || s->nw != 2 || !build_check_line(b, s, 1, "path"))
        return;
    const char *path = path_beside(b->keep, s->file, word_slice(&s->w[1]));
    if (!strchr(path, '/')) /* without a slash the loader would search elsewhere */
        path = arena_format(b->keep, "./%s", path);
    ((const char **)g->balancer_plugins)[g->nbalancer_plugins] = path;
    ((struct src_loc *)g->balancer_plugin_locs)[g->nbalancer_plugins++] = stmt_loc(s, 1);
    if (!b->plugins || !b->plugins->load_balancer) {
        build_error(b, s, 1, "E127", NULL, "balancer plug-ins can't be loaded here");
        return;
    }
    const struct plug_desc *desc = b->plugins->load_balancer(b->plugins->ctx, path, &e);
    if (!desc) {
        build_error(b, s, 1, "E127", NULL, "cannot load balancer '%s': %s", path, e.text);
        return;
    }
    for (unsigned i = 0; i < b->nbalancers; i++)
        if (same_name(b->balancers[i], desc)) {
            if (b->balancers[i] != desc)
                build_error(b, s, 1, "E113", NULL, "a balancer '%s' exists already", desc->name);
            return;
        }
    b->balancers[b->nbalancers++] = desc;
}

void build_balancers(struct build *b)
{
    const struct plug_desc *const *builtin = b->plugins ? b->plugins->balancers : NULL;
    const struct stmt *first = b->global ? b->global->first : NULL;
    struct cfg_global *g = &b->cfg->global;
    unsigned n = 0, plugins = 0;
    while (builtin && builtin[n])
        n++;
    for (const struct stmt *s = first; s; s = s->next)
        plugins += build_keyword(s, 0, "balancer");
    b->balancers = arena_array(b->tmp, n + plugins, sizeof *b->balancers);
    if (n)
        memcpy(b->balancers, builtin, n * sizeof *builtin);
    b->nbalancers = n;
    g->balancer_plugins = arena_array(b->keep, plugins, sizeof *g->balancer_plugins);
    g->balancer_plugin_locs = arena_array(b->keep, plugins, sizeof *g->balancer_plugin_locs);
    for (const struct stmt *s = first; s; s = s->next)
        if (build_keyword(s, 0, "balancer"))
            load_plugin(b, s);
}

void set_unix_mode(struct build *b, struct scope *sc, const struct stmt *s,
                   const struct directive *o)
{
    unsigned mode = 0;
    if (!build_count(b, s, 1, 1, 1, o->syntax))
        return;
    const struct word *w = &s->w[1];
    bool ok = w->n >= 3 && w->n <= 4;
    for (uint32_t i = 0; i < w->n && ok; i++) {
        ok = w->p[i] >= '0' && w->p[i] <= '7';
        mode = mode * 8 + (unsigned)(w->p[i] - '0');
    }
    if (!ok || mode > 0777 || mode == 0) {
        build_error(b, s, 1, "E107", "0600, 0660 or 0666", "'%.*s' is not a mode in octal",
                    (int)w->n, w->p);
        return;
    }
    if (sc->place == PLACE_SOCKET)
        ((struct cfg_admin *)sc->base[BASE_ADMIN])->socket_mode = (uint16_t)mode;
    else
        ((struct cfg_bind *)sc->base[BASE_BIND])->unix_mode = (uint16_t)mode;
}

void set_admin_socket(struct build *b, struct scope *sc, const struct stmt *s,
                      const struct directive *o)
{
    struct cfg_admin *admin = sc->base[BASE_ADMIN];
    struct scope sub = {.place = PLACE_SOCKET, .stmt = s, .base = {[BASE_ADMIN] = admin}};
    build_block(b, &sub, s->first);
    if (!build_count(b, s, 1, 1, 1, o->syntax))
        return;
    struct slice path = word_slice(&s->w[1]);
    if (slice_starts(path, SLICE("unix:"))) {
        path.p += 5;
        path.n -= 5;
    }
    enum { SOCKET_PATH_MAX = 107 };
    if (path.n == 0 || path.n > SOCKET_PATH_MAX || memchr(path.p, '\n', path.n)) {
        build_error(b, s, 1, "E110", NULL, "the path of a Unix socket has 1 to 107 bytes");
        return;
    }
    admin->socket = arena_text(b->keep, path);
    admin->socket_loc = stmt_loc(s, 1);
}

void set_admin_http(struct build *b, struct scope *sc, const struct stmt *s,
                    const struct directive *o)
{
    struct cfg_admin *admin = sc->base[BASE_ADMIN];
    struct cfg_addr *addr = arena_alloc(b->keep, sizeof *addr);
    if (build_count(b, s, 1, 1, 1, o->syntax) && build_address(b, s, 1, true, addr))
        admin->http = addr;
}
