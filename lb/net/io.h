/*
 * io.h — one file descriptor, one edge-triggered event, one thread.
 *
 * Readiness is a fact kept in user space: IO_RD and IO_WR stay set until a call says otherwise
 * (EAGAIN, or a transfer shorter than asked). Back-pressure means not reading; the interest set
 * never changes. A transport (`xport`, e.g. TLS) may stand between the calls and the descriptor.
 */
#ifndef LB_NET_IO_H
#define LB_NET_IO_H

#include "lb/net/loop.h"

#include <sys/types.h>
#include <sys/uio.h>

enum { IO_AGAIN = -1, IO_FAIL = -2 }; /* IO_FAIL: errno says why */

enum io_flag {
    IO_RD = 1 << 0,  /* a read may give something */
    IO_WR = 1 << 1,  /* a write may take something */
    IO_HUP = 1 << 2, /* the peer has shut its side: read on until 0 */
    IO_OPEN = 1 << 3,
    IO_CONNECTING = 1 << 4, /* a connect is under way */
    IO_STAGED = 1 << 5,     /* in the flush queue */
    IO_SOCK = 1 << 6,       /* for transports: the socket itself may have bytes */
    IO_SHAKING = 1 << 7,    /* the transport shakes hands: nothing of the owner's has left yet */
    IO_BROKEN = 1 << 8,     /* the transport failed: recv and send say IO_FAIL, `fault` says why */
    IO_STARVED = 1 << 9,    /* `run` is in a queue of those that wait for memory */
};

struct io_ops {
    void (*ready)(struct io *); /* readiness changed (or io_kick) */
    void (*flush)(struct io *); /* the flush pass: send what is staged; may be NULL */
};

struct xport { /* NULL in io.x: plain */
    const char *name;
    ssize_t (*recv)(struct io *, void *, size_t);
    ssize_t (*send)(struct io *, const void *, size_t);
    void (*shut)(struct io *);  /* no more will be sent; the half-close included */
    void (*close)(struct io *); /* say goodbye unless IO_BROKEN, free xctx */
    void (*event)(struct io *); /* an edge came, before ops->ready: go on with what is pending */
    int (*fault)(const struct io *); /* errno of what broke it, 0: nothing; EPROTO: the transport */
};

struct io {
    struct event ev;
    struct loop *loop;        /* borrowed */
    const struct io_ops *ops; /* static */
    const struct xport *x;    /* NULL: plain */
    void *xctx;               /* owned by x */
    struct io *flush_next;
    struct list run;
    int fd; /* owned; -1 when closed */
    uint16_t fl;
};

/*
 * Takes `fd` (non-blocking) into the loop: one epoll_ctl. `fl` are initial
 * IO_RD/IO_WR/IO_CONNECTING facts the caller knows. 0, or -1 with errno (the fd is not closed
 * then). May not call back before returning.
 */
int io_open(struct io *, struct loop *, int fd, const struct io_ops *, uint16_t fl);

/* > 0 bytes, 0 end of input, IO_AGAIN, IO_FAIL. */
ssize_t io_recv(struct io *, void *, size_t);
/* >= 0 bytes taken, IO_AGAIN, IO_FAIL. MSG_NOSIGNAL. */
ssize_t io_send(struct io *, const void *, size_t);

/* Half-close: no more will be sent (SHUT_WR, or close_notify first). */
void io_shut(struct io *);

/* Calls ops->ready again in this turn: no edge will come for bytes already known of. */
void io_kick(struct io *);

/* Puts it in `queue` until io_fed or io_kick takes it out: for ready calls that must wait. */
void io_starve(struct io *, struct list *queue);
void io_fed(struct io *);

/* Puts the io in the flush queue of this batch, once. */
void io_stage(struct io *);

/* event_del, close, out of all queues. The memory is the owner's: bury it. Harmless when closed. */
void io_close(struct io *);

/* As io_close, but the peer gets a RST (SO_LINGER 0): a truncated message must not look whole. */
void io_reset(struct io *);

/* Takes the fd out of the loop without closing it (to move it elsewhere); the fd. */
int io_release(struct io *);

/* The pending error of a finished connect (SO_ERROR); 0: connected. */
int io_connect_error(struct io *);

#endif
