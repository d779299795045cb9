/*
 * method.c — which methods pass, and the rules of their own that some have: CONNECT, Max-Forwards.
 *
 * CONNECT (RFC 9110 section 9.3.6) would make an edge gateway an open relay if it connected to what
 * the target names. So it never does: the request goes to a server of the backend whose route names
 * the method, as CONNECT, and a tunnel through that server begins with its 2xx.
 */
#include "lb/session/session.h"

#include "lb/session/text.h"

#include <stdio.h>

static bool listed(const char *const *list, unsigned n, struct slice method)
{
    for (unsigned i = 0; i < n; i++)
        if (slice_eq(method, slice_of(list[i])))
            return true;
    return false;
}

bool method_passes(const struct cfg_frontend *fe, const struct head *h)
{
    switch (fe->methods) {
    case CFG_METHODS_NO_TRACE:
        return h->method != M_TRACE;
    case CFG_METHODS_STANDARD:
        return h->method != M_TRACE && h->method != M_OTHER;
    case CFG_METHODS_LIST:
        return listed(fe->method_list, fe->nmethods, h->method_text);
    default:
        return true;
    }
}

bool method_connects(const struct cfg_route *r)
{
    return r->action == CFG_TO_BACKEND && listed(r->methods, r->nmethods, SLICE("CONNECT"));
}

void method_allow_line(const struct cfg_frontend *fe, struct text *t)
{
    text_put(t, SLICE("Allow: "));
    if (fe->methods != CFG_METHODS_LIST)
        text_put(t, SLICE("GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH"));
    for (unsigned i = 0; fe->methods == CFG_METHODS_LIST && i < fe->nmethods; i++) {
        if (i)
            text_put(t, SLICE(", "));
        text_put(t, slice_of(fe->method_list[i]));
    }
    text_put(t, SLICE("\r\n"));
    if (t->cut)
        t->n = 0;
}

/* The Max-Forwards field of an OPTIONS or TRACE and its number; NULL when there is none to heed. */
static const struct field *max_forwards(const struct head *h, unsigned long *left)
{
    const struct field *f;
    if (h->method != M_OPTIONS && h->method != M_TRACE)
        return NULL;
    f = head_find_name(h, SLICE("max-forwards"));
    if (!f || !f->vlen || f->vlen > 9)
        return NULL;
    struct slice v = field_value(h, f);
    *left = 0;
    for (size_t i = 0; i < v.n; i++) {
        if (v.p[i] < '0' || v.p[i] > '9')
            return NULL;
        *left = *left * 10 + (unsigned long)(v.p[i] - '0');
    }
    return f;
}

bool method_ends_here(const struct head *h)
{
    unsigned long left;
    return max_forwards(h, &left) && left == 0;
}

void method_count_hop(struct edits *e, const struct head *h, struct text *t)
{
    char line[40];
    unsigned long left;
    const struct field *f = max_forwards(h, &left);
    if (!f || !left)
        return;
    int n = snprintf(line, sizeof line, "\r\nMax-Forwards: %lu", left - 1);
    edits_drop(e, (unsigned)(f - h->f));
    text_put(t, (struct slice){line, (size_t)n});
}
