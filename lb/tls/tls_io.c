/*
 * tls_io.c — reading, sending and shaking hands over an io.
 *
 * Edge-triggered care: IO_RD stays set as long as OpenSSL or the socket may hold bytes. Sending
 * reports plaintext as taken only when its ciphertext has left, because whoever is told so may
 * close the connection; until then `owed` remembers it and the caller offers the same bytes again.
 */
#include "lb/tls/tls_int.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <sys/socket.h>

enum {
    BATCH_BYTES = 128 * 1024, /* plaintext encrypted per send call */
    SUBJECT_MAX = 300,        /* of a client certificate's name; it must fit a field */
};

static struct tls_io *of(const struct io *io)
{
    return io->xctx;
}

/* Keeps the first fault; both directions will say IO_FAIL from now on. */
static ssize_t broken(struct tls_io *t, int error, const char *cause)
{
    struct io *io = t->io;
    if (!(io->fl & IO_BROKEN)) {
        t->error = error;
        t->cause = cause;
        io->fl |= IO_BROKEN | IO_RD | IO_WR;
    }
    errno = t->error;
    return IO_FAIL;
}

/* The reason OpenSSL gave last: the verifier's words when that failed. */
static const char *reason(const struct tls_io *t)
{
    long v = SSL_get_verify_result(t->ssl);
    const char *text = ERR_reason_error_string(ERR_peek_last_error());
    if (v != X509_V_OK && (t->peer ? t->peer->verify : true))
        return X509_verify_cert_error_string(v);
    return text ? text : "TLS error";
}

/* What a failed SSL call means. 0: the peer closed in order; IO_AGAIN; IO_FAIL. */
static ssize_t outcome(struct tls_io *t, int r)
{
    struct io *io = t->io;
    bool shaking = io->fl & IO_SHAKING;
    switch (SSL_get_error(t->ssl, r)) {
    case SSL_ERROR_WANT_READ:
        return IO_AGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return shaking ? broken(t, EPROTO, "closed during the handshake") : 0;
    default:
        break;
    }
    if (t->fl & T_EOF) {
        if (shaking)
            return broken(t, EPROTO, "closed during the handshake");
        return t->fl & T_LENIENT ? 0 : broken(t, ECONNRESET, "closed without close_notify");
    }
    if (t->error)
        return broken(t, shaking ? EPROTO : t->error, "connection lost during the handshake");
    return broken(t, EPROTO, reason(t));
}

static void note_rd(struct tls_io *t)
{
    struct io *io = t->io;
    if (io->fl & IO_SOCK || SSL_has_pending(t->ssl))
        io->fl |= IO_RD;
    else
        io->fl &= (uint16_t)~IO_RD;
}

/* One step of the handshake. 1: it is through, IO_AGAIN, IO_FAIL. */
static ssize_t shake(struct tls_io *t)
{
    struct io *io = t->io;
    ERR_clear_error();
    int r = SSL_do_handshake(t->ssl);
    ssize_t n = r == 1 ? 1 : outcome(t, r);
    int error = errno;
    if (buf_len(&t->out) && tls_flush(t) == IO_FAIL && n != IO_FAIL)
        return broken(t, io->fl & IO_CONNECTING && errno != EPIPE ? errno : EPROTO,
                      "connection lost during the handshake");
    errno = error;
    if (n == IO_AGAIN)
        io->fl &= (uint16_t)~IO_RD;
    if (n != 1)
        return n;
    io->fl &= (uint16_t)~IO_SHAKING;
    io->fl |= IO_WR;
    note_rd(t);
    return 1;
}

static bool ready(struct tls_io *t, ssize_t *n)
{
    struct io *io = t->io;
    if (io->fl & IO_BROKEN)
        *n = broken(t, 0, NULL);
    else if (io->fl & IO_SHAKING)
        *n = shake(t);
    else
        return true;
    return *n == 1;
}

static ssize_t tls_recv(struct io *io, void *p, size_t room)
{
    struct tls_io *t = of(io);
    size_t got = 0, k;
    ssize_t n;
    if (!ready(t, &n))
        return n;
    ERR_clear_error();
    while (got < room) {
        if (!SSL_read_ex(t->ssl, (char *)p + got, room - got, &k)) {
            n = got ? (ssize_t)got : outcome(t, 0);
            if (buf_len(&t->out)) /* an alert, or the answer to a key update */
                (void)tls_flush(t);
            if (n == IO_AGAIN || SSL_want_read(t->ssl))
                note_rd(t);
            return n;
        }
        got += k;
        if (!(io->fl & IO_SOCK) && !SSL_has_pending(t->ssl))
            break;
    }
    note_rd(t);
    return (ssize_t)got;
}

