/*
 * cli_test.c — the command line: exit statuses, suggestions, what reaches the admin socket.
 *
 * control_run is this file's own; a child process plays the admin socket.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lb/cli/cli.h"
#include "lb/control/control.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* Exit statuses that say what arrived. */
int control_run(const struct control_options *o)
{
    return o->demo ? 40 + o->quiet : o->config_path && !strcmp(o->config_path, "x.conf") ? 50 : 1;
}

enum { ARGS_MAX = 8, TEXT_MAX = 8192 };

/* Runs `lb ARGS…` in a child; what it prints goes to `text`. */
static int lb(char text[TEXT_MAX], const char *const *args)
{
    char *argv[ARGS_MAX + 2] = {(char *)"lb"};
    for (unsigned i = 0; i < ARGS_MAX && args[i]; i++)
        argv[i + 1] = (char *)args[i];
    int argc = 0, pipes[2], status;
    while (argv[argc])
        argc++;
    assert_int_equal(pipe(pipes), 0);
    pid_t pid = fork();
    if (pid == 0) {
        (void)dup2(pipes[1], STDOUT_FILENO);
        (void)dup2(pipes[1], STDERR_FILENO);
        (void)close(pipes[0]);
        (void)setvbuf(stdout, NULL, _IOFBF, 4096);
        status = cli_main(argc, argv);
        (void)fflush(stdout);
        _exit(status);
    }
    (void)close(pipes[1]);
    size_t n = 0;
    for (ssize_t got; (got = read(pipes[0], text + n, TEXT_MAX - 1 - n)) > 0;)
        n += (size_t)got;
    text[n] = '\0';
    (void)close(pipes[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void expect(int status, const char *part, const char *const *args)
{
    char text[TEXT_MAX];
    int got = lb(text, args);
    if (got != status || !strstr(text, part))
        fail_msg("lb %s: status %d, not %d with '%s': %s", args[0] ? args[0] : "", got, status,
                 part, text);
}

#define LB(...) ((const char *const[]){__VA_ARGS__, NULL})

static void usage(void **state)
{
    (void)state;
    expect(2, "usage: lb COMMAND", LB(NULL));
    expect(0, "usage: lb COMMAND", LB("--help"));
    expect(0, "lb ", LB("--version"));
    expect(0, "libevent", LB("version"));
    expect(2, "did you mean 'reload'?", LB("relaod"));
    expect(2, "see lb --help", LB("quatsch"));
    expect(2, "did you mean '--strict'?", LB("check", "-c", "x", "--strickt"));
    expect(2, "see lb stop --help", LB("stop", "--json"));
    expect(2, "which configuration", LB("run"));
    expect(2, "which configuration", LB("check"));
    expect(2, "--config needs a value", LB("run", "-c"));
    expect(2, "takes no value", LB("check", "--json=1", "-c", "x"));
    expect(2, "unexpected 'more'", LB("reload", "more"));
    expect(2, "something is missing: lb show info|", LB("show"));
    expect(2, "did you mean 'servers'?", LB("show", "serves"));
    expect(2, "--csv goes with show stat", LB("show", "info", "--csv"));
    expect(2, "BACKEND/SERVER", LB("drain", "app"));
    expect(2, "is no name", LB("drain", "app/s1\nstop"));
    static const char *const all[] = {"run",   "check", "demo", "reload",    "show",   "drain",
                                      "maint", "ready", "stop", "reference", "version"};
    for (unsigned i = 0; i < sizeof all / sizeof all[0]; i++) {
        expect(0, "-h, --help", LB(all[i], "--help"));
        expect(0, "usage: lb ", LB("help", all[i]));
    }
}

static void running(void **state)
{
    (void)state;
    expect(50, "", LB("run", "-c", "x.conf"));
    expect(50, "", LB("run", "-cx.conf", "-q"));
    expect(50, "", LB("run", "--config=x.conf"));
    expect(40, "", LB("demo"));
    expect(41, "", LB("demo", "--quiet"));
}

/* A child that takes one connection on `path`, checks the line and gives the answer. */
static pid_t play(const char *path, const char *line, const char *answer)
{
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    (void)snprintf(sun.sun_path, sizeof sun.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    (void)unlink(path);
    assert_int_equal(bind(fd, (struct sockaddr *)&sun, sizeof sun), 0);
    assert_int_equal(listen(fd, 1), 0);
    pid_t pid = fork();
    if (pid == 0) {
        char got[256] = {0};
        int c = accept(fd, NULL, NULL);
        size_t n = 0;
        while (n < sizeof got - 1 && !strchr(got, '\n') && read(c, got + n, 1) == 1)
            n++;
        if (send(c, answer, strlen(answer), MSG_NOSIGNAL) != (ssize_t)strlen(answer))
            _exit(9);
        _exit(strcmp(got, line) == 0 ? 0 : 8);
    }
    (void)close(fd);
    return pid;
}

static void talk(const char *path, const char *line, const char *answer, int status,
                 const char *part, const char *const *args)
{
    pid_t pid = play(path, line, answer);
    int rc;
    expect(status, part, args);
    assert_int_equal(waitpid(pid, &rc, 0), pid);
    assert_int_equal(WEXITSTATUS(rc), 0);
}

static void remote(void **state)
{
    (void)state;
    char dir[] = "/tmp/lb-cli-XXXXXX", p[64];
    assert_non_null(mkdtemp(dir));
    (void)snprintf(p, sizeof p, "%s/a.sock", dir);
    talk(p, "show servers\n", "table\nok\n", 0, "table\n", LB("show", "servers", "-s", p));
    talk(p, "show stat --json\n", "{}\nok\n", 0, "{}\n", LB("show", "stat", "--json", "-s", p));
    talk(p, "reload\n", "ok\n", 0, "", LB("reload", "--socket", p));
    talk(p, "reload\n", "f:1:1: error\nerror: configuration: no\n", 2, "lb: configuration: no",
         LB("reload", "-s", p));
    talk(p, "stop\n", "error: busy\n", 1, "lb: busy", LB("stop", "-s", p));
    talk(p, "drain server a/b\n", "ok\n", 0, "", LB("drain", "a/b", "-s", p));
    talk(p, "maint server a/b\n", "error: there is none\n", 1, "there is none",
         LB("maint", "a/b", "-s", p));
    talk(p, "reload\n", "half an ans", 1, "the answer is incomplete", LB("reload", "-s", p));
    talk(p, "reload\n", "", 1, "the answer is incomplete", LB("reload", "-s", p));
    (void)setenv("LB_SOCKET", p, 1);
    talk(p, "ready server a/b\n", "ok\n", 0, "", LB("ready", "a/b"));
    (void)unlink(p);
    expect(1, "cannot reach a running lb", LB("reload"));
    (void)unsetenv("LB_SOCKET");
    assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(usage),
        cmocka_unit_test(running),
        cmocka_unit_test(remote),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
