/*
 * addr.h — socket addresses in one compact form.
 */
#ifndef LB_NET_ADDR_H
#define LB_NET_ADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct cfg_addr;
struct cfg_net;
struct err;

/* Of a peer: IPv4 as ::ffff:a.b.c.d; a Unix peer has family AF_UNIX and no address. */
struct peer {
    uint8_t ip[16];
    uint16_t port;  /* host byte order */
    uint8_t family; /* AF_INET, AF_INET6, AF_UNIX; 0: unknown */
};

enum { ADDR_TEXT_MAX = 64 };

void peer_of(struct peer *, const struct sockaddr *);

/* "1.2.3.4" or "2001:db8::1" or "unix"; returns the length. */
unsigned peer_ip_text(const struct peer *, char out[ADDR_TEXT_MAX]);
/* With port: "1.2.3.4:80", "[2001:db8::1]:80", "unix". */
unsigned peer_text(const struct peer *, char out[ADDR_TEXT_MAX]);

bool peer_in(const struct peer *, const struct cfg_net *, unsigned n);

/*
 * Resolves a configured address to one socket address; names by getaddrinfo (blocks: control thread
 * only). `port` replaces the configured one when not 0. 0, or -1 with `e`.
 */
int addr_resolve(const struct cfg_addr *, uint16_t port, struct sockaddr_storage *, socklen_t *,
                 struct err *e);

#endif
