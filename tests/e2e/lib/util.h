/*
 * util.h — small things every end-to-end test needs: time, byte strings, files, ports.
 *
 * Whatever fails here for lack of memory or of a system resource ends the test program: a harness
 * has nobody to report to.
 */
#ifndef TESTS_E2E_UTIL_H
#define TESTS_E2E_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A growing byte string, always followed by a NUL byte. Zero-initialise; free with text_free. */
struct text {
    char *p; /* owned; NULL while empty */
    size_t n, cap;
};
void text_add(struct text *, const void *bytes, size_t n);
void text_addf(struct text *, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_drop(struct text *, size_t n); /* the first n bytes */
void text_free(struct text *);
const char *text_str(const struct text *); /* "" while empty; borrowed until the next change */

uint64_t now_ms(void);
void sleep_ms(unsigned ms);

/* "path/name" in a fresh string the caller frees. */
char *format_new(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A fresh folder under $TMPDIR or /tmp; tmpdir_remove deletes it with what is in it and frees. */
char *tmpdir_new(void);
void tmpdir_remove(char *dir);

/* The file's bytes, or an empty text when it can't be read. Caller frees. */
struct text file_read(const char *path);
void file_write(const char *path, const char *bytes, size_t n);

/*
 * A TCP port nobody listens on, outside the range the kernel gives to outgoing connections. Each
 * test program has a block of its own, so that a port stays free for who asked for it, also between
 * stopping a server and starting it again.
 */
uint16_t port_new(void);

/* FNV-1a, to compare large bodies. Start with SUM_SEED. */
#define SUM_SEED 1469598103934665603ULL
uint64_t sum_bytes(uint64_t sum, const void *bytes, size_t n);

/* Byte i of the pattern that large bodies are made of. */
static inline uint8_t pattern_at(uint64_t i)
{
    return (uint8_t)('!' + (i * 2654435761u >> 7) % 90);
}
void pattern_fill(char *out, uint64_t from, size_t n);
uint64_t pattern_sum(size_t n); /* sum of the first n bytes */

/* True when the extended regular expression matches somewhere in `s`. */
bool matches(const char *s, const char *regex);

/* The number of lines of `s` that the regular expression matches. */
unsigned count_lines(const char *s, const char *regex);

/* Prints the message and ends the test program. */
void die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

#endif
