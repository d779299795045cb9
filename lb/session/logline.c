/* logline.c — from an ended session to an access record. Worker's thread. */
#include "lb/session/logline.h"

static uint16_t keep(char *to, size_t max, struct slice from)
{
    size_t n = from.n < max ? from.n : max;
    if (n)
        memcpy(to, from.p, n);
    return (uint16_t)n;
}

void logline_note(struct session *s, const struct head *h)
{
    struct logline *l = pool_get(s->sh->logs);
    s->logline = l;
    if (!l)
        return;
    l->method_n = l->target_n = l->host_n = l->agent_n = 0;
    l->target_cut = false;
    if (!h)
        return;
    const struct field *agent = head_find_name(h, SLICE("user-agent"));
    l->method_n = keep(l->method, sizeof l->method, h->method_text);
    l->target_n = keep(l->target, sizeof l->target, h->target);
    l->target_cut = h->target.n > sizeof l->target;
    l->host_n = keep(l->host, sizeof l->host, h->host);
    if (agent)
        l->agent_n = keep(l->agent, sizeof l->agent, field_value(h, agent));
}

static uint64_t span(uint64_t from, uint64_t to)
{
    return from && to > from ? to - from : 0;
}

static void phases(const struct session *s, struct access_record *r)
{
    uint64_t now = s->sh->env.loop.now_us;
    r->header_us = span(s->t_start, s->t_head);
    r->queue_us = span(s->t_head, s->t_pick ? s->t_pick : now);
    r->connect_us = span(s->t_pick, s->t_connect);
    r->first_byte_us = span(s->t_sent, s->t_reply);
    r->response_us = span(s->t_reply, now);
    r->total_us = span(s->t_start, now);
}

void logline_write(struct session *s, enum why why)
{
    struct logline *l = s->logline;
    struct shard *sh = s->sh;
    struct access_record r = {
        .frontend = slice_of(s->fe->cfg->name),
        .backend = slice_of(s->be ? s->be->cfg->name : NULL),
        .server = slice_of(s->srv ? s->srv->name : NULL),
        .client = &s->peer,
        .method = {l->method, l->method_n},
        .target = {l->target, l->target_n},
        .target_cut = l->target_cut,
        .host = {l->host, l->host_n},
        .user_agent = {l->agent, l->agent_n},
        .request_id = {s->id, s->id_n},
        .status = s->status,
        .bytes_in = s->bytes_in,
        .bytes_out = s->bytes_out,
        .retries = s->attempts ? s->attempts - 1u : 0,
        .reused = (s->flags & SF_REUSED) != 0,
        .why = why,
    };
    phases(s, &r);
    accesslog_write(sh->log, s->fe->access_sink, s->fe->cfg->access_json, &r, sh->env.loop.wall_us,
                    &sh->clock);
    pool_put(sh->logs, l);
    s->logline = NULL;
}
