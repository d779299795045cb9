/*
 * build.c — reads blocks by the directive table: look-up, counting, conversion, storing.
 */
#include "config/build.h"

#include "config/suggest.h"
#include "config/value.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

int build_error(struct build *b, const struct stmt *s, unsigned i, const char *code,
                const char *hint, const char *format, ...)
{
    char text[512];
    va_list ap;
    if (i >= s->nw)
        i = s->nw - 1;
    if (s->w[i].flags & WORD_BAD)
        return -1; /* a consequence of what the lexer reported */
    va_start(ap, format);
    (void)vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    return diag_add(b->diag, code, stmt_loc(s, i), s->w[i].width, hint, "%s", text);
}

const char *build_did_you_mean(struct build *b, const char *best)
{
    return best ? arena_format(b->tmp, "did you mean '%s'?", best) : NULL;
}

/* Does `name` ("weight", "timeout connect") begin with the word? Returns what follows it or NULL.
 */
static const char *name_after(const char *name, const struct word *w)
{
    if (strncmp(name, w->p, w->n) != 0)
        return NULL;
    const char *rest = name + w->n;
    return *rest == '\0' ? rest : *rest == ' ' ? rest + 1 : NULL;
}

const struct directive *build_find(const struct build *b, enum place place, const struct stmt *s,
                                   unsigned *used)
{
    const struct place_index *x = &b->place[place];
    const struct word *w = s->w;
    if (w[0].n == 0 || (w[0].flags & WORD_QUOTED))
        return NULL;
    for (unsigned i = 0; i < x->n; i++) {
        const char *name = x->o[i]->spec.name;
        const char *rest = *name == *w[0].p ? name_after(name, &w[0]) : NULL;
        if (!rest || (*rest && (s->nw < 2 || !word_is(&w[1], rest))))
            continue;
        *used = *rest ? 2 : 1;
        return x->o[i];
    }
    return NULL;
}

/* "frontend, backend or defaults" */
static const char *places_text(struct build *b, uint32_t places)
{
    const char *text = NULL;
    for (unsigned p = 0; p < PLACE_COUNT; p++) {
        if (!(places & 1u << p))
            continue;
        places &= ~(1u << p);
        const char *name = options_place_name(p);
        text = text ? arena_format(b->tmp, "%s%s%s", text, places ? ", " : " or ", name) : name;
    }
    return text;
}

static const char *at_place(enum place p)
{
    return p == PLACE_TOP ? "at " : "in ";
}

/* Is the first word that of a group here: `timeout`, `limit`? */
static bool is_group(const struct build *b, enum place place, const struct stmt *s)
{
    const struct place_index *x = &b->place[place];
    for (unsigned i = 0; i < x->n; i++) {
        const char *rest = name_after(x->o[i]->spec.name, &s->w[0]);
        if (rest && *rest)
            return true;
    }
    return false;
}

static bool report_wrong_place(struct build *b, const struct scope *sc, const struct stmt *s)
{
    uint32_t places = 0;
    unsigned least =
        is_group(b, sc->place, s) ? 2 : 1; /* "timeout" alone is no reference to check */
    for (unsigned p = 0; p < PLACE_COUNT; p++) {
        unsigned used;
        if (build_find(b, p, s, &used) && used >= least)
            places |= 1u << p;
    }
    if (!places)
        return false;
    bool two = word_is(&s->w[0], "timeout") || word_is(&s->w[0], "limit");
    const char *second = two && s->nw > 1 ? arena_text(b->tmp, word_slice(&s->w[1])) : "";
    build_error(b, s, 0, "E102", arena_format(b->tmp, "it belongs in %s", places_text(b, places)),
                "'%.*s%s%s' can't stand %s%s", (int)s->w[0].n, s->w[0].p, *second ? " " : "",
                second, at_place(sc->place), options_place_name(sc->place));
    return true;
}

/* "timeout conect 2s": the first word is that of a group here. */
static bool report_in_group(struct build *b, const struct scope *sc, const struct stmt *s)
{
    const struct place_index *x = &b->place[sc->place];
    struct suggest best;
    suggest_init(&best, s->nw > 1 ? word_slice(&s->w[1]) : (struct slice){0});
    const char *all = NULL;
    for (unsigned i = 0; i < x->n; i++) {
        const char *rest = name_after(x->o[i]->spec.name, &s->w[0]);
        if (!rest || !*rest)
            continue;
        all = all ? arena_format(b->tmp, "%s, %s", all, rest) : rest;
        suggest_try(&best, rest);
    }
    if (!all)
        return false;
    int n = (int)s->w[0].n;
    const char *hint =
        best.best ? build_did_you_mean(b, best.best) : arena_format(b->tmp, "one of: %s", all);
    if (s->nw < 2)
        build_error(b, s, 0, "E103", hint, "'%.*s' of what?", n, s->w[0].p);
    else
        build_error(b, s, 1, "E101", hint, "unknown %.*s '%.*s'", n, s->w[0].p, (int)s->w[1].n,
                    s->w[1].p);
    return true;
}

