/*
 * attempt.c — one try at one server, and what follows when it fails.
 *
 * A request is tried again only when that is safe: nothing of it can have reached a server, or it
 * is idempotent and still whole in s->req. A pooled connection that turns out dead is made up for
 * once with a fresh one to the same server; further servers are tried within `retry` and its
 * budget.
 */
#include "lb/session/session.h"

#include "lb/http/http.h"
#include "lb/tcp/raw.h"
#include "lb/tls/tls_io.h"
#include "lb/upstream/dial.h"
#include "lb/upstream/idle.h"

#include <errno.h>

enum { REPLY_HEAD_BYTES = 64 * 1024 };

static const struct head_limits reply_limits = {REPLY_HEAD_BYTES, HEAD_FIELDS_MAX, 0};

static bool http(const struct session *s)
{
    return s->flags & SF_HTTP;
}

static bool connecting(const struct session *s)
{
    return !s->back || (conn_of(s->back)->io.fl & IO_CONNECTING);
}

static void give_up(struct session *s, enum why why)
{
    s->last_why = why;
    if (http(s))
        reply_canned(s, why_info(why)->status ? why_info(why)->status : 502, why, NULL);
    else
        session_end(s, why);
}

/* --- opening --- */

static struct conn *open_back(struct session *s)
{
    struct stream_env *env = &s->sh->env;
    bool pooled = http(s) && !s->fresh && !proxy_announced(s);
    struct conn *c = pooled ? idle_take(s->line, &h1_io_ops) : NULL;
    if (c) {
        s->flags |= SF_REUSED;
        stat_add(&s->line->stat[SRV_REUSED], 1);
        return c;
    }
    s->flags &= ~(uint32_t)SF_REUSED;
    c = http(s) ? dial(env, s->srv, &h1_io_ops, &h1_back_ops)
                : dial(env, s->srv, &raw_io_ops, &raw_ops);
    if (!c)
        return NULL;
    stat_add(&s->line->stat[SRV_CONNECTS], 1);
    struct tls_peer *tls = s->be->tls ? s->be->tls[s->server] : NULL;
    if (!tls || tls_connect(&c->io, tls, s->sh->index, !http(s)) == 0)
        return c;
    stat_add(&s->line->stat[SRV_CLOSED], 1);
    conn_close(c, false);
    errno = ENOMEM;
    return NULL;
}

static void send_request(struct session *s)
{
    s->state = connecting(s) ? S_CONNECT : S_SEND;
    session_arm(s, connecting(s) ? KIND_CONNECT : KIND_REPLY);
    s->back->ops->send(s->back, &s->req, s->flags & SF_REQ_END);
}

/* TCP: bytes that came before the connect leave with it; a server may also speak first. */
static void begin_tunnel(struct session *s)
{
    relay_begin_tunnel(s);
    session_arm(s, KIND_CONNECT);
    if (s->req.mem)
        s->back->ops->send(s->back, &s->req, false);
    else if (!(s->flags & SF_FRONT_EOF))
        s->front->ops->resume(s->front);
    if (s->back && (s->flags & SF_FRONT_EOF))
        s->back->ops->shut(s->back);
}

void attempt_on(struct session *s, int server)
{
    s->flags &= ~(uint32_t)SF_LAST_WORDS;
    s->server = server;
    s->srv = s->be->servers[server];
    s->line = &s->srv->line[s->sh->index];
    s->t_pick = s->sh->env.loop.now_us;
    s->attempts++;
    choose_begin(s);
    stat_add(&s->line->stat[SRV_REQS], 1);
    struct conn *c = open_back(s);
    if (!c) {
        attempt_failed(s, errno == EMFILE || errno == ENFILE ? WHY_OUT_OF_FILES
                          : errno == ENOMEM                  ? WHY_OUT_OF_MEMORY
                                                             : WHY_CONNECT_FAILED);
        return;
    }
    c->s.up = &session_back_events;
    c->s.owner = s;
    c->home = s->line;
    c->exchanges++;
    s->back = &c->s;
    if (!(http(s) ? h1_begin(c, &reply_limits, 0) : raw_begin(c)))
        attempt_failed(s, WHY_OUT_OF_MEMORY);
    else if (proxy_announced(s) && !proxy_announce(s))
        attempt_failed(s, WHY_MEMORY_LIMIT);
    else if (http(s))
        send_request(s);
    else
        begin_tunnel(s);
}

void attempt_begin(struct session *s)
{
    int server = -1;
    if (s->flags & SF_STUCK) {
        attempt_on(s, s->server);
        return;
    }
    switch (choose(s, &server)) {
    case CHOSEN:
        stat_add(&s->be->servers[server]->line[s->sh->index].stat[SRV_PICKS], 1);
        attempt_on(s, server);
        return;
    case CHOICE_FULL:
        s->state = S_QUEUED;
        session_arm(s, KIND_QUEUE);
        choose_enqueue(s);
        return;
    case CHOICE_NONE:
        stat_add(&s->wb->line->stat[BE_NO_SERVER], 1);
        give_up(s, s->ntried ? s->last_why : WHY_NO_SERVER);
    }
}

/* --- closing --- */

