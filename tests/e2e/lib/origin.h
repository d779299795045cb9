/*
 * origin.h — scripted servers in the test program: a thread a connection, blocking I/O.
 *
 * `serve` is called for each connection and does what the test wants of a server; the connection is
 * closed when it returns: serve must not close it. origin_http and origin_echo are ready-made.
 * Counters may be read from any thread.
 */
#ifndef TESTS_E2E_ORIGIN_H
#define TESTS_E2E_ORIGIN_H

#include "tests/e2e/lib/client.h"

#include <stdatomic.h>

struct origin;

/* One accepted connection: read with client_*, send with client_send. */
struct visit {
    struct client c;
    struct origin *o;
    unsigned nth; /* 1 for the first connection */
    void *arg;
};

typedef void serve_fn(struct visit *);

struct origin_opts {
    const char *name;      /* what origin_http calls itself; default "origin" */
    const char *host;      /* address to listen on; default 127.0.0.1 */
    const char *unix_path; /* a Unix socket instead */
    uint16_t port;         /* 0: port_new() */
    serve_fn *serve;       /* default origin_http */
    void *arg;
};
struct origin *origin_start(const struct origin_opts *); /* NULL: all defaults */
/* Closes listener and connections, waits for the threads, frees. The port stays the test's. */
void origin_stop(struct origin *);

uint16_t origin_port(const struct origin *);
const char *origin_name(const struct origin *);
unsigned origin_connections(const struct origin *); /* accepted so far */
unsigned origin_requests(const struct origin *);    /* heads read by visit_request */
unsigned origin_open(const struct origin *);        /* connections open now */

/* The head of the newest request, as it came; caller frees. */
char *origin_last_head(struct origin *);

/* A request as an origin sees it. */
struct request {
    char method[32], path[1024];
    struct text head, body, trailers;
    bool complete; /* the body came whole */
    bool expects;  /* Expect: 100-continue; the body was read after a 100 */
};
/* Reads the next request; answers Expect by itself. False when the client is gone. */
bool visit_request(struct visit *, struct request *);
/* Only the head: the body stays in v->c.in and behind. */
bool visit_request_head(struct visit *, struct request *);
void request_free(struct request *);

/* Status line and fields ("A: b\r\n"…) and a body with its Content-Length. */
bool visit_reply(struct visit *, int status, const char *fields, const char *body, size_t n);

/*
 * An HTTP/1.1 server with keep-alive that does what the path says (query strings are ignored):
 *   /                  200, its name as text; X-Origin names it in every reply
 *   /head              200, the request head as it came
 *   /echo              200, the request body (chunked when the request was)
 *   /sum               200, "LENGTH SUM" of the request body
 *   /status/N          that status, without a body where HTTP has none
 *   /bytes/N           N bytes of the pattern, Content-Length
 *   /chunked/N/EACH    the same, chunked in pieces of EACH, with a trailer X-Sum
 *   /until-close/N     the same, ended by closing
 *   /slow/MS           200 after MS
 *   /sse/N/MS          N server-sent events, MS between two
 *   /early/N           N interim replies 103, then 200
 *   /hop               200 with hop-by-hop fields that must not reach the client
 *   /cut/N             promises N bytes, sends half, closes
 *   /stall/N           promises N bytes, sends half, waits for the client to go
 *   /never             reads the request and never answers
 *   /close, /reset     closes or resets without an answer
 *   /bye               200 with Connection: close
 *   /deaf              no reply, and reads nothing more
 *   /upgrade           101 and echoes bytes until the client closes (when asked to upgrade)
 *   /garbage           bytes that are not HTTP
 */
serve_fn origin_http;

/* Sends back what comes, and closes its side when the client did. */
serve_fn origin_echo;

#endif
