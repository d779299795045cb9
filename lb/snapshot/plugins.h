/*
 * plugins.h — which balancers and checks a configuration may name, collected from their registries.
 * Control thread (or a command-line run without threads) only.
 */
#ifndef LB_SNAPSHOT_PLUGINS_H
#define LB_SNAPSHOT_PLUGINS_H

#include "config/cfg.h"

struct balancer_set;
struct err;

struct plugins {
    struct cfg_plugins cfg;   /* for cfg_load; valid until plugins_free */
    struct balancer_set *set; /* owned: plug-ins opened by `balancer "path.so"` */
    void *descs;              /* owned: the arrays `cfg` points at */
};

/* 0, or -1 with `e` (out of memory). */
int plugins_init(struct plugins *, struct err *e);
/* After every cfg that was loaded with it is gone. A zeroed struct is fine. */
void plugins_free(struct plugins *);

#endif
