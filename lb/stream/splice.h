/*
 * splice.h — moving the bytes of long raw flows through a pipe, without copying them to user space.
 *
 * Pays off only where data piles up (see docs/performance.md), so a tunnel begins by copying and
 * changes over when it has moved much and its reads fill whole segments. Pipes are borrowed from a
 * small pool per worker; when none can be had the flow goes on by copying.
 */
#ifndef LB_STREAM_SPLICE_H
#define LB_STREAM_SPLICE_H

#include <stdbool.h>
#include <stddef.h>

struct conn;
struct pipes;

struct pipes *pipes_new(void); /* NULL: out of memory (splicing is off then) */
void pipes_free(struct pipes *);
unsigned pipes_count(const struct pipes *); /* pipes open now, in use and cached */

/* Should this tunnel be spliced now? */
bool splice_wanted(struct conn *);

/* One step of a spliced tunnel, as tunnel_step in conn.c; adds the bytes moved to *moved. */
bool splice_step(struct conn *, size_t *moved);

/* Gives the pipe back; bytes left in it are lost, so only for flows that end. */
void splice_stop(struct conn *);

#endif
