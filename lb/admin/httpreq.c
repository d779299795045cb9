/* httpreq.c — see httpreq.h. */
#include "lb/admin/httpreq.h"

/* What is before `sep`, which is taken away too; everything when it isn't there. */
static struct slice cut(struct slice *rest, struct slice sep)
{
    const char *at = memmem(rest->p, rest->n, sep.p, sep.n);
    struct slice part = {rest->p, at ? (size_t)(at - rest->p) : rest->n};
    size_t gone = at ? part.n + sep.n : part.n;
    rest->p += gone;
    rest->n -= gone;
    return part;
}

static bool has_control(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (((unsigned char)s.p[i] < 0x20 && s.p[i] != '\t') || s.p[i] == 0x7f)
            return true;
    return false;
}

/* The path of origin-form or absolute-form; empty: neither. */
static struct slice path_of(struct slice target)
{
    if (target.n >= 7 && strncasecmp(target.p, "http://", 7) == 0) {
        const char *slash = memchr(target.p + 7, '/', target.n - 7);
        if (!slash)
            return SLICE("/");
        target = (struct slice){slash, target.n - (size_t)(slash - target.p)};
    }
    if (!target.n || target.p[0] != '/')
        return SLICE("");
    return cut(&target, SLICE("?"));
}

static int start_line(struct slice line, struct httpreq *r)
{
    if (has_control(line))
        return 400;
    struct slice method = cut(&line, SLICE(" ")), target = cut(&line, SLICE(" "));
    if (slice_eq(line, SLICE("HTTP/1.1")))
        r->close = false;
    else if (!slice_eq(line, SLICE("HTTP/1.0")))
        return slice_starts(line, SLICE("HTTP/")) ? 505 : 400;
    r->path = path_of(target);
    if (!method.n || !r->path.n)
        return 400;
    r->is_head = slice_eq(method, SLICE("HEAD"));
    return r->is_head || slice_eq(method, SLICE("GET")) ? 0 : 405;
}

static int field(struct slice line, struct httpreq *r)
{
    if (has_control(line) || !memchr(line.p, ':', line.n))
        return 400;
    struct slice name = cut(&line, SLICE(":")), value = slice_trim(line);
    if (!name.n || memchr(name.p, ' ', name.n) || memchr(name.p, '\t', name.n))
        return 400;
    if (slice_ieq(name, SLICE("connection"))) /* any option: closing is always allowed */
        r->close |= !slice_ieq(value, SLICE("keep-alive"));
    if (slice_ieq(name, SLICE("transfer-encoding")))
        return 413;
    return slice_ieq(name, SLICE("content-length")) && !slice_eq(value, SLICE("0")) ? 413 : 0;
}

void httpreq_parse(struct slice head, struct httpreq *r)
{
    *r = (struct httpreq){.close = true};
    struct slice line = cut(&head, SLICE("\r\n"));
    r->status = start_line(line, r);
    while (!r->status && head.n) {
        line = cut(&head, SLICE("\r\n"));
        if (!line.n)
            break;
        r->status = field(line, r);
    }
    if (r->status)
        r->close = true;
}
