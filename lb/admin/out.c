/* out.c — see out.h. */
#include "lb/admin/out.h"

#include "lb/base/log.h"

#include <event2/buffer.h>
#include <stdlib.h>
#include <time.h>

enum { CHUNK = 65536 };

struct out_chunk {
    struct out_account *account; /* counted; may be NULL */
    char mem[];
};

struct out_account *out_account_new(void)
{
    struct out_account *a = calloc(1, sizeof *a);
    if (a)
        a->refs = 1;
    return a;
}

void out_account_unref(struct out_account *a)
{
    if (a && --a->refs == 0)
        free(a);
}

static void chunk_free(struct out_chunk *c)
{
    if (c->account) {
        c->account->bytes -= CHUNK;
        out_account_unref(c->account);
    }
    free(c);
}

/* evbuffer_add_reference's clean-up: the bytes were sent or the connection is gone. */
static void on_sent(const void *data, size_t len, void *arg)
{
    (void)data, (void)len;
    chunk_free(arg);
}

void out_begin(struct out *o, struct evbuffer *to, struct out_account *account)
{
    *o = (struct out){.to = to, .account = account};
}

static int hand_over(struct out *o)
{
    struct out_chunk *c = o->chunk;
    if (!c)
        return 0;
    size_t used = (size_t)(o->p - c->mem);
    o->chunk = NULL;
    o->p = o->end = NULL;
    if (used && evbuffer_add_reference(o->to, c->mem, used, on_sent, c) == 0)
        return 0;
    chunk_free(c);
    return used ? -1 : 0;
}

bool out_more(struct out *o)
{
    if (o->failed || hand_over(o) < 0) {
        o->failed = true;
        return false;
    }
    struct out_chunk *c = malloc(CHUNK);
    if (!c) {
        o->failed = true;
        return false;
    }
    c->account = o->account;
    if (o->account) {
        o->account->refs++;
        o->account->bytes += CHUNK;
    }
    o->chunk = c;
    o->p = c->mem;
    o->end = (char *)c + CHUNK;
    return true;
}

int out_end(struct out *o)
{
    if (hand_over(o) < 0)
        o->failed = true;
    return o->failed ? -1 : 0;
}

void out_bytes_slow(struct out *o, const char *p, size_t n)
{
    while (n && out_room(o, 1)) {
        size_t room = (size_t)(o->end - o->p), part = n < room ? n : room;
        memcpy(o->p, p, part);
        o->p += part;
        p += part;
        n -= part;
    }
}

void out_text(struct out *o, const char *text)
{
    if (text)
        out_bytes(o, text, strlen(text));
}

void out_char(struct out *o, char c)
{
    if (out_room(o, 1))
        *o->p++ = c;
}

void out_u64(struct out *o, uint64_t v)
{
    char text[20], *p = text + sizeof text;
    do
        *--p = (char)('0' + v % 10);
    while (v /= 10);
    out_bytes(o, p, (size_t)(text + sizeof text - p));
}

void out_i64(struct out *o, int64_t v)
{
    if (v < 0)
        out_char(o, '-');
    out_u64(o, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

void out_seconds(struct out *o, uint64_t us)
{
    char text[7] = ".";
    uint64_t part = us % 1000000;
    for (int i = 6; i > 0; i--, part /= 10)
        text[i] = (char)('0' + part % 10);
    out_u64(o, us / 1000000);
    out_bytes(o, text, sizeof text);
}

void out_label(struct out *o, const char *text)
{
    for (const char *p = text ? text : ""; *p; p++) {
        if (*p == '\n') {
            OUT(o, "\\n");
            continue;
        }
        if (*p == '\\' || *p == '"')
            out_char(o, '\\');
        out_char(o, *p);
    }
}

void out_json(struct out *o, const char *text)
{
    if (!text) {
        OUT(o, "null");
        return;
    }
    enum { PART = OUT_ROOM / 6 }; /* a byte becomes at most \uXXXX */
    out_char(o, '"');
    for (size_t n = strlen(text); n;) {
        size_t part = n < PART ? n : PART;
        while (part < n && part > PART - 4 && ((unsigned char)text[part] & 0xc0) == 0x80)
            part--; /* not in the middle of a character */
        if (!out_room(o, OUT_ROOM))
            return;
        o->p += log_json_escape(o->p, OUT_ROOM, text, part);
        text += part;
        n -= part;
    }
    out_char(o, '"');
}

void out_csv(struct out *o, const char *text)
{
    if (!text)
        return;
    if (!text[strcspn(text, ",\"\r\n")]) {
        out_text(o, text);
        return;
    }
    out_char(o, '"');
    for (const char *p = text; *p; p++) {
        if (*p == '"')
            out_char(o, '"');
        out_char(o, *p == '\n' || *p == '\r' ? ' ' : *p); /* a row is a line */
    }
    out_char(o, '"');
}

void out_html(struct out *o, const char *text)
{
    for (const char *p = text ? text : ""; *p; p++) {
        switch (*p) {
        case '&':
            OUT(o, "&amp;");
            break;
        case '<':
            OUT(o, "&lt;");
            break;
        case '>':
            OUT(o, "&gt;");
            break;
        case '"':
            OUT(o, "&quot;");
            break;
        case '\'':
            OUT(o, "&#39;");
            break;
        default:
            out_char(o, (unsigned char)*p < 0x20 || *p == 0x7f ? ' ' : *p);
        }
    }
}

void out_time(struct out *o, uint64_t wall_us)
{
    time_t t = (time_t)(wall_us / 1000000);
    struct tm tm;
    char text[32];
    size_t n = gmtime_r(&t, &tm) ? strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm) : 0;
    out_bytes(o, text, n);
}
