/*
 * diag.c — collects errors and warnings together with the source lines they talk about.
 *
 * A message copies its quotation at once, since the text it comes from is gone when it is printed.
 * Only the first DIAG_KEEP messages are kept: a binary file taken for a configuration must not
 * fill the memory. The others are counted. When memory runs out a message is counted and dropped.
 */
#include "config/diag_store.h"

#include "lb/base/slice.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DIAG_KEEP = 1000 };

struct diag *diag_new(void)
{
    return calloc(1, sizeof(struct diag));
}

static void free_notes(struct diag_note *n)
{
    while (n) {
        struct diag_note *next = n->next;
        free(n->at.quote);
        free(n->what);
        free(n);
        n = next;
    }
}

void diag_free(struct diag *d)
{
    if (!d)
        return;
    for (unsigned i = 0; i < d->nmsgs; i++) {
        free(d->msgs[i].at.quote);
        free(d->msgs[i].text);
        free(d->msgs[i].hint);
        free_notes(d->msgs[i].notes);
    }
    for (unsigned i = 0; i < d->nsources; i++) {
        free(d->sources[i].name);
        free(d->sources[i].starts);
    }
    free(d->msgs);
    free(d->sources);
    free(d);
}

void diag_set_strict(struct diag *d, bool strict)
{
    d->strict = strict;
}

unsigned diag_errors(const struct diag *d)
{
    return d->errors;
}

unsigned diag_warnings(const struct diag *d)
{
    return d->warnings;
}

/* Room for one more element; the (possibly moved) array, or NULL when out of memory. */
static void *room(void *array, unsigned n, unsigned *cap, size_t size)
{
    if (n < *cap)
        return array;
    unsigned more = *cap ? *cap * 2 : 16;
    void *bigger = realloc(array, more * size);
    if (bigger)
        *cap = more;
    return bigger;
}

static int new_source(struct diag *d, const char *name)
{
    struct diag_source *all = room(d->sources, d->nsources, &d->cap_sources, sizeof *all);
    if (!all)
        return -1;
    d->sources = all;
    char *copy = strdup(name);
    if (!copy)
        return -1;
    all[d->nsources] = (struct diag_source){.name = copy, .from = -1};
    return (int)d->nsources++;
}

static int find_source(const struct diag *d, const char *file)
{
    for (unsigned i = d->nsources; i-- > 0;)
        if (d->sources[i].key == file)
            return (int)i;
    for (unsigned i = d->nsources; i-- > 0;)
        if (!d->sources[i].key && strcmp(d->sources[i].name, file) == 0)
            return (int)i;
    return -1;
}

void diag_add_source(struct diag *d, const char *file, const char *text, size_t n,
                     const struct src_loc *from)
{
    int i = new_source(d, file);
    if (i < 0)
        return;
    struct diag_source *s = &d->sources[i];
    s->key = file;
    s->text = text;
    s->n = n;
    if (from && from->file) {
        s->from = find_source(d, from->file);
        s->from_line = from->line;
        s->from_col = from->col;
    }
}

void diag_release_sources(struct diag *d)
{
    for (unsigned i = 0; i < d->nsources; i++) {
        struct diag_source *s = &d->sources[i];
        free(s->starts);
        s->starts = NULL;
        s->nlines = 0;
        s->key = s->text = NULL;
        s->n = 0;
    }
}

static void index_lines(struct diag_source *s)
{
    unsigned lines = 1;
    for (size_t i = 0; i < s->n; i++)
        lines += s->text[i] == '\n';
    s->starts = malloc((size_t)lines * sizeof *s->starts);
    if (!s->starts)
        return;
    s->starts[0] = 0;
    s->nlines = 1;
    for (size_t i = 0; i < s->n; i++)
        if (s->text[i] == '\n')
            s->starts[s->nlines++] = (uint32_t)(i + 1);
}

/* Line `line` (from 1) of a text without its line end; empty when there is no such line. */
static struct slice line_of(struct diag_source *s, unsigned line)
{
    if (!s->starts)
        index_lines(s);
    if (line == 0 || line > s->nlines)
        return (struct slice){0};
    const char *p = s->text + s->starts[line - 1];
    size_t left = s->n - s->starts[line - 1];
    const char *nl = memchr(p, '\n', left);
    size_t n = nl ? (size_t)(nl - p) : left;
    return (struct slice){p, n && p[n - 1] == '\r' ? n - 1 : n};
}

