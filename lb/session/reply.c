/*
 * reply.c — the response: interim heads, the final head, its end; and replies of lb's own.
 */
#include "lb/session/session.h"

#include "lb/http/http.h"
#include "lb/msg/canned.h"
#include "lb/msg/framing.h"
#include "lb/session/text.h"
#include "lb/upstream/idle.h"

#include <stdio.h>

enum { INTERIMS_MAX = 32 };

/* --- interim responses --- */

static void interim(struct session *s, struct head *h)
{
    struct stream *back = s->back;
    struct edits e = {0};
    struct buf b = {0};
    stat_add(&s->line->stat[SRV_RESP_1XX], 1);
    if (++s->interims > INTERIMS_MAX) { /* each pushes the time limit back */
        attempt_failed(s, WHY_BAD_RESPONSE);
        return;
    }
    if (h->status == 100)
        s->flags &= ~(uint32_t)SF_AWAITS_100;
    if (!back->ops->take(back, &b, h->len)) {
        attempt_failed(s, WHY_MEMORY_LIMIT);
        return;
    }
    /* A reset in the same wake-up looks like data: the next read tells it, not the clock. */
    stream_conn(back)->io.fl |= IO_RD;
    if (s->minor == 0) { /* RFC 9110 section 15.2: not for HTTP/1.0 */
        buf_drop(&b, s->sh->env.loop.segs);
        back->ops->resume(back);
        return;
    }
    stat_add(&s->fl->stat[FE_RESP_1XX], 1);
    h->base = buf_data(&b);
    edits_drop_hop(&e, h, false);
    s->bytes_out += buf_len(&b);
    session_arm(s, KIND_CLIENT);
    if (!s->front->ops->send_head(s->front, h, &e, &b, false, false))
        attempt_failed(s, WHY_RESPONSE_TOO_LARGE);
}

/* --- the final head --- */

static void note(struct session *s, const struct head *h)
{
    struct shard *sh = s->sh;
    const struct cfg_passive *p = &s->be->cfg->passive;
    s->t_reply = sh->env.loop.now_us;
    s->status = h->status;
    stat_add(&s->line->stat[SRV_RESP_1XX + stat_class(h->status)], 1);
    hist_add(&s->wb->line->first_byte, s->t_reply - s->t_sent);
    bool bad = h->status >= 500 && p->count_5xx;
    if (!bad) {
        s->line->fails_in_row = 0;
    } else if (p->on && ++s->line->fails_in_row >= p->failures) {
        s->line->fails_in_row = 0;
        sh->report_failures(sh, s->srv, WHY_SERVER_ERROR);
    }
    if (s->be->bal->done) {
        struct bal_result r = {(unsigned)s->server, (uint32_t)(s->t_reply - s->t_pick), bad};
        s->be->bal->done(s->wb->state, s->be->bal_shared, &r, s->t_reply);
    }
}

static bool keeps(const struct head *h)
{
    if (h->framing == FRAMING_CLOSE || h->framing == FRAMING_TUNNEL)
        return false;
    return h->minor ? !(h->fl & HEAD_CLOSE) : (h->fl & HEAD_KEEP_ALIVE) != 0;
}

static void cookie_line(const struct session *s, struct text *t)
{
    const struct cfg_sticky *k = &s->be->cfg->sticky;
    char age[32];
    text_put(t, SLICE("Set-Cookie: "));
    text_put(t, slice_of(k->name));
    text_put(t, SLICE("="));
    text_put(t, (struct slice){s->be->tokens[s->server], STICKY_TOKEN});
    text_put(t, SLICE("; Path="));
    text_put(t, slice_of(k->path ? k->path : "/"));
    if (k->domain) {
        text_put(t, SLICE("; Domain="));
        text_put(t, slice_of(k->domain));
    }
    if (k->max_age_s) {
        int n = snprintf(age, sizeof age, "; Max-Age=%llu", (unsigned long long)k->max_age_s);
        text_put(t, (struct slice){age, (size_t)n});
    }
    if (k->secure)
        text_put(t, SLICE("; Secure"));
    if (k->http_only)
        text_put(t, SLICE("; HttpOnly"));
    if (k->same_site) {
        text_put(t, SLICE("; SameSite="));
        text_put(t, slice_of(k->same_site));
    }
    text_put(t, SLICE("\r\n"));
}

