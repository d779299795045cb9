/*
 * h2_reply.c — responses: heads as field arrays that point into the server's bytes, bodies as DATA.
 *
 * A response head is not rewritten as text: names are lower-cased where they lie and nghttp2 reads
 * them from there, so the segment is kept until all of it has been written. Body bytes are copied
 * once, from the server's segment into the output that all streams share.
 */
#include "lb/http/h2_int.h"

enum {
    ADDED_MAX = 8,
    NO_COPY = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE,
    FRAME_HEAD = 9,
};

struct fields {
    nghttp2_nv nv[1 + HEAD_FIELDS_MAX + ADDED_MAX];
    size_t n;
};

static void add(struct fields *to, struct slice name, struct slice value, uint8_t flags)
{
    if (to->n == sizeof to->nv / sizeof *to->nv)
        return;
    to->nv[to->n++] = (nghttp2_nv){(uint8_t *)name.p, (uint8_t *)value.p, name.n, value.n, flags};
}

/* Connection-specific fields have no place in HTTP/2 (RFC 9113 section 8.2.2). */
static bool stays(const struct h2_stream *st, const struct head *h, const struct edits *e,
                  unsigned i)
{
    const struct field *f = &h->f[i];
    if (e->drop[i / 64] >> (i % 64) & 1 || f->fl & FIELD_NOMINATED)
        return false;
    switch (f->tok) {
    case TOK_CONNECTION:
    case TOK_KEEP_ALIVE:
    case TOK_PROXY_CONNECTION:
    case TOK_TRANSFER_ENCODING:
    case TOK_UPGRADE:
    case TOK_HTTP2_SETTINGS:
        return false;
    default:
        return !(st->fl & ST_CONNECT) ||
               !slice_ieq(field_name(h, f), SLICE("sec-websocket-accept"));
    }
}

/* Fields of the server's: not copied. */
static void add_kept(const struct h2_stream *st, struct fields *to, const struct head *h,
                     const struct edits *e, char *base)
{
    for (unsigned i = 0; i < h->nfields; i++) {
        const struct field *f = &h->f[i];
        if (!stays(st, h, e, i))
            continue;
        for (char *p = base + f->name, *end = p + f->nlen; p < end; p++)
            if (*p >= 'A' && *p <= 'Z')
                *p |= 0x20;
        add(to, field_name(h, f), field_value(h, f), NO_COPY);
    }
}

/* Lines of lb's own, in scratch memory: nghttp2 copies them, in lower case. */
static void add_lines(struct fields *to, struct slice lines)
{
    while (lines.n) {
        const char *lf = memchr(lines.p, '\n', lines.n);
        size_t n = lf ? (size_t)(lf - lines.p) + 1 : lines.n;
        struct slice line = {lines.p, n};
        const char *colon = memchr(line.p, ':', line.n);
        while (line.n && (line.p[line.n - 1] == '\n' || line.p[line.n - 1] == '\r'))
            line.n--;
        if (colon && colon < line.p + line.n) {
            struct slice name = {line.p, (size_t)(colon - line.p)};
            struct slice value = {colon + 1, line.n - name.n - 1};
            add(to, name, slice_trim(value), NGHTTP2_NV_FLAG_NONE);
        }
        lines.p += n;
        lines.n -= n;
    }
}

/* Extended CONNECT: 101 is success, and what else looks like success is none (RFC 8441). */
static unsigned status_of(const struct h2_stream *st, const struct head *h)
{
    if (!(st->fl & ST_CONNECT))
        return h->status;
    if (h->status == 101)
        return 200;
    return h->status >= 200 && h->status < 300 ? 502 : h->status;
}

static int submit(struct h2_stream *st, const struct fields *f, bool interim, bool end)
{
    nghttp2_session *ng = st->h2->ng;
    nghttp2_data_provider body = {.source.ptr = st, .read_callback = h2_read_body};
    if (interim)
        return nghttp2_submit_headers(ng, NGHTTP2_FLAG_NONE, st->id, NULL, f->nv, f->n, NULL);
    st->fl |= ST_HEAD_OUT;
    return nghttp2_submit_response(ng, st->id, f->nv, f->n, end ? NULL : &body);
}

