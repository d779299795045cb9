/*
 * choose.h — one worker's view of one backend: who may be picked, and what the balancer keeps.
 *
 * Made by the worker at first use, from the snapshot; freed with the snapshot. The candidate bitmap
 * is rebuilt when the backend's epoch says that health, admin state or weights changed.
 */
#ifndef LB_SESSION_CHOOSE_H
#define LB_SESSION_CHOOSE_H

#include "lb/base/wheel.h"
#include "lb/snapshot/snapshot.h"

struct session;
struct shard;

struct wbackend {
    struct backend *be;
    struct backend_line *line;
    struct bal_view view; /* points into the arrays below */
    uint64_t *up;         /* candidates */
    uint64_t *keep;       /* servers that keep their sticky sessions */
    uint64_t *full;       /* at max-connections */
    unsigned nfull;
    uint64_t *mask; /* scratch: servers not to pick now */
    uint32_t *inflight;
    uint16_t *weight;
    void *state, *sticky_state; /* of the balancers */
    uint32_t epoch;             /* of backend_rt when `up` was built */
    uint64_t foreign_ends;      /* of the shard when inflight was read */
    uint64_t folded_us;         /* when others' counts were folded in */
    struct list queue;          /* sessions that wait for room */
    unsigned nqueued;
    struct timer tick; /* looks for room that other workers made */
    struct shard *sh;
    uint64_t budget;    /* retry tokens × 1000 */
    uint64_t budget_us; /* when the minimum was last added */
};

/* The worker's view of a backend, made when need be; NULL: out of memory. */
struct wbackend *choose_view(struct shard *, struct snapshot *, struct backend *);
void wbackend_free(struct wbackend *);

enum choice { CHOSEN, CHOICE_NONE, CHOICE_FULL };

/*
 * Picks a server for the session's request into *server. CHOICE_NONE: nobody may get it (down);
 * CHOICE_FULL: some could, but all are at their limit.
 */
enum choice choose(struct session *, int *server);

/* The server a cookie value names, usable for sessions that stick; -1: none. */
int choose_by_token(struct wbackend *, struct slice token);

/* An exchange begins / ends at a server: counts, and whoever waits gets its place. */
void choose_begin(struct session *);
void choose_end(struct session *);

/* The queue: waits; false: out of it. choose_unqueue is harmless when not queued. */
void choose_enqueue(struct session *);
void choose_unqueue(struct session *);
void choose_on_timer(struct timer *, void *user);

/* May one more retry be made? Takes a token. choose_earn adds a request's share. */
bool choose_may_retry(struct wbackend *, uint64_t now_us);
void choose_earn(struct wbackend *);

#endif
