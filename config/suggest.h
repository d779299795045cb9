/*
 * suggest.h — the known word that is most like a misspelt one.
 */
#ifndef CONFIG_SUGGEST_H
#define CONFIG_SUGGEST_H

#include "lb/base/slice.h"

struct suggest {
    struct slice word; /* what was written */
    const char *best;  /* borrowed from the caller of suggest_try; NULL: nothing is close */
    unsigned distance; /* of `best` */
};

void suggest_init(struct suggest *, struct slice word);
/* Compares one candidate. Pure. */
void suggest_try(struct suggest *, const char *candidate);

#endif
