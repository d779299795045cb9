/* tls_cert.c — see tls_cert.h. Control thread, or a command-line run; blocks on file reads. */
#include "lb/tls/tls_cert.h"

#include "lb/base/err.h"
#include "lb/base/hash.h"
#include "lb/tls/tls_int.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { OCSP_MAX = 256 * 1024, NAME_MAX_BYTES = 253 };

static void cert_free(struct tls_cert *c)
{
    for (unsigned i = 0; i < c->nnames; i++)
        free(c->names[i]);
    free(c->names);
    X509_free(c->leaf);
    sk_X509_pop_free(c->chain, X509_free);
    EVP_PKEY_free(c->key);
    free(c->ocsp);
    free(c->path);
    *c = (struct tls_cert){0};
}

void tls_certs_free(struct tls_certs *all)
{
    for (unsigned i = 0; i < all->n; i++)
        cert_free(&all->v[i]);
    free(all->v);
    *all = (struct tls_certs){0};
}

const char *tls_key_word(enum tls_key_kind k)
{
    static const char *const words[] = {"RSA", "ECDSA", "Ed25519"};
    return words[k];
}

/* --- names --- */

static bool add_name(struct tls_cert *c, const char *p, size_t n)
{
    char **more = realloc(c->names, (c->nnames + 1) * sizeof *more);
    if (!more)
        return false;
    c->names = more;
    if (!n || n > NAME_MAX_BYTES || memchr(p, 0, n))
        return true; /* not a name anybody can ask for */
    char *name = strndup(p, n);
    if (!name)
        return false;
    for (char *q = name; *q; q++)
        *q = (char)tolower((unsigned char)*q);
    c->names[c->nnames++] = name;
    return true;
}

/* The subject's CN counts only when there is no alternative name (RFC 9525 section 2). */
static bool read_names(struct tls_cert *c)
{
    GENERAL_NAMES *alt = X509_get_ext_d2i(c->leaf, NID_subject_alt_name, NULL, NULL);
    char cn[NAME_MAX_BYTES + 1];
    bool ok = true;
    for (int i = 0; ok && i < sk_GENERAL_NAME_num(alt); i++) {
        const GENERAL_NAME *g = sk_GENERAL_NAME_value(alt, i);
        if (g->type == GEN_DNS)
            ok = add_name(c, (const char *)ASN1_STRING_get0_data(g->d.dNSName),
                          (size_t)ASN1_STRING_length(g->d.dNSName));
    }
    GENERAL_NAMES_free(alt);
    if (ok && !c->nnames) {
        int n = X509_NAME_get_text_by_NID(X509_get_subject_name(c->leaf), NID_commonName, cn,
                                          sizeof cn);
        ok = n <= 0 || add_name(c, cn, (size_t)n);
    }
    return ok;
}

