/* dial.c — socket, connect, conn. Worker's thread. */
#include "lb/upstream/dial.h"

#include "lb/net/sock.h"

#include <errno.h>

struct conn *dial(struct stream_env *env, const struct server_rt *s, const struct io_ops *io_ops,
                  const struct stream_ops *ops)
{
    bool done = false;
    int fd = sock_connect((const struct sockaddr *)&s->addr, s->addr_len, &done);
    if (fd < 0)
        return NULL;
    struct conn *c = conn_new(env, fd, io_ops, ops, IO_WR | IO_CONNECTING);
    if (!c)
        errno = ENOMEM;
    return c;
}