bool h2_send_head(struct stream *s, struct head *h, const struct edits *e, struct buf *b,
                  bool encode, bool end)
{
    struct h2_stream *st = h2_stream_of(s);
    struct fields f = {.n = 0};
    char status[4];
    (void)encode; /* HTTP/2 frames by itself */
    unsigned code = status_of(st, h);
    for (int i = 2, rest = (int)code; i >= 0; i--, rest /= 10)
        status[i] = (char)('0' + rest % 10);
    add(&f, SLICE(":status"), (struct slice){status, 3}, NGHTTP2_NV_FLAG_NONE);
    add_kept(st, &f, h, e, buf_data(b));
    add_lines(&f, e->add);
    buf_took(b, h->len);
    bool empty = end && !buf_len(b);
    st->fl |= ST_OWES_SENT | (end && !empty ? ST_END_WANTED : 0u);
    buf_move(&st->out, b);
    if (!(st->fl & ST_CLOSED) && submit(st, &f, code < 200, empty) != 0)
        return false;
    h2_wake(st->h2);
    return true;
}

/* A reply of lb's own comes as HTTP/1 text. */
static void send_whole(struct h2_stream *st, struct buf *b)
{
    static const struct head_limits limits = {4096, HEAD_FIELDS_MAX, 0};
    struct head *h = &conn_env(st->h2->c)->head;
    struct edits e = {0};
    uint32_t resume = 0;
    enum why why;
    if (head_response(h, buf_data(b), buf_len(b), &resume, &limits, &why) != HEAD_DONE ||
        !h2_send_head(&st->s, h, &e, b, false, true)) {
        buf_drop(b, h2_segs(st->h2));
        st->s.up->failed(&st->s, WHY_INTERNAL);
    }
}

void h2_send(struct stream *s, struct buf *piece, bool end)
{
    struct h2_stream *st = h2_stream_of(s);
    if (!(st->fl & ST_HEAD_OUT)) {
        send_whole(st, piece);
        return;
    }
    st->fl |= ST_OWES_SENT | (end ? ST_END_WANTED : 0u);
    buf_move(&st->out, piece);
    if (!buf_len(&st->out) && !end) {
        st->fl |= ST_ALL_SENT;
        h2_ready_stream(st);
    } else if (!(st->fl & ST_CLOSED)) {
        (void)nghttp2_session_resume_data(st->h2->ng, st->id);
    }
    h2_wake(st->h2);
}

/* --- while nghttp2 writes --- */

/* How much of the body goes into the next frame; the bytes follow in h2_write_body. */
ssize_t h2_read_body(nghttp2_session *ng, int32_t id, uint8_t *to, size_t max, uint32_t *flags,
                     nghttp2_data_source *source, void *user)
{
    const struct h2_stream *st = source->ptr;
    size_t n = buf_len(&st->out);
    (void)ng, (void)id, (void)to, (void)user;
    if (!n && !(st->fl & ST_END_WANTED))
        return NGHTTP2_ERR_DEFERRED;
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (n > max)
        return (ssize_t)max;
    if (st->fl & ST_END_WANTED)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)n;
}

int h2_write_body(nghttp2_session *ng, nghttp2_frame *frame, const uint8_t *head, size_t n,
                  nghttp2_data_source *source, void *user)
{
    struct h2_stream *st = source->ptr;
    char *to = h2_room(user, FRAME_HEAD + n);
    (void)ng;
    if (!to)
        return NGHTTP2_ERR_WOULDBLOCK;
    memcpy(to, head, FRAME_HEAD);
    if (n)
        memcpy(to + FRAME_HEAD, buf_data(&st->out), n);
    buf_put(&st->h2->out, FRAME_HEAD + n);
    if (n)
        buf_took(&st->out, n);
    st->mark += FRAME_HEAD + (uint32_t)n;
    if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
        st->fl |= ST_END_OUT;
    if (!buf_len(&st->out) && (st->fl & ST_OWES_SENT)) {
        st->fl |= ST_ALL_SENT;
        h2_ready_stream(st);
    }
    return 0;
}

/* A head that no body bytes follow for now is all there was to send. */
void h2_head_written(struct h2_stream *st, bool end)
{
    if (end)
        st->fl |= ST_END_OUT;
    st->mark++;
    if (buf_len(&st->out) || (st->fl & ST_END_WANTED) || !(st->fl & ST_OWES_SENT))
        return;
    st->fl |= ST_ALL_SENT;
    h2_ready_stream(st);
}
