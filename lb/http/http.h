/*
 * http.h — HTTP/1 endpoints: streams on one connection each.
 *
 * h1 reads heads and bodies by the framing that lb/msg decides and writes what the session hands
 * over. The same code serves both sides; the front reads requests, the back reads responses.
 */
#ifndef LB_HTTP_HTTP_H
#define LB_HTTP_HTTP_H

#include "lb/msg/chunk.h"
#include "lb/stream/conn.h"

struct h1 { /* begins with the xfer that conn.x points to */
    struct xfer x;
    uint64_t left;           /* FRAMING_LENGTH: body bytes still to come */
    struct chunk_scan chunk; /* FRAMING_CHUNKED */
    uint32_t resume;         /* of the head parser */
    uint8_t framing;         /* enum framing of the message being read */
    struct head_limits limits;
    uint64_t body_max; /* payload of a chunked request; 0: no limit */
};

extern const struct io_ops h1_io_ops;
extern const struct stream_ops h1_front_ops, h1_back_ops;

static inline struct h1 *h1_of(const struct conn *c)
{
    return (struct h1 *)(void *)c->x;
}

/* Begins (or goes on) reading messages: activates the connection. `body_max` bounds the payload of
 * chunked bodies (0: none; of others the head tells). false: out of memory. */
bool h1_begin(struct conn *, const struct head_limits *, uint64_t body_max);

/* Reads as far as it goes. */
void h1_advance(struct conn *);

/* The io callback of an active connection, for owners that wrap it. */
void h1_ready(struct io *);

/*
 * The exchange is over and the connection stays open: back to waiting for a message. Bytes that
 * are already there are looked at in this turn; without any, the connection gives up its buffers.
 */
void h1_next(struct conn *);

/* Is a part of the next request's head there already? (408 or silent close) */
bool h1_head_begun(const struct conn *);

#endif
