/* no_state_size.c — initialises a state it does not ask for. */
#include "tests/plugins/broken.h"

const struct balancer lb_balancer_plugin = {
    .abi = BALANCER_ABI,
    .desc = {.name = "no-state-size"},
    .prepare = sound_prepare,
    .pick = sound_pick,
    .state_init = sound_init,
};
