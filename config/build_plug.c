/*
 * build_plug.c — `balance` and `check`: names come from the plug-ins, options from their specs.
 *
 * Options may stand on the line, behind the name and its arguments, or one by one in a block.
 */
#include "config/build.h"
#include "config/suggest.h"

#include <string.h>

struct plug_read { /* one `balance` or `check` being read */
    struct build *b;
    const struct stmt *s;
    const struct plug_desc *desc;
    struct scope *common; /* options that every check has; NULL: none */
    const char *what;     /* "balancer", "check" */
    struct opt *v;        /* in the temporary arena */
    unsigned n;
};

static const struct opt_spec *find_spec(const struct plug_desc *d, const struct word *w)
{
    for (unsigned i = 0; i < d->nspecs; i++)
        if (word_is(w, d->specs[i].name))
            return &d->specs[i];
    return NULL;
}

static bool is_option(const struct plug_read *r, const struct stmt *s, unsigned i)
{
    struct stmt one = {.w = &s->w[i], .nw = 1};
    unsigned used;
    if (s->w[i].flags & WORD_QUOTED)
        return false;
    return find_spec(r->desc, &s->w[i]) ||
           (r->common && build_find(r->b, r->common->place, &one, &used));
}

static void unknown_option(struct plug_read *r, const struct stmt *s)
{
    struct build *b = r->b;
    struct suggest best;
    suggest_init(&best, word_slice(&s->w[0]));
    for (unsigned i = 0; i < r->desc->nspecs; i++)
        suggest_try(&best, r->desc->specs[i].name);
    for (unsigned i = 0; r->common && i < b->place[r->common->place].n; i++)
        suggest_try(&best, b->place[r->common->place].o[i]->spec.name);
    build_error(b, s, 0, "E106", build_did_you_mean(b, best.best), "%s '%s' has no option '%.*s'",
                r->what, r->desc->name, (int)s->w[0].n, s->w[0].p);
}

static void read_spec(struct plug_read *r, const struct stmt *s, const struct opt_spec *spec)
{
    struct build *b = r->b;
    unsigned most = spec->type == OPT_FLAG ? 0 : spec->type == OPT_WORDS ? ~0u : 1;
    for (unsigned i = 0; i < r->n && spec->type != OPT_WORDS; i++)
        if (r->v[i].spec == spec) {
            int id = build_error(b, s, 0, "E114", NULL, "'%s' is set twice", spec->name);
            diag_also(b->diag, id, r->v[i].loc, "first here");
            return;
        }
    if (!build_count(b, s, 1, most ? 1 : 0, most, NULL))
        return;
    struct opt *o = &r->v[r->n];
    *o = (struct opt){.spec = spec, .num = 1, .loc = stmt_loc(s, 0)};
    bool number = spec->type != OPT_FLAG && spec->type != OPT_STRING && spec->type != OPT_WORDS;
    if (number && !build_number(b, s, 1, spec, UINT64_MAX, &o->num))
        return;
    for (unsigned i = 1; i < s->nw; i++)
        if (memchr(s->w[i].p, '\n', s->w[i].n)) {
            build_error(b, s, i, "E107", NULL, "'%s' can't hold a line end", spec->name);
            return;
        }
    o->words = build_texts(b, s, 1, s->nw);
    o->nwords = s->nw - 1;
    r->n++;
}

static void read_option(struct plug_read *r, const struct stmt *s)
{
    unsigned used;
    if (r->common && build_find(r->b, r->common->place, s, &used)) {
        build_statement(r->b, r->common, s);
        return;
    }
    const struct opt_spec *spec = s->w[0].flags & WORD_QUOTED ? NULL : find_spec(r->desc, &s->w[0]);
    if (!spec) {
        unknown_option(r, s);
        return;
    }
    if (s->has_block)
        build_error(r->b, s, 0, "E129", NULL, "'%s' has no block", spec->name);
    if (!s->bad)
        read_spec(r, s, spec);
}

