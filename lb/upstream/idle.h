/*
 * idle.h — idle upstream connections, per worker and server, newest first.
 *
 * They hang off the server's line, so they outlive a reload. One that the server closes, or that
 * says something unasked, is closed at once; one that is too old is closed by its timer.
 */
#ifndef LB_UPSTREAM_IDLE_H
#define LB_UPSTREAM_IDLE_H

#include "lb/stream/conn.h"
#include "lb/upstream/server.h"

/* The connection used last, out of the list and with `io_ops` back in force; NULL: none idle. */
struct conn *idle_take(struct server_line *, const struct io_ops *io_ops);

/*
 * Keeps `c` for later, for at most `ms` (0: for ever); closes it when `max` are kept already. Its
 * buffers are given up. The connection's `home` becomes the line.
 */
void idle_give(struct server_line *, struct conn *c, unsigned max, uint32_t ms);

/* Closes all idle connections of the line (worker's thread). */
void idle_close_all(struct server_line *);

/* Is this connection in an idle list? */
bool idle_is(const struct conn *);

/* The timer of an idle connection fired. */
void idle_expired(struct conn *);

#endif
