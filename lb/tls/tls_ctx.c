/*
 * tls_ctx.c — settings of handshakes with clients, and the certificate they get.
 *
 * The store of certificates is swapped as a whole under a lock that handshakes take for reading,
 * twice each, for the length of a look-up.
 */
#include "lb/tls/tls_ctx.h"

#include "lb/base/err.h"
#include "lb/base/hash.h"
#include "lb/tls/tls_int.h"
#include "lb/tls/tls_store.h"
#include "lb/tls/tls_tickets.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const char default_ciphers[] = "ECDHE+AESGCM:ECDHE+CHACHA20";
static const char default_groups[] = "X25519:P-256:P-384";

int tls_err(struct err *e, const char *format, ...)
{
    char what[300];
    va_list ap;
    va_start(ap, format);
    (void)vsnprintf(what, sizeof what, format, ap);
    va_end(ap);
    unsigned long code = ERR_peek_last_error();
    const char *why = code ? ERR_reason_error_string(code) : NULL;
    (void)err_set(e, EINVAL, "%s%s%s", what, why ? ": " : "", why ? why : "");
    ERR_clear_error();
    return -1;
}

static int set_lists(SSL_CTX *c, const struct cfg_tls *cfg, struct err *e)
{
    const char *ciphers = cfg->ciphers ? cfg->ciphers : default_ciphers;
    const char *groups = cfg->groups ? cfg->groups : default_groups;
    int rc = 0;
    if (SSL_CTX_set_cipher_list(c, ciphers) != 1)
        rc = tls_err(e, "'ciphers %s' names no cipher of TLS 1.2", ciphers);
    else if (cfg->ciphersuites && SSL_CTX_set_ciphersuites(c, cfg->ciphersuites) != 1)
        rc = tls_err(e, "'ciphersuites %s' names an unknown suite of TLS 1.3", cfg->ciphersuites);
    else if (SSL_CTX_set1_groups_list(c, groups) != 1)
        rc = tls_err(e, "'groups %s' names an unknown group", groups);
    return rc == 0 ? 0 : err_prefix(e, "%s:%u:%u", cfg->loc.file, cfg->loc.line, cfg->loc.col);
}

SSL_CTX *tls_ctx_base(const struct cfg_tls *cfg, bool server, struct err *e)
{
    SSL_CTX *c = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
    if (!c) {
        (void)tls_err(e, "cannot set TLS up");
        return NULL;
    }
    (void)SSL_CTX_set_min_proto_version(c, cfg->min_version ? cfg->min_version : TLS1_2_VERSION);
    (void)SSL_CTX_set_options(c, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    (void)SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(c, 1);
    (void)SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
    if (set_lists(c, cfg, e) == 0)
        return c;
    SSL_CTX_free(c);
    return NULL;
}

/* --- callbacks of handshakes; workers' threads --- */

static int on_name(SSL *ssl, int *alert, void *arg)
{
    struct tls_ctx *t = arg;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    if (!name)
        return SSL_TLSEXT_ERR_NOACK;
    (void)pthread_rwlock_rdlock(&t->lock);
    SSL_CTX *c = tls_store_find(t->store, slice_of(name));
    bool set = !c || c == SSL_get_SSL_CTX(ssl) || SSL_set_SSL_CTX(ssl, c);
    (void)pthread_rwlock_unlock(&t->lock);
    if (c && set)
        return SSL_TLSEXT_ERR_OK;
    if (set && !t->refuse_unknown)
        return SSL_TLSEXT_ERR_NOACK;
    *alert = set ? SSL_AD_UNRECOGNIZED_NAME : SSL_AD_INTERNAL_ERROR;
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *n, const unsigned char *in,
                   unsigned inlen, void *arg)
{
    struct tls_ctx *t = arg;
    unsigned char *chosen = NULL;
    (void)ssl;
    if (SSL_select_next_proto(&chosen, n, t->alpn, t->alpn_n, in, inlen) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL; /* RFC 7301 section 3.2 */
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *c,
                     EVP_MAC_CTX *mac, int seal)
{
    struct tls_ctx *t = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    return tls_tickets_use(t->tickets, name, iv, c, mac, seal != 0);
}

/* --- settings --- */

static int load_crl(SSL_CTX *c, const char *path, struct err *e)
{
    X509_STORE *store = SSL_CTX_get_cert_store(c);
    X509_LOOKUP *l = X509_STORE_add_lookup(store, X509_LOOKUP_file());
    if (!l || X509_load_crl_file(l, path, X509_FILETYPE_PEM) <= 0)
        return tls_err(e, "no usable revocation list in '%s'", path);
    (void)X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK);
    return 0;
}

static int set_client_auth(SSL_CTX *c, const struct cfg_tls *cfg, struct err *e)
{
    int how = SSL_VERIFY_PEER;
    if (!cfg->client_ca || cfg->client_verify == CFG_VERIFY_OFF)
        return 0;
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(cfg->client_ca);
    if (!names || SSL_CTX_load_verify_file(c, cfg->client_ca) != 1) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        (void)tls_err(e, "no usable authority in '%s'", cfg->client_ca);
        return err_prefix(e, "%s:%u:%u", cfg->loc.file, cfg->loc.line, cfg->loc.col);
    }
    SSL_CTX_set_client_CA_list(c, names);
    if (cfg->client_crl && load_crl(c, cfg->client_crl, e) != 0)
        return err_prefix(e, "%s:%u:%u", cfg->loc.file, cfg->loc.line, cfg->loc.col);
    if (cfg->client_verify == CFG_VERIFY_REQUIRED)
        how |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    SSL_CTX_set_verify(c, how, NULL);
    SSL_CTX_set_verify_depth(c, (int)cfg->client_depth);
    return 0;
}

