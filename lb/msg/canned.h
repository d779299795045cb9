/*
 * canned.h — replies that lb makes itself.
 */
#ifndef LB_MSG_CANNED_H
#define LB_MSG_CANNED_H

#include "lb/base/slice.h"
#include "lb/base/why.h"

#include <stdbool.h>

enum { CANNED_MAX = 1536 }; /* bytes a reply may need */

struct canned {
    int status;
    enum why why;            /* names the reason in X-Lb-Reason and in the body */
    struct slice request_id; /* may be empty */
    struct slice location;   /* redirects: value of Location (already escaped); else empty */
    struct slice date;       /* value of Date; empty: the field is left out */
    struct slice fields; /* further whole field lines, CRLF after each (Allow, Retry-After …) */
    bool close;          /* Connection: close */
    bool head_only;      /* reply to HEAD: no body, but its Content-Length */
    bool json;           /* body as JSON, else HTML */
};

/*
 * Writes a complete HTTP/1.1 response to out[max]; returns its length, 0 when it does not fit or
 * `location` has a byte that must not stand in a field. A request id that is longer than 128 bytes
 * or not visible ASCII is left out. 1xx, 204 and 304 get no body. `fields` must be well-formed.
 */
size_t canned_write(char *out, size_t max, const struct canned *);

/* The reason phrase of a status code: "Bad Gateway"; "Unknown" for codes without one. */
const char *status_phrase(int status);

#endif
