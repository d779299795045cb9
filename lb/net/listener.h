/*
 * listener.h — one listening socket in one loop.
 *
 * Level-triggered; accepts at most LISTENER_BATCH connections a turn. Out of descriptors or memory
 * it pauses for 50 ms instead of spinning, and counts.
 */
#ifndef LB_NET_LISTENER_H
#define LB_NET_LISTENER_H

#include "lb/net/loop.h"

#include <sys/socket.h>

enum { LISTENER_BATCH = 64 };

struct listener {
    struct event ev;
    struct timer pause;
    struct loop *loop; /* borrowed */
    int fd;            /* borrowed: sockets belong to the snapshot */
    bool on;           /* the event is added */
    /* A new connection; takes the fd over. */
    void (*accepted)(struct listener *, int fd, const struct sockaddr *, socklen_t);
    /* accept failed for lack of something; once per pause. May be NULL. */
    void (*failed)(struct listener *, int error);
    void *owner;
};

/* Begins to accept. 0, or -1 with errno. `accepted`, `failed` and `owner` are set by the caller. */
int listener_start(struct listener *, struct loop *, int fd);

/* Stops; what is queued stays in the socket. Harmless when not started. */
void listener_stop(struct listener *);

/* Accepts what is queued until EAGAIN (a bind that goes away must not lose connections). */
void listener_drain(struct listener *);

/* For the loop's on_timer[TIMER_LISTENER]. */
void listener_on_timer(struct timer *, void *user);

#endif
