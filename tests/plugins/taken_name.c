/* taken_name.c — with the name of a built-in balancer. */
#include "tests/plugins/broken.h"

const struct balancer lb_balancer_plugin = {
    .abi = BALANCER_ABI,
    .desc = {.name = "round-robin"},
    .prepare = sound_prepare,
    .pick = sound_pick,
};
