/*
 * build_value.c — single values of the build: numbers, texts, files, addresses, names.
 */
#include "config/address.h"
#include "config/build.h"
#include "config/suggest.h"
#include "config/value.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct {
    const char *noun, *hint;
} NUMBERS[] = {
    [OPT_UINT] = {"a whole number", NULL},
    [OPT_DURATION] = {"a time", "500ms, 2s, 1m, 1h or 1d"},
    [OPT_SIZE] = {"a size", "512, 64k, 10m or 1g"},
    [OPT_RATIO] = {"a share", "20% or 1.25"},
};

static void report_number(struct build *b, const struct stmt *s, unsigned i, enum opt_type type,
                          enum value_result r)
{
    const struct word *w = &s->w[i];
    const char *hint = NUMBERS[type].hint;
    if (r == VALUE_NO_UNIT)
        build_error(
            b, s, i, "E108",
            arena_format(b->tmp, "did you mean '%.*ss'? units are ms s m h d", (int)w->n, w->p),
            "'%.*s' has no unit", (int)w->n, w->p);
    else if (r == VALUE_UNIT)
        build_error(b, s, i, "E108", hint, "unknown unit in '%.*s'", (int)w->n, w->p);
    else if (r == VALUE_BIG)
        build_error(b, s, i, "E109", hint, "'%.*s' is too large", (int)w->n, w->p);
    else
        build_error(b, s, i, "E108", hint, "'%.*s' is not %s", (int)w->n, w->p, NUMBERS[type].noun);
}

static bool read_choice(struct build *b, const struct stmt *s, unsigned i,
                        const struct opt_spec *spec, uint64_t *num)
{
    static const char *const ONOFF[] = {"off", "on", NULL};
    const char *const *c = spec->type == OPT_ONOFF ? ONOFF : spec->choices;
    const char *all = NULL;
    struct suggest best;
    suggest_init(&best, word_slice(&s->w[i]));
    for (unsigned k = 0; c[k]; k++) {
        if (word_is(&s->w[i], c[k])) {
            *num = k;
            return true;
        }
        suggest_try(&best, c[k]);
        all = all ? arena_format(b->tmp, "%s, %s", all, c[k]) : c[k];
    }
    build_error(b, s, i, "E107",
                best.best ? build_did_you_mean(b, best.best)
                          : arena_format(b->tmp, "one of: %s", all),
                "bad value '%.*s' of '%s'", (int)s->w[i].n, s->w[i].p, spec->name);
    return false;
}

static enum value_result read_number(struct slice text, enum opt_type type, uint64_t *num)
{
    switch (type) {
    case OPT_DURATION:
        return value_duration(text, num);
    case OPT_SIZE:
        return value_size(text, num);
    case OPT_RATIO:
        return value_ratio(text, num);
    default:
        return value_uint(text, num);
    }
}

bool build_number(struct build *b, const struct stmt *s, unsigned i, const struct opt_spec *spec,
                  uint64_t most, uint64_t *num)
{
    if (spec->type == OPT_ENUM || spec->type == OPT_ONOFF)
        return read_choice(b, s, i, spec, num);
    enum value_result r = read_number(word_slice(&s->w[i]), spec->type, num);
    if (r != VALUE_OK) {
        report_number(b, s, i, spec->type, r);
        return false;
    }
    uint64_t least = spec->min;
    if ((spec->min || spec->max) && spec->max < most)
        most = spec->max;
    if (*num >= least && *num <= most)
        return true;
    char lo[VALUE_TEXT_MAX], hi[VALUE_TEXT_MAX];
    value_format(spec->type, least, lo);
    value_format(spec->type, most, hi);
    if (spec->type == OPT_RATIO && most == 1000) /* a share of something */
        memcpy(hi, "100%", sizeof "100%");
    build_error(b, s, i, "E109", NULL, "'%s' must be between %s and %s", spec->name, lo, hi);
    return false;
}

