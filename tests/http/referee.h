/* referee.h — llhttp, in its strict mode, asked for an independent opinion on a message. */
#ifndef TESTS_HTTP_REFEREE_H
#define TESTS_HTTP_REFEREE_H

#include "lb/msg/framing.h"

/*
 * lb has accepted `h`. Gives llhttp the head with a body that fits the framing and another message
 * behind, and says whether llhttp accepts it, and sees the message end at the same byte. NULL:
 * agreed; else what it says instead. Methods llhttp does not know are not judged.
 */
const char *referee_head(const struct head *h, bool request, const struct framing_asked *asked);

/* The same for a complete chunked body of n bytes with something behind. */
const char *referee_chunked(const char *p, size_t n, uint64_t payload);

#endif
