/*
 * conn.h — connections of people and scrapers: the part the HTTP server and the socket share.
 *
 * libevent's bufferevents, as this is off the data path; evhttp is not used because its 2.1 has no
 * limit of connections, no deadline for a whole request and spins when descriptors run out. Here a
 * listener takes at most `max` connections, a request must be complete within a deadline from its
 * beginning, an answer must make progress, and input is bounded. Control thread only.
 */
#ifndef LB_ADMIN_CONN_H
#define LB_ADMIN_CONN_H

#include "lb/base/list.h"

#include <stdbool.h>
#include <stddef.h>

struct bufferevent;
struct conn_server;
struct evbuffer;
struct event;
struct event_base;

struct conn {
    struct list link;
    struct conn_server *server; /* borrowed */
    struct bufferevent *bev;    /* owned */
    struct event *deadline;     /* owned */
    void *wait;                 /* the protocol's, e.g. a reload under way */
    bool busy;                  /* a request is being answered: input waits */
    bool last;                  /* close when the answer is sent */
    bool eof;                   /* the peer sends no more */
};

struct conn_rules {
    unsigned max;         /* connections at a time; further ones wait in the queue */
    size_t input_max;     /* bytes kept of what a peer sends */
    unsigned deadline_ms; /* for a request to be complete, and for each step of an answer */
    /*
     * There is input, or its end (c->eof). If a request is complete: take it from the buffer, call
     * conn_answering, and add the answer to conn_output. Called again when that was sent.
     */
    void (*input)(struct conn *c, struct evbuffer *in, void *arg);
    void (*gone)(struct conn *c, void *arg); /* about to be freed; may be NULL */
};

/*
 * Serves listening socket `fd` (taken over, also on failure) by `rules` (borrowed). Nothing is
 * accepted before conn_server_start. NULL: out of memory.
 */
struct conn_server *conn_server_new(struct event_base *, int fd, const struct conn_rules *rules,
                                    void *arg);
void conn_server_start(struct conn_server *);
void conn_server_free(struct conn_server *); /* cuts all connections; NULL is a no-op */

/* A request was taken: no deadline and no further input until the answer is complete. */
void conn_answering(struct conn *);
struct evbuffer *conn_output(struct conn *);
/* The answer is complete in the output; `last`: close after it. */
void conn_answered(struct conn *, bool last);
/* Cuts it now; `c` must not be used afterwards. */
void conn_free(struct conn *);

int conn_fd(const struct conn *);

#endif
