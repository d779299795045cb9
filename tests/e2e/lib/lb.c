/* lb.c — see lb.h. */
#include "tests/e2e/lib/e2e.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

enum { READY_MS = 15000, STOP_MS = 20000, RELOAD_MS = 10000, LIVE_MAX = 16 };

static const char sanitizer_report[] =
    "AddressSanitizer|LeakSanitizer|ThreadSanitizer|runtime error:|Assertion";

/* What runs now, so that the teardown of a failed test can end it. Main thread only. */
static struct live {
    struct lb copy;
    struct lb *own;
} live[LIVE_MAX];

/* Ports and generation of the probe frontends, by the folder they belong to: see lb_reload. */
static uint16_t probe_port;
static unsigned probe_generation;

const char *lb_path(void)
{
    const char *path = getenv("LB");
    return path && *path ? path : "build/lb";
}

static void live_add(struct lb *lb)
{
    for (int i = 0; i < LIVE_MAX; i++)
        if (!live[i].own) {
            live[i] = (struct live){.copy = *lb, .own = lb};
            return;
        }
    die("too many proxies at a time");
}

static void live_drop(const struct lb *lb)
{
    for (int i = 0; i < LIVE_MAX; i++)
        if (live[i].own == lb)
            live[i] = (struct live){0};
}

static char *path_in(const struct lb *lb, const char *name)
{
    return format_new("%s/%s", lb->dir, name);
}

/* Writes the blocks of the harness and the test's text to DIR/lb.conf. */
static void write_conf(struct lb *lb, const char *format, va_list ap)
{
    char *text, *path = path_in(lb, "lb.conf");
    struct text conf = {0};
    if (vasprintf(&text, format, ap) < 0)
        die("out of memory");
    text_addf(&conf,
              "global { threads %u; drain-timeout 3s; log stderr text\n%s\n}\n"
              "admin { http 127.0.0.1:%u }\n"
              "frontend e2e-probe { bind 127.0.0.1:%u; timeout client 5s\n"
              "    route -> redirect 302 \"/generation-%u\" }\n%s\n",
              lb->opts.threads ? lb->opts.threads : 2, lb->opts.global ? lb->opts.global : "",
              lb->admin, probe_port, ++probe_generation, text);
    file_write(path, conf.p, conf.n);
    text_free(&conf);
    free(text);
    free(path);
}

static void show_log(const struct lb *lb)
{
    char *log = lb_log(lb);
    size_t n = strlen(log), from = n > 4000 ? n - 4000 : 0;
    (void)fprintf(stderr, "---- log of lb\n%s----\n", log + from);
    free(log);
}

static void wait_ready(struct lb *lb)
{
    uint64_t end = now_ms() + READY_MS;
    while (now_ms() < end && !proc_wait(&lb->proc, 0)) {
        if (http_get(lb->admin, "/readyz", NULL, NULL) == 200)
            return;
        sleep_ms(10);
    }
    show_log(lb);
    fail_msg("lb is not ready (ended: %s, status %d)", lb->proc.running ? "no" : "yes",
             lb->proc.status);
}

void lb_start(struct lb *lb, const char *format, ...)
{
    va_list ap;
    lb->dir = tmpdir_new();
    lb->admin = port_new();
    probe_port = port_new();
    va_start(ap, format);
    write_conf(lb, format, ap);
    va_end(ap);
    char *conf = path_in(lb, "lb.conf"), *log = path_in(lb, "stderr.log");
    (void)setenv("E2E_DIR", lb->dir, 1);
    const char *argv[] = {lb_path(), "run", "-c", conf, NULL};
    lb->proc = proc_start(argv, &(struct proc_opts){.log = log, .max_files = lb->opts.max_files});
    live_add(lb);
    free(conf);
    free(log);
    wait_ready(lb);
}

static void finish(struct lb *lb)
{
    char *log = lb_log(lb);
    bool bad = matches(log, sanitizer_report);
    if (bad)
        (void)fprintf(stderr, "---- log of lb\n%s----\n", log);
    free(log);
    live_drop(lb);
    tmpdir_remove(lb->dir);
    lb->dir = NULL;
    if (bad)
        fail_msg("lb's log has a report of a sanitizer or an assertion");
}

int lb_wait_end(struct lb *lb, unsigned ms)
{
    if (!proc_wait(&lb->proc, ms)) {
        show_log(lb);
        fail_msg("lb has not ended within %u ms", ms);
    }
    finish(lb);
    return lb->proc.status;
}

