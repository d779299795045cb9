/*
 * h2.h — an HTTP/2 client that writes frames by hand, right and wrong ones; HPACK is nghttp2's.
 *
 * Fields are given as text, "name: value" lines. What the peer sends is read frame by frame;
 * SETTINGS are acknowledged by the reader, windows are opened only when the test says so.
 */
#ifndef TESTS_E2E_H2_H
#define TESTS_E2E_H2_H

#include "tests/e2e/lib/client.h"

#include <nghttp2/nghttp2.h>

enum { H2_END_STREAM = 1, H2_ACK = 1, H2_END_HEADERS = 4, H2_PADDED = 8, H2_PRIORITY = 32 };

#define H2_GET(path)  ":method: GET\n:scheme: http\n:path: " path "\n:authority: test\n"
#define H2_POST(path) ":method: POST\n:scheme: http\n:path: " path "\n:authority: test\n"

struct h2 {
    struct client c;
    nghttp2_hd_deflater *def; /* owned */
    nghttp2_hd_inflater *inf; /* owned */
    unsigned acked;           /* SETTINGS of ours that the peer acknowledged */
    bool greedy;              /* opens windows as DATA comes */
};

struct h2_frame {
    uint8_t type, flags;
    uint32_t id, n;
    const uint8_t *p; /* the payload; borrowed until the next read */
};

struct h2_reply {
    int status;       /* of the final head; 0: none came */
    unsigned interim; /* 1xx heads before it */
    struct text head; /* "name: value\n" lines, trailers too */
    struct text body;
    bool ended, reset;   /* END_STREAM, RST_STREAM */
    bool goaway, closed; /* of the connection */
    uint32_t error;      /* of reset or goaway */
};

/* Connects; h2_open also sends the preface and empty SETTINGS. */
void h2_connect(struct h2 *, uint16_t port);
void h2_open(struct h2 *, uint16_t port);
void h2_close(struct h2 *);

bool h2_frame(struct h2 *, uint8_t type, uint8_t flags, uint32_t id, const void *p, size_t n);
/* The block of `fields`, in one HEADERS (or CONTINUATION) frame. */
bool h2_headers(struct h2 *, uint32_t id, uint8_t flags, const char *fields);
void h2_block(struct h2 *, const char *fields, struct text *out);
bool h2_get(struct h2 *, uint32_t id, const char *path);
bool h2_rst(struct h2 *, uint32_t id, uint32_t error);
bool h2_window(struct h2 *, uint32_t id, uint32_t more);
/* n bytes of the pattern from `from` on as DATA frames of at most `each`. */
bool h2_pattern(struct h2 *, uint32_t id, size_t from, size_t n, size_t each, bool end);

/* The next frame, whatever it is. False: none came, the connection may be closed. */
bool h2_next(struct h2 *, struct h2_frame *, unsigned ms);
/* Notes what `f` means for stream `id`. */
void h2_note(struct h2 *, const struct h2_frame *f, uint32_t id, struct h2_reply *);
/* Reads until stream `id` has ended in some way. True: END_STREAM. */
bool h2_read(struct h2 *, uint32_t id, struct h2_reply *, unsigned ms);
void h2_reply_free(struct h2_reply *);

#endif
