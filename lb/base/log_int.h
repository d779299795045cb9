/*
 * log_int.h — what log.c (producers), logger.c (the thread) and log_sink.c (writing) share.
 *
 * Not for others: log.h is the interface.
 */
#ifndef LB_BASE_LOG_INT_H
#define LB_BASE_LOG_INT_H

#include "lb/base/list.h"
#include "lb/base/log.h"
#include "lb/base/ring.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>

enum {
    LOG_RING_BYTES = 256 * 1024,
    LOG_WAKE_BYTES = 64 * 1024, /* a producer wakes the logger after so much, asleep or not */
    LOG_LINE_MAX = 2048,        /* of a message; longer ones are cut */
    LOG_EVENT_MAX = 64,
    LOG_SINKS_MAX = 256,
    LOG_BUF_BYTES = 128 * 1024,       /* of a sink */
    LOG_ROOM_MIN = LOG_RAW_MAX + 512, /* what the longest record may need of it */
};

/* In front of each record in a ring. The text follows: event then message, or a ready-made line. */
struct log_record {
    uint64_t wall_us;
    int32_t sink;
    uint8_t level;
    uint8_t raw;
    uint16_t event_len;
};

struct log {
    struct list link;      /* in logger.producers, under the logger's lock */
    struct logger *logger; /* borrowed */
    struct ring *ring;     /* owned */
    size_t unsaid;         /* bytes since the logger was last told; producer only */
    bool detached;         /* under the logger's lock */
};

/* An opened target: owned by the control thread until handed over, then by the logger thread. */
struct log_out {
    int fd;
    enum log_format format;
    bool datagrams; /* syslog: one message each */
    bool socket;    /* a stream socket: send, not write */
    bool blocking;  /* could not be made non-blocking: ask poll before each small write */
    struct sockaddr_storage addr;
    socklen_t addr_len;
    uint64_t reconnect_us; /* not before this (monotonic) */
};

struct log_sink {
    /* control thread, under the lock */
    enum log_to to;
    char *path; /* owned; may be NULL */
    unsigned users;
    bool closing;
    struct log_out *next; /* owned; replaces `out` at the next round */
    /* logger thread */
    struct log_out *out; /* owned */
    char *buf;           /* owned; datagrams: each behind its length in 4 bytes */
    size_t len;
    bool torn;            /* the last thing written was a part of a line */
    bool mended;          /* buf begins with a newline that ends that part */
    uint64_t stuck_until; /* monotonic µs: no patience with its reader before */
};

struct log_ident { /* of the process, for syslog */
    char host[256];
    int pid;
};

struct logger {
    pthread_mutex_t lock; /* held for memory work and close(), never across a write or an open */
    struct list producers;
    struct log_sink *sink[LOG_SINKS_MAX];
    uint64_t dropped_before; /* by producers that are gone; under the lock */
    struct log *own;         /* the control thread's handle, for the logger's own failures */
    struct log_ident ident;
    pthread_t thread;
    int wake_fd;
    _Atomic int level;
    _Atomic bool
        sleeping; /* set by the logger, cleared by whoever wakes it; read-modify-write only */
    _Atomic bool stop;
    _Atomic uint64_t write_errors;
    uint64_t stop_by_us; /* written before `stop` */
};

/* logger.c */
void logger_wake(struct logger *);

/* log_text.c */
size_t log_text_escape(char *out, size_t max, const char *s, size_t n);

/* log_sink.c: open and free on the control thread, the rest on the logger thread */
struct log_out *log_out_open(const struct log_target *, struct err *);
void log_out_close(struct log_out *); /* NULL is a no-op */
struct log_sink *log_sink_new(const struct log_target *, struct err *);
void log_sink_free(struct log_sink *); /* NULL is a no-op */
bool log_sink_is(const struct log_sink *, const struct log_target *);
/* Formats one record into the buffer; false: no room, flush first. */
bool log_sink_take(struct log_sink *, const struct log_ident *, const struct log_record *,
                   size_t text_len);
/* Writes the buffer, waiting at most a tenth of a second; returns the lines lost. */
uint64_t log_sink_flush(struct log_sink *);

#endif
