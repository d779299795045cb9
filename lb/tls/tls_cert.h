/*
 * tls_cert.h — certificates from files: chain, key, names, and what is wrong with them.
 */
#ifndef LB_TLS_TLS_CERT_H
#define LB_TLS_TLS_CERT_H

#include "config/cfg.h"

#include <openssl/types.h>

struct err;

enum tls_key_kind { TLS_KEY_RSA, TLS_KEY_ECDSA, TLS_KEY_ED25519, TLS_KEY_KINDS };

struct tls_cert {
    char *path;             /* owned */
    X509 *leaf;             /* owned */
    STACK_OF(X509) * chain; /* owned */
    EVP_PKEY *key;          /* owned; NULL when it was not to be read */
    unsigned char *ocsp;    /* owned; a DER response to staple, or NULL */
    size_t ocsp_n;
    enum tls_key_kind kind;
    int64_t not_before_s, not_after_s;
    char **names; /* owned; lower case, "*.example.com" for a wildcard */
    unsigned nnames;
    struct src_loc loc;
};

struct tls_certs {
    struct tls_cert *v;
    unsigned n;
};

/* Reads all certificates of the block; folders give each *.pem and *.crt file in order of their
 * names. -1 with `e` ("file:line:col: …"); nothing is left allocated. */
int tls_certs_load(const struct cfg_tls *, struct tls_certs *, struct err *e);
/* Adds those of one entry; the text of `e` says no place. What was added stays in any case. */
int tls_certs_add(const struct cfg_cert *, struct tls_certs *, struct err *e);
void tls_certs_free(struct tls_certs *);

/* The word for a kind of key. */
const char *tls_key_word(enum tls_key_kind);

/* A number that changes when a file of the block (or a folder's list) does. */
uint64_t tls_certs_stamp(const struct cfg_tls *);

#endif
