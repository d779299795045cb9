/*
 * mailbox.h — messages to a thread's loop from any other thread.
 *
 * A list under a mutex and an eventfd that wakes the loop. Messages are rare (reloads, drains,
 * failures in a row), so neither is on the data path.
 */
#ifndef LB_WORKER_MAILBOX_H
#define LB_WORKER_MAILBOX_H

#include "lb/net/loop.h"

#include <pthread.h>

struct mail {
    struct list link;
    void (*open)(void *to, struct mail *); /* runs on the receiver's thread; `to` is the box's */
    void *a, *b;                           /* what it is about */
    int n;
};

struct mailbox {
    pthread_mutex_t lock;
    struct list mail;
    struct event ev;
    int fd; /* eventfd; -1: not open */
    void *to;
};

/* Watches the box on loop `l`; messages are opened with `to`. 0, or -1 with errno. */
int mailbox_open(struct mailbox *, struct loop *l, void *to);

/* Throws away what was not opened. No thread may post any more. */
void mailbox_close(struct mailbox *);

/* Sends: any thread. false when out of memory: nothing was sent. */
bool mailbox_post(struct mailbox *, void (*open)(void *to, struct mail *), void *a, void *b, int n);

#endif
