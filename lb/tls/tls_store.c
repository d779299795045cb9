/*
 * tls_store.c — see tls_store.h. Built on the control thread; look-ups on any, under the owner's
 * lock.
 */
#include "lb/tls/tls_store.h"

#include "lb/base/err.h"
#include "lb/base/hash.h"
#include "lb/tls/tls_cert.h"
#include "lb/tls/tls_int.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

enum { NONE = -1, NAME_MAX_BYTES = 253 };

struct set {                 /* at most one certificate of each kind */
    int cert[TLS_KEY_KINDS]; /* index, or NONE */
    SSL_CTX *ctx;            /* owned */
};

struct entry {
    const char *name; /* borrowed from its certificate; NULL: free */
    struct set made_of;
    SSL_CTX *ctx; /* borrowed from a set */
};

struct tls_store {
    struct tls_certs certs;
    struct set *sets; /* [nsets]; the first one is the default */
    unsigned nsets;
    struct entry *table;
    size_t mask;
};

/* --- stapling --- */

struct staple { /* hangs off the SSL_CTX, because that outlives the store */
    X509 *leaf;
    unsigned char *der;
    size_t n;
};

static void free_staples(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int index, long argl,
                         void *argp)
{
    struct staple *list = ptr;
    (void)parent, (void)ad, (void)index, (void)argl, (void)argp;
    for (unsigned i = 0; list && i < TLS_KEY_KINDS; i++) {
        X509_free(list[i].leaf);
        free(list[i].der);
    }
    free(list);
}

/* The process-wide number under which an SSL_CTX keeps its staples. */
static int staple_index(void)
{
    static atomic_int index = NONE; /* a constant, once it is known */
    static pthread_mutex_t once = PTHREAD_MUTEX_INITIALIZER;
    (void)pthread_mutex_lock(&once);
    if (atomic_load(&index) == NONE)
        atomic_store(&index, CRYPTO_get_ex_new_index(CRYPTO_EX_INDEX_SSL_CTX, 0, NULL, NULL, NULL,
                                                     free_staples));
    (void)pthread_mutex_unlock(&once);
    return atomic_load(&index);
}

static int on_status(SSL *ssl, void *arg)
{
    const struct staple *list = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), staple_index());
    const X509 *leaf = SSL_get_certificate(ssl);
    (void)arg;
    for (unsigned i = 0; list && i < TLS_KEY_KINDS; i++) {
        if (!list[i].der || list[i].leaf != leaf)
            continue;
        unsigned char *copy = OPENSSL_memdup(list[i].der, list[i].n); /* OpenSSL frees it */
        if (!copy)
            return SSL_TLSEXT_ERR_NOACK;
        SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)list[i].n);
        return SSL_TLSEXT_ERR_OK;
    }
    return SSL_TLSEXT_ERR_NOACK;
}

static int add_staples(struct tls_store *st, struct set *s, struct err *e)
{
    struct staple *list = calloc(TLS_KEY_KINDS, sizeof *list);
    if (!list || !SSL_CTX_set_ex_data(s->ctx, staple_index(), list)) {
        free(list);
        return err_set(e, ENOMEM, "out of memory");
    }
    for (unsigned k = 0; k < TLS_KEY_KINDS; k++) {
        const struct tls_cert *c = s->cert[k] == NONE ? NULL : &st->certs.v[s->cert[k]];
        if (!c || !c->ocsp)
            continue;
        list[k].der = malloc(c->ocsp_n);
        if (!list[k].der)
            return err_set(e, ENOMEM, "out of memory");
        memcpy(list[k].der, c->ocsp, c->ocsp_n);
        list[k].n = c->ocsp_n;
        list[k].leaf = c->leaf;
        X509_up_ref(c->leaf);
        SSL_CTX_set_tlsext_status_cb(s->ctx, on_status);
    }
    return 0;
}

/* --- sets --- */

static int make_ctx(struct tls_store *st, struct set *s, struct tls_ctx *owner,
                    const struct cfg_tls *cfg, struct err *e)
{
    s->ctx = tls_ctx_base(cfg, true, e);
    if (!s->ctx || tls_ctx_configure(s->ctx, owner, cfg, e) != 0)
        return -1;
    for (unsigned k = 0; k < TLS_KEY_KINDS; k++) {
        if (s->cert[k] == NONE)
            continue;
        const struct tls_cert *c = &st->certs.v[s->cert[k]];
        if (SSL_CTX_use_cert_and_key(s->ctx, c->leaf, c->key, c->chain, 1) != 1) {
            (void)tls_err(e, "cannot use the certificate in '%s'", c->path);
            return err_prefix(e, "%s:%u:%u", c->loc.file, c->loc.line, c->loc.col);
        }
    }
    return add_staples(st, s, e);
}

