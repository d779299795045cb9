/*
 * cases.h — reads tests/http/<name>.txt: one protocol case a line. The format is described in
 * tests/http/README.md.
 */
#ifndef TESTS_HTTP_CASES_H
#define TESTS_HTTP_CASES_H

#include "lb/msg/framing.h"

enum case_kind { CASE_REQUEST, CASE_RESPONSE, CASE_CHUNK };
enum case_verdict { CASE_OK, CASE_MORE, CASE_BAD };

struct hcase {
    char where[96]; /* FILE:LINE NAME, for messages */
    enum case_kind kind;
    struct slice msg; /* owned */
    enum case_verdict verdict;
    char word[48];   /* CASE_BAD: reason word; CASE_OK: framing */
    uint64_t length; /* with framing length, or payload of a chunked body */
    char *keys;      /* owned: the rest of the expectation, "key=value key=value" */
    bool no_referee; /* llhttp has another opinion for a stated reason */
    struct framing_asked asked;
    struct head_limits limits;
};

/* Calls fn for each case of each *.txt file in `dir`, in the order of names; returns their number.
 * A case that can't be read ends the program. */
unsigned cases_each(const char *dir, void (*fn)(const struct hcase *));

/* The value of `key` in the expectation, unescaped; false when it is not there. `out` is NUL-ended,
 * *n gets its length. The key "fwd" takes the rest of the line. */
bool case_key(const struct hcase *, const char *key, char *out, size_t max, size_t *n);

/* The framing called `word`. */
enum framing framing_named(const char *word);

#endif
