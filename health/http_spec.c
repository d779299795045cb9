/*
 * http_spec.c — the HTTP check's words, checked and compiled when a configuration is prepared.
 *
 * The request is put together here once; what ends up in it was checked for control characters, so
 * a configuration can't smuggle a second request. Fields that decide about framing or the
 * connection are the check's own.
 */
#include "health/http.h"
#include "lb/base/bitmap.h"
#include "lb/base/err.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { MATCH_LIMIT = 1000 * 1000, HEAP_LIMIT_KIB = 4096 };

const struct opt_spec http_opts[HTTP_NOPTS] = {
    {.name = "host",
     .type = OPT_STRING,
     .help = "Host field of the request; default: the server's address"},
    {.name = "expect",
     .type = OPT_WORDS,
     .help = "what passes: `status 200-399,404` (default 200-399), `body \"REGEX\"`"},
    {.name = "header",
     .type = OPT_WORDS,
     .help = "NAME VALUE: a further field of the request; may be given several times"},
};

static bool is_token(const char *s)
{
    if (!*s)
        return false;
    for (; *s; s++)
        if (!isalnum((unsigned char)*s) && !strchr("!#$%&'*+-.^_`|~", *s))
            return false;
    return true;
}

/* No control characters; no spaces either unless they may be. */
static bool is_clean(const char *s, bool spaces)
{
    for (; *s; s++)
        if ((unsigned char)*s < ' ' || *s == 0x7f || (*s == ' ' && !spaces))
            return false;
    return true;
}

static bool is_own_field(const char *name)
{
    static const char *const own[] = {"Host",    "Connection",        "Content-Length",
                                      "Upgrade", "Transfer-Encoding", "Expect"};
    for (unsigned i = 0; i < sizeof own / sizeof own[0]; i++)
        if (strcasecmp(own[i], name) == 0)
            return true;
    return false;
}

static int take_request_line(struct http_spec *s, const char *method, const char *path,
                             struct err *e)
{
    bool star = strcmp(method, "OPTIONS") == 0 && strcmp(path, "*") == 0;
    if (!is_token(method) || strcmp(method, "CONNECT") == 0)
        return err_set(e, EINVAL, "'%s' is no method a check can use", method);
    if ((path[0] != '/' && !star) || !is_clean(path, false))
        return err_set(e, EINVAL, "the path '%s' must begin with '/' and hold no spaces", path);
    s->method = strcmp(method, "HEAD") == 0 ? M_HEAD : M_OTHER;
    if (asprintf(&s->head, "%s %s HTTP/1.1\r\nHost: ", method, path) < 0) {
        s->head = NULL;
        return err_set(e, ENOMEM, "out of memory");
    }
    return 0;
}

static int take_host(struct http_spec *s, const char *host, struct err *e)
{
    if (!host)
        return 0;
    if (!*host || !is_clean(host, false))
        return err_set(e, EINVAL, "'%s' is no host", host);
    s->host = strdup(host);
    return s->host ? 0 : err_set(e, ENOMEM, "out of memory");
}

static void write_field(FILE *f, const char *name, const char *value)
{
    (void)fprintf(f, "%s: %s\r\n", name, value);
}

static int write_headers(FILE *f, const struct opts *opts, struct err *e)
{
    for (unsigned i = 0; i < opts->n; i++) {
        const struct opt *o = &opts->v[i];
        if (strcmp(o->spec->name, "header") != 0)
            continue;
        if (o->nwords != 2)
            return err_set(e, EINVAL, "'header' takes a name and a value (quote it)");
        if (!is_token(o->words[0]) || !is_clean(o->words[1], true))
            return err_set(e, EINVAL, "'header %s %s' is no field", o->words[0], o->words[1]);
        if (is_own_field(o->words[0]))
            return err_set(e, EINVAL, "the field %s is set by the check itself%s", o->words[0],
                           strcasecmp(o->words[0], "host") == 0 ? "; use 'host NAME'" : "");
        write_field(f, o->words[0], o->words[1]);
    }
    return 0;
}

static bool has_header(const struct opts *opts, const char *name)
{
    for (unsigned i = 0; i < opts->n; i++)
        if (strcmp(opts->v[i].spec->name, "header") == 0 && opts->v[i].nwords &&
            strcasecmp(opts->v[i].words[0], name) == 0)
            return true;
    return false;
}

static int take_fields(struct http_spec *s, const char *method, const struct opts *opts,
                       struct err *e)
{
    size_t len;
    FILE *f = open_memstream(&s->tail, &len);
    if (!f)
        return err_set(e, ENOMEM, "out of memory");
    (void)fputs("\r\n", f); /* ends the Host field */
    if (!has_header(opts, "User-Agent"))
        write_field(f, "User-Agent", "lb-health-check");
    if (!has_header(opts, "Accept"))
        write_field(f, "Accept", "*/*");
    int rc = write_headers(f, opts, e);
    if (!strcmp(method, "POST") || !strcmp(method, "PUT") || !strcmp(method, "PATCH"))
        write_field(f, "Content-Length", "0");
    write_field(f, "Connection", "close");
    (void)fputs("\r\n", f);
    if (fclose(f) != 0 && rc == 0)
        return err_set(e, ENOMEM, "out of memory");
    return rc;
}

