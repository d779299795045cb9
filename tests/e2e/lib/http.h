/*
 * http.h — just enough HTTP/1.1 for a test client: send a request, take one reply apart.
 */
#ifndef TESTS_E2E_HTTP_H
#define TESTS_E2E_HTTP_H

#include "tests/e2e/lib/client.h"

struct reply {
    int status;           /* 0: none came */
    int minor;            /* HTTP/1.minor */
    struct text head;     /* from the status line to the empty line */
    struct text body;     /* decoded */
    struct text trailers; /* of a chunked body */
    unsigned interim;     /* 1xx replies skipped before it */
    bool chunked;
    bool complete; /* the body ended as its framing promised */
};

/*
 * Reads one reply to a request of `method` (HEAD has no body). Bytes behind it stay in the client.
 * Returns false when none came in time or it is malformed; `complete` tells about the body.
 * Frees nothing of an earlier reply: call reply_free first.
 */
bool http_read(struct client *, const char *method, struct reply *, unsigned ms);
/* Only the head; the body stays in the client. */
bool http_read_head(struct client *, struct reply *, unsigned ms);
void reply_free(struct reply *);

/* The value of a field ("" when absent), nth occurrence from 0, in a buffer of the reply's own that
 * the next call overwrites. */
const char *reply_field(const struct reply *, const char *name);
/* The same in any message head; `out` of `cap` bytes. False when absent. */
bool head_field(const char *head, const char *name, unsigned nth, char *out, size_t cap);
unsigned head_count(const char *head, const char *name);

/* Sends "METHOD path HTTP/1.1", Host: test, the given lines ("A: b\r\n"…, may be NULL) and the body
 * with its Content-Length when it is not NULL. */
bool http_send(struct client *, const char *method, const char *path, const char *fields,
               const char *body, size_t n);

/* One exchange on an open connection. */
bool http_exchange(struct client *, const char *method, const char *path, const char *fields,
                   struct reply *);
/* One GET on a connection of its own; `fields` may be NULL. The status, or 0. `r` may be NULL. */
int http_get(uint16_t port, const char *path, const char *fields, struct reply *r);

/* Sends n bytes of the pattern as one chunked body, in chunks of `each`. */
bool http_send_chunks(struct client *, size_t n, size_t each);

#endif
