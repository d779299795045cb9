/*
 * tls_store.h — which certificate answers to which name: immutable once built.
 *
 * Certificates of different key kinds for the same name share an SSL_CTX, so that OpenSSL chooses
 * among them by what the client can do.
 */
#ifndef LB_TLS_TLS_STORE_H
#define LB_TLS_TLS_STORE_H

#include "lb/base/slice.h"
#include "lb/tls/tls_ctx.h"

struct tls_store;

/* Reads the files of `cfg` and builds an SSL_CTX per set of certificates. NULL with `e`. */
struct tls_store *tls_store_new(struct tls_ctx *owner, const struct cfg_tls *cfg, struct err *e);
void tls_store_free(struct tls_store *); /* SSL objects made from it live on; NULL is fine */

/* For clients that name no host; borrowed. */
SSL_CTX *tls_store_default(const struct tls_store *);
/* For a name, whatever its case: exact, else the wildcard one level up. NULL: no certificate. */
SSL_CTX *tls_store_find(const struct tls_store *, struct slice name);

void tls_store_each(const struct tls_store *, void (*fn)(void *, const struct tls_cert_facts *),
                    void *);

#endif
