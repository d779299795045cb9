/*
 * h2_int.h — what the files of HTTP/2 share. Private to lb/http.
 *
 * nghttp2's callbacks only note what came, in the stream and in h2.ready; the owners hear of it
 * when nghttp2 has returned (h2_dispatch). So nothing is ended inside a callback, and a request
 * that is reset in the packet it came in costs no server anything.
 */
#ifndef LB_HTTP_H2_INT_H
#define LB_HTTP_H2_INT_H

#include "lb/base/rng.h"
#include "lb/base/slice.h"
#include "lb/http/h2.h"

#include <nghttp2/nghttp2.h>

enum {
    H2_STREAMS_MAX = 128,         /* at a time, per connection */
    H2_STREAM_WINDOW = 64 * 1024, /* bytes of body a client may send ahead, per stream */
    H2_CONN_WINDOW = 1024 * 1024, /* the connection's; given back as bytes come in */
    H2_QUEUE = 6,                 /* segments that hold a stream's window, partly filled ones too */
    H2_CONTINUATIONS_MAX = 8,     /* of one header block */
};

struct h2_env {
    struct pool *conns, *streams;
    nghttp2_session_callbacks *callbacks;
    nghttp2_option *option;
    struct rng rng;
};

struct h2_abuse { /* a leaking bucket of points for what costs us more than the client */
    uint32_t score, last_ms;
    uint16_t updates;       /* window updates that sent data pays for */
    uint16_t continuations; /* of the header block under way */
};

struct h2_asked { /* pseudo-header fields of the block under way; counted references, or NULL */
    nghttp2_rcbuf *method, *path, *authority, *protocol;
};

struct h2 {
    struct conn *c;               /* borrowed; leads back by c->s.owner */
    struct h2_env *env;           /* borrowed */
    const struct h2_owner *owner; /* static */
    nghttp2_session *ng;          /* owned */
    struct list streams, ready;   /* h2_stream.all, .ready */
    struct buf out;               /* frames that the kernel has not taken */
    struct slice held;            /* nghttp2's: a frame, or its rest, that did not fit in `out` */
    struct h2_asked asked;
    struct h2_stream *block; /* whose header block is under way */
    struct h2_abuse abuse;
    struct h2_params params;
    enum why why;              /* of the error we sent GOAWAY with; 0: none */
    uint32_t fault;            /* an error nghttp2 did not see; 0: none */
    int32_t last_id, reset_id; /* the highest stream begun; … and reset by us */
    bool in_header;            /* a header block has begun and not ended */
    bool timer_idle;           /* the timer counts idle time */
    bool notified;             /* a first GOAWAY is out; the last follows the client's answer */
    bool flood;                /* the score is beyond the limit */
    bool closing;              /* GOAWAY with an error: nothing is read any more */
    bool starved;              /* not even one frame finds room */
    bool over;                 /* being freed: streams must not touch nghttp2 */
};

enum h2_stream_flag {
    ST_STARTED = 1 << 0,    /* the request line is written */
    ST_HAS_LENGTH = 1 << 1, /* content-length was given */
    ST_TOO_LARGE = 1 << 2,  /* the head is beyond the limit */
    ST_NO_MEMORY = 1 << 3,
    ST_HEAD_IN = 1 << 4,     /* the request head is complete */
    ST_HEAD_GIVEN = 1 << 5,  /* … and the owner knows */
    ST_END_IN = 1 << 6,      /* END_STREAM came */
    ST_END_GIVEN = 1 << 7,   /* … and the owner knows */
    ST_PAUSED = 1 << 8,      /* the owner has not asked for more body */
    ST_HEAD_OUT = 1 << 9,    /* a final response head was submitted */
    ST_OWES_SENT = 1 << 10,  /* output was given and `sent` is owed */
    ST_ALL_SENT = 1 << 11,   /* … and is due */
    ST_END_WANTED = 1 << 12, /* END_STREAM follows `out` */
    ST_END_OUT = 1 << 13,    /* END_STREAM was written */
    ST_CLOSED = 1 << 14,     /* nghttp2 does not know the stream any more */
    ST_FINISHED = 1 << 15,   /* the owner is done with it */
    ST_TUNNEL = 1 << 16,
    ST_CONNECT = 1 << 17,   /* extended CONNECT (RFC 8441) */
    ST_MALFORMED = 1 << 18, /* was reset for its fields */
};

