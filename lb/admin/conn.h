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
struct admin_conn_server;
struct evbuffer;
struct event;
struct event_base;

struct admin_conn {
    struct list link;
    struct admin_conn_server *server; /* borrowed */
    struct bufferevent *bev;          /* owned */
    struct event *deadline;           /* owned */
    void *wait;                       /* the protocol's, e.g. a reload under way */
    bool busy;                        /* a request is being answered: input waits */
    bool last;                        /* close when the answer is sent */
    bool eof;                         /* the peer sends no more */
};

struct admin_conn_rules {
    unsigned max;         /* connections at a time; further ones wait in the queue */
    size_t input_max;     /* bytes kept of what a peer sends */
    unsigned deadline_ms; /* for a request to be complete, and for each step of an answer */
    /*
     * There is input, or its end (c->eof). If a request is complete: take it from the buffer, call
     * admin_conn_answering, and add the answer to admin_conn_output. Called again when that was
     * sent.
     */
    void (*input)(struct admin_conn *c, struct evbuffer *in, void *arg);
    void (*gone)(struct admin_conn *c, void *arg); /* about to be freed; may be NULL */
};

/*
 * Serves listening socket `fd` (taken over, also on failure) by `rules` (borrowed). Nothing is
 * accepted before admin_conn_server_start. NULL: out of memory.
 */
struct admin_conn_server *admin_conn_server_new(struct event_base *, int fd,
                                                const struct admin_conn_rules *rules, void *arg);
void admin_conn_server_start(struct admin_conn_server *);
void admin_conn_server_free(struct admin_conn_server *); /* cuts all connections; NULL is a no-op */

/* A request was taken: no deadline and no further input until the answer is complete. */
void admin_conn_answering(struct admin_conn *);
struct evbuffer *admin_conn_output(struct admin_conn *);
/* The answer is complete in the output; `last`: close after it. */
void admin_conn_answered(struct admin_conn *, bool last);
/* Cuts it now; `c` must not be used afterwards. */
void admin_conn_free(struct admin_conn *);

int admin_conn_fd(const struct admin_conn *);

#endif
