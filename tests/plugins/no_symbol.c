/* no_symbol.c — a shared object without the symbol. */
#include "tests/plugins/broken.h"

extern const struct balancer lb_other_symbol;
const struct balancer lb_other_symbol = {
    .abi = BALANCER_ABI,
    .desc = {.name = "no-symbol"},
    .prepare = sound_prepare,
    .pick = sound_pick,
};
