/*
 * accesslog.h — one line for each exchange, text or JSON, formatted straight into the log ring.
 *
 * Everything a client can choose is escaped: a line is always one line, JSON always valid. Long
 * fields are cut and named in `truncated`. No allocation, no printf, no system call.
 */
#ifndef LB_SESSION_ACCESSLOG_H
#define LB_SESSION_ACCESSLOG_H

#include "lb/base/slice.h"
#include "lb/base/why.h"
#include "lb/net/addr.h"

#include <stdbool.h>
#include <stdint.h>

struct log;

/* All slices borrowed for the call; empty ones are written as "-" (text) or left out (JSON). */
struct access_record {
    struct slice frontend, backend, server;
    const struct peer *client;
    struct slice method, target, host, user_agent;
    bool target_cut; /* `target` is only the beginning of what came */
    struct slice request_id;
    int status;                   /* sent to the client; 0: none */
    uint64_t bytes_in, bytes_out; /* from and to the client */
    /* Microseconds; 0 where a phase did not happen. */
    uint64_t header_us;     /* first byte of the request → head complete */
    uint64_t queue_us;      /* waiting for a free server */
    uint64_t connect_us;    /* opening the upstream connection; 0 when reused */
    uint64_t first_byte_us; /* request sent → response head */
    uint64_t response_us;   /* response head → response sent */
    uint64_t total_us;      /* first byte of the request → end */
    unsigned retries;
    bool reused; /* the upstream connection came from the pool */
    enum why why;
};

/* The date and time of the last line; one for each worker, zeroed at first. */
struct access_clock {
    uint64_t second;
    char text[20]; /* 2026-01-31T12:00:00. */
};

/* What a field is cut to, in bytes as it came. */
enum {
    ACCESS_NAME_MAX = 128,
    ACCESS_METHOD_MAX = 32,
    ACCESS_TARGET_MAX = 2048,
    ACCESS_HOST_MAX = 256,
    ACCESS_AGENT_MAX = 256,
    ACCESS_ID_MAX = 128,
};

/* The most bytes the line of `r` can take. */
size_t accesslog_bound(const struct access_record *r);

/* Writes the line, newline included, into out[accesslog_bound]; returns its length. */
size_t accesslog_format(char *out, bool json, const struct access_record *r, uint64_t wall_us,
                        struct access_clock *clock);

/*
 * The same into the ring, for sink `sink`. A full ring loses the line (the log counts it). The
 * worker's thread only.
 */
void accesslog_write(struct log *log, int sink, bool json, const struct access_record *r,
                     uint64_t wall_us, struct access_clock *clock);

#endif
