/*
 * cert_watch.c — certificates that change while the proxy runs, and the keys of session tickets.
 *
 * Every two seconds the files are looked at, not read. A change is acted on once it has stood for
 * a moment, so that certificate and key may be replaced one after the other. What can't be used
 * leaves the old certificates in force, is logged once per state of the files, and counted.
 */
#include "lb/control/internal.h"

#include "lb/tls/tls_cert.h"
#include "lb/tls/tls_ctx.h"

#include <errno.h>
#include <stdlib.h>

enum { POLL_MS = 2000, SETTLE_MS = 200 };

struct watched {
    struct tls_ctx *ctx;       /* borrowed from the current snapshot */
    const struct cfg_tls *cfg; /* likewise */
    const char *frontend;      /* likewise */
    uint64_t used;             /* stamp of the files in force, or of those found bad */
    uint64_t seen;             /* … at the last look */
    bool bad;
};

struct cert_watch {
    struct watched *v;
    unsigned n;
    uint64_t keys_seen; /* stamp of the file of ticket keys */
    uint64_t rotated_us;
};

static uint64_t keys_stamp(const struct control *c)
{
    struct cfg_tls file = {.client_ca = c->snap->cfg->global.ticket_keys};
    return tls_certs_stamp(&file);
}

static bool known(const struct cert_watch *w, const struct tls_ctx *ctx)
{
    for (unsigned i = 0; i < w->n; i++)
        if (w->v[i].ctx == ctx)
            return true;
    return false;
}

void control_certs_stale(struct control *c)
{
    if (c->certs)
        free(c->certs->v);
    free(c->certs);
    c->certs = NULL;
    loop_timer_clear(&c->loop, &c->cert_timer);
}

void control_certs_watch(struct control *c)
{
    const struct snapshot *s = c->snap;
    uint64_t rotated = c->certs ? c->certs->rotated_us : c->loop.now_us;
    control_certs_stale(c);
    struct cert_watch *w = s->cfg->uses_tls ? calloc(1, sizeof *w) : NULL;
    if (!w)
        return;
    c->certs = w;
    w->v = calloc(s->nbounds + 1, sizeof *w->v);
    for (unsigned i = 0; w->v && i < s->nbounds; i++) {
        const struct bound *b = &s->bounds[i];
        if (!b->tls || known(w, b->tls))
            continue;
        uint64_t stamp = tls_certs_stamp(b->cfg->tls_opts);
        w->v[w->n++] = (struct watched){.ctx = b->tls,
                                        .cfg = b->cfg->tls_opts,
                                        .frontend = s->frontends[b->frontend].cfg->name,
                                        .used = stamp,
                                        .seen = stamp};
    }
    w->keys_seen = keys_stamp(c);
    w->rotated_us = rotated;
    loop_timer_set(&c->loop, &c->cert_timer, TIMER_CONTROL, 0, POLL_MS);
}

static int renew(struct control *c, struct watched *w, struct err *e)
{
    w->used = w->seen;
    if (tls_ctx_renew(w->ctx, w->cfg, e) == 0) {
        w->bad = false;
        c->cert_renewals++;
        log_line(c->log, LOG_LV_INFO, "certificates-renewed",
                 "frontend %s: new handshakes use the new files", w->frontend);
        return 0;
    }
    w->bad = true;
    c->cert_failures++;
    log_line(c->log, LOG_LV_ERROR, "certificates-kept",
             "frontend %s: the certificates before stay in force: %s", w->frontend, e->text);
    return -1;
}

int control_certs_renew(struct control *c, struct err *e)
{
    int rc = 0;
    struct err one;
    for (unsigned i = 0; c->certs && i < c->certs->n; i++) {
        struct watched *w = &c->certs->v[i];
        w->seen = tls_certs_stamp(w->cfg);
        if (renew(c, w, &one) != 0 && rc == 0) {
            rc = -1;
            *e = one;
        }
    }
    return rc;
}

unsigned control_certs_bad(const struct control *c)
{
    unsigned n = 0;
    for (unsigned i = 0; c->certs && i < c->certs->n; i++)
        n += c->certs->v[i].bad;
    return n;
}

static void look_at_keys(struct control *c)
{
    struct err e;
    struct cert_watch *w = c->certs;
    const char *path = c->snap->cfg->global.ticket_keys;
    uint64_t stamp = path ? keys_stamp(c) : 0;
    if (path && stamp != w->keys_seen) {
        w->keys_seen = stamp;
        if (tls_tickets_load(c->tickets, path, &e) == 0)
            log_line(c->log, LOG_LV_INFO, "ticket-keys-read", "new tickets use the new keys");
        else
            log_line(c->log, LOG_LV_ERROR, "ticket-keys-kept", "the keys before stay: %s", e.text);
    }
    if (!path && c->loop.now_us - w->rotated_us >= TLS_TICKET_ROTATE_MS * UINT64_C(1000)) {
        w->rotated_us = c->loop.now_us;
        (void)tls_tickets_rotate(c->tickets);
    }
}

void control_certs_look(struct control *c)
{
    bool settling = false;
    struct err e;
    for (unsigned i = 0; i < c->certs->n; i++) {
        struct watched *w = &c->certs->v[i];
        uint64_t now = tls_certs_stamp(w->cfg);
        bool stands = now == w->seen;
        w->seen = now;
        if (now == w->used)
            continue;
        if (stands)
            (void)renew(c, w, &e);
        else
            settling = true;
    }
    look_at_keys(c);
    loop_timer_set(&c->loop, &c->cert_timer, TIMER_CONTROL, 0, settling ? SETTLE_MS : POLL_MS);
}

/* --- for the administration --- */

struct listing {
    struct admin_cert *v;
    unsigned n, room;
    const char *frontend;
};

static void list_one(void *arg, const struct tls_cert_facts *f)
{
    struct listing *l = arg;
    if (l->n == l->room) {
        unsigned room = l->room ? l->room * 2 : 16;
        struct admin_cert *more = realloc(l->v, room * sizeof *more);
        if (!more)
            return;
        l->v = more;
        l->room = room;
    }
    l->v[l->n++] = (struct admin_cert){.frontend = l->frontend,
                                       .path = f->path,
                                       .name = f->name,
                                       .key = f->key,
                                       .not_after_s = f->not_after_s};
}

unsigned control_certs_list(struct control *c, struct admin_cert **out)
{
    struct listing l = {0};
    for (unsigned i = 0; c->certs && i < c->certs->n; i++) {
        l.frontend = c->certs->v[i].frontend;
        tls_ctx_each_cert(c->certs->v[i].ctx, list_one, &l);
    }
    free(*out);
    *out = l.v;
    return l.n;
}
