/*
 * check.h — the properties each fuzz target holds lb/msg to; a violation aborts.
 */
#ifndef TESTS_FUZZ_CHECK_H
#define TESTS_FUZZ_CHECK_H

#include "lb/msg/framing.h"

/* Whole against split at every byte; what is accepted is edited in place, parsed again, shown to
 * llhttp, and looked into by the other functions of lb/msg. */
void check_head(const uint8_t *data, size_t n, bool request, const struct framing_asked *asked);

/* Scanned whole, in two parts at every byte, byte by byte, and decoded. */
void check_chunked(const uint8_t *data, size_t n);

#endif
