/*
 * builtin.h — the balancers compiled in, for registry.c and their own files. Not for plug-ins.
 */
#ifndef BALANCERS_BUILTIN_H
#define BALANCERS_BUILTIN_H

#include "balancers/balancer.h"

extern const struct balancer balancer_round_robin;
extern const struct balancer balancer_weighted_round_robin;
extern const struct balancer balancer_random;
extern const struct balancer balancer_weighted_random;
extern const struct balancer balancer_source_hash;
extern const struct balancer balancer_least_connections;
extern const struct balancer balancer_two_choices;
extern const struct balancer balancer_least_time;
extern const struct balancer balancer_hash;

#endif
