/*
 * h2_stream.c — one exchange's side of an HTTP/2 connection: request head and body to the owner.
 *
 * A body waits in segments, never more than the stream's window, and is framed for HTTP/1 as it is
 * handed over. What came in the same turn as the head leaves with it in one piece.
 */
#include "lb/http/h2_int.h"
#include "lb/msg/chunk.h"

#include <assert.h>

static const char last_chunk[] = "0\r\n\r\n";
enum { LAST_CHUNK = sizeof last_chunk - 1 };

struct h2_stream *h2_stream_new(struct h2 *h, int32_t id)
{
    struct h2_stream *st = pool_get(h->env->streams);
    if (!st)
        return NULL;
    memset(st, 0, sizeof *st);
    st->s = (struct stream){.ops = &h2_stream_ops, .up = h->owner->events};
    st->h2 = h;
    st->id = id;
    st->timer.owner = TIMER_SESSION;
    list_init(&st->timer.link);
    list_init(&st->ready);
    list_push(&h->streams, &st->all);
    return st;
}

static void drop_body(struct h2_stream *st)
{
    while (st->nq)
        buf_drop(&st->q[--st->nq], h2_segs(st->h2));
    st->queued = 0;
}

void h2_stream_free(struct h2_stream *st)
{
    struct h2 *h = st->h2;
    struct segs *segs = h2_segs(h);
    assert(!st->s.owner);
    loop_timer_clear(h->c->io.loop, &st->timer);
    drop_body(st);
    buf_drop(&st->head, segs);
    buf_drop(&st->out, segs);
    list_del(&st->ready);
    list_del(&st->all);
    pool_put(h->env->streams, st);
}

void h2_on_timer(struct timer *t, void *user)
{
    struct h2_stream *st = container_of(t, struct h2_stream, timer);
    (void)user;
    st->s.up->timeout(&st->s, t->kind);
}

/* --- body in --- */

/* The segment that takes the next bytes; NULL: none can be had. */
static struct buf *body_tail(struct h2_stream *st, size_t n, size_t *room)
{
    struct segs *segs = h2_segs(st->h2);
    struct buf *b = st->nq ? &st->q[st->nq - 1] : NULL;
    if (b && b->cap < seg_size(SEG_MEDIUM) && (buf_room(b, room), *room < n))
        (void)buf_grow(b, segs, SEG_MEDIUM);
    if (b && (buf_room(b, room), *room > 0))
        return b;
    if (st->nq == H2_QUEUE)
        return NULL;
    b = &st->q[st->nq];
    if (!buf_want(b, segs, n > 2048 || st->nq ? SEG_MEDIUM : SEG_SMALL))
        return NULL;
    st->nq++;
    (void)buf_room(b, room);
    return b;
}

bool h2_stream_data(struct h2_stream *st, const uint8_t *p, size_t n)
{
    while (n) {
        size_t room;
        struct buf *b = body_tail(st, n, &room);
        if (!b)
            return false;
        size_t some = n < room ? n : room;
        memcpy(b->mem + b->tail, p, some);
        buf_put(b, some);
        st->queued += some;
        p += some;
        n -= some;
    }
    h2_ready_stream(st);
    return true;
}

/* The owner has taken n bytes: the client may send as many more. */
static void taken(struct h2_stream *st, size_t n)
{
    st->queued -= n;
    st->body_in += n;
    if (st->framing == FRAMING_LENGTH)
        st->left -= n < st->left ? n : st->left;
    if (n && !(st->fl & ST_CLOSED)) {
        (void)nghttp2_session_consume_stream(st->h2->ng, st->id, n);
        h2_wake(st->h2);
    }
}

/* Past `limit body-bytes`? Of a body with a length its head has told. */
static bool too_large(const struct h2_stream *st)
{
    uint64_t most = st->h2->params.body_max;
    return most && st->body_in > most && st->framing == FRAMING_CHUNKED && !(st->fl & ST_TUNNEL);
}

/* Is the body over once what is in the queue has been handed over? */
static bool at_end(const struct h2_stream *st)
{
    if (st->framing == FRAMING_LENGTH && !(st->fl & ST_TUNNEL))
        return st->left == st->queued;
    return st->fl & ST_END_IN;
}

static struct buf pop_body(struct h2_stream *st)
{
    struct buf b = {0};
    if (!st->nq)
        return b;
    buf_move(&b, &st->q[0]);
    st->nq--;
    memmove(st->q, st->q + 1, st->nq * sizeof *st->q);
    st->q[st->nq] = (struct buf){0};
    return b;
}

