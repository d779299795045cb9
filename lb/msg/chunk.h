/*
 * chunk.h — the chunked coding (RFC 9112 section 7.1): validated while it passes, byte for byte.
 *
 * A scanner finds the end of the body and refuses what is malformed, so that the bytes can be
 * forwarded as they came. chunk_decode also takes the framing out, in place, for peers that do not
 * speak it (HTTP/1.0, HTTP/2).
 */
#ifndef LB_MSG_CHUNK_H
#define LB_MSG_CHUNK_H

#include "lb/base/why.h"

#include <stddef.h>
#include <stdint.h>

enum { CHUNK_EXT_MAX = 256, CHUNK_TRAILER_MAX = 4096 }; /* bytes: per chunk; all trailers */

struct chunk_scan {
    uint64_t left;  /* data bytes of the chunk at hand */
    uint64_t total; /* payload bytes seen so far */
    uint16_t line;  /* bytes of the extension, or of all trailers, so far */
    uint8_t state;  /* private */
    uint8_t digits; /* hex digits of the size so far */
};

enum chunk_verdict { CHUNK_MORE, CHUNK_DONE, CHUNK_BAD };

void chunk_init(struct chunk_scan *);

/*
 * Scans n bytes. *used gets the bytes that belong to the body: n with CHUNK_MORE; with CHUNK_DONE
 * what follows is the next message's. CHUNK_BAD: *why says what is wrong.
 */
enum chunk_verdict chunk_scan(struct chunk_scan *, const char *p, size_t n, size_t *used,
                              enum why *why);

/* As chunk_scan, but moves the payload to the front of `p`; *payload gets its length. Trailers are
 * dropped. */
enum chunk_verdict chunk_decode(struct chunk_scan *, char *p, size_t n, size_t *used,
                                size_t *payload, enum why *why);

enum { CHUNK_HEAD_MAX = 18 }; /* 16 hex digits and CRLF */

/* Writes the size line for n bytes so that it ends just before `end`; returns its length. */
size_t chunk_head_before(char *end, uint64_t n);

#endif
