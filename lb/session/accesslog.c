/* accesslog.c — see accesslog.h. */
#include "lb/session/accesslog.h"

#include "lb/base/log.h"

#include <time.h>

enum {
    FIXED_MAX = 1024, /* names of fields, numbers, time, peer, reason */
    GROWTH = 6,       /* one byte becomes at most \u001f or \ufffd */
};

enum cut {
    CUT_FRONTEND,
    CUT_BACKEND,
    CUT_SERVER,
    CUT_METHOD,
    CUT_TARGET,
    CUT_HOST,
    CUT_AGENT,
    CUT_ID,
    CUTS
};
static const char *const cut_name[CUTS] = {"frontend", "backend", "server",     "method",
                                           "target",   "host",    "user_agent", "request_id"};

/* Where the line is being written, and which fields were cut. */
struct line {
    char *p;
    unsigned cut; /* bits of enum cut */
};

/* Bytes that stand for themselves in a JSON string and between quotes in a text line. */
static const bool plain[256] = {
    [0x20 ... 0x21] = true, [0x23 ... 0x5b] = true, [0x5d ... 0x7e] = true};

static const char digits[] = "0001020304050607080910111213141516171819"
                             "2021222324252627282930313233343536373839"
                             "4041424344454647484950515253545556575859"
                             "6061626364656667686970717273747576777879"
                             "8081828384858687888990919293949596979899";

static void put(struct line *l, const char *p, size_t n)
{
    memcpy(l->p, p, n);
    l->p += n;
}

#define PUT(l, literal) put((l), (literal), sizeof(literal) - 1)

static void put_u64(struct line *l, uint64_t v)
{
    char text[20], *p = text + sizeof text;
    while (v >= 100) {
        p -= 2;
        memcpy(p, digits + 2 * (v % 100), 2);
        v /= 100;
    }
    if (v >= 10) {
        p -= 2;
        memcpy(p, digits + 2 * v, 2);
    } else {
        *--p = (char)('0' + v);
    }
    put(l, p, (size_t)(text + sizeof text - p));
}

static void two(char *p, unsigned v)
{
    memcpy(p, digits + 2 * (v % 100), 2);
}

static void new_second(struct access_clock *c, uint64_t second)
{
    time_t t = (time_t)second;
    struct tm tm = {0};
    (void)gmtime_r(&t, &tm);
    unsigned year = (unsigned)tm.tm_year + 1900;
    two(c->text, year / 100);
    two(c->text + 2, year);
    c->text[4] = '-';
    two(c->text + 5, (unsigned)tm.tm_mon + 1);
    c->text[7] = '-';
    two(c->text + 8, (unsigned)tm.tm_mday);
    c->text[10] = 'T';
    two(c->text + 11, (unsigned)tm.tm_hour);
    c->text[13] = ':';
    two(c->text + 14, (unsigned)tm.tm_min);
    c->text[16] = ':';
    two(c->text + 17, (unsigned)tm.tm_sec);
    c->text[19] = '.';
    c->second = second;
}

/* 2026-01-31T12:00:00.123456Z */
static void put_time(struct line *l, uint64_t wall_us, struct access_clock *c)
{
    uint64_t second = wall_us / 1000000;
    unsigned us = (unsigned)(wall_us % 1000000);
    if (second != c->second || !c->text[0])
        new_second(c, second);
    put(l, c->text, sizeof c->text);
    two(l->p, us / 10000);
    two(l->p + 2, us / 100);
    two(l->p + 4, us);
    l->p[6] = 'Z';
    l->p += 7;
}

/* IPv4 is nearly all there is, and inet_ntop would be the slowest part of the line. */
static void put_peer(struct line *l, const struct peer *peer)
{
    if (peer && peer->family == AF_INET) {
        for (unsigned i = 12; i < 16; i++) {
            put_u64(l, peer->ip[i]);
            *l->p++ = i < 15 ? '.' : ':';
        }
        put_u64(l, peer->port);
        return;
    }
    char text[ADDR_TEXT_MAX];
    if (peer && peer->family)
        put(l, text, peer_text(peer, text));
    else
        PUT(l, "-");
}

/* At most `max` bytes of `s`, not ending inside a UTF-8 character; notes when something is cut. */
static struct slice cut_to(struct line *l, struct slice s, size_t max, enum cut which)
{
    if (s.n <= max)
        return s;
    l->cut |= 1u << which;
    s.n = max;
    for (unsigned i = 0; i < 3 && ((unsigned char)s.p[s.n] & 0xc0) == 0x80; i++)
        s.n--;
    return s;
}

