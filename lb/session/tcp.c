/*
 * tcp.c — layer 4: a client connection and a server connection, coupled as a tunnel.
 */
#include "lb/session/session.h"

#include "lb/base/hash.h"
#include "lb/session/logline.h"
#include "lb/tcp/raw.h"

void tcp_begin(struct conn *client, struct slice name, enum why why)
{
    struct shard *sh = shard_of(client);
    struct session *s = raw_begin(client) ? session_new(sh, &client->s, false) : NULL;
    if (!s) {
        front_close(client, true);
        return;
    }
    struct route_query q = {.host = name};
    const struct cfg_route *route = route_lookup(s->fe->routes, &q);
    if (s->fe->access_sink)
        logline_note(s, NULL);
    if (why != WHY_OK) {
        session_end(s, why);
        return;
    }
    if (route->action != CFG_TO_BACKEND) {
        session_end(s, WHY_NO_ROUTE);
        return;
    }
    s->be = &s->snap->backends[route->backend];
    s->wb = choose_view(sh, s->snap, s->be);
    if (!s->wb) {
        session_end(s, WHY_OUT_OF_MEMORY);
        return;
    }
    stat_add(&s->wb->line->stat[BE_REQS], 1);
    choose_earn(s->wb);
    if (s->be->cfg->balance.key == CFG_KEY_SOURCE || s->be->cfg->sticky.key == CFG_KEY_SOURCE)
        s->key = hash_bytes(client->peer.ip, sizeof client->peer.ip, 0);
    s->flags |= SF_PINNED;
    attempt_begin(s);
}
