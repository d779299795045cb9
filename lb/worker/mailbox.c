/* mailbox.c — see mailbox.h. */
#include "lb/worker/mailbox.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

static void take_all(struct mailbox *m, struct list *to)
{
    (void)pthread_mutex_lock(&m->lock);
    list_take_all(to, &m->mail);
    (void)pthread_mutex_unlock(&m->lock);
}

static void on_mail(evutil_socket_t fd, short what, void *arg)
{
    struct mailbox *m = arg;
    struct list now;
    uint64_t count;
    (void)what;
    list_init(&now);
    (void)!read(fd, &count, sizeof count);
    take_all(m, &now);
    for (struct list *n; (n = list_pop(&now));) {
        struct mail *mail = container_of(n, struct mail, link);
        mail->open(m->to, mail);
        free(mail);
    }
}

int mailbox_open(struct mailbox *m, struct loop *l, void *to)
{
    (void)pthread_mutex_init(&m->lock, NULL);
    list_init(&m->mail);
    m->to = to;
    m->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (m->fd < 0)
        return -1;
    if (event_assign(&m->ev, l->base, m->fd, EV_READ | EV_PERSIST, on_mail, m) == 0 &&
        event_add(&m->ev, NULL) == 0)
        return 0;
    (void)close(m->fd);
    m->fd = -1;
    errno = ENOMEM;
    return -1;
}

void mailbox_close(struct mailbox *m)
{
    struct list rest;
    if (m->fd < 0)
        return;
    list_init(&rest);
    (void)event_del(&m->ev);
    take_all(m, &rest);
    for (struct list *n; (n = list_pop(&rest));)
        free(container_of(n, struct mail, link));
    (void)close(m->fd);
    m->fd = -1;
    (void)pthread_mutex_destroy(&m->lock);
}

bool mailbox_post(struct mailbox *m, void (*open)(void *, struct mail *), void *a, void *b, int n)
{
    struct mail *mail = malloc(sizeof *mail);
    uint64_t one = 1;
    if (!mail)
        return false;
    *mail = (struct mail){.open = open, .a = a, .b = b, .n = n};
    (void)pthread_mutex_lock(&m->lock);
    bool first = list_empty(&m->mail);
    list_push(&m->mail, &mail->link);
    (void)pthread_mutex_unlock(&m->lock);
    if (first)
        (void)!write(m->fd, &one, sizeof one);
    return true;
}
