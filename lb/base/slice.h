/*
 * slice.h — a borrowed run of bytes.
 *
 * Text that came from the wire or from a configuration file is never a C string: it is a slice
 * into a buffer somebody else owns. A slice is valid only as long as that buffer is.
 */
#ifndef LB_BASE_SLICE_H
#define LB_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

struct slice {
    const char *p; /* borrowed */
    size_t n;      /* bytes */
};

#define SLICE(literal) ((struct slice){(literal), sizeof(literal) - 1})

/* The bytes of a C string, without its terminator. NULL gives an empty slice. */
static inline struct slice slice_of(const char *text)
{
    return (struct slice){text, text ? strlen(text) : 0};
}

/* Same bytes. */
static inline bool slice_eq(struct slice a, struct slice b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* Same bytes when ASCII letters are compared without case (field names, hosts). */
static inline bool slice_ieq(struct slice a, struct slice b)
{
    return a.n == b.n && (a.n == 0 || strncasecmp(a.p, b.p, a.n) == 0);
}

/* Does `a` begin with `prefix`? */
static inline bool slice_starts(struct slice a, struct slice prefix)
{
    return a.n >= prefix.n && (prefix.n == 0 || memcmp(a.p, prefix.p, prefix.n) == 0);
}

/* `a` without leading and trailing spaces and tabs (RFC 9110 OWS). */
static inline struct slice slice_trim(struct slice a)
{
    while (a.n && (*a.p == ' ' || *a.p == '\t'))
        a.p++, a.n--;
    while (a.n && (a.p[a.n - 1] == ' ' || a.p[a.n - 1] == '\t'))
        a.n--;
    return a;
}

#endif
