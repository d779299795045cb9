/*
 * splice.c — see splice.h. A pipe with residue is never returned to the pool.
 */
#include "lb/stream/splice.h"

#include "lb/stream/conn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    PIPES_MAX = 256,                /* open at a time, per worker */
    PIPES_KEEP = 8,                 /* … of which this many are kept while nobody needs them */
    PIPE_BYTES = 1024 * 1024,       /* asked for; the kernel may give less */
    SPLICE_AFTER = 4 * 1024 * 1024, /* bytes a tunnel copies before it changes over */
    SPLICE_LEAVE = 16 * 1024,       /* a step that moves less goes back to copying */
};

struct pipe_pair {
    int fd[2];
    size_t held; /* bytes in the pipe */
    size_t size;
    struct pipe_pair *next;
};

struct pipes {
    struct pipe_pair *cached;
    unsigned open, ncached;
};

struct pipes *pipes_new(void)
{
    return calloc(1, sizeof(struct pipes));
}

static void pipe_destroy(struct pipes *all, struct pipe_pair *p)
{
    (void)close(p->fd[0]);
    (void)close(p->fd[1]);
    free(p);
    all->open--;
}

void pipes_free(struct pipes *all)
{
    while (all && all->cached) {
        struct pipe_pair *p = all->cached;
        all->cached = p->next;
        pipe_destroy(all, p);
    }
    free(all);
}

unsigned pipes_count(const struct pipes *all)
{
    return all ? all->open : 0;
}

static struct pipe_pair *pipe_get(struct pipes *all)
{
    struct pipe_pair *p = all->cached;
    if (p) {
        all->cached = p->next;
        all->ncached--;
        return p;
    }
    if (all->open >= PIPES_MAX || !(p = calloc(1, sizeof *p)))
        return NULL;
    if (pipe2(p->fd, O_NONBLOCK | O_CLOEXEC) != 0) {
        free(p);
        return NULL;
    }
    int size = fcntl(p->fd[1], F_SETPIPE_SZ, PIPE_BYTES);
    p->size = size > 0 ? (size_t)size : 65536;
    all->open++;
    return p;
}

bool splice_wanted(struct conn *c)
{
    struct stream_env *env = conn_env(c);
    struct xfer *x = c->x;
    struct conn *to = x->sink;
    if (!(x->fl & X_BULK) || x->in_total < SPLICE_AFTER || env->splice_off || !env->pipes)
        return false;
    if (!to || !to->x || to->io.x || c->io.x || to->x->out.mem || x->in.mem)
        return false;
    x->pipe = pipe_get(env->pipes);
    return x->pipe != NULL;
}

void splice_stop(struct conn *c)
{
    struct pipe_pair *p = c->x->pipe;
    struct pipes *all = conn_env(c)->pipes;
    if (!p)
        return;
    c->x->pipe = NULL;
    if (p->held || all->ncached >= PIPES_KEEP) {
        pipe_destroy(all, p);
        return;
    }
    p->next = all->cached;
    all->cached = p;
    all->ncached++;
}

/* Pipe to socket. 1: the pipe is empty, 0: the socket is full, -1: it failed. */
static int drain(struct conn *c, struct conn *to, size_t *moved)
{
    struct pipe_pair *p = c->x->pipe;
    while (p->held) {
        ssize_t n =
            splice(p->fd[0], NULL, to->io.fd, NULL, p->held, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
        if (n > 0) {
            p->held -= (size_t)n;
            *moved += (size_t)n;
            conn_env(c)->spliced += (uint64_t)n;
            continue;
        }
        to->io.fl &= (uint16_t)~IO_WR;
        return n < 0 && errno == EAGAIN ? 0 : -1;
    }
    return 1;
}

/* The source had nothing: the pipe is not needed until it has. */
static bool nothing_read(struct conn *c, ssize_t n)
{
    struct xfer *x = c->x;
    splice_stop(c);
    if (n == 0) {
        struct buf none = {0};
        x->fl |= X_EOF | X_PAUSED;
        c->s.up->body(&c->s, &none, true);
        return false;
    }
    c->io.fl &= (uint16_t)~IO_RD;
    if (errno != EAGAIN)
        c->s.up->failed(&c->s, WHY_CLIENT_RESET);
    return false;
}

bool splice_step(struct conn *c, size_t *moved)
{
    struct xfer *x = c->x;
    struct pipe_pair *p = x->pipe;
    struct conn *to = x->sink;
    if (!p->held) {
        ssize_t n =
            splice(c->io.fd, NULL, p->fd[1], NULL, p->size, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
        if (n <= 0)
            return nothing_read(c, n);
        p->held = (size_t)n;
        x->in_total += (uint64_t)n;
        if (n < SPLICE_LEAVE)
            x->fl &= (uint16_t)~X_BULK;
    }
    int done = drain(c, to, moved);
    if (done < 0) {
        to->s.up->failed(&to->s, WHY_CLIENT_RESET);
        return false;
    }
    if (done == 0) { /* go on when the sink's write edge makes it report `sent` */
        x->fl |= X_PAUSED;
        to->x->fl |= X_SENDING;
        return false;
    }
    if (!(x->fl & X_BULK))
        splice_stop(c);
    return true;
}
