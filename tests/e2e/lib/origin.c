/* origin.c — listening, threads and counting; what to answer is in origin_http.c. */
#include "tests/e2e/lib/origin.h"
#include "tests/e2e/lib/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { VISITS_MAX = 4096, HEAD_MOST = 1 << 20 };

struct origin {
    struct origin_opts opts;
    int fd;
    uint16_t port;
    pthread_t acceptor;
    atomic_uint connections, requests, open;
    atomic_bool stopping;
    pthread_mutex_t lock; /* of the fields below */
    pthread_cond_t gone;
    int fds[VISITS_MAX]; /* of the running visits; -1: free */
    char *last_head;     /* owned */
};

static int listen_on(const struct origin_opts *o, uint16_t port)
{
    struct sockaddr_storage ss = {0};
    struct sockaddr_in *in = (void *)&ss;
    struct sockaddr_in6 *in6 = (void *)&ss;
    struct sockaddr_un *un = (void *)&ss;
    const char *host = o->host ? o->host : "127.0.0.1";
    socklen_t len = sizeof *in;
    if (o->unix_path) {
        un->sun_family = AF_UNIX;
        (void)snprintf(un->sun_path, sizeof un->sun_path, "%s", o->unix_path);
        (void)unlink(o->unix_path);
        len = sizeof *un;
    } else if (inet_pton(AF_INET6, host, &in6->sin6_addr) == 1) {
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(port);
        len = sizeof *in6;
    } else {
        in->sin_family = AF_INET;
        in->sin_port = htons(port);
        (void)inet_pton(AF_INET, host, &in->sin_addr);
    }
    int on = 1, fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (fd < 0 || bind(fd, (struct sockaddr *)&ss, len) != 0 || listen(fd, 1024) != 0)
        die("origin on port %u: %s", port, strerror(errno));
    return fd;
}

static void visit_end(struct visit *v, int slot)
{
    struct origin *o = v->o;
    (void)pthread_mutex_lock(&o->lock);
    o->fds[slot] = -1;
    client_close(&v->c);
    atomic_fetch_sub(&o->open, 1);
    (void)pthread_cond_broadcast(&o->gone);
    (void)pthread_mutex_unlock(&o->lock);
}

struct visit_start {
    struct visit v;
    int slot;
};

static void *visit_run(void *arg)
{
    struct visit_start s = *(struct visit_start *)arg;
    free(arg);
    s.v.o->opts.serve(&s.v);
    visit_end(&s.v, s.slot);
    return NULL;
}

