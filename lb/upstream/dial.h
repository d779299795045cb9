/*
 * dial.h — opening a connection to a server.
 */
#ifndef LB_UPSTREAM_DIAL_H
#define LB_UPSTREAM_DIAL_H

#include "lb/stream/conn.h"
#include "lb/upstream/server.h"

/*
 * Begins to connect to `s`. The connection may be sent to at once: output leaves when the connect
 * has succeeded, which up->connected tells; a refusal comes as up->failed(WHY_CONNECT_FAILED). The
 * first send is tried without waiting for an event (on fast networks the connect is through by
 * then). NULL with errno when it failed right away.
 */
struct conn *dial(struct stream_env *, const struct server_rt *s, const struct io_ops *,
                  const struct stream_ops *);

#endif
