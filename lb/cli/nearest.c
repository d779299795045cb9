/* nearest.c — "did you mean": edit distance with swaps (Damerau, restricted). */
#include "lb/cli/internal.h"

#include <string.h>

enum { WORD_MAX = 32 };

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static unsigned distance(const char *a, size_t na, const char *b, size_t nb)
{
    unsigned d[WORD_MAX + 1][WORD_MAX + 1];
    for (size_t i = 0; i <= na; i++)
        d[i][0] = (unsigned)i;
    for (size_t j = 0; j <= nb; j++)
        d[0][j] = (unsigned)j;
    for (size_t i = 1; i <= na; i++)
        for (size_t j = 1; j <= nb; j++) {
            unsigned one = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            d[i][j] = least(one, least(d[i - 1][j], d[i][j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                d[i][j] = least(d[i][j], d[i - 2][j - 2] + 1);
        }
    return d[na][nb];
}

const char *cli_nearest(const char *word, const char *const *candidates, size_t n)
{
    const char *best = NULL;
    size_t nw = strlen(word);
    unsigned best_d = nw < 4 ? 2 : 3; /* fewer slips than this */
    if (nw == 0 || nw > WORD_MAX)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        size_t nc = strlen(candidates[i]);
        if (nc > WORD_MAX)
            continue;
        unsigned d = distance(word, nw, candidates[i], nc);
        if (d < best_d) {
            best_d = d;
            best = candidates[i];
        }
    }
    return best;
}
