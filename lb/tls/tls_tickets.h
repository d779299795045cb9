/*
 * tls_tickets.h — the keys of session tickets: of the whole process, so that a client resumes at
 * any worker and after a reload.
 *
 * Either made at random and rotated, or read from a file that several proxies share. Written by
 * the control thread, used by handshakes on any thread.
 */
#ifndef LB_TLS_TLS_TICKETS_H
#define LB_TLS_TLS_TICKETS_H

#include <openssl/types.h>
#include <stdbool.h>
#include <stdint.h>

struct err;
struct tls_tickets;

enum { TLS_TICKET_ROTATE_MS = 3600 * 1000 };

/* Random keys; refs == 1. NULL: out of memory or of randomness. */
struct tls_tickets *tls_tickets_new(void);
struct tls_tickets *tls_tickets_ref(struct tls_tickets *);
void tls_tickets_unref(struct tls_tickets *); /* wipes the keys; NULL is fine */

/* A new random key for new tickets; the ones before still open theirs. -1: no randomness. */
int tls_tickets_rotate(struct tls_tickets *);

/*
 * Takes the keys from a file: one per line in base64, at least 32 bytes each (openssl rand -base64
 * 48); the first one makes tickets, all of them open. -1 with `e`: the keys stay as they are.
 */
int tls_tickets_load(struct tls_tickets *, const char *path, struct err *e);

/* The callback for SSL_CTX_set_tlsext_ticket_key_evp_cb, on behalf of `t`. */
int tls_tickets_use(struct tls_tickets *t, unsigned char name[16], unsigned char *iv,
                    EVP_CIPHER_CTX *, EVP_MAC_CTX *, bool seal);

#endif
