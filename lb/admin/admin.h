/*
 * admin.h — the administration: an HTTP server with numbers, a Unix socket with commands.
 *
 * Both live on the control loop and only look, except for the commands in `struct admin_ops`.
 * HTTP changes nothing. Control thread only.
 */
#ifndef LB_ADMIN_ADMIN_H
#define LB_ADMIN_ADMIN_H

#include "lb/admin/view.h"

struct err;
struct event_base;
struct log;
struct admin;
struct admin_plan;

/*
 * Nothing is open yet. `ops` and the rest are borrowed until admin_free. NULL: out of memory.
 * The process must ignore SIGPIPE: bufferevents write with writev.
 */
struct admin *admin_new(struct event_base *, const struct admin_ops *ops, struct log *);

/*
 * Opens what `cfg` names and is not open yet; nothing is answered before admin_commit. The plan
 * borrows nothing of `cfg`. NULL with `e` filled: nothing has changed.
 */
struct admin_plan *admin_prepare(struct admin *, const struct cfg_admin *cfg, struct err *e);

/* Begins to answer on the plan's addresses, closes the others, frees the plan. Cannot fail. */
void admin_commit(struct admin *, struct admin_plan *);
void admin_plan_free(struct admin_plan *); /* a plan that was not committed; NULL is fine */

/*
 * Closes everything; the socket file is removed if it is still this process's. Clients that wait
 * for a reload are cut. NULL is a no-op.
 */
void admin_free(struct admin *);

/* The port the HTTP server listens on, 0: none. For tests and messages (`http 127.0.0.1:0`). */
unsigned admin_http_port(const struct admin *);

#endif
