/*
 * diag_print.c — messages as compilers write them, and as JSON.
 *
 * Names, values and source lines come from files we do not trust: control bytes never reach the
 * terminal, and JSON output is always valid UTF-8.
 */
#include "config/diag_store.h"

#include <string.h>

struct style {
    const char *bold, *red, *magenta, *cyan, *green, *off;
};

static const struct style PLAIN = {"", "", "", "", "", ""};
static const struct style COLOUR = {"\033[1m",  "\033[1;31m", "\033[1;35m",
                                    "\033[36m", "\033[32m",   "\033[0m"};

static void put_clean(FILE *out, const char *s)
{
    for (; s && *s; s++) {
        unsigned char c = (unsigned char)*s;
        fputc((c < 0x20 && c != '\t') || c == 0x7f ? '?' : c, out);
    }
}

static void put_place(const struct diag *d, const struct diag_place *at, FILE *out)
{
    if (at->source < 0)
        return;
    put_clean(out, d->sources[at->source].name);
    if (at->line)
        fprintf(out, ":%u:%u", at->line, at->col);
    fputs(": ", out);
}

/* Spaces, and tabs as they are, up to the caret; a multi-byte character is one column. */
static void put_indent(const char *quote, unsigned bytes, FILE *out)
{
    for (unsigned i = 0; i < bytes && quote[i]; i++)
        if (((unsigned char)quote[i] & 0xc0) != 0x80)
            fputc(quote[i] == '\t' ? '\t' : ' ', out);
}

static void put_quote(const struct diag_place *at, const char *hint, const struct style *st,
                      FILE *out)
{
    if (!at->quote || at->col < at->quote_col) {
        if (hint) {
            fputs("    ", out);
            put_clean(out, hint);
            fputc('\n', out);
        }
        return;
    }
    unsigned skip = at->col - at->quote_col;
    size_t n = strlen(at->quote);
    fprintf(out, "%s\n", at->quote);
    put_indent(at->quote, skip, out);
    fprintf(out, "%s^", st->green);
    for (unsigned i = skip + 1; i < n && i - skip < at->len; i++)
        if (((unsigned char)at->quote[i] & 0xc0) != 0x80)
            fputc('~', out);
    fputs(st->off, out);
    if (hint) {
        fputc(' ', out);
        put_clean(out, hint);
    }
    fputc('\n', out);
}

static void put_includes(const struct diag *d, int source, FILE *out)
{
    while (source >= 0 && d->sources[source].from >= 0) {
        const struct diag_source *s = &d->sources[source];
        fputs("    included from ", out);
        put_clean(out, d->sources[s->from].name);
        fprintf(out, ":%u:%u\n", s->from_line, s->from_col);
        source = s->from;
    }
}

static void put_message(const struct diag *d, const struct diag_msg *m, const struct style *st,
                        FILE *out)
{
    fputs(st->bold, out);
    put_place(d, &m->at, out);
    fputs(st->off, out);
    fprintf(out, "%s%s %s:%s ", m->warning ? st->magenta : st->red,
            m->warning ? "warning" : "error", m->code, st->off);
    put_clean(out, m->text);
    fputc('\n', out);
    put_quote(&m->at, m->hint, st, out);
    for (const struct diag_note *n = m->notes; n; n = n->next) {
        fputs(st->bold, out);
        put_place(d, &n->at, out);
        fprintf(out, "%s%snote:%s ", st->off, st->cyan, st->off);
        put_clean(out, n->what);
        fputc('\n', out);
        put_quote(&n->at, NULL, st, out);
    }
    put_includes(d, m->at.source, out);
}

void diag_print(struct diag *d, FILE *out, bool colour)
{
    diag_sort(d);
    for (unsigned i = 0; i < d->nmsgs; i++)
        put_message(d, &d->msgs[i], colour ? &COLOUR : &PLAIN, out);
    unsigned all = d->errors + d->warnings;
    if (all > d->nmsgs)
        fprintf(out, "... and %u more\n", all - d->nmsgs);
}

/* Length of the valid UTF-8 sequence at s, 0 when it is none. */
static unsigned utf8_len(const unsigned char *s)
{
    unsigned n = s[0] < 0x80                    ? 1
                 : s[0] >= 0xc2 && s[0] <= 0xdf ? 2
                 : (s[0] & 0xf0) == 0xe0        ? 3
                 : s[0] >= 0xf0 && s[0] <= 0xf4 ? 4
                                                : 0;
    for (unsigned i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
        (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
        return 0;
    return n;
}

static void json_text(FILE *out, const char *text)
{
    const unsigned char *s = (const unsigned char *)(text ? text : "");
    fputc('"', out);
    while (*s) {
        unsigned n = utf8_len(s);
        if (n == 0)
            fputs("\\ufffd", out);
        else if (*s == '"' || *s == '\\')
            fprintf(out, "\\%c", *s);
        else if (*s < 0x20 || *s == 0x7f)
            fprintf(out, "\\u%04x", *s);
        else
            fwrite(s, 1, n, out);
        s += n ? n : 1;
    }
    fputc('"', out);
}

static void json_place(const struct diag *d, const struct diag_place *at, FILE *out)
{
    fputs("\"file\":", out);
    if (at->source < 0)
        fputs("null", out);
    else
        json_text(out, d->sources[at->source].name);
    fprintf(out, ",\"line\":%u,\"column\":%u,\"length\":%u", at->line, at->col, at->len);
}

static void json_includes(const struct diag *d, int source, FILE *out)
{
    const char *sep = "";
    fputs(",\"included_from\":[", out);
    while (source >= 0 && d->sources[source].from >= 0) {
        const struct diag_source *s = &d->sources[source];
        fprintf(out, "%s{\"file\":", sep);
        json_text(out, d->sources[s->from].name);
        fprintf(out, ",\"line\":%u,\"column\":%u}", s->from_line, s->from_col);
        source = s->from;
        sep = ",";
    }
    fputc(']', out);
}

static void json_message(const struct diag *d, const struct diag_msg *m, FILE *out)
{
    fprintf(out, "{\"severity\":\"%s\",\"code\":\"%s\",", m->warning ? "warning" : "error",
            m->code);
    json_place(d, &m->at, out);
    fputs(",\"message\":", out);
    json_text(out, m->text);
    fputs(",\"hint\":", out);
    if (m->hint)
        json_text(out, m->hint);
    else
        fputs("null", out);
    fputs(",\"also\":[", out);
    for (const struct diag_note *n = m->notes; n; n = n->next) {
        fputc('{', out);
        json_place(d, &n->at, out);
        fputs(",\"message\":", out);
        json_text(out, n->what);
        fputs(n->next ? "}," : "}", out);
    }
    fputc(']', out);
    json_includes(d, m->at.source, out);
    fputc('}', out);
}

void diag_print_json(struct diag *d, FILE *out)
{
    diag_sort(d);
    fprintf(out, "{\"errors\":%u,\"warnings\":%u,\"messages\":[", d->errors, d->warnings);
    for (unsigned i = 0; i < d->nmsgs; i++) {
        fputs(i ? ",\n" : "\n", out);
        json_message(d, &d->msgs[i], out);
    }
    fputs("]}\n", out);
}