/* Sessions are only good where clients are judged in the same way. */
static uint64_t session_scope(const struct cfg_tls *cfg)
{
    char bytes[8192];
    uint64_t h = 2 + (uint64_t)cfg->client_verify;
    const char *const files[] = {cfg->client_ca, cfg->client_crl};
    for (unsigned i = 0; i < 2; i++) {
        FILE *f = files[i] ? fopen(files[i], "re") : NULL;
        for (size_t n; f && (n = fread(bytes, 1, sizeof bytes, f)) > 0;)
            h = hash_bytes(bytes, n, h);
        if (f)
            (void)fclose(f);
    }
    return h;
}

int tls_ctx_configure(SSL_CTX *c, struct tls_ctx *t, const struct cfg_tls *cfg, struct err *e)
{
    uint64_t scope = session_scope(cfg);
    SSL_CTX_set_app_data(c, t);
    SSL_CTX_set_tlsext_servername_callback(c, on_name);
    SSL_CTX_set_tlsext_servername_arg(c, t);
    if (t->alpn_n)
        SSL_CTX_set_alpn_select_cb(c, on_alpn, t);
    (void)SSL_CTX_set_session_id_context(c, (const unsigned char *)&scope, sizeof scope);
    if (cfg->tickets && t->tickets) {
        (void)SSL_CTX_set_num_tickets(c, 1);
        (void)SSL_CTX_set_tlsext_ticket_key_evp_cb(c, on_ticket);
    } else {
        (void)SSL_CTX_set_options(c, SSL_OP_NO_TICKET);
        (void)SSL_CTX_set_num_tickets(c, 0);
    }
    return set_client_auth(c, cfg, e);
}

/* The wire form of what is offered. HTTP: only what the program speaks. */
static bool set_alpn(struct tls_ctx *t, const struct cfg_tls *cfg, enum cfg_mode mode)
{
    static const char *const ours[] = {"h2", "http/1.1"};
    const char *const *list = cfg->nalpn ? cfg->alpn : ours;
    unsigned n = cfg->nalpn ? cfg->nalpn : mode == CFG_HTTP ? 2 : 0;
    t->alpn = malloc(n * 256 + 1);
    for (unsigned i = 0; t->alpn && i < n; i++) {
        size_t len = strlen(list[i]);
        if (mode == CFG_HTTP && strcmp(list[i], "http/1.1") != 0 && strcmp(list[i], "h2") != 0)
            continue;
        t->alpn[t->alpn_n++] = (unsigned char)len;
        memcpy(t->alpn + t->alpn_n, list[i], len);
        t->alpn_n += (unsigned)len;
    }
    return t->alpn != NULL;
}

struct tls_ctx *tls_ctx_new(const struct cfg_tls *cfg, enum cfg_mode mode,
                            const struct tls_env *env, struct err *e)
{
    struct tls_ctx *t = calloc(1, sizeof *t);
    if (!t) {
        (void)err_set(e, ENOMEM, "out of memory");
        return NULL;
    }
    atomic_init(&t->refs, 1);
    (void)pthread_rwlock_init(&t->lock, NULL);
    t->bio = tls_bio_method();
    t->tickets = tls_tickets_ref(env->tickets);
    t->refuse_unknown = cfg->unknown_name == CFG_NAME_REFUSE;
    if (!t->bio || !set_alpn(t, cfg, mode))
        (void)err_set(e, ENOMEM, "out of memory");
    else
        t->store = tls_store_new(t, cfg, e);
    if (t->store)
        return t;
    tls_ctx_unref(t);
    return NULL;
}

struct tls_ctx *tls_ctx_ref(struct tls_ctx *t)
{
    if (t)
        (void)atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
    return t;
}

void tls_ctx_unref(struct tls_ctx *t)
{
    if (!t || atomic_fetch_sub(&t->refs, 1) != 1)
        return;
    tls_store_free(t->store);
    tls_tickets_unref(t->tickets);
    (void)pthread_rwlock_destroy(&t->lock);
    BIO_meth_free(t->bio);
    free(t->alpn);
    free(t);
}

int tls_ctx_renew(struct tls_ctx *t, const struct cfg_tls *cfg, struct err *e)
{
    struct tls_store *fresh = tls_store_new(t, cfg, e);
    if (!fresh)
        return -1;
    (void)pthread_rwlock_wrlock(&t->lock);
    struct tls_store *old = t->store;
    t->store = fresh;
    (void)pthread_rwlock_unlock(&t->lock);
    tls_store_free(old);
    return 0;
}

SSL *tls_ctx_new_ssl(struct tls_ctx *t)
{
    (void)pthread_rwlock_rdlock(&t->lock);
    SSL *ssl = SSL_new(tls_store_default(t->store));
    (void)pthread_rwlock_unlock(&t->lock);
    return ssl;
}

void tls_ctx_each_cert(struct tls_ctx *t, void (*fn)(void *, const struct tls_cert_facts *),
                       void *arg)
{
    tls_store_each(t->store, fn, arg);
}
