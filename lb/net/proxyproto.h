/*
 * proxyproto.h — the PROXY protocol, versions 1 and 2: who the client of a connection is, said by a
 * proxy in front in the first bytes. Read strictly and written; no I/O, any thread.
 */
#ifndef LB_NET_PROXYPROTO_H
#define LB_NET_PROXYPROTO_H

#include "lb/base/slice.h"
#include "lb/net/addr.h"

enum { PROXY_HEAD_MAX = 4096 }; /* bytes of a header that is read; version 1 has at most 107 */

enum proxy_verdict { PROXY_DONE, PROXY_MORE, PROXY_BAD };

struct proxy_head {
    uint32_t len;         /* bytes of the header */
    uint8_t version;      /* 1 or 2 */
    bool named;           /* src and dst are known; else the connection's own addresses count */
    struct peer src, dst; /* of a Unix socket: family AF_UNIX alone */
};

/*
 * Reads a header at the front of n bytes. PROXY_MORE: so far it is one, but it is not whole.
 * PROXY_BAD as early as it can be known: not a header, or not for a stream, or longer than
 * PROXY_HEAD_MAX, or malformed TLVs, or a wrong CRC32c. What follows the header is not looked at.
 */
enum proxy_verdict proxy_parse(const void *p, size_t n, struct proxy_head *);

enum { /* types of TLVs that lb writes (section 2.2 of the specification) */
       PROXY_TLV_ALPN = 0x01,
       PROXY_TLV_AUTHORITY = 0x02,
       PROXY_TLV_CRC32C = 0x03,
       PROXY_TLV_UNIQUE_ID = 0x05,
};

struct proxy_tlv {
    uint8_t type;
    struct slice value; /* empty: left out */
};

struct proxy_out {
    unsigned version;             /* 1 or 2 */
    const struct peer *src, *dst; /* NULL: the proxy's own connection (LOCAL, UNKNOWN) */
    const struct proxy_tlv *tlv;  /* version 2 only */
    unsigned ntlv;
};

/* Writes a header to out[max]; its length, 0 when it does not fit. */
size_t proxy_write(char *out, size_t max, const struct proxy_out *);

#endif
