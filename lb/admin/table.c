/* table.c — see table.h. */
#include "lb/admin/table.h"

#include <stdio.h>
#include <stdlib.h>

void table_begin(struct table *t, unsigned n, unsigned right, const char *const *titles)
{
    *t = (struct table){.ncols = n, .right = right};
    for (unsigned i = 0; i < n; i++)
        table_text(t, titles[i]);
}

static bool grow(struct table *t, size_t n)
{
    if (t->failed || n <= t->room - t->used)
        return !t->failed;
    size_t room = 2 * t->room + n + 1024;
    char *text = realloc(t->text, room);
    if (!text) {
        t->failed = true;
        return false;
    }
    t->text = text;
    t->room = room;
    return true;
}

void table_text(struct table *t, const char *text)
{
    size_t n = text ? strlen(text) : 0;
    if (n == 0) {
        text = "-";
        n = 1;
    }
    if (!grow(t, n + 1))
        return;
    char *to = t->text + t->used;
    for (size_t i = 0; i < n; i++)
        to[i] = (unsigned char)text[i] >= 0x20 && (unsigned char)text[i] < 0x7f ? text[i] : '?';
    to[n] = '\0';
    t->used += n + 1;
    unsigned col = t->ncells++ % t->ncols;
    if (n > t->width[col])
        t->width[col] = (unsigned)n;
}

void table_num(struct table *t, uint64_t v)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%llu", (unsigned long long)v);
    table_text(t, text);
}

static void pad(struct out *o, size_t n)
{
    static const char blanks[] = "                                ";
    for (; n >= sizeof blanks; n -= sizeof blanks - 1)
        OUT(o, blanks);
    out_bytes(o, blanks, n);
}

void table_end(struct table *t, struct out *o)
{
    const char *p = t->text;
    for (unsigned i = 0; i < t->ncells && !t->failed; i++) {
        unsigned col = i % t->ncols;
        size_t n = strlen(p);
        if (t->right >> col & 1)
            pad(o, t->width[col] - n);
        out_bytes(o, p, n);
        if (col + 1 == t->ncols) {
            OUT(o, "\n");
        } else {
            if (!(t->right >> col & 1))
                pad(o, t->width[col] - n);
            OUT(o, "  ");
        }
        p += n + 1;
    }
    if (t->failed)
        o->failed = true;
    free(t->text);
    t->text = NULL;
}
