/*
 * sticky.h — the values of sticky cookies.
 *
 * A value is a MAC over backend and server name with the proxy's secret: it tells a client nothing,
 * can't be made up, and is the same after a restart and in every proxy with that secret.
 */
#ifndef LB_SNAPSHOT_STICKY_H
#define LB_SNAPSHOT_STICKY_H

#include "lb/snapshot/snapshot.h"

/* One value per server; caller frees. NULL: out of memory. */
char (*sticky_tokens(const struct backend *,
                     const unsigned char secret[SECRET_BYTES]))[STICKY_TOKEN];

/* Derives the key from the configured secret, or makes a random one when it is NULL. */
void sticky_secret(unsigned char out[SECRET_BYTES], const char *configured);

#endif
