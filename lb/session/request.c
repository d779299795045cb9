/*
 * request.c — what happens to a request head: framing, limits, route, key, stickiness, edits.
 *
 * All of it in one callback; afterwards the edited request lies in s->req, ready to be sent to
 * whichever server is picked.
 */
#include "lb/session/session.h"

#include "lb/base/hash.h"
#include "lb/msg/framing.h"
#include "lb/msg/target.h"
#include "lb/session/logline.h"
#include "lb/session/text.h"
#include "lb/tls/tls_io.h"

static const struct slice version_11 = {"HTTP/1.1\r\n", 10};

static bool trusted(const struct session *s)
{
    const struct cfg_frontend *cfg = s->fe->cfg;
    return cfg->ntrust && peer_in(&s->peer, cfg->trust, cfg->ntrust);
}

/* --- checks --- */

static bool acceptable(struct session *s, struct head *h, enum why *why)
{
    uint64_t limit = s->fe->cfg->limits.body_bytes;
    *why = WHY_METHOD_REFUSED;
    if (!method_passes(s->fe->cfg, h))
        return false;
    if (!framing_request(h, why))
        return false;
    *why = WHY_BODY_TOO_LARGE;
    return !limit || h->framing != FRAMING_LENGTH || h->clen <= limit;
}

static void note(struct session *s, const struct head *h)
{
    const struct conn *c = stream_conn(s->front);
    uint32_t most = s->fe->cfg->limits.requests;
    bool keep = h->minor ? !(h->fl & HEAD_CLOSE) : (h->fl & HEAD_KEEP_ALIVE) != 0;
    s->method = h->method;
    s->minor = h->minor;
    if (keep && !(most && c->exchanges >= most) && !s->sh->draining && h->method != M_CONNECT)
        s->flags |= SF_KEEP_ALIVE;
    if (method_idempotent((enum http_method)h->method))
        s->flags |= SF_IDEMPOTENT;
    if ((h->fl & HEAD_UPGRADE) && h->minor)
        s->flags |= SF_UPGRADE;
    if (h->method == M_HEAD)
        s->flags |= SF_HEAD_ONLY;
    if (h->fl & HEAD_EXPECT)
        s->flags |= SF_AWAITS_100;
    s->t_start = c->exchanges > 1 ? s->t_head : c->born_us;
    if (s->fe->access_sink)
        logline_note(s, h);
}

/* --- where to --- */

static const struct cfg_route *find_route(struct session *s, const struct head *h)
{
    char normal[4096];
    struct route_query q = {.host = h->host_name, .method = h->method_text, .head = h};
    q.path = target_normalise(h->path, normal, sizeof normal);
    if (!q.path.p && h->path.n)
        return NULL;
    return route_lookup(s->fe->routes, &q);
}

static struct slice query_value(struct slice query, struct slice name)
{
    while (query.n) {
        const char *amp = memchr(query.p, '&', query.n);
        struct slice pair = {query.p, amp ? (size_t)(amp - query.p) : query.n};
        if (pair.n > name.n && pair.p[name.n] == '=' && slice_starts(pair, name))
            return (struct slice){pair.p + name.n + 1, pair.n - name.n - 1};
        query.p += pair.n + (amp != NULL);
        query.n -= pair.n + (amp != NULL);
    }
    return (struct slice){0};
}

static uint64_t key_of(const struct session *s, const struct head *h, enum cfg_key key,
                       const char *name)
{
    const struct peer *peer = &s->peer;
    const struct field *f;
    switch (key) {
    case CFG_KEY_SOURCE:
        return hash_bytes(peer->ip, sizeof peer->ip, 0);
    case CFG_KEY_URI:
        return hash_slice(h->target, 0);
    case CFG_KEY_PATH:
        return hash_slice(h->path, 0);
    case CFG_KEY_HEADER:
        f = head_find_name(h, slice_of(name));
        return f ? hash_slice(field_value(h, f), 0) : 0;
    case CFG_KEY_COOKIE:
        return hash_slice(head_cookie(h, slice_of(name)), 0);
    case CFG_KEY_QUERY:
        return hash_slice(query_value(h->query, slice_of(name)), 0);
    default:
        return 0;
    }
}

