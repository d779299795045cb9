/*
 * edit.c — the edit plan applied in place, from the last field to the first.
 *
 * Only what stands before the last dropped field moves, and only once; the new head ends where the
 * old one did, so the body stays where it is.
 */
#include "lb/msg/edit.h"
#include "lb/msg/parse.h"

static bool dropped(const struct edits *e, unsigned i)
{
    return e->drop[i / 64] >> (i % 64) & 1;
}

/* Where field line i ends, CRLF included: where the next begins, or the empty line. */
static uint32_t line_end(const struct head *h, unsigned i)
{
    return i + 1 < h->nfields ? h->f[i + 1].name : h->len - 2;
}

void edits_drop_hop(struct edits *e, const struct head *h, bool reframe)
{
    uint32_t toks = TOKS_HOP;
    if (reframe || h->framing == FRAMING_TUNNEL || (h->status && h->status < 200) ||
        h->status == 204)
        toks |= TOKS_FRAMING;
    else if (!(h->fl & HEAD_HOP))
        return;
    for (unsigned i = 0; i < h->nfields; i++)
        if (toks >> h->f[i].tok & 1 || h->f[i].fl & FIELD_NOMINATED)
            edits_drop(e, i);
}

static char *append(char *at, struct slice s)
{
    memcpy(at, s.p, s.n);
    return at + s.n;
}

size_t edits_origin_form(struct edits *e, const struct head *h, char *out, size_t max)
{
    struct slice version = h->minor ? SLICE(" HTTP/1.1\r\nHost: ") : SLICE(" HTTP/1.0\r\nHost: ");
    size_t n = h->method_text.n + 1 + h->path.n + (h->query.p ? 1 + h->query.n : 0) + version.n +
               h->host.n + 2;
    if (n > max)
        return 0;
    char *at = append(out, h->method_text);
    *at++ = ' ';
    at = append(at, h->path);
    if (h->query.p) {
        *at++ = '?';
        at = append(at, h->query);
    }
    at = append(append(append(at, version), h->host), SLICE("\r\n"));
    e->start = (struct slice){out, (size_t)(at - out)};
    for (unsigned i = 0; i < h->nfields; i++)
        if (h->f[i].tok == TOK_HOST)
            edits_drop(e, i);
    return n;
}

/* Bytes that the dropped lines take. */
static size_t dropped_bytes(const struct edits *e, const struct head *h)
{
    size_t n = 0;
    for (unsigned w = 0; w < HEAD_FIELDS_MAX / 64; w++) {
        for (uint64_t bits = e->drop[w]; bits; bits &= bits - 1) {
            unsigned i = w * 64 + (unsigned)__builtin_ctzll(bits);
            if (i < h->nfields)
                n += line_end(h, i) - h->f[i].name;
        }
    }
    return n;
}

/* Closes the gaps by moving runs of kept lines right; returns where the first of them is now. */
static char *close_gaps(const struct edits *e, const struct head *h, char *base)
{
    char *at = base + h->len - 2;
    for (unsigned i = h->nfields; i > 0;) {
        if (dropped(e, i - 1)) {
            i--;
            continue;
        }
        uint32_t end = line_end(h, i - 1);
        while (i > 0 && !dropped(e, i - 1))
            i--;
        size_t n = end - h->f[i].name;
        at -= n;
        if (at != base + h->f[i].name)
            memmove(at, base + h->f[i].name, n);
    }
    return at;
}

bool edits_apply(const struct edits *e, const struct head *h, struct buf *b)
{
    char *base = buf_data(b);
    size_t gone = dropped_bytes(e, h), start = e->start.n ? e->start.n : h->start_len;
    if (start + e->add.n > h->start_len + gone + b->head)
        return false;
    char *at = gone ? close_gaps(e, h, base) : base + h->start_len;
    char *front = at - e->add.n - start;
    if (e->start.n)
        memcpy(front, e->start.p, start);
    else if (front != base)
        memmove(front, base, start);
    if (e->add.n)
        memcpy(front + start, e->add.p, e->add.n);
    b->head = (uint32_t)(front - b->mem);
    return true;
}
