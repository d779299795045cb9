/* no_pick.c — without pick. */
#include "tests/plugins/broken.h"

const struct balancer lb_balancer_plugin = {
    .abi = BALANCER_ABI,
    .desc = {.name = "no-pick"},
    .prepare = sound_prepare,
};
