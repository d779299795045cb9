/* origin_http.c — the ready-made origins: an HTTP server driven by the path, and an echo. */
#include "tests/e2e/lib/http.h"
#include "tests/e2e/lib/origin.h"

#include <poll.h>
#include <sys/socket.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { PART = 65536 };

/* Answers one request; false closes the connection. */
typedef bool answer_fn(struct visit *, const struct request *, const char *args);

static bool has_no_body(int status)
{
    return status < 200 || status == 204 || status == 304;
}

bool visit_reply(struct visit *v, int status, const char *fields, const char *body, size_t n)
{
    struct text t = {0};
    text_addf(&t, "HTTP/1.1 %d Status\r\nX-Origin: %s\r\n%s", status, origin_name(v->o),
              fields ? fields : "");
    if (!has_no_body(status))
        text_addf(&t, "Content-Length: %zu\r\n", n);
    text_addf(&t, "\r\n");
    if (!has_no_body(status))
        text_add(&t, body, n);
    bool ok = client_send(&v->c, t.p, t.n);
    text_free(&t);
    return ok;
}

static bool reply_text(struct visit *v, const char *s)
{
    return visit_reply(v, 200, "Content-Type: text/plain\r\n", s, strlen(s));
}

static bool send_pattern(struct visit *v, size_t n)
{
    char part[PART];
    for (size_t at = 0; at < n; at += sizeof part) {
        size_t len = n - at < sizeof part ? n - at : sizeof part;
        pattern_fill(part, at, len);
        if (!client_send(&v->c, part, len))
            return false;
    }
    return true;
}

static bool send_head(struct visit *v, const char *fields)
{
    return client_sendf(&v->c, "HTTP/1.1 200 OK\r\nX-Origin: %s\r\n%s\r\n", origin_name(v->o),
                        fields);
}

static bool answer_root(struct visit *v, const struct request *r, const char *args)
{
    (void)args;
    if (strcmp(r->method, "HEAD") != 0)
        return reply_text(v, origin_name(v->o));
    return client_sendf(&v->c, "HTTP/1.1 200 OK\r\nX-Origin: %s\r\nContent-Length: %zu\r\n\r\n",
                        origin_name(v->o), strlen(origin_name(v->o)));
}

static bool answer_head(struct visit *v, const struct request *r, const char *args)
{
    (void)args;
    return reply_text(v, r->head.p);
}

static bool answer_echo(struct visit *v, const struct request *r, const char *args)
{
    (void)args;
    char value[64];
    if (!head_field(r->head.p, "Transfer-Encoding", 0, value, sizeof value))
        return visit_reply(v, 200, NULL, r->body.p, r->body.n);
    bool ok = send_head(v, "Transfer-Encoding: chunked\r\n");
    if (ok && r->body.n)
        ok = client_sendf(&v->c, "%zx\r\n", r->body.n) &&
             client_send(&v->c, r->body.p, r->body.n) && client_sendf(&v->c, "\r\n");
    return ok && client_sendf(&v->c, "0\r\n%s", text_str(&r->trailers));
}

static bool answer_sum(struct visit *v, const struct request *r, const char *args)
{
    (void)args;
    char s[80];
    (void)snprintf(s, sizeof s, "%zu %016llx", r->body.n,
                   (unsigned long long)sum_bytes(SUM_SEED, r->body.p, r->body.n));
    return reply_text(v, s);
}

static bool answer_status(struct visit *v, const struct request *r, const char *args)
{
    (void)r;
    return visit_reply(v, atoi(args), NULL, "status\n", 7);
}

static bool answer_bytes(struct visit *v, const struct request *r, const char *args)
{
    size_t n = strtoul(args, NULL, 10);
    char fields[64];
    (void)snprintf(fields, sizeof fields, "Content-Length: %zu\r\n", n);
    return send_head(v, fields) && (strcmp(r->method, "HEAD") == 0 || send_pattern(v, n));
}

static bool answer_chunked(struct visit *v, const struct request *r, const char *args)
{
    (void)r;
    char *next;
    size_t n = strtoul(args, &next, 10), each = *next ? strtoul(next + 1, NULL, 10) : PART;
    char *part = malloc(each ? each : 1);
    bool ok = part && each && send_head(v, "Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n");
    for (size_t at = 0; ok && at < n; at += each) {
        size_t len = n - at < each ? n - at : each;
        pattern_fill(part, at, len);
        ok = client_sendf(&v->c, "%zx\r\n", len) && client_send(&v->c, part, len) &&
             client_send(&v->c, "\r\n", 2);
    }
    free(part);
    return ok &&
           client_sendf(&v->c, "0\r\nX-Sum: %016llx\r\n\r\n", (unsigned long long)pattern_sum(n));
}

static bool answer_until_close(struct visit *v, const struct request *r, const char *args)
{
    (void)r;
    (void)(send_head(v, "") && send_pattern(v, strtoul(args, NULL, 10)));
    return false;
}

static bool answer_slow(struct visit *v, const struct request *r, const char *args)
{
    sleep_ms((unsigned)atoi(args));
    return answer_root(v, r, args);
}