/* The server a cookie names; else the response will set a new cookie. */
static void stick(struct session *s, const struct head *h)
{
    const struct cfg_sticky *sticky = &s->be->cfg->sticky;
    if (sticky->key != CFG_KEY_COOKIE)
        return;
    struct slice value = head_cookie(h, slice_of(sticky->name));
    s->server = choose_by_token(s->wb, value);
    if (s->server >= 0) {
        s->flags |= SF_STUCK;
        stat_add(&s->wb->line->stat[BE_STICKY_HIT], 1);
        return;
    }
    s->flags |= SF_SET_COOKIE;
    if (value.n)
        stat_add(&s->wb->line->stat[BE_STICKY_MISS], 1);
}

static bool to_backend(struct session *s, const struct cfg_route *route, const struct head *h)
{
    const struct cfg_backend *cfg;
    s->be = &s->snap->backends[route->backend];
    s->wb = choose_view(s->sh, s->snap, s->be);
    if (!s->wb)
        return false;
    cfg = s->be->cfg;
    stat_add(&s->wb->line->stat[BE_REQS], 1);
    if (s->be->sticky_bal)
        s->key = key_of(s, h, cfg->sticky.key, cfg->sticky.name);
    else if (cfg->balance.key != CFG_KEY_NONE)
        s->key = key_of(s, h, cfg->balance.key, cfg->balance.key_name);
    stick(s, h);
    choose_earn(s->wb);
    return true;
}

/* --- edits --- */

static void drop_all(struct edits *e, const struct head *h, enum head_tok tok)
{
    for (unsigned i = 0; i < h->nfields; i++)
        if (h->f[i].tok == tok)
            edits_drop(e, i);
}

/* "X-Forwarded-For: A, B": a trusted peer's list is kept and appended to, a stranger's replaced. */
static void forwarded_for(struct session *s, struct edits *e, const struct head *h, struct text *t,
                          bool keep)
{
    char ip[ADDR_TEXT_MAX];
    unsigned n = peer_ip_text(&s->peer, ip);
    text_put(t, SLICE("X-Forwarded-For: "));
    for (unsigned i = 0; i < h->nfields; i++) {
        if (h->f[i].tok != TOK_X_FORWARDED_FOR)
            continue;
        edits_drop(e, i);
        if (keep && h->f[i].vlen) {
            text_put(t, field_value(h, &h->f[i]));
            text_put(t, SLICE(", "));
        }
    }
    text_put(t, (struct slice){ip, n});
}

/* What a verified client certificate says; such fields of a stranger never pass. */
static void client_cert(struct session *s, struct edits *e, const struct head *h, struct text *t,
                        bool keep)
{
    const struct io *io = &stream_conn(s->front)->io;
    const struct tls_client_cert *cert = s->fe->client_certs ? tls_client_cert(io) : NULL;
    for (unsigned i = 0; (!keep || cert) && i < h->nfields; i++)
        if (h->f[i].tok >= TOK_X_CLIENT_CERT_SUBJECT)
            edits_drop(e, i);
    if (!cert)
        return;
    text_put(t, SLICE("\r\nX-Client-Cert-Subject: "));
    text_put(t, slice_of(cert->subject));
    text_put(t, SLICE("\r\nX-Client-Cert-Sha256: "));
    text_put(t, slice_of(cert->sha256));
}

static void forwarded(struct session *s, struct edits *e, const struct head *h, struct text *t,
                      bool keep)
{
    forwarded_for(s, e, h, t, keep);
    if (s->fe->cfg->rfc7239)
        forward_rfc7239(s, e, h, t, keep);
    else if (!keep)
        drop_all(e, h, TOK_FORWARDED);
    if (!keep || !head_find(h, TOK_X_FORWARDED_PROTO, 0)) {
        drop_all(e, h, TOK_X_FORWARDED_PROTO);
        text_put(t, stream_conn(s->front)->io.x ? SLICE("\r\nX-Forwarded-Proto: https")
                                                : SLICE("\r\nX-Forwarded-Proto: http"));
    }
    if (!keep || !head_find(h, TOK_X_FORWARDED_HOST, 0)) {
        drop_all(e, h, TOK_X_FORWARDED_HOST);
        text_put(t, SLICE("\r\nX-Forwarded-Host: "));
        text_put(t, h->host);
    }
    client_cert(s, e, h, t, keep);
}