/* How the body will be framed towards the client (RFC 9112 section 6.1, 7.1). */
struct recode {
    bool encode, decode;
};

static struct recode recode_of(struct session *s, const struct head *h)
{
    struct recode r = {0};
    if (s->front->ops->conn) { /* HTTP/2 has its own framing */
        r.decode = h->framing == FRAMING_CHUNKED;
        s->flags |= SF_ENCODE;
    } else if (s->minor == 0) {
        r.decode = h->framing == FRAMING_CHUNKED;
        if (r.decode || h->framing == FRAMING_CLOSE)
            s->flags = (s->flags & ~(uint32_t)SF_KEEP_ALIVE) | SF_CLOSE_FRAMED;
    } else {
        r.encode = h->framing == FRAMING_CLOSE;
        if (r.encode)
            s->flags |= SF_ENCODE;
    }
    return r;
}

static void add_lines(struct session *s, const struct head *h, struct recode r, struct text *t)
{
    if (s->flags & SF_SET_COOKIE && s->be->tokens)
        cookie_line(s, t);
    if (r.encode)
        text_put(t, SLICE("Transfer-Encoding: chunked\r\n"));
    if (s->fe->hsts.n && stream_conn(s->front)->io.x)
        text_put(t, s->fe->hsts);
    if (s->front->ops->conn) /* no Connection field in HTTP/2 */
        return;
    if (!(s->flags & SF_KEEP_ALIVE))
        text_put(t, SLICE("Connection: close\r\n"));
    else if (s->minor == 0)
        text_put(t, SLICE("Connection: keep-alive\r\n"));
    (void)h;
}

static void edit(struct session *s, const struct head *h, struct recode r, struct edits *e,
                 struct text *t)
{
    if (h->framing == FRAMING_TUNNEL) { /* 101: Connection and Upgrade are the message */
        if (h->status != 101)           /* 2xx to CONNECT has no framing (RFC 9110 section 9.3.6) */
            edits_drop_hop(e, h, true);
        return;
    }
    if (h->fl & HEAD_HOP || r.decode)
        edits_drop_hop(e, h, r.decode);
    add_lines(s, h, r, t);
    e->add = (struct slice){t->p, t->n};
}

static void final(struct session *s, struct head *h)
{
    struct shard *sh = s->sh;
    struct stream *back = s->back;
    struct text t = {.p = sh->text, .max = EDIT_TEXT_MAX};
    struct edits e = {0};
    struct buf b = {0};
    enum why why = WHY_BAD_RESPONSE_FRAMING;
    size_t body = 0;
    bool end = false;
    if (s->sh->draining || !s->home->fe)
        s->flags &= ~(uint32_t)SF_KEEP_ALIVE;
    struct recode r = recode_of(s, h);
    uint8_t minor = h->minor;
    if (!back->ops->open_body(back, h, r.decode, &body, &end, &why)) {
        attempt_failed(s, why);
        return;
    }
    /* An answer that overtakes its request: what is still to come of the body must never be read as
     * a request, so the connection ends with this exchange (RFC 9112 section 9.3). */
    if (!(s->flags & SF_REQ_END) && (end || (s->flags & SF_AWAITS_100)))
        s->flags &= ~(uint32_t)SF_KEEP_ALIVE;
    edit(s, h, r, &e, &t);
    if (t.cut) {
        attempt_failed(s, WHY_RESPONSE_TOO_LARGE);
        return;
    }
    if (!back->ops->take(back, &b, h->len + body)) {
        attempt_failed(s, WHY_MEMORY_LIMIT);
        return;
    }
    h->base = buf_data(&b);
    if (minor == 0)
        buf_data(&b)[7] = '1'; /* "HTTP/1.0" → "HTTP/1.1": the version is the sender's */
    s->flags |= SF_REP_BEGUN | (keeps(h) && !proxy_announced(s) ? SF_BACK_KEEP : 0);
    s->state = S_RELAY;
    s->bytes_out = buf_len(&b);
    buf_drop(&s->req, sh->env.loop.segs);
    bool is_tunnel = h->framing == FRAMING_TUNNEL;
    if (end && !is_tunnel)
        reply_complete(s);
    session_arm(s, KIND_CLIENT);
    if (is_tunnel) {
        back->ops->tunnel(back);
        s->front->ops->tunnel(s->front);
        relay_begin_tunnel(s);
    }
    if (!s->front->ops->send_head(s->front, h, &e, &b, r.encode, end && !is_tunnel)) {
        buf_drop(&b, sh->env.loop.segs);
        front_failed_hard(s, WHY_RESPONSE_TOO_LARGE);
        return;
    }
    if (is_tunnel && s->state == S_TUNNEL)
        s->front->ops->resume(s->front);
}

