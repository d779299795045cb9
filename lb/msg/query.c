/* query.c — looking things up in a parsed head. */
#include "lb/msg/head.h"
#include "lb/msg/scan.h"

const struct field *head_find(const struct head *h, enum head_tok tok, unsigned from)
{
    for (unsigned i = from; i < h->nfields; i++)
        if (h->f[i].tok == tok)
            return &h->f[i];
    return NULL;
}

const struct field *head_find_name(const struct head *h, struct slice name)
{
    for (unsigned i = 0; i < h->nfields; i++)
        if (h->f[i].nlen == name.n && slice_ieq(field_name(h, &h->f[i]), name))
            return &h->f[i];
    return NULL;
}

/* The end of the element at p: the next comma outside a quoted string (RFC 9110 section 5.6.4). */
static const char *element_end(const char *p, const char *end)
{
    bool quoted = false;
    for (; p < end; p++) {
        if (quoted && *p == '\\' && p + 1 < end)
            p++;
        else if (*p == '"')
            quoted = !quoted;
        else if (*p == ',' && !quoted)
            break;
    }
    return p;
}

struct slice list_next(struct slice *rest)
{
    const char *p = rest->p, *end = p ? p + rest->n : p;
    while (p < end && (byte_blank(*p) || *p == ','))
        p++;
    if (p == end) {
        *rest = (struct slice){NULL, 0};
        return *rest;
    }
    const char *e = element_end(p, end);
    *rest = (struct slice){e, (size_t)(end - e)};
    return slice_trim((struct slice){p, (size_t)(e - p)});
}

/* The value of `name` in one Cookie field (RFC 6265 section 4.2.1). */
static struct slice cookie_in(struct slice v, struct slice name)
{
    while (v.n) {
        const char *semi = memchr(v.p, ';', v.n);
        struct slice pair = {v.p, semi ? (size_t)(semi - v.p) : v.n};
        size_t step = pair.n + (semi ? 1 : 0);
        v = (struct slice){v.p + step, v.n - step};
        pair = slice_trim(pair);
        if (pair.n > name.n && pair.p[name.n] == '=' && slice_starts(pair, name))
            return (struct slice){pair.p + name.n + 1, pair.n - name.n - 1};
    }
    return (struct slice){NULL, 0};
}

struct slice head_cookie(const struct head *h, struct slice name)
{
    for (unsigned i = 0; i < h->nfields; i++) {
        if (h->f[i].tok != TOK_COOKIE)
            continue;
        struct slice v = cookie_in(field_value(h, &h->f[i]), name);
        if (v.p)
            return v;
    }
    return (struct slice){NULL, 0};
}

bool method_idempotent(enum http_method m)
{
    return m == M_GET || m == M_HEAD || m == M_PUT || m == M_DELETE || m == M_OPTIONS ||
           m == M_TRACE;
}
