/*
 * h2_front.c — an HTTP/2 connection: bytes to nghttp2 and from it, streams to their owners.
 *
 * Input is read into a segment that is given back at once, for nghttp2 keeps what it needs of a
 * frame that is not complete. Output of all streams is collected and leaves in one send per turn
 * (flush pass). An idle connection owns no segment.
 */
#include "lb/http/h2_int.h"

#include <stdlib.h>

enum {
    READ_BUDGET = 256 * 1024,  /* bytes read per wake-up */
    SEND_AT = 128 * 1024,      /* bytes collected before they are sent */
    SEND_BUDGET = 1024 * 1024, /* bytes sent per wake-up */
    OUTBOUND_MAX = 1000,       /* frames that wait because the client does not read */
    CLOSING_MS = 1000,         /* for the client to take the last frames */
    DRAIN_MS = 1000,           /* for the client to answer the first GOAWAY */
};

enum timer_kind { KIND_HEADER, KIND_IDLE, KIND_CLOSING, KIND_DRAIN };

static void ready(struct io *);
static void flush(struct io *);
static const struct io_ops h2_io_ops = {ready, flush};
/* The connection is no stream itself. */
static const struct stream_ops h2_conn_ops = {.name = "h2-connection"};
static const struct stream_events h2_conn_events;

/* --- environment --- */

struct h2_env *h2_env_new(uint64_t seed)
{
    struct h2_env *e = calloc(1, sizeof *e);
    if (!e)
        return NULL;
    e->rng.state = seed;
    e->conns = pool_new("h2", sizeof(struct h2), 16);
    e->streams = pool_new("h2-stream", sizeof(struct h2_stream), 64);
    e->callbacks = h2_callbacks_new();
    if (!e->conns || !e->streams || !e->callbacks || nghttp2_option_new(&e->option) != 0) {
        h2_env_free(e);
        return NULL;
    }
    nghttp2_option_set_no_auto_window_update(e->option, 1);
    nghttp2_option_set_no_closed_streams(e->option, 1);
    nghttp2_option_set_max_outbound_ack(e->option, OUTBOUND_MAX / 4);
    return e;
}

void h2_env_free(struct h2_env *e)
{
    if (!e)
        return;
    nghttp2_option_del(e->option);
    nghttp2_session_callbacks_del(e->callbacks);
    pool_free(e->streams);
    pool_free(e->conns);
    free(e);
}

/* --- small helpers --- */

static struct h2 *h2_of(const struct conn *c)
{
    return c->s.owner;
}

bool h2_is(const struct conn *c)
{
    return c->s.ops == &h2_conn_ops && c->s.owner;
}

void h2_wake(struct h2 *h)
{
    if (!h->over)
        io_stage(&h->c->io);
}

void h2_ready_stream(struct h2_stream *st)
{
    if (!list_linked(&st->ready))
        list_push(&st->h2->ready, &st->ready);
    h2_wake(st->h2);
}

static void arm(struct h2 *h, enum timer_kind kind, uint32_t ms)
{
    h->timer_idle = kind == KIND_IDLE;
    if (ms)
        loop_timer_set(h->c->io.loop, &h->c->timer, TIMER_CONN, (uint8_t)kind, ms);
    else
        loop_timer_clear(h->c->io.loop, &h->c->timer);
}

static void dispatch(struct h2 *h)
{
    for (struct list *n; (n = list_pop(&h->ready));)
        h2_stream_run(container_of(n, struct h2_stream, ready));
}

/* --- the end --- */

static void destroy(struct h2 *h, enum why why)
{
    struct conn *c = h->c;
    struct segs *segs = h2_segs(h);
    h->over = true;
    for (struct list *n; (n = h->streams.next) != &h->streams;) {
        struct h2_stream *st = container_of(n, struct h2_stream, all);
        if (st->s.owner)
            h->owner->abort(&st->s, why);
        h2_stream_free(st);
    }
    h2_asked_clear(&h->asked);
    buf_drop(&h->out, segs);
    nghttp2_session_del(h->ng);
    c->s.owner = NULL;
    pool_put(h->env->conns, h);
}

static void leave(struct h2 *h, enum why why, bool linger)
{
    struct conn *c = h->c;
    const struct h2_owner *owner = h->owner;
    destroy(h, why);
    owner->gone(c, linger);
}

/* GOAWAY with an error; once it has left, the connection closes. */
static void terminate(struct h2 *h, uint32_t error)
{
    if (h->closing)
        return;
    h->closing = true;
    (void)nghttp2_session_terminate_session(h->ng, error);
    arm(h, KIND_CLOSING, CLOSING_MS);
    h2_wake(h);
}

