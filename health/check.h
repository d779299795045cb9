/*
 * check.h — the interface of active health checks.
 *
 * A check opens one connection to one address on the control loop and says once whether the server
 * is fine. Rise and fall, intervals, jitter and verdicts are monitor.c's: a check merely reports.
 */
#ifndef HEALTH_CHECK_H
#define HEALTH_CHECK_H

#include "lb/base/opts.h"
#include "lb/net/io.h"

#include <sys/socket.h>

struct err;
struct probe;

struct check {
    struct plug_desc desc;
    /* Compiles arguments and options; control thread. 0, or -1 with `e`. NULL: nothing to do. */
    int (*prepare)(const char *const *args, unsigned nargs, const struct opts *, void **shared,
                   struct err *e);
    void (*release)(void *shared); /* NULL: nothing to free */
    /* Begins: p->io is open and connecting, or already connected (with TLS on when the
     * server's traffic has it: io_send and io_recv wait for the handshake). Sets p->io.ops, works
     * by io callbacks (see probe_connected), ends by calling probe_done exactly once, possibly
     * before it returns; what it allocated is freed before that call. */
    void (*start)(struct probe *p);
    /* Ends without a report (time-out, reload); frees what start made. NULL: nothing to free. */
    void (*cancel)(struct probe *p);
    bool plain;        /* speaks to the port without TLS even if the server's traffic has it */
    bool needs_tls;    /* is about TLS: prepare fails for a server without */
    size_t state_size; /* bytes of p->state, zeroed before start */
};

struct probe {
    const struct check *check;
    const void *shared; /* from prepare */
    struct loop *loop;
    struct io io;     /* opened by the monitor, closed by it after probe_done */
    const char *host; /* the server's address as text, default Host */
    void *state;      /* state_size bytes */
    void *owner;      /* the monitor's */
    bool connected;   /* see probe_connected */
    uint8_t proxy;    /* version of the PROXY header the server wants first; 0: none */
};

/*
 * For a check's io callbacks: true once the connection stands. Else false, and the callback
 * returns: either the connect is still under way, or it failed and the probe is over (`cancel` was
 * called and the failure reported; `p` must not be used any more).
 */
bool probe_connected(struct probe *);

/* The verdict: `cause` is a short sentence for log and status page ("status 503", "timed out"). */
void probe_done(struct probe *, bool ok, const char *cause);
/* The same for a failed system call. */
void probe_done_errno(struct probe *, int error);
/* Instead of a verdict: our own trouble (no memory) kept the server from being asked. Tried again
 * soon; counts for nothing. */
void probe_give_up(struct probe *, int error);

/* All checks there are, NULL-terminated; and one by its name or NULL. */
const struct check *const *check_builtin(void);
const struct check *check_find(const char *name);

#endif
