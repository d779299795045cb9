/*
 * parser.c — the grammar, its error recovery and `include`.
 *
 * Recovery: a stray token is reported and skipped, a block that the file does not end is closed at
 * the end of the file, so every later mistake is still seen. Blocks are kept on an explicit stack
 * and files on a chain of bounded length: nothing in the input can exhaust ours.
 */
#include "config/parser.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    DEPTH_MAX = 16,         /* blocks inside blocks */
    INCLUDE_DEPTH_MAX = 16, /* files inside files */
    FILES_MAX = 10000,      /* of one load */
    BYTES_MAX = 64 << 20,   /* of one load */
};

struct reading { /* a file being read; the chain of these is the include chain */
    const struct reading *up;
    unsigned depth;
    dev_t dev;
    ino_t ino;
    const char *name;
    struct src_loc from; /* the include statement */
};

struct parser {
    struct parse *o;
    unsigned files;
    size_t bytes;
    struct word *words; /* of the statement being collected; in the temporary arena */
    unsigned nwords, cap;
};

struct level { /* one open block */
    struct stmt **tail;
    struct stmt *owner; /* NULL: the file itself */
    struct word open;
};

struct file_parser {
    struct parser *p;
    const struct reading *r;
    struct lexer lx;
    struct level stack[DEPTH_MAX + 1];
    unsigned depth, skipped; /* skipped: blocks open beyond DEPTH_MAX */
    bool bad, after_comma;
};

static struct stmt **read_path(struct parser *p, const char *path, const struct reading *up,
                               struct src_loc from, struct stmt **tail);

const char *path_beside(struct arena *a, const char *file, struct slice path)
{
    const char *slash = file ? strrchr(file, '/') : NULL;
    if (!slash || (path.n && path.p[0] == '/'))
        return arena_text(a, path);
    return arena_format(a, "%.*s%.*s", (int)(slash + 1 - file), file, (int)path.n, path.p);
}

static void add_word(struct file_parser *f, const struct word *w)
{
    struct parser *p = f->p;
    if (p->nwords == p->cap) {
        unsigned cap = p->cap ? p->cap * 2 : 32;
        struct word *bigger = arena_array(p->o->tmp, cap, sizeof *bigger);
        if (p->nwords)
            memcpy(bigger, p->words, p->nwords * sizeof *bigger);
        p->words = bigger;
        p->cap = cap;
    }
    p->words[p->nwords] = *w;
    if (f->after_comma)
        p->words[p->nwords].flags |= WORD_LISTED;
    f->bad |= (w->flags & WORD_BAD) != 0;
    f->after_comma = false;
    p->nwords++;
}

static void report(struct file_parser *f, const struct word *w, const char *code, const char *hint,
                   const char *what)
{
    diag_add(f->p->o->diag, code, (struct src_loc){f->r->name, w->line, w->col}, w->width, hint,
             "%s", what);
}

/* Turns the collected words into a statement and appends it; NULL when there are none. */
static struct stmt *end_words(struct file_parser *f, const struct word *at)
{
    struct parser *p = f->p;
    if (f->after_comma)
        report(f, at, "E122", NULL, "a value is missing after ','");
    f->after_comma = false;
    if (p->nwords == 0)
        return NULL;
    struct stmt *s = arena_alloc(p->o->tmp, sizeof *s);
    struct word *w = arena_array(p->o->tmp, p->nwords, sizeof *w);
    memcpy(w, p->words, p->nwords * sizeof *w);
    *s = (struct stmt){.w = w, .nw = p->nwords, .bad = f->bad, .file = f->r->name};
    p->nwords = 0;
    f->bad = false;
    return s;
}

static void append(struct file_parser *f, struct stmt *s)
{
    struct level *l = &f->stack[f->depth];
    *l->tail = s;
    l->tail = &s->next;
}

static bool has_wildcard(const char *s)
{
    return strpbrk(s, "*?[") != NULL;
}

