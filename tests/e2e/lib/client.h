/*
 * client.h — a scripted client on one stream socket: send, expect, close, reset; all with
 * deadlines.
 *
 * A client is used by one thread at a time. What was received and not yet taken is in `in`.
 */
#ifndef TESTS_E2E_CLIENT_H
#define TESTS_E2E_CLIENT_H

#include "tests/e2e/lib/util.h"

enum { CLIENT_WAIT_MS = 5000 }; /* the deadline where a call names none */

/* How the peer's side of the connection ended. */
enum ending { END_NONE, END_FIN, END_RESET };

struct client {
    int fd;
    struct text in;
    enum ending ending;
};

/* Connects to 127.0.0.1 (or `host`), or to a Unix socket. False when refused. */
bool client_open(struct client *, uint16_t port);
bool client_open_host(struct client *, const char *host, uint16_t port);
bool client_open_unix(struct client *, const char *path);
void client_close(struct client *);     /* safe to call twice */
void client_reset(struct client *);     /* closes with RST */
void client_arm_reset(struct client *); /* the next close, by whomever, sends RST */
void client_shut(struct client *);      /* no more to send: FIN */

/* False when the peer is gone or does not take the bytes within CLIENT_WAIT_MS. */
bool client_send(struct client *, const void *bytes, size_t n);
bool client_sendf(struct client *, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Reads once, waiting at most `ms`. True when bytes came. False: ending says why, END_NONE for a
 * passed deadline. */
bool client_more(struct client *, unsigned ms);

/* Reads until `in` holds n bytes, the string, or the end. */
bool client_want(struct client *, size_t n, unsigned ms);
bool client_until(struct client *, const char *needle, unsigned ms);
bool client_ends(struct client *, unsigned ms); /* ending says how */

/* True when exactly these bytes come next; they are taken. On a mismatch it prints both. */
bool client_expect(struct client *, const char *bytes);
/* True when nothing comes for `ms` and the connection stays open. */
bool client_silent(struct client *, unsigned ms);

#endif
