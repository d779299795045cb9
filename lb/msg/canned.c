/*
 * canned.c — replies that lb makes itself: status line, reason, a small body for people or
 * programs.
 *
 * Text from outside (request id, location) is checked or escaped for the place where it goes.
 */
#include "lb/msg/canned.h"
#include "lb/msg/scan.h"

#include <assert.h>

enum { ID_MAX = 128, BODY_MAX = 1100 };

struct out {
    char *p;
    size_t n, max;
    bool full;
};

static void put(struct out *o, struct slice s)
{
    if (s.n == 0)
        return;
    if (o->full || o->max - o->n < s.n) {
        o->full = true;
        return;
    }
    memcpy(o->p + o->n, s.p, s.n);
    o->n += s.n;
}

static void put_text(struct out *o, const char *s)
{
    put(o, slice_of(s));
}

static void put_number(struct out *o, uint64_t n)
{
    char text[20], *p = text + sizeof text;
    do {
        *--p = (char)('0' + n % 10);
        n /= 10;
    } while (n);
    put(o, (struct slice){p, (size_t)(text + sizeof text - p)});
}

/* Visible ASCII, escaped for element content, or for the inside of a JSON string. */
static void put_escaped(struct out *o, struct slice s, bool json)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (json && (c == '"' || c == '\\'))
            put(o, SLICE("\\"));
        if (!json && c == '<')
            put(o, SLICE("&lt;"));
        else if (!json && c == '>')
            put(o, SLICE("&gt;"));
        else if (!json && c == '&')
            put(o, SLICE("&amp;"));
        else if (!json && c == '"')
            put(o, SLICE("&quot;"));
        else if (!json && c == '\'')
            put(o, SLICE("&#39;"));
        else
            put(o, (struct slice){&c, 1});
    }
}

static void put_field(struct out *o, const char *name, struct slice value)
{
    if (value.n == 0)
        return;
    put_text(o, name);
    put(o, SLICE(": "));
    put(o, value);
    put(o, SLICE("\r\n"));
}

static bool visible(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= 0x20 || s.p[i] == 0x7f)
            return false;
    return true;
}

static void body_json(struct out *o, const struct canned *c, struct slice id)
{
    const struct why_info *w = why_info(c->why);
    put_text(o, "{\"status\":");
    put_number(o, (uint64_t)c->status);
    put_text(o, ",\"error\":\"");
    put_text(o, status_phrase(c->status));
    put_text(o, "\",\"reason\":\"");
    put_escaped(o, slice_of(w->word), true);
    put_text(o, "\",\"message\":\"");
    put_escaped(o, slice_of(w->text), true);
    if (id.n) {
        put_text(o, "\",\"request_id\":\"");
        put_escaped(o, id, true);
    }
    put_text(o, "\"}\n");
}

static void put_title(struct out *o, int status)
{
    put_number(o, (uint64_t)status);
    put(o, SLICE(" "));
    put_text(o, status_phrase(status));
}

static void body_html(struct out *o, const struct canned *c, struct slice id)
{
    const struct why_info *w = why_info(c->why);
    put_text(o, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>");
    put_title(o, c->status);
    put_text(o, "</title></head>\n<body><h1>");
    put_title(o, c->status);
    put_text(o, "</h1>\n<p>");
    put_escaped(o, slice_of(w->text), false);
    put_text(o, " (");
    put_escaped(o, slice_of(w->word), false);
    put_text(o, ")</p>\n");
    if (id.n) {
        put_text(o, "<p>Request ");
        put_escaped(o, id, false);
        put_text(o, "</p>\n");
    }
    put_text(o, "</body></html>\n");
}

static void put_content(struct out *o, const struct canned *c, struct slice body)
{
    put_text(o, "Content-Type: ");
    put_text(o, c->json ? "application/json\r\n" : "text/html; charset=utf-8\r\n");
    put_text(o, "Content-Length: ");
    put_number(o, body.n);
    put(o, SLICE("\r\n"));
}

size_t canned_write(char *out, size_t max, const struct canned *c)
{
    char text[BODY_MAX];
    struct out o = {out, 0, max, false}, body = {text, 0, sizeof text, false};
    struct slice id = c->request_id;
    bool has_body = c->status >= 200 && c->status != 204 && c->status != 304;
    assert(c->status >= 100 && c->status <= 999);
    if (!visible(c->location))
        return 0;
    if (id.n > ID_MAX || !visible(id))
        id.n = 0;
    (c->json ? body_json : body_html)(&body, c, id);
    put_text(&o, "HTTP/1.1 ");
    put_title(&o, c->status);
    put_text(&o, "\r\n");
    put_field(&o, "Date", c->date);
    if (has_body)
        put_content(&o, c, (struct slice){text, body.n});
    put_field(&o, "Location", c->location);
    put_text(&o, "Cache-Control: no-store\r\n");
    if (c->why != WHY_OK)
        put_field(&o, "X-Lb-Reason", slice_of(why_word(c->why)));
    put_field(&o, "X-Request-Id", id);
    put(&o, c->fields);
    if (c->close)
        put_text(&o, "Connection: close\r\n");
    put_text(&o, "\r\n");
    if (has_body && !c->head_only)
        put(&o, (struct slice){text, body.n});
    return o.full || body.full ? 0 : o.n;
}