static void include_one(struct file_parser *f, const struct stmt *s, unsigned i)
{
    const struct word *w = &s->w[i];
    const char *pattern = path_beside(f->p->o->tmp, f->r->name, word_slice(w));
    struct level *l = &f->stack[f->depth];
    glob_t g;
    if (!has_wildcard(pattern)) {
        l->tail = read_path(f->p, pattern, f->r, stmt_loc(s, i), l->tail);
        return;
    }
    int rc = glob(pattern, 0, NULL, &g);
    if (rc == 0) {
        for (size_t k = 0; k < g.gl_pathc; k++)
            l->tail = read_path(f->p, g.gl_pathv[k], f->r, stmt_loc(s, i), l->tail);
        globfree(&g);
    } else if (rc != GLOB_NOMATCH) {
        diag_add(f->p->o->diag, "E125", stmt_loc(s, i), w->width, NULL, "cannot search '%s'",
                 pattern);
    }
}

static void include(struct file_parser *f, const struct stmt *s)
{
    if (s->nw < 2) {
        report(f, &s->w[0], "E103", "include \"FILE\"", "'include' needs a file name");
        return;
    }
    if (s->bad)
        return;
    for (unsigned i = 1; i < s->nw; i++)
        if (s->w[i].n == 0 || memchr(s->w[i].p, '\n', s->w[i].n))
            report(f, &s->w[i], "E125", NULL, "bad file name");
        else
            include_one(f, s, i);
}

static void end_statement(struct file_parser *f, const struct word *at)
{
    struct stmt *s = end_words(f, at);
    if (!s || f->skipped)
        return;
    if (word_is(&s->w[0], "include") && !(s->w[0].flags & WORD_QUOTED))
        include(f, s);
    else
        append(f, s);
}

static void open_block(struct file_parser *f, const struct word *at)
{
    struct stmt *s = end_words(f, at);
    if (f->skipped || f->depth == DEPTH_MAX) {
        if (f->skipped++ == 0)
            report(f, at, "E122", NULL, "blocks are nested too deeply");
        return;
    }
    if (!s) {
        static const struct word nothing = {.p = "", .flags = WORD_BAD};
        report(f, at, "E122", "NAME { … }", "a block without a name");
        s = arena_alloc(f->p->o->tmp, sizeof *s);
        *s = (struct stmt){.w = &nothing, .nw = 1, .bad = true, .file = f->r->name};
    } else if (word_is(&s->w[0], "include")) {
        report(f, at, "E129", NULL, "'include' has no block");
        append(f, s);
    } else {
        append(f, s);
    }
    s->has_block = true;
    f->stack[++f->depth] = (struct level){.tail = &s->first, .owner = s, .open = *at};
}

static void close_block(struct file_parser *f, const struct word *at)
{
    end_statement(f, at);
    if (f->skipped)
        f->skipped--;
    else if (f->depth)
        f->depth--;
    else
        report(f, at, "E122", "no block is open here", "unexpected '}'");
}

static void end_of_file(struct file_parser *f, const struct word *at)
{
    end_statement(f, at);
    for (; f->depth; f->depth--) {
        const struct level *l = &f->stack[f->depth];
        const struct word *w = &l->owner->w[0];
        report(f, &l->open, "E121", "this '{' has no '}'",
               w->n ? "unterminated block" : "unterminated block without a name");
    }
}

static void parse_tokens(struct file_parser *f)
{
    for (;;) {
        struct word w;
        switch (lexer_next(&f->lx, &w)) {
        case TOK_WORD:
            add_word(f, &w);
            break;
        case TOK_COMMA:
            if (f->p->nwords == 0 || f->after_comma)
                report(f, &w, "E122", NULL, "unexpected ','");
            else
                f->after_comma = true;
            break;
        case TOK_LINE:
            if (f->after_comma)
                break; /* the list goes on */
            end_statement(f, &w);
            break;
        case TOK_SEMICOLON:
            end_statement(f, &w);
            break;
        case TOK_OPEN:
            open_block(f, &w);
            break;
        case TOK_CLOSE:
            close_block(f, &w);
            break;
        case TOK_END:
            end_of_file(f, &w);
            return;
        }
    }
}

