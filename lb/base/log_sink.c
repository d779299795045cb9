/*
 * log_sink.c — one destination of log lines: opening, layout, writing.
 *
 * Lines gather in a buffer and go out in one write per round. Writing may fail or the reader may
 * stop reading: a sink waits a tenth of a second once a second, else it drops what is left, counts
 * the lines and goes on; it never tries the same bytes for ever. A line that was cut short is ended
 * by a newline before the next one. Syslog messages follow RFC 5424, one datagram each (RFC 5426).
 */
#include "lb/base/clock.h"
#include "lb/base/err.h"
#include "lb/base/log_int.h"
#include "lb/base/slice.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATIENCE_US = 100 * 1000, STUCK_US = 1000 * 1000, SMALL_WRITE = 4096, DATAGRAM_MAX = 8192 };

struct log_sink *log_sink_new(const struct log_target *t, struct err *e)
{
    struct log_sink *s = calloc(1, sizeof *s);
    if (s) {
        s->to = t->to;
        s->users = 1;
        s->buf = malloc(LOG_BUF_BYTES);
        s->path = t->path ? strdup(t->path) : NULL;
    }
    if (!s || !s->buf || (t->path && !s->path)) {
        (void)err_set(e, ENOMEM, "out of memory for a log");
        log_sink_free(s);
        return NULL;
    }
    s->out = log_out_open(t, e);
    if (!s->out) {
        log_sink_free(s);
        return NULL;
    }
    return s;
}

void log_sink_free(struct log_sink *s)
{
    if (!s)
        return;
    log_out_close(s->out);
    log_out_close(s->next);
    free(s->path);
    free(s->buf);
    free(s);
}

bool log_sink_is(const struct log_sink *s, const struct log_target *t)
{
    if (s->to != t->to || !s->path != !t->path)
        return false;
    return !s->path || strcmp(s->path, t->path) == 0;
}

static const char *const level_word[] = {"error", "warning", "info", "debug"};

/* Appends the bytes of a string constant or word; the caller has checked the room. */
static size_t put(char *out, const char *text)
{
    size_t n = strlen(text);
    memcpy(out, text, n);
    return n;
}

static size_t put_text(char *out, size_t max, const struct log_record *r, struct slice msg)
{
    size_t n = log_time(out, r->wall_us);
    out[n++] = ' ';
    n += put(out + n, level_word[r->level & 3]);
    out[n++] = ' ';
    n += log_text_escape(out + n, LOG_EVENT_MAX, (const char *)(r + 1), r->event_len);
    out[n++] = ' ';
    n += log_text_escape(out + n, max - n - 1, msg.p, msg.n);
    out[n++] = '\n';
    return n;
}

static size_t put_json(char *out, size_t max, const struct log_record *r, struct slice msg)
{
    size_t n = put(out, "{\"time\":\"");
    n += log_time(out + n, r->wall_us);
    n += put(out + n, "\",\"level\":\"");
    n += put(out + n, level_word[r->level & 3]);
    n += put(out + n, "\",\"event\":\"");
    n += log_json_escape(out + n, LOG_EVENT_MAX, (const char *)(r + 1), r->event_len);
    n += put(out + n, "\",\"msg\":\"");
    n += log_json_escape(out + n, max - n - 3, msg.p, msg.n);
    n += put(out + n, "\"}\n");
    return n;
}

/* RFC 5424: <PRI>1 TIMESTAMP HOSTNAME APP PROCID MSGID SD MSG; facility daemon. */
static size_t put_syslog(char *out, size_t max, const struct log_ident *id,
                         const struct log_record *r, struct slice msg)
{
    static const int severity[] = {3, 4, 6, 7};
    uint64_t wall_us = r->raw ? clock_wall_us() : r->wall_us;
    int head = snprintf(out, 16, "<%d>1 ", 3 * 8 + severity[r->level & 3]);
    size_t n = (size_t)head;
    n += log_time(out + n, wall_us);
    head = snprintf(out + n, 64 + sizeof id->host, " %s lb %d ", id->host, id->pid);
    n += (size_t)head;
    if (r->raw || r->event_len == 0)
        n += put(out + n, r->raw ? "access" : "-");
    else
        n += log_text_escape(out + n, 32, (const char *)(r + 1), r->event_len);
    n += put(out + n, " - ");
    while (r->raw && msg.n && msg.p[msg.n - 1] == '\n')
        msg.n--;
    size_t end = max < DATAGRAM_MAX ? max : DATAGRAM_MAX;
    return n + log_text_escape(out + n, end - n, msg.p, msg.n);
}

