/*
 * config_fuzz.c — arbitrary bytes as a configuration.
 *
 * Checks that a tree comes exactly when there is no error, that all messages can be printed, and
 * that the dump of a tree loads to the same dump. Run from the root of the tree: `cert Makefile` in
 * the corpus names a file there. A dictionary for libFuzzer: tests/fuzz/config.dict.
 */
#include "config/diag.h"
#include "tests/config_plugins.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static char *dump(const struct cfg *c, size_t *n)
{
    char *text = NULL;
    FILE *f = open_memstream(&text, n);
    cfg_dump(c, f);
    fclose(f);
    return text;
}

static void print_messages(struct diag *d)
{
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);
    diag_print(d, f, true);
    diag_print_json(d, f);
    fclose(f);
    free(text);
}

static void check_round_trip(const struct cfg *c)
{
    size_t n, n2;
    char *first = dump(c, &n);
    struct diag *d = diag_new();
    struct cfg *again = cfg_load_text("dump", first, n, &test_plugins, d);
    if (!again) {
        diag_print(d, stderr, false);
        abort();
    }
    char *second = dump(again, &n2);
    if (n != n2 || memcmp(first, second, n) != 0) {
        fprintf(stderr, "--- first\n%s--- second\n%s", first, second);
        abort();
    }
    free(first);
    free(second);
    cfg_free(again);
    diag_free(d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    /* Files of the machine are not under test. */
    if (memmem(data, n, "include", 7) && memchr(data, '/', n))
        return 0;
    struct diag *d = diag_new();
    struct cfg *c = cfg_load_text("fuzz", (const char *)data, n, &test_plugins, d);
    if ((c != NULL) != (diag_errors(d) == 0))
        abort();
    print_messages(d);
    if (c)
        check_round_trip(c);
    cfg_free(c);
    diag_free(d);
    return 0;
}
