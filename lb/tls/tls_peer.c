/*
 * tls_peer.c — servers to connect to: what is verified, which name is asked for, which session is
 * offered.
 *
 * Sessions are kept per worker, so no lock is needed; a session is offered until the server gives
 * a newer one. Servers with equal settings share an SSL_CTX, which holds the authorities.
 */
#include "lb/tls/tls_ctx.h"

#include "lb/base/err.h"
#include "lb/base/hash.h"
#include "lb/tls/tls_int.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

struct cached {
    uint64_t id;
    SSL_CTX *ctx; /* owned */
};

struct tls_cache {
    struct cached *v;
    unsigned n;
};

struct tls_cache *tls_cache_new(void)
{
    return calloc(1, sizeof(struct tls_cache));
}

void tls_cache_free(struct tls_cache *c)
{
    for (unsigned i = 0; c && i < c->n; i++)
        SSL_CTX_free(c->v[i].ctx);
    free(c ? c->v : NULL);
    free(c);
}

static uint64_t add_text(uint64_t h, const char *text)
{
    return text ? hash_bytes(text, strlen(text) + 1, h) : h + 1;
}

/* Of what stands in the SSL_CTX. */
static uint64_t settings_id(const struct cfg_tls *cfg)
{
    uint64_t h = 7 + (uint64_t)cfg->verify * 2 + ((uint64_t)cfg->min_version << 8);
    h = add_text(h, cfg->ca);
    h = add_text(h, cfg->ciphers);
    h = add_text(h, cfg->ciphersuites);
    h = add_text(h, cfg->groups);
    return add_text(h, cfg->ncerts ? cfg->certs[0].cert : NULL);
}

static const char *name_of(const struct cfg_tls *cfg, const struct cfg_addr *addr, char ip[64])
{
    if (cfg->sni)
        return cfg->sni;
    if (addr->kind == CFG_ADDR_NAME)
        return addr->host;
    if (addr->kind != CFG_ADDR_IP)
        return NULL;
    const void *raw = addr->ip.sa.sa_family == AF_INET ? (const void *)&addr->ip.in4.sin_addr
                                                       : (const void *)&addr->ip.in6.sin6_addr;
    return inet_ntop(addr->ip.sa.sa_family, raw, ip, 64);
}

uint64_t tls_peer_id(const struct cfg_tls *cfg, const struct cfg_addr *addr)
{
    char ip[64];
    uint64_t h = cfg ? add_text(settings_id(cfg), name_of(cfg, addr, ip)) : 0;
    return cfg && !h ? 1 : h;
}

static int on_session(SSL *ssl, SSL_SESSION *session)
{
    struct tls_io *t = SSL_get_app_data(ssl);
    if (!t || !t->peer)
        return 0;
    SSL_SESSION_free(t->peer->session[t->worker]);
    t->peer->session[t->worker] = session;
    return 1; /* ours now */
}

static int set_own_cert(SSL_CTX *c, const struct cfg_tls *cfg, struct err *e)
{
    const char *path = cfg->ncerts ? cfg->certs[0].cert : NULL;
    if (!path)
        return 0;
    if (SSL_CTX_use_certificate_chain_file(c, path) != 1)
        return tls_err(e, "no usable certificate in '%s'", path);
    if (SSL_CTX_use_PrivateKey_file(c, path, SSL_FILETYPE_PEM) != 1)
        return tls_err(e, "no usable private key in '%s'", path);
    return 0;
}

static int set_trust(SSL_CTX *c, const struct cfg_tls *cfg, struct err *e)
{
    if (!cfg->verify)
        return 0;
    SSL_CTX_set_verify(c, SSL_VERIFY_PEER, NULL);
    if (cfg->ca)
        return SSL_CTX_load_verify_file(c, cfg->ca) == 1
                   ? 0
                   : tls_err(e, "no usable authority in '%s'", cfg->ca);
    return SSL_CTX_set_default_verify_paths(c) == 1
               ? 0
               : tls_err(e, "cannot read the system's authorities");
}

