/*
 * demo.c — sockets, thread and life of the demo origins; what they reply is in answers.c.
 *
 * The caller's thread opens all sockets, so that a taken port is reported before anything runs. The
 * thread owns its event_base from then on; an eventfd tells it to stop, since nothing else may be
 * called across threads without libevent's locks.
 */
#include "lb/demo/demo.h"

#include "lb/base/err.h"
#include "lb/demo/answers.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

struct echo { /* one connection of the echo origin */
    struct bufferevent *bev;
    struct echo **at, *next; /* list, so that demo_stop finds them */
};

struct demo {
    struct event_base *base;
    struct evhttp *http[DEMO_ECHO];
    struct evconnlistener *listener;
    struct echo *echoes;
    struct event *stop_event;
    int stop_fd, fd[DEMO_ORIGINS]; /* -1 once something else owns it */
    uint16_t port[DEMO_ORIGINS];
    pthread_t thread;
};

static const char *const names[DEMO_ORIGINS] = {"s1", "s2", "s3", "echo"};

static int listen_on(uint16_t *port, const char *name, struct err *e)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(*port)};
    socklen_t len = sizeof in;
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_set(e, errno, "demo origin %s: socket: %s", name, strerror(errno));
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&in, sizeof in) != 0 || listen(fd, 1024) != 0 ||
        getsockname(fd, (struct sockaddr *)&in, &len) != 0) {
        err_set(e, errno, "demo origin %s can't listen on 127.0.0.1:%u: %s", name, *port,
                strerror(errno));
        (void)close(fd);
        return -1;
    }
    *port = ntohs(in.sin_port);
    return fd;
}

static void echo_free(struct echo *c)
{
    *c->at = c->next;
    if (c->next)
        c->next->at = c->at;
    bufferevent_free(c->bev);
    free(c);
}

static void on_echo_input(struct bufferevent *bev, void *arg)
{
    (void)arg;
    (void)bufferevent_write_buffer(bev, bufferevent_get_input(bev));
}

static void on_echo_sent(struct bufferevent *bev, void *arg)
{
    (void)bev;
    echo_free(arg); /* only set once the peer has closed its side */
}

static void on_echo_event(struct bufferevent *bev, short what, void *arg)
{
    if (!(what & BEV_EVENT_EOF) || !evbuffer_get_length(bufferevent_get_output(bev)))
        echo_free(arg);
    else
        bufferevent_setcb(bev, NULL, on_echo_sent, on_echo_event, arg);
}

static void on_echo_accept(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *sa,
                           int len, void *arg)
{
    (void)l, (void)sa, (void)len;
    static const char greeting[] = "hello from origin echo: what you send comes back\n";
    struct demo *d = arg;
    struct echo *c = calloc(1, sizeof *c);
    if (c)
        c->bev = bufferevent_socket_new(d->base, fd, BEV_OPT_CLOSE_ON_FREE);
    if (!c || !c->bev) {
        free(c);
        (void)close(fd);
        return;
    }
    c->at = &d->echoes;
    c->next = d->echoes;
    if (c->next)
        c->next->at = &c->next;
    d->echoes = c;
    bufferevent_setcb(c->bev, on_echo_input, NULL, on_echo_event, c);
    bufferevent_setwatermark(c->bev, EV_READ, 0, 1 << 16);
    (void)bufferevent_write(c->bev, greeting, sizeof greeting - 1);
    (void)bufferevent_enable(c->bev, EV_READ | EV_WRITE);
}

static void on_stop(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    (void)event_base_loopbreak(((struct demo *)arg)->base);
}

static int open_sockets(struct demo *d, const uint16_t ports[DEMO_ORIGINS], struct err *e)
{
    for (unsigned i = 0; i < DEMO_ORIGINS; i++) {
        d->port[i] = ports[i];
        d->fd[i] = listen_on(&d->port[i], names[i], e);
        if (d->fd[i] < 0)
            return -1;
    }
    return 0;
}

/* Hands the sockets to libevent. */
static int attach(struct demo *d, struct err *e)
{
    d->base = event_base_new();
    d->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (!d->base || d->stop_fd < 0)
        return err_set(e, errno, "demo: no event loop: %s", strerror(errno));
    d->stop_event = event_new(d->base, d->stop_fd, EV_READ, on_stop, d);
    if (!d->stop_event || event_add(d->stop_event, NULL) != 0)
        return err_set(e, ENOMEM, "demo: out of memory");
    for (unsigned i = 0; i < DEMO_ECHO; i++) {
        d->http[i] = evhttp_new(d->base);
        if (!d->http[i] || evhttp_accept_socket(d->http[i], d->fd[i]) != 0)
            return err_set(e, ENOMEM, "demo: no HTTP server");
        d->fd[i] = -1;
        answers_attach(d->http[i], names[i]);
    }
    d->listener =
        evconnlistener_new(d->base, on_echo_accept, d,
                           LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, d->fd[DEMO_ECHO]);
    if (!d->listener)
        return err_set(e, ENOMEM, "demo: out of memory");
    d->fd[DEMO_ECHO] = -1;
    return 0;
}

static void *run(void *arg)
{
    (void)event_base_dispatch(((struct demo *)arg)->base);
    return NULL;
}

static int start_thread(struct demo *d, struct err *e)
{
    sigset_t all, was;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &was);
    int rc = pthread_create(&d->thread, NULL, run, d);
    (void)pthread_sigmask(SIG_SETMASK, &was, NULL);
    return rc == 0 ? 0 : err_set(e, rc, "demo: no thread: %s", strerror(rc));
}

static void demo_free(struct demo *d)
{
    while (d->echoes)
        echo_free(d->echoes);
    if (d->listener)
        evconnlistener_free(d->listener);
    for (unsigned i = 0; i < DEMO_ECHO; i++)
        if (d->http[i])
            evhttp_free(d->http[i]);
    if (d->stop_event)
        event_free(d->stop_event);
    if (d->base)
        event_base_free(d->base);
    for (unsigned i = 0; i < DEMO_ORIGINS; i++)
        if (d->fd[i] >= 0)
            (void)close(d->fd[i]);
    if (d->stop_fd >= 0)
        (void)close(d->stop_fd);
    free(d);
}

struct demo *demo_start_on(const uint16_t ports[DEMO_ORIGINS], struct err *e)
{
    struct demo *d = calloc(1, sizeof *d);
    if (!d) {
        err_set(e, ENOMEM, "demo: out of memory");
        return NULL;
    }
    d->stop_fd = -1;
    for (unsigned i = 0; i < DEMO_ORIGINS; i++)
        d->fd[i] = -1;
    if (open_sockets(d, ports, e) == 0 && attach(d, e) == 0 && start_thread(d, e) == 0)
        return d;
    demo_free(d);
    return NULL;
}

struct demo *demo_start(struct err *e)
{
    return demo_start_on((const uint16_t[]){9001, 9002, 9003, 9004}, e);
}

uint16_t demo_port(const struct demo *d, unsigned i)
{
    return i < DEMO_ORIGINS ? d->port[i] : 0;
}

void demo_stop(struct demo *d)
{
    if (!d)
        return;
    (void)eventfd_write(d->stop_fd, 1);
    (void)pthread_join(d->thread, NULL);
    demo_free(d);
}
