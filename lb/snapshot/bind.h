/*
 * bind.h — the listening sockets of a snapshot.
 */
#ifndef LB_SNAPSHOT_BIND_H
#define LB_SNAPSHOT_BIND_H

struct err;
struct snapshot;
struct sockset;

/*
 * Fills s->bounds: an address that `old` (may be NULL) listens on keeps its sockets with what is
 * queued in them; the others are opened. 0, or -1 with `e`; what was opened belongs to `s`.
 */
int bind_all(struct snapshot *s, const struct snapshot *old, struct err *e);

/*
 * A worker has stopped listening for good, its bind being gone: its socket is closed now, or with
 * the last worker when they share one. A snapshot may live on for as long as its longest exchange,
 * and a socket that nobody accepts from would swallow clients and keep the address taken. Worker's
 * thread.
 */
void sockset_leave(struct sockset *, unsigned worker);

/* Closes the sockets with the last reference. NULL is a no-op. Control thread. */
void sockset_unref(struct sockset *);

#endif
