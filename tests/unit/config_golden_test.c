/*
 * config_golden_test.c — broken configurations and exactly what is said about them.
 *
 * Replays tests/golden/NAME.conf against NAME.expected. Run from the root of the tree, or name it
 * in LB_ROOT. LB_GOLDEN_UPDATE=1 writes the expectations anew: read the difference before
 * committing.
 */
#include "config/diag.h"
#include "tests/config_plugins.h"

#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

static char *read_text(const char *path)
{
    FILE *f = fopen(path, "r");
    if (!f)
        return NULL;
    char *text = NULL;
    size_t cap = 0;
    ssize_t n = getdelim(&text, &cap, '\0', f);
    fclose(f);
    if (n < 0) {
        free(text);
        text = strdup("");
    }
    return text;
}

static char *messages_of(const char *path)
{
    char *text = NULL;
    size_t n = 0;
    struct diag *d = diag_new();
    struct cfg *c = cfg_load(path, &test_plugins, d);
    assert_int_equal(c != NULL, diag_errors(d) == 0);
    FILE *f = open_memstream(&text, &n);
    diag_print(d, f, false);
    fprintf(f, "%u errors, %u warnings\n", diag_errors(d), diag_warnings(d));
    fclose(f);
    cfg_free(c);
    diag_free(d);
    return text;
}

static bool replay(const char *conf)
{
    char path[512];
    snprintf(path, sizeof path, "%.*s.expected", (int)(strlen(conf) - 5), conf);
    char *got = messages_of(conf);
    if (getenv("LB_GOLDEN_UPDATE")) {
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        fputs(got, f);
        fclose(f);
    }
    char *want = read_text(path);
    bool same = want && strcmp(want, got) == 0;
    if (!same)
        print_error("%s:\n--- expected\n%s--- got\n%s", conf, want ? want : "(no file)\n", got);
    free(want);
    free(got);
    return same;
}

static void test_golden(void **state)
{
    (void)state;
    glob_t g;
    unsigned wrong = 0;
    struct rlimit lim = {4096, 4096}; /* W203 depends on it */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &lim), 0);
    setenv("LB_TEST_PORT", "8080", 1);
    unsetenv("LB_TEST_UNSET");
    assert_int_equal(glob("tests/golden/*.conf", 0, NULL, &g), 0);
    assert_true(g.gl_pathc >= 25);
    for (size_t i = 0; i < g.gl_pathc; i++)
        wrong += !replay(g.gl_pathv[i]);
    globfree(&g);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const char *root = getenv("LB_ROOT");
    if (root && chdir(root) != 0)
        return 1;
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_golden)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
