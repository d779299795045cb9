/*
 * http.c — the admin HTTP server: GET and HEAD of a few pages, nothing that changes state.
 *
 * So a page elsewhere that makes a browser ask here gains nothing, and a request with a body is
 * simply refused. Heads up to 16 KiB within 10 s, a bounded number of connections (conn.h), and
 * answers not yet sent are bounded together by ADMIN_OUTPUT_MAX.
 */
#include "lb/admin/conn.h"
#include "lb/admin/httpreq.h"
#include "lb/admin/internal.h"
#include "lb/admin/render.h"

#include "lb/base/err.h"
#include "lb/net/addr.h"
#include "lb/net/sock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/buffer.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DEADLINE_MS = 10000, CONNECTIONS_MAX = 256, BACKLOG = 64 };

struct admin_http {
    struct admin_core core;
    struct admin_conn_server *server; /* owned */
    char *name;
    unsigned port;
};

struct page {
    const char *path, *type;
    void (*render)(struct out *, const struct collect *, const struct admin_ops *);
};

static void prom(struct out *o, const struct collect *c, const struct admin_ops *ops)
{
    (void)ops;
    render_prom(o, c);
}

static void nginx(struct out *o, const struct collect *c, const struct admin_ops *ops)
{
    (void)ops;
    render_nginx(o, c);
}

static const struct page pages[] = {
    {"/", "text/html; charset=utf-8", render_html},
    {"/metrics", "text/plain; version=0.0.4; charset=utf-8", prom},
    {"/stats.json", "application/json", render_json},
    {"/stats;csv", "text/csv; charset=utf-8", render_csv},
    {"/nginx_status", "text/plain; charset=utf-8", nginx},
};

static const char style[] =
    ":root{color-scheme:light dark;--line:#8884;--up:#176f2c;--down:#b3261e;--warn:#8a5a00}\n"
    "@media(prefers-color-scheme:dark){:root{--up:#7fd694;--down:#ff8a80;--warn:#f2c266}}\n"
    "body{font:15px/1.45 system-ui,sans-serif;margin:1.5rem;max-width:100rem}\n"
    "h1{font-size:1.4rem;margin:0}h2{font-size:1.1rem;margin:1.6rem 0 .2rem}p{margin:.2rem 0}\n"
    "nav a{margin-right:.8rem}.t{overflow-x:auto}\n"
    "table{border-collapse:collapse;font-variant-numeric:tabular-nums;margin-top:.4rem}\n"
    "th,td{padding:.2rem .7rem;border-bottom:1px solid var(--line);text-align:left;"
    "white-space:nowrap}\n"
    "th{font-weight:600}td.n{text-align:right}\n"
    ".up{color:var(--up)}.down,.ejected{color:var(--down);font-weight:600}\n"
    ".drain,.maint,.unknown{color:var(--warn)}\n";

/* One answer: what is asked, whether the connection goes on, where it is written. */
struct answer {
    struct admin_conn *conn;
    bool head_only, last;
};

static const char *status_text(int status)
{
    switch (status) {
    case 200:
        return "OK";
    case 400:
        return "Bad Request";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 413:
        return "Content Too Large";
    case 431:
        return "Request Header Fields Too Large";
    case 505:
        return "HTTP Version Not Supported";
    default:
        return "Service Unavailable";
    }
}

/* Sends `body` (emptied). To HEAD the length goes without the bytes (RFC 9110 section 9.3.2). */
static void reply(const struct answer *a, int status, const char *type, struct evbuffer *body)
{
    struct evbuffer *out = admin_conn_output(a->conn);
    int rc = evbuffer_add_printf(
        out,
        "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nCache-Control: no-store\r\n"
        "X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n"
        "Content-Security-Policy: default-src 'none'; style-src 'self'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'\r\n%s%s\r\n",
        status, status_text(status), type, evbuffer_get_length(body),
        status == 405 ? "Allow: GET, HEAD\r\n" : "", a->last ? "Connection: close\r\n" : "");
    if (rc < 0 || (!a->head_only && evbuffer_add_buffer(out, body) != 0)) {
        admin_conn_free(a->conn);
        return;
    }
    admin_conn_answered(a->conn, a->last);
}

static void reply_text(const struct answer *a, int status, const char *text)
{
    struct evbuffer *b = evbuffer_new();
    if (b && evbuffer_add_reference(b, text, strlen(text), NULL, NULL) == 0)
        reply(a, status, "text/plain; charset=utf-8", b);
    else
        admin_conn_free(a->conn);
    if (b)
        evbuffer_free(b);
}

static void reply_page(struct admin_http *h, const struct answer *a, const struct page *p)
{
    if (h->core.account->bytes > ADMIN_OUTPUT_MAX) {
        reply_text(a, 503, "too many answers are waiting to be read\n");
        return;
    }
    struct evbuffer *b = evbuffer_new();
    struct collect *c = collect_new(h->core.ops->view(h->core.ops->ctx));
    bool done = false;
    if (b && c) {
        struct out o;
        out_begin(&o, b, h->core.account);
        p->render(&o, c, h->core.ops);
        done = out_end(&o) == 0;
    }
    collect_free(c);
    if (done)
        reply(a, 200, p->type, b);
    else
        reply_text(a, 503, "out of memory\n");
    if (b)
        evbuffer_free(b);
}

