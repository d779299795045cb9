/*
 * log_test.c — lines, escapes, sinks and their failures, threads.
 *
 * logger_free writes everything that is in the rings, so each test ends the logger and then looks.
 */
#include "lb/base/err.h"
#include "lb/base/log.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

static char dir[64], path[96], other[96];
static char text[1 << 20];

static int enter(void **state)
{
    (void)state;
    (void)snprintf(dir, sizeof dir, "/tmp/lb-log-test-XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    (void)snprintf(path, sizeof path, "%s/log", dir);
    (void)snprintf(other, sizeof other, "%s/other", dir);
    return 0;
}

static int leave(void **state)
{
    (void)state;
    (void)unlink(path);
    (void)unlink(other);
    return rmdir(dir);
}

static struct logger *start(enum log_to to, const char *where, enum log_format format)
{
    struct err e = {0};
    struct logger *lg = logger_new(&(struct log_target){to, where, format}, LOG_LV_INFO, &e);
    if (!lg)
        fail_msg("%s", e.text);
    return lg;
}

static size_t slurp(const char *file)
{
    FILE *f = fopen(file, "r");
    assert_non_null(f);
    size_t n = fread(text, 1, sizeof text - 1, f);
    text[n] = 0;
    (void)fclose(f);
    return n;
}

static unsigned lines_of(const char *s)
{
    unsigned n = 0;
    for (; *s; s++)
        n += *s == '\n';
    return n;
}

static void put_raw(struct log *l, int sink, const char *line)
{
    char *p = log_raw_begin(l, sink, 200);
    assert_non_null(p);
    memcpy(p, line, strlen(line));
    log_raw_end(l, strlen(line));
}

static void test_text_lines(void **state)
{
    (void)state;
    struct logger *lg = start(LOG_TO_FILE, path, LOG_TEXT);
    struct log *l = logger_attach(lg);
    log_line(l, LOG_LV_WARNING, "server-down", "%s is %d\n\x1b[31m \xc3\xa9 \xff", "a1", 7);
    log_line(l, LOG_LV_DEBUG, "hidden", "not at this level");
    logger_set_level(lg, LOG_LV_DEBUG);
    log_line(l, LOG_LV_DEBUG, "shown", "now");
    log_line(NULL, LOG_LV_ERROR, "none", "nothing");
    log_flush(l);
    log_detach(l);
    logger_free(lg);
    (void)slurp(path);
    assert_int_equal(lines_of(text), 2);
    assert_non_null(strstr(text, "Z warning server-down a1 is 7\\x0a\\x1b[31m \xc3\xa9 \\xff\n"));
    assert_non_null(strstr(text, "Z debug shown now\n"));
    assert_int_equal(text[10], 'T');
    assert_int_equal(text[19], '.');
}

static void test_json_lines(void **state)
{
    (void)state;
    struct logger *lg = start(LOG_TO_FILE, path, LOG_JSON);
    struct log *l = logger_attach(lg);
    log_line(l, LOG_LV_ERROR, "odd", "say \"hi\" \\ \x01 \xc0");
    log_detach(l);
    logger_free(lg);
    (void)slurp(path);
    assert_memory_equal(text, "{\"time\":\"", 9);
    assert_string_equal(text + 9 + LOG_TIME_BYTES,
                        "\",\"level\":\"error\",\"event\":\"odd\",\"msg\":\"say \\\"hi\\\" \\\\ "
                        "\\u0001 \\ufffd\"}\n");
}

static void test_long_message_is_cut(void **state)
{
    (void)state;
    struct logger *lg = start(LOG_TO_FILE, path, LOG_JSON);
    struct log *l = logger_attach(lg);
    static char big[5000];
    memset(big, '\1', sizeof big - 1);
    log_line(l, LOG_LV_INFO, "big", "%s", big);
    log_detach(l);
    logger_free(lg);
    size_t n = slurp(path);
    assert_true(n > 2000 * 6 && n < 2100 * 6);
    assert_string_equal(text + n - 3, "\"}\n");
}

static void test_json_escape_limits(void **state)
{
    (void)state;
    char out[16];
    assert_int_equal(log_json_escape(out, 5, "a\1b", 3), 1); /* an escape is never cut */
    assert_int_equal(log_json_escape(out, 7, "a\1b", 3), 7);
    assert_memory_equal(out, "a\\u0001", 7);
    assert_int_equal(log_json_escape(out, 16, "\xe2\x82\xac", 3), 3);
    assert_int_equal(log_json_escape(out, 16, "\xe2\x82", 2), 12); /* cut off: two bad bytes */
    assert_memory_equal(out, "\\ufffd\\ufffd", 12);
    assert_int_equal(log_json_escape(out, 16, "\xed\xa0\x80", 3), 12); /* surrogate: 3 do not fit */
    assert_int_equal(log_json_escape(out, 16, "\xc2\x9b", 2), 12);     /* a C1 control */
    assert_int_equal(log_json_escape(out, 16, "\n\t\"", 3), 6);
    assert_memory_equal(out, "\\n\\t\\\"", 6);
}

static void test_time(void **state)
{
    (void)state;
    char out[LOG_TIME_BYTES + 1] = {0};
    static const struct {
        uint64_t s;
        const char *text;
    } cases[] = {{0, "1970-01-01T00:00:00.123Z"},
                 {951782400, "2000-02-29T00:00:00.123Z"},
                 {1704067199, "2023-12-31T23:59:59.123Z"},
                 {4107542400, "2100-03-01T00:00:00.123Z"}};
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(log_time(out, cases[i].s * 1000000 + 123999), LOG_TIME_BYTES);
        assert_string_equal(out, cases[i].text);
    }
    (void)log_time(out, UINT64_MAX); /* no sense, but no harm */
}