void attempt_drop_back(struct session *s, bool reset)
{
    if (!s->back)
        return;
    struct conn *c = conn_of(s->back);
    s->back = NULL;
    s->interims = 0;
    if (s->front && !s->front->ops->conn && conn_of(s->front)->x)
        conn_of(s->front)->x->sink = NULL; /* no splicing into a connection that is gone */
    stat_add(&s->line->stat[SRV_CLOSED], 1);
    conn_close(c, reset);
}

void attempt_release(struct session *s)
{
    if (!(s->flags & SF_COUNTED))
        return;
    stat_add(&s->line->stat[SRV_REQS_DONE], 1);
    choose_end(s);
}

/* --- failing --- */

/* Takes the request back from a connection that failed, when nothing or all of it is there. */
static void reclaim(struct session *s)
{
    struct conn *c = s->back ? conn_of(s->back) : NULL;
    if (!c || !c->x || !c->x->out.mem || s->req.mem)
        return;
    if (!http(s) && proxy_announced(s))
        return; /* while connecting there is nothing but the PROXY header */
    if (c->x->out.head > s->req_off && http(s)) {
        s->flags |= SF_ANY_SENT;
        if (!(s->flags & SF_PINNED))
            return;
    }
    buf_move(&s->req, &c->x->out);
    if (http(s))
        s->req.head = s->req_off;
}

static void feed_back(struct session *s, bool failed)
{
    const struct balancer *bal = s->be->bal;
    uint64_t now = s->sh->env.loop.now_us;
    struct bal_result r = {(unsigned)s->server, (uint32_t)(now - s->t_pick), failed};
    if (bal->done)
        bal->done(s->wb->state, s->be->bal_shared, &r, now);
}

/* A failure that is the server's doing; several in a row are told to the control thread. */
static void blame(struct session *s, enum why why)
{
    const struct cfg_passive *p = &s->be->cfg->passive;
    stat_add(&s->line->stat[SRV_FAILED], 1);
    if (why == WHY_CONNECT_FAILED || why == WHY_CONNECT_TIMEOUT || why == WHY_TLS_FAILED)
        stat_add(&s->line->stat[SRV_CONNECT_FAILED], 1);
    feed_back(s, true);
    if (p->on && ++s->line->fails_in_row >= p->failures) {
        s->line->fails_in_row = 0;
        s->sh->report_failures(s->sh, s->srv, why);
    }
}

static bool replayable(const struct session *s, enum why why, bool was_connecting)
{
    const uint32_t again = SF_IDEMPOTENT | SF_PINNED;
    if (!http(s))
        return was_connecting && !(s->flags & SF_ANY_SENT);
    if (!s->req.mem || ((s->flags & SF_ANY_SENT) && (s->flags & again) != again))
        return false;
    return was_connecting || why == WHY_SERVER_CLOSED || why == WHY_SERVER_RESET;
}

/* A refused connect cost no server any work, so trying another one is not charged. */
static bool within_limits(struct session *s, bool charged)
{
    if (s->attempts > s->be->cfg->retry.attempts)
        return false;
    if (!charged || choose_may_retry(s->wb, s->sh->env.loop.now_us))
        return true;
    stat_add(&s->wb->line->stat[BE_RETRY_REFUSED], 1);
    return false;
}

static void elsewhere(struct session *s)
{
    if (s->ntried < TRIED_MAX)
        s->tried[s->ntried++] = (uint16_t)s->server;
    if (s->flags & SF_STUCK)
        s->flags = (s->flags & ~(uint32_t)SF_STUCK) | SF_SET_COOKIE;
    stat_add(&s->wb->line->stat[BE_RETRIES], 1);
    attempt_begin(s);
}

void attempt_failed(struct session *s, enum why why)
{
    bool was_connecting = connecting(s);
    bool dead = (s->flags & SF_REUSED) && !(s->flags & SF_REP_BEGUN) &&
                (why == WHY_SERVER_CLOSED || why == WHY_SERVER_RESET);
    s->last_why = why;
    reclaim(s);
    if (!dead && why_info(why)->side == WHY_SIDE_SERVER)
        blame(s, why);
    attempt_drop_back(s, false);
    attempt_release(s);
    if ((s->flags & SF_REP_BEGUN) || s->state == S_CANNED) {
        session_end(s, why);
        return;
    }
    bool again = replayable(s, why, was_connecting);
    if (again && dead && !(s->flags & SF_RETRIED_DEAD)) {
        s->flags |= SF_RETRIED_DEAD;
        s->fresh = true;
        s->attempts--;
        attempt_on(s, s->server);
        return;
    }
    if (again && within_limits(s, why != WHY_CONNECT_FAILED))
        elsewhere(s);
    else
        give_up(s, why);
}

/* --- events of the server's side --- */

/*
 * A server that refuses an upload answers, closes, and resets what still comes. The send that fails
 * then must not hide the answer, which waits in our kernel. true: it (or the end) was read.
 */
