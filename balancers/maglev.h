/*
 * maglev.h — fills a consistent-hashing table (Eisenbud et al., "Maglev: A Fast and Reliable
 * Software Network Load Balancer", NSDI 2016).
 */
#ifndef BALANCERS_MAGLEV_H
#define BALANCERS_MAGLEV_H

#include "balancers/balancer.h"

/* Entry of a table without any server (all weights 0). */
enum { MAGLEV_NONE = UINT16_MAX };

/*
 * The table size for n servers, at least 100 slots for each up to 655 of them. Only three sizes:
 * tables of different sizes have nothing in common, so a size that followed n closely would move
 * all keys whenever a server is added.
 */
unsigned maglev_auto_slots(unsigned n);

/* The smallest prime >= n. */
unsigned maglev_prime(unsigned n);

/*
 * Writes a server index to each of `nslots` (prime) slots, in proportion to the weights. Depends on
 * the ids and weights only, not on the order of the servers. 0, or -1 when out of memory.
 */
int maglev_fill(uint16_t *slot, unsigned nslots, const struct bal_server *servers, unsigned n);

#endif
