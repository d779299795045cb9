/*
 * h2_frames.c — what nghttp2 tells us while it takes frames in and writes them out.
 *
 * Callbacks note and return; owners hear of it at the next dispatch. nghttp2 itself enforces the
 * states of streams, frame sizes, windows and most rules for fields (RFC 9113 section 8); what it
 * leaves to us is in h2_request.c and h2_abuse.c.
 */
#include "lb/http/h2_int.h"

static struct h2_stream *stream_at(nghttp2_session *ng, int32_t id)
{
    return id ? nghttp2_session_get_stream_user_data(ng, id) : NULL;
}

static uint32_t now_of(const struct h2 *h)
{
    return h->c->io.loop->now_ms;
}

/*
 * What nghttp2 lets pass because it forgets closed streams and does not read priorities. Frames
 * that were on their way when we reset a stream are no fault (RFC 9113 section 5.4.2).
 */
static uint32_t fault_of(struct h2 *h, nghttp2_session *ng, const nghttp2_frame_hd *hd)
{
    if (hd->type == NGHTTP2_PRIORITY && hd->stream_id == 0)
        return NGHTTP2_PROTOCOL_ERROR;
    if (hd->type != NGHTTP2_HEADERS)
        return NGHTTP2_NO_ERROR;
    if (hd->stream_id > h->last_id) {
        h->last_id = hd->stream_id;
        return NGHTTP2_NO_ERROR;
    }
    bool known = nghttp2_session_find_stream(ng, hd->stream_id) != NULL;
    return known || hd->stream_id <= h->reset_id ? NGHTTP2_NO_ERROR : NGHTTP2_STREAM_CLOSED;
}

static int on_begin_frame(nghttp2_session *ng, const nghttp2_frame_hd *hd, void *user)
{
    struct h2 *h = user;
    uint32_t fault = fault_of(h, ng, hd);
    if (fault && !h->fault)
        h->fault = fault;
    if (hd->type == NGHTTP2_HEADERS || hd->type == NGHTTP2_CONTINUATION)
        h->in_header = !(hd->flags & NGHTTP2_FLAG_END_HEADERS);
    h->flood |= h2_abuse_frame(&h->abuse, hd, now_of(h));
    return 0;
}

