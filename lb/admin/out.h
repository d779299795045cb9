/*
 * out.h — appends text to an evbuffer by large chunks.
 *
 * A scrape of a big configuration is some ten megabytes of short pieces; evbuffer_add_printf costs
 * more per piece than all the rest. Here a piece is a memcpy into a chunk, and full chunks are
 * handed over by reference. The account knows how many bytes of answers are not yet sent, so that
 * slow readers can't make the process hold any number of them. Control thread only.
 */
#ifndef LB_ADMIN_OUT_H
#define LB_ADMIN_OUT_H

#include "lb/base/slice.h"

#include <stdbool.h>
#include <stdint.h>

struct evbuffer;
struct out_chunk;

struct out_account { /* counted: chunks may outlive who asked for them */
    size_t bytes;    /* of all chunks alive */
    unsigned refs;
};
struct out_account *out_account_new(void); /* NULL: out of memory */
void out_account_unref(struct out_account *);

struct out {
    struct evbuffer *to;         /* borrowed */
    struct out_account *account; /* borrowed; NULL: nobody counts */
    struct out_chunk *chunk;     /* owned until full */
    char *p, *end;               /* free room of the chunk */
    bool failed;                 /* out of memory: what follows is discarded */
};

void out_begin(struct out *, struct evbuffer *to, struct out_account *);
/* Hands over the rest. 0, or -1 when memory ran out and the text is incomplete. */
int out_end(struct out *);

/* Room for `n` (at most OUT_ROOM) contiguous bytes at o->p; false: out of memory. */
enum { OUT_ROOM = 4096 };
bool out_more(struct out *);
static inline bool out_room(struct out *o, size_t n)
{
    return (size_t)(o->end - o->p) >= n || out_more(o);
}

void out_bytes_slow(struct out *, const char *p, size_t n);
static inline void out_bytes(struct out *o, const char *p, size_t n)
{
    if ((size_t)(o->end - o->p) < n) {
        out_bytes_slow(o, p, n);
        return;
    }
    memcpy(o->p, p, n);
    o->p += n;
}

#define OUT(o, literal) out_bytes((o), (literal), sizeof(literal) - 1)

void out_text(struct out *, const char *text); /* NULL is nothing */
void out_u64(struct out *, uint64_t);
void out_i64(struct out *, int64_t);
void out_seconds(struct out *, uint64_t us); /* 1.000023 */
void out_char(struct out *, char);

/* Text inside "": Prometheus label values; JSON strings; one field of CSV (quoted if needed). */
void out_label(struct out *, const char *text);
void out_json(struct out *, const char *text); /* with the quotes; NULL: null */
void out_csv(struct out *, const char *text);
void out_html(struct out *, const char *text);

/* RFC 3339 in UTC with seconds: 2026-01-31T12:00:00Z. */
void out_time(struct out *, uint64_t wall_us);

#endif