static size_t plain_run(struct slice s)
{
    size_t n = 0;
    while (n < s.n && plain[(unsigned char)s.p[n]])
        n++;
    return n;
}

static void put_json(struct line *l, struct slice s)
{
    size_t n = plain_run(s);
    put(l, s.p, n);
    if (n < s.n)
        l->p += log_json_escape(l->p, (s.n - n) * GROWTH, s.p + n, s.n - n);
}

/* Text lines write what is not plain as \xHH, so that one line stays one line of ASCII. */
static void put_text(struct line *l, struct slice s)
{
    static const char hex[] = "0123456789abcdef";
    while (s.n) {
        size_t n = plain_run(s);
        put(l, s.p, n);
        if (n == s.n)
            return;
        unsigned char c = (unsigned char)s.p[n];
        char esc[4] = {'\\', 'x', hex[c >> 4], hex[c & 15]};
        put(l, esc, sizeof esc);
        s.p += n + 1;
        s.n -= n + 1;
    }
}

/* A name in a text line: "-" when empty, and no blanks that would shift the columns. */
static void put_word(struct line *l, struct slice s)
{
    if (!s.n)
        PUT(l, "-");
    char *from = l->p;
    put_text(l, s);
    for (; from < l->p; from++)
        if (*from == ' ')
            *from = '_';
}

static void text_numbers(struct line *l, const struct access_record *r)
{
    PUT(l, " ");
    if (r->status)
        put_u64(l, (uint64_t)r->status);
    else
        PUT(l, "-");
#define NUMBER(name, field)                                                                        \
    PUT(l, " " name "=");                                                                          \
    put_u64(l, r->field)
    NUMBER("in", bytes_in);
    NUMBER("out", bytes_out);
    NUMBER("header", header_us);
    NUMBER("queue", queue_us);
    NUMBER("connect", connect_us);
    NUMBER("first_byte", first_byte_us);
    NUMBER("response", response_us);
    NUMBER("total", total_us);
    NUMBER("retries", retries);
    NUMBER("reused", reused);
#undef NUMBER
    PUT(l, " why=");
    const char *why = why_word(r->why);
    put(l, why, strlen(why));
}

static void text_end(struct line *l)
{
    if (l->cut) {
        PUT(l, " truncated=");
        for (unsigned i = 0, n = 0; i < CUTS; i++) {
            if (!(l->cut >> i & 1))
                continue;
            if (n++)
                PUT(l, ",");
            put(l, cut_name[i], strlen(cut_name[i]));
        }
    }
    PUT(l, "\n");
}

static void format_text(struct line *l, const struct access_record *r)
{
    PUT(l, " ");
    put_peer(l, r->client);
    PUT(l, " ");
    put_word(l, cut_to(l, r->frontend, ACCESS_NAME_MAX, CUT_FRONTEND));
    PUT(l, " ");
    put_word(l, cut_to(l, r->backend, ACCESS_NAME_MAX, CUT_BACKEND));
    PUT(l, "/");
    put_word(l, cut_to(l, r->server, ACCESS_NAME_MAX, CUT_SERVER));
    PUT(l, " \"");
    put_word(l, cut_to(l, r->method, ACCESS_METHOD_MAX, CUT_METHOD));
    PUT(l, " ");
    put_word(l, cut_to(l, r->host, ACCESS_HOST_MAX, CUT_HOST));
    PUT(l, " ");
    put_word(l, cut_to(l, r->target, ACCESS_TARGET_MAX, CUT_TARGET));
    PUT(l, "\"");
    text_numbers(l, r);
    PUT(l, " id=");
    put_word(l, cut_to(l, r->request_id, ACCESS_ID_MAX, CUT_ID));
    PUT(l, " agent=\"");
    put_text(l, cut_to(l, r->user_agent, ACCESS_AGENT_MAX, CUT_AGENT));
    PUT(l, "\"");
    text_end(l);
}

#define JSON_TEXT(l, name, text)                                                                   \
    do {                                                                                           \
        struct slice s_ = (text);                                                                  \
        if (s_.n) {                                                                                \
            PUT(l, ",\"" name "\":\"");                                                            \
            put_json(l, s_);                                                                       \
            PUT(l, "\"");                                                                          \
        }                                                                                          \
    } while (0)

