/*
 * candidates.c — uniform choice among candidates, and set-up that policies share.
 *
 * Uniform choice draws indices until one is a candidate: with most servers up that is one or two
 * draws whatever their number. When few are up it counts them and takes the k-th, n / 64 steps.
 * Both ways are uniform, so their mixture is.
 */
#include "balancers/candidates.h"

#include "lb/base/err.h"
#include "lb/base/hash.h"

#include <errno.h>

enum { DRAWS = 8 };

static uint64_t candidate_word(const struct bal_view *v, const uint64_t *tried, unsigned w)
{
    return v->up[w] & (tried ? ~tried[w] : ~UINT64_C(0));
}

static unsigned nth_bit(uint64_t bits, unsigned nth)
{
    while (nth--)
        bits &= bits - 1;
    return (unsigned)__builtin_ctzll(bits);
}

static int candidate_by_count(const struct bal_view *v, const uint64_t *tried, struct rng *r)
{
    unsigned words = bitmap_words(v->n), count = 0;
    for (unsigned w = 0; w < words; w++)
        count += (unsigned)__builtin_popcountll(candidate_word(v, tried, w));
    if (count == 0)
        return BAL_NONE;
    unsigned nth = rng_below(r, count);
    for (unsigned w = 0; w < words; w++) {
        uint64_t bits = candidate_word(v, tried, w);
        unsigned here = (unsigned)__builtin_popcountll(bits);
        if (nth < here)
            return (int)(w * 64 + nth_bit(bits, nth));
        nth -= here;
    }
    return BAL_NONE;
}

int candidate_uniform(const struct bal_view *v, const uint64_t *tried, struct rng *r)
{
    if (v->n == 0)
        return BAL_NONE;
    for (int draw = 0; draw < DRAWS; draw++) {
        unsigned i = rng_below(r, v->n);
        if (is_candidate(v, tried, i))
            return (int)i;
    }
    return candidate_by_count(v, tried, r);
}

int check_server_count(unsigned n, struct err *e)
{
    if (n <= BAL_MAX_SERVERS)
        return 0;
    return err_set(e, E2BIG, "a backend can have at most %d servers, not %u", BAL_MAX_SERVERS, n);
}

int prepare_nothing(const struct bal_server *servers, unsigned n, const struct opts *opts,
                    void **shared, struct err *e)
{
    (void)servers, (void)opts;
    *shared = NULL;
    return check_server_count(n, e);
}

struct rng worker_rng(unsigned worker, uint64_t seed)
{
    return (struct rng){.state = hash_u64(seed ^ hash_u64(worker))};
}