/* Starts the thread of one connection; -1 when there are too many. */
static int visit_begin(struct origin *o, int fd)
{
    struct visit_start *s = calloc(1, sizeof *s);
    if (!s)
        die("out of memory");
    (void)pthread_mutex_lock(&o->lock);
    while (s->slot < VISITS_MAX && o->fds[s->slot] >= 0)
        s->slot++;
    bool room = s->slot < VISITS_MAX && !o->stopping;
    if (room) {
        o->fds[s->slot] = fd;
        atomic_fetch_add(&o->open, 1);
    }
    (void)pthread_mutex_unlock(&o->lock);
    if (!room) {
        free(s);
        return -1;
    }
    s->v = (struct visit){.c = {.fd = fd}, .o = o, .arg = o->opts.arg};
    s->v.nth = atomic_fetch_add(&o->connections, 1) + 1;
    pthread_attr_t attr;
    (void)pthread_attr_init(&attr);
    (void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    (void)pthread_attr_setstacksize(&attr, 512 << 10);
    pthread_t thread;
    if (pthread_create(&thread, &attr, visit_run, s) != 0)
        die("no thread for a connection of an origin");
    (void)pthread_attr_destroy(&attr);
    return 0;
}

static void *accept_run(void *arg)
{
    struct origin *o = arg;
    for (;;) {
        int fd = accept4(o->fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0 && errno != ECONNABORTED && errno != EINTR)
            return NULL;
        int on = 1;
        if (fd >= 0)
            (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        if (fd >= 0 && visit_begin(o, fd) != 0)
            (void)close(fd);
    }
}

struct origin *origin_start(const struct origin_opts *opts)
{
    struct origin *o = calloc(1, sizeof *o);
    if (!o)
        die("out of memory");
    if (opts)
        o->opts = *opts;
    if (!o->opts.serve)
        o->opts.serve = origin_http;
    if (!o->opts.name)
        o->opts.name = "origin";
    if (!o->opts.unix_path)
        o->port = o->opts.port ? o->opts.port : port_new();
    for (int i = 0; i < VISITS_MAX; i++)
        o->fds[i] = -1;
    (void)pthread_mutex_init(&o->lock, NULL);
    (void)pthread_cond_init(&o->gone, NULL);
    o->fd = listen_on(&o->opts, o->port);
    if (pthread_create(&o->acceptor, NULL, accept_run, o) != 0)
        die("no thread for an origin");
    return o;
}

void origin_stop(struct origin *o)
{
    if (!o)
        return;
    (void)shutdown(o->fd, SHUT_RDWR); /* wakes accept */
    (void)pthread_join(o->acceptor, NULL);
    (void)close(o->fd);
    (void)pthread_mutex_lock(&o->lock);
    atomic_store(&o->stopping, true);
    for (int i = 0; i < VISITS_MAX; i++)
        if (o->fds[i] >= 0)
            (void)shutdown(o->fds[i], SHUT_RDWR);
    while (atomic_load(&o->open) > 0)
        (void)pthread_cond_wait(&o->gone, &o->lock);
    (void)pthread_mutex_unlock(&o->lock);
    if (o->opts.unix_path)
        (void)unlink(o->opts.unix_path);
    (void)pthread_mutex_destroy(&o->lock);
    (void)pthread_cond_destroy(&o->gone);
    free(o->last_head);
    free(o);
}

uint16_t origin_port(const struct origin *o)
{
    return o->port;
}

const char *origin_name(const struct origin *o)
{
    return o->opts.name;
}

unsigned origin_connections(const struct origin *o)
{
    return atomic_load(&o->connections);
}

unsigned origin_requests(const struct origin *o)
{
    return atomic_load(&o->requests);
}

unsigned origin_open(const struct origin *o)
{
    return atomic_load(&o->open);
}

char *origin_last_head(struct origin *o)
{
    (void)pthread_mutex_lock(&o->lock);
    char *copy = format_new("%s", o->last_head ? o->last_head : "");
    (void)pthread_mutex_unlock(&o->lock);
    return copy;
}

void request_free(struct request *r)
{
    text_free(&r->head);
    text_free(&r->body);
    text_free(&r->trailers);
    *r = (struct request){0};
}

bool visit_request_head(struct visit *v, struct request *r)
{
    request_free(r);
    const char *end;
    while (!v->c.in.n || !(end = memmem(v->c.in.p, v->c.in.n, "\r\n\r\n", 4)))
        if (v->c.in.n > HEAD_MOST || !client_more(&v->c, 600000))
            return false;
    size_t n = (size_t)(end - v->c.in.p) + 4; /* there may be NUL bytes before it */
    text_add(&r->head, v->c.in.p, n);
    text_drop(&v->c.in, n);
    if (sscanf(r->head.p, "%31s %1023s", r->method, r->path) != 2)
        return false;
    atomic_fetch_add(&v->o->requests, 1);
    (void)pthread_mutex_lock(&v->o->lock);
    free(v->o->last_head);
    v->o->last_head = format_new("%s", r->head.p);
    (void)pthread_mutex_unlock(&v->o->lock);
    return true;
}

static bool read_chunked(struct visit *v, struct request *r)
{
    for (;;) {
        if (!client_until(&v->c, "\r\n", 60000))
            return false;
        size_t line = (size_t)(strstr(v->c.in.p, "\r\n") - v->c.in.p) + 2;
        size_t n = strtoul(v->c.in.p, NULL, 16);
        text_drop(&v->c.in, line);
        if (n == 0)
            break;
        if (!client_want(&v->c, n + 2, 60000))
            return false;
        text_add(&r->body, v->c.in.p, n);
        text_drop(&v->c.in, n + 2);
    }
    for (size_t line = 3; line > 2;) {
        if (!client_until(&v->c, "\r\n", 60000))
            return false;
        line = (size_t)(strstr(v->c.in.p, "\r\n") - v->c.in.p) + 2;
        text_add(&r->trailers, v->c.in.p, line);
        text_drop(&v->c.in, line);
    }
    return true;
}

bool visit_request(struct visit *v, struct request *r)
{
    char value[64];
    if (!visit_request_head(v, r))
        return false;
    if (head_field(r->head.p, "Expect", 0, value, sizeof value)) {
        r->expects = true;
        (void)client_sendf(&v->c, "HTTP/1.1 100 Continue\r\n\r\n");
    }
    if (head_field(r->head.p, "Transfer-Encoding", 0, value, sizeof value)) {
        r->complete = read_chunked(v, r);
    } else if (head_field(r->head.p, "Content-Length", 0, value, sizeof value)) {
        size_t n = strtoul(value, NULL, 10);
        r->complete = client_want(&v->c, n, 60000);
        size_t got = v->c.in.n < n ? v->c.in.n : n;
        text_add(&r->body, text_str(&v->c.in), got);
        text_drop(&v->c.in, got);
    } else {
        r->complete = true;
    }
    return r->complete;
}