/* The words behind an option on the line that belong to it. */
static unsigned inline_values(const struct plug_read *r, unsigned i)
{
    const struct stmt *s = r->s;
    const struct opt_spec *spec = find_spec(r->desc, &s->w[i]);
    if (spec && spec->type == OPT_FLAG)
        return 0;
    unsigned n = 0;
    while (i + 1 + n < s->nw && (n == 0 || !is_option(r, s, i + 1 + n)) &&
           (n == 0 || (spec && spec->type == OPT_WORDS)))
        n++;
    return n;
}

/* Reads the options from word `i` of the line and those of the block into `out`. */
static void read_options(struct plug_read *r, unsigned i, struct opts *out)
{
    const struct stmt *s = r->s;
    unsigned most = s->nw;
    for (const struct stmt *c = s->first; c; c = c->next)
        most++;
    r->v = arena_array(r->b->tmp, most, sizeof *r->v);
    while (i < s->nw) {
        unsigned n = 1 + inline_values(r, i);
        struct stmt one = {.w = &s->w[i], .nw = n, .file = s->file, .bad = s->bad};
        read_option(r, &one);
        i += n;
    }
    for (const struct stmt *c = s->first; c; c = c->next)
        read_option(r, c);
    struct opt *v = arena_array(r->b->keep, r->n, sizeof *v);
    if (r->n)
        memcpy(v, r->v, r->n * sizeof *v);
    *out = (struct opts){v, r->n};
}

const struct plug_desc *build_find_balancer(const struct build *b, const char *name)
{
    for (unsigned i = 0; i < b->nbalancers; i++)
        if (strcmp(b->balancers[i]->name, name) == 0)
            return b->balancers[i];
    return NULL;
}

static bool has_alias(const struct plug_desc *d, const struct word *w)
{
    for (unsigned i = 0; d->aliases && d->aliases[i]; i++)
        if (word_is(w, d->aliases[i]))
            return true;
    return false;
}

/* By name or alias in a list of n; reports an unknown name and hints at our word for an alias. */
static const struct plug_desc *named_plug(struct build *b, const struct stmt *s,
                                          const struct plug_desc *const *list, unsigned n,
                                          const char *code)
{
    const struct word *w = &s->w[1];
    const char *what = *s->w[0].p == 'b' ? "balancer" : "check";
    struct suggest best;
    const char *name = NULL;
    suggest_init(&best, word_slice(w));
    for (unsigned i = 0; i < n; i++)
        if (word_is(w, list[i]->name))
            return list[i];
    for (unsigned i = 0; i < n; i++) {
        if (has_alias(list[i], w)) {
            diag_add(b->diag, "W206", stmt_loc(s, 1), w->width, NULL, "lb calls it '%s'",
                     list[i]->name);
            return list[i];
        }
        const char *const *alias = list[i]->aliases;
        const char *before = best.best;
        suggest_try(&best, list[i]->name);
        for (unsigned k = 0; alias && alias[k]; k++)
            suggest_try(&best, alias[k]);
        if (best.best != before)
            name = list[i]->name;
    }
    build_error(b, s, 1, code, build_did_you_mean(b, name), "unknown %s '%.*s'", what, (int)w->n,
                w->p);
    return NULL;
}

static const struct {
    const char *word;
    enum cfg_key key;
    bool named;
} KEYS[] = {
    {"source", CFG_KEY_SOURCE, false}, {"uri", CFG_KEY_URI, false},
    {"path", CFG_KEY_PATH, false},     {"header", CFG_KEY_HEADER, true},
    {"cookie", CFG_KEY_COOKIE, true},  {"query", CFG_KEY_QUERY, true},
};