static bool is_cont(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

/* Copies the part of `line` around the place; bytes that would disturb a terminal become '?'. */
static void quote_line(struct diag_place *at, struct slice line)
{
    size_t begin = 0, col = at->col ? at->col - 1 : 0;
    if (line.n > DIAG_QUOTE_MAX && col > DIAG_QUOTE_MAX / 2)
        begin = col - DIAG_QUOTE_MAX / 2;
    if (begin > line.n)
        begin = line.n;
    while (begin < line.n && is_cont(line.p[begin]))
        begin++;
    size_t n = line.n - begin;
    if (n > DIAG_QUOTE_MAX)
        n = DIAG_QUOTE_MAX;
    while (n && begin + n < line.n && is_cont(line.p[begin + n]))
        n--;
    char *copy = malloc(n + 1);
    if (!copy)
        return;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)line.p[begin + i];
        copy[i] = (c < 0x20 && c != '\t') || c == 0x7f ? '?' : (char)c;
    }
    copy[n] = '\0';
    at->quote = copy;
    at->quote_col = (unsigned)begin + 1;
}

/* Reads the file again: messages that come after the load (a bind that fails, …). */
static char *read_again(const char *name, size_t *n)
{
    enum { AGAIN_MAX = 4 << 20 };
    char *text = NULL;
    struct stat st;
    int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return NULL;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 && st.st_size <= AGAIN_MAX)
        text = malloc((size_t)st.st_size);
    ssize_t got = text ? read(fd, text, (size_t)st.st_size) : -1;
    (void)close(fd);
    if (got <= 0) {
        free(text);
        return NULL;
    }
    *n = (size_t)got;
    return text;
}

/* The width of the word at the place, when the caller did not say. */
static unsigned word_width(struct slice line, unsigned col)
{
    size_t i = col ? col - 1 : 0, begin = i;
    if (i < line.n && line.p[i] == '"') {
        for (i++; i < line.n && line.p[i] != '"'; i++)
            i += line.p[i] == '\\' && i + 1 < line.n;
        return (unsigned)(i - begin + 1);
    }
    while (i < line.n && !strchr(" \t;,{}", line.p[i]))
        i++;
    return (unsigned)(i - begin);
}

static struct diag_place place_at(struct diag *d, struct src_loc loc, unsigned len)
{
    struct diag_place at = {.source = -1, .line = loc.line, .col = loc.col, .len = len};
    if (!loc.file)
        return at;
    at.source = find_source(d, loc.file);
    if (at.source < 0)
        at.source = new_source(d, loc.file);
    if (at.source < 0 || loc.line == 0)
        return at;
    struct diag_source *s = &d->sources[at.source];
    struct diag_source again = {.text = s->text, .n = s->n};
    char *text = NULL;
    if (!s->text) {
        again.text = text = read_again(s->name, &again.n);
        s = &again;
    }
    if (s->text) {
        struct slice line = line_of(s, loc.line);
        if (len == 0)
            at.len = word_width(line, loc.col);
        quote_line(&at, line);
    }
    free(again.starts);
    free(text);
    return at;
}

int diag_add(struct diag *d, const char *code, struct src_loc loc, unsigned len, const char *hint,
             const char *format, ...)
{
    bool warning = code[0] == 'W' && !d->strict;
    if (warning)
        d->warnings++;
    else
        d->errors++;
    if (d->nmsgs >= DIAG_KEEP)
        return -1;
    struct diag_msg *all = room(d->msgs, d->nmsgs, &d->cap_msgs, sizeof *all);
    if (!all)
        return -1;
    d->msgs = all;
    struct diag_msg m = {.warning = warning, .seq = d->nmsgs, .at = place_at(d, loc, len)};
    (void)snprintf(m.code, sizeof m.code, "%s", code);
    va_list ap;
    va_start(ap, format);
    if (vasprintf(&m.text, format, ap) < 0)
        m.text = NULL;
    va_end(ap);
    m.hint = hint ? strdup(hint) : NULL;
    all[d->nmsgs] = m;
    return (int)d->nmsgs++;
}

void diag_also(struct diag *d, int id, struct src_loc loc, const char *what)
{
    struct diag_note *n = id >= 0 ? calloc(1, sizeof *n) : NULL;
    if (!n)
        return;
    n->at = place_at(d, loc, 0);
    n->what = strdup(what);
    /* Ids are positions until diag_sort; afterwards the message is found by its number. */
    unsigned i = 0;
    while (i < d->nmsgs && d->msgs[i].seq != (unsigned)id)
        i++;
    if (i == d->nmsgs) {
        free_notes(n);
        return;
    }
    struct diag_note **end = &d->msgs[i].notes;
    while (*end)
        end = &(*end)->next;
    *end = n;
}

static int by_place(const void *x, const void *y)
{
    const struct diag_msg *a = x, *b = y;
    if (a->at.source != b->at.source)
        return a->at.source < b->at.source ? -1 : 1;
    if (a->at.line != b->at.line)
        return a->at.line < b->at.line ? -1 : 1;
    if (a->at.col != b->at.col)
        return a->at.col < b->at.col ? -1 : 1;
    return a->seq < b->seq ? -1 : a->seq > b->seq;
}

void diag_sort(struct diag *d)
{
    if (d->nmsgs)
        qsort(d->msgs, d->nmsgs, sizeof *d->msgs, by_place);
}
