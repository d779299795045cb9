/*
 * lexer.c — one pass over the text, byte classes from one table.
 *
 * A bare word ends at white space or at one of ; , { } " — so `route ->app` needs one exception:
 * a word that begins with "->" is just these two bytes. `#` begins a comment only where a word may
 * begin; inside a word ("/a#b") it is an ordinary byte. Values of variables are never read again.
 */
#include "config/lexer.h"

#include <stdlib.h>
#include <string.h>

enum { VAR_MAX = 64, VAR_VALUE_MAX = 64 * 1024 };

void lexer_init(struct lexer *lx, const char *file, struct slice text, struct arena *a,
                struct diag *d)
{
    *lx = (struct lexer){.file = file, .arena = a, .diag = d, .line = 1};
    if (slice_starts(text, SLICE("\xef\xbb\xbf"))) {
        text.p += 3;
        text.n -= 3;
    }
    lx->p = lx->line_start = text.p;
    lx->end = text.p + text.n;
}

static struct src_loc here(const struct lexer *lx, const char *p)
{
    return (struct src_loc){lx->file, lx->line, (unsigned)(p - lx->line_start) + 1};
}

static bool at_line_end(const struct lexer *lx, const char *p)
{
    return p == lx->end || *p == '\n' || (*p == '\r' && p + 1 < lx->end && p[1] == '\n');
}

static bool is_control(char c)
{
    return ((unsigned char)c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f;
}

static bool ends_word(char c)
{
    switch (c) {
    case ' ':
    case '\t':
    case '\n':
    case '\r':
    case ';':
    case ',':
    case '{':
    case '}':
    case '"':
        return true;
    default:
        return is_control(c);
    }
}

/* White space, comments and `\` before a line end. */
static void skip_blank(struct lexer *lx)
{
    while (lx->p < lx->end) {
        const char *p = lx->p;
        if (*p == ' ' || *p == '\t' || *p == '\r') {
            lx->p++;
        } else if (*p == '#') {
            const char *nl = memchr(p, '\n', (size_t)(lx->end - p));
            lx->p = nl ? nl : lx->end;
        } else if (*p == '\\' && p + 1 < lx->end && at_line_end(lx, p + 1)) {
            lx->p = p[1] == '\r' ? p + 3 : p + 2;
            lx->line++;
            lx->line_start = lx->p;
        } else {
            return;
        }
    }
}

/* A growing copy of a word in the making; only used when the text can't be pointed at. */
struct text {
    char *p;
    size_t n, cap;
};

static void text_add(struct lexer *lx, struct text *t, struct slice s)
{
    if (s.n > t->cap - t->n) {
        size_t cap = (t->cap + s.n) * 2 + 32;
        char *bigger = arena_alloc(lx->arena, cap);
        if (t->n)
            memcpy(bigger, t->p, t->n);
        t->p = bigger;
        t->cap = cap;
    }
    if (s.n)
        memcpy(t->p + t->n, s.p, s.n);
    t->n += s.n;
}

static bool is_name_byte(char c, bool first)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' ||
           (!first && c >= '0' && c <= '9');
}

/* The end of the `${…}` at p, or NULL when it is not closed on this line. */
static const char *variable_end(const struct lexer *lx, const char *p)
{
    while (p < lx->end && *p != '\n' && *p != '}')
        p++;
    return p < lx->end && *p == '}' ? p + 1 : NULL;
}

/* Reads `NAME` or `NAME:-default` between p and end; false when it is neither. */
static bool split_variable(const char *p, const char *end, char name[VAR_MAX],
                           struct slice *fallback)
{
    size_t n = 0;
    while (p + n < end && is_name_byte(p[n], n == 0))
        n++;
    if (n == 0 || n >= VAR_MAX)
        return false;
    memcpy(name, p, n);
    name[n] = '\0';
    *fallback = (struct slice){0};
    if (p + n == end)
        return true;
    if (end - p - n < 2 || memcmp(p + n, ":-", 2) != 0)
        return false;
    *fallback = (struct slice){p + n + 2, (size_t)(end - p) - n - 2};
    return true;
}

static bool has_control(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (is_control(s.p[i]) || s.p[i] == '\r')
            return true;
    return false;
}

/* Appends the value of the variable at p ("${") and returns what follows it. */
static const char *expand(struct lexer *lx, const char *p, struct text *t, struct word *w)
{
    struct src_loc loc = here(lx, p);
    const char *end = variable_end(lx, p);
    char name[VAR_MAX];
    struct slice fallback;
    if (!end) {
        w->flags |= WORD_BAD;
        diag_add(lx->diag, "E123", loc, 2, "write it as \"\\${\" when no variable is meant",
                 "'${' without '}'");
        return p + 2;
    }
    if (!split_variable(p + 2, end - 1, name, &fallback)) {
        w->flags |= WORD_BAD;
        diag_add(lx->diag, "E123", loc, (unsigned)(end - p), "${NAME} or ${NAME:-default}",
                 "bad name of a variable");
        return end;
    }
    const char *env = getenv(name);
    struct slice value = slice_of(env);
    if (!value.n && fallback.p)
        value = fallback;
    if (!env && !fallback.p) {
        w->flags |= WORD_BAD;
        diag_add(lx->diag, "E124", loc, (unsigned)(end - p), "${NAME:-default} gives a default",
                 "environment variable '%s' is not set", name);
    } else if (value.n > VAR_VALUE_MAX || has_control(value)) {
        w->flags |= WORD_BAD;
        diag_add(lx->diag, "E124", loc, (unsigned)(end - p), NULL,
                 "environment variable '%s' is too long or has control bytes", name);
    } else {
        text_add(lx, t, value);
    }
    return end;
}

