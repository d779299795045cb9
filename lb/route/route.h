/*
 * route.h — from a request (or a TCP connection's server name) to the route that takes it.
 *
 * The routes of one frontend are compiled into an immutable table; the first route in order all of
 * whose conditions hold wins, `otherwise` when there is none. A look-up costs a few hash probes
 * whatever the number of routes: only routes that share host and path are looked at one by one.
 *
 * Conditions:
 *   host    "app.example.com" or "*.example.com": one or more labels in front, not example.com
 *           itself. "*" is any host. Compared without case; one trailing dot is ignored on either
 *           side. A host of more than 253 characters is no DNS name and meets no host condition.
 *   path    "/x" exactly; "/x/ *" (without the blank) is "/x/" and everything below, neither "/x"
 *           nor "/xy". The prefix "/" matches everything, also "*" and an empty path. Compared byte
 *           by byte: the caller passes the normalised path, without the query.
 *   method  byte by byte (RFC 9110 section 9.1).
 *   header  some field line of that name (without case) is there; with a value: has exactly it.
 *
 * Pure: no I/O, no allocation at look-up; any thread may look up.
 */
#ifndef LB_ROUTE_ROUTE_H
#define LB_ROUTE_ROUTE_H

#include "lb/base/slice.h"

struct cfg_frontend;
struct cfg_route;
struct err;
struct head;
struct route_table;

struct route_query {
    struct slice host;       /* any case, without port; empty: none */
    struct slice path;       /* normalised, without query */
    struct slice method;     /* its text */
    const struct head *head; /* for header conditions; NULL: no fields */
};

/*
 * Compiles the routes of `fe`. The table borrows `fe` and all its strings (hosts in lower case), so
 * the configuration must outlive it. NULL with `e` filled when a pattern is malformed or memory is
 * short. Caller frees with route_free. Control thread.
 */
struct route_table *route_compile(const struct cfg_frontend *fe, struct err *e);
void route_free(struct route_table *); /* NULL is a no-op */

/* The first matching route, or &fe->otherwise; never NULL. */
const struct cfg_route *route_lookup(const struct route_table *, const struct route_query *);

#endif
