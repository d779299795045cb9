#include "tests/e2e/lib/h2.h"

#include <stdlib.h>
#include <string.h>

enum { FIELDS_MAX = 600, FRAME_HEAD = 9 };

void h2_connect(struct h2 *h, uint16_t port)
{
    memset(h, 0, sizeof *h);
    if (!client_open(&h->c, port) || nghttp2_hd_deflate_new(&h->def, 4096) != 0 ||
        nghttp2_hd_inflate_new(&h->inf) != 0)
        die("no connection to port %u", port);
}

void h2_open(struct h2 *h, uint16_t port)
{
    h2_connect(h, port);
    (void)client_send(&h->c, NGHTTP2_CLIENT_MAGIC, NGHTTP2_CLIENT_MAGIC_LEN);
    (void)h2_frame(h, NGHTTP2_SETTINGS, 0, 0, NULL, 0);
}

void h2_close(struct h2 *h)
{
    client_close(&h->c);
    nghttp2_hd_deflate_del(h->def);
    nghttp2_hd_inflate_del(h->inf);
    h->def = NULL;
    h->inf = NULL;
}

static void put32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (24 - 8 * i));
}

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

bool h2_frame(struct h2 *h, uint8_t type, uint8_t flags, uint32_t id, const void *p, size_t n)
{
    uint8_t head[FRAME_HEAD] = {(uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n, type, flags};
    struct text all = {0};
    put32(head + 5, id);
    text_add(&all, head, sizeof head);
    if (n)
        text_add(&all, p, n);
    bool ok = client_send(&h->c, all.p, all.n);
    text_free(&all);
    return ok;
}

/* "name: value\n" lines; the colon of a pseudo-header field's name does not count. */
static size_t split(char *text, nghttp2_nv *nv)
{
    size_t n = 0;
    for (char *line = text; *line && n < FIELDS_MAX; n++) {
        char *end = strchr(line, '\n');
        char *colon = *line ? strstr(line + 1, ": ") : NULL;
        if (!end || !colon || colon > end)
            die("not a field: %s", line);
        nv[n] = (nghttp2_nv){(uint8_t *)line, (uint8_t *)colon + 2, (size_t)(colon - line),
                             (size_t)(end - colon - 2),
                             NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE};
        line = end + 1;
    }
    return n;
}

void h2_block(struct h2 *h, const char *fields, struct text *out)
{
    static _Thread_local nghttp2_nv nv[FIELDS_MAX];
    char *copy = format_new("%s", fields);
    size_t n = split(copy, nv);
    size_t bound = nghttp2_hd_deflate_bound(h->def, nv, n);
    uint8_t *block = malloc(bound);
    ssize_t len = block ? nghttp2_hd_deflate_hd(h->def, block, bound, nv, n) : -1;
    if (len < 0)
        die("cannot encode fields");
    text_add(out, block, (size_t)len);
    free(block);
    free(copy);
}

bool h2_headers(struct h2 *h, uint32_t id, uint8_t flags, const char *fields)
{
    struct text block = {0};
    h2_block(h, fields, &block);
    bool ok = h2_frame(h, NGHTTP2_HEADERS, flags, id, block.p, block.n);
    text_free(&block);
    return ok;
}

bool h2_get(struct h2 *h, uint32_t id, const char *path)
{
    char *fields = format_new(H2_GET("%s"), path);
    bool ok = h2_headers(h, id, H2_END_STREAM | H2_END_HEADERS, fields);
    free(fields);
    return ok;
}

bool h2_rst(struct h2 *h, uint32_t id, uint32_t error)
{
    uint8_t p[4];
    put32(p, error);
    return h2_frame(h, NGHTTP2_RST_STREAM, 0, id, p, 4);
}

bool h2_window(struct h2 *h, uint32_t id, uint32_t more)
{
    uint8_t p[4];
    put32(p, more);
    return h2_frame(h, NGHTTP2_WINDOW_UPDATE, 0, id, p, 4);
}

bool h2_pattern(struct h2 *h, uint32_t id, size_t from, size_t n, size_t each, bool end)
{
    char *p = malloc(each);
    bool ok = p != NULL;
    for (size_t done = 0; ok && done < n;) {
        size_t some = n - done < each ? n - done : each;
        bool last = done + some == n;
        pattern_fill(p, from + done, some);
        ok = h2_frame(h, NGHTTP2_DATA, end && last ? H2_END_STREAM : 0, id, p, some);
        done += some;
    }
    free(p);
    return ok;
}

bool h2_next(struct h2 *h, struct h2_frame *f, unsigned ms)
{
    static _Thread_local struct text last;
    if (!client_want(&h->c, FRAME_HEAD, ms))
        return false;
    const uint8_t *p = (const uint8_t *)h->c.in.p;
    size_t n = (size_t)p[0] << 16 | (size_t)p[1] << 8 | p[2];
    if (!client_want(&h->c, FRAME_HEAD + n, ms))
        return false;
    p = (const uint8_t *)h->c.in.p;
    text_drop(&last, last.n);
    text_add(&last, p, FRAME_HEAD + n);
    text_drop(&h->c.in, FRAME_HEAD + n);
    p = (const uint8_t *)last.p;
    *f = (struct h2_frame){p[3], p[4], get32(p + 5) & 0x7fffffff, (uint32_t)n, p + FRAME_HEAD};
    if (f->type == NGHTTP2_SETTINGS && !(f->flags & H2_ACK))
        (void)h2_frame(h, NGHTTP2_SETTINGS, H2_ACK, 0, NULL, 0);
    else if (f->type == NGHTTP2_SETTINGS)
        h->acked++;
    if (h->greedy && f->type == NGHTTP2_DATA && n) {
        (void)h2_window(h, 0, (uint32_t)n);
        (void)h2_window(h, f->id, (uint32_t)n);
    }
    return true;
}

static void inflate(struct h2 *h, const struct h2_frame *f, bool mine, struct h2_reply *r)
{
    const uint8_t *p = f->p;
    size_t left = f->n;
    int status = 0;
    for (;;) {
        nghttp2_nv nv;
        int flags = 0;
        ssize_t used = nghttp2_hd_inflate_hd2(h->inf, &nv, &flags, p, left, 1);
        if (used < 0)
            die("the peer's fields cannot be decoded");
        p += used;
        left -= (size_t)used;
        if ((flags & NGHTTP2_HD_INFLATE_EMIT) && mine) {
            text_addf(&r->head, "%.*s: %.*s\n", (int)nv.namelen, (char *)nv.name, (int)nv.valuelen,
                      (char *)nv.value);
            if (nv.namelen == 7 && memcmp(nv.name, ":status", 7) == 0)
                status = atoi((char *)nv.value);
        }
        if (flags & NGHTTP2_HD_INFLATE_FINAL)
            break;
    }
    (void)nghttp2_hd_inflate_end_headers(h->inf);
    if (status >= 100 && status < 200)
        r->interim++;
    else if (status)
        r->status = status;
}

void h2_note(struct h2 *h, const struct h2_frame *f, uint32_t id, struct h2_reply *r)
{
    bool mine = f->id == id;
    switch (f->type) {
    case NGHTTP2_HEADERS:
        inflate(h, f, mine, r);
        break;
    case NGHTTP2_DATA:
        if (mine)
            text_add(&r->body, f->p, f->n);
        break;
    case NGHTTP2_RST_STREAM:
        if (mine) {
            r->reset = true;
            r->error = get32(f->p);
        }
        return;
    case NGHTTP2_GOAWAY:
        r->goaway = true;
        r->error = get32(f->p + 4);
        return;
    default:
        return;
    }
    if (mine && (f->flags & H2_END_STREAM))
        r->ended = true;
}

bool h2_read(struct h2 *h, uint32_t id, struct h2_reply *r, unsigned ms)
{
    uint64_t until = now_ms() + ms;
    struct h2_frame f;
    while (!r->ended && !r->reset) {
        uint64_t now = now_ms();
        if (now >= until || !h2_next(h, &f, (unsigned)(until - now))) {
            r->closed = h->c.ending != END_NONE;
            return false;
        }
        h2_note(h, &f, id, r);
        if (r->goaway && r->error)
            return false;
    }
    return r->ended;
}

void h2_reply_free(struct h2_reply *r)
{
    text_free(&r->head);
    text_free(&r->body);
    *r = (struct h2_reply){0};
}