static void test_sinks_are_shared(void **state)
{
    (void)state;
    struct logger *lg = start(LOG_TO_FILE, path, LOG_TEXT);
    struct log *l = logger_attach(lg);
    struct log_target t = {LOG_TO_FILE, other, LOG_JSON};
    struct err e = {0};
    int a = logger_sink_open(lg, &t, &e), b = logger_sink_open(lg, &t, &e);
    assert_true(a >= 1);
    assert_int_equal(a, b);
    put_raw(l, a, "one\n");
    logger_sink_close(lg, b);
    put_raw(l, a, "two\n");
    logger_sink_close(lg, a);
    log_raw_end(l, log_raw_begin(l, a, 10) ? 0 : 0);
    assert_null(log_raw_begin(l, a, LOG_RAW_MAX + 1));
    log_detach(l);
    logger_free(lg);
    (void)slurp(other);
    assert_string_equal(text, "one\ntwo\n");
}

static void test_errors_are_reported(void **state)
{
    (void)state;
    struct err e = {0};
    struct log_target bad = {LOG_TO_FILE, "/nonexistent/log", LOG_TEXT};
    assert_null(logger_new(&bad, LOG_LV_INFO, &e));
    assert_non_null(strstr(e.text, "/nonexistent/log"));
    struct logger *lg = start(LOG_TO_FILE, path, LOG_TEXT);
    assert_int_equal(logger_sink_open(lg, &bad, &e), -1);
    assert_int_equal(logger_retarget(lg, &bad, &e), -1);
    static const char *const addresses[] = {"", "unix:", ":514", "host:", "[::1", "unix:/no/such"};
    for (unsigned i = 0; i < sizeof addresses / sizeof *addresses; i++) {
        struct log_target t = {LOG_TO_SYSLOG, addresses[i], LOG_TEXT};
        assert_int_equal(logger_sink_open(lg, &t, &e), -1);
    }
    logger_free(lg);
    logger_free(NULL);
}

static void test_reopen_and_retarget(void **state)
{
    (void)state;
    struct logger *lg = start(LOG_TO_FILE, path, LOG_TEXT);
    assert_int_equal(rename(path, other), 0);
    logger_reopen(lg);
    struct log *l = logger_attach(lg);
    log_line(l, LOG_LV_INFO, "after", "reopen");
    log_detach(l);
    logger_free(lg);
    (void)slurp(path); /* records made after the reopen are in the new file */
    assert_non_null(strstr(text, " after reopen\n"));

    lg = start(LOG_TO_FILE, path, LOG_TEXT);
    l = logger_attach(lg);
    struct err e = {0};
    struct log_target t = {LOG_TO_FILE, other, LOG_JSON};
    assert_int_equal(logger_retarget(lg, &t, &e), 0);
    log_line(l, LOG_LV_INFO, "elsewhere", "x");
    log_detach(l);
    logger_free(lg);
    (void)slurp(other);
    assert_non_null(strstr(text, "\"event\":\"elsewhere\""));
}

