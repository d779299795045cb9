/*
 * stream.h — one exchange's view of one side: optional head, body bytes, end, in each direction.
 *
 * Front ends (h1, raw, later h2) and back ends (h1, raw) are streams; the session couples two of
 * them and knows nothing else about protocols. Bytes move in `struct buf` pieces that change hands:
 * whoever holds the piece owns its segment.
 *
 * Flow control: after each `head` or `body` event the stream is paused; `resume` lets it read on.
 * The session resumes one side when the other has `sent` what it was given, so one buffer is in
 * flight per direction and a slow reader slows the writer.
 */
#ifndef LB_STREAM_STREAM_H
#define LB_STREAM_STREAM_H

#include "lb/base/buf.h"
#include "lb/base/pool.h"
#include "lb/base/why.h"
#include "lb/msg/edit.h"
#include "lb/msg/head.h"
#include "lb/net/loop.h"

#include <stdbool.h>

struct stream;

enum stream_end {
    STREAM_KEEP,   /* the exchange was complete: the connection may carry the next */
    STREAM_LINGER, /* a reply was sent, but the peer may still be sending */
    STREAM_CLOSE,
    STREAM_RESET, /* what was sent is incomplete and must look so */
};

struct stream_events { /* how a stream tells its owner; never NULL entries */
    /* A head is complete at the front of the stream's input. Owner answers with open_body and take
     * before it returns (or finish). `h` is the worker's scratch. */
    void (*head)(struct stream *, struct head *h);
    /* Body bytes, ownership included; may be empty when `end`. */
    void (*body)(struct stream *, struct buf *piece, bool end);
    /* Everything given to send was taken by the kernel; `spent` is the segment, which the owner may
     * keep (buf_move) for a replay. */
    void (*sent)(struct stream *, struct buf *spent);
    /* The connection failed or ended where it must not; or a message is malformed. */
    void (*failed)(struct stream *, enum why);
    /* A connect that was under way has succeeded (never called for accepted or pooled ones). */
    void (*connected)(struct stream *);
    /* The connection's timer fired. */
    void (*timeout)(struct stream *, uint8_t kind);
};

struct stream_ops {
    const char *name;
    /*
     * Answers a head event: scans the body bytes that came with it. `decode`: take chunked framing
     * out. *body gets the bytes of body behind the head, *end whether the message is complete.
     * false: malformed body, *why says how.
     */
    bool (*open_body)(struct stream *, const struct head *h, bool decode, size_t *body, bool *end,
                      enum why *why);
    /* Moves the first n bytes of the input to `to`; what is behind them stays for later. false: out
     * of memory. */
    bool (*take)(struct stream *, struct buf *to, size_t n);
    /*
     * Sends a message head with `e` applied, and the body bytes behind it in `b` (ownership
     * included). `encode`: the body goes out in chunked coding. false: it did not fit.
     */
    bool (*send_head)(struct stream *, struct head *h, const struct edits *e, struct buf *b,
                      bool encode, bool end);
    /* Sends bytes that are ready made (a replay, a canned reply, body bytes); `end`: the message
     * ends with them. Ownership included. */
    void (*send)(struct stream *, struct buf *piece, bool end);
    /* Reads on after a head or body event. */
    void (*resume)(struct stream *);
    /* Both directions are raw bytes from now on (101, CONNECT). */
    void (*tunnel)(struct stream *);
    /* Half-close towards the peer, once everything was sent. */
    void (*shut)(struct stream *);

    /* --- only for streams that share a connection (HTTP/2); NULL: the stream is a connection ---
     */
    struct conn *(*conn)(struct stream *);
    struct timer *(*timer)(struct stream *);
    /* Output that was given and not taken yet; *mark changes as it moves. */
    bool (*pending)(struct stream *, uint32_t *mark);
    /* The owner is done with a front stream; it must not be used afterwards. */
    void (*finish)(struct stream *, enum stream_end how);
};

struct stream {
    const struct stream_ops *ops;
    const struct stream_events *up; /* the owner's */
    void *owner;
};

#endif
