/*
 * log.c — the producers' side: records go into the thread's own ring, nothing here waits.
 *
 * The message is formatted by the producer because its arguments live there; time, escapes and
 * layout are the logger's work. Waking: the logger looks by itself every few milliseconds while
 * there is traffic, so a wake-up call is made only when it sleeps or a lot has gathered.
 */
#include "lb/base/clock.h"
#include "lb/base/log_int.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static struct log_record *record_begin(struct log *l, size_t text_max)
{
    struct log_record *r = ring_reserve(l->ring, sizeof *r + text_max);
    if (r)
        *r = (struct log_record){0};
    return r;
}

static void record_end(struct log *l, size_t text_len)
{
    ring_commit(l->ring, sizeof(struct log_record) + text_len);
    l->unsaid += sizeof(struct log_record) + text_len;
    if (l->unsaid < LOG_WAKE_BYTES)
        return;
    l->unsaid = 0;
    logger_wake(l->logger);
}

void log_line(struct log *l, enum log_level level, const char *event, const char *format, ...)
{
    if (!l || (int)level > atomic_load_explicit(&l->logger->level, memory_order_relaxed))
        return;
    struct log_record *r = record_begin(l, LOG_EVENT_MAX + LOG_LINE_MAX);
    if (!r)
        return;
    r->wall_us = clock_wall_us();
    r->level = (uint8_t)level;
    r->event_len = (uint16_t)strnlen(event, LOG_EVENT_MAX);
    char *text = (char *)(r + 1);
    memcpy(text, event, r->event_len);
    va_list ap;
    va_start(ap, format);
    int n = vsnprintf(text + r->event_len, LOG_LINE_MAX, format, ap);
    va_end(ap);
    size_t len = n < 0 ? 0 : n < LOG_LINE_MAX ? (size_t)n : LOG_LINE_MAX - 1;
    record_end(l, r->event_len + len);
    if (level <= LOG_LV_WARNING)
        log_flush(l);
}

char *log_raw_begin(struct log *l, int sink, size_t max)
{
    if (!l || max > LOG_RAW_MAX)
        return NULL;
    struct log_record *r = record_begin(l, max);
    if (!r)
        return NULL;
    r->raw = 1;
    r->level = LOG_LV_INFO;
    r->sink = sink;
    return (char *)(r + 1);
}

void log_raw_end(struct log *l, size_t used)
{
    if (!l)
        return;
    if (used)
        record_end(l, used);
    else
        ring_commit(l->ring, 0);
}

void log_flush(struct log *l)
{
    if (!l || l->unsaid == 0)
        return;
    l->unsaid = 0;
    if (atomic_exchange_explicit(&l->logger->sleeping, false, memory_order_acq_rel))
        logger_wake(l->logger);
}