/* After each round: the timer for what is waited for, and the end when there is nothing. */
static void settle(struct h2 *h)
{
    if (h->flood || nghttp2_session_get_outbound_queue_size(h->ng) > OUTBOUND_MAX)
        terminate(h, NGHTTP2_ENHANCE_YOUR_CALM);
    if (h->c->io.fl & IO_STAGED) /* the flush pass comes back here */
        return;
    bool wants_write = nghttp2_session_want_write(h->ng) || buf_len(&h->out);
    if (!nghttp2_session_want_read(h->ng) && !wants_write) {
        leave(h, h->why ? h->why : WHY_CLIENT_CLOSED, true);
        return;
    }
    if (h->closing || h->notified)
        return;
    bool armed = list_linked(&h->c->timer.link);
    bool idle = list_empty(&h->streams);
    if (h->in_header) {
        if (!armed || h->timer_idle)
            arm(h, KIND_HEADER, h->params.header_ms);
    } else if (idle && (!armed || !h->timer_idle)) {
        arm(h, KIND_IDLE, h->params.idle_ms);
    } else if (!idle && armed) {
        arm(h, KIND_IDLE, 0);
    }
}

/* --- output --- */

char *h2_room(struct h2 *h, size_t n)
{
    struct segs *segs = h2_segs(h);
    size_t room;
    h->starved = !buf_want(&h->out, segs, n > 2048 ? SEG_MEDIUM : SEG_SMALL);
    if (h->starved)
        return NULL;
    for (int class = SEG_MEDIUM;; class ++) {
        char *to = buf_room(&h->out, &room);
        if (room >= n)
            return to;
        if (class == SEG_CLASSES || (class == SEG_LARGE && !segs_large_free(segs)) ||
            !buf_grow(&h->out, segs, (enum seg_class) class)) {
            h->starved = !buf_len(&h->out);
            return NULL;
        }
    }
}

/* Moves the frame nghttp2 gave us last to `out`; false: there is no room now. */
static bool stow(struct h2 *h)
{
    char *to = h->held.n ? h2_room(h, h->held.n) : NULL;
    if (!to)
        return !h->held.n;
    memcpy(to, h->held.p, h->held.n);
    buf_put(&h->out, h->held.n);
    h->held = (struct slice){0};
    return true;
}

/* Collects frames. false: out of memory, or a fault of ours. */
static bool collect(struct h2 *h)
{
    while (stow(h) && buf_len(&h->out) < SEND_AT) {
        const uint8_t *p;
        ssize_t n = nghttp2_session_mem_send(h->ng, &p);
        if (n < 0)
            return false;
        if (n == 0) /* nothing more, or no room for body bytes */
            return true;
        h->held = (struct slice){(const char *)p, (size_t)n};
    }
    return true;
}

enum sent { SENT_ALL, SENT_SOME, SENT_FAIL };

static enum sent push(struct h2 *h)
{
    struct io *io = &h->c->io;
    size_t moved = 0;
    while (moved < SEND_BUDGET) {
        if (!collect(h))
            return SENT_FAIL;
        if (!buf_len(&h->out))
            return h->starved ? SENT_FAIL : SENT_ALL;
        if (!(io->fl & IO_WR))
            return SENT_SOME;
        ssize_t n = io_send(io, buf_data(&h->out), buf_len(&h->out));
        if (n == IO_AGAIN)
            return SENT_SOME;
        if (n < 0)
            return SENT_FAIL;
        moved += (size_t)n;
        buf_took(&h->out, (size_t)n);
        if (!buf_len(&h->out))
            h->out.head = h->out.tail = BUF_HEADROOM;
    }
    io_kick(io);
    return SENT_SOME;
}

static void flush(struct io *io)
{
    struct h2 *h = h2_of(conn_of_io(io));
    if (!h)
        return;
    enum sent sent = push(h);
    if (sent == SENT_FAIL) {
        leave(h, WHY_CLIENT_RESET, false);
        return;
    }
    if (sent == SENT_ALL)
        buf_drop(&h->out, h2_segs(h));
    dispatch(h);
    settle(h);
}

/* --- input --- */

/* Gives nghttp2 n bytes; false: no more is to be read. */
static bool feed(struct h2 *h, const char *p, size_t n)
{
    ssize_t used = nghttp2_session_mem_recv(h->ng, (const uint8_t *)p, n);
    if (used == NGHTTP2_ERR_FLOODED)
        h->flood = true;
    else if (used < 0)
        terminate(h, used == NGHTTP2_ERR_BAD_CLIENT_MAGIC ? NGHTTP2_PROTOCOL_ERROR
                                                          : NGHTTP2_INTERNAL_ERROR);
    else if (h->fault)
        terminate(h, h->fault);
    dispatch(h);
    h2_wake(h); /* acknowledgements, window updates */
    return !h->flood && !h->closing && nghttp2_session_want_read(h->ng);
}

