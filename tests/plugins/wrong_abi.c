/* wrong_abi.c — built for another interface. */
#include "tests/plugins/broken.h"

const struct balancer lb_balancer_plugin = {
    .abi = BALANCER_ABI + 1,
    .desc = {.name = "wrong-abi"},
    .prepare = sound_prepare,
    .pick = sound_pick,
};