static void test_failed_reopen_keeps_the_file(void **state)
{
    (void)state;
    char sub[128];
    (void)snprintf(sub, sizeof sub, "%s/sub", dir);
    char file[160];
    (void)snprintf(file, sizeof file, "%s/f", sub);
    assert_int_equal(mkdir(sub, 0700), 0);
    struct logger *lg = start(LOG_TO_FILE, file, LOG_TEXT);
    assert_int_equal(rename(file, path), 0);
    assert_int_equal(rmdir(sub), 0);
    logger_reopen(lg);
    struct log *l = logger_attach(lg);
    log_line(l, LOG_LV_INFO, "still", "here");
    log_detach(l);
    logger_free(lg);
    (void)slurp(path);
    assert_non_null(strstr(text, "error log-reopen"));
    assert_non_null(strstr(text, "info still here"));
}

static void test_full_disk(void **state)
{
    (void)state;
    struct logger *lg = start(LOG_TO_FILE, "/dev/full", LOG_TEXT);
    struct log *l = logger_attach(lg);
    for (int i = 0; i < 100; i++)
        log_line(l, LOG_LV_INFO, "lost", "%d", i);
    log_flush(l);
    while (logger_write_errors(lg) < 100)
        sched_yield();
    assert_int_equal(logger_write_errors(lg), 100);
    assert_int_equal(logger_dropped(lg), 0);
    log_detach(l);
    logger_free(lg);
}

static void test_broken_pipe(void **state)
{
    (void)state;
    assert_int_equal(mkfifo(path, 0600), 0);
    int reader = open(path, O_RDONLY | O_NONBLOCK);
    assert_true(reader >= 0);
    struct logger *lg = start(LOG_TO_FILE, path, LOG_TEXT);
    struct log *l = logger_attach(lg);
    assert_int_equal(close(reader), 0);
    log_line(l, LOG_LV_ERROR, "lost", "nobody reads"); /* and SIGPIPE does not end us */
    while (logger_write_errors(lg) < 1)
        sched_yield();
    assert_int_equal(logger_write_errors(lg), 1);
    log_detach(l);
    logger_free(lg);
}

/* A reader that stopped: what fits is kept, the rest is counted, lines stay whole. */
static void test_stuck_reader(void **state)
{
    (void)state;
    enum { LINES = 1500 };
    assert_int_equal(mkfifo(path, 0600), 0);
    int reader = open(path, O_RDONLY | O_NONBLOCK);
    struct logger *lg = start(LOG_TO_FILE, path, LOG_TEXT);
    struct log *l = logger_attach(lg);
    for (int i = 0; i < LINES; i++)
        log_line(l, LOG_LV_INFO, "line", "%04d %080d", i, 0);
    log_detach(l);
    logger_free(lg);
    size_t n = 0;
    for (ssize_t got; (got = read(reader, text + n, sizeof text - 1 - n)) > 0;)
        n += (size_t)got;
    text[n] = 0;
    (void)close(reader);
    assert_in_range(lines_of(text), 300, LINES - 1);
    int last = -1;
    for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
        if (end - line != LOG_TIME_BYTES + 96)
            continue; /* a line cut off when patience ended, or the newline that ended it */
        int i = atoi(line + LOG_TIME_BYTES + 11);
        assert_true(i > last);
        last = i;
    }
    assert_true(last > 300);
}

static size_t receive(int fd)
{
    ssize_t n = recv(fd, text, sizeof text - 1, MSG_DONTWAIT);
    assert_true(n > 0);
    text[n] = 0;
    return (size_t)n;
}

static void expect_syslog(int fd, const char *pri, const char *end)
{
    (void)receive(fd);
    assert_memory_equal(text, pri, strlen(pri));
    char pid[32];
    (void)snprintf(pid, sizeof pid, " lb %d ", (int)getpid());
    const char *at = strstr(text, pid);
    assert_non_null(at);
    assert_string_equal(at + strlen(pid), end);
}

static void log_to_syslog(const char *where)
{
    struct logger *lg = start(LOG_TO_SYSLOG, where, LOG_TEXT);
    struct log *l = logger_attach(lg);
    struct err e = {0};
    int sink = logger_sink_open(lg, &(struct log_target){LOG_TO_SYSLOG, where, LOG_JSON}, &e);
    log_line(l, LOG_LV_ERROR, "down", "a1\n");
    log_line(l, LOG_LV_INFO, "", "up");
    put_raw(l, sink, "{\"status\":200}\n");
    log_detach(l);
    logger_free(lg);
}

static void test_syslog_unix(void **state)
{
    (void)state;
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    (void)snprintf(un.sun_path, sizeof un.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof un), 0);
    char where[128];
    (void)snprintf(where, sizeof where, "unix:%s", path);
    log_to_syslog(where);
    expect_syslog(fd, "<27>1 20", "down - a1\\x0a");
    expect_syslog(fd, "<30>1 20", "- - up");
    expect_syslog(fd, "<30>1 20", "access - {\"status\":200}");
    (void)close(fd);
}

