/*
 * server.h — what of a server, backend and frontend outlives a configuration.
 *
 * A `server_rt` is found again at reload by (backend name, server name, address), so health,
 * slow-start clock, counters, exchanges in flight and idle connections stay. Reference counted by
 * the snapshots that use it (control thread only).
 *
 * Writers: `health`, `admin`, `weight`, `slow_*` and text fields are written by the control thread;
 * a line by its worker. Readers may be any thread for atomics.
 */
#ifndef LB_UPSTREAM_SERVER_H
#define LB_UPSTREAM_SERVER_H

#include "lb/base/list.h"
#include "lb/stats/hist.h"
#include "lb/stats/stats.h"

#include <netinet/in.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/socket.h>

enum health_state { HEALTH_UNKNOWN, HEALTH_UP, HEALTH_DOWN }; /* UNKNOWN counts as up */
enum admin_state { ADMIN_READY, ADMIN_DRAIN, ADMIN_MAINT };

/* One worker's part of a server; on cache lines of its own. */
struct server_line {
    stat_cell stat[SRV_STATS];
    _Atomic uint32_t inflight; /* exchanges of this worker */
    uint32_t fails_in_row;     /* owner only: for passive ejection */
    struct list idle;          /* owner only: idle upstream connections, newest first */
    uint32_t nidle;            /* owner only */
    bool idle_ready;           /* owner only: `idle` was initialised */
} __attribute__((aligned(64)));

struct backend_line {
    stat_cell stat[BE_STATS];
    struct hist total;      /* request head complete → response sent, µs */
    struct hist connect;    /* of new upstream connections, µs */
    struct hist first_byte; /* request sent → response head, µs */
} __attribute__((aligned(64)));

struct frontend_line {
    stat_cell stat[FE_STATS];
    stat_cell why[WHY_COUNT]; /* ends by reason */
} __attribute__((aligned(64)));

struct backend_rt {
    char *name;             /* owned */
    _Atomic uint32_t epoch; /* raised after each change of a server's health, admin or weight */
    unsigned nworkers;
    struct backend_line *line; /* owned; [nworkers] */
    unsigned refs;
};

struct frontend_rt {
    char *name;
    unsigned nworkers;
    struct frontend_line *line;
    unsigned refs;
};

struct server_rt {
    char *backend, *name, *addr_text; /* owned */
    uint64_t id;                      /* hash of the server's name, see struct bal_server */
    struct sockaddr_storage addr;
    socklen_t addr_len;
    struct backend_rt *be;    /* counted */
    _Atomic uint8_t health;   /* enum health_state, by active checks */
    _Atomic uint8_t admin;    /* enum admin_state */
    _Atomic uint8_t ejected;  /* 1 while ejected by live traffic */
    _Atomic uint8_t grow_pct; /* slow start: 1..100 % of the weight */
    _Atomic uint8_t retired;  /* 1: no current snapshot has it; its idle connections must go */
    _Atomic int32_t weight_override; /* runtime API; -1: as configured */
    uint64_t tls_id;          /* of the TLS settings its connections are made with; 0: plain */
    uint64_t seen;            /* generation of the newest snapshot that has it; control thread */
    uint64_t changed_wall_us; /* when `health`, `admin` or `ejected` last changed */
    char cause[96];           /* of that change: "connection refused", "status 500" */
    unsigned nworkers;
    struct server_line *line; /* owned; [nworkers] */
    unsigned refs;
};

/* New objects with refs == 1; NULL when out of memory. server_rt takes a reference on `be`. */
struct backend_rt *backend_rt_new(const char *name, unsigned nworkers);
struct frontend_rt *frontend_rt_new(const char *name, unsigned nworkers);
struct server_rt *server_rt_new(struct backend_rt *be, const char *name, const char *addr_text,
                                const struct sockaddr *addr, socklen_t len, unsigned nworkers);
void backend_rt_unref(struct backend_rt *); /* NULL is a no-op, for all three */
void frontend_rt_unref(struct frontend_rt *);
void server_rt_unref(struct server_rt *); /* its idle connections must be closed by then */

/* One more user; returns its argument. Control thread. */
static inline struct backend_rt *backend_rt_ref(struct backend_rt *be)
{
    be->refs++;
    return be;
}

static inline struct frontend_rt *frontend_rt_ref(struct frontend_rt *fe)
{
    fe->refs++;
    return fe;
}

static inline struct server_rt *server_rt_ref(struct server_rt *s)
{
    s->refs++;
    return s;
}

/* May it get new exchanges (weight aside)? Any thread. */
static inline bool server_usable(const struct server_rt *s)
{
    return atomic_load_explicit(&s->health, memory_order_relaxed) != HEALTH_DOWN &&
           atomic_load_explicit(&s->admin, memory_order_relaxed) == ADMIN_READY &&
           !atomic_load_explicit(&s->ejected, memory_order_relaxed);
}

/* May exchanges that stick to it still come? Draining servers keep theirs. Any thread. */
static inline bool server_keeps(const struct server_rt *s)
{
    return atomic_load_explicit(&s->health, memory_order_relaxed) != HEALTH_DOWN &&
           atomic_load_explicit(&s->admin, memory_order_relaxed) != ADMIN_MAINT &&
           !atomic_load_explicit(&s->ejected, memory_order_relaxed);
}

/* Tells workers to look again; after any change of the atomics above. Control thread. */
static inline void backend_changed(struct backend_rt *be)
{
    atomic_fetch_add_explicit(&be->epoch, 1, memory_order_release);
}

uint64_t server_stat(const struct server_rt *, enum srv_stat); /* sums over workers; any thread */
uint64_t backend_stat(const struct backend_rt *, enum be_stat);
uint64_t frontend_stat(const struct frontend_rt *, enum fe_stat);
uint32_t server_inflight(const struct server_rt *);

#endif
