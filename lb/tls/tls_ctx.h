/*
 * tls_ctx.h — what handshakes need, made at prepare and shared by all workers.
 *
 * A `tls_ctx` serves clients: certificates by name, ALPN, tickets, client certificates. A
 * `tls_peer` is one server to connect to. Both are counted, because connections outlive the
 * snapshot they were accepted under. Making and swapping is the control thread's; the counts and
 * the look-up of a certificate are for any thread.
 */
#ifndef LB_TLS_TLS_CTX_H
#define LB_TLS_TLS_CTX_H

#include "config/cfg.h"

#include <openssl/types.h>

struct err;
struct tls_ctx;
struct tls_peer;
struct tls_tickets;
struct tls_cache;

struct tls_env { /* of the process; borrowed */
    struct tls_tickets *tickets;
    unsigned nworkers;
};

/* For clients; `cfg` is borrowed for tls_ctx_renew. NULL with `e` ("file:line:col: …"). */
struct tls_ctx *tls_ctx_new(const struct cfg_tls *cfg, enum cfg_mode, const struct tls_env *,
                            struct err *e);
struct tls_ctx *tls_ctx_ref(struct tls_ctx *); /* NULL is fine, for all four */
void tls_ctx_unref(struct tls_ctx *);

/* Reads the certificate files again; new handshakes use them. -1 with `e`: the old ones stay. */
int tls_ctx_renew(struct tls_ctx *, const struct cfg_tls *, struct err *e);

/* A connection's SSL with the certificate for clients that name no host; NULL: out of memory. */
SSL *tls_ctx_new_ssl(struct tls_ctx *);

/* What is known of each certificate in use; control thread. `name` is valid during the call. */
struct tls_cert_facts {
    const char *path, *name;           /* the first name it is for */
    const char *key;                   /* "ECDSA", "RSA", "Ed25519" */
    int64_t not_before_s, not_after_s; /* Unix time */
};
void tls_ctx_each_cert(struct tls_ctx *, void (*fn)(void *, const struct tls_cert_facts *), void *);

/* SSL_CTXs of servers with the same settings are made once: one cache per prepare. */
struct tls_cache *tls_cache_new(void);
void tls_cache_free(struct tls_cache *);

/* For connecting to the server at `addr`. NULL with `e`. */
struct tls_peer *tls_peer_new(const struct cfg_tls *, const struct cfg_addr *addr,
                              struct tls_cache *, const struct tls_env *, struct err *e);
struct tls_peer *tls_peer_ref(struct tls_peer *);
void tls_peer_unref(struct tls_peer *);
SSL *tls_peer_new_ssl(struct tls_peer *, unsigned worker);

/* Says whether two servers' TLS settings are the same: equal settings, equal numbers; 0: no TLS.
 * Pooled connections must not outlive a change of it. */
uint64_t tls_peer_id(const struct cfg_tls *, const struct cfg_addr *addr);

/*
 * Judges the files of a `tls` block: unreadable, no key, key of another certificate, expired soon.
 * `say` gets each finding. For `lb check` and every load.
 */
void tls_judge(const struct cfg_tls *, bool server,
               void (*say)(void *, bool error, struct src_loc, const char *text), void *to);

#endif