/* May a value that came in be passed on as the request id? Visible ASCII, not too long. */
static bool good_id(struct slice v)
{
    for (size_t i = 0; i < v.n; i++)
        if (v.p[i] <= ' ' || v.p[i] >= 0x7f || v.p[i] == '"' || v.p[i] == '\\')
            return false;
    return v.n && v.n <= 128;
}

static void request_id(struct session *s, struct edits *e, const struct head *h, struct text *t,
                       bool keep)
{
    const struct field *f = head_find(h, TOK_X_REQUEST_ID, 0);
    if (keep && f && good_id(field_value(h, f))) {
        struct slice v = field_value(h, f);
        s->id_n = (uint8_t)v.n;
        memcpy(s->id, v.p, v.n);
        return;
    }
    drop_all(e, h, TOK_X_REQUEST_ID);
    reqid_make(&s->sh->ids, s->sh->env.loop.wall_us, s->id);
    s->id_n = REQID_TEXT;
    text_put(t, SLICE("\r\nX-Request-Id: "));
    text_put(t, (struct slice){s->id, REQID_TEXT});
}

/* A head in origin-form for the server: absolute-form and HTTP/1.0 start lines are written anew. */
static void start_line(struct session *s, struct edits *e, const struct head *h, struct text *start)
{
    (void)s;
    if (h->minor == 1 && !(h->fl & HEAD_ABSOLUTE))
        return;
    text_put(start, h->method_text);
    text_put(start, SLICE(" "));
    if (h->fl & HEAD_ABSOLUTE) {
        bool star = h->method == M_OPTIONS && !h->path.n; /* RFC 9112 section 3.2.4 */
        text_put(start, h->path.n ? h->path : star ? SLICE("*") : SLICE("/"));
        if (h->query.p) {
            text_put(start, SLICE("?"));
            text_put(start, h->query);
        }
    } else {
        text_put(start, h->target);
    }
    text_put(start, SLICE(" "));
    text_put(start, version_11);
    e->start = (struct slice){start->p, start->n};
}

static void host_line(struct session *s, struct edits *e, const struct head *h, struct text *t)
{
    bool have = head_find(h, TOK_HOST, 0) != NULL;
    if (have && !(h->fl & HEAD_ABSOLUTE))
        return;
    drop_all(e, h, TOK_HOST);
    text_put(t, SLICE("\r\nHost: "));
    text_put(t, h->host.n ? h->host : slice_of(s->home->bind->addr.text));
}

/* Fields of this hop that are said anew to the server: TE and Upgrade, named by Connection. */
static void hop_lines(const struct session *s, const struct head *h, struct text *t)
{
    bool te = h->fl & HEAD_TE_TRAILERS; /* h1 forwards trailers (RFC 9110 section 10.1.4) */
    const struct field *up = s->flags & SF_UPGRADE ? head_find(h, TOK_UPGRADE, 0) : NULL;
    if (!te && !up)
        return;
    text_put(t, SLICE("\r\nConnection: "));
    text_put(t, te && up ? SLICE("upgrade, TE") : te ? SLICE("TE") : SLICE("upgrade"));
    if (te)
        text_put(t, SLICE("\r\nTE: trailers"));
    if (up) {
        text_put(t, SLICE("\r\nUpgrade: "));
        text_put(t, field_value(h, up));
    }
}

/* Via: the field a gateway must add to requests (RFC 9110 section 7.6.3). */
static bool edit(struct session *s, struct head *h, struct edits *e, struct text *add,
                 struct text *start)
{
    bool keep = trusted(s);
    *e = (struct edits){0};
    if (h->fl & HEAD_HOP)
        edits_drop_hop(e, h, false);
    forwarded(s, e, h, add, keep);
    request_id(s, e, h, add, keep);
    text_put(add, h->minor ? SLICE("\r\nVia: 1.1 lb") : SLICE("\r\nVia: 1.0 lb"));
    host_line(s, e, h, add);
    if (h->fl & HEAD_HOP)
        hop_lines(s, h, add);
    if (h->method == M_OPTIONS || h->method == M_TRACE)
        method_count_hop(e, h, add);
    text_put(add, SLICE("\r\n"));
    start_line(s, e, h, start);
    e->add = (struct slice){add->p, add->n};
    return !add->cut && !start->cut;
}