static void read_on(struct h2 *h)
{
    struct io *io = &h->c->io;
    struct segs *segs = h2_segs(h);
    struct buf in = {0};
    size_t room, moved = 0;
    while ((io->fl & IO_RD) && moved < READ_BUDGET) {
        if (!buf_want(&in, segs, SEG_MEDIUM)) {
            leave(h, WHY_MEMORY_LIMIT, false);
            return;
        }
        char *to = buf_room(&in, &room);
        ssize_t n = io_recv(io, to, room);
        if (n == IO_AGAIN)
            break;
        if (n <= 0) {
            buf_drop(&in, segs);
            leave(h, n == 0 ? WHY_CLIENT_CLOSED : WHY_CLIENT_RESET, false);
            return;
        }
        moved += (size_t)n;
        if (!feed(h, to, (size_t)n))
            break;
    }
    buf_drop(&in, segs);
    if (moved >= READ_BUDGET && (io->fl & IO_RD))
        io_kick(io);
    settle(h);
}

static void ready(struct io *io)
{
    struct h2 *h = h2_of(conn_of_io(io));
    if ((io->fl & IO_WR) && (buf_len(&h->out) || nghttp2_session_want_write(h->ng)))
        h2_wake(h);
    if ((io->fl & IO_RD) && !h->closing && nghttp2_session_want_read(h->ng))
        read_on(h);
}

/* --- the beginning --- */

static bool greet(struct h2 *h)
{
    const struct head_limits *l = &h->params.limits;
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, H2_STREAMS_MAX},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, H2_STREAM_WINDOW},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, l->bytes},
        {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1},
        {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
    };
    size_t n = sizeof settings / sizeof *settings;
    return nghttp2_submit_settings(h->ng, NGHTTP2_FLAG_NONE, settings, n) == 0 &&
           nghttp2_session_set_local_window_size(h->ng, NGHTTP2_FLAG_NONE, 0, H2_CONN_WINDOW) == 0;
}

bool h2_begin(struct conn *c, const struct h2_owner *owner, const struct h2_params *params)
{
    struct h2_env *env = conn_env(c)->h2;
    struct buf first = {0};
    struct h2 *h = pool_get(env->conns);
    if (!h)
        return false;
    *h = (struct h2){.c = c, .env = env, .owner = owner, .params = *params};
    list_init(&h->streams);
    list_init(&h->ready);
    h->abuse.last_ms = c->io.loop->now_ms;
    if (nghttp2_session_server_new2(&h->ng, env->callbacks, h, env->option) != 0 || !greet(h)) {
        nghttp2_session_del(h->ng);
        pool_put(env->conns, h);
        return false;
    }
    if (c->x)
        buf_move(&first, &c->x->in);
    conn_deactivate(c);
    c->s = (struct stream){&h2_conn_ops, &h2_conn_events, h};
    c->io.ops = &h2_io_ops;
    arm(h, KIND_IDLE, params->idle_ms);
    io_kick(&c->io);
    if (buf_len(&first))
        (void)feed(h, buf_data(&first), buf_len(&first));
    buf_drop(&first, h2_segs(h));
    h2_wake(h);
    return true;
}

/* --- stopping --- */

void h2_drain(struct conn *c, bool at_once)
{
    struct h2 *h = h2_of(c);
    if (h->closing)
        return;
    h->notified = !at_once;
    if (at_once) {
        (void)nghttp2_submit_goaway(h->ng, NGHTTP2_FLAG_NONE,
                                    nghttp2_session_get_last_proc_stream_id(h->ng),
                                    NGHTTP2_NO_ERROR, NULL, 0);
    } else { /* RFC 9113 section 6.8: requests under way are not lost */
        (void)nghttp2_submit_shutdown_notice(h->ng);
        (void)nghttp2_submit_ping(h->ng, NGHTTP2_FLAG_NONE, NULL);
        arm(h, KIND_DRAIN, DRAIN_MS);
    }
    h2_wake(h);
}

void h2_abort(struct conn *c, enum why why)
{
    leave(h2_of(c), why, false);
}

static void conn_timeout(struct stream *s, uint8_t kind)
{
    struct conn *c = conn_of(s);
    struct h2 *h = h2_of(c);
    if (kind == KIND_CLOSING || buf_len(&h->out)) { /* the client takes nothing */
        leave(h, WHY_CLIENT_SLOW, false);
        return;
    }
    h->notified = false;
    if (kind == KIND_HEADER)
        terminate(h, NGHTTP2_NO_ERROR);
    else
        h2_drain(c, true);
}

/* Only the timer is of interest: the connection's stream is nobody's exchange. */
static void no_head(struct stream *s, struct head *h)
{
    (void)s, (void)h;
}

static void no_body(struct stream *s, struct buf *b, bool end)
{
    (void)s, (void)b, (void)end;
}

static void no_sent(struct stream *s, struct buf *b)
{
    (void)s, (void)b;
}

static void no_failed(struct stream *s, enum why why)
{
    (void)s, (void)why;
}

static void no_connected(struct stream *s)
{
    (void)s;
}

static const struct stream_events h2_conn_events = {
    no_head, no_body, no_sent, no_failed, no_connected, conn_timeout,
};