static void reply_ready(struct admin_http *h, const struct answer *a)
{
    const struct admin_view *v = h->core.ops->view(h->core.ops->ctx);
    if (v->ready && !v->draining)
        reply_text(a, 200, "ready\n");
    else
        reply_text(a, 503, v->draining ? "draining\n" : "not ready\n");
}

static void reply_style(const struct answer *a)
{
    struct evbuffer *b = evbuffer_new();
    if (b && evbuffer_add_reference(b, style, sizeof style - 1, NULL, NULL) == 0)
        reply(a, 200, "text/css; charset=utf-8", b);
    else
        admin_conn_free(a->conn);
    if (b)
        evbuffer_free(b);
}

static void route(struct admin_http *h, const struct answer *a, struct slice path)
{
    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++)
        if (slice_eq(path, slice_of(pages[i].path))) {
            reply_page(h, a, &pages[i]);
            return;
        }
    if (slice_eq(path, SLICE("/healthz")))
        reply_text(a, 200, "ok\n");
    else if (slice_eq(path, SLICE("/readyz")))
        reply_ready(h, a);
    else if (slice_eq(path, SLICE("/style.css")))
        reply_style(a);
    else
        reply_text(a, 404, "not found\n");
}

static void answer(struct admin_http *h, struct admin_conn *c, const struct httpreq *r)
{
    struct answer a = {.conn = c, .head_only = r->is_head, .last = r->close};
    admin_conn_answering(c);
    if (r->status == 0)
        route(h, &a, r->path);
    else if (r->status == 405)
        reply_text(&a, 405, "only GET and HEAD\n");
    else
        reply_text(&a, r->status, "this request is not understood here\n");
}

static void on_input(struct admin_conn *c, struct evbuffer *in, void *arg)
{
    struct evbuffer_ptr end = evbuffer_search(in, "\r\n\r\n", 4, NULL);
    if (end.pos < 0 && evbuffer_get_length(in) >= HTTPREQ_MAX) {
        struct httpreq r = {.status = 431, .close = true};
        answer(arg, c, &r);
        return;
    }
    if (end.pos < 0) {
        if (c->eof)
            admin_conn_free(c);
        return;
    }
    /* The head is copied: the answer may free the connection and its buffer. */
    char head[HTTPREQ_MAX];
    size_t n = (size_t)end.pos + 4;
    if (n > sizeof head || evbuffer_remove(in, head, n) != (int)n) {
        admin_conn_free(c);
        return;
    }
    struct httpreq r;
    httpreq_parse((struct slice){head, n}, &r);
    answer(arg, c, &r);
}

static const struct admin_conn_rules rules = {.max = CONNECTIONS_MAX,
                                              .input_max = HTTPREQ_MAX,
                                              .deadline_ms = DEADLINE_MS,
                                              .input = on_input};

static int listen_on(const struct cfg_addr *addr, unsigned *port, struct err *e)
{
    struct sockaddr_storage ss;
    socklen_t len;
    if (addr->kind == CFG_ADDR_UNIX)
        return err_set(e, EINVAL,
                       "%s:%u:%u: admin http: needs an IP address ('socket' is for Unix "
                       "sockets)",
                       addr->loc.file, addr->loc.line, addr->loc.col);
    if (addr_resolve(addr, 0, &ss, &len, e) < 0)
        return -1;
    struct sock_listen o = {.addr = (struct sockaddr *)&ss, .len = len, .backlog = BACKLOG};
    int fd = sock_listen(&o, e);
    if (fd < 0)
        return err_prefix(e, "admin http");
    len = sizeof ss;
    if (getsockname(fd, (struct sockaddr *)&ss, &len) == 0)
        *port = ntohs(ss.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&ss)->sin6_port
                                               : ((struct sockaddr_in *)&ss)->sin_port);
    return fd;
}

struct admin_http *admin_http_open(const struct admin_core *core, const struct cfg_addr *addr,
                                   struct err *e)
{
    unsigned port = 0;
    int fd = listen_on(addr, &port, e);
    if (fd < 0)
        return NULL;
    struct admin_http *h = calloc(1, sizeof *h);
    if (!h) {
        (void)close(fd);
        (void)err_set(e, ENOMEM, "admin http: out of memory");
        return NULL;
    }
    h->core = *core;
    h->port = port;
    h->name = strdup(addr->text);
    h->server = admin_conn_server_new(core->base, fd, &rules, h);
    if (!h->name || !h->server) {
        (void)err_set(e, ENOMEM, "admin http: out of memory");
        admin_http_free(h);
        return NULL;
    }
    return h;
}

void admin_http_start(struct admin_http *h)
{
    admin_conn_server_start(h->server);
}

void admin_http_free(struct admin_http *h)
{
    if (!h)
        return;
    admin_conn_server_free(h->server);
    free(h->name);
    free(h);
}

const char *admin_http_name(const struct admin_http *h)
{
    return h->name;
}

unsigned admin_http_bound_port(const struct admin_http *h)
{
    return h->port;
}
