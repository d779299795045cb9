/*
 * budget.h — counting what lb's worker does for a known amount of work.
 *
 * budget_start preloads shim.so (beside the test program) into lb; the rest reads its page. The
 * counts are those of the one worker thread, so they are the same on a fast and on a busy machine.
 */
#ifndef TESTS_BUDGET_BUDGET_H
#define TESTS_BUDGET_BUDGET_H

#include "tests/budget/lib/shim.h"
#include "tests/e2e/lib/e2e.h"

struct counts {
    uint64_t n[CALLS];
};

struct budget {
    struct lb lb;
    struct origin *http, *echo;
    uint16_t web, tcp; /* ports of the frontends */
    struct shim_page *page;
    int tid; /* of the worker */
};

/* One worker, a frontend for HTTP and one for TCP, a server behind each. `counted`: with the shim.
 */
void budget_start(struct budget *, bool counted);
void budget_stop(struct budget *);

/* The worker's counters since `before`; NULL: since its start. Waits until they stand still. */
struct counts budget_count(struct budget *, const struct counts *before);

/* Prints what was counted per unit of work; a line a kind of call that happened. */
void budget_show(const char *what, const struct counts *, unsigned units);

/* n exchanges one after the other: on one connection, on one each, or TCP connections each. The
 * request has the nine fields a browser sends. All assert that the replies are right. */
void budget_keepalive(struct client *, unsigned n);
void budget_close(const struct budget *, unsigned n);
void budget_tcp(const struct budget *, unsigned n);

extern const char budget_request[];

#endif
