/*
 * conn.c — reading, staging and flushing: what every protocol does with a connection.
 *
 * Small output waits for the flush pass, so that the sends of a batch leave together; large output
 * is sent at once, so that its segment is still warm and is the one the next read gets.
 */
#include "lb/stream/conn.h"

#include "lb/stream/splice.h"

#include <assert.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    SEND_NOW = 16 * 1024,        /* bytes from which output is not deferred */
    TUNNEL_BUDGET = 1024 * 1024, /* bytes one stream may move per wake-up */
};

int stream_env_init(struct stream_env *env, size_t xfer_size, size_t seg_ceiling)
{
    if (loop_init(&env->loop, seg_ceiling) != 0)
        return -1;
    env->conns = pool_new("conn", sizeof(struct conn), 256);
    env->xfers = pool_new("xfer", xfer_size, 256);
    env->pipes = pipes_new();
    if (!env->conns || !env->xfers) {
        stream_env_close(env);
        errno = ENOMEM;
        return -1;
    }
    return 0;
}

void stream_env_close(struct stream_env *env)
{
    loop_close(&env->loop);
    pipes_free(env->pipes);
    pool_free(env->xfers);
    pool_free(env->conns);
}

struct conn *conn_new(struct stream_env *env, int fd, const struct io_ops *io_ops,
                      const struct stream_ops *ops, uint16_t io_fl)
{
    struct conn *c = pool_get(env->conns);
    if (!c || io_open(&c->io, &env->loop, fd, io_ops, io_fl) != 0) {
        pool_put(env->conns, c);
        (void)close(fd);
        return NULL;
    }
    c->timer = (struct timer){.owner = TIMER_CONN};
    list_init(&c->timer.link);
    list_init(&c->grave.link);
    c->s = (struct stream){.ops = ops};
    c->x = NULL;
    c->home = NULL;
    c->born_us = env->loop.now_us;
    c->peer = (struct peer){0};
    c->source = 0;
    c->exchanges = 0;
    c->bulk = false;
    return c;
}

bool conn_activate(struct conn *c)
{
    if (c->x)
        return true;
    struct xfer *x = pool_get(conn_env(c)->xfers);
    if (!x)
        return false;
    *x = (struct xfer){0};
    c->x = x;
    return true;
}

void conn_deactivate(struct conn *c)
{
    struct stream_env *env = conn_env(c);
    if (!c->x)
        return;
    splice_stop(c);
    buf_drop(&c->x->in, env->loop.segs);
    buf_drop(&c->x->out, env->loop.segs);
    pool_put(env->xfers, c->x);
    c->x = NULL;
}

static void conn_free(struct grave *g)
{
    struct conn *c = container_of(g, struct conn, grave);
    pool_put(conn_env(c)->conns, c);
}

void conn_close(struct conn *c, bool reset)
{
    if (!(c->io.fl & IO_OPEN))
        return;
    conn_deactivate(c);
    loop_timer_clear(c->io.loop, &c->timer);
    if (reset)
        io_reset(&c->io);
    else
        io_close(&c->io);
    list_del(&c->grave.link);
    loop_bury(c->io.loop, &c->grave, conn_free);
}

ssize_t conn_read(struct conn *c, enum seg_class want)
{
    struct xfer *x = c->x;
    size_t room;
    if (want == SEG_LARGE && !x->in.mem && !segs_large_free(c->io.loop->segs))
        want = SEG_MEDIUM;
    if (!buf_want(&x->in, c->io.loop->segs, want)) {
        errno = ENOBUFS;
        return IO_FAIL;
    }
    char *to = buf_room(&x->in, &room);
    ssize_t n = io_recv(&c->io, to, room);
    if (n > 0) {
        buf_put(&x->in, (size_t)n);
        x->fl = (uint16_t)((size_t)n == room ? x->fl | X_BULK : x->fl & ~X_BULK);
    } else if (buf_len(&x->in) == 0) {
        buf_drop(&x->in, c->io.loop->segs);
    }
    return n;
}

bool conn_take(struct conn *c, struct buf *to, size_t n)
{
    struct buf *in = &c->x->in;
    struct segs *segs = c->io.loop->segs;
    if (n == buf_len(in)) {
        buf_move(to, in);
        return true;
    }
    enum seg_class class = SEG_SMALL; /* pipelined: copy what leaves, it is the smaller part */
    while (n > seg_size(class) - BUF_HEADROOM - BUF_TAILROOM && class < SEG_LARGE)
        class ++;
    if (!buf_want(to, segs, class))
        return false;
    memcpy(to->mem + to->tail, buf_data(in), n);
    buf_put(to, n);
    buf_took(in, n);
    return true;
}

void conn_send(struct conn *c, struct buf *b)
{
    struct xfer *x = c->x;
    assert(!x->out.mem);
    x->fl |= X_SENDING;
    buf_move(&x->out, b);
    if (buf_len(&x->out) >= SEND_NOW)
        conn_flush(&c->io);
    else
        io_stage(&c->io);
}