static struct stmt **parse_source(struct parser *p, const struct reading *r, struct slice text,
                                  struct stmt **tail)
{
    /* Off the stack: a chain of includes would multiply it. */
    struct file_parser *f = arena_alloc(p->o->tmp, sizeof *f);
    struct parser outer = *p;
    p->words = NULL; /* the including statement still uses the old array */
    p->nwords = p->cap = 0;
    f->p = p;
    f->r = r;
    f->stack[0].tail = tail;
    diag_add_source(p->o->diag, r->name, text.p, text.n, r->from.file ? &r->from : NULL);
    lexer_init(&f->lx, r->name, text, p->o->tmp, p->o->diag);
    parse_tokens(f);
    p->words = outer.words;
    p->cap = outer.cap;
    p->nwords = outer.nwords;
    return f->stack[0].tail;
}

/* Reads all of fd into the temporary arena; false with errno set. */
static bool read_all(struct parser *p, int fd, size_t expect, struct slice *text)
{
    size_t cap = expect + 1, n = 0; /* one more than expected: the end is seen without growing */
    char *buf = arena_alloc(p->o->tmp, cap);
    for (;;) {
        ssize_t got = read(fd, buf + n, cap - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            *text = (struct slice){buf, n};
            return got == 0;
        }
        n += (size_t)got;
        if (n < cap)
            continue;
        if (n >= BYTES_MAX) {
            errno = EFBIG;
            return false;
        }
        char *bigger = arena_alloc(p->o->tmp, cap *= 2);
        memcpy(bigger, buf, n);
        buf = bigger;
    }
}

static int open_source(const char *path, struct stat *st)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return -1;
    if (fstat(fd, st) == 0 && S_ISREG(st->st_mode) && st->st_size <= BYTES_MAX)
        return fd;
    int code = S_ISREG(st->st_mode) ? EFBIG : S_ISDIR(st->st_mode) ? EISDIR : EINVAL;
    (void)close(fd);
    errno = code;
    return -1;
}

static bool chain_has(const struct reading *r, const struct stat *st)
{
    for (; r; r = r->up)
        if (r->ino && r->dev == st->st_dev && r->ino == st->st_ino)
            return true;
    return false;
}

static void report_unreadable(struct parser *p, const char *path, struct src_loc from)
{
    const char *why = errno == EINVAL ? "not a regular file" : strerror(errno);
    diag_add(p->o->diag, "E125", from, 0, NULL, "cannot read '%s': %s", path, why);
}

static struct stmt **read_path(struct parser *p, const char *path, const struct reading *up,
                               struct src_loc from, struct stmt **tail)
{
    struct stat st = {0};
    int fd = open_source(path, &st);
    if (fd < 0) {
        report_unreadable(p, path, from);
        return tail;
    }
    const char *problem = NULL;
    if (chain_has(up, &st))
        problem = "includes itself";
    else if ((up ? up->depth + 1 : 0) > INCLUDE_DEPTH_MAX)
        problem = "is included too deeply";
    else if (p->files >= FILES_MAX || p->bytes > BYTES_MAX)
        problem = "is one file too many";
    struct slice text;
    if (problem) {
        (void)close(fd);
        diag_add(p->o->diag, "E126", from, 0, NULL, "'%s' %s", path, problem);
        return tail;
    }
    p->o->fd = fd;
    bool ok = read_all(p, fd, (size_t)st.st_size, &text);
    int code = errno;
    p->o->fd = -1;
    (void)close(fd);
    if (!ok) {
        errno = code;
        report_unreadable(p, path, from);
        return tail;
    }
    p->files++;
    p->bytes += text.n;
    struct reading r = {up, up ? up->depth + 1 : 0, st.st_dev, st.st_ino, NULL, from};
    r.name = arena_text(p->o->keep, slice_of(path));
    return parse_source(p, &r, text, tail);
}

struct stmt *parse_file(struct parse *o, const char *path)
{
    struct parser p = {.o = o};
    struct stmt *first = NULL;
    (void)read_path(&p, path, NULL, (struct src_loc){0}, &first);
    return first;
}

struct stmt *parse_text(struct parse *o, const char *name, struct slice text)
{
    struct parser p = {.o = o};
    struct stmt *first = NULL;
    struct reading r = {.name = arena_text(o->keep, slice_of(name))};
    (void)parse_source(&p, &r, text, &first);
    return first;
}