static void finish_word(struct lexer *lx, struct word *w, const char *begin, struct slice plain,
                        const struct text *t, bool copied)
{
    w->p = copied ? t->p : plain.p;
    w->n = (uint32_t)(copied ? t->n : plain.n);
    if (!w->p)
        w->p = ""; /* a variable without a value */
    w->width = (uint32_t)(lx->p - begin) & 0xfffffff;
}

static enum token bare_word(struct lexer *lx, struct word *w)
{
    const char *begin = lx->p, *run = lx->p;
    struct text t = {0};
    bool copied = false;
    if (lx->end - lx->p >= 2 && memcmp(lx->p, "->", 2) == 0) {
        lx->p += 2;
        finish_word(lx, w, begin, (struct slice){begin, 2}, &t, false);
        return TOK_WORD;
    }
    while (lx->p < lx->end && !ends_word(*lx->p)) {
        if (*lx->p == '$' && lx->p + 1 < lx->end && lx->p[1] == '{') {
            text_add(lx, &t, (struct slice){run, (size_t)(lx->p - run)});
            lx->p = run = expand(lx, lx->p, &t, w);
            copied = true;
        } else {
            lx->p++;
        }
    }
    if (copied)
        text_add(lx, &t, (struct slice){run, (size_t)(lx->p - run)});
    finish_word(lx, w, begin, (struct slice){begin, (size_t)(lx->p - begin)}, &t, copied);
    return TOK_WORD;
}

/* The escape at lx->p (a backslash); appends what it stands for. */
static void escape(struct lexer *lx, struct text *t, struct word *w)
{
    char c = lx->p + 1 < lx->end ? lx->p[1] : '\0';
    switch (c) {
    case 'n':
        text_add(lx, t, SLICE("\n"));
        break;
    case 't':
        text_add(lx, t, SLICE("\t"));
        break;
    case '"':
    case '\\':
    case '$':
        text_add(lx, t, (struct slice){lx->p + 1, 1});
        break;
    default:
        w->flags |= WORD_BAD;
        diag_add(lx->diag, "E123", here(lx, lx->p), 2, "escapes are \\\" \\\\ \\n \\t \\$",
                 "unknown escape in a string");
        lx->p++;
        return;
    }
    lx->p += 2;
}

static void report_control(struct lexer *lx, const char *p)
{
    diag_add(lx->diag, "E123", here(lx, p), 1, NULL, "control byte 0x%02x", (unsigned char)*p);
}

static enum token quoted_word(struct lexer *lx, struct word *w)
{
    const char *begin = lx->p++, *run = lx->p;
    struct text t = {0};
    bool copied = false;
    w->flags |= WORD_QUOTED;
    while (!at_line_end(lx, lx->p) && *lx->p != '"') {
        bool var = *lx->p == '$' && lx->p + 1 < lx->end && lx->p[1] == '{';
        if (var || *lx->p == '\\') {
            text_add(lx, &t, (struct slice){run, (size_t)(lx->p - run)});
            copied = true;
            if (var)
                lx->p = expand(lx, lx->p, &t, w);
            else
                escape(lx, &t, w);
            run = lx->p;
        } else {
            if (is_control(*lx->p) || *lx->p == '\r') {
                w->flags |= WORD_BAD;
                report_control(lx, lx->p);
            }
            lx->p++;
        }
    }
    struct slice rest = {run, (size_t)(lx->p - run)};
    if (copied)
        text_add(lx, &t, rest);
    if (at_line_end(lx, lx->p)) {
        w->flags |= WORD_BAD;
        diag_add(lx->diag, "E120", here(lx, begin), 1, "a string ends on the line it begins on",
                 "unterminated string");
    } else {
        lx->p++;
    }
    finish_word(lx, w, begin, rest, &t, copied);
    return TOK_WORD;
}

static enum token punctuation(struct lexer *lx)
{
    switch (*lx->p) {
    case '\n':
        return TOK_LINE;
    case ';':
        return TOK_SEMICOLON;
    case ',':
        return TOK_COMMA;
    case '{':
        return TOK_OPEN;
    case '}':
        return TOK_CLOSE;
    default:
        return TOK_WORD;
    }
}

enum token lexer_next(struct lexer *lx, struct word *w)
{
    skip_blank(lx);
    while (lx->p < lx->end && is_control(*lx->p)) {
        report_control(lx, lx->p);
        while (lx->p < lx->end && is_control(*lx->p))
            lx->p++; /* one message for a run of them */
        skip_blank(lx);
    }
    struct src_loc loc = here(lx, lx->p);
    *w = (struct word){.line = loc.line, .col = loc.col, .width = 1};
    if (lx->p == lx->end)
        return TOK_END;
    enum token t = punctuation(lx);
    if (t == TOK_WORD)
        return *lx->p == '"' ? quoted_word(lx, w) : bare_word(lx, w);
    lx->p++;
    if (t == TOK_LINE) {
        lx->line++;
        lx->line_start = lx->p;
    }
    return t;
}