void reply_head(struct stream *back, struct head *h)
{
    struct session *s = session_of(back);
    struct framing_asked asked = {s->method, (s->flags & SF_UPGRADE) != 0};
    enum why why = WHY_BAD_RESPONSE_FRAMING;
    if (!framing_response(h, &asked, &why)) {
        attempt_failed(s, why);
        return;
    }
    if (h->framing == FRAMING_TUNNEL && !(s->flags & SF_REQ_SENT)) {
        attempt_failed(s, WHY_BAD_UPGRADE); /* RFC 9110 section 7.8: not before the request's end */
        return;
    }
    if (h->status < 200 && h->framing != FRAMING_TUNNEL) {
        interim(s, h);
        return;
    }
    note(s, h);
    final(s, h);
}

void reply_complete(struct session *s)
{
    s->flags |= SF_REP_END;
    if (!s->back)
        return;
    struct conn *c = conn_of(s->back);
    bool clean = !buf_len(&c->x->in) && !(c->x->fl & (X_EOF | X_SENDING));
    uint32_t want = SF_BACK_KEEP | SF_REQ_SENT;
    clean = clean && !atomic_load_explicit(&s->srv->retired, memory_order_relaxed);
    if ((s->flags & want) == want && clean) {
        s->back = NULL;
        idle_give(s->line, c, s->be->cfg->idle_connections, s->be->cfg->timeouts.idle);
    } else {
        attempt_drop_back(s, false);
    }
    attempt_release(s);
}

/* --- lb's own replies --- */

static size_t write_reply(struct session *s, struct buf *b, int status, enum why why,
                          const char *location)
{
    size_t room;
    char *p = buf_room(b, &room);
    struct text allow = {.p = s->sh->text, .max = EDIT_TEXT_MAX};
    if (status == 405 || (status == 204 && why == WHY_ROUTE_REPLY && s->method == M_OPTIONS))
        method_allow_line(s->fe->cfg, &allow);
    struct canned c = {
        .status = status,
        .why = why,
        .request_id = {s->id, s->id_n},
        .location = slice_of(location),
        .fields = {allow.p, allow.n},
        .close = !(s->flags & SF_KEEP_ALIVE),
        .head_only = (s->flags & SF_HEAD_ONLY) != 0,
    };
    return canned_write(p, room, &c);
}

void reply_canned(struct session *s, int status, enum why why, const char *location)
{
    struct shard *sh = s->sh;
    struct buf b = {0};
    s->last_why = why;
    attempt_drop_back(s, false);
    attempt_release(s);
    if (!(s->flags & SF_REQ_END) || sh->draining || !s->home->fe ||
        why_info(why)->side == WHY_SIDE_CLIENT)
        s->flags &= ~(uint32_t)SF_KEEP_ALIVE;
    if (!s->id_n) {
        reqid_make(&sh->ids, sh->env.loop.wall_us, s->id);
        s->id_n = REQID_TEXT;
    }
    uint32_t mark;
    bool free_line = !(s->flags & SF_REP_BEGUN) && s->front &&
                     (s->front->ops->conn || conn_activate(conn_of(s->front))) &&
                     !stream_pending(s->front, &mark);
    if (!free_line || !buf_want(&b, sh->env.loop.segs, SEG_SMALL)) {
        session_end(s, why);
        return;
    }
    buf_put(&b, write_reply(s, &b, status, why, location));
    s->status = (uint16_t)status;
    s->state = S_CANNED;
    s->bytes_out = buf_len(&b);
    stat_add(&s->fl->stat[FE_REFUSED], why_info(why)->status != 0);
    session_arm(s, KIND_CLIENT);
    s->front->ops->send(s->front, &b, true);
}