/* Reads KEY at word 2; the number of words it takes, 0 when reported. */
static unsigned read_key(struct build *b, const struct stmt *s, struct cfg_balance *bal)
{
    const char *hint = "uri, path, source, header NAME, cookie NAME or query NAME";
    if (s->nw < 3) {
        build_error(b, s, 1, "E103", hint, "balancer '%s' needs a key", bal->name);
        return 0;
    }
    for (unsigned i = 0; i < sizeof KEYS / sizeof *KEYS; i++) {
        if (!build_keyword(s, 2, KEYS[i].word))
            continue;
        bal->key = KEYS[i].key;
        if (!KEYS[i].named)
            return 1;
        if (s->nw < 4) {
            build_error(b, s, 2, "E103", hint, "the name of the %s is missing", KEYS[i].word);
            return 0;
        }
        if (KEYS[i].key == CFG_KEY_QUERY ? !build_check_line(b, s, 3, "query")
                                         : !build_check_token(b, s, 3, KEYS[i].word))
            return 0;
        bal->key_name = build_text(b, &s->w[3]);
        return 2;
    }
    build_error(b, s, 2, "E107", hint, "unknown key '%.*s'", (int)s->w[2].n, s->w[2].p);
    return 0;
}

void set_balance(struct build *b, struct scope *sc, const struct stmt *s, const struct directive *o)
{
    struct cfg_balance *bal = &((struct cfg_backend *)sc->base[BASE_BACKEND])->balance;
    if (!build_count(b, s, 1, 1, ~0u, o->syntax))
        return;
    const struct plug_desc *d = named_plug(b, s, b->balancers, b->nbalancers, "E104");
    *bal = (struct cfg_balance){.loc = stmt_loc(s, 1)};
    if (!d)
        return;
    bal->name = d->name;
    unsigned at = 2;
    bal->keyed = d->takes_key;
    if (d->takes_key) {
        unsigned used = read_key(b, s, bal);
        if (!used)
            return;
        at += used;
    } else if (d->default_key == 1) {
        bal->key = CFG_KEY_SOURCE;
    }
    struct plug_read r = {.b = b, .s = s, .desc = d, .what = "balancer"};
    read_options(&r, at, &bal->opts);
}

void build_default_balance(struct build *b, struct cfg_backend *be)
{
    bool weights = false;
    for (unsigned i = 0; i < be->nservers; i++)
        weights |= be->servers[i].weight > 1;
    const struct plug_desc *d =
        build_find_balancer(b, weights ? "weighted-round-robin" : "round-robin");
    if (!d && b->nbalancers)
        d = b->balancers[0];
    be->balance.name = d ? d->name : "round-robin";
}

void set_check(struct build *b, struct scope *sc, const struct stmt *s, const struct directive *o)
{
    struct cfg_check *c = &((struct cfg_backend *)sc->base[BASE_BACKEND])->check;
    const struct plug_desc *const *list = b->plugins ? b->plugins->checks : NULL;
    unsigned n = 0;
    *c = b->protos.check;
    if (!build_count(b, s, 1, 1, ~0u, o->syntax))
        return;
    if (s->nw == 2 && build_keyword(s, 1, "off") && !s->has_block)
        return;
    while (list && list[n])
        n++;
    const struct plug_desc *d = named_plug(b, s, list, n, "E105");
    if (!d)
        return;
    struct scope common = {.place = PLACE_CHECK, .stmt = s, .base = {[BASE_CHECK] = c}};
    struct plug_read r = {.b = b, .s = s, .desc = d, .common = &common, .what = "check"};
    unsigned at = 2;
    while (at < s->nw && at - 2 < d->args_max && (at - 2 < d->args_min || !is_option(&r, s, at)))
        if (!build_check_line(b, s, at++, "argument"))
            return;
    c->type = d->name;
    c->loc = stmt_loc(s, 1);
    if (at - 2 < d->args_min) {
        build_error(b, s, s->nw - 1, "E103", d->args_help, "check '%s' needs more arguments",
                    d->name);
        return;
    }
    c->args = build_texts(b, s, 2, at);
    c->nargs = at - 2;
    read_options(&r, at, &c->opts);
    if (c->timeout_ms > c->every_ms)
        diag_add(b->diag, "W208", c->loc, s->w[1].width, NULL,
                 "the check's timeout is longer than its interval");
}