/* Edits the head and takes it, with the body bytes behind it, into s->req. */
static bool prepare(struct session *s, struct head *h, enum why *why)
{
    char start_space[EDIT_TEXT_MAX];
    struct text add = {.p = s->sh->text, .max = EDIT_TEXT_MAX};
    struct text start = {.p = start_space, .max = sizeof start_space};
    struct edits e;
    size_t body = 0;
    bool end = false;
    bool fits = edit(s, h, &e, &add, &start);
    if (!s->front->ops->open_body(s->front, h, false, &body, &end, why))
        return false;
    if (end)
        s->flags |= SF_REQ_END | SF_PINNED;
    s->bytes_in = h->len + body;
    *why = WHY_MEMORY_LIMIT;
    if (!s->front->ops->take(s->front, &s->req, h->len + body))
        return false;
    h->base = buf_data(&s->req);
    *why = WHY_HEADER_TOO_LARGE;
    if (!fits || !edits_apply(&e, h, &s->req))
        return false;
    s->req_off = s->req.head;
    return true;
}

/* A request that lb answers itself leaves the input, with the body bytes that came with it. */
static bool swallow(struct session *s, struct head *h)
{
    struct buf gone = {0};
    enum why why;
    size_t body = 0;
    bool end = false;
    if (!s->front->ops->open_body(s->front, h, false, &body, &end, &why) ||
        !s->front->ops->take(s->front, &gone, h->len + body))
        return false;
    s->bytes_in = h->len + body;
    if (end)
        s->flags |= SF_REQ_END;
    buf_drop(&gone, s->sh->env.loop.segs);
    return true;
}

static void answer(struct session *s, const struct cfg_route *route, struct head *h)
{
    char where[2048];
    struct text t = {.p = where, .max = sizeof where - 1};
    enum why why =
        route == &s->fe->cfg->otherwise && route->status == 421 ? WHY_NO_ROUTE : WHY_ROUTE_REPLY;
    bool fits = route->action != CFG_REDIRECT || text_expand(&t, route->location, h);
    where[t.n] = '\0';
    if (!swallow(s, h))
        s->flags &= ~(uint32_t)SF_REQ_END;
    if (!fits) {
        reply_canned(s, 414, WHY_TARGET_TOO_LONG, NULL);
        return;
    }
    if (!route->status) { /* `respond 0`: close without a reply */
        front_failed_hard(s, why);
        return;
    }
    reply_canned(s, (int)route->status, why, route->action == CFG_REDIRECT ? where : NULL);
}

void request_begin(struct stream *front, struct head *h)
{
    enum why why = WHY_OK;
    struct session *s = session_new(shard_of(stream_conn(front)), front, true);
    if (!s) {
        front_finish(front, STREAM_RESET);
        return;
    }
    note(s, h);
    if (!acceptable(s, h, &why)) {
        reply_canned(s, why_info(why)->status, why, NULL);
        return;
    }
    const struct cfg_route *route = find_route(s, h);
    if (!route) {
        reply_canned(s, 400, WHY_BAD_TARGET, NULL);
        return;
    }
    if (h->method == M_CONNECT && (s->front->ops->conn || !method_connects(route))) {
        reply_canned(s, 405, WHY_CONNECT_REFUSED, NULL);
        return;
    }
    if (s->fe->cfg->redirect_https && !stream_conn(s->front)->io.x) {
        static const struct cfg_route to_https = {
            .action = CFG_REDIRECT, .status = 308, .location = "https://$host$uri"};
        route = &to_https;
    }
    if (route->action != CFG_TO_BACKEND) {
        answer(s, route, h);
        return;
    }
    if ((h->method == M_OPTIONS || h->method == M_TRACE) && method_ends_here(h)) {
        bool trace = h->method == M_TRACE;
        if (!swallow(s, h))
            s->flags &= ~(uint32_t)SF_REQ_END;
        reply_canned(s, trace ? 405 : 204, trace ? WHY_METHOD_REFUSED : WHY_ROUTE_REPLY, NULL);
        return;
    }
    if (!to_backend(s, route, h)) {
        reply_canned(s, 503, WHY_OUT_OF_MEMORY, NULL);
        return;
    }
    if (!prepare(s, h, &why)) {
        reply_canned(s, why_info(why)->status ? why_info(why)->status : 400, why, NULL);
        return;
    }
    attempt_begin(s);
}
