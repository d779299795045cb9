/*
 * buf.h — one contiguous segment of bytes in flight, owned by exactly one holder.
 *
 * Bytes are read into a segment, edited in place and sent from it; the segment moves from reader to
 * writer by buf_move, never by copying. Readers leave BUF_HEADROOM bytes free in front, so that a
 * head can grow by the fields a proxy adds, or a chunk-size line be written, without moving the
 * body; and BUF_TAILROOM behind. Segments come in three classes from a per-thread `struct segs`;
 * an idle connection owns none.
 */
#ifndef LB_BASE_BUF_H
#define LB_BASE_BUF_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BUF_HEADROOM = 1024, BUF_TAILROOM = 16 };
enum seg_class { SEG_SMALL, SEG_MEDIUM, SEG_LARGE, SEG_CLASSES };

struct segs; /* the segment pools of one thread, with a ceiling in bytes */

struct buf {
    char *mem;           /* owned; NULL: no segment attached, and then head == tail == 0 */
    uint32_t head, tail; /* bytes in flight are mem[head..tail) */
    uint32_t cap;        /* bytes at mem */
};

/*
 * Pools for one thread. `ceiling` bounds the bytes of segments in use (0: none); it is a soft
 * limit that buf_want honours.
 */
struct segs *segs_new(size_t ceiling);
void segs_free(struct segs *);
size_t segs_in_use(const struct segs *);        /* bytes attached to a buf now */
void segs_limit(struct segs *, size_t ceiling); /* changes the ceiling; what is in use stays */

/*
 * How much of the ceiling bytes that are yet to be read may take, in eighths. Half is for messages
 * that begin something; answers to what was begun may go further, else requests that wait for their
 * responses could take all; the last eighth is for what is under way and must grow or be answered.
 */
enum seg_share { SHARE_BEGIN = 4, SHARE_GO_ON = 7 };
size_t segs_input_room(const struct segs *, enum seg_share); /* bytes buf_want_input may attach */
size_t segs_held(const struct segs *);     /* bytes from the allocator, cached ones included */
bool segs_large_free(const struct segs *); /* may one more large segment be used? see buf.c */
/* Gives large segments back that were not needed since the last call; from time to time. */
void segs_trim(struct segs *);
size_t seg_size(enum seg_class); /* bytes of one segment: 4 KiB, 20 KiB, 512 KiB */

/*
 * Attaches a segment of class `c` when none is attached (one that is stays, whatever its class);
 * the empty buf starts at BUF_HEADROOM. false when out of memory or over the ceiling; the buf is
 * then as before.
 */
bool buf_want(struct buf *, struct segs *, enum seg_class c);

/* As buf_want within a share of the ceiling; takes a smaller class rather than none. */
bool buf_want_input(struct buf *, struct segs *, enum seg_class c, enum seg_share);

/*
 * Moves the content into a segment of at least class `c`, behind BUF_HEADROOM fresh bytes: offsets
 * from buf_data stay, pointers do not. Attaches one when there is none. false as in buf_want; the
 * buf is then as before.
 */
bool buf_grow(struct buf *, struct segs *, enum seg_class c);

/* Moves the content back to BUF_HEADROOM when its front was taken, so that more fits behind. */
void buf_compact(struct buf *);

/* Gives the segment back; safe when there is none. */
void buf_drop(struct buf *, struct segs *);

/* Hands everything of `from` to `to`, which must be without a segment. */
static inline void buf_move(struct buf *to, struct buf *from)
{
    *to = *from;
    *from = (struct buf){0};
}

static inline size_t buf_len(const struct buf *b)
{
    return b->tail - b->head;
}

static inline char *buf_data(const struct buf *b)
{
    return b->mem + b->head;
}

/* Where to read to, and how many bytes fit behind the content (BUF_TAILROOM left out). */
static inline char *buf_room(const struct buf *b, size_t *n)
{
    uint32_t end = b->cap ? b->cap - BUF_TAILROOM : 0;
    *n = b->tail < end ? end - b->tail : 0;
    return b->mem + b->tail;
}

/* n bytes left the front. */
static inline void buf_took(struct buf *b, size_t n)
{
    assert(n <= buf_len(b));
    b->head += (uint32_t)n;
}

/* n bytes were appended at the tail. */
static inline void buf_put(struct buf *b, size_t n)
{
    assert(n <= b->cap - b->tail);
    b->tail += (uint32_t)n;
}

#endif