static bool last_words(struct session *s, struct stream *back)
{
    struct conn *c = conn_of(back);
    const uint32_t done = SF_LAST_WORDS | SF_REP_BEGUN | SF_REQ_SENT;
    if (!http(s) || connecting(s) || (s->flags & done) || (c->x->fl & X_BUSY))
        return false;
    s->flags |= SF_LAST_WORDS;
    c->x->fl &= (uint16_t)~X_SENDING; /* what is left in `out` serves a retry only */
    c->io.fl |= IO_RD;
    back->ops->resume(back);
    return s->back != back || (c->x->fl & X_PAUSED);
}

static void back_failed(struct stream *back, enum why why)
{
    struct session *s = session_of(back);
    if (why == WHY_CLIENT_RESET) { /* the common layer does not know the sides */
        if (last_words(s, back))
            return;
        why = WHY_SERVER_RESET;
    }
    if (connecting(s) && why_info(why)->side == WHY_SIDE_SERVER && why != WHY_TLS_FAILED)
        why = WHY_CONNECT_FAILED;
    if (s->state == S_TUNNEL && !connecting(s)) {
        session_end(s, why);
        return;
    }
    if ((s->flags & SF_REP_BEGUN) && (why == WHY_SERVER_CLOSED || why == WHY_SERVER_RESET))
        why = WHY_RESPONSE_TRUNCATED;
    if (why_info(why)->side == WHY_SIDE_CLIENT) /* the parser's words, said of a response */
        why = why == WHY_HEADER_TOO_LARGE || why == WHY_TOO_MANY_FIELDS ? WHY_RESPONSE_TOO_LARGE
                                                                        : WHY_BAD_RESPONSE;
    attempt_failed(s, why);
}

static void back_connected(struct stream *back)
{
    struct session *s = session_of(back);
    s->t_connect = s->sh->env.loop.now_us;
    hist_add(&s->wb->line->connect, s->t_connect - s->t_pick);
    if (s->state == S_CONNECT) {
        s->state = S_SEND;
        session_arm(s, KIND_REPLY);
    } else if (s->state == S_TUNNEL) {
        s->line->fails_in_row = 0;
        feed_back(s, false);
        session_arm(s, KIND_TUNNEL);
        back->ops->resume(back);
    }
}

static void back_timeout(struct stream *back, uint8_t kind)
{
    (void)back, (void)kind; /* in use, only the client connection's timer counts */
}

const struct stream_events session_back_events = {
    reply_head, relay_back_body, relay_back_sent, back_failed, back_connected, back_timeout,
};

/* --- events of the client's side --- */

static void front_head(struct stream *front, struct head *h)
{
    (void)h; /* the front is never asked for a second head within an exchange */
    front_failed_hard(session_of(front), WHY_INTERNAL);
}

void front_failed_hard(struct session *s, enum why why)
{
    struct stream *front = s->front;
    front->owner = NULL;
    s->front = NULL;
    attempt_drop_back(s, true);
    session_end(s, why);
    front_finish(front, STREAM_RESET);
}

void front_failed(struct stream *front, enum why why)
{
    struct session *s = session_of(front);
    const struct why_info *info = why_info(why);
    if (info->status && !(s->flags & SF_REP_BEGUN) && s->state != S_CANNED && http(s)) {
        attempt_drop_back(s, true);
        reply_canned(s, info->status, why, NULL);
        return;
    }
    front_failed_hard(s, why);
}

static void front_connected(struct stream *front)
{
    (void)front; /* accepted connections are connected */
}

/* Output that still moves is no stall: slow readers are waited for as long as they read. */
static bool moving(struct session *s, struct stream *to, uint8_t kind)
{
    uint32_t mark = 0;
    if (!to || !stream_pending(to, &mark) || mark == s->progress)
        return false;
    s->progress = mark;
    session_arm(s, kind);
    return true;
}

static void waited_for_client(struct session *s)
{
    if (moving(s, s->front, KIND_CLIENT))
        return;
    uint32_t mark;
    if (stream_pending(s->front, &mark))
        front_failed_hard(s, WHY_CLIENT_SLOW);
    else
        front_failed(s->front, WHY_CLIENT_TIMEOUT);
}

static void front_timeout(struct stream *front, uint8_t kind)
{
    struct session *s = session_of(front);
    if (kind & KIND_CHECK) {
        (void)session_checked(s, kind & (uint8_t)~KIND_CHECK);
        return;
    }
    switch (kind) {
    case KIND_QUEUE:
        choose_unqueue(s);
        give_up(s, WHY_QUEUE_TIMEOUT);
        break;
    case KIND_CONNECT:
        attempt_failed(s, WHY_CONNECT_TIMEOUT);
        break;
    case KIND_REPLY:
        if (!moving(s, s->back, KIND_REPLY))
            attempt_failed(s, WHY_SERVER_TIMEOUT);
        break;
    case KIND_SERVER:
        attempt_failed(s, WHY_SERVER_STALLED);
        break;
    case KIND_CLIENT:
        waited_for_client(s);
        break;
    case KIND_TUNNEL:
        session_end(s, WHY_TUNNEL_TIMEOUT);
        break;
    default:
        break;
    }
}

const struct stream_events session_front_events = {
    front_head, relay_front_body, relay_front_sent, front_failed, front_connected, front_timeout,
};
