/*
 * tls.h — the TLS contexts of a snapshot: of its binds, and of the servers it connects to.
 */
#ifndef LB_SNAPSHOT_TLS_H
#define LB_SNAPSHOT_TLS_H

struct backend;
struct err;
struct frontend;
struct snapshot;
struct snapshot_deps;

/* What follows from a frontend's settings: how it routes, the HSTS line. */
void snapshot_tls_frontend(struct frontend *);

/* Fills b->tls. 0, or -1 with `e` ("file:line:col: …"); what was made belongs to `b`. */
int snapshot_tls_peers(struct backend *, const struct snapshot_deps *, struct err *e);
void snapshot_tls_free_peers(struct backend *);

/* Fills bounds[].tls; binds with the same settings share a context. 0, or -1 with `e`. */
int snapshot_tls_binds(struct snapshot *, const struct snapshot_deps *, struct err *e);

#endif
