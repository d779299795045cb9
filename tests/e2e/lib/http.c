/* http.c — see http.h. Lenient on purpose where a test looks at the bytes itself. */
#include "tests/e2e/lib/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void reply_free(struct reply *r)
{
    text_free(&r->head);
    text_free(&r->body);
    text_free(&r->trailers);
    *r = (struct reply){0};
}

bool head_field(const char *head, const char *name, unsigned nth, char *out, size_t cap)
{
    size_t len = strlen(name);
    for (const char *line = strstr(head, "\r\n"); line; line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, name, len) != 0 || line[len] != ':')
            continue;
        if (nth-- > 0)
            continue;
        const char *v = line + len + 1;
        v += strspn(v, " \t");
        size_t n = strcspn(v, "\r");
        (void)snprintf(out, cap, "%.*s", (int)n, v);
        return true;
    }
    return false;
}

unsigned head_count(const char *head, const char *name)
{
    char v[2];
    unsigned n = 0;
    while (head_field(head, name, n, v, sizeof v))
        n++;
    return n;
}

const char *reply_field(const struct reply *r, const char *name)
{
    static _Thread_local char value[8192];
    if (!head_field(text_str(&r->head), name, 0, value, sizeof value))
        value[0] = 0;
    return value;
}

static unsigned left(uint64_t end)
{
    uint64_t now = now_ms();
    return end > now ? (unsigned)(end - now) : 0;
}

/* Moves what stands before and with the next `mark` to `to`. */
static bool take_through(struct client *c, const char *mark, struct text *to, uint64_t end)
{
    if (!client_until(c, mark, left(end)))
        return false;
    const char *at = memmem(c->in.p, c->in.n, mark, strlen(mark));
    size_t n = (size_t)(at - c->in.p) + strlen(mark);
    text_add(to, c->in.p, n);
    text_drop(&c->in, n);
    return true;
}

bool http_read_head(struct client *c, struct reply *r, unsigned ms)
{
    uint64_t end = now_ms() + ms;
    for (;;) {
        text_free(&r->head);
        if (!take_through(c, "\r\n\r\n", &r->head, end))
            return false;
        if (sscanf(r->head.p, "HTTP/1.%d %d", &r->minor, &r->status) != 2)
            return false;
        if (r->status >= 200 || r->status == 101)
            return true;
        r->interim++;
    }
}

static bool read_chunks(struct client *c, struct reply *r, uint64_t end)
{
    for (;;) {
        struct text line = {0};
        if (!take_through(c, "\r\n", &line, end))
            return text_free(&line), false;
        char *stop;
        size_t n = strtoul(line.p, &stop, 16);
        bool good = stop != line.p;
        text_free(&line);
        if (!good)
            return false;
        if (n == 0)
            break;
        if (!client_want(c, n + 2, left(end)) || memcmp(c->in.p + n, "\r\n", 2) != 0)
            return false;
        text_add(&r->body, c->in.p, n);
        text_drop(&c->in, n + 2);
    }
    size_t was;
    do {
        was = r->trailers.n;
        if (!take_through(c, "\r\n", &r->trailers, end))
            return false;
    } while (r->trailers.n > was + 2);
    return true;
}

static bool read_length(struct client *c, struct reply *r, size_t n, uint64_t end)
{
    bool all = client_want(c, n, left(end));
    size_t got = c->in.n < n ? c->in.n : n;
    text_add(&r->body, c->in.p, got);
    text_drop(&c->in, got);
    return all;
}

static bool read_to_close(struct client *c, struct reply *r, uint64_t end)
{
    bool ended = client_ends(c, left(end)) && c->ending == END_FIN;
    text_add(&r->body, text_str(&c->in), c->in.n);
    text_drop(&c->in, c->in.n);
    return ended;
}

bool http_read(struct client *c, const char *method, struct reply *r, unsigned ms)
{
    uint64_t end = now_ms() + ms;
    if (!http_read_head(c, r, ms))
        return false;
    char value[64];
    const char *head = r->head.p;
    r->chunked = head_field(head, "Transfer-Encoding", 0, value, sizeof value) &&
                 strcasecmp(value, "chunked") == 0;
    if (strcmp(method, "HEAD") == 0 || r->status == 101 || r->status == 204 || r->status == 304)
        r->complete = true;
    else if (r->chunked)
        r->complete = read_chunks(c, r, end);
    else if (head_field(head, "Content-Length", 0, value, sizeof value))
        r->complete = read_length(c, r, strtoul(value, NULL, 10), end);
    else
        r->complete = read_to_close(c, r, end);
    return true;
}

bool http_send(struct client *c, const char *method, const char *path, const char *fields,
               const char *body, size_t n)
{
    struct text t = {0};
    text_addf(&t, "%s %s HTTP/1.1\r\n", method, path);
    if (!fields || !strcasestr(fields, "host:"))
        text_addf(&t, "Host: test\r\n");
    text_addf(&t, "%s", fields ? fields : "");
    if (body)
        text_addf(&t, "Content-Length: %zu\r\n", n);
    text_addf(&t, "\r\n");
    text_add(&t, body, body ? n : 0);
    bool ok = client_send(c, t.p, t.n);
    text_free(&t);
    return ok;
}

bool http_exchange(struct client *c, const char *method, const char *path, const char *fields,
                   struct reply *r)
{
    reply_free(r);
    return http_send(c, method, path, fields, NULL, 0) && http_read(c, method, r, CLIENT_WAIT_MS);
}

int http_get(uint16_t port, const char *path, const char *fields, struct reply *r)
{
    struct reply own = {0};
    struct client c;
    if (r)
        reply_free(r);
    if (!client_open(&c, port))
        return 0;
    struct reply *to = r ? r : &own;
    (void)http_exchange(&c, "GET", path, fields, to);
    int status = to->status;
    client_close(&c);
    reply_free(&own);
    return status;
}

bool http_send_chunks(struct client *c, size_t n, size_t each)
{
    char *part = malloc(each);
    if (!part)
        die("out of memory");
    bool ok = true;
    for (size_t at = 0; ok && at < n; at += each) {
        size_t len = n - at < each ? n - at : each;
        pattern_fill(part, at, len);
        ok = client_sendf(c, "%zx\r\n", len) && client_send(c, part, len) &&
             client_send(c, "\r\n", 2);
    }
    free(part);
    return ok && client_sendf(c, "0\r\n\r\n");
}
