/*
 * h2.h — HTTP/2 from clients (RFC 9113): many streams on one connection.
 *
 * Each stream is a front like an HTTP/1 connection is: it gives its owner a request head (as
 * HTTP/1.1 text, checked by the same parser) and body, and takes the response. The connection is
 * run by nghttp2; sockets, windows and buffers are ours. One worker's thread.
 */
#ifndef LB_HTTP_H2_H
#define LB_HTTP_H2_H

#include "lb/stream/conn.h"

#define H2_PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" /* RFC 9113 section 3.4 */
enum { H2_PREFACE_LEN = 24 };

struct h2_env; /* pools and settings of one worker */

struct h2_owner { /* static; no entry is NULL */
    /* Events of a stream that has no exchange: `head` begins one, `failed` says that the request
     * can't become one. */
    const struct stream_events *events;
    /* The client is gone: end the stream's exchange, which finishes the stream. */
    void (*abort)(struct stream *, enum why);
    /* The connection is over: close it; `linger`: its last bytes must still reach the client. */
    void (*gone)(struct conn *, bool linger);
    /* GOAWAY with an error was sent: WHY_H2_ERROR or WHY_H2_FLOOD. For counting. */
    void (*fault)(struct conn *, enum why);
};

struct h2_params {
    struct head_limits limits;
    uint64_t body_max;           /* payload of a body without a length; 0: no limit */
    uint32_t idle_ms, header_ms; /* 0: no limit */
};

/* NULL when out of memory. `seed`: for the random keys of WebSocket handshakes. */
struct h2_env *h2_env_new(uint64_t seed);
void h2_env_free(struct h2_env *); /* no connection may be left; NULL is fine */

/*
 * Makes `c` an HTTP/2 connection; bytes in c->x->in, if any, are its first input, and are looked at
 * in this turn. env->h2 must be set. false: out of memory; the caller closes then.
 */
bool h2_begin(struct conn *c, const struct h2_owner *, const struct h2_params *);

/* Is this an HTTP/2 connection? */
bool h2_is(const struct conn *);

/*
 * No new requests (GOAWAY); closes when the last exchange is over. `at_once`: requests that are on
 * their way already are not served either.
 */
void h2_drain(struct conn *, bool at_once);

/* Ends every exchange with `why` and closes. */
void h2_abort(struct conn *, enum why);

/* loop.on_timer of TIMER_SESSION: the timers of streams. */
void h2_on_timer(struct timer *, void *user);

#endif
