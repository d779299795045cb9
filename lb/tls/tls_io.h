/*
 * tls_io.h — TLS as a transport of an io: the same calls as a plain descriptor, encrypted.
 *
 * io_recv and io_send keep their four outcomes. The handshake needs no call of its own: reading,
 * sending and the io's events drive it, and IO_SHAKING stands until it is through. What failed it
 * is kept for io->x->fault (EPROTO: TLS itself) and tls_failure. Runs on the io's thread.
 */
#ifndef LB_TLS_TLS_IO_H
#define LB_TLS_TLS_IO_H

#include "lb/base/slice.h"
#include "lb/net/io.h"

struct tls_ctx;
struct tls_peer;

extern const struct xport tls_xport;

/* Puts TLS on a fresh connection, as server. Takes a reference on the context. 0, or -1 when out
 * of memory (the io is as before). May not call back. */
int tls_accept(struct io *, struct tls_ctx *);

enum { TLS_CONTROL_THREAD = 1 << 16 }; /* instead of a worker's number */

/* … as client of `peer`, whose session for `worker` is offered and replaced. `lenient`: an end
 * without close_notify is an end (raw tunnels), not a failure. */
int tls_connect(struct io *, struct tls_peer *peer, unsigned worker, bool lenient);

/* Sends bytes in the clear in front of the handshake (a PROXY header). Before anything else was
 * sent; false: out of memory. */
bool tls_prepend(struct io *, const void *, size_t n);

static inline bool tls_on(const struct io *io)
{
    return io->x == &tls_xport;
}

/* After the handshake; empty or NULL when nothing was agreed or asked for. Borrowed from the io. */
struct slice tls_alpn(const struct io *);
const char *tls_sni(const struct io *);
const char *tls_version(const struct io *);
const char *tls_cipher(const struct io *);
bool tls_resumed(const struct io *);

/* Why the transport broke, for logs and status pages; NULL: it did not. */
const char *tls_failure(const struct io *);

/* What a client's certificate said. */
struct tls_client_cert {
    char *subject; /* RFC 2253, one line */
    char sha256[65];
};
/* NULL: it showed none. Made at the first call, borrowed from the io. */
const struct tls_client_cert *tls_client_cert(const struct io *);

#endif