/* The half-close that waits for what goes before it. */
static void shut_when_due(struct conn *c)
{
    struct xfer *x = c->x;
    const uint16_t asked = x->fl & (X_SHUT | X_SENDING | X_SHUT_DONE);
    if (asked != X_SHUT || (c->io.fl & IO_CONNECTING)) /* shutdown would undo a connect under way */
        return;
    x->fl |= X_SHUT_DONE;
    io_shut(&c->io);
}

/* Everything staged has left: the half-close that waited for it, then the owner. */
static void all_sent(struct conn *c)
{
    struct xfer *x = c->x;
    bool owed = x->fl & X_SENDING;
    x->fl &= (uint16_t)~X_SENDING;
    shut_when_due(c);
    if (!owed)
        return;
    struct buf spent = {0};
    struct loop *loop = c->io.loop;
    buf_move(&spent, &x->out);
    c->s.up->sent(&c->s, &spent); /* c may be closed now; its memory lives until the batch ends */
    buf_drop(&spent, loop->segs);
}

/* Why a connection that failed while it was being made failed. */
static enum why connect_why(const struct io *io)
{
    bool tls = io->x && io->x->fault(io) == EPROTO;
    return tls ? WHY_TLS_FAILED : WHY_CONNECT_FAILED;
}

static void connected(struct conn *c)
{
    c->io.fl &= (uint16_t)~IO_CONNECTING;
    if (c->x)
        shut_when_due(c);
    c->s.up->connected(&c->s);
}

void conn_flush(struct io *io)
{
    struct conn *c = conn_of_io(io);
    if (!c->x)
        return;
    struct buf *out = &c->x->out;
    while (buf_len(out)) {
        if (!(io->fl & IO_WR))
            return; /* the write edge will bring us back */
        ssize_t n = io_send(io, buf_data(out), buf_len(out));
        if (n == IO_AGAIN)
            return;
        if (n < 0) {
            c->s.up->failed(&c->s, io->fl & IO_CONNECTING ? connect_why(io) : WHY_CLIENT_RESET);
            return;
        }
        buf_took(out, (size_t)n);
        if (io->fl & IO_CONNECTING)
            connected(c);
        if (!c->x) /* the owner has closed it */
            return;
    }
    all_sent(c);
}

bool conn_woken(struct conn *c)
{
    struct io *io = &c->io;
    if (c->x && (c->x->fl & X_SENDING) && (io->fl & IO_WR) && !(io->fl & IO_STAGED))
        conn_flush(io);
    if ((io->fl & (IO_OPEN | IO_CONNECTING)) == (IO_OPEN | IO_CONNECTING)) {
        int error = io->x ? io->x->fault(io) : io_connect_error(io);
        if (error) {
            errno = error;
            c->s.up->failed(&c->s, connect_why(io));
        } else if (!(io->fl & IO_SHAKING)) {
            connected(c);
        }
    }
    return io->fl & IO_OPEN;
}

void conn_shut(struct conn *c)
{
    c->x->fl |= X_SHUT;
    shut_when_due(c);
}

void conn_probe(struct conn *c)
{
    char byte;
    if (c->io.x)
        return;
    ssize_t n = recv(c->io.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (n < 0 && errno != EAGAIN && errno != EINTR)
        c->s.up->failed(&c->s, WHY_CLIENT_RESET);
}

static void deliver(struct conn *c, bool end)
{
    struct buf piece = {0};
    struct loop *loop = c->io.loop;
    buf_move(&piece, &c->x->in);
    c->x->fl |= X_PAUSED;
    c->s.up->body(&c->s, &piece, end);
    buf_drop(&piece, loop->segs); /* what the owner did not take */
}

/* One read of a tunnel; false: nothing more to do now. */
static bool tunnel_step(struct conn *c, size_t *moved)
{
    struct xfer *x = c->x;
    if (buf_len(&x->in)) { /* came behind the head that opened the tunnel */
        x->in_total += buf_len(&x->in);
        deliver(c, false);
        return true;
    }
    if (x->pipe || splice_wanted(c))
        return splice_step(c, moved);
    ssize_t n = conn_read(c, x->fl & X_BULK ? SEG_LARGE : SEG_SMALL);
    if (n == IO_AGAIN)
        return false;
    if (n == IO_FAIL) {
        c->s.up->failed(&c->s, errno == ENOBUFS ? WHY_OUT_OF_MEMORY : WHY_CLIENT_RESET);
        return false;
    }
    if (n == 0) {
        x->fl |= X_EOF;
        deliver(c, true);
        return false;
    }
    *moved += (size_t)n;
    x->in_total += (uint64_t)n;
    conn_env(c)->copied += (uint64_t)n;
    deliver(c, false);
    return true;
}

void conn_tunnel_read(struct conn *c)
{
    struct xfer *x = c->x;
    size_t moved = 0;
    if (x->fl & X_BUSY)
        return;
    x->fl |= X_BUSY;
    while (c->x && !(x->fl & (X_PAUSED | X_EOF)) && ((c->io.fl & IO_RD) || buf_len(&x->in))) {
        if (moved >= TUNNEL_BUDGET) {
            io_kick(&c->io);
            break;
        }
        if (!tunnel_step(c, &moved))
            break;
    }
    if (c->x)
        x->fl &= (uint16_t)~X_BUSY;
}