/* Nothing can be sent any more; what the peer said before it went may still be read. */
static ssize_t send_failed(struct tls_io *t)
{
    if (t->io->fl & IO_SHAKING)
        return broken(t, errno, "connection lost during the handshake");
    t->io->fl |= IO_RD | IO_SOCK;
    return IO_FAIL;
}

/* Encrypts into one buffer and sends it by one call. */
static ssize_t tls_send(struct io *io, const void *p, size_t n)
{
    struct tls_io *t = of(io);
    struct segs *segs = io->loop->segs;
    ssize_t r;
    size_t took = n < BATCH_BYTES ? n : BATCH_BYTES;
    if (buf_len(&t->out)) {
        r = tls_flush(t);
        if (r)
            return r == IO_FAIL ? send_failed(t) : r;
    }
    if (t->owed) {
        r = t->owed;
        t->owed = 0;
        return r;
    }
    if (!ready(t, &r))
        return r;
    size_t need = took + (took / 16384 + 1) * 64 + BUF_HEADROOM + BUF_TAILROOM;
    enum seg_class class = need <= seg_size(SEG_SMALL)    ? SEG_SMALL
                           : need <= seg_size(SEG_MEDIUM) ? SEG_MEDIUM
                                                          : SEG_LARGE;
    if (!buf_want(&t->out, segs, class)) {
        errno = ENOBUFS;
        return IO_FAIL;
    }
    ERR_clear_error();
    if (!SSL_write_ex(t->ssl, p, took, &took)) {
        r = outcome(t, 0);
        return r == 0 ? broken(t, EPIPE, "closed") : r;
    }
    r = tls_flush(t);
    if (r == IO_FAIL)
        return send_failed(t);
    if (r == IO_AGAIN) {
        t->owed = (uint32_t)took;
        return IO_AGAIN;
    }
    return (ssize_t)took;
}

/* close_notify once; harmless before the handshake or after a fault. */
static void say_goodbye(struct tls_io *t)
{
    if (t->io->fl & (IO_BROKEN | IO_SHAKING) || SSL_get_shutdown(t->ssl) & SSL_SENT_SHUTDOWN)
        return;
    ERR_clear_error();
    (void)SSL_shutdown(t->ssl);
}

static void tls_shut(struct io *io)
{
    struct tls_io *t = of(io);
    say_goodbye(t);
    if (tls_flush(t) == IO_AGAIN)
        t->fl |= T_SHUT;
    else
        (void)shutdown(io->fd, SHUT_WR);
}

static void free_cert(struct tls_client_cert *c)
{
    if (!c)
        return;
    OPENSSL_free(c->subject);
    free(c);
}

static void tls_close(struct io *io)
{
    struct tls_io *t = of(io);
    if (!(t->fl & T_EOF) && !buf_len(&t->out)) {
        say_goodbye(t);
        (void)tls_flush(t);
    }
    buf_drop(&t->out, io->loop->segs);
    SSL_set_shutdown(t->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN); /* the session is good */
    SSL_free(t->ssl);
    ERR_clear_error();
    free_cert(t->cert);
    tls_ctx_unref(t->ctx);
    tls_peer_unref(t->peer);
    io->x = NULL;
    io->xctx = NULL;
    free(t);
}

/* A connect is through when the kernel says so; a refusal must keep its errno. */
static bool still_connecting(struct tls_io *t)
{
    struct io *io = t->io;
    if (!(io->fl & IO_CONNECTING) || t->fl & T_EOF)
        return false;
    int error = io_connect_error(io);
    if (error)
        (void)broken(t, error, "not connected");
    return error != 0;
}

static void tls_event(struct io *io)
{
    struct tls_io *t = of(io);
    if (io->fl & IO_BROKEN || still_connecting(t))
        return;
    if (io->fl & IO_WR && buf_len(&t->out)) {
        int r = tls_flush(t);
        if (r == IO_FAIL && io->fl & IO_SHAKING)
            (void)broken(t, EPROTO, "connection lost during the handshake");
        else if (r == IO_FAIL)
            io->fl |= IO_WR; /* the next send says so */
        else if (r == 0 && t->fl & T_SHUT)
            (void)shutdown(io->fd, SHUT_WR);
    }
    if (io->fl & IO_SHAKING && !(io->fl & IO_BROKEN))
        (void)shake(t);
}

static int tls_fault(const struct io *io)
{
    return io->fl & IO_BROKEN ? of(io)->error : 0;
}

const struct xport tls_xport = {
    .name = "tls",
    .recv = tls_recv,
    .send = tls_send,
    .shut = tls_shut,
    .close = tls_close,
    .event = tls_event,
    .fault = tls_fault,
};