/* The set with these certificates, made when there is none yet; NULL with `e`. */
static SSL_CTX *set_for(struct tls_store *st, const int cert[TLS_KEY_KINDS], struct tls_ctx *owner,
                        const struct cfg_tls *cfg, struct err *e)
{
    for (unsigned i = st->nsets; i-- > 0;)
        if (memcmp(st->sets[i].cert, cert, sizeof st->sets[i].cert) == 0)
            return st->sets[i].ctx;
    struct set *more = realloc(st->sets, (st->nsets + 1) * sizeof *more);
    if (!more) {
        (void)err_set(e, ENOMEM, "out of memory");
        return NULL;
    }
    st->sets = more;
    struct set *s = &st->sets[st->nsets++];
    s->ctx = NULL;
    memcpy(s->cert, cert, sizeof s->cert);
    return make_ctx(st, s, owner, cfg, e) == 0 ? s->ctx : NULL;
}

/* --- names --- */

static struct entry *slot(const struct tls_store *st, struct slice name)
{
    size_t i = hash_slice(name, 0) & st->mask;
    while (st->table[i].name && !slice_eq(slice_of(st->table[i].name), name))
        i = (i + 1) & st->mask;
    return &st->table[i];
}

/* Of several certificates for a name, the first of each kind. */
static void collect(struct tls_store *st)
{
    for (unsigned i = 0; i < st->certs.n; i++) {
        const struct tls_cert *c = &st->certs.v[i];
        for (unsigned k = 0; k < c->nnames; k++) {
            struct entry *at = slot(st, slice_of(c->names[k]));
            if (!at->name)
                *at = (struct entry){.name = c->names[k], .made_of = {.cert = {NONE, NONE, NONE}}};
            if (at->made_of.cert[c->kind] == NONE)
                at->made_of.cert[c->kind] = (int)i;
        }
    }
}

static bool table_new(struct tls_store *st)
{
    size_t n = 1, size = 8;
    for (unsigned i = 0; i < st->certs.n; i++)
        n += st->certs.v[i].nnames;
    while (size < 2 * n)
        size *= 2;
    st->mask = size - 1;
    st->table = calloc(size, sizeof *st->table);
    return st->table != NULL;
}

/* The default: the first certificate and those of other kinds for its first name. */
static SSL_CTX *make_default(struct tls_store *st, struct tls_ctx *owner, const struct cfg_tls *cfg,
                             struct err *e)
{
    const struct tls_cert *first = &st->certs.v[0];
    int cert[TLS_KEY_KINDS] = {NONE, NONE, NONE};
    if (first->nnames)
        memcpy(cert, slot(st, slice_of(first->names[0]))->made_of.cert, sizeof cert);
    cert[first->kind] = 0;
    return set_for(st, cert, owner, cfg, e);
}

static int build(struct tls_store *st, struct tls_ctx *owner, const struct cfg_tls *cfg,
                 struct err *e)
{
    if (tls_certs_load(cfg, &st->certs, e) != 0)
        return -1;
    if (!st->certs.n)
        return err_set(e, EINVAL, "there is no certificate");
    if (!table_new(st))
        return err_set(e, ENOMEM, "out of memory");
    collect(st);
    if (!make_default(st, owner, cfg, e))
        return -1;
    for (size_t i = 0; i <= st->mask; i++) {
        struct entry *at = &st->table[i];
        if (at->name && !(at->ctx = set_for(st, at->made_of.cert, owner, cfg, e)))
            return -1;
    }
    return 0;
}

struct tls_store *tls_store_new(struct tls_ctx *owner, const struct cfg_tls *cfg, struct err *e)
{
    struct tls_store *st = calloc(1, sizeof *st);
    if (!st)
        (void)err_set(e, ENOMEM, "out of memory");
    else if (build(st, owner, cfg, e) == 0)
        return st;
    tls_store_free(st);
    return NULL;
}

void tls_store_free(struct tls_store *st)
{
    if (!st)
        return;
    for (unsigned i = 0; i < st->nsets; i++)
        SSL_CTX_free(st->sets[i].ctx);
    free(st->sets);
    free(st->table);
    tls_certs_free(&st->certs);
    free(st);
}

SSL_CTX *tls_store_default(const struct tls_store *st)
{
    return st->sets[0].ctx;
}

SSL_CTX *tls_store_find(const struct tls_store *st, struct slice name)
{
    char low[NAME_MAX_BYTES + 1];
    if (name.n && name.p[name.n - 1] == '.')
        name.n--;
    if (!name.n || name.n > NAME_MAX_BYTES)
        return NULL;
    for (size_t i = 0; i < name.n; i++)
        low[i] = (char)tolower((unsigned char)name.p[i]);
    const struct entry *at = slot(st, (struct slice){low, name.n});
    char *dot = memchr(low, '.', name.n);
    if (!at->name && dot && dot > low) {
        dot[-1] = '*';
        at = slot(st, (struct slice){dot - 1, name.n - (size_t)(dot - 1 - low)});
    }
    return at->name ? at->ctx : NULL;
}

void tls_store_each(const struct tls_store *st, void (*fn)(void *, const struct tls_cert_facts *),
                    void *arg)
{
    for (unsigned i = 0; i < st->certs.n; i++) {
        const struct tls_cert *c = &st->certs.v[i];
        struct tls_cert_facts f = {c->path, c->nnames ? c->names[0] : "", tls_key_word(c->kind),
                                   c->not_before_s, c->not_after_s};
        fn(arg, &f);
    }
}
