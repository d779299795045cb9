/*
 * http.h — the HTTP check's compiled form. Private to health/.
 *
 *   http_spec.c  arguments and options → struct http_spec; judging a status and a body
 *   http.c       the exchange on the wire
 */
#ifndef HEALTH_HTTP_H
#define HEALTH_HTTP_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include "lb/base/opts.h"
#include "lb/msg/head.h"

#include <pcre2.h>

struct err;

struct http_spec {
    enum http_method method;
    char *head;                   /* owned; the request up to and with "Host: " */
    char *host;                   /* owned; NULL: the probe's */
    char *tail;                   /* owned; the rest of the request */
    uint64_t good[1000 / 64 + 1]; /* bit s: status s passes */
    pcre2_code *body;             /* owned; NULL: the body is not looked at */
    pcre2_match_context *limits;  /* owned */
};

enum { HTTP_NOPTS = 3 };
extern const struct opt_spec http_opts[HTTP_NOPTS];

/* See struct check. */
int http_prepare(const char *const *args, unsigned nargs, const struct opts *, void **shared,
                 struct err *e);
void http_release(void *shared);

enum http_match { HTTP_MATCH, HTTP_NO_MATCH, HTTP_MATCH_LIMIT };
enum http_match http_match_body(const struct http_spec *, struct slice body);

#endif
