/*
 * edit.h — a message head edited in place, so that head and body leave in one send.
 *
 * Fields are dropped by moving what stands before them to the right, lines are added between the
 * start line and the first field by moving the start line to the left, into the headroom. The body
 * behind the head never moves.
 */
#ifndef LB_MSG_EDIT_H
#define LB_MSG_EDIT_H

#include "lb/base/buf.h"
#include "lb/msg/head.h"

struct edits {
    uint64_t drop[HEAD_FIELDS_MAX / 64]; /* bit i: field i is removed */
    struct slice start;                  /* replaces the start line, CRLF included; empty: kept */
    struct slice add;                    /* whole field lines, CRLF after each; may be empty */
}; /* `start` and `add` are borrowed until edits_apply, and must lie outside of the buffer */

static inline void edits_drop(struct edits *e, unsigned field)
{
    e->drop[field / 64] |= UINT64_C(1) << (field % 64);
}

/*
 * Marks the hop-by-hop fields for removal (RFC 9110 section 7.6.1): Connection and what it
 * nominates, Keep-Alive, Proxy-Connection, TE, Upgrade, and the framing fields when
 * the framing is written anew by the caller (`reframe`). Connection can't nominate what lb needs.
 * Responses that can't have framing fields (1xx, 204, tunnels) lose them in any case.
 */
void edits_drop_hop(struct edits *, const struct head *, bool reframe);

/*
 * For an absolute-form target going to an origin (RFC 9112 section 3.2.2): makes out[max] hold the
 * request line in origin-form (asterisk-form for OPTIONS without a path) followed by a Host line
 * with the target's authority, points e->start at both and drops the Host fields. Returns the bytes
 * used in `out`; 0 when they do not fit, and nothing was changed then.
 */
size_t edits_origin_form(struct edits *e, const struct head *h, char *out, size_t max);

/*
 * Applies the edits to the head at the front of `b` (h->base must be buf_data(b)). Afterwards
 * buf_data(b) is the new head followed by the body bytes that were there; `h` is no longer valid.
 * false when the headroom does not suffice; nothing was changed then.
 */
bool edits_apply(const struct edits *, const struct head *h, struct buf *b);

#endif
