/* errors_test.c — what goes wrong at the start is one clear line and exit status 1; what goes wrong
 * later is survived. */
#include "tests/e2e/lib/e2e.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

/* Runs `lb run` with a configuration that can't be started; returns its output (caller frees). */
static char *run_failing(const char *conf, uid_t uid, int *status)
{
    char *dir = tmpdir_new(), *path = format_new("%s/lb.conf", dir);
    char *log = format_new("%s/log", dir);
    file_write(path, conf, strlen(conf));
    file_write(log, "", 0);
    assert_int_equal(chmod(dir, 0755) | chmod(log, 0666), 0);
    const char *argv[] = {lb_path(), "run", "-c", path, NULL};
    *status = proc_run(argv, &(struct proc_opts){.log = log, .uid = uid}, 15000);
    struct text out = file_read(log);
    text_add(&out, "", 0);
    free(log);
    free(path);
    tmpdir_remove(dir);
    return out.p;
}

/* Frees `out`. */
static void check_one_line(char *out, int status, const char *regex)
{
    if (status != 1 || count_lines(out, "error|cannot|can't|in use|denied|No such") != 1 ||
        !matches(out, regex))
        fail_msg("status %d, no single line with '%s' in:\n%s", status, regex, out);
    free(out);
}

static void address_in_use(void **state)
{
    (void)state;
    int status;
    struct origin *o = origin_start(NULL);
    uint16_t first = port_new();
    char *conf = format_new("frontend a { bind 127.0.0.1:%u; timeout client 1s; route -> b }\n"
                            "frontend c { bind 127.0.0.1:%u; timeout client 1s; route -> b }\n"
                            "backend b { timeout connect 1s; timeout server 1s\n"
                            "  server s 127.0.0.1:%u }\n",
                            first, origin_port(o), origin_port(o));
    char *want = format_new("127.0.0.1:%u.*in use", origin_port(o));
    char *out = run_failing(conf, 0, &status);
    check_one_line(out, status, want);
    assert_int_equal(http_get(first, "/", NULL, NULL), 0); /* nothing half-started */
    free(want);
    free(conf);
    origin_stop(o);
}

static void admin_address_in_use(void **state)
{
    (void)state;
    int status;
    struct origin *o = origin_start(NULL);
    char *conf =
        format_new("admin { http 127.0.0.1:%u }\n"
                   "frontend a { bind 127.0.0.1:%u; timeout client 1s; route -> respond 404 }\n",
                   origin_port(o), port_new());
    char *want = format_new("127.0.0.1:%u.*in use", origin_port(o));
    char *out = run_failing(conf, 0, &status);
    check_one_line(out, status, want);
    free(want);
    free(conf);
    origin_stop(o);
}

static void missing_configuration_file(void **state)
{
    (void)state;
    int status;
    const char *argv[] = {lb_path(), "run", "-c", "/nonexistent/lb.conf", NULL};
    char *out = proc_output(argv, &status, 15000);
    check_one_line(out, status, "/nonexistent/lb.conf.*No such file");
}

static void log_file_without_permission(void **state)
{
    (void)state;
    int status;
    if (geteuid() != 0)
        skip();
    char *dir = tmpdir_new(); /* mode 0700, of root */
    char *conf = format_new("frontend a { bind 127.0.0.1:%u; timeout client 1s\n"
                            "  access-log text \"%s/x.log\"; route -> respond 404 }\n",
                            port_new(), dir);
    char *want = format_new("%s/x.log.*[Pp]ermission denied", dir);
    char *out = run_failing(conf, 65534, &status);
    check_one_line(out, status, want);
    free(want);
    free(conf);
    tmpdir_remove(dir);
}

static void name_that_does_not_resolve(void **state)
{
    (void)state;
    int status;
    char *conf = format_new("frontend a { bind 127.0.0.1:%u; timeout client 1s; route -> b }\n"
                            "backend b { timeout connect 1s; timeout server 1s\n"
                            "  server s no-such-host.invalid:80 }\n",
                            port_new());
    char *out = run_failing(conf, 0, &status);
    assert_int_equal(status, 1);
    assert_true(matches(out, "no-such-host\\.invalid"));
    free(out);
    free(conf);
}

/* User and system time of a process in clock ticks. */
static unsigned long ticks_of(const struct proc *p)
{
    unsigned long user = 0, sys = 0;
    char *path = format_new("/proc/%d/stat", (int)p->pid);
    struct text t = file_read(path);
    const char *at = strrchr(text_str(&t), ')');
    if (at)
        (void)sscanf(at + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &sys);
    text_free(&t);
    free(path);
    return user + sys;
}

static void running_out_of_descriptors_is_survived(void **state)
{
    (void)state;
    enum { MANY = 150 };
    static struct client c[MANY];
    struct origin *o = origin_start(NULL);
    struct lb lb = {.opts = {.max_files = 100}};
    uint16_t port = port_new();
    lb_start(&lb,
             "frontend web { bind 127.0.0.1:%u; timeout client 5s; timeout idle 60s\n"
             "  timeout header 60s; route -> app }\n"
             "backend app { timeout connect 1s; timeout server 5s; server s1 127.0.0.1:%u }\n",
             port, origin_port(o));
    assert_int_equal(http_get(port, "/", NULL, NULL), 200);
    for (int i = 0; i < MANY; i++)
        assert_true(client_open(&c[i], port)); /* the backlog takes what lb can't */
    sleep_ms(300);
    unsigned long before = ticks_of(&lb.proc);
    sleep_ms(1000);
    unsigned long spent = ticks_of(&lb.proc) - before;
    assert_true(spent < (unsigned long)sysconf(_SC_CLK_TCK) / 2); /* it does not spin */
    for (int i = 0; i < MANY; i++)
        client_close(&c[i]);
    sleep_ms(300);
    for (int i = 0; i < 20; i++)
        assert_int_equal(http_get(port, "/", NULL, NULL), 200);
    lb_stop(&lb);
    origin_stop(o);
}

static void clients_that_vanish_are_survived(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, &(struct web_opts){.threads = 1});
    static const char *const bytes[] = {
        "",
        "GE",
        "GET / HTTP/1.1\r\nHost: t\r\n",
        "GET / HTTP/1.1\r\nHost: t\r\n\r\n",
        "GET /bytes/1000000 HTTP/1.1\r\nHost: t\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 100\r\n\r\nhalf",
        "GET /slow/200 HTTP/1.1\r\nHost: t\r\n\r\n"};
    for (int round = 0; round < 10; round++)
        for (size_t i = 0; i < sizeof bytes / sizeof *bytes; i++) {
            struct client *c = web_client(&w);
            (void)client_sendf(c, "%s", bytes[i]);
            if (round % 3 == 0)
                sleep_ms(5);
            if (round % 2)
                client_reset(c);
            else
                client_close(c);
        }
    sleep_ms(400);
    for (int i = 0; i < 10; i++)
        assert_int_equal(http_get(w.port, "/", NULL, NULL), 200);
    lb_wait_metric(&w.lb, "lb_frontend_connections{frontend=\"web\"}", 0, 3000);
    web_stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        E2E_TEST(address_in_use),
        E2E_TEST(admin_address_in_use),
        E2E_TEST(missing_configuration_file),
        E2E_TEST(log_file_without_permission),
        E2E_TEST(name_that_does_not_resolve),
        E2E_TEST(running_out_of_descriptors_is_survived),
        E2E_TEST(clients_that_vanish_are_survived),
    };
    return cmocka_run_group_tests_name("errors", tests, NULL, NULL);
}
