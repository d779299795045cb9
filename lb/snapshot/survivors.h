/*
 * survivors.h — the run-time objects of the previous snapshot, found by name.
 */
#ifndef LB_SNAPSHOT_SURVIVORS_H
#define LB_SNAPSHOT_SURVIVORS_H

struct snapshot;
struct survivors;
struct server_rt;
struct backend_rt;
struct frontend_rt;

/* An index of `old` (NULL: an empty one); borrows it. NULL: out of memory. */
struct survivors *survivors_of(const struct snapshot *old);
void survivors_free(struct survivors *);

/* What the name stood for, with a reference of its own; NULL: it is new. A server is the same when
 * backend, name and address as written are. */
struct server_rt *survivors_server(struct survivors *, const char *backend, const char *name,
                                   const char *addr);
struct backend_rt *survivors_backend(struct survivors *, const char *name);
struct frontend_rt *survivors_frontend(struct survivors *, const char *name);

#endif
