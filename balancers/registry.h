/*
 * registry.h — the balancers there are: one visible array, and plug-ins opened at load time.
 */
#ifndef BALANCERS_REGISTRY_H
#define BALANCERS_REGISTRY_H

#include "balancers/balancer.h"

/* The built-in ones, NULL-terminated, in the order of the manual. */
const struct balancer *const *balancer_builtin(void);

struct balancer_set; /* plug-ins opened by one process; control thread only */

struct balancer_set *balancer_set_new(void);
void balancer_set_free(struct balancer_set *); /* closes the plug-ins; none may be in use */

/*
 * Opens the shared object at `path` and checks its ABI, name and functions. Opening the same file
 * again gives the same balancer. NULL with `e` filled on failure. Plug-ins stay open until
 * balancer_set_free: snapshots may outlive a reload.
 */
const struct balancer *balancer_set_open(struct balancer_set *, const char *path, struct err *e);

/* By registered name, built-in first, then plug-ins (`set` may be NULL); NULL when unknown. */
const struct balancer *balancer_find(const struct balancer_set *set, const char *name);

#endif
