/* kinetic.c — matches, their expiry, and the repairs. */
#include "balancers/kinetic.h"

#include "balancers/tourney.h"

#define NEVER UINT64_MAX

size_t kinetic_bytes(unsigned n)
{
    return n * sizeof(struct line) + tourney_leaves(n) * sizeof(struct match);
}

void kinetic_init(struct kinetic *k, void *mem, unsigned n)
{
    k->n = n;
    k->leaves = tourney_leaves(n);
    k->now = 0;
    k->line = mem;
    k->match = (struct match *)(void *)(k->line + n);
}

int64_t kinetic_value(const struct kinetic *k, unsigned i)
{
    return k->line[i].base + k->line[i].slope * (int64_t)k->now;
}

static unsigned winner_at(const struct kinetic *k, unsigned x)
{
    if (x < k->leaves)
        return k->match[x].winner;
    unsigned i = x - k->leaves;
    return i < k->n && k->line[i].slope ? i : (unsigned)KINETIC_NONE;
}

static uint64_t holds_at(const struct kinetic *k, unsigned x)
{
    return x < k->leaves ? k->match[x].holds_until : NEVER;
}

/* When does the steeper loser overtake? It must win on a tie as well if its index is lower. */
static uint64_t overtaken_at(const struct kinetic *k, unsigned winner, unsigned loser)
{
    int64_t gain = k->line[loser].slope - k->line[winner].slope;
    if (gain <= 0)
        return NEVER;
    uint64_t gap = (uint64_t)(kinetic_value(k, winner) - kinetic_value(k, loser));
    uint64_t steps = loser < winner ? (gap - 1) / (uint64_t)gain : gap / (uint64_t)gain;
    return k->now + steps + 1;
}

static unsigned better_of(const struct kinetic *k, unsigned left, unsigned right)
{
    if (left == KINETIC_NONE)
        return right;
    if (right == KINETIC_NONE)
        return left;
    return kinetic_value(k, right) > kinetic_value(k, left) ? right : left;
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void play(struct kinetic *k, unsigned x)
{
    unsigned left = winner_at(k, 2 * x), right = winner_at(k, 2 * x + 1);
    unsigned win = better_of(k, left, right);
    uint64_t until = min_u64(holds_at(k, 2 * x), holds_at(k, 2 * x + 1));
    if (left != KINETIC_NONE && right != KINETIC_NONE)
        until = min_u64(until, overtaken_at(k, win, win == left ? right : left));
    k->match[x] = (struct match){.holds_until = until, .winner = (uint16_t)win};
}

static void replay_above(struct kinetic *k, unsigned i)
{
    for (unsigned x = (k->leaves + i) / 2; x > 0; x /= 2)
        play(k, x);
}

static void repair(struct kinetic *k, unsigned x)
{
    if (holds_at(k, x) > k->now)
        return;
    repair(k, 2 * x);
    repair(k, 2 * x + 1);
    play(k, x);
}

void kinetic_tick(struct kinetic *k)
{
    k->now++;
    repair(k, 1);
}

void kinetic_shift(struct kinetic *k, unsigned i, int64_t by)
{
    k->line[i].base += by;
    replay_above(k, i);
}

void kinetic_bend(struct kinetic *k, unsigned i, int64_t slope)
{
    int64_t value = kinetic_value(k, i);
    k->line[i] = (struct line){.base = value - slope * (int64_t)k->now, .slope = slope};
    replay_above(k, i);
}

void kinetic_rebuild(struct kinetic *k)
{
    for (unsigned x = k->leaves - 1; x > 0; x--)
        play(k, x);
}

static unsigned best_below(const struct kinetic *k, unsigned x, const uint64_t *tried)
{
    unsigned win = winner_at(k, x);
    if (win == KINETIC_NONE || !bitmap_test(tried, win))
        return win;
    if (x >= k->leaves)
        return KINETIC_NONE;
    return better_of(k, best_below(k, 2 * x, tried), best_below(k, 2 * x + 1, tried));
}

unsigned kinetic_best(const struct kinetic *k, const uint64_t *tried)
{
    return tried ? best_below(k, 1, tried) : winner_at(k, 1);
}
