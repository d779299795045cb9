/*
 * target.c — the normal form of a path (RFC 3986 section 6.2.2), segment by segment.
 *
 * Escapes of unreserved characters are undone first, so an encoded dot is a dot. An escaped slash
 * stays an escape: it is data, not a separator.
 */
#include "lb/msg/target.h"
#include "lb/msg/scan.h"

/* Nothing to do: no escape, no empty and no dot segment. */
static bool is_normal(struct slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '%')
            return false;
        if (s.p[i] == '/' && i + 1 < s.n && (s.p[i + 1] == '/' || s.p[i + 1] == '.'))
            return false;
    }
    return true;
}

static char hex_upper(char c)
{
    return (char)(c >= 'a' ? c - 0x20 : c);
}

/* Copies one segment, [*p, end) up to "/", with its escapes made normal. Returns the bytes
 * written, -1: broken escape, or no room. */
static long copy_segment(const char **p, const char *end, char *out, size_t max)
{
    size_t n = 0;
    const char *q = *p;
    while (q < end && *q != '/') {
        if (n == max)
            return -1;
        if (*q != '%') {
            out[n++] = *q++;
            continue;
        }
        if (end - q < 3 || !bytes_are(q + 1, 2, BYTE_HEX))
            return -1;
        char c = (char)(hex_value(q[1]) << 4 | hex_value(q[2]));
        if (byte_is(c, BYTE_UNRESERVED)) {
            out[n++] = c;
        } else if (max - n < 3) {
            return -1;
        } else {
            out[n++] = '%';
            out[n++] = hex_upper(q[1]);
            out[n++] = hex_upper(q[2]);
        }
        q += 3;
    }
    *p = q;
    return (long)n;
}

/* out[0..n) ends in "/": drops the segment before it, but never the first "/". */
static size_t parent(const char *out, size_t n)
{
    if (n > 1)
        n--;
    while (n > 1 && out[n - 1] != '/')
        n--;
    return n;
}

struct slice target_normalise(struct slice path, char *out, size_t max)
{
    const struct slice none = {NULL, 0};
    if (path.n == 0 || path.p[0] != '/' || is_normal(path))
        return path;
    if (max == 0)
        return none;
    const char *p = path.p, *end = p + path.n;
    size_t n = 0;
    out[n++] = '/'; /* from here on out[0..n) always ends in "/" */
    while (p < end) {
        p++; /* the "/" */
        long seg = copy_segment(&p, end, out + n, max - n);
        if (seg < 0)
            return none;
        if (seg == 2 && out[n] == '.' && out[n + 1] == '.')
            n = parent(out, n);
        else if (seg > 0 && !(seg == 1 && out[n] == '.')) {
            n += (size_t)seg;
            if (p == end)
                break;
            if (n == max)
                return none;
            out[n++] = '/';
        }
    }
    return (struct slice){out, n};
}