/* Frames the bytes of a piece as one chunk; `end` adds the last one. false: out of memory. */
static bool encode(struct h2_stream *st, struct buf *b, bool end)
{
    size_t n = buf_len(b);
    if (n) {
        char line[CHUNK_HEAD_MAX];
        size_t head = chunk_head_before(line + sizeof line, n);
        assert(b->head >= head && b->cap - b->tail >= 2 + LAST_CHUNK);
        b->head -= (uint32_t)head;
        memcpy(buf_data(b), line + sizeof line - head, head);
        memcpy(b->mem + b->tail, "\r\n", 2);
        b->tail += 2;
    }
    if (!end)
        return true;
    if (!buf_want(b, h2_segs(st->h2), SEG_SMALL))
        return false;
    memcpy(b->mem + b->tail, last_chunk, LAST_CHUNK);
    b->tail += LAST_CHUNK;
    return true;
}

static void give_body(struct h2_stream *st)
{
    struct loop *loop = st->h2->c->io.loop;
    while (st->s.owner && !(st->fl & (ST_PAUSED | ST_END_GIVEN)) && (st->nq || at_end(st))) {
        struct buf piece = pop_body(st);
        size_t n = buf_len(&piece);
        taken(st, n);
        bool end = !st->nq && at_end(st);
        st->fl |= ST_PAUSED | (end ? ST_END_GIVEN : 0u);
        conn_env(st->h2->c)->copied += n;
        if (too_large(st)) {
            buf_drop(&piece, loop->segs);
            st->s.up->failed(&st->s, WHY_BODY_TOO_LARGE);
            return;
        }
        if (st->framing == FRAMING_CHUNKED && !(st->fl & ST_TUNNEL) && !encode(st, &piece, end)) {
            buf_drop(&piece, loop->segs);
            st->s.up->failed(&st->s, WHY_MEMORY_LIMIT);
            return;
        }
        st->s.up->body(&st->s, &piece, end);
        buf_drop(&piece, loop->segs);
    }
}

/* --- head in --- */

static void give_head(struct h2_stream *st)
{
    struct h2 *h = st->h2;
    struct head *head = &conn_env(h->c)->head;
    enum why why = WHY_HEADER_TOO_LARGE;
    uint32_t resume = 0;
    st->fl |= ST_HEAD_GIVEN | ST_PAUSED;
    if (!h2_request_close(st)) {
        st->s.up->failed(&st->s, st->fl & ST_NO_MEMORY ? WHY_MEMORY_LIMIT : WHY_HEADER_TOO_LARGE);
        return;
    }
    const struct buf *b = &st->head;
    enum head_verdict v =
        head_request(head, buf_data(b), buf_len(b), &resume, &h->params.limits, &why);
    if (v == HEAD_DONE && head->len == buf_len(b))
        st->s.up->head(&st->s, head);
    else
        st->s.up->failed(&st->s, v == HEAD_BAD ? why : WHY_BAD_REQUEST_LINE);
}

/* Body bytes that are here already go behind the head, when they fit. */
static size_t attach(struct h2_stream *st)
{
    size_t room, n = st->queued;
    size_t frame = st->framing == FRAMING_CHUNKED ? CHUNK_HEAD_MAX + 2 + LAST_CHUNK : 0;
    char *to = buf_room(&st->head, &room);
    char *begin = to;
    if (!n || n + frame > room)
        return 0;
    if (frame) {
        char line[CHUNK_HEAD_MAX];
        size_t k = chunk_head_before(line + sizeof line, n);
        memcpy(to, line + sizeof line - k, k);
        to += k;
    }
    for (unsigned i = 0; i < st->nq; i++) {
        memcpy(to, buf_data(&st->q[i]), buf_len(&st->q[i]));
        to += buf_len(&st->q[i]);
    }
    if (frame) {
        memcpy(to, "\r\n", 2);
        to += 2;
    }
    if (frame && (st->fl & ST_END_IN)) {
        memcpy(to, last_chunk, LAST_CHUNK);
        to += LAST_CHUNK;
    }
    taken(st, n);
    drop_body(st);
    buf_put(&st->head, (size_t)(to - begin));
    return (size_t)(to - begin);
}

static bool open_body(struct stream *s, const struct head *h, bool decode, size_t *body, bool *end,
                      enum why *why)
{
    struct h2_stream *st = h2_stream_of(s);
    (void)decode; /* requests are never decoded, and the chunks are our own */
    st->framing = h->framing;
    st->left = h->clen;
    *body = 0;
    *end = h->framing == FRAMING_NONE || (h->framing == FRAMING_LENGTH && !h->clen);
    if (!*end && h->framing != FRAMING_TUNNEL) {
        *body = attach(st);
        *end = *body && at_end(st);
    }
    *why = WHY_BODY_TOO_LARGE;
    if (too_large(st))
        return false;
    if (*end)
        st->fl |= ST_END_GIVEN;
    return true;
}

