/* tls_judge.c — what `lb check` and every load say about certificates and lists of ciphers. */
#include "lb/tls/tls_ctx.h"

#include "lb/base/clock.h"
#include "lb/base/err.h"
#include "lb/tls/tls_cert.h"
#include "lb/tls/tls_int.h"

#include <stdio.h>
#include <time.h>

enum { SOON_S = 7 * 86400 };

struct judging {
    void (*say)(void *, bool error, struct src_loc, const char *text);
    void *to;
    bool bad;
};

static void judge_time(struct judging *j, const struct tls_cert *c)
{
    int64_t now = (int64_t)(clock_wall_us() / 1000000);
    char when[32], text[600];
    struct tm tm;
    time_t t = (time_t)(c->not_after_s - now < SOON_S ? c->not_after_s : c->not_before_s);
    if (c->not_after_s - now >= SOON_S && c->not_before_s <= now)
        return;
    (void)gmtime_r(&t, &tm);
    (void)strftime(when, sizeof when, "%Y-%m-%d %H:%M UTC", &tm);
    (void)snprintf(text, sizeof text, "the certificate in '%s' %s %s", c->path,
                   c->not_after_s < now            ? "ended on"
                   : c->not_after_s - now < SOON_S ? "ends on"
                                                   : "is not valid before",
                   when);
    j->say(j->to, false, c->loc, text);
}

static void judge_certs(struct judging *j, const struct cfg_tls *cfg)
{
    struct err e;
    for (unsigned i = 0; i < cfg->ncerts; i++) {
        struct tls_certs one = {0};
        if (!cfg->certs[i].cert) { /* reported already */
            j->bad = true;
            continue;
        }
        if (tls_certs_add(&cfg->certs[i], &one, &e) != 0) {
            j->bad = true;
            j->say(j->to, true, cfg->certs[i].loc, e.text);
        }
        for (unsigned k = 0; !j->bad && k < one.n; k++)
            judge_time(j, &one.v[k]);
        tls_certs_free(&one);
    }
}

/* Builds it all once: ciphers, groups, authorities and lists of the revoked. */
static void judge_rest(struct judging *j, const struct cfg_tls *cfg, bool server)
{
    struct tls_env none = {.nworkers = 1};
    struct err e = {0};
    char place[300];
    struct tls_ctx *t = server ? NULL : tls_ctx_new(cfg, CFG_HTTP, &none, &e);
    if (server ? tls_peer_try(cfg, &e) == 0 : t != NULL) {
        tls_ctx_unref(t);
        return;
    }
    int n = snprintf(place, sizeof place, "%s:%u:%u: ", cfg->loc.file, cfg->loc.line, cfg->loc.col);
    bool placed = n > 0 && strncmp(e.text, place, (size_t)n) == 0;
    j->say(j->to, true, cfg->loc, e.text + (placed ? n : 0));
}

void tls_judge(const struct cfg_tls *cfg, bool server,
               void (*say)(void *, bool error, struct src_loc, const char *text), void *to)
{
    struct judging j = {.say = say, .to = to};
    judge_certs(&j, cfg);
    if (!j.bad && (server || cfg->ncerts))
        judge_rest(&j, cfg, server);
}