#define JSON_NUMBER(l, name, value)                                                                \
    do {                                                                                           \
        PUT(l, ",\"" name "\":");                                                                  \
        put_u64(l, (value));                                                                       \
    } while (0)

static void json_numbers(struct line *l, const struct access_record *r)
{
    JSON_NUMBER(l, "status", (uint64_t)r->status);
    JSON_NUMBER(l, "bytes_in", r->bytes_in);
    JSON_NUMBER(l, "bytes_out", r->bytes_out);
    JSON_NUMBER(l, "header_us", r->header_us);
    JSON_NUMBER(l, "queue_us", r->queue_us);
    JSON_NUMBER(l, "connect_us", r->connect_us);
    JSON_NUMBER(l, "first_byte_us", r->first_byte_us);
    JSON_NUMBER(l, "response_us", r->response_us);
    JSON_NUMBER(l, "total_us", r->total_us);
    JSON_NUMBER(l, "retries", r->retries);
    if (r->reused)
        PUT(l, ",\"reused\":true,\"why\":\"");
    else
        PUT(l, ",\"reused\":false,\"why\":\"");
    const char *why = why_word(r->why);
    put(l, why, strlen(why));
    PUT(l, "\"");
}

static void json_end(struct line *l)
{
    if (l->cut) {
        PUT(l, ",\"truncated\":[");
        for (unsigned i = 0, n = 0; i < CUTS; i++) {
            if (!(l->cut >> i & 1))
                continue;
            if (n++)
                PUT(l, ",");
            PUT(l, "\"");
            put(l, cut_name[i], strlen(cut_name[i]));
            PUT(l, "\"");
        }
        PUT(l, "]");
    }
    PUT(l, "}\n");
}

static void format_json(struct line *l, const struct access_record *r)
{
    PUT(l, "\",\"client\":\"");
    put_peer(l, r->client);
    PUT(l, "\"");
    JSON_TEXT(l, "frontend", cut_to(l, r->frontend, ACCESS_NAME_MAX, CUT_FRONTEND));
    JSON_TEXT(l, "backend", cut_to(l, r->backend, ACCESS_NAME_MAX, CUT_BACKEND));
    JSON_TEXT(l, "server", cut_to(l, r->server, ACCESS_NAME_MAX, CUT_SERVER));
    JSON_TEXT(l, "method", cut_to(l, r->method, ACCESS_METHOD_MAX, CUT_METHOD));
    JSON_TEXT(l, "host", cut_to(l, r->host, ACCESS_HOST_MAX, CUT_HOST));
    JSON_TEXT(l, "target", cut_to(l, r->target, ACCESS_TARGET_MAX, CUT_TARGET));
    json_numbers(l, r);
    JSON_TEXT(l, "request_id", cut_to(l, r->request_id, ACCESS_ID_MAX, CUT_ID));
    JSON_TEXT(l, "user_agent", cut_to(l, r->user_agent, ACCESS_AGENT_MAX, CUT_AGENT));
    json_end(l);
}

static size_t least(size_t n, size_t max)
{
    return n < max ? n : max;
}

size_t accesslog_bound(const struct access_record *r)
{
    return FIXED_MAX +
           GROWTH *
               (least(r->frontend.n, ACCESS_NAME_MAX) + least(r->backend.n, ACCESS_NAME_MAX) +
                least(r->server.n, ACCESS_NAME_MAX) + least(r->method.n, ACCESS_METHOD_MAX) +
                least(r->target.n, ACCESS_TARGET_MAX) + least(r->host.n, ACCESS_HOST_MAX) +
                least(r->user_agent.n, ACCESS_AGENT_MAX) + least(r->request_id.n, ACCESS_ID_MAX));
}

size_t accesslog_format(char *out, bool json, const struct access_record *r, uint64_t wall_us,
                        struct access_clock *clock)
{
    struct line l = {.p = out, .cut = r->target_cut ? 1u << CUT_TARGET : 0};
    if (json) {
        PUT(&l, "{\"time\":\"");
        put_time(&l, wall_us, clock);
        format_json(&l, r);
    } else {
        put_time(&l, wall_us, clock);
        format_text(&l, r);
    }
    return (size_t)(l.p - out);
}

void accesslog_write(struct log *log, int sink, bool json, const struct access_record *r,
                     uint64_t wall_us, struct access_clock *clock)
{
    char *to = log_raw_begin(log, sink, accesslog_bound(r));
    if (to)
        log_raw_end(log, accesslog_format(to, json, r, wall_us, clock));
}
