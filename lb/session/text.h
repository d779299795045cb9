/*
 * text.h — assembling short pieces of header text in a fixed space.
 */
#ifndef LB_SESSION_TEXT_H
#define LB_SESSION_TEXT_H

#include "lb/msg/head.h"

struct text {
    char *p; /* borrowed space */
    size_t n, max;
    bool cut; /* something did not fit */
};

static inline void text_put(struct text *t, struct slice s)
{
    if (s.n > t->max - t->n) {
        t->cut = true;
        return;
    }
    if (s.n) /* an empty slice may have no address */
        memcpy(t->p + t->n, s.p, s.n);
    t->n += s.n;
}

/* Replaces $host, $uri and $path in a redirect's location. false: too long, or a byte that may not
 * stand in a field value. */
bool text_expand(struct text *, const char *pattern, const struct head *);

#endif
