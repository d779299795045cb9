/* listener.c — accepting, bounded and without spinning. */
#include "lb/net/listener.h"

#include "lb/net/io.h"

#include <errno.h>
#include <unistd.h>

enum { PAUSE_MS = 50 };

static void pause_accepting(struct listener *l, int error)
{
    (void)event_del(&l->ev);
    l->on = false;
    loop_timer_set(l->loop, &l->pause, TIMER_LISTENER, 0, PAUSE_MS);
    if (l->failed)
        l->failed(l, error);
}

/* false: nothing more to accept now. */
static bool accept_one(struct listener *l)
{
    struct sockaddr_storage ss;
    socklen_t len = sizeof ss;
    int fd = accept4(l->fd, (struct sockaddr *)&ss, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        if (len < sizeof(sa_family_t)) /* an unnamed Unix peer */
            ss.ss_family = AF_UNIX;
        l->accepted(l, fd, (struct sockaddr *)&ss, len);
        return true;
    }
    switch (errno) {
    case EAGAIN:
        return false;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
        pause_accepting(l, errno);
        return false;
    default: /* ECONNABORTED, EINTR and what a dead peer may cause: the next one */
        return true;
    }
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    struct listener *l = arg;
    loop_touch(l->loop);
    for (int i = 0; i < LISTENER_BATCH && l->on && accept_one(l); i++)
        ;
}

int listener_start(struct listener *l, struct loop *loop, int fd)
{
    l->loop = loop;
    l->fd = fd;
    list_init(&l->pause.link);
    if (event_assign(&l->ev, loop->base, fd, EV_READ | EV_PERSIST, on_readable, l) != 0 ||
        event_add(&l->ev, NULL) != 0)
        return -1;
    l->on = true;
    return 0;
}

void listener_stop(struct listener *l)
{
    if (!l->loop)
        return;
    if (l->on)
        (void)event_del(&l->ev);
    loop_timer_clear(l->loop, &l->pause);
    l->on = false;
}

void listener_drain(struct listener *l)
{
    while (l->on && accept_one(l))
        ;
}

void listener_on_timer(struct timer *t, void *user)
{
    (void)user;
    struct listener *l = container_of(t, struct listener, pause);
    l->on = event_add(&l->ev, NULL) == 0;
    if (!l->on)
        loop_timer_set(l->loop, &l->pause, TIMER_LISTENER, 0, PAUSE_MS);
}
