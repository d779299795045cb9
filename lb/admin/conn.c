/* conn.c — see conn.h. */
#include "lb/admin/conn.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PAUSE_MS = 100 };

struct admin_conn_server {
    struct event_base *base;
    const struct admin_conn_rules *rules;
    void *arg;
    int fd;
    struct event *readable; /* level-triggered; off while full or pausing */
    struct event *resume;   /* ends a pause */
    struct list conns;
    unsigned n;
    bool started;
};

static struct timeval ms(unsigned n)
{
    return (struct timeval){n / 1000, (suseconds_t)(n % 1000) * 1000};
}

static void wait_request(struct admin_conn *c)
{
    struct timeval tv = ms(c->server->rules->deadline_ms);
    (void)event_add(c->deadline, &tv);
    (void)bufferevent_enable(c->bev, EV_READ);
}

static void offer(struct admin_conn *c)
{
    if (!c->busy)
        c->server->rules->input(c, bufferevent_get_input(c->bev), c->server->arg);
}

static void on_read(struct bufferevent *bev, void *arg)
{
    (void)bev;
    offer(arg);
}

/* The output has run empty. */
static void on_write(struct bufferevent *bev, void *arg)
{
    struct admin_conn *c = arg;
    if (!c->busy || c->wait || evbuffer_get_length(bufferevent_get_output(bev)))
        return;
    if (c->last) {
        admin_conn_free(c);
        return;
    }
    c->busy = false;
    wait_request(c);
    offer(c);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    (void)bev;
    struct admin_conn *c = arg;
    if (!(what & BEV_EVENT_EOF)) { /* error, or the answer makes no progress */
        admin_conn_free(c);
        return;
    }
    c->eof = true;
    offer(c);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    admin_conn_free(arg);
}

static struct admin_conn *admin_conn_new(struct admin_conn_server *s, int fd)
{
    struct admin_conn *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->server = s;
    c->bev = bufferevent_socket_new(s->base, fd, BEV_OPT_CLOSE_ON_FREE);
    c->deadline = event_new(s->base, -1, 0, on_deadline, c);
    if (!c->bev || !c->deadline) {
        if (c->bev) {
            (void)bufferevent_setfd(c->bev, -1); /* the caller closes it */
            bufferevent_free(c->bev);
        }
        if (c->deadline)
            event_free(c->deadline);
        free(c);
        return NULL;
    }
    list_push(&s->conns, &c->link);
    s->n++;
    struct timeval tv = ms(s->rules->deadline_ms);
    bufferevent_setcb(c->bev, on_read, on_write, on_event, c);
    bufferevent_setwatermark(c->bev, EV_READ, 0, s->rules->input_max);
    (void)bufferevent_set_timeouts(c->bev, NULL, &tv);
    (void)bufferevent_enable(c->bev, EV_WRITE);
    return c;
}

void admin_conn_free(struct admin_conn *c)
{
    struct admin_conn_server *s = c->server;
    if (s->rules->gone)
        s->rules->gone(c, s->arg);
    list_del(&c->link);
    bufferevent_free(c->bev);
    event_free(c->deadline);
    free(c);
    if (s->n-- == s->rules->max && s->started)
        (void)event_add(s->readable, NULL);
}

static void pause_accepting(struct admin_conn_server *s)
{
    struct timeval tv = ms(PAUSE_MS);
    (void)event_del(s->readable);
    (void)event_add(s->resume, &tv);
}

static void on_accept(evutil_socket_t lfd, short what, void *arg)
{
    (void)what;
    struct admin_conn_server *s = arg;
    int fd = accept4(lfd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
            pause_accepting(s);
        return;
    }
    struct admin_conn *c = admin_conn_new(s, fd);
    if (!c) {
        (void)close(fd);
        pause_accepting(s);
        return;
    }
    if (s->n == s->rules->max)
        (void)event_del(s->readable);
    wait_request(c);
}

static void on_resume(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct admin_conn_server *s = arg;
    if (s->n < s->rules->max)
        (void)event_add(s->readable, NULL);
}

struct admin_conn_server *admin_conn_server_new(struct event_base *base, int fd,
                                                const struct admin_conn_rules *rules, void *arg)
{
    struct admin_conn_server *s = calloc(1, sizeof *s);
    if (!s) {
        (void)close(fd);
        return NULL;
    }
    *s = (struct admin_conn_server){.base = base, .rules = rules, .arg = arg, .fd = fd};
    list_init(&s->conns);
    s->readable = event_new(base, fd, EV_READ | EV_PERSIST, on_accept, s);
    s->resume = event_new(base, -1, 0, on_resume, s);
    if (!s->readable || !s->resume) {
        admin_conn_server_free(s);
        return NULL;
    }
    return s;
}

void admin_conn_server_start(struct admin_conn_server *s)
{
    s->started = true;
    if (s->n < s->rules->max)
        (void)event_add(s->readable, NULL);
}

void admin_conn_server_free(struct admin_conn_server *s)
{
    if (!s)
        return;
    s->started = false;
    if (s->readable)
        event_free(s->readable);
    if (s->resume)
        event_free(s->resume);
    while (!list_empty(&s->conns))
        admin_conn_free(container_of(s->conns.next, struct admin_conn, link));
    (void)close(s->fd);
    free(s);
}

/* With the deadline gone, a pending reload may take as long as it takes. */
void admin_conn_answering(struct admin_conn *c)
{
    c->busy = true;
    (void)event_del(c->deadline);
    (void)bufferevent_disable(c->bev, EV_READ);
}

struct evbuffer *admin_conn_output(struct admin_conn *c)
{
    return bufferevent_get_output(c->bev);
}

void admin_conn_answered(struct admin_conn *c, bool last)
{
    c->last = last || c->eof;
    bufferevent_trigger(c->bev, EV_WRITE, BEV_OPT_DEFER_CALLBACKS); /* in case it is empty */
}

int admin_conn_fd(const struct admin_conn *c)
{
    return bufferevent_getfd(c->bev);
}