static int64_t unix_time(const ASN1_TIME *t)
{
    struct tm tm;
    return ASN1_TIME_to_tm(t, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

/* --- files --- */

static int read_chain(struct tls_cert *c, BIO *b, struct err *e)
{
    c->leaf = PEM_read_bio_X509(b, NULL, NULL, NULL);
    if (!c->leaf)
        return tls_err(e, "no certificate in '%s'", c->path);
    c->chain = sk_X509_new_null();
    for (X509 *x; c->chain && (x = PEM_read_bio_X509(b, NULL, NULL, NULL));)
        if (!sk_X509_push(c->chain, x)) {
            X509_free(x);
            return err_set(e, ENOMEM, "out of memory");
        }
    ERR_clear_error(); /* the end of the file is reported as an error */
    return c->chain && read_names(c) ? 0 : err_set(e, ENOMEM, "out of memory");
}

/* A pass phrase can't be asked for here. */
static int no_phrase(char *buf, int size, int rw, void *u)
{
    (void)buf, (void)size, (void)rw, (void)u;
    return -1;
}

static int read_key(struct tls_cert *c, const char *path, struct err *e)
{
    BIO *b = BIO_new_file(path, "r");
    c->key = b ? PEM_read_bio_PrivateKey(b, NULL, no_phrase, NULL) : NULL;
    BIO_free(b);
    if (!c->key)
        return tls_err(e, "no usable private key in '%s'", path);
    if (X509_check_private_key(c->leaf, c->key) != 1)
        return tls_err(e, "the key in '%s' is not the one of the certificate in '%s'", path,
                       c->path);
    return 0;
}

static int kind_of(struct tls_cert *c, struct err *e)
{
    switch (EVP_PKEY_get_base_id(X509_get0_pubkey(c->leaf))) {
    case EVP_PKEY_RSA:
        c->kind = TLS_KEY_RSA;
        return 0;
    case EVP_PKEY_EC:
        c->kind = TLS_KEY_ECDSA;
        return 0;
    case EVP_PKEY_ED25519:
        c->kind = TLS_KEY_ED25519;
        return 0;
    default:
        return err_set(e, EINVAL, "the certificate in '%s' is neither RSA, ECDSA nor Ed25519",
                       c->path);
    }
}

/* The response to staple: as configured, or FILE.ocsp beside the certificate. */
static int read_ocsp(struct tls_cert *c, const char *given, struct err *e)
{
    char beside[4096];
    (void)snprintf(beside, sizeof beside, "%s.ocsp", c->path);
    const char *path = given ? given : beside;
    FILE *f = fopen(path, "re");
    if (!f)
        return given ? err_set(e, errno, "cannot read '%s': %s", path, strerror(errno)) : 0;
    c->ocsp = malloc(OCSP_MAX);
    c->ocsp_n = c->ocsp ? fread(c->ocsp, 1, OCSP_MAX, f) : 0;
    (void)fclose(f);
    if (!c->ocsp)
        return err_set(e, ENOMEM, "out of memory");
    if (c->ocsp_n == 0 || c->ocsp_n == OCSP_MAX || c->ocsp[0] != 0x30)
        return err_set(e, EINVAL, "'%s' is no OCSP response in DER", path);
    unsigned char *fit = realloc(c->ocsp, c->ocsp_n);
    c->ocsp = fit ? fit : c->ocsp;
    return 0;
}

static int load_one(struct tls_certs *all, const char *path, const struct cfg_cert *cfg,
                    struct err *e)
{
    struct tls_cert *more = realloc(all->v, (all->n + 1) * sizeof *more);
    if (!more)
        return err_set(e, ENOMEM, "out of memory");
    all->v = more;
    struct tls_cert *c = &all->v[all->n++];
    *c = (struct tls_cert){.path = strdup(path), .loc = cfg->loc};
    BIO *b = c->path ? BIO_new_file(path, "r") : NULL;
    if (!b)
        return tls_err(e, "cannot read '%s'", path);
    int rc = read_chain(c, b, e);
    BIO_free(b);
    if (rc != 0 || kind_of(c, e) != 0 || read_key(c, cfg->key ? cfg->key : path, e) != 0)
        return -1;
    c->not_before_s = unix_time(X509_get0_notBefore(c->leaf));
    c->not_after_s = unix_time(X509_get0_notAfter(c->leaf));
    return read_ocsp(c, cfg->ocsp, e);
}

/* --- folders --- */

static int wanted(const struct dirent *d)
{
    const char *dot = strrchr(d->d_name, '.');
    return *d->d_name != '.' && dot && (strcmp(dot, ".pem") == 0 || strcmp(dot, ".crt") == 0);
}

static bool is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Calls fn for each file of a folder, in order; the first failure ends it. */
static int each_file(const char *folder, int (*fn)(void *, const char *), void *arg, struct err *e)
{
    struct dirent **list = NULL;
    char path[4096];
    int rc = 0, n = scandir(folder, &list, wanted, alphasort);
    if (n < 0)
        return err_set(e, errno, "cannot read the folder '%s': %s", folder, strerror(errno));
    if (n == 0)
        rc = err_set(e, ENOENT, "there is no *.pem or *.crt file in '%s'", folder);
    for (int i = 0; i < n; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", folder, list[i]->d_name);
        if (rc == 0)
            rc = fn(arg, path);
        free(list[i]);
    }
    free(list);
    return rc;
}

struct loading {
    struct tls_certs *all;
    const struct cfg_cert *cfg;
    struct err *e;
};

/* FILE.crt may have its key in FILE.key. */
static int load_in_folder(void *arg, const char *path)
{
    struct loading *l = arg;
    struct cfg_cert one = *l->cfg;
    char key[4096];
    int n = (int)(strrchr(path, '.') - path);
    (void)snprintf(key, sizeof key, "%.*s.key", n, path);
    one.key = NULL;
    one.ocsp = NULL;
    struct stat st;
    if (stat(key, &st) == 0)
        one.key = key;
    return load_one(l->all, path, &one, l->e);
}

int tls_certs_add(const struct cfg_cert *c, struct tls_certs *all, struct err *e)
{
    struct loading l = {all, c, e};
    return is_folder(c->cert) ? each_file(c->cert, load_in_folder, &l, e)
                              : load_one(all, c->cert, c, e);
}

int tls_certs_load(const struct cfg_tls *cfg, struct tls_certs *all, struct err *e)
{
    int rc = 0;
    *all = (struct tls_certs){0};
    for (unsigned i = 0; rc == 0 && i < cfg->ncerts; i++) {
        const struct cfg_cert *c = &cfg->certs[i];
        rc = tls_certs_add(c, all, e);
        if (rc != 0)
            (void)err_prefix(e, "%s:%u:%u", c->loc.file, c->loc.line, c->loc.col);
    }
    if (rc != 0)
        tls_certs_free(all);
    return rc;
}

/* --- noticing changes --- */

static int stamp_file(void *arg, const char *path)
{
    uint64_t *h = arg;
    struct stat st;
    if (!path || stat(path, &st) != 0)
        return 0;
    uint64_t facts[] = {(uint64_t)st.st_ino, (uint64_t)st.st_size, (uint64_t)st.st_mtim.tv_sec,
                        (uint64_t)st.st_mtim.tv_nsec, (uint64_t)st.st_dev};
    *h = hash_bytes(facts, sizeof facts, *h);
    *h = hash_bytes(path, strlen(path), *h);
    return 0;
}

static int stamp_with_company(void *arg, const char *path)
{
    char beside[4096];
    (void)stamp_file(arg, path);
    (void)snprintf(beside, sizeof beside, "%s.ocsp", path);
    (void)stamp_file(arg, beside);
    const char *dot = strrchr(path, '.');
    (void)snprintf(beside, sizeof beside, "%.*s.key", (int)(dot ? dot - path : 0), path);
    return stamp_file(arg, beside);
}

uint64_t tls_certs_stamp(const struct cfg_tls *cfg)
{
    uint64_t h = 1;
    for (unsigned i = 0; i < cfg->ncerts; i++) {
        const struct cfg_cert *c = &cfg->certs[i];
        if (is_folder(c->cert))
            (void)each_file(c->cert, stamp_with_company, &h, NULL);
        else
            (void)stamp_with_company(&h, c->cert);
        (void)stamp_file(&h, c->key);
        (void)stamp_file(&h, c->ocsp);
    }
    (void)stamp_file(&h, cfg->client_ca);
    (void)stamp_file(&h, cfg->client_crl);
    return h;
}
