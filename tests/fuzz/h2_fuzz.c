/*
 * h2_fuzz.c — an HTTP/2 connection fed with frames, without a socket or a session.
 *
 * The first byte of an input says in what pieces the rest is read, behind a preface and SETTINGS. A
 * scripted transport stands in for the socket; the owner of the streams answers every request.
 */
#include "lb/http/h2.h"
#include "lb/http/http.h"
#include "lb/msg/framing.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct script {
    const uint8_t *p;
    size_t n, each;
} script;

static bool gone_flag;

static ssize_t script_recv(struct io *io, void *to, size_t max)
{
    size_t n = script.n < script.each ? script.n : script.each;
    n = n < max ? n : max;
    if (!n) {
        io->fl &= (uint16_t)~IO_RD;
        return IO_AGAIN;
    }
    memcpy(to, script.p, n);
    script.p += n;
    script.n -= n;
    return (ssize_t)n;
}

static ssize_t script_send(struct io *io, const void *p, size_t n)
{
    (void)io, (void)p;
    return n > 5000 ? 5000 : (ssize_t)n;
}

static void script_none(struct io *io)
{
    (void)io;
}

static const struct xport script_xport = {
    .name = "script",
    .recv = script_recv,
    .send = script_send,
    .shut = script_none,
    .close = script_none,
};

/* --- an owner that reads what it is given and answers --- */

static struct segs *segs_of(struct stream *s)
{
    return s->ops->conn(s)->io.loop->segs;
}

static void finish(struct stream *s, enum stream_end how)
{
    s->owner = NULL;
    s->ops->finish(s, how);
}

static void answer(struct stream *s)
{
    static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Y: z\r\n\r\nhello";
    struct buf b = {0};
    if (!buf_want(&b, segs_of(s), SEG_SMALL))
        abort();
    memcpy(b.mem + b.tail, text, sizeof text - 1);
    buf_put(&b, sizeof text - 1);
    s->ops->send(s, &b, true);
}

static void on_head(struct stream *s, struct head *h)
{
    struct buf head = {0};
    enum why why = WHY_OK;
    size_t body = 0;
    bool end = false;
    s->owner = s;
    assert(h->minor == 1 && h->len > 0);
    if (!framing_request(h, &why)) {
        finish(s, STREAM_RESET);
        return;
    }
    if (!s->ops->open_body(s, h, false, &body, &end, &why) ||
        !s->ops->take(s, &head, h->len + body))
        abort();
    buf_drop(&head, segs_of(s));
    if (end || h->path.n % 2)
        answer(s);
    else
        s->ops->resume(s);
}

static void on_body(struct stream *s, struct buf *piece, bool end)
{
    uint32_t mark;
    buf_drop(piece, segs_of(s));
    if (!end)
        s->ops->resume(s);
    else if (!s->ops->pending(s, &mark))
        answer(s);
}

static void on_sent(struct stream *s, struct buf *spent)
{
    (void)spent;
    finish(s, STREAM_KEEP);
}

static void on_failed(struct stream *s, enum why why)
{
    (void)why;
    finish(s, STREAM_RESET);
}

static void on_connected(struct stream *s)
{
    (void)s;
}

static void on_timeout(struct stream *s, uint8_t kind)
{
    (void)s, (void)kind;
}

static void on_abort(struct stream *s, enum why why)
{
    on_failed(s, why);
}

static void on_gone(struct conn *c, bool linger)
{
    (void)linger;
    gone_flag = true;
    conn_close(c, false);
}

static void on_fault(struct conn *c, enum why why)
{
    (void)c;
    assert(why == WHY_H2_ERROR || why == WHY_H2_FLOOD);
}

static const struct stream_events events = {
    on_head, on_body, on_sent, on_failed, on_connected, on_timeout,
};
static const struct h2_owner owner = {&events, on_abort, on_gone, on_fault};

/* --- one input --- */

static struct stream_env env;

static void set_up(void)
{
    if (env.h2)
        return;
    if (stream_env_init(&env, sizeof(struct h1), 0) != 0 || !(env.h2 = h2_env_new(1)))
        abort();
}

static void turn(struct conn *c)
{
    struct loop *l = &env.loop;
    if (c->io.fl & IO_RD)
        c->io.ops->ready(&c->io);
    while (!gone_flag && (c->io.fl & IO_STAGED)) {
        c->io.fl &= (uint16_t)~IO_STAGED;
        l->flushq = NULL;
        l->flush_tail = &l->flushq;
        c->io.ops->flush(&c->io);
    }
    l->flushq = NULL;
    l->flush_tail = &l->flushq;
}

static void run(const uint8_t *data, size_t n, size_t each)
{
    static const char hello[] = H2_PREFACE "\0\0\0\4\0\0\0\0";
    static const struct h2_params params = {
        .limits = {16384, 100, 8192}, .idle_ms = 1000, .header_ms = 1000};
    static const struct io_ops none = {script_none, script_none};
    struct conn *c = conn_new(&env, eventfd(0, EFD_NONBLOCK), &none, &h1_front_ops, IO_RD | IO_WR);
    uint8_t *all = malloc(sizeof hello + n);
    if (!c || !all)
        abort();
    memcpy(all, hello, sizeof hello); /* the literal's own NUL is the frame's last byte */
    if (n)
        memcpy(all + sizeof hello, data, n);
    script = (struct script){all, sizeof hello + n, each};
    c->io.x = &script_xport;
    gone_flag = false;
    if (!h2_begin(c, &owner, &params))
        abort();
    while (!gone_flag && script.n) {
        size_t before = script.n;
        turn(c);
        if (script.n == before)
            break;
    }
    if (!gone_flag)
        h2_abort(c, WHY_CLIENT_CLOSED);
    loop_bury_now(&env.loop);
    assert(segs_in_use(env.loop.segs) == 0);
    free(all);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    set_up();
    if (n)
        run(data + 1, n - 1, data[0] ? data[0] : 65536);
    return 0;
}