/* --- putting it on --- */

static struct tls_io *attach(struct io *io, SSL *ssl, const BIO_METHOD *method)
{
    struct tls_io *t = calloc(1, sizeof *t);
    BIO *bio = t && ssl ? BIO_new(method) : NULL;
    if (!bio) {
        SSL_free(ssl);
        free(t);
        return NULL;
    }
    BIO_set_data(bio, t);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    t->ssl = ssl;
    t->io = io;
    io->x = &tls_xport;
    io->xctx = t;
    io->fl |= (uint16_t)(IO_SHAKING | (io->fl & IO_RD ? IO_SOCK : 0));
    return t;
}

int tls_accept(struct io *io, struct tls_ctx *ctx)
{
    struct tls_io *t = attach(io, tls_ctx_new_ssl(ctx), ctx->bio);
    if (!t)
        return -1;
    t->ctx = tls_ctx_ref(ctx);
    t->fl |= T_LENIENT; /* the end of a request is never told by the end of a connection */
    SSL_set_accept_state(t->ssl);
    return 0;
}

int tls_connect(struct io *io, struct tls_peer *peer, unsigned worker, bool lenient)
{
    if (worker >= peer->nworkers)
        worker = peer->nworkers - 1; /* the control thread's place */
    struct tls_io *t = attach(io, tls_peer_new_ssl(peer, worker), peer->bio);
    if (!t)
        return -1;
    t->peer = tls_peer_ref(peer);
    t->worker = worker;
    t->fl |= (uint8_t)(T_CLIENT | (lenient ? T_LENIENT : 0));
    SSL_set_app_data(t->ssl, t);
    SSL_set_connect_state(t->ssl);
    return 0;
}

bool tls_prepend(struct io *io, const void *p, size_t n)
{
    struct tls_io *t = of(io);
    size_t room;
    if (!buf_want(&t->out, io->loop->segs, SEG_SMALL))
        return false;
    char *to = buf_room(&t->out, &room);
    if (room < n)
        return false;
    memcpy(to, p, n);
    buf_put(&t->out, n);
    return true;
}

/* --- questions --- */

struct slice tls_alpn(const struct io *io)
{
    const unsigned char *p = NULL;
    unsigned n = 0;
    if (tls_on(io))
        SSL_get0_alpn_selected(of(io)->ssl, &p, &n);
    return (struct slice){(const char *)p, n};
}

const char *tls_sni(const struct io *io)
{
    return tls_on(io) ? SSL_get_servername(of(io)->ssl, TLSEXT_NAMETYPE_host_name) : NULL;
}

const char *tls_version(const struct io *io)
{
    return tls_on(io) ? SSL_get_version(of(io)->ssl) : NULL;
}

const char *tls_cipher(const struct io *io)
{
    return tls_on(io) ? SSL_get_cipher_name(of(io)->ssl) : NULL;
}

bool tls_resumed(const struct io *io)
{
    return tls_on(io) && SSL_session_reused(of(io)->ssl);
}

const char *tls_failure(const struct io *io)
{
    return tls_on(io) && io->fl & IO_BROKEN ? of(io)->cause : NULL;
}

static struct tls_client_cert *describe(X509 *x)
{
    unsigned char md[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    struct tls_client_cert *c = calloc(1, sizeof *c);
    BIO *b = BIO_new(BIO_s_mem());
    char *text = NULL;
    if (!c || !b || !X509_digest(x, EVP_sha256(), md, &n) || n != 32 ||
        X509_NAME_print_ex(b, X509_get_subject_name(x), 0, XN_FLAG_RFC2253) < 0) {
        BIO_free(b);
        free(c);
        return NULL;
    }
    for (unsigned i = 0; i < n; i++) {
        c->sha256[2 * i] = "0123456789abcdef"[md[i] >> 4];
        c->sha256[2 * i + 1] = "0123456789abcdef"[md[i] & 15];
    }
    long len = BIO_get_mem_data(b, &text);
    size_t keep = len <= 0 ? 0 : len < SUBJECT_MAX ? (size_t)len : SUBJECT_MAX;
    c->subject = OPENSSL_strndup(text, keep);
    BIO_free(b);
    if (c->subject)
        return c;
    free(c);
    return NULL;
}

const struct tls_client_cert *tls_client_cert(const struct io *io)
{
    struct tls_io *t = tls_on(io) ? of(io) : NULL;
    if (!t || t->cert)
        return t ? t->cert : NULL;
    X509 *x = SSL_get0_peer_certificate(t->ssl);
    if (x && SSL_get_verify_result(t->ssl) == X509_V_OK)
        t->cert = describe(x);
    return t->cert;
}