bool log_sink_take(struct log_sink *s, const struct log_ident *id, const struct log_record *r,
                   size_t text_len)
{
    if (LOG_BUF_BYTES - s->len < LOG_ROOM_MIN)
        return false;
    if (s->len == 0) {
        s->mended = s->torn && !s->out->datagrams;
        if (s->mended)
            s->buf[s->len++] = '\n';
    }
    char *at = s->buf + s->len;
    struct slice msg = {(const char *)(r + 1) + r->event_len, text_len - r->event_len};
    if (s->out->datagrams) {
        size_t n = put_syslog(at + 4, LOG_ROOM_MIN - 8, id, r, msg);
        uint32_t prefix = (uint32_t)n;
        memcpy(at, &prefix, sizeof prefix);
        s->len += sizeof prefix + n;
    } else if (r->raw) {
        memcpy(at, msg.p, msg.n);
        s->len += msg.n;
    } else {
        s->len += (s->out->format == LOG_JSON ? put_json : put_text)(at, LOG_ROOM_MIN - 8, r, msg);
    }
    return true;
}

/* Waits for a reader, within patience. *until is 0 at the first call of a flush. */
static bool may_wait(struct log_sink *s, uint64_t *until)
{
    uint64_t now = clock_us();
    if (*until == 0)
        *until = now < s->stuck_until ? now : now + PATIENCE_US;
    if (now < *until) {
        struct pollfd p = {.fd = s->out->fd, .events = POLLOUT};
        if (poll(&p, 1, (int)((*until - now) / 1000) + 1) > 0 && p.revents & POLLOUT)
            return true;
        now = clock_us();
    }
    if (now >= *until && s->stuck_until <= now)
        s->stuck_until = now + STUCK_US;
    return false;
}

/* One attempt; -1 with errno. */
static ssize_t write_some(const struct log_out *o, const char *p, size_t n)
{
    if (o->socket)
        return send(o->fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (!o->blocking)
        return write(o->fd, p, n);
    struct pollfd f = {.fd = o->fd, .events = POLLOUT};
    if (poll(&f, 1, 0) != 1 || !(f.revents & POLLOUT)) {
        errno = EAGAIN;
        return -1;
    }
    return write(o->fd, p,
                 n < SMALL_WRITE ? n : SMALL_WRITE); /* a pipe with room takes that much */
}

static uint64_t count_lines(const char *p, size_t n)
{
    uint64_t lines = 0;
    for (const char *end = p + n; (p = memchr(p, '\n', (size_t)(end - p))); p++)
        lines++;
    return lines;
}

static uint64_t flush_stream(struct log_sink *s)
{
    size_t off = 0;
    uint64_t until = 0;
    while (off < s->len) {
        ssize_t n = write_some(s->out, s->buf + off, s->len - off);
        if (n > 0)
            off += (size_t)n;
        else if (n == 0 || (errno != EINTR && (errno != EAGAIN || !may_wait(s, &until))))
            break;
    }
    if (off)
        s->torn = s->buf[off - 1] != '\n';
    return count_lines(s->buf + off, s->len - off) - (off == 0 && s->mended);
}

/* The other side went away (a restarted syslog daemon): connect anew, at most once a second. */
static bool reconnect(struct log_out *o)
{
    uint64_t now = clock_us();
    if (now < o->reconnect_us)
        return false;
    o->reconnect_us = now + STUCK_US;
    return connect(o->fd, (struct sockaddr *)&o->addr, o->addr_len) == 0;
}

static bool send_datagram(struct log_sink *s, const char *p, size_t n, uint64_t *until)
{
    for (int tries = 0; tries < 4; tries++) {
        if (send(s->out->fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
            return true;
        if (errno == EAGAIN && !may_wait(s, until))
            return false;
        if (errno == ECONNREFUSED && s->out->addr.ss_family != AF_UNIX)
            continue; /* the fate of an earlier datagram, reported late */
        if (errno != EAGAIN && errno != EINTR && !reconnect(s->out))
            return false;
    }
    return false;
}

static uint64_t flush_datagrams(struct log_sink *s)
{
    uint64_t lost = 0, until = 0;
    for (size_t off = 0; off < s->len;) {
        uint32_t n;
        memcpy(&n, s->buf + off, sizeof n);
        off += sizeof n;
        lost += !send_datagram(s, s->buf + off, n, &until);
        off += n;
    }
    return lost;
}

uint64_t log_sink_flush(struct log_sink *s)
{
    if (s->len == 0)
        return 0;
    uint64_t lost = s->out->datagrams ? flush_datagrams(s) : flush_stream(s);
    s->len = 0;
    return lost;
}