static int on_begin_headers(nghttp2_session *ng, const nghttp2_frame *f, void *user)
{
    struct h2 *h = user;
    h->block = NULL;
    h2_asked_clear(&h->asked);
    if (f->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    struct h2_stream *st = h2_stream_new(h, f->hd.stream_id);
    if (!st)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    (void)nghttp2_session_set_stream_user_data(ng, f->hd.stream_id, st); /* it exists */
    h->block = st;
    return 0;
}

static int on_header(nghttp2_session *ng, const nghttp2_frame *f, nghttp2_rcbuf *name,
                     nghttp2_rcbuf *value, uint8_t flags, void *user)
{
    struct h2 *h = user;
    (void)flags;
    if (!h->block || f->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0; /* trailers are not passed on */
    if (h2_request_field(h->block, name, value))
        return 0;
    (void)nghttp2_submit_rst_stream(ng, NGHTTP2_FLAG_NONE, f->hd.stream_id, NGHTTP2_PROTOCOL_ERROR);
    h->block->fl |= ST_MALFORMED;
    h->block = NULL;
    return 0;
}

/* Without this nghttp2 would leave the field out and go on. */
static int on_invalid_header(nghttp2_session *ng, const nghttp2_frame *f, nghttp2_rcbuf *name,
                             nghttp2_rcbuf *value, uint8_t flags, void *user)
{
    (void)ng, (void)f, (void)name, (void)value, (void)flags, (void)user;
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static void block_done(struct h2 *h, const nghttp2_frame *f, struct h2_stream *st)
{
    h->block = NULL;
    if (!st || f->headers.cat != NGHTTP2_HCAT_REQUEST || (st->fl & (ST_CLOSED | ST_MALFORMED)))
        return;
    h2_request_done(st);
    st->fl |= ST_HEAD_IN;
    h2_ready_stream(st);
}

/* Our first GOAWAY has made its way there and back: the last may name the streams we serve. */
static void drain_answered(struct h2 *h, nghttp2_session *ng)
{
    if (!h->notified)
        return;
    h->notified = false;
    (void)nghttp2_submit_goaway(ng, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(ng),
                                NGHTTP2_NO_ERROR, NULL, 0);
}

static int on_frame(nghttp2_session *ng, const nghttp2_frame *f, void *user)
{
    struct h2 *h = user;
    struct h2_stream *st = stream_at(ng, f->hd.stream_id);
    if (f->hd.type == NGHTTP2_PING && (f->hd.flags & NGHTTP2_FLAG_ACK))
        drain_answered(h, ng);
    if (f->hd.type == NGHTTP2_HEADERS)
        block_done(h, f, st);
    bool ends = f->hd.type == NGHTTP2_HEADERS || f->hd.type == NGHTTP2_DATA;
    if (st && ends && (f->hd.flags & NGHTTP2_FLAG_END_STREAM)) {
        st->fl |= ST_END_IN;
        h2_ready_stream(st);
    }
    return 0;
}

/* The connection's window is given back at once, the stream's when its owner takes the bytes: a
 * slow origin holds up one stream and no other. */
static int on_data(nghttp2_session *ng, uint8_t flags, int32_t id, const uint8_t *p, size_t n,
                   void *user)
{
    struct h2_stream *st = stream_at(ng, id);
    (void)flags, (void)user;
    (void)nghttp2_session_consume_connection(ng, n);
    if (!st || (st->fl & ST_FINISHED))
        return 0;
    if (!h2_stream_data(st, p, n))
        (void)nghttp2_submit_rst_stream(ng, NGHTTP2_FLAG_NONE, id, NGHTTP2_INTERNAL_ERROR);
    return 0;
}

static int on_close(nghttp2_session *ng, int32_t id, uint32_t error, void *user)
{
    struct h2 *h = user;
    struct h2_stream *st = stream_at(ng, id);
    (void)error;
    if (!st)
        return 0;
    if (h->block == st)
        h->block = NULL;
    st->fl |= ST_CLOSED;
    h2_ready_stream(st);
    return 0;
}

static int on_sent(nghttp2_session *ng, const nghttp2_frame *f, void *user)
{
    struct h2 *h = user;
    struct h2_stream *st;
    switch (f->hd.type) {
    case NGHTTP2_HEADERS:
        st = stream_at(ng, f->hd.stream_id);
        if (st)
            h2_head_written(st, f->hd.flags & NGHTTP2_FLAG_END_STREAM);
        break;
    case NGHTTP2_DATA:
        h2_abuse_sent_data(&h->abuse);
        break;
    case NGHTTP2_RST_STREAM:
        if (f->hd.stream_id > h->reset_id)
            h->reset_id = f->hd.stream_id;
        /* for no fault of ours: the client provoked it */
        if (f->rst_stream.error_code == NGHTTP2_PROTOCOL_ERROR ||
            f->rst_stream.error_code == NGHTTP2_FLOW_CONTROL_ERROR ||
            f->rst_stream.error_code == NGHTTP2_STREAM_CLOSED ||
            f->rst_stream.error_code == NGHTTP2_FRAME_SIZE_ERROR ||
            f->rst_stream.error_code == NGHTTP2_REFUSED_STREAM)
            h->flood |= h2_abuse_reset(&h->abuse, now_of(h));
        break;
    case NGHTTP2_GOAWAY:
        if (f->goaway.error_code == NGHTTP2_NO_ERROR)
            break;
        h->why = f->goaway.error_code == NGHTTP2_ENHANCE_YOUR_CALM ? WHY_H2_FLOOD : WHY_H2_ERROR;
        h->owner->fault(h->c, h->why);
        break;
    default:
        break;
    }
    return 0;
}

nghttp2_session_callbacks *h2_callbacks_new(void)
{
    nghttp2_session_callbacks *cb;
    if (nghttp2_session_callbacks_new(&cb) != 0)
        return NULL;
    nghttp2_session_callbacks_set_on_begin_frame_callback(cb, on_begin_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(cb, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback2(cb, on_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback2(cb, on_invalid_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_close);
    nghttp2_session_callbacks_set_on_frame_send_callback(cb, on_sent);
    nghttp2_session_callbacks_set_send_data_callback(cb, h2_write_body);
    return cb;
}
