/*
 * suggest.c — edit distance with transpositions (optimal string alignment), bounded.
 *
 * A candidate counts as close within a third of the word's length, at least one and at most four
 * edits; a candidate that merely continues the word ("leastcon" → "least-connections") counts too.
 */
#include "config/suggest.h"

enum { SUGGEST_MAX = 40 };

void suggest_init(struct suggest *s, struct slice word)
{
    *s = (struct suggest){.word = word, .distance = ~0u};
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* `a` and `b` have at most SUGGEST_MAX bytes. */
static unsigned distance(struct slice a, struct slice b)
{
    unsigned row[3][SUGGEST_MAX + 1];
    for (unsigned j = 0; j <= b.n; j++)
        row[0][j] = j;
    for (unsigned i = 1; i <= a.n; i++) {
        unsigned *now = row[i % 3], *was = row[(i + 2) % 3], *before = row[(i + 1) % 3];
        now[0] = i;
        for (unsigned j = 1; j <= b.n; j++) {
            unsigned change = a.p[i - 1] != b.p[j - 1];
            now[j] = least(least(was[j] + 1, now[j - 1] + 1), was[j - 1] + change);
            if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1])
                now[j] = least(now[j], before[j - 2] + 1);
        }
    }
    return row[a.n % 3][b.n];
}

/* Is `word` the beginning of `whole` when '-' and '_' are ignored on both sides? */
static bool abbreviates(struct slice word, struct slice whole)
{
    size_t i = 0, j = 0;
    for (; i < word.n; i++) {
        if (word.p[i] == '-' || word.p[i] == '_')
            continue;
        while (j < whole.n && whole.p[j] == '-')
            j++;
        if (j == whole.n || whole.p[j++] != word.p[i])
            return false;
    }
    return word.n >= 3;
}

void suggest_try(struct suggest *s, const char *candidate)
{
    struct slice c = slice_of(candidate);
    if (s->word.n == 0 || s->word.n > SUGGEST_MAX || c.n == 0 || c.n > SUGGEST_MAX)
        return;
    unsigned limit = (unsigned)(s->word.n + 2) / 3;
    unsigned d = distance(s->word, c);
    if (d > least(limit, 4)) {
        if (!abbreviates(s->word, c))
            return;
        d = 4; /* any real misspelling is nearer */
    }
    if (d < s->distance) {
        s->distance = d;
        s->best = candidate;
    }
}
