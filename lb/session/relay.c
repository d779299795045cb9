/*
 * relay.c — body bytes from one side to the other, and the end of each direction.
 *
 * One buffer is in flight per direction: a side reads on when the other has sent. The timer always
 * names who is being waited for.
 */
#include "lb/session/session.h"

enum { RATE_GRACE_US = 3000000 };

/* Traffic pushes the idle deadline back; while connecting the connect deadline stands. */
static void arm_tunnel(struct session *s)
{
    if (!(conn_of(s->back)->io.fl & IO_CONNECTING))
        session_arm(s, KIND_TUNNEL);
}

static bool busy(struct stream *s)
{
    uint32_t mark;
    return stream_pending(s, &mark);
}

/* A tunnel is over when both sides have ended and everything has left. */
static void tunnel_check(struct session *s)
{
    const uint32_t both = SF_FRONT_EOF | SF_BACK_EOF;
    if ((s->flags & both) == both && !busy(s->front) && !busy(s->back))
        session_end(s, s->flags & SF_HTTP ? WHY_SWITCHED : WHY_OK);
}

/* Below `limit body-min-rate`, on average over the time the client was waited for? A client that
 * sends nothing at all is the timer's affair. */
static bool too_slow(struct session *s, size_t more)
{
    s->waited += s->sh->env.loop.now_us - s->wait_from;
    s->waited_in += more;
    return s->waited > RATE_GRACE_US &&
           s->waited_in * 1000000 / s->waited < s->fe->cfg->limits.body_min_rate;
}

/* Layer 4 while no server is at hand (queued after a failed connect): what comes waits for one. */
static void hold(struct session *s, struct buf *piece, bool end)
{
    s->bytes_in += buf_len(piece);
    if (end)
        s->flags |= SF_FRONT_EOF;
    else if (!s->req.mem) /* always: the front is paused after each piece */
        buf_move(&s->req, piece);
}

void relay_front_body(struct stream *front, struct buf *piece, bool end)
{
    struct session *s = session_of(front);
    if (!s->back && !(s->flags & SF_HTTP)) {
        hold(s, piece, end);
        return;
    }
    if (s->state == S_TUNNEL) {
        s->bytes_in += buf_len(piece);
        if (end) {
            s->flags |= SF_FRONT_EOF;
            if (!(s->flags & SF_BACK_EOF)) /* else closing says it */
                s->back->ops->shut(s->back);
            tunnel_check(s);
        } else {
            arm_tunnel(s);
            s->back->ops->send(s->back, piece, false);
        }
        return;
    }
    if (s->fe->cfg->limits.body_min_rate && !end && too_slow(s, buf_len(piece))) {
        attempt_drop_back(s, true);
        front_failed(front, WHY_CLIENT_RATE);
        return;
    }
    s->bytes_in += buf_len(piece);
    s->flags &= ~(uint32_t)SF_AWAITS_100;
    if (end)
        s->flags |= SF_REQ_END;
    if (!s->back) /* answered already: nobody wants it */
        return;
    session_arm(s, s->state == S_RELAY ? KIND_SERVER : KIND_REPLY);
    s->back->ops->send(s->back, piece, end);
}

void relay_back_body(struct stream *back, struct buf *piece, bool end)
{
    struct session *s = session_of(back);
    size_t n = buf_len(piece);
    s->bytes_out += n;
    if (s->state == S_TUNNEL) {
        if (end) {
            s->flags |= SF_BACK_EOF;
            if (!(s->flags & SF_FRONT_EOF))
                s->front->ops->shut(s->front);
            tunnel_check(s);
        } else {
            arm_tunnel(s);
            s->front->ops->send(s->front, piece, false);
        }
        return;
    }
    if (end)
        reply_complete(s);
    session_arm(s, KIND_CLIENT);
    if (n || (s->flags & SF_ENCODE))
        s->front->ops->send(s->front, piece, end);
    else if (end)
        session_end(s, WHY_OK);
}

void relay_front_sent(struct stream *front, struct buf *spent)
{
    struct session *s = session_of(front);
    (void)spent;
    switch (s->state) {
    case S_CANNED:
        session_end(s, s->last_why);
        return;
    case S_TUNNEL:
        tunnel_check(s);
        if (s->state == S_TUNNEL && !(s->flags & SF_BACK_EOF))
            s->back->ops->resume(s->back);
        return;
    default:
        break;
    }
    if (s->flags & SF_REP_END) {
        session_end(s, WHY_OK);
        return;
    }
    if (s->back) { /* more of the body, or the final head after an interim one */
        session_arm(s, s->state == S_RELAY ? KIND_SERVER : KIND_REPLY);
        s->back->ops->resume(s->back);
        if (s->state == S_REPLY && s->back) /* a reset may have come with the interim head */
            conn_probe(conn_of(s->back));
    }
}

static void request_sent(struct session *s, struct buf *spent)
{
    s->flags |= SF_REQ_SENT;
    s->t_sent = s->sh->env.loop.now_us;
    if ((s->flags & SF_PINNED) && !(s->flags & SF_REP_BEGUN) && spent->mem) {
        spent->head = s->req_off; /* kept until the response begins, for a replay */
        buf_move(&s->req, spent);
    }
    if (s->state == S_SEND) {
        s->state = S_REPLY;
        session_arm(s, KIND_REPLY);
    }
}

void relay_back_sent(struct stream *back, struct buf *spent)
{
    struct session *s = session_of(back);
    s->flags |= SF_ANY_SENT;
    if (s->state == S_TUNNEL) {
        tunnel_check(s);
        if (s->state == S_TUNNEL && !(s->flags & SF_FRONT_EOF))
            s->front->ops->resume(s->front);
        return;
    }
    if (s->flags & SF_REQ_END) {
        request_sent(s, spent);
        return;
    }
    session_arm(s, KIND_CLIENT);
    s->wait_from = s->sh->env.loop.now_us;
    s->front->ops->resume(s->front);
}

void relay_begin_tunnel(struct session *s)
{
    s->state = S_TUNNEL;
    if (!s->front->ops->conn) { /* two connections: long flows may be spliced */
        conn_of(s->front)->x->sink = conn_of(s->back);
        conn_of(s->back)->x->sink = conn_of(s->front);
    }
    session_arm(s, KIND_TUNNEL);
}
