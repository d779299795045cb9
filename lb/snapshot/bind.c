/*
 * bind.c — one listening socket per worker and address, kept over reloads.
 *
 * With several workers each address has several SO_REUSEPORT sockets. That option would also let a
 * second process share the port unnoticed, so an address is first bound once without it.
 */
#include "lb/snapshot/bind.h"

#include "lb/base/err.h"
#include "lb/net/addr.h"
#include "lb/net/sock.h"
#include "lb/snapshot/snapshot.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/un.h>
#include <unistd.h>

enum { DEFAULT_BACKLOG = 4096 };

static void close_all(struct sockset *set)
{
    if (set->addr.ss_family == AF_UNIX && set->fd[0] >= 0)
        (void)unlink(((struct sockaddr_un *)&set->addr)->sun_path);
    for (unsigned i = 0; i < set->nworkers; i++) {
        if (set->fd[i] >= 0 && (i == 0 || !set->shared))
            (void)close(set->fd[i]);
        set->fd[i] = -1;
    }
}

void sockset_leave(struct sockset *set, unsigned worker)
{
    if (!set->shared) {
        (void)close(set->fd[worker]);
        set->fd[worker] = -1;
    } else if (atomic_fetch_sub(&set->watched, 1) == 1) {
        close_all(set);
    }
}

void sockset_unref(struct sockset *set)
{
    if (!set || --set->refs > 0)
        return;
    if (set->fd)
        close_all(set);
    free(set->fd);
    free(set->text);
    free(set);
}

static struct sockset *find(const struct snapshot *s, const char *text)
{
    for (unsigned i = 0; s && i < s->nbounds; i++)
        if (strcmp(s->bounds[i].set->text, text) == 0)
            return s->bounds[i].set;
    return NULL;
}

static unsigned port_of(const struct sockaddr_storage *ss)
{
    if (ss->ss_family == AF_INET)
        return ((const struct sockaddr_in *)ss)->sin_port;
    return ss->ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)ss)->sin6_port : 0;
}

/* Do we listen on that port already, on another address? Then a trial bind tells nothing. */
static bool own_port(const struct snapshot *old, const struct sockset *set)
{
    for (unsigned i = 0; old && i < old->nbounds; i++)
        if (port_of(&old->bounds[i].set->addr) == port_of(&set->addr))
            return true;
    return false;
}

static struct sockset *sockset_new(const struct cfg_addr *a, unsigned nworkers, struct err *e)
{
    struct sockset *set = calloc(1, sizeof *set);
    if (!set) {
        (void)err_set(e, ENOMEM, "out of memory");
        return NULL;
    }
    set->refs = 1;
    set->text = strdup(a->text);
    set->fd = malloc(nworkers * sizeof *set->fd);
    for (unsigned i = 0; set->fd && i < nworkers; i++)
        set->fd[i] = -1;
    set->nworkers = nworkers;
    atomic_init(&set->watched, nworkers);
    if (!set->text || !set->fd)
        (void)err_set(e, ENOMEM, "out of memory");
    else if (addr_resolve(a, 0, &set->addr, &set->addr_len, e) == 0)
        return set;
    sockset_unref(set);
    return NULL;
}

static int open_all(struct sockset *set, const struct cfg_bind *b, bool trial, struct err *e)
{
    bool is_unix = set->addr.ss_family == AF_UNIX;
    struct sock_listen how = {
        .addr = (struct sockaddr *)&set->addr,
        .len = set->addr_len,
        .backlog = b->backlog ? (int)b->backlog : DEFAULT_BACKLOG,
        .reuseport = set->nworkers > 1 && !is_unix,
        .v6only = b->addr.kind != CFG_ADDR_ANY,
        .unix_mode = b->unix_mode,
    };
    if (how.reuseport && trial) {
        struct sock_listen alone = how;
        alone.reuseport = false;
        int fd = sock_listen(&alone, e);
        if (fd < 0)
            return -1;
        (void)close(fd);
    }
    set->shared = is_unix;
    for (unsigned i = 0; i < set->nworkers; i++) {
        set->fd[i] = is_unix && i ? set->fd[0] : sock_listen(&how, e);
        if (set->fd[i] < 0)
            return -1;
        if (!i && !port_of(&set->addr) && !is_unix) /* port 0: all workers share the one given */
            (void)getsockname(set->fd[0], (struct sockaddr *)&set->addr, &set->addr_len);
    }
    return 0;
}

static int bind_one(struct snapshot *s, const struct snapshot *old, unsigned frontend,
                    const struct cfg_bind *b, struct err *e)
{
    struct sockset *set = find(old, b->addr.text);
    if (set) {
        set->refs++;
    } else {
        set = sockset_new(&b->addr, s->nworkers, e);
        if (!set)
            return -1;
        if (open_all(set, b, !own_port(old, set), e) != 0) {
            sockset_unref(set);
            return err_prefix(e, "%s:%u:%u", b->addr.loc.file, b->addr.loc.line, b->addr.loc.col);
        }
    }
    s->bounds[s->nbounds++] = (struct bound){.set = set, .frontend = frontend, .cfg = b};
    return 0;
}

int bind_all(struct snapshot *s, const struct snapshot *old, struct err *e)
{
    unsigned n = 0;
    for (unsigned i = 0; i < s->nfrontends; i++)
        n += s->frontends[i].cfg->nbinds;
    s->bounds = calloc(n ? n : 1, sizeof *s->bounds);
    if (!s->bounds)
        return err_set(e, ENOMEM, "out of memory");
    for (unsigned i = 0; i < s->nfrontends; i++)
        for (unsigned k = 0; k < s->frontends[i].cfg->nbinds; k++)
            if (bind_one(s, old, i, &s->frontends[i].cfg->binds[k], e) != 0)
                return -1;
    return 0;
}