static void test_syslog_udp(void **state)
{
    (void)state;
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof in;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof in), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &len), 0);
    char where[64];
    (void)snprintf(where, sizeof where, "127.0.0.1:%d", ntohs(in.sin_port));
    log_to_syslog(where);
    expect_syslog(fd, "<27>1 20", "down - a1\\x0a");
    expect_syslog(fd, "<30>1 20", "- - up");
    expect_syslog(fd, "<30>1 20", "access - {\"status\":200}");
    (void)close(fd);
}

enum { THREADS = 4, PER_THREAD = 3000 };

struct producer {
    struct log *log;
    int id, sink;
    unsigned refused;
};

static void *produce(void *arg)
{
    struct producer *p = arg;
    for (int i = 0; i < PER_THREAD; i++) {
        char *at = log_raw_begin(p->log, p->sink, 64);
        if (!at) {
            p->refused++;
            continue;
        }
        log_raw_end(p->log, (size_t)snprintf(at, 64, "%d %06d\n", p->id, i));
        if (i % 50 == 0)
            log_flush(p->log);
    }
    log_flush(p->log);
    log_detach(p->log);
    return NULL;
}

/* Every record is written once, or refused and counted; records of one producer stay in order. */
static void test_threads(void **state)
{
    (void)state;
    struct logger *lg = start(LOG_TO_FILE, other, LOG_TEXT);
    struct err e = {0};
    int sink = logger_sink_open(lg, &(struct log_target){LOG_TO_FILE, path, LOG_TEXT}, &e);
    struct producer p[THREADS];
    pthread_t t[THREADS];
    for (int i = 0; i < THREADS; i++) {
        p[i] = (struct producer){logger_attach(lg), i, sink, 0};
        assert_int_equal(pthread_create(&t[i], NULL, produce, &p[i]), 0);
    }
    uint64_t refused = 0;
    for (int i = 0; i < THREADS; i++) {
        logger_reopen(lg);
        pthread_join(t[i], NULL);
        refused += p[i].refused;
    }
    assert_int_equal(logger_dropped(lg), refused);
    logger_sink_close(lg, sink);
    logger_free(lg);
    (void)slurp(path);
    assert_int_equal(lines_of(text) + refused, THREADS * PER_THREAD);
    int last[THREADS] = {-1, -1, -1, -1};
    for (char *line = text; *line; line = strchr(line, '\n') + 1) {
        int id = atoi(line), i = atoi(strchr(line, ' ') + 1);
        assert_in_range(id, 0, THREADS - 1);
        assert_true(i > last[id]);
        last[id] = i;
    }
}

/* A pipe as stderr must not become non-blocking for those we share it with. */
static void test_shared_stderr_stays_blocking(void **state)
{
    (void)state;
    int ends[2], was = dup(STDERR_FILENO);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
    struct logger *lg = start(LOG_TO_STDERR, NULL, LOG_TEXT);
    struct log *l = logger_attach(lg);
    log_line(l, LOG_LV_INFO, "to", "pipe");
    log_detach(l);
    logger_free(lg);
    int flags = fcntl(STDERR_FILENO, F_GETFL);
    (void)dup2(was, STDERR_FILENO);
    (void)close(was);
    (void)close(ends[1]);
    ssize_t n = read(ends[0], text, sizeof text - 1);
    (void)close(ends[0]);
    assert_int_equal(flags & O_NONBLOCK, 0);
    assert_true(n > 0);
    text[n] = 0;
    assert_non_null(strstr(text, " info to pipe\n"));
}

#define LOG_TEST(name) cmocka_unit_test_setup_teardown(name, enter, leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOG_TEST(test_text_lines),
        LOG_TEST(test_json_lines),
        LOG_TEST(test_long_message_is_cut),
        LOG_TEST(test_json_escape_limits),
        LOG_TEST(test_time),
        LOG_TEST(test_sinks_are_shared),
        LOG_TEST(test_errors_are_reported),
        LOG_TEST(test_reopen_and_retarget),
        LOG_TEST(test_full_disk),
        LOG_TEST(test_failed_reopen_keeps_the_file),
        LOG_TEST(test_broken_pipe),
        LOG_TEST(test_stuck_reader),
        LOG_TEST(test_syslog_unix),
        LOG_TEST(test_syslog_udp),
        LOG_TEST(test_threads),
        LOG_TEST(test_shared_stderr_stays_blocking),
    };
    (void)alarm(120); /* a wait that never ends is a failure */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
