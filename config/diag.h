/*
 * diag.h — the list of errors and warnings of one configuration run.
 */
#ifndef CONFIG_DIAG_H
#define CONFIG_DIAG_H

#include "lb/base/opts.h"

#include <stdbool.h>
#include <stdio.h>

struct diag;

struct diag *diag_new(void);
void diag_free(struct diag *); /* NULL is a no-op */

/* `--strict`: warnings count as errors from now on. */
void diag_set_strict(struct diag *, bool strict);

unsigned diag_errors(const struct diag *);
unsigned diag_warnings(const struct diag *);

/*
 * Adds an error ("E104") or warning ("W201") at `loc`, whose offending text is `len` bytes wide
 * (for the ^~~~ line). `hint` (may be NULL) follows the caret line: "did you mean 'x'?".
 * Returns a number to which diag_also can add a second location.
 */
int diag_add(struct diag *, const char *code, struct src_loc loc, unsigned len, const char *hint,
             const char *format, ...) __attribute__((format(printf, 6, 7)));
void diag_also(struct diag *, int id, struct src_loc loc, const char *what);

/*
 * Announces a file that is being read, so that messages can quote its lines. `file` is the pointer
 * that will stand in src_loc.file; `text` is borrowed until diag_release_sources; `from` (may be
 * NULL) is the include statement that named it.
 */
void diag_add_source(struct diag *, const char *file, const char *text, size_t n,
                     const struct src_loc *from);
/* Forgets the texts and the pointers; names and quoted lines stay. */
void diag_release_sources(struct diag *);

/* Writes all, sorted by file, line and column: compiler style with source line and caret. */
void diag_print(struct diag *, FILE *out, bool colour);
/* The same as one JSON document {"errors":N,"warnings":N,"messages":[…]}. */
void diag_print_json(struct diag *, FILE *out);

#endif
