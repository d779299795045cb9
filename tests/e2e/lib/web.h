/*
 * web.h — the usual set-up of an HTTP test: one frontend, one backend, some origins.
 *
 * Frontend `web`, backend `app`, servers s1, s2, … which name themselves so. The access log is text
 * in the file access.log. Default timeouts are short and come from a `defaults` block, so that a
 * test may set its own in `frontend` and `backend`.
 */
#ifndef TESTS_E2E_WEB_H
#define TESTS_E2E_WEB_H

#include "tests/e2e/lib/lb.h"
#include "tests/e2e/lib/origin.h"

enum { WEB_ORIGINS = 8 };

struct web_opts {
    unsigned origins;     /* default 1 */
    unsigned threads;     /* default 2 */
    serve_fn *serve;      /* default origin_http */
    void *arg;            /* for serve */
    const char *balance;  /* default round-robin */
    const char *bind;     /* options of the bind, with braces */
    const char *frontend; /* further statements; before the route to app */
    const char *backend;  /* further statements of app */
    const char *server;   /* options of each server, with braces */
    const char *more;     /* further blocks */
    const char *global;   /* further statements of the global block */
};

struct web {
    struct lb lb;
    uint16_t port;
    struct origin *o[WEB_ORIGINS];
    uint16_t oport[WEB_ORIGINS]; /* an origin may be stopped and started again */
    struct web_opts opts;
    struct client c; /* connected by web_client; closed by web_stop */
    struct reply r;
};

/* Zero-initialise the struct or let it end in web_stop before. `opts` may be NULL. */
void web_start(struct web *, const struct web_opts *opts);
void web_stop(struct web *);

/* The configuration text of `opts`; the caller frees. */
char *web_conf(const struct web *, const struct web_opts *opts);

void web_origin_stop(struct web *, unsigned i);
void web_origin_start(struct web *, unsigned i);

/* Connects w->c afresh. */
struct client *web_client(struct web *);

/* One exchange on w->c; the reply is w->r and its status returned (0: none). */
int web_ask(struct web *, const char *method, const char *path, const char *fields);

/* One GET on a connection of its own; the answering origin's number from 1, 0 for another status.
 */
unsigned web_who(struct web *, const char *path, const char *fields);

/* Waits for a line of the access log. */
void web_wait_access(const struct web *, const char *regex);

#endif
