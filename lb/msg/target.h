/*
 * target.h — the normalised form of a request path, for matching only (never forwarded).
 */
#ifndef LB_MSG_TARGET_H
#define LB_MSG_TARGET_H

#include "lb/base/slice.h"

/*
 * Writes the normal form of `path` (origin-form, without query) to out[max]: percent-encoded
 * unreserved characters decoded, hex digits in upper case, empty and dot segments removed (RFC 3986
 * section 6.2.2), so that "/api/../admin", "//admin" and "/%61dmin" all match "/admin". A path that
 * is already normal is returned as it is, without a copy. Returns {NULL,0} when it does not fit or
 * has a broken percent escape.
 */
struct slice target_normalise(struct slice path, char *out, size_t max);

#endif
