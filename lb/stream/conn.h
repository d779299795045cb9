/*
 * conn.h — a connection: io, one timer, a place in a list, and, while bytes are in flight, buffers.
 *
 * Client and upstream connections are the same object. An idle one owns no segment and no xfer.
 * What protocols share is here: reading into a segment, staging and flushing output, raw tunnels.
 */
#ifndef LB_STREAM_CONN_H
#define LB_STREAM_CONN_H

#include "lb/net/addr.h"
#include "lb/net/io.h"
#include "lb/stream/stream.h"

/* What the connections of one worker share; `loop` is first so that a loop leads back to it. */
struct stream_env {
    struct loop loop;
    struct pool *conns;  /* struct conn */
    struct pool *xfers;  /* struct h1, which begins with a struct xfer */
    struct head head;    /* scratch of the one callback that runs */
    struct pipes *pipes; /* for splice; may be NULL */
    /* io.run of those that had no room to read into, the longest wait first: for a message that
     * begins something (SHARE_BEGIN), and for others. */
    struct list starved_new, starved;
    uint32_t starvations;     /* since the owner looked last */
    struct h2_env *h2;        /* of HTTP/2 connections; the owner of the env's */
    uint64_t copied, spliced; /* bytes of bodies and tunnels; folded into the counters */
    bool splice_off;          /* set by configuration or when pipes can't be had */
};

enum xfer_state { RD_HEAD, RD_BODY, RD_DONE, RD_TUNNEL };

enum xfer_flag {
    X_PAUSED = 1 << 0, /* the owner has not asked for more */
    X_BUSY = 1 << 1,   /* in the read loop: resume only clears X_PAUSED */
    X_EOF = 1 << 2,    /* the peer's end of input was seen */
    X_SHUT = 1 << 3,   /* half-close after `out` is empty */
    X_SHUT_DONE = 1 << 4,
    X_ENCODE = 1 << 5,  /* output is framed in chunks */
    X_DECODE = 1 << 6,  /* input framing is taken out */
    X_BULK = 1 << 7,    /* the last read filled its segment */
    X_SENDING = 1 << 8, /* output was given and `sent` is owed */
};

struct xfer { /* only while bytes are in flight */
    struct buf in, out;
    uint64_t in_total;      /* tunnel bytes read */
    struct conn *sink;      /* where a tunnel's bytes go, when splice is possible; borrowed */
    struct pipe_pair *pipe; /* borrowed from env->pipes while splicing */
    uint16_t fl;
    uint8_t state;
};

struct conn {
    struct io io;
    struct timer timer;
    struct grave grave; /* alive: grave.link is the place in the owner's list */
    struct stream s;
    struct xfer *x; /* owned; NULL while idle */
    void *home;     /* client: where it was accepted; upstream: its server; the owner's */
    uint64_t born_us;
    uint64_t source; /* client: key in the table of sources; 0: not counted */
    struct peer peer;
    uint32_t exchanges; /* begun on this connection */
    bool bulk;          /* the last message was long: read the next in large pieces */
};

static inline struct stream_env *conn_env(const struct conn *c)
{
    return container_of(c->io.loop, struct stream_env, loop);
}

static inline struct conn *conn_of(struct stream *s)
{
    return container_of(s, struct conn, s);
}

static inline struct conn *conn_of_io(struct io *io)
{
    return container_of(io, struct conn, io);
}

/* The connection a stream runs on, and the timer its owner may use. */
static inline struct conn *stream_conn(struct stream *s)
{
    return s->ops->conn ? s->ops->conn(s) : conn_of(s);
}

static inline struct timer *stream_timer(struct stream *s)
{
    return s->ops->timer ? s->ops->timer(s) : &conn_of(s)->timer;
}

/* Has the stream output that was not taken yet? *mark changes as it moves. */
static inline bool stream_pending(struct stream *s, uint32_t *mark)
{
    if (s->ops->pending)
        return s->ops->pending(s, mark);
    const struct xfer *x = conn_of(s)->x;
    *mark = x ? x->out.head : 0;
    return x && (x->fl & X_SENDING);
}

/* Pools and loop of one worker. `xfer_size`: bytes of the largest xfer. 0, or -1 with errno. */
int stream_env_init(struct stream_env *, size_t xfer_size, size_t seg_ceiling);
void stream_env_close(struct stream_env *); /* no connection may be left */

/* A connection on `fd` (taken over; closed on failure) with `ops` as protocol; NULL: out of memory
 * or the loop refused it. */
struct conn *conn_new(struct stream_env *, int fd, const struct io_ops *, const struct stream_ops *,
                      uint16_t io_fl);

/* Makes c->x when there is none. false: out of memory. */
bool conn_activate(struct conn *);
/* Frees c->x and its segments. */
void conn_deactivate(struct conn *);

/* Closes and buries the connection; no event comes any more. `reset`: with a RST. */
void conn_close(struct conn *, bool reset);

/*
 * Reads once into x->in, attaching a segment of class `c` or, near the memory limit, a smaller one.
 * > 0 bytes, 0 end of input, IO_AGAIN, IO_FAIL (errno ENOBUFS: out of memory). At the limit it is
 * IO_AGAIN, with IO_RD still set; the connection waits in env->starved or starved_new.
 */
ssize_t conn_read(struct conn *, enum seg_class c, enum seg_share);

/* Moves the first n bytes of x->in to `to`; false: out of memory. */
bool conn_take(struct conn *, struct buf *to, size_t n);

/* Stages `b` for the flush pass (large pieces are sent at once). Nothing may be staged already. */
void conn_send(struct conn *, struct buf *b);

/* io_ops.flush: sends what is staged, then up->sent. */
void conn_flush(struct io *);

/* Marks that a half-close follows what is staged. */
void conn_shut(struct conn *);

/* Reads and delivers raw bytes until paused, drained or over budget. */
void conn_tunnel_read(struct conn *);

/* Has the peer reset the connection? Reports through up->failed when so. For the rare cases where a
 * wake-up can't tell: libevent hides a hang-up that comes with an error. */
void conn_probe(struct conn *);

/*
 * What every io callback begins with: finishes a connect that was under way, goes on with staged
 * output. false: the connection is gone.
 */
bool conn_woken(struct conn *);

#endif