static bool answer_sse(struct visit *v, const struct request *r, const char *args)
{
    (void)r;
    char *next;
    unsigned n = (unsigned)strtoul(args, &next, 10), ms = *next ? (unsigned)atoi(next + 1) : 0;
    bool ok = send_head(v, "Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n");
    for (unsigned i = 0; ok && i < n; i++) {
        char event[64];
        int len = snprintf(event, sizeof event, "data: %u\n\n", i);
        ok = client_sendf(&v->c, "%x\r\n%s\r\n", (unsigned)len, event);
        sleep_ms(ms);
    }
    return ok && client_sendf(&v->c, "0\r\n\r\n");
}

static bool answer_early(struct visit *v, const struct request *r, const char *args)
{
    for (int n = atoi(args); n > 0; n--)
        if (!client_sendf(&v->c, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"))
            return false;
    return answer_root(v, r, args);
}

static bool answer_hop(struct visit *v, const struct request *r, const char *args)
{
    (void)r, (void)args;
    return visit_reply(v, 200,
                       "Connection: keep-alive, X-Private\r\nX-Private: 1\r\n"
                       "Keep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nX-Public: 1\r\n",
                       "hop\n", 4);
}

static bool send_half(struct visit *v, const char *args)
{
    char fields[64];
    size_t n = strtoul(args, NULL, 10);
    (void)snprintf(fields, sizeof fields, "Content-Length: %zu\r\n", n);
    return send_head(v, fields) && send_pattern(v, n / 2);
}

static bool answer_cut(struct visit *v, const struct request *r, const char *args)
{
    (void)r;
    (void)send_half(v, args);
    return false;
}

static bool answer_never(struct visit *v, const struct request *r, const char *args)
{
    (void)r, (void)args;
    (void)client_ends(&v->c, 60000);
    return false;
}

/* Reads nothing more, so that what is sent piles up on the way. */
static bool answer_deaf(struct visit *v, const struct request *r, const char *args)
{
    struct pollfd p = {.fd = v->c.fd, .events = POLLRDHUP};
    int small = 4096;
    (void)r, (void)args;
    (void)setsockopt(p.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    (void)poll(&p, 1, 60000);
    return false;
}

static bool answer_stall(struct visit *v, const struct request *r, const char *args)
{
    (void)send_half(v, args);
    return answer_never(v, r, args);
}

static bool answer_close(struct visit *v, const struct request *r, const char *args)
{
    (void)v, (void)r, (void)args;
    return false;
}

static bool answer_reset(struct visit *v, const struct request *r, const char *args)
{
    (void)r, (void)args;
    client_arm_reset(&v->c); /* closed under the origin's lock, see visit_end */
    return false;
}

static bool answer_bye(struct visit *v, const struct request *r, const char *args)
{
    (void)r, (void)args;
    (void)visit_reply(v, 200, "Connection: close\r\n", "bye\n", 4);
    return false;
}

static bool answer_upgrade(struct visit *v, const struct request *r, const char *args)
{
    (void)args;
    char proto[64];
    if (!head_field(r->head.p, "Upgrade", 0, proto, sizeof proto))
        return visit_reply(v, 426, "Upgrade: websocket\r\nConnection: upgrade\r\n", NULL, 0);
    if (client_sendf(&v->c,
                     "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n"
                     "Upgrade: %s\r\nSec-WebSocket-Accept: %s\r\n\r\n",
                     proto,
                     "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")) /* to the key of RFC 6455 section 1.3 */
        origin_echo(v);
    return false;
}

static bool answer_garbage(struct visit *v, const struct request *r, const char *args)
{
    (void)r, (void)args;
    (void)client_sendf(&v->c, "220 this is not HTTP\r\n\r\n");
    return false;
}

static const struct {
    const char *path; /* ends in '/' when arguments follow */
    answer_fn *answer;
} answers[] = {
    {"/head", answer_head},
    {"/echo", answer_echo},
    {"/sum", answer_sum},
    {"/status/", answer_status},
    {"/bytes/", answer_bytes},
    {"/chunked/", answer_chunked},
    {"/until-close/", answer_until_close},
    {"/slow/", answer_slow},
    {"/sse/", answer_sse},
    {"/early/", answer_early},
    {"/hop", answer_hop},
    {"/cut/", answer_cut},
    {"/stall/", answer_stall},
    {"/never", answer_never},
    {"/deaf", answer_deaf},
    {"/close", answer_close},
    {"/reset", answer_reset},
    {"/bye", answer_bye},
    {"/upgrade", answer_upgrade},
    {"/garbage", answer_garbage},
};

static bool answer(struct visit *v, struct request *r)
{
    r->path[strcspn(r->path, "?")] = 0;
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        size_t n = strlen(answers[i].path);
        if (strncmp(r->path, answers[i].path, n) == 0)
            return answers[i].answer(v, r, r->path + n);
    }
    return answer_root(v, r, "");
}

void origin_http(struct visit *v)
{
    struct request r = {0};
    char value[64];
    while (visit_request(v, &r) && answer(v, &r))
        if (head_field(r.head.p, "Connection", 0, value, sizeof value) &&
            strcasecmp(value, "close") == 0)
            break;
    request_free(&r);
}

void origin_echo(struct visit *v)
{
    for (;;) {
        if (v->c.in.n && !client_send(&v->c, v->c.in.p, v->c.in.n))
            return;
        text_drop(&v->c.in, v->c.in.n);
        if (!client_more(&v->c, 600000))
            break;
    }
    client_shut(&v->c);
}
