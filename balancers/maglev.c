/*
 * maglev.c — each server has its own permutation of the slots; they take turns claiming their next
 * free one. A server that leaves frees its slots to the others and disturbs few others' claims.
 *
 * Weights: in each round a server may claim once if that keeps it at or below weight / highest
 * weight of the rounds. Cost: about M ln M steps for M slots, once per reload: 0.1 ms for 4,099
 * slots, 3 ms for 65,537.
 */
#include "balancers/maglev.h"

#include "lb/base/hash.h"

#include <stdlib.h>

struct claimant {
    uint64_t id;
    const char *name;
    uint64_t weight, claims;
    uint32_t pos, skip; /* walks the permutation: offset + j × skip mod M */
    uint16_t server;
};

unsigned maglev_auto_slots(unsigned n)
{
    return n <= 24 ? 4099 : n <= 96 ? 16411 : 65537;
}

static bool is_prime(unsigned n)
{
    for (unsigned d = 2; d * d <= n; d++)
        if (n % d == 0)
            return false;
    return n >= 2;
}

unsigned maglev_prime(unsigned n)
{
    while (!is_prime(n))
        n++;
    return n;
}

static int by_id(const void *left, const void *right)
{
    const struct claimant *a = left, *b = right;
    if (a->id != b->id)
        return a->id < b->id ? -1 : 1;
    return a->name && b->name ? strcmp(a->name, b->name) : 0;
}

static unsigned list_claimants(struct claimant *c, const struct bal_server *servers, unsigned n,
                               unsigned nslots)
{
    unsigned count = 0;
    for (unsigned i = 0; i < n; i++) {
        if (servers[i].weight == 0)
            continue;
        c[count++] = (struct claimant){
            .id = servers[i].id,
            .name = servers[i].name,
            .weight = servers[i].weight,
            .pos = (uint32_t)(hash_u64(servers[i].id) % nslots),
            .skip = (uint32_t)(hash_u64(~servers[i].id) % (nslots - 1) + 1),
            .server = (uint16_t)i,
        };
    }
    qsort(c, count, sizeof *c, by_id);
    return count;
}

static void claim_next(struct claimant *c, uint16_t *slot, unsigned nslots)
{
    while (slot[c->pos] != MAGLEV_NONE)
        c->pos = (c->pos + c->skip) % nslots;
    slot[c->pos] = c->server;
    c->claims++;
}

static void take_turns(struct claimant *c, unsigned count, uint16_t *slot, unsigned nslots)
{
    uint64_t highest = 0;
    for (unsigned i = 0; i < count; i++)
        highest = c[i].weight > highest ? c[i].weight : highest;
    unsigned filled = 0;
    for (uint64_t round = 1; filled < nslots; round++)
        for (unsigned i = 0; i < count && filled < nslots; i++)
            if (round * c[i].weight >= (c[i].claims + 1) * highest) {
                claim_next(&c[i], slot, nslots);
                filled++;
            }
}

int maglev_fill(uint16_t *slot, unsigned nslots, const struct bal_server *servers, unsigned n)
{
    struct claimant *c = calloc(n ? n : 1, sizeof *c);
    if (!c)
        return -1;
    for (unsigned i = 0; i < nslots; i++)
        slot[i] = MAGLEV_NONE;
    unsigned count = list_claimants(c, servers, n, nslots);
    if (count)
        take_turns(c, count, slot, nslots);
    free(c);
    return 0;
}
