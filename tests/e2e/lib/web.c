/* web.c — see web.h. */
#include "tests/e2e/lib/web.h"
#include "tests/e2e/lib/e2e.h"

static const char *or_empty(const char *s)
{
    return s ? s : "";
}

static unsigned count_of(const struct web_opts *o)
{
    return o->origins ? o->origins : 1;
}

char *web_conf(const struct web *w, const struct web_opts *o)
{
    struct text t = {0};
    text_addf(&t,
              "defaults { timeout connect 1s; timeout header 5s; timeout client 5s\n"
              "  timeout server 5s; timeout idle 10s; timeout tunnel 10s }\n"
              "frontend web { bind 127.0.0.1:%u %s\n"
              "  access-log text \"${E2E_DIR}/access.log\"\n"
              "  %s\n  route -> app }\n"
              "backend app { balance %s\n  %s\n",
              w->port, or_empty(o->bind), or_empty(o->frontend),
              o->balance ? o->balance : "round-robin", or_empty(o->backend));
    for (unsigned i = 0; i < count_of(o); i++)
        text_addf(&t, "  server s%u 127.0.0.1:%u %s\n", i + 1, w->oport[i], or_empty(o->server));
    text_addf(&t, "}\n%s\n", or_empty(o->more));
    return t.p;
}

void web_origin_start(struct web *w, unsigned i)
{
    static const char *const names[WEB_ORIGINS] = {"s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8"};
    w->o[i] = origin_start(&(struct origin_opts){
        .name = names[i], .port = w->oport[i], .serve = w->opts.serve, .arg = w->opts.arg});
    w->oport[i] = origin_port(w->o[i]);
}

void web_origin_stop(struct web *w, unsigned i)
{
    origin_stop(w->o[i]);
    w->o[i] = NULL;
}

void web_start(struct web *w, const struct web_opts *opts)
{
    *w = (struct web){.c.fd = -1};
    if (opts)
        w->opts = *opts;
    w->lb.opts.threads = w->opts.threads;
    w->lb.opts.global = w->opts.global;
    w->port = port_new();
    for (unsigned i = 0; i < count_of(&w->opts); i++)
        web_origin_start(w, i);
    char *conf = web_conf(w, &w->opts);
    lb_start(&w->lb, "%s", conf);
    free(conf);
}

void web_stop(struct web *w)
{
    client_close(&w->c);
    reply_free(&w->r);
    lb_stop(&w->lb);
    for (unsigned i = 0; i < WEB_ORIGINS; i++)
        web_origin_stop(w, i);
}

struct client *web_client(struct web *w)
{
    client_close(&w->c);
    assert_true(client_open(&w->c, w->port));
    return &w->c;
}

int web_ask(struct web *w, const char *method, const char *path, const char *fields)
{
    if (w->c.fd < 0)
        (void)web_client(w);
    return http_exchange(&w->c, method, path, fields, &w->r) ? w->r.status : 0;
}

unsigned web_who(struct web *w, const char *path, const char *fields)
{
    struct reply r = {0};
    unsigned who = 0;
    if (http_get(w->port, path, fields, &r) == 200)
        (void)sscanf(reply_field(&r, "X-Origin"), "s%u", &who);
    reply_free(&r);
    return who;
}

void web_wait_access(const struct web *w, const char *regex)
{
    lb_wait_file(&w->lb, "access.log", regex, 5000);
}