void lb_stop(struct lb *lb)
{
    proc_signal(&lb->proc, SIGTERM);
    assert_int_equal(lb_wait_end(lb, STOP_MS), 0);
}

void lb_write(struct lb *lb, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    write_conf(lb, format, ap);
    va_end(ap);
    proc_signal(&lb->proc, SIGHUP);
}

/* The probe frontend redirects to a path with the number of the configuration in force. All workers
 * must have it, and the kernel spreads connections over them: ask until several agree in a row. */
static bool probe_agrees(void)
{
    char want[64];
    (void)snprintf(want, sizeof want, "/generation-%u", probe_generation);
    for (int i = 0; i < 8; i++) {
        struct reply r = {0};
        (void)http_get(probe_port, "/", NULL, &r);
        const char *at = strstr(reply_field(&r, "Location"), want);
        bool same = at && strcmp(at, want) == 0;
        reply_free(&r);
        if (!same)
            return false;
    }
    return true;
}

void lb_reload(struct lb *lb, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    write_conf(lb, format, ap);
    va_end(ap);
    proc_signal(&lb->proc, SIGHUP);
    for (uint64_t end = now_ms() + RELOAD_MS; !probe_agrees(); sleep_ms(5))
        if (now_ms() > end || proc_wait(&lb->proc, 0)) {
            show_log(lb);
            fail_msg("the new configuration is not in force");
        }
}

char *lb_file(const struct lb *lb, const char *name)
{
    char *path = path_in(lb, name);
    struct text t = file_read(path);
    text_add(&t, "", 0);
    free(path);
    return t.p;
}

char *lb_log(const struct lb *lb)
{
    return lb_file(lb, "stderr.log");
}

void lb_wait_file(const struct lb *lb, const char *name, const char *regex, unsigned ms)
{
    for (uint64_t end = now_ms() + ms;; sleep_ms(20)) {
        char *s = lb_file(lb, name);
        bool found = matches(s, regex), late = now_ms() > end;
        if (!found && late)
            (void)fprintf(stderr, "---- %s\n%s----\n", name, s);
        free(s);
        if (found)
            return;
        if (late)
            fail_msg("%s: no line matches %s", name, regex);
    }
}

void lb_wait_log(const struct lb *lb, const char *regex, unsigned ms)
{
    lb_wait_file(lb, "stderr.log", regex, ms);
}

double lb_metric(const struct lb *lb, const char *series)
{
    struct reply r = {0};
    double value = -1;
    if (http_get(lb->admin, "/metrics", NULL, &r) == 200) {
        size_t n = strlen(series);
        for (const char *line = text_str(&r.body); line; line = strchr(line, '\n')) {
            line += *line == '\n';
            if (strncmp(line, series, n) == 0 && line[n] == ' ')
                value = strtod(line + n, NULL);
        }
    }
    reply_free(&r);
    return value;
}

void lb_wait_metric(const struct lb *lb, const char *series, double value, unsigned ms)
{
    double is = -1;
    for (uint64_t end = now_ms() + ms; now_ms() < end; sleep_ms(20))
        if ((is = lb_metric(lb, series)) == value)
            return;
    show_log(lb);
    fail_msg("%s is %g, not %g", series, is, value);
}

void lb_wait_server(const struct lb *lb, const char *backend, const char *server, bool up,
                    unsigned ms)
{
    char *series = format_new("lb_server_up{backend=\"%s\",server=\"%s\"}", backend, server);
    lb_wait_metric(lb, series, up, ms);
    free(series);
}

char *lb_check(int *status, const char *option, const char *text)
{
    char *dir = tmpdir_new(), *path = format_new("%s/lb.conf", dir);
    file_write(path, text, strlen(text));
    const char *argv[] = {lb_path(), "check", "-c", path, option, NULL};
    char *out = proc_output(argv, status, 10000);
    free(path);
    tmpdir_remove(dir);
    return out;
}

int e2e_teardown(void **state)
{
    (void)state;
    for (int i = 0; i < LIVE_MAX; i++)
        if (live[i].own) {
            show_log(&live[i].copy);
            (void)proc_stop(&live[i].copy.proc, SIGKILL, 1000);
            tmpdir_remove(live[i].copy.dir);
            live[i] = (struct live){0};
        }
    service_stop_all();
    return 0;
}
