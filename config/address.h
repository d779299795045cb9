/*
 * address.h — text to addresses and networks. No look-up: names stay names.
 */
#ifndef CONFIG_ADDRESS_H
#define CONFIG_ADDRESS_H

#include "config/arena.h"
#include "config/cfg.h"

enum address_want {
    ADDRESS_LISTEN,  /* ":80" and port 0 are fine */
    ADDRESS_CONNECT, /* a host and a port of 1..65535 are needed */
};

/* Fills *out (but not its loc). Returns NULL, or what is wrong with the text (static). */
const char *address_parse(struct arena *, struct slice, enum address_want, struct cfg_addr *out);

/* "10.0.0.0/8", "::1", with no bits set beyond the prefix. Returns NULL or what is wrong. */
const char *network_parse(struct slice, struct cfg_net *out);
enum { NETWORK_TEXT_MAX = 64 };
void network_format(const struct cfg_net *, char out[NETWORK_TEXT_MAX]);

#endif
