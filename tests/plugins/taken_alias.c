/* taken_alias.c — with the alias of a built-in balancer among its own. */
#include "tests/plugins/broken.h"

static const char *const aliases[] = {"leastconn", NULL};

const struct balancer lb_balancer_plugin = {
    .abi = BALANCER_ABI,
    .desc = {.name = "taken-alias", .aliases = aliases},
    .prepare = sound_prepare,
    .pick = sound_pick,
};
