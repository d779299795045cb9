/* bad_options.c — claims options it does not list. */
#include "tests/plugins/broken.h"

const struct balancer lb_balancer_plugin = {
    .abi = BALANCER_ABI,
    .desc = {.name = "bad-options", .nspecs = 2},
    .prepare = sound_prepare,
    .pick = sound_pick,
};
