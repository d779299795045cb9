/*
 * sock.h — making sockets: listening ones with the options a proxy wants, connecting ones.
 */
#ifndef LB_NET_SOCK_H
#define LB_NET_SOCK_H

#include <stdbool.h>
#include <sys/socket.h>

struct err;

struct sock_listen {
    const struct sockaddr *addr;
    socklen_t len;
    int backlog;
    bool reuseport;     /* several sockets, one per worker, share the address */
    bool v6only;        /* IPv6: do not take IPv4 connections */
    unsigned unix_mode; /* permission bits of a Unix socket; 0: as umask says */
};

/*
 * A bound, listening, non-blocking socket (TCP_NODELAY set, which accepted sockets inherit), or -1
 * with `e` naming the address and how to mend it. A Unix socket file that nobody listens on is
 * replaced.
 */
int sock_listen(const struct sock_listen *, struct err *e);

/* A non-blocking socket with a connect begun, or -1 with errno. *done: it is connected already. */
int sock_connect(const struct sockaddr *, socklen_t len, bool *done);

/* "1.2.3.4:80" of any address, into out[64 or more]; for messages. */
void sock_addr_text(const struct sockaddr *, char *out, size_t max);

#endif