static void report_unknown(struct build *b, const struct scope *sc, const struct stmt *s)
{
    if (s->w[0].flags & WORD_BAD || report_wrong_place(b, sc, s) || report_in_group(b, sc, s))
        return;
    const struct place_index *x = &b->place[sc->place];
    struct suggest best;
    suggest_init(&best, word_slice(&s->w[0]));
    for (unsigned i = 0; i < x->n; i++)
        suggest_try(&best, x->o[i]->spec.name);
    const char *hint = build_did_you_mean(b, best.best);
    if (s->w[0].flags & WORD_QUOTED)
        hint = "a statement begins with a bare word";
    build_error(b, s, 0, "E101", hint, "unknown word '%.*s' %s%s", (int)s->w[0].n, s->w[0].p,
                at_place(sc->place), options_place_name(sc->place));
}

bool build_count(struct build *b, const struct stmt *s, unsigned used, unsigned least,
                 unsigned most, const char *syntax)
{
    unsigned values = s->nw - used;
    if (values >= least && values <= most)
        return true;
    const char *hint =
        syntax ? arena_format(b->tmp, "%.*s %s", (int)s->w[0].n, s->w[0].p, syntax) : NULL;
    if (values < least)
        build_error(b, s, s->nw - 1, "E103", hint, "a value is missing");
    else
        build_error(b, s, used + most, "E103", hint, "unexpected '%.*s'", (int)s->w[used + most].n,
                    s->w[used + most].p);
    return false;
}

static void store_text(struct build *b, const struct directive *o, void *base, const struct stmt *s,
                       unsigned i)
{
    const char *text;
    if (o->flags & OPTION_FILE) {
        text = build_file(b, s, i);
    } else {
        if (!build_check_line(b, s, i, o->spec.name))
            return;
        text = build_text(b, &s->w[i]);
    }
    memcpy((char *)base + o->offset, &text, sizeof text);
}

/* How a value of this type is written, for hints; NULL for a flag. */
static const char *type_syntax(struct build *b, const struct opt_spec *spec)
{
    static const char *const WORDS[] = {
        [OPT_FLAG] = NULL,       [OPT_ONOFF] = "on | off", [OPT_UINT] = "NUMBER",
        [OPT_DURATION] = "TIME", [OPT_SIZE] = "SIZE",      [OPT_RATIO] = "SHARE",
        [OPT_STRING] = "TEXT",   [OPT_ENUM] = NULL,        [OPT_WORDS] = "WORD ..."};
    const char *all = WORDS[spec->type];
    for (unsigned i = 0; spec->type == OPT_ENUM && spec->choices[i]; i++)
        all = all ? arena_format(b->tmp, "%s | %s", all, spec->choices[i]) : spec->choices[i];
    return all;
}

static void set_value(struct build *b, struct scope *sc, const struct stmt *s,
                      const struct directive *o, unsigned used)
{
    unsigned values = o->spec.type == OPT_FLAG ? 0 : 1;
    void *base = sc->base[o->base];
    if (s->nw - used != values) {
        const char *syntax = type_syntax(b, &o->spec);
        if (syntax && used == 2)
            syntax = arena_format(b->tmp, "%.*s %s", (int)s->w[1].n, s->w[1].p, syntax);
        (void)build_count(b, s, used, values, values, syntax);
        return;
    }
    uint64_t num = 1;
    if (o->store == STORE_TEXT) {
        store_text(b, o, base, s, used);
    } else if (values == 0 || build_number(b, s, used, &o->spec, options_max(o), &num)) {
        if (o->store == STORE_PERCENT && num % 10)
            build_error(b, s, used, "E109", NULL, "'%s' is in whole per cent", o->spec.name);
        else if (o->store == STORE_SECONDS && num % 1000)
            build_error(b, s, used, "E109", NULL, "'%s' is in whole seconds", o->spec.name);
        else
            options_store(o, base, num);
        if (o->base == BASE_TIMEOUTS && num == 0)
            diag_add(b->diag, "W205", stmt_loc(s, used), s->w[used].width, NULL,
                     "without a '%s' a peer that does nothing is never let go", o->spec.name);
    }
}

/* Remembers the statement; false (reported) when this directive was there before. */
static bool note_seen(struct build *b, struct scope *sc, const struct stmt *s,
                      const struct directive *o)
{
    const struct place_index *x = &b->place[sc->place];
    unsigned i = 0;
    while (x->o[i] != o)
        i++;
    const struct stmt *before = sc->seen[i];
    sc->seen[i] = s;
    if (!before || (o->flags & OPTION_REPEATS))
        return true;
    int id = build_error(b, s, 0, "E114", NULL, "'%s' is set twice", o->spec.name);
    diag_also(b->diag, id, stmt_loc(before, 0), "first here");
    return false;
}

void build_statement(struct build *b, struct scope *sc, const struct stmt *s)
{
    unsigned used;
    const struct directive *o = build_find(b, sc->place, s, &used);
    if (!o) {
        report_unknown(b, sc, s);
        return;
    }
    (void)note_seen(b, sc, s, o);
    if (s->has_block && o->block == PLACE_NONE)
        build_error(b, s, 0, "E129", NULL, "'%s' has no block", o->spec.name);
    if (!s->has_block && (o->flags & OPTION_NEEDS_BLOCK))
        build_error(b, s, 0, "E129", arena_format(b->tmp, "%s { ... }", o->spec.name),
                    "'%s' needs a block", o->spec.name);
    else if (s->bad && !s->has_block)
        return; /* reported where it was read */
    else if (o->set)
        o->set(b, sc, s, o);
    else
        set_value(b, sc, s, o, used);
}

void build_block(struct build *b, struct scope *sc, const struct stmt *first)
{
    for (const struct stmt *s = first; s; s = s->next)
        build_statement(b, sc, s);
}
