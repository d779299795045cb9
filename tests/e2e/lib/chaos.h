/*
 * chaos.h — peers that misbehave, and the question whether the proxy has forgotten them.
 */
#ifndef TESTS_E2E_CHAOS_H
#define TESTS_E2E_CHAOS_H

#include "tests/e2e/lib/lb.h"

enum act { ACT_CLOSE, ACT_HALF, ACT_RESET, ACT_STALL, ACT_FLOOD, ACT_GARBAGE, ACTS };
extern const char *const act_names[ACTS];

/*
 * Does it on a connection: half-closes, sends much or nonsense, or nothing. Closing and resetting
 * are left to the caller (a reset is armed, so that closing does it); true when it must close now.
 */
bool act_on(struct client *, enum act);

/* What the proxy holds, by /metrics and /proc, summed over frontends and servers. */
struct held {
    double clients;  /* connections opened and not closed */
    double requests; /* begun and not finished */
    double inflight; /* exchanges at servers */
    double queued;
    double upstream; /* connections to servers, idle ones included */
    unsigned files;
};
struct held held_by(const struct lb *);

/*
 * Waits until the proxy holds what it held `before`; connections to servers may be kept, each for
 * one descriptor. Fails the test after 15 s, naming the case.
 */
void held_settle(const struct lb *, const struct held *before, const char *state, enum act);

#endif
