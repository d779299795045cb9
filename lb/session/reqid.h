/*
 * reqid.h — request ids: UUID version 7 (RFC 9562 section 5.7) as 36 characters of lower case.
 *
 * 48 bits of milliseconds, then 12 bits of sub-millisecond fraction (section 6.2, method 3) that
 * also count: ids of one worker strictly rise, even when many are made within one reading of the
 * clock or the clock is set back. The other 62 bits are random, so workers and machines do not
 * collide; they are no secret and must not be used as one.
 */
#ifndef LB_SESSION_REQID_H
#define LB_SESSION_REQID_H

#include "lb/base/rng.h"

#include <stdint.h>

enum { REQID_TEXT = 36 };

struct reqid_gen { /* one worker's */
    struct rng rng;
    uint64_t last; /* milliseconds << 12 | fraction of the last id */
};

/* `seed` must differ between workers and starts (getrandom). */
void reqid_init(struct reqid_gen *, uint64_t seed);

/* Writes REQID_TEXT characters, no terminator. Owner thread only; never fails. */
void reqid_make(struct reqid_gen *, uint64_t wall_us, char out[REQID_TEXT]);

#endif