struct h2_stream {
    struct stream s;
    struct h2 *h2; /* borrowed */
    struct list all, ready;
    struct timer timer;     /* the owner's */
    struct buf head;        /* the request head as text, until the owner takes it */
    struct buf q[H2_QUEUE]; /* body, oldest first */
    struct buf out;         /* what is being sent; a head's fields are kept in front of it */
    uint64_t left;          /* FRAMING_LENGTH: body bytes to be given to the owner */
    uint64_t queued;        /* bytes in q */
    uint64_t body_in;       /* body bytes given to the owner */
    int32_t id;
    uint32_t fl;         /* enum h2_stream_flag */
    uint32_t mark;       /* moves with output */
    uint32_t cookie_end; /* where the next crumb goes; 0: no cookie yet */
    uint8_t nq;
    uint8_t framing; /* enum framing of the request towards the owner */
};

static inline struct h2_stream *h2_stream_of(struct stream *s)
{
    return container_of(s, struct h2_stream, s);
}

static inline struct segs *h2_segs(const struct h2 *h)
{
    return h->c->io.loop->segs;
}

/* --- h2_front.c --- */
void h2_wake(struct h2 *);                /* there is something to send or to dispatch */
void h2_ready_stream(struct h2_stream *); /* run it at the next dispatch */
/* Room for n more bytes of output; NULL when the kernel must take some first. */
char *h2_room(struct h2 *, size_t n);

/* --- h2_frames.c: nghttp2's callbacks --- */
nghttp2_session_callbacks *h2_callbacks_new(void);

/* --- h2_request.c: from fields to an HTTP/1.1 head --- */
/* One field of the block; false: the request is malformed. */
bool h2_request_field(struct h2_stream *, nghttp2_rcbuf *name, nghttp2_rcbuf *value);
/* The block is complete. */
void h2_request_done(struct h2_stream *);
/* Frames the body and ends the head. false: what is missing is memory or room in the limit. */
bool h2_request_close(struct h2_stream *);
void h2_asked_clear(struct h2_asked *);

/* --- h2_stream.c --- */
extern const struct stream_ops h2_stream_ops;
struct h2_stream *h2_stream_new(struct h2 *, int32_t id);
void h2_stream_free(struct h2_stream *);
/* Body bytes came. false: more than the window allows, or out of memory. */
bool h2_stream_data(struct h2_stream *, const uint8_t *p, size_t n);
/* Tells the owner what happened; the stream may be freed. */
void h2_stream_run(struct h2_stream *);

/* --- h2_reply.c --- */
bool h2_send_head(struct stream *, struct head *, const struct edits *, struct buf *, bool encode,
                  bool end);
void h2_send(struct stream *, struct buf *, bool end);
ssize_t h2_read_body(nghttp2_session *, int32_t id, uint8_t *, size_t max, uint32_t *flags,
                     nghttp2_data_source *, void *user);
int h2_write_body(nghttp2_session *, nghttp2_frame *, const uint8_t *head, size_t n,
                  nghttp2_data_source *, void *user);
void h2_head_written(struct h2_stream *, bool end);

/* --- h2_abuse.c --- */
/* A frame came from the client. true: it is beyond what a client may ask for. */
bool h2_abuse_frame(struct h2_abuse *, const nghttp2_frame_hd *, uint32_t now_ms);
/* A stream was reset by us for a fault of the client's. */
bool h2_abuse_reset(struct h2_abuse *, uint32_t now_ms);
/* A DATA frame was sent: window updates are answers to them. */
void h2_abuse_sent_data(struct h2_abuse *);

#endif
