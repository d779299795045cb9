/* cli_test.c — commands, their exit status, and what `lb check` says. */
#include "tests/e2e/lib/e2e.h"

static const char good[] =
    "global { threads 1 }\n"
    "frontend web { mode http; bind 127.0.0.1:8080; route -> app; timeout client 5s }\n"
    "backend app { balance round-robin; server s1 127.0.0.1:9001; server s2 127.0.0.1:9002;"
    " timeout connect 2s; timeout server 3s }\n"
    "admin { http 127.0.0.1:8404 }\n";

static const char bad[] = "frontend web {\n"
                          "    bind 127.0.0.1:8080\n"
                          "    timeout client 5s\n"
                          "    route -> ap\n"
                          "}\n"
                          "backend app {\n"
                          "    balance leastcon\n"
                          "    timeout connect 5\n"
                          "    timeout server 3s\n"
                          "    server s1 127.0.0.1:9001\n"
                          "    server s1 127.0.0.1:9002\n"
                          "}\n";

static int run(const char *const argv[], char **out)
{
    int status;
    char *text = proc_output(argv, &status, 10000);
    if (out)
        *out = text;
    else
        free(text);
    return status;
}

static void good_file_is_good(void **state)
{
    (void)state;
    int status;
    char *out = lb_check(&status, NULL, good);
    if (status != 0 || matches(out, "error"))
        fail_msg("status %d: %s", status, out);
    free(out);
}

static void own_tour_is_good(void **state)
{
    (void)state;
    char *out;
    int status = run((const char *const[]){lb_path(), "check", "-c", "lb.conf", NULL}, &out);
    if (status != 0)
        fail_msg("status %d: %s", status, out);
    free(out);
}

static void all_errors_are_told_in_order(void **state)
{
    (void)state;
    int status;
    char *out = lb_check(&status, NULL, bad);
    assert_int_equal(status, 2);
    static const char *const lines[] = {
        "lb.conf:4:14: error E[0-9]+: .*'ap'",
        "lb.conf:7:13: error E104: unknown balancer 'leastcon'",
        "lb.conf:8:21: error E[0-9]+: ",
        "lb.conf:11:12: error E[0-9]+: .*'s1'",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        if (!matches(out, lines[i]))
            fail_msg("no line '%s' in:\n%s", lines[i], out);
    assert_int_equal(count_lines(out, "error E[0-9]+: "), 4);
    assert_true(strstr(out, ":4:14:") < strstr(out, ":7:13:"));
    assert_true(strstr(out, ":7:13:") < strstr(out, ":8:21:"));
    assert_non_null(strstr(out, "    balance leastcon\n            ^~~~~~~~ did you mean "
                                "'least-connections'?\n"));
    free(out);
}

static void errors_can_be_had_as_json(void **state)
{
    (void)state;
    int status;
    char *out = lb_check(&status, "--json", bad);
    assert_int_equal(status, 2);
    char *dir = tmpdir_new(), *path = format_new("%s/out.json", dir);
    file_write(path, out, strlen(out));
    const char *argv[] = {"python3", "-c",
                          "import json,sys; d=json.load(open(sys.argv[1]));"
                          "assert d['errors']==4, d; assert len(d['messages'])>=4, d",
                          path, NULL};
    char *said;
    if (run(argv, &said) != 0)
        fail_msg("%s\n%s", said, out);
    free(said);
    free(path);
    free(out);
    tmpdir_remove(dir);
}

static void strict_turns_warnings_into_errors(void **state)
{
    (void)state;
    static const char warns[] = "frontend web { bind 127.0.0.1:8080; route -> app }\n"
                                "backend app { server s1 127.0.0.1:9001 }\n"
                                "backend idle { server s1 127.0.0.1:9001 }\n";
    int status;
    char *out = lb_check(&status, NULL, warns);
    assert_int_equal(status, 0);
    assert_true(matches(out, "warning W[0-9]+: "));
    free(out);
    out = lb_check(&status, "--strict", warns);
    assert_int_equal(status, 2);
    free(out);
}

static void run_refuses_a_bad_file(void **state)
{
    (void)state;
    char *dir = tmpdir_new(), *path = format_new("%s/lb.conf", dir), *out;
    file_write(path, bad, strlen(bad));
    assert_int_equal(run((const char *const[]){lb_path(), "run", "-c", path, NULL}, &out), 2);
    assert_true(matches(out, "lb.conf:7:13: error E104"));
    free(out);
    free(path);
    tmpdir_remove(dir);
}

static void usage_and_version(void **state)
{
    (void)state;
    char *out;
    assert_int_equal(run((const char *const[]){lb_path(), "version", NULL}, &out), 0);
    assert_true(matches(out, "^lb [0-9]+\\.[0-9]+"));
    free(out);
    static const char *const commands[] = {"run", "check", "demo", "reload", "show", "drain"};
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        const char *argv[] = {lb_path(), commands[i], "--help", NULL};
        assert_int_equal(run(argv, &out), 0);
        assert_true(strstr(out, commands[i]) != NULL);
        free(out);
    }
    assert_int_equal(run((const char *const[]){lb_path(), "nonsense", NULL}, NULL), 2);
    assert_int_equal(run((const char *const[]){lb_path(), NULL}, NULL), 2);
    assert_int_equal(run((const char *const[]){lb_path(), "run", "--nonsense", NULL}, NULL), 2);
    assert_int_equal(run((const char *const[]){lb_path(), "check", NULL}, NULL), 2);
}

