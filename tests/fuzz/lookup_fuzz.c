/*
 * lookup_fuzz.c — list elements and cookies of arbitrary field values.
 *
 * The input is one or two field values and a name, parted by LF. What the look-ups say is compared
 * with models that are slow and plain.
 */
#include "lb/msg/head.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void inside(struct slice part, struct slice whole)
{
    assert(part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n));
}

static bool blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Elements are in order, trimmed, not empty, and only blanks and commas lie between them. */
static void check_list(struct slice v)
{
    struct slice rest = v;
    const char *at = v.p;
    for (;;) {
        struct slice e = list_next(&rest);
        const char *to = e.p ? e.p : v.p + v.n;
        for (; at < to; at++)
            assert(blank(*at) || *at == ',');
        if (!e.p)
            return;
        inside(e, v);
        assert(e.n > 0 && !blank(e.p[0]) && !blank(e.p[e.n - 1]) && e.p[0] != ',');
        at = e.p + e.n;
    }
}

/* The offset of a cookie's value in `v`, or -1: byte by byte, without any helper. */
static long model(struct slice v, struct slice name)
{
    for (size_t from = 0; from < v.n;) {
        size_t end = from;
        while (end < v.n && v.p[end] != ';')
            end++;
        size_t p = from;
        while (p < end && blank(v.p[p]))
            p++;
        if (end - p > name.n && memcmp(v.p + p, name.p, name.n) == 0 && v.p[p + name.n] == '=')
            return (long)(p + name.n + 1);
        from = end + 1;
    }
    return -1;
}

static void check_cookie(const char *text, const struct slice *v, unsigned nv, struct slice name)
{
    struct field f[2];
    struct head h = {.base = text, .nfields = (uint16_t)nv};
    for (unsigned i = 0; i < nv; i++)
        f[i] = (struct field){
            .val = (uint32_t)(v[i].p - text), .vlen = (uint32_t)v[i].n, .tok = TOK_COOKIE};
    memcpy(h.f, f, nv * sizeof *f);
    struct slice got = head_cookie(&h, name);
    for (unsigned i = 0; i < nv; i++) {
        long at = model(v[i], name);
        if (at < 0)
            continue;
        assert(got.p == v[i].p + at);
        inside(got, v[i]);
        return;
    }
    assert(!got.p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const char *p = (const char *)data, *end = p + n;
    struct slice part[3] = {{p, 0}, {p, 0}, {p, 0}};
    unsigned parts = 0;
    while (parts < 3) {
        const char *lf = parts < 2 ? memchr(p, '\n', (size_t)(end - p)) : NULL;
        part[parts++] = (struct slice){p, (size_t)((lf ? lf : end) - p)};
        if (!lf)
            break;
        p = lf + 1;
    }
    for (unsigned i = 0; i < parts; i++)
        check_list(part[i]);
    if (parts > 1 && part[parts - 1].n)
        check_cookie((const char *)data, part, parts - 1, part[parts - 1]);
    return 0;
}
