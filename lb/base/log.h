/*
 * log.h — log lines, formatted by the thread that has something to say, written by one other.
 *
 * A `struct logger` owns the sinks (stderr, stdout, files, syslog) and a thread that drains one
 * ring per producer thread. A `struct log` is one producer's handle. Nothing here blocks the
 * producer: a full ring drops the record and counts it; a full disk or a stuck reader costs only
 * the logger. Records of one producer stay in order. Functions that take a `struct log *` do
 * nothing on NULL.
 */
#ifndef LB_BASE_LOG_H
#define LB_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct logger;
struct log;

enum {
    LOG_RAW_MAX = 32 * 1024, /* bytes of a ready-made record */
    LOG_TIME_BYTES = 24,     /* "2026-01-31T23:59:59.999Z" */
};

enum log_level { LOG_LV_ERROR, LOG_LV_WARNING, LOG_LV_INFO, LOG_LV_DEBUG };
enum log_format { LOG_TEXT, LOG_JSON };

/* Where a sink writes. */
enum log_to { LOG_TO_STDERR, LOG_TO_STDOUT, LOG_TO_FILE, LOG_TO_SYSLOG };

struct log_target {
    enum log_to to;
    const char *path; /* LOG_TO_FILE: file path; LOG_TO_SYSLOG: "host:port" (UDP) or "unix:/path" */
    enum log_format format; /* of the process log; access records come ready made */
};

/*
 * Starts the logger and its thread with the process log going to `t` at `level` (records above it
 * are not made). NULL and `e` filled when the file can't be opened or a thread can't be made.
 */
struct logger *logger_new(const struct log_target *t, enum log_level level, struct err *e);

/* Drains what is in the rings (bounded to 2 s), stops the thread, closes the sinks, frees. */
void logger_free(struct logger *);

/* A producer handle for one thread, to be used by that thread only; NULL: out of memory. */
struct log *logger_attach(struct logger *);
void log_detach(struct log *); /* its records are still written */

/*
 * Opens a further sink (access logs); sinks with the same target are shared and counted.
 * Returns its id (>= 1) or -1 with `e` filled. Control thread.
 */
int logger_sink_open(struct logger *, const struct log_target *t, struct err *e);
void logger_sink_close(struct logger *, int sink);

/* Reopens every file sink by name (SIGUSR1). Failures keep the old file and are logged. */
void logger_reopen(struct logger *);
void logger_set_level(struct logger *, enum log_level);
/* Points the process log (sink 0) elsewhere; -1 with `e`, and nothing changed, on failure. */
int logger_retarget(struct logger *, const struct log_target *t, struct err *e);

/* Records lost to full rings, and lines lost to failing sinks (ENOSPC, EPIPE …). Any thread. */
uint64_t logger_dropped(const struct logger *);
uint64_t logger_write_errors(const struct logger *);

/*
 * One line to the process log: time, level, event word, then the message. `event` is a short
 * constant word ("server-down"); the message follows printf. In JSON:
 * {"time","level","event","msg"}. Non-printable bytes in the result are escaped. Costs nothing
 * above the level.
 */
void log_line(struct log *, enum log_level, const char *event, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/*
 * Room for one ready-made record of up to `max` bytes (<= LOG_RAW_MAX) for `sink` (access log), or
 * NULL when the ring is full. log_raw_end gives the bytes really written, the newline included;
 * 0 abandons the record.
 */
char *log_raw_begin(struct log *, int sink, size_t max);
void log_raw_end(struct log *, size_t used);

/* At the end of a batch: wakes the logger when it sleeps and there is something to write. One
 * atomic exchange when there was, else nothing. Errors and warnings wake it by themselves. */
void log_flush(struct log *);

/* Writes `s` as the inside of a JSON string (escapes, invalid UTF-8 as \ufffd); returns bytes
 * written, at most `max`. Used by every JSON writer of log lines. */
size_t log_json_escape(char *out, size_t max, const char *s, size_t n);

/* ISO 8601 in UTC with milliseconds, not terminated; returns LOG_TIME_BYTES. */
size_t log_time(char out[LOG_TIME_BYTES], uint64_t wall_us);

#endif
