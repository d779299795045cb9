/* admin.c — which endpoints are open, and how that changes at reload. */
#include "lb/admin/internal.h"

#include "lb/base/err.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct admin {
    struct admin_core core;
    struct admin_http *http;     /* owned; NULL: none */
    struct admin_socket *socket; /* owned; NULL: none */
};

struct admin_plan {
    bool keep_http, keep_socket; /* as they are */
    struct admin_http *http;     /* owned; new ones */
    struct admin_socket *socket;
    unsigned mode;
};

struct admin *admin_new(struct event_base *base, const struct admin_ops *ops, struct log *log)
{
    struct admin *a = calloc(1, sizeof *a);
    if (!a)
        return NULL;
    a->core = (struct admin_core){base, ops, log, out_account_new()};
    if (!a->core.account) {
        free(a);
        return NULL;
    }
    return a;
}

void admin_free(struct admin *a)
{
    if (!a)
        return;
    admin_http_free(a->http);
    admin_socket_free(a->socket);
    out_account_unref(a->core.account);
    free(a);
}

static int plan_http(struct admin *a, const struct cfg_addr *addr, struct admin_plan *p,
                     struct err *e)
{
    if (!addr)
        return 0;
    p->keep_http = a->http && strcmp(admin_http_name(a->http), addr->text) == 0;
    if (p->keep_http)
        return 0;
    p->http = admin_http_open(&a->core, addr, e);
    return p->http ? 0 : -1;
}

static int plan_socket(struct admin *a, const struct cfg_admin *cfg, struct admin_plan *p,
                       struct err *e)
{
    if (!cfg->socket)
        return 0;
    p->mode = cfg->socket_mode;
    p->keep_socket = a->socket && strcmp(admin_socket_path(a->socket), cfg->socket) == 0;
    if (p->keep_socket)
        return 0;
    p->socket = admin_socket_open(&a->core, cfg->socket, cfg->socket_mode, e);
    return p->socket ? 0 : -1;
}

struct admin_plan *admin_prepare(struct admin *a, const struct cfg_admin *cfg, struct err *e)
{
    struct admin_plan *p = calloc(1, sizeof *p);
    if (!p) {
        (void)err_set(e, ENOMEM, "out of memory");
        return NULL;
    }
    if (plan_http(a, cfg->http, p, e) < 0 || plan_socket(a, cfg, p, e) < 0) {
        admin_plan_free(p);
        return NULL;
    }
    return p;
}

void admin_plan_free(struct admin_plan *p)
{
    if (!p)
        return;
    admin_http_free(p->http);
    admin_socket_free(p->socket);
    free(p);
}

void admin_commit(struct admin *a, struct admin_plan *p)
{
    if (!p->keep_http) {
        admin_http_free(a->http);
        a->http = p->http;
        p->http = NULL;
        if (a->http)
            admin_http_start(a->http);
    }
    if (!p->keep_socket) {
        admin_socket_free(a->socket);
        a->socket = p->socket;
        p->socket = NULL;
    }
    if (a->socket)
        admin_socket_start(a->socket, p->mode);
    admin_plan_free(p);
}

unsigned admin_http_port(const struct admin *a)
{
    return a->http ? admin_http_bound_port(a->http) : 0;
}
