/* why.c — the table of reasons. */
#include "lb/base/why.h"

#include <assert.h>

static const struct why_info table[WHY_COUNT] = {
#define WHY(id, word, status, side, text) [WHY_##id] = {word, text, status, WHY_SIDE_##side},
#include "lb/base/why.def"
#undef WHY
};

const struct why_info *why_info(enum why w)
{
    assert((unsigned)w < WHY_COUNT);
    return &table[w];
}
