/*
 * sni.h — the name in a TLS ClientHello, read without decrypting anything (RFC 6066 section 3).
 *
 * The hello may lie in several records, and may not be complete yet. Pure; any thread.
 */
#ifndef LB_TLS_SNI_H
#define LB_TLS_SNI_H

#include <stddef.h>

enum sni_verdict {
    SNI_FOUND,
    SNI_NONE, /* a hello that names no host */
    SNI_MORE, /* not all there yet */
    SNI_BAD,  /* no ClientHello, a malformed one, or one larger than SNI_HELLO_MAX */
};

enum { SNI_HELLO_MAX = 16 * 1024, SNI_NAME_MAX = 255 };

/* Looks at the first n bytes of a connection. FOUND: `name` is filled, lower case, NUL-ended. */
enum sni_verdict sni_parse(const unsigned char *p, size_t n, char name[SNI_NAME_MAX + 1]);

#endif
