/* tls_int.h — what the files of lb/tls share and nobody else sees. */
#ifndef LB_TLS_TLS_INT_H
#define LB_TLS_TLS_INT_H

#include "lb/base/buf.h"
#include "lb/net/io.h"
#include "lb/tls/tls_ctx.h"
#include "lb/tls/tls_io.h"

#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>

struct tls_tickets;
struct tls_store;

enum tls_io_flag {
    T_EOF = 1 << 0,     /* the peer's end was seen on the socket */
    T_LENIENT = 1 << 1, /* an end without close_notify is fine */
    T_SHUT = 1 << 2,    /* half-close once `out` has left */
    T_CLIENT = 1 << 3,
};

struct tls_io {
    SSL *ssl;                     /* owned */
    struct io *io;                /* borrowed: we are its xctx */
    struct tls_ctx *ctx;          /* counted; server side */
    struct tls_peer *peer;        /* counted; client side */
    struct tls_client_cert *cert; /* owned; made when asked for */
    struct buf out;               /* ciphertext the kernel has not taken */
    uint32_t owed;                /* plaintext bytes that lie in `out`: reported when it has left */
    int error;                    /* errno of the fault; 0: none */
    unsigned worker;
    uint8_t fl;
    const char *cause; /* static text of the fault, or NULL */
};

/* One certificate (or ECDSA and RSA of the same names) with everything a handshake needs. */
struct tls_ctx {
    atomic_uint refs;
    pthread_rwlock_t lock;       /* guards `store`: written when certificates change */
    struct tls_store *store;     /* owned */
    BIO_METHOD *bio;             /* owned */
    struct tls_tickets *tickets; /* counted */
    const struct cfg_tls *cfg;   /* borrowed from the snapshot that made it; control thread only */
    unsigned char *alpn;         /* owned; wire form */
    unsigned alpn_n;
    bool refuse_unknown; /* a name no certificate has is refused */
    bool any_alpn;       /* mode tcp: what was configured is offered as it stands */
};

struct tls_peer {
    atomic_uint refs;
    SSL_CTX *ssl_ctx; /* counted by OpenSSL */
    BIO_METHOD *bio;  /* owned */
    char *name;       /* owned; to check, and to ask for unless it is an address */
    bool is_ip, verify;
    uint64_t id;
    unsigned nworkers;
    SSL_SESSION *session[]; /* [nworkers]: each its worker's own */
};

/* --- tls_bio.c --- */
BIO_METHOD *tls_bio_method(void); /* NULL: out of memory */
/* Sends `out` as far as the socket takes it. 0: all has left, IO_AGAIN, IO_FAIL (errno). */
int tls_flush(struct tls_io *);

/* --- tls_peer.c --- */
int tls_peer_try(const struct cfg_tls *, struct err *); /* could it be used? -1 with `e` */

/* --- tls_ctx.c --- */
SSL_CTX *tls_ctx_base(const struct cfg_tls *, bool server, struct err *);
/* Settings of a server's SSL_CTX that do not depend on certificates; `t` is passed to callbacks. */
int tls_ctx_configure(SSL_CTX *, struct tls_ctx *t, const struct cfg_tls *, struct err *);
/* Fills `e` with "WHAT: " and OpenSSL's newest reason. Always -1. */
int tls_err(struct err *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
