/*
 * memory_test.c — bytes of user memory per idle connection: growth of lb's anonymous memory. (PSS
 * would count program text as well, whose share depends on who else runs it.)
 *
 * Each connection has done an exchange before, so that what is measured is an idle one and not one
 * that never woke up.
 */
#include "tests/budget/lib/budget.h"

#include <sys/resource.h>

enum {
    CONNECTIONS = 4000,
    TUNNELS = 1500,
    WARM = 200,
    HTTP_LIMIT = 1024, /* bytes a connection */
    TUNNEL_LIMIT = 2048,
};

static struct client conns[CONNECTIONS + WARM];

static size_t own_bytes(const struct lb *lb)
{
    char *path = format_new("/proc/%d/smaps_rollup", (int)lb->proc.pid);
    struct text t = file_read(path);
    const char *at = strstr(text_str(&t), "\nAnonymous:");
    size_t kib = at ? strtoul(at + 11, NULL, 10) : 0;
    text_free(&t);
    free(path);
    assert_true(kib > 0);
    return kib * 1024;
}

static bool enough_files(unsigned n)
{
    struct rlimit lim;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &lim), 0);
    lim.rlim_cur = lim.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &lim), 0);
    return lim.rlim_max >= n + 200;
}

/* Opens connections [from, to) with one exchange each. */
static void open_http(uint16_t port, unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++) {
        conns[i] = (struct client){.fd = -1};
        assert_true(client_open(&conns[i], port));
        budget_keepalive(&conns[i], 1);
    }
}

static void open_tunnels(uint16_t port, unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++) {
        conns[i] = (struct client){.fd = -1};
        assert_true(client_open(&conns[i], port));
        assert_true(client_send(&conns[i], "ping", 4));
        assert_true(client_expect(&conns[i], "ping"));
    }
}

static void close_all(unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        client_close(&conns[i]);
}

static void measure(const char *what, bool http, unsigned n, size_t limit)
{
    struct budget b;
    if (!enough_files(2 * n)) {
        printf("%s: the limit of open files is too low for %u connections\n", what, n);
        skip();
    }
    budget_start(&b, false);
    void (*open)(uint16_t, unsigned, unsigned) = http ? open_http : open_tunnels;
    uint16_t port = http ? b.web : b.tcp;
    open(port, 0, WARM);
    size_t before = own_bytes(&b.lb);
    open(port, WARM, WARM + n);
    sleep_ms(200);
    size_t each = (own_bytes(&b.lb) - before) / n;
    printf("%s: %zu bytes each (%u held, limit %zu)\n", what, each, n, limit);
    assert_in_range(each, 1, limit);
    if (http) { /* all are alive: none was closed to stay small */
        for (unsigned i = 0; i < WARM + n; i += 97)
            budget_keepalive(&conns[i], 1);
    }
    close_all(WARM + n);
    budget_stop(&b);
}

static void idle_http_connection(void **state)
{
    (void)state;
    measure("idle keep-alive connection", true, CONNECTIONS, HTTP_LIMIT);
}

static void idle_tunnel(void **state)
{
    (void)state;
    measure("idle TCP connection, both ends", false, TUNNELS, TUNNEL_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        E2E_TEST(idle_http_connection),
        E2E_TEST(idle_tunnel),
    };
    return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