const char *build_text(struct build *b, const struct word *w)
{
    return arena_text(b->keep, word_slice(w));
}

const char *const *build_texts(struct build *b, const struct stmt *s, unsigned from, unsigned to)
{
    const char **list = arena_array(b->keep, to - from, sizeof *list);
    for (unsigned i = from; i < to; i++)
        list[i - from] = build_text(b, &s->w[i]);
    return list;
}

static const char *unreadable(const char *path)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return strerror(errno);
    const char *problem = NULL;
    if (fstat(fd, &st) != 0)
        problem = strerror(errno);
    else if (!S_ISREG(st.st_mode))
        problem = "not a regular file";
    else if (st.st_size == 0)
        problem = "the file is empty";
    (void)close(fd);
    return problem;
}

const char *build_file(struct build *b, const struct stmt *s, unsigned i)
{
    if (!build_check_line(b, s, i, "path"))
        return NULL;
    const char *path = path_beside(b->keep, s->file, word_slice(&s->w[i]));
    const char *problem = unreadable(path);
    if (!problem)
        return path;
    build_error(b, s, i, "E118", NULL, "cannot read '%s': %s", path, problem);
    return NULL;
}

bool build_address(struct build *b, const struct stmt *s, unsigned i, bool listen,
                   struct cfg_addr *out)
{
    const char *problem = address_parse(b->keep, word_slice(&s->w[i]),
                                        listen ? ADDRESS_LISTEN : ADDRESS_CONNECT, out);
    out->loc = stmt_loc(s, i);
    if (!problem)
        return true;
    build_error(b, s, i, "E110",
                listen ? "1.2.3.4:80, [::1]:80, :80 or unix:/path"
                       : "1.2.3.4:80, [::1]:80, name:80 or unix:/path",
                "bad address '%.*s': %s", (int)s->w[i].n, s->w[i].p, problem);
    return false;
}

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool only(const struct word *w, const char *others)
{
    for (uint32_t i = 0; i < w->n; i++)
        if (!is_alnum(w->p[i]) && (w->p[i] == '\0' || !strchr(others, w->p[i])))
            return false;
    return w->n > 0;
}

bool build_check_name(struct build *b, const struct stmt *s, unsigned i, const char *what)
{
    enum { NAME_MAX_BYTES = 128 };
    const struct word *w = &s->w[i];
    if (w->flags & WORD_BAD)
        return false;
    if (only(w, "-_.:") && w->n <= NAME_MAX_BYTES)
        return true;
    build_error(b, s, i, "E128", "letters, digits and - _ . : up to 128", "bad name '%.*s' of a %s",
                (int)w->n, w->p, what);
    return false;
}

bool build_check_token(struct build *b, const struct stmt *s, unsigned i, const char *what)
{
    const struct word *w = &s->w[i];
    if (only(w, "!#$%&'*+-.^_`|~") && w->n <= 256)
        return true;
    build_error(b, s, i, "E107", NULL, "'%.*s' is not the name of a %s", (int)w->n, w->p, what);
    return false;
}

bool build_check_line(struct build *b, const struct stmt *s, unsigned i, const char *what)
{
    const struct word *w = &s->w[i];
    for (uint32_t k = 0; k < w->n; k++)
        if ((unsigned char)w->p[k] < 0x20 || w->p[k] == 0x7f) {
            build_error(b, s, i, "E107", NULL, "'%s' can't hold a line end or a tab", what);
            return false;
        }
    if (w->n == 0)
        build_error(b, s, i, "E107", NULL, "'%s' is empty", what);
    return w->n > 0;
}

bool build_keyword(const struct stmt *s, unsigned i, const char *text)
{
    return i < s->nw && !(s->w[i].flags & WORD_QUOTED) && word_is(&s->w[i], text);
}

unsigned build_total(const struct stmt *first, const char *name)
{
    unsigned n = 0;
    for (; first; first = first->next)
        if (build_keyword(first, 0, name))
            n += first->nw - 1;
    return n;
}