static SSL_CTX *make(const struct cfg_tls *cfg, struct err *e)
{
    SSL_CTX *c = tls_ctx_base(cfg, false, e);
    if (!c)
        return NULL;
    (void)SSL_CTX_set_session_cache_mode(c,
                                         SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    SSL_CTX_sess_set_new_cb(c, on_session);
    if (set_trust(c, cfg, e) == 0 && set_own_cert(c, cfg, e) == 0)
        return c;
    SSL_CTX_free(c);
    return NULL;
}

int tls_peer_try(const struct cfg_tls *cfg, struct err *e)
{
    SSL_CTX *c = make(cfg, e);
    SSL_CTX_free(c);
    return c ? 0 : -1;
}

/* Counted for the caller. */
static SSL_CTX *shared_ctx(const struct cfg_tls *cfg, struct tls_cache *cache, struct err *e)
{
    uint64_t id = settings_id(cfg);
    for (unsigned i = 0; i < cache->n; i++)
        if (cache->v[i].id == id && SSL_CTX_up_ref(cache->v[i].ctx))
            return cache->v[i].ctx;
    SSL_CTX *c = make(cfg, e);
    struct cached *more = c ? realloc(cache->v, (cache->n + 1) * sizeof *more) : NULL;
    if (!more)
        return c; /* not remembered, then */
    cache->v = more;
    if (SSL_CTX_up_ref(c))
        cache->v[cache->n++] = (struct cached){id, c};
    return c;
}

static struct tls_peer *make_peer(const struct cfg_tls *cfg, const char *name,
                                  struct tls_cache *cache, const struct tls_env *env, struct err *e)
{
    unsigned char raw[16];
    struct tls_peer *p = calloc(1, sizeof *p + (env->nworkers + 1) * sizeof p->session[0]);
    if (!p) {
        (void)err_set(e, ENOMEM, "out of memory");
        return NULL;
    }
    atomic_init(&p->refs, 1);
    p->nworkers = env->nworkers + 1; /* the last one is the control thread's */
    p->verify = cfg->verify;
    p->name = name ? strdup(name) : NULL;
    p->is_ip = name && (inet_pton(AF_INET, name, raw) == 1 || inet_pton(AF_INET6, name, raw) == 1);
    p->bio = tls_bio_method();
    if (!p->bio || (name && !p->name))
        (void)err_set(e, ENOMEM, "out of memory");
    else
        p->ssl_ctx = shared_ctx(cfg, cache, e);
    if (p->ssl_ctx)
        return p;
    tls_peer_unref(p);
    return NULL;
}

struct tls_peer *tls_peer_new(const struct cfg_tls *cfg, const struct cfg_addr *addr,
                              struct tls_cache *cache, const struct tls_env *env, struct err *e)
{
    char ip[64];
    const char *name = name_of(cfg, addr, ip);
    struct tls_peer *p = NULL;
    if (cfg->verify && !name)
        (void)err_set(e, EINVAL, "there is no name to check the server's certificate for: 'sni'");
    else
        p = make_peer(cfg, name, cache, env, e);
    if (p)
        p->id = tls_peer_id(cfg, addr);
    else
        (void)err_prefix(e, "%s:%u:%u", cfg->loc.file, cfg->loc.line, cfg->loc.col);
    return p;
}

struct tls_peer *tls_peer_ref(struct tls_peer *p)
{
    if (p)
        (void)atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
    return p;
}

void tls_peer_unref(struct tls_peer *p)
{
    if (!p || atomic_fetch_sub(&p->refs, 1) != 1)
        return;
    for (unsigned i = 0; i < p->nworkers; i++)
        SSL_SESSION_free(p->session[i]);
    SSL_CTX_free(p->ssl_ctx);
    BIO_meth_free(p->bio);
    free(p->name);
    free(p);
}

static bool expect_name(SSL *ssl, const struct tls_peer *p)
{
    if (p->name && !p->is_ip && SSL_set_tlsext_host_name(ssl, p->name) != 1)
        return false;
    if (!p->verify)
        return true;
    if (p->is_ip)
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), p->name) == 1;
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(ssl, p->name) == 1;
}

SSL *tls_peer_new_ssl(struct tls_peer *p, unsigned worker)
{
    SSL *ssl = SSL_new(p->ssl_ctx);
    if (!ssl || !expect_name(ssl, p)) {
        SSL_free(ssl);
        return NULL;
    }
    if (p->session[worker])
        (void)SSL_set_session(ssl, p->session[worker]);
    return ssl;
}
