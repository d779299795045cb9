/* text.c — placeholders of redirect locations. */
#include "lb/session/text.h"

static bool put_var(struct text *t, const char **p, const struct head *h)
{
    static const struct slice names[] = {{"$host", 5}, {"$uri", 4}, {"$path", 5}};
    struct slice uri = h->target; /* of an absolute-form only what is behind the host */
    if (h->fl & HEAD_ABSOLUTE)
        uri = h->path.p ? (struct slice){h->path.p, (size_t)(uri.p + uri.n - h->path.p)}
                        : (struct slice){0};
    const struct slice values[] = {h->host_name, uri, h->path};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (strncmp(*p, names[i].p, names[i].n) == 0) {
            text_put(t, values[i]);
            *p += names[i].n;
            return true;
        }
    return false;
}

bool text_expand(struct text *t, const char *pattern, const struct head *h)
{
    const char *p = pattern;
    while (*p && !t->cut) {
        if (*p == '$' && put_var(t, &p, h))
            continue;
        text_put(t, (struct slice){p, 1});
        p++;
    }
    return !t->cut;
}