static bool take(struct stream *s, struct buf *to, size_t n)
{
    struct h2_stream *st = h2_stream_of(s);
    assert(n == buf_len(&st->head));
    buf_move(to, &st->head);
    return true;
}

/* --- life --- */

static void resume(struct stream *s)
{
    struct h2_stream *st = h2_stream_of(s);
    st->fl &= ~(uint32_t)ST_PAUSED;
    if (st->nq || (!(st->fl & ST_END_GIVEN) && at_end(st)))
        h2_ready_stream(st);
}

static void tunnel(struct stream *s)
{
    struct h2_stream *st = h2_stream_of(s);
    st->fl = (st->fl | ST_TUNNEL) & ~(uint32_t)ST_END_GIVEN;
}

static void shut(struct stream *s)
{
    struct h2_stream *st = h2_stream_of(s);
    st->fl |= ST_END_WANTED;
    if (!(st->fl & ST_CLOSED)) {
        (void)nghttp2_session_resume_data(st->h2->ng, st->id);
        h2_wake(st->h2);
    }
}

static struct conn *conn(struct stream *s)
{
    return h2_stream_of(s)->h2->c;
}

static struct timer *timer(struct stream *s)
{
    return &h2_stream_of(s)->timer;
}

static bool pending(struct stream *s, uint32_t *mark)
{
    const struct h2_stream *st = h2_stream_of(s);
    *mark = st->mark;
    return st->fl & ST_OWES_SENT;
}

/* How a stream ends that did not end by itself (RFC 9113 section 8.1). */
static uint32_t error_of(const struct h2_stream *st, enum stream_end how)
{
    if (st->fl & ST_END_OUT)
        return NGHTTP2_NO_ERROR; /* answered; the rest of the request is of no interest */
    if (st->head.mem)
        return NGHTTP2_REFUSED_STREAM; /* nobody has seen it: it may be sent again elsewhere */
    return how == STREAM_KEEP ? NGHTTP2_CANCEL : NGHTTP2_INTERNAL_ERROR;
}

static void finish(struct stream *s, enum stream_end how)
{
    struct h2_stream *st = h2_stream_of(s);
    const uint32_t both = ST_END_IN | ST_END_OUT;
    st->s.owner = NULL;
    st->fl |= ST_FINISHED;
    loop_timer_clear(st->h2->c->io.loop, &st->timer);
    if (st->h2->over)
        return;
    if (st->fl & ST_CLOSED)
        h2_ready_stream(st); /* freed there */
    else if ((st->fl & ST_TUNNEL) && (st->fl & ST_END_IN) && how == STREAM_CLOSE)
        shut(s); /* both sides have ended; the client is to see it in order */
    else if ((st->fl & both) != both)
        (void)nghttp2_submit_rst_stream(st->h2->ng, NGHTTP2_FLAG_NONE, st->id, error_of(st, how));
    h2_wake(st->h2);
}

static void all_sent(struct h2_stream *st)
{
    struct segs *segs = h2_segs(st->h2);
    struct buf spent = {0};
    st->fl &= ~(uint32_t)(ST_ALL_SENT | ST_OWES_SENT);
    buf_move(&spent, &st->out);
    if (st->s.owner)
        st->s.up->sent(&st->s, &spent);
    buf_drop(&spent, segs);
}

void h2_stream_run(struct h2_stream *st)
{
    const uint32_t both = ST_END_IN | ST_END_OUT;
    if (st->fl & ST_ALL_SENT)
        all_sent(st);
    bool broken = (st->fl & ST_CLOSED) && (st->fl & both) != both;
    if (broken && st->s.owner)
        st->s.up->failed(&st->s, WHY_CLIENT_RESET);
    else if (!broken && (st->fl & (ST_HEAD_IN | ST_HEAD_GIVEN)) == ST_HEAD_IN)
        give_head(st);
    if (!(st->fl & ST_FINISHED))
        give_body(st);
    if ((st->fl & ST_CLOSED) && !st->s.owner)
        h2_stream_free(st);
}

const struct stream_ops h2_stream_ops = {
    .name = "h2",
    .open_body = open_body,
    .take = take,
    .send_head = h2_send_head,
    .send = h2_send,
    .resume = resume,
    .tunnel = tunnel,
    .shut = shut,
    .conn = conn,
    .timer = timer,
    .pending = pending,
    .finish = finish,
};
