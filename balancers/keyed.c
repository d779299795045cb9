/*
 * keyed.c — owner of a key by Maglev table or by modulo, and where it goes when that one is out.
 *
 * The key is hashed again for each further owner (random jumps): walking to the next slot instead
 * would give a whole server's keys to few neighbours (Chen, Coleman, Shrivastava, "Revisiting
 * Consistent Hashing with Bounded Loads", AAAI 2021). With most servers out the jumps may find
 * nobody; then rendezvous hashing (Thaler, Ravishankar 1998) over the few candidates decides, as
 * stable as the jumps.
 */
#include "balancers/keyed.h"

#include "balancers/candidates.h"
#include "balancers/maglev.h"

#include "lb/base/err.h"
#include "lb/base/hash.h"

#include <errno.h>
#include <stdlib.h>

enum { JUMPS = 32 };

static struct keyed *keyed_alloc(unsigned n, unsigned slots)
{
    size_t bytes = 2 * n * sizeof(uint64_t) + n * sizeof(uint16_t) + slots * sizeof(uint16_t);
    struct keyed *k = calloc(1, sizeof *k + bytes);
    if (!k)
        return NULL;
    k->n = n;
    k->nslots = slots;
    k->id = (uint64_t *)(void *)(k + 1);
    k->upto = k->id + n;
    k->weight = (uint16_t *)(void *)(k->upto + n);
    k->slot = k->weight + n;
    return k;
}

struct keyed *keyed_new(const struct bal_server *servers, unsigned n, unsigned slots, struct err *e)
{
    if (check_server_count(n, e))
        return NULL;
    if (slots && slots < n) {
        (void)err_set(e, EINVAL, "%u slots are too few for %u servers", slots, n);
        return NULL;
    }
    struct keyed *k = keyed_alloc(n, slots);
    if (!k || (slots && maglev_fill(k->slot, slots, servers, n))) {
        (void)err_set(e, ENOMEM, "out of memory");
        keyed_free(k);
        return NULL;
    }
    for (unsigned i = 0; i < n; i++) {
        k->id[i] = servers[i].id;
        k->weight[i] = servers[i].weight;
        k->upto[i] = k->total += servers[i].weight;
    }
    return k;
}

void keyed_free(void *keyed)
{
    free(keyed);
}

unsigned keyed_slots(const struct opts *opts, unsigned n)
{
    const struct opt *o = opts_find(opts, "slots");
    return o ? maglev_prime((unsigned)o->num) : maglev_auto_slots(n);
}

/* By modulo over the weights, in the order of the configuration. */
static unsigned owner_by_modulo(const struct keyed *k, uint64_t h)
{
    uint64_t point = h % k->total;
    unsigned low = 0, high = k->n - 1;
    while (low < high) {
        unsigned mid = (low + high) / 2;
        if (point < k->upto[mid])
            high = mid;
        else
            low = mid + 1;
    }
    return low;
}

/* k->total > 0 */
static unsigned owner(const struct keyed *k, uint64_t h)
{
    if (k->nslots)
        return k->slot[((h >> 32) * k->nslots) >> 32];
    return owner_by_modulo(k, h);
}

static bool within(const struct keyed_limit *limit, const struct bal_view *v, unsigned i)
{
    return !limit || limit->fits(limit->arg, v, i);
}

static int rendezvous(const struct keyed *k, const struct bal_view *v, uint64_t key,
                      const uint64_t *tried, const struct keyed_limit *limit)
{
    int best = BAL_NONE;
    uint64_t best_score = 0;
    for (unsigned i = bitmap_next(v->up, tried, v->n, 0); i < v->n;
         i = bitmap_next(v->up, tried, v->n, i + 1)) {
        uint64_t score = hash_u64(key ^ k->id[i]);
        if ((best == BAL_NONE || score > best_score) && within(limit, v, i)) {
            best = (int)i;
            best_score = score;
        }
    }
    return best;
}

int keyed_pick(const struct keyed *k, const struct bal_view *v, uint64_t key, struct rng *r,
               const uint64_t *tried, const struct keyed_limit *limit)
{
    uint64_t first = hash_u64(key ? key : rng_next(r)), h = first;
    for (int jump = 0; jump < JUMPS && k->total; jump++, h = hash_u64(h)) {
        unsigned i = owner(k, h);
        if (is_candidate(v, tried, i) && within(limit, v, i))
            return (int)i;
    }
    int i = rendezvous(k, v, first, tried, limit);
    return i == BAL_NONE && limit ? rendezvous(k, v, first, tried, NULL) : i;
}
