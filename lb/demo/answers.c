/*
 * answers.c — the replies of a demo origin.
 *
 * Replies that take time (/events, /slow) hold a `struct later`: a timer and the request. The
 * connection's close callback ends both. Runs on the demo thread only.
 */
#include "lb/demo/answers.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLOW_MAX_MS = 60000, BYTES_MAX = 1 << 30, PIECE = 1 << 16 };

struct later {
    struct evhttp_request *req; /* borrowed from its connection until that closes */
    struct event *timer;        /* owned */
    const char *name;           /* borrowed, see answers_attach */
    unsigned events;            /* sent so far */
};

static void later_free(struct later *l)
{
    event_free(l->timer);
    free(l);
}

static void later_connection_closed(struct evhttp_connection *conn, void *arg)
{
    (void)conn;
    struct later *l = arg;
    /* evhttp frees the requests it finds on the connection, but takes an unanswered one off it when
     * the client is gone: then it is ours. */
    if (!evhttp_request_get_connection(l->req))
        evhttp_request_free(l->req);
    later_free(l);
}

/* The reply is complete: the connection may outlive it. */
static void later_end(struct later *l)
{
    evhttp_connection_set_closecb(evhttp_request_get_connection(l->req), NULL, NULL);
    later_free(l);
}

static void later_wait(struct later *l, unsigned ms)
{
    struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = (long)(ms % 1000) * 1000};
    (void)event_add(l->timer, &tv);
}

static struct later *later_new(struct evhttp_request *req, const char *name, event_callback_fn fn)
{
    struct evhttp_connection *conn = evhttp_request_get_connection(req);
    struct later *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    l->req = req;
    l->name = name;
    l->timer = evtimer_new(evhttp_connection_get_base(conn), fn, l);
    if (!l->timer) {
        free(l);
        return NULL;
    }
    evhttp_connection_set_closecb(conn, later_connection_closed, l);
    return l;
}

static const char *method_name(const struct evhttp_request *req)
{
    static const struct {
        enum evhttp_cmd_type type;
        const char *name;
    } names[] = {
        {EVHTTP_REQ_GET, "GET"},     {EVHTTP_REQ_HEAD, "HEAD"},       {EVHTTP_REQ_POST, "POST"},
        {EVHTTP_REQ_PUT, "PUT"},     {EVHTTP_REQ_DELETE, "DELETE"},   {EVHTTP_REQ_PATCH, "PATCH"},
        {EVHTTP_REQ_TRACE, "TRACE"}, {EVHTTP_REQ_OPTIONS, "OPTIONS"},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].type == evhttp_request_get_command(req))
            return names[i].name;
    return "?";
}

static void answer_mirror(struct evhttp_request *req, const char *name)
{
    struct evbuffer *body = evbuffer_new();
    if (!body)
        return evhttp_send_error(req, 503, NULL);
    (void)evbuffer_add_printf(body, "origin %s\n%s %s HTTP/%d.%d\n", name, method_name(req),
                              evhttp_request_get_uri(req), req->major, req->minor);
    const struct evkeyval *kv;
    for (kv = evhttp_request_get_input_headers(req)->tqh_first; kv; kv = kv->next.tqe_next)
        (void)evbuffer_add_printf(body, "%s: %s\n", kv->key, kv->value);
    size_t n = evbuffer_get_length(evhttp_request_get_input_buffer(req));
    if (n)
        (void)evbuffer_add_printf(body, "body: %zu bytes\n", n);
    (void)evhttp_add_header(evhttp_request_get_output_headers(req), "Content-Type", "text/plain");
    evhttp_send_reply(req, 200, "OK", body);
    evbuffer_free(body);
}

static void on_slow_over(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct later *l = arg;
    struct evhttp_request *req = l->req;
    const char *name = l->name;
    later_end(l);
    answer_mirror(req, name);
}

