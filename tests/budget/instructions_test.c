/*
 * instructions_test.c — user-space instructions per request, counted by callgrind.
 *
 * lb runs twice with a different number of exchanges; the difference over the extra ones is what
 * one costs, without start and stop. It is the same on every run, so 5 % more than what is recorded
 * in tests/budget/instructions.txt fails. Record anew, with the reason in the commit, by
 *
 *   BUDGET_RECORD=1 build/tests/budget/instructions_test
 *
 * The file has a line a compiler and kind. A compiler without a line, or no valgrind, skips.
 */
#include "tests/budget/lib/budget.h"

#include <signal.h>

#define RECORDS "tests/budget/instructions.txt"

enum { FEW = 200, MANY = 1200, START_MS = 30000 };

enum kind { KEEPALIVE, CLOSE, TCP, KINDS };
static const char *const kind_name[KINDS] = {"keepalive", "close", "tcp"};
static const double kind_slack[KINDS] = {0.05, 0.15, 0.15};

static const char *compiler(void)
{
    static char name[32];
#ifdef __clang__
    (void)snprintf(name, sizeof name, "clang-%d", __clang_major__);
#else
    (void)snprintf(name, sizeof name, "gcc-%d", __GNUC__);
#endif
    return name;
}

static void write_conf(const char *path, const struct budget *b)
{
    struct text t = {0};
    text_addf(&t,
              "global { threads 1; log stderr text }\n"
              "frontend web { bind 127.0.0.1:%u; route -> app; timeout client 60s }\n"
              "backend app { server s 127.0.0.1:%u; timeout server 60s }\n"
              "frontend raw { mode tcp; bind 127.0.0.1:%u; route -> echo }\n"
              "backend echo { mode tcp; server s 127.0.0.1:%u }\n",
              b->web, origin_port(b->http), b->tcp, origin_port(b->echo));
    file_write(path, t.p, t.n);
    text_free(&t);
}

static void wait_listening(uint16_t port)
{
    struct client c = {.fd = -1};
    for (uint64_t end = now_ms() + START_MS; !client_open(&c, port); sleep_ms(20))
        assert_true(now_ms() < end);
    client_close(&c);
}

static void work(const struct budget *b, enum kind kind, unsigned n)
{
    struct client c = {.fd = -1};
    switch (kind) {
    case KEEPALIVE:
        assert_true(client_open(&c, b->web));
        budget_keepalive(&c, n);
        client_close(&c);
        break;
    case CLOSE:
        budget_close(b, n);
        break;
    default:
        budget_tcp(b, n);
        break;
    }
}

/* Instructions of a whole run with n exchanges. */
static double run(enum kind kind, unsigned n)
{
    char *dir = tmpdir_new(), *conf = format_new("%s/lb.conf", dir);
    char *out = format_new("%s/out", dir), *opt = format_new("--callgrind-out-file=%s", out);
    char *log = format_new("%s/log", dir);
    struct budget b = {.web = port_new(), .tcp = port_new()};
    b.http = origin_start(NULL);
    b.echo = origin_start(&(struct origin_opts){.serve = origin_echo});
    write_conf(conf, &b);
    const char *argv[] = {"valgrind", "-q", "--tool=callgrind", opt, lb_path(), "run", "-c",
                          conf,       NULL};
    struct proc p = proc_start(argv, &(struct proc_opts){.log = log});
    wait_listening(kind == TCP ? b.tcp : b.web);
    work(&b, kind, n);
    assert_int_equal(proc_stop(&p, SIGTERM, START_MS), 0);
    struct text t = file_read(out);
    const char *at = strstr(text_str(&t), "\nsummary:");
    assert_non_null(at);
    double instructions = strtod(at + 9, NULL);
    text_free(&t);
    origin_stop(b.http);
    origin_stop(b.echo);
    tmpdir_remove(dir);
    free(conf);
    free(out);
    free(opt);
    free(log);
    return instructions;
}

static void record(const char *key, double is)
{
    struct text old = file_read(RECORDS), all = {0};
    size_t n = strlen(key);
    for (const char *line = text_str(&old); *line;) {
        size_t len = strcspn(line, "\n");
        if (strncmp(line, key, n) != 0)
            text_addf(&all, "%.*s\n", (int)len, line);
        line += len + (line[len] == '\n');
    }
    text_addf(&all, "%s%.0f\n", key, is);
    file_write(RECORDS, all.p, all.n);
    text_free(&old);
    text_free(&all);
}

static double recorded(const char *key)
{
    struct text t = file_read(RECORDS);
    const char *at = strstr(text_str(&t), key);
    double value = at ? strtod(at + strlen(key), NULL) : 0;
    text_free(&t);
    return value;
}

static void check(enum kind kind)
{
    if (!proc_available("valgrind")) {
        printf("no valgrind here: instructions are not counted\n");
        skip();
    }
    char key[64];
    (void)snprintf(key, sizeof key, "%s %s ", compiler(), kind_name[kind]);
    double is = (run(kind, MANY) - run(kind, FEW)) / (MANY - FEW), was = recorded(key);
    if (getenv("BUDGET_RECORD")) {
        record(key, is);
        printf("%s%.0f recorded\n", key, is);
        return;
    }
    if (!was) {
        printf("%s%.0f: nothing recorded for this compiler in " RECORDS "\n", key, is);
        skip();
    }
    printf("%s%.0f, recorded %.0f (%+.1f %%)%s\n", key, is, was, (is / was - 1) * 100,
           is < was * (1 - kind_slack[kind]) ? ": better, record it" : "");
    assert_true(is <= was * (1 + kind_slack[kind]));
}

static void keepalive_request(void **state)
{
    (void)state;
    check(KEEPALIVE);
}

static void request_with_a_connection(void **state)
{
    (void)state;
    check(CLOSE);
}

static void tcp_connection(void **state)
{
    (void)state;
    check(TCP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        E2E_TEST(keepalive_request),
        E2E_TEST(request_with_a_connection),
        E2E_TEST(tcp_connection),
    };
    return cmocka_run_group_tests_name("instructions", tests, NULL, NULL);
}