/* "200-399" or "404" from *text on, which moves behind it. */
static bool take_range(const char **text, unsigned *lo, unsigned *hi)
{
    char *end;
    *lo = *hi = (unsigned)strtoul(*text, &end, 10);
    if (end == *text)
        return false;
    if (*end == '-') {
        const char *from = end + 1;
        *hi = (unsigned)strtoul(from, &end, 10);
        if (end == from)
            return false;
    }
    *text = end;
    return *lo >= 200 && *lo <= *hi && *hi <= 999;
}

/* One word of `expect status`: ranges with commas; a word may begin or end with one. */
static int take_status_word(struct http_spec *s, const char *word, struct err *e)
{
    const char *at = word;
    while (*at) {
        unsigned lo, hi;
        if (*at == ',') {
            at++;
            continue;
        }
        if (!isdigit((unsigned char)*at) || !take_range(&at, &lo, &hi) || (*at && *at != ','))
            return err_set(e, EINVAL, "'%s' is no list of final status codes (200-399,404)", word);
        for (unsigned i = lo; i <= hi; i++)
            bitmap_set(s->good, i);
    }
    return 0;
}

static int take_body(struct http_spec *s, const char *pattern, struct err *e)
{
    int error;
    PCRE2_SIZE at;
    if (s->body)
        return err_set(e, EINVAL, "'expect body' is given twice");
    if (s->method == M_HEAD)
        return err_set(e, EINVAL, "a response to HEAD has no body to expect");
    s->body = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, 0, &error, &at, NULL);
    if (!s->body) {
        char text[160];
        (void)pcre2_get_error_message(error, (PCRE2_UCHAR *)text, sizeof text);
        return err_set(e, EINVAL, "expect body \"%s\": %s at offset %zu", pattern, text, at);
    }
    (void)pcre2_jit_compile(s->body, PCRE2_JIT_COMPLETE); /* without JIT it is only slower */
    s->limits = pcre2_match_context_create(NULL);
    if (!s->limits)
        return err_set(e, ENOMEM, "out of memory");
    (void)pcre2_set_match_limit(s->limits, MATCH_LIMIT);
    (void)pcre2_set_heap_limit(s->limits, HEAP_LIMIT_KIB);
    return 0;
}

static int take_expect(struct http_spec *s, const struct opt *o, bool *any_status, struct err *e)
{
    const char *what = o->nwords ? o->words[0] : "";
    if (strcmp(what, "body") == 0 && o->nwords == 2)
        return take_body(s, o->words[1], e);
    if (strcmp(what, "status") != 0 || o->nwords < 2)
        return err_set(e, EINVAL, "'expect' takes 'status CODES' or 'body \"REGEX\"'");
    *any_status = true;
    for (unsigned i = 1; i < o->nwords; i++)
        if (take_status_word(s, o->words[i], e) < 0)
            return -1;
    return 0;
}

static int take_expects(struct http_spec *s, const struct opts *opts, struct err *e)
{
    bool any_status = false;
    for (unsigned i = 0; i < opts->n; i++)
        if (strcmp(opts->v[i].spec->name, "expect") == 0 &&
            take_expect(s, &opts->v[i], &any_status, e) < 0)
            return -1;
    return any_status ? 0 : take_status_word(s, "200-399", e);
}

int http_prepare(const char *const *args, unsigned nargs, const struct opts *opts, void **shared,
                 struct err *e)
{
    if (nargs != 2)
        return err_set(e, EINVAL, "check http takes METHOD PATH");
    struct http_spec *s = calloc(1, sizeof *s);
    if (!s)
        return err_set(e, ENOMEM, "out of memory");
    if (take_request_line(s, args[0], args[1], e) < 0 ||
        take_host(s, opts_str(opts, "host", NULL), e) < 0 || take_fields(s, args[0], opts, e) < 0 ||
        take_expects(s, opts, e) < 0) {
        http_release(s);
        return -1;
    }
    *shared = s;
    return 0;
}

void http_release(void *shared)
{
    struct http_spec *s = shared;
    if (!s)
        return;
    pcre2_match_context_free(s->limits);
    pcre2_code_free(s->body);
    free(s->tail);
    free(s->host);
    free(s->head);
    free(s);
}

enum http_match http_match_body(const struct http_spec *s, struct slice body)
{
    PCRE2_SPTR text = (PCRE2_SPTR)(body.n ? body.p : "");
    pcre2_match_data *found = pcre2_match_data_create(1, NULL);
    if (!found)
        return HTTP_MATCH_LIMIT;
    int rc = pcre2_match(s->body, text, body.n, 0, 0, found, s->limits);
    if (rc == PCRE2_ERROR_JIT_STACKLIMIT) /* the interpreter works on the heap */
        rc = pcre2_match(s->body, text, body.n, 0, PCRE2_NO_JIT, found, s->limits);
    pcre2_match_data_free(found);
    if (rc >= 0)
        return HTTP_MATCH;
    return rc == PCRE2_ERROR_NOMATCH ? HTTP_NO_MATCH : HTTP_MATCH_LIMIT;
}