static void answer_slow(struct evhttp_request *req, const char *name, const char *query)
{
    const char *ms = query && strncmp(query, "ms=", 3) == 0 ? query + 3 : "1000";
    unsigned long wait = strtoul(ms, NULL, 10);
    struct later *l = later_new(req, name, on_slow_over);
    if (!l)
        return evhttp_send_error(req, 503, NULL);
    later_wait(l, wait > SLOW_MAX_MS ? SLOW_MAX_MS : (unsigned)wait);
}

static void on_event_due(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct later *l = arg;
    struct evbuffer *chunk = evbuffer_new();
    if (chunk) {
        (void)evbuffer_add_printf(chunk, "id: %u\ndata: event %u of origin %s\n\n", l->events,
                                  l->events, l->name);
        l->events++;
        evhttp_send_reply_chunk(l->req, chunk);
        evbuffer_free(chunk);
    }
    later_wait(l, 1000);
}

static void answer_events(struct evhttp_request *req, const char *name)
{
    struct later *l = later_new(req, name, on_event_due);
    if (!l)
        return evhttp_send_error(req, 503, NULL);
    struct evkeyvalq *out = evhttp_request_get_output_headers(req);
    (void)evhttp_add_header(out, "Content-Type", "text/event-stream");
    (void)evhttp_add_header(out, "Cache-Control", "no-store");
    evhttp_send_reply_start(req, 200, "OK");
    later_wait(l, 0);
}

static void answer_status(struct evhttp_request *req, const char *code)
{
    unsigned long status = strtoul(code, NULL, 10);
    if (status < 200 || status > 599)
        return evhttp_send_error(req, 400, "Bad Request");
    evhttp_send_reply(req, (int)status, "Demo", NULL);
}

static void answer_bytes(struct evhttp_request *req, const char *count)
{
    static const char line[] = "0123456789abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ\n";
    unsigned long n = strtoul(count, NULL, 10);
    struct evbuffer *body = n <= BYTES_MAX ? evbuffer_new() : NULL;
    if (!body)
        return evhttp_send_error(req, n <= BYTES_MAX ? 503 : 400, NULL);
    char piece[PIECE];
    for (size_t i = 0; i < sizeof piece; i++)
        piece[i] = line[i % (sizeof line - 1)];
    bool ok = true;
    for (size_t left = n; ok && left;) {
        size_t part = left < sizeof piece ? left : sizeof piece;
        ok = evbuffer_add(body, piece, part) == 0;
        left -= part;
    }
    if (ok)
        evhttp_send_reply(req, 200, "OK", body);
    else
        evhttp_send_error(req, 503, NULL);
    evbuffer_free(body);
}

/* What follows `prefix` in `path`, or NULL. */
static const char *after(const char *path, const char *prefix)
{
    size_t n = strlen(prefix);
    return strncmp(path, prefix, n) == 0 ? path + n : NULL;
}

static void on_request(struct evhttp_request *req, void *arg)
{
    const char *name = arg, *rest;
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(req);
    const char *path = uri ? evhttp_uri_get_path(uri) : NULL;
    if (!path)
        path = "/";
    (void)evhttp_add_header(evhttp_request_get_output_headers(req), "X-Origin", name);
    if (strcmp(path, "/events") == 0)
        answer_events(req, name);
    else if (strcmp(path, "/slow") == 0)
        answer_slow(req, name, evhttp_uri_get_query(uri));
    else if ((rest = after(path, "/status/")))
        answer_status(req, rest);
    else if ((rest = after(path, "/bytes/")))
        answer_bytes(req, rest);
    else
        answer_mirror(req, name);
}

void answers_attach(struct evhttp *http, const char *name)
{
    evhttp_set_gencb(http, on_request, (void *)name);
    evhttp_set_timeout(http, 300);
    evhttp_set_allowed_methods(http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD | EVHTTP_REQ_POST |
                                         EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE | EVHTTP_REQ_PATCH |
                                         EVHTTP_REQ_OPTIONS);
}
