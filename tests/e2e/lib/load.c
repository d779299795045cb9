/* load.c — see load.h. */
#include "tests/e2e/lib/load.h"
#include "tests/e2e/lib/http.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS_MAX = 32 };

struct load {
    struct load_opts opts;
    atomic_bool stop;
    pthread_t thread[THREADS_MAX];
    unsigned nthreads;
    pthread_mutex_t lock; /* of result */
    struct load_result result;
};

static void note(struct load *l, bool ok, const struct client *c, const struct reply *r)
{
    (void)pthread_mutex_lock(&l->lock);
    l->result.done += ok;
    l->result.failed += !ok;
    if (!ok && !l->result.first[0])
        (void)snprintf(l->result.first, sizeof l->result.first,
                       "status %d, body %s, connection %s, reason '%s'", r->status,
                       r->complete ? "whole" : "cut",
                       c->fd < 0                ? "refused"
                       : c->ending == END_RESET ? "reset"
                       : c->ending == END_FIN   ? "closed"
                                                : "open",
                       r->head.p ? reply_field(r, "X-Lb-Reason") : "");
    (void)pthread_mutex_unlock(&l->lock);
}

/* True when the server closed the connection before it said a word of a reply. */
static bool closed_between(const struct client *c, const struct reply *r)
{
    return c->ending == END_FIN && r->status == 0 && c->in.n == 0;
}

/* One exchange. A kept connection that turns out closed is opened again, as any client would. */
static void exchange(struct load *l, struct client *c, bool reused)
{
    struct reply r = {0};
    const char *path = l->opts.path ? l->opts.path : "/";
    bool open = c->fd >= 0 || client_open(c, l->opts.port);
    bool ok = open && http_exchange(c, "GET", path, NULL, &r) && r.status == 200 && r.complete;
    if (!ok && open && reused && closed_between(c, &r)) {
        (void)pthread_mutex_lock(&l->lock);
        l->result.reopened++;
        (void)pthread_mutex_unlock(&l->lock);
        client_close(c);
        reply_free(&r);
        ok = client_open(c, l->opts.port) && http_exchange(c, "GET", path, NULL, &r) &&
             r.status == 200 && r.complete;
    }
    note(l, ok, c, &r);
    if (!ok)
        client_close(c);
    reply_free(&r);
}

static void *run_keepalive(void *arg)
{
    struct load *l = arg;
    struct client c = {.fd = -1};
    while (!atomic_load(&l->stop)) {
        exchange(l, &c, c.fd >= 0);
        sleep_ms(l->opts.pause_ms);
    }
    client_close(&c);
    return NULL;
}

static void *run_fresh(void *arg)
{
    struct load *l = arg;
    while (!atomic_load(&l->stop)) {
        struct client c = {.fd = -1};
        exchange(l, &c, false);
        client_close(&c);
        sleep_ms(l->opts.pause_ms);
    }
    return NULL;
}

static void *run_websocket(void *arg)
{
    struct load *l = arg;
    struct client c;
    struct reply r = {0};
    unsigned n = 0;
    bool ok = client_open(&c, l->opts.port) &&
              http_exchange(&c, "GET", "/upgrade", "Connection: upgrade\r\nUpgrade: x\r\n", &r) &&
              r.status == 101;
    while (ok && !atomic_load(&l->stop)) {
        ok = client_sendf(&c, "echo") && client_expect(&c, "echo");
        n += ok;
        sleep_ms(l->opts.pause_ms ? l->opts.pause_ms : 5);
    }
    (void)pthread_mutex_lock(&l->lock);
    l->result.echoes = n;
    l->result.socket_broken = !ok;
    (void)pthread_mutex_unlock(&l->lock);
    reply_free(&r);
    client_close(&c);
    return NULL;
}

static void add_thread(struct load *l, void *(*run)(void *))
{
    if (l->nthreads == THREADS_MAX || pthread_create(&l->thread[l->nthreads++], NULL, run, l) != 0)
        die("too many threads of load");
}

struct load *load_start(const struct load_opts *o)
{
    struct load *l = calloc(1, sizeof *l);
    if (!l)
        die("out of memory");
    l->opts = *o;
    (void)pthread_mutex_init(&l->lock, NULL);
    for (unsigned i = 0; i < o->keepalive; i++)
        add_thread(l, run_keepalive);
    for (unsigned i = 0; i < o->fresh; i++)
        add_thread(l, run_fresh);
    if (o->websocket)
        add_thread(l, run_websocket);
    return l;
}

struct load_result load_stop(struct load *l)
{
    atomic_store(&l->stop, true);
    for (unsigned i = 0; i < l->nthreads; i++)
        (void)pthread_join(l->thread[i], NULL);
    struct load_result result = l->result;
    (void)pthread_mutex_destroy(&l->lock);
    free(l);
    return result;
}
