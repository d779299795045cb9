/*
 * why.h — the reason an exchange or connection ended: one enum, one word, one status.
 */
#ifndef LB_BASE_WHY_H
#define LB_BASE_WHY_H

enum why {
#define WHY(id, word, status, side, text) WHY_##id,
#include "lb/base/why.def"
#undef WHY
    WHY_COUNT
};

enum why_side { WHY_SIDE_NONE, WHY_SIDE_CLIENT, WHY_SIDE_SERVER, WHY_SIDE_LB };

struct why_info {
    const char *word, *text;
    int status; /* 0: no reply of lb's own */
    enum why_side side;
};

/* The table's row; never NULL for a valid reason. */
const struct why_info *why_info(enum why);

static inline const char *why_word(enum why w)
{
    return why_info(w)->word;
}

#endif