/* docs/directives.md comes from the tables; `make docs` makes it anew. */
static void reference_in_docs_is_current(void **state)
{
    (void)state;
    char *made, *kept;
    assert_int_equal(run((const char *const[]){lb_path(), "reference", NULL}, &made), 0);
    assert_int_equal(run((const char *const[]){"/bin/cat", "docs/directives.md", NULL}, &kept), 0);
    if (strcmp(made, kept) != 0)
        fail_msg("docs/directives.md is out of date: run make docs");
    free(made);
    free(kept);
}

static void includes_and_variables(void **state)
{
    (void)state;
    char *dir = tmpdir_new(), *main_f = format_new("%s/lb.conf", dir), *out;
    char *part = format_new("%s/part.conf", dir);
    char *text = format_new("include \"%s/p*.conf\"\n"
                            "frontend web { bind 127.0.0.1:${E2E_UNSET:-8080}\n"
                            "  timeout client ${E2E_UNSET:-5s}; route -> app }\n",
                            dir);
    const char *good_part = "backend app { timeout connect 1s; timeout server 1s\n"
                            "  server s 127.0.0.1:1 }\n";
    const char *argv[] = {lb_path(), "check", "-c", main_f, NULL};
    file_write(main_f, text, strlen(text));
    file_write(part, good_part, strlen(good_part));
    if (run(argv, &out) != 0)
        fail_msg("%s", out);
    free(out);
    file_write(part, "backend app { bogus }\n", 22);
    assert_int_equal(run(argv, &out), 2);
    assert_true(matches(out, "part.conf:1:15: error"));
    assert_true(matches(out, "lb.conf:1:"));
    free(out);
    free(text);
    free(part);
    free(main_f);
    tmpdir_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        E2E_TEST(good_file_is_good),
        E2E_TEST(own_tour_is_good),
        E2E_TEST(all_errors_are_told_in_order),
        E2E_TEST(errors_can_be_had_as_json),
        E2E_TEST(strict_turns_warnings_into_errors),
        E2E_TEST(run_refuses_a_bad_file),
        E2E_TEST(usage_and_version),
        E2E_TEST(includes_and_variables),
        E2E_TEST(reference_in_docs_is_current),
    };
    return cmocka_run_group_tests_name("cli", tests, NULL, NULL);
}
