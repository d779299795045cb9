/*
 * head.h — one HTTP/1 message head, parsed in place: offsets into the arrival buffer, no copies.
 *
 * A `struct head` is scratch of a worker (one per worker and direction); it is valid until the
 * buffer moves or is edited. The parser is strict: what RFC 9112 lets a recipient repair is refused
 * (see docs/http.md), each refusal with a reason of its own. No I/O, no allocation, any thread.
 */
#ifndef LB_MSG_HEAD_H
#define LB_MSG_HEAD_H

#include "lb/base/slice.h"
#include "lb/base/why.h"

#include <stdbool.h>
#include <stdint.h>

enum { HEAD_FIELDS_MAX = 128 }; /* the most a limit may allow */

enum http_method { /* M_OTHER: any other token */
                   M_OTHER,
                   M_GET,
                   M_HEAD,
                   M_POST,
                   M_PUT,
                   M_DELETE,
                   M_OPTIONS,
                   M_PATCH,
                   M_CONNECT,
                   M_TRACE,
};

/* Fields lb itself looks at; everything else is TOK_OTHER. */
enum head_tok {
    TOK_OTHER,
    TOK_HOST,
    TOK_CONNECTION,
    TOK_KEEP_ALIVE,
    TOK_PROXY_CONNECTION,
    TOK_TE,
    TOK_TRAILER,
    TOK_TRANSFER_ENCODING,
    TOK_UPGRADE,
    TOK_CONTENT_LENGTH,
    TOK_EXPECT,
    TOK_COOKIE,
    TOK_SET_COOKIE,
    TOK_X_FORWARDED_FOR,
    TOK_X_FORWARDED_PROTO,
    TOK_X_FORWARDED_HOST,
    TOK_FORWARDED,
    TOK_VIA,
    TOK_X_REQUEST_ID,
    TOK_HTTP2_SETTINGS,
    TOK_PROXY_AUTHENTICATE,
    TOK_PROXY_AUTHORIZATION,
    TOK_DATE,
    TOK_X_CLIENT_CERT_SUBJECT,
    TOK_X_CLIENT_CERT_SHA256,
    TOK_COUNT
};

struct field {
    uint32_t name, val; /* offsets from head.base */
    uint32_t vlen;      /* without surrounding white space */
    uint16_t nlen;
    uint8_t tok; /* enum head_tok */
    uint8_t fl;  /* FIELD_* */
};
enum { FIELD_NOMINATED = 1 }; /* named by Connection, and so hop-by-hop */

enum framing {                  /* how the body's end is known (RFC 9112 section 6.3) */
               FRAMING_NONE,    /* no body */
               FRAMING_LENGTH,  /* head.clen bytes */
               FRAMING_CHUNKED, /* chunked coding */
               FRAMING_CLOSE,   /* until the connection closes (responses only) */
               FRAMING_TUNNEL,  /* after 101, or 2xx to CONNECT: no longer HTTP */
};

enum head_flag {
    HEAD_CLOSE = 1 << 0,       /* Connection: close */
    HEAD_KEEP_ALIVE = 1 << 1,  /* Connection: keep-alive */
    HEAD_UPGRADE = 1 << 2,     /* Connection: upgrade, with an Upgrade field */
    HEAD_EXPECT = 1 << 3,      /* Expect: 100-continue */
    HEAD_TE_TRAILERS = 1 << 4, /* TE: trailers */
    HEAD_HOP = 1 << 5,         /* some field must be removed before forwarding */
    HEAD_CLEN = 1 << 6,        /* a Content-Length is there */
    HEAD_CHUNKED = 1 << 7,     /* Transfer-Encoding is there and is exactly chunked */
    HEAD_ABSOLUTE = 1 << 8,    /* absolute-form target */
    HEAD_NOMINATED = 1 << 9,   /* some field has FIELD_NOMINATED */
    HEAD_CODING = 1 << 10,     /* a Transfer-Encoding is there, whatever it says */
};

struct head {
    const char *base;   /* borrowed: the first byte of the head */
    uint32_t len;       /* bytes up to and with the empty line */
    uint32_t start_len; /* bytes of the start line with its CRLF */
    uint16_t status;    /* responses: 100..999 */
    uint16_t nfields;
    uint8_t method;                   /* enum http_method */
    uint8_t minor;                    /* 0 or 1 */
    uint16_t fl;                      /* enum head_flag */
    uint8_t framing;                  /* enum framing, filled by framing_request/framing_response */
    uint64_t clen;                    /* with FRAMING_LENGTH */
    struct slice method_text, target; /* requests */
    struct slice host;      /* the authority that counts: absolute-form wins; without port below */
    struct slice host_name; /* the host without port, brackets kept; not lower-cased */
    struct slice path;      /* without query, of origin- and absolute-form ("/" if that has none);
                             * "*" of asterisk-form, empty with CONNECT */
    struct slice query;     /* after "?", without it */
    struct field f[HEAD_FIELDS_MAX];
};

struct head_limits {
    uint32_t bytes;  /* of the whole head */
    uint16_t fields; /* <= HEAD_FIELDS_MAX */
    uint32_t target; /* bytes of the request target */
};

enum head_verdict { HEAD_DONE, HEAD_MORE, HEAD_BAD };

/*
 * Parses a request head (head_response: a response head) that starts at `base`, `len` bytes of
 * which have arrived. HEAD_MORE: call again with more bytes; *resume (0 at first, kept by the
 * caller) spares validating the same lines again. HEAD_BAD: *why says what is wrong; refused as
 * early as it can be known. One CRLF before a request line is skipped by the caller
 * (RFC 9112 section 2.2), see head_skip_crlf. Does not decide framing.
 */
enum head_verdict head_request(struct head *, const char *base, size_t len, uint32_t *resume,
                               const struct head_limits *, enum why *why);
enum head_verdict head_response(struct head *, const char *base, size_t len, uint32_t *resume,
                                const struct head_limits *, enum why *why);

/* Bytes of one leading CRLF that may be skipped before a request line: 0 or 2. */
static inline size_t head_skip_crlf(const char *p, size_t n)
{
    return n >= 2 && p[0] == '\r' && p[1] == '\n' ? 2 : 0;
}

static inline struct slice field_name(const struct head *h, const struct field *f)
{
    return (struct slice){h->base + f->name, f->nlen};
}

static inline struct slice field_value(const struct head *h, const struct field *f)
{
    return (struct slice){h->base + f->val, f->vlen};
}

/* The first field with this token at or after index `from`, or NULL. */
const struct field *head_find(const struct head *, enum head_tok, unsigned from);

/* The first field with this name (compared without case), or NULL. */
const struct field *head_find_name(const struct head *, struct slice name);

/* Walks a comma-separated list (RFC 9110 section 5.6.1): the next non-empty element of *rest,
 * trimmed; {NULL,0} at the end. */
struct slice list_next(struct slice *rest);

/* The value of cookie `name` in the Cookie fields; {NULL,0} when absent. */
struct slice head_cookie(const struct head *, struct slice name);

/* Is the method idempotent (RFC 9110 section 9.2.2)? M_OTHER is not. */
bool method_idempotent(enum http_method);

#endif
