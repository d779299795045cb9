/*
 * session.c — the life of an exchange: made when a head (or a TCP connection) is there, ended once.
 */
#include "lb/session/session.h"

#include "lb/session/logline.h"
#include "lb/upstream/idle.h"

#include <assert.h>

struct session *session_new(struct shard *sh, struct stream *front, bool http)
{
    struct conn *c = stream_conn(front);
    struct acceptor *home = c->home;
    struct session *s = pool_get(sh->sessions);
    if (!s) {
        stat_add(&sh->wk[WK_NO_MEMORY], 1);
        return NULL;
    }
    memset(s, 0, sizeof *s);
    s->sh = sh;
    s->snap = sh->snap;
    s->fe = home->fe;
    s->fl = home->line;
    s->home = home;
    s->front = front;
    s->peer = c->peer;
    s->server = -1;
    s->flags = http ? SF_HTTP : 0;
    s->t_start = s->t_head = sh->env.loop.now_us;
    list_init(&s->queue);
    front->up = &session_front_events;
    front->owner = s;
    c->exchanges++;
    shard_hold(sh, s->snap);
    stat_add(&s->fl->stat[FE_REQS], 1);
    return s;
}

enum { CHECK_MS = 1000 };

static uint32_t limit_of(const struct session *s, uint8_t kind)
{
    const struct cfg_timeouts *fe = &s->fe->cfg->timeouts;
    const struct cfg_timeouts *be = s->be ? &s->be->cfg->timeouts : fe;
    switch (kind) {
    case KIND_CONNECT:
        return be->connect;
    case KIND_REPLY:
    case KIND_SERVER:
        return be->server;
    case KIND_CLIENT:
        return fe->client;
    case KIND_TUNNEL:
        return fe->tunnel;
    case KIND_QUEUE:
        return be->queue;
    default:
        return 0;
    }
}

void session_arm(struct session *s, uint8_t kind)
{
    struct loop *l = &s->sh->env.loop;
    uint32_t ms = limit_of(s, kind);
    if (!s->front)
        return;
    struct timer *t = stream_timer(s->front);
    if (!ms)
        loop_timer_clear(l, t);
    else if (ms <= 2 * CHECK_MS) /* the owner was set when the connection or stream was made */
        loop_timer_set(l, t, (enum loop_timer_owner)t->owner, kind, ms);
    else
        loop_timer_set(l, t, (enum loop_timer_owner)t->owner, kind | KIND_CHECK, CHECK_MS);
}

/* libevent hides a reset that came together with data, and a drained read does not look again: so a
 * wait that lasts is interrupted once. false: the session has ended. */
bool session_checked(struct session *s, uint8_t kind)
{
    struct loop *l = &s->sh->env.loop;
    if (s->back && !(conn_of(s->back)->io.fl & IO_CONNECTING))
        conn_probe(conn_of(s->back));
    if (s->state != S_OVER && s->front && !s->front->ops->conn)
        conn_probe(conn_of(s->front));
    uint32_t ms = limit_of(s, kind);
    if (s->state == S_OVER || !s->front || ms <= CHECK_MS)
        return false;
    struct timer *t = stream_timer(s->front);
    if (!timer_armed(t))
        loop_timer_set(l, t, (enum loop_timer_owner)t->owner, kind, ms - CHECK_MS);
    return true;
}

static void session_free(struct grave *g)
{
    struct session *s = container_of(g, struct session, grave);
    pool_put(s->sh->sessions, s);
}

static void account(struct session *s, enum why why)
{
    struct frontend_line *fl = s->fl;
    stat_add(&fl->stat[FE_REQS_DONE], 1);
    stat_add(&fl->stat[FE_BYTES_IN], s->bytes_in);
    stat_add(&fl->stat[FE_BYTES_OUT], s->bytes_out);
    stat_add(&fl->why[why], 1);
    if (s->status)
        stat_add(&fl->stat[FE_RESP_1XX + stat_class(s->status)], 1);
    if (s->wb) {
        uint64_t now = s->sh->env.loop.now_us;
        stat_add(&s->wb->line->stat[BE_REQS_DONE], 1);
        hist_add(&s->wb->line->total, now - s->t_head);
    }
}

/* What becomes of the client connection. */
static void leave_front(struct session *s, enum why why)
{
    struct stream *front = s->front;
    bool clean = s->state == S_CANNED || (s->state == S_RELAY && (s->flags & SF_REP_END));
    bool server = why_info(why)->side == WHY_SIDE_SERVER;
    front->owner = NULL;
    s->front = NULL;
    const uint32_t again = SF_KEEP_ALIVE | SF_REQ_END;
    if (clean && (s->flags & again) == again && !s->sh->draining && s->home->fe)
        front_finish(front, STREAM_KEEP);
    else if (clean && (s->flags & SF_HTTP))
        front_finish(front, s->flags & SF_REQ_END ? STREAM_CLOSE : STREAM_LINGER);
    else if (server && (s->flags & SF_CLOSE_FRAMED)) /* a FIN would make it look whole */
        front_finish(front, STREAM_RESET);
    else
        front_finish(front, STREAM_CLOSE);
}

void session_end(struct session *s, enum why why)
{
    if (s->state == S_OVER)
        return;
    struct shard *sh = s->sh;
    choose_unqueue(s);
    attempt_drop_back(s, false);
    attempt_release(s);
    account(s, why);
    if (s->logline)
        logline_write(s, why);
    buf_drop(&s->req, sh->env.loop.segs);
    if (s->front)
        leave_front(s, why);
    s->state = S_OVER;
    shard_release(sh, s->snap);
    loop_bury(&sh->env.loop, &s->grave, session_free);
}
