/* no_name.c — without a name. */
#include "tests/plugins/broken.h"

const struct balancer lb_balancer_plugin = {
    .abi = BALANCER_ABI,
    .prepare = sound_prepare,
    .pick = sound_pick,
};
