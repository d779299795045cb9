/* demo_test.c — the demo origins, over real sockets: they are nothing but sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lb/base/err.h"
#include "lb/demo/demo.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static const uint16_t any_ports[DEMO_ORIGINS];

static int dial_port(uint16_t port)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct timeval limit = {.tv_sec = 5};
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    assert_int_equal(connect(fd, (struct sockaddr *)&in, sizeof in), 0);
    return fd;
}

/* Reads until `needle` is there or the peer closes; returns the bytes in `out`. */
static void read_until(int fd, const char *needle, char *out, size_t cap)
{
    size_t n = 0;
    ssize_t got;
    out[0] = 0;
    while (n + 1 < cap && !strstr(out, needle) && (got = read(fd, out + n, cap - 1 - n)) > 0) {
        n += (size_t)got;
        out[n] = 0;
    }
    if (!strstr(out, needle))
        fail_msg("'%s' is not in: %s", needle, out);
}

static int ask(uint16_t port, const char *path)
{
    char head[256];
    int fd = dial_port(port);
    int n = snprintf(head, sizeof head, "GET %s HTTP/1.1\r\nHost: h\r\nX-Mark: seen\r\n\r\n", path);
    assert_int_equal(write(fd, head, (size_t)n), n);
    return fd;
}

static void origins_name_themselves(void **state)
{
    (void)state;
    char out[4096];
    static const char *const names[] = {"origin s1\nGET /a?b", "origin s2\n", "origin s3\n"};
    struct demo *d = demo_start_on(any_ports, NULL);
    assert_non_null(d);
    for (unsigned i = 0; i < 3; i++) {
        int fd = ask(demo_port(d, i), "/a?b");
        read_until(fd, "X-Mark: seen\n", out, sizeof out);
        assert_non_null(strstr(out, names[i]));
        assert_non_null(strstr(out, "X-Origin: "));
        (void)close(fd);
    }
    demo_stop(d);
}

static void paths_have_their_replies(void **state)
{
    (void)state;
    static const struct {
        const char *path, *reply;
    } cases[] = {
        {"/status/404", "HTTP/1.1 404 "},
        {"/status/99", "HTTP/1.1 400 "},
        {"/bytes/70", "Content-Length: 70\r\n"},
        {"/slow?ms=30", "X-Mark: seen\n"},
        {"/events", "data: event 0 of origin s1\n"},
    };
    char out[4096];
    struct demo *d = demo_start_on(any_ports, NULL);
    assert_non_null(d);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int fd = ask(demo_port(d, 0), cases[i].path);
        read_until(fd, cases[i].reply, out, sizeof out);
        (void)close(fd);
    }
    demo_stop(d);
}

static void echo_greets_and_ends_with_its_peer(void **state)
{
    (void)state;
    char out[4096];
    struct demo *d = demo_start_on(any_ports, NULL);
    assert_non_null(d);
    int fd = dial_port(demo_port(d, DEMO_ECHO));
    read_until(fd, "comes back\n", out, sizeof out);
    assert_int_equal(write(fd, "ping", 4), 4);
    read_until(fd, "ping", out, sizeof out);
    (void)shutdown(fd, SHUT_WR);
    assert_int_equal(read(fd, out, sizeof out), 0);
    (void)close(fd);
    demo_stop(d);
}

static void stops_with_replies_under_way(void **state)
{
    (void)state;
    char out[4096];
    struct demo *d = demo_start_on(any_ports, NULL);
    assert_non_null(d);
    int fds[] = {ask(demo_port(d, 0), "/events"), ask(demo_port(d, 1), "/slow?ms=60000"),
                 ask(demo_port(d, 2), "/slow?ms=60000"), dial_port(demo_port(d, DEMO_ECHO))};
    read_until(fds[0], "event 0", out, sizeof out);
    read_until(fds[3], "comes back\n", out, sizeof out);
    (void)close(fds[2]); /* a client that does not wait */
    demo_stop(d);
    assert_true(read(fds[1], out, sizeof out) <= 0);
    for (int i = 0; i < 4; i++)
        if (i != 2)
            (void)close(fds[i]);
}

static void a_taken_port_is_named(void **state)
{
    (void)state;
    struct err e = {0};
    char want[64];
    struct demo *d = demo_start_on(any_ports, NULL);
    assert_non_null(d);
    uint16_t ports[DEMO_ORIGINS] = {0, 0, demo_port(d, 1), 0};
    assert_null(demo_start_on(ports, &e));
    (void)snprintf(want, sizeof want, "s3 can't listen on 127.0.0.1:%u", ports[2]);
    assert_non_null(strstr(e.text, want));
    assert_non_null(strstr(e.text, "in use"));
    demo_stop(d);
    demo_stop(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(origins_name_themselves),
        cmocka_unit_test(paths_have_their_replies),
        cmocka_unit_test(echo_greets_and_ends_with_its_peer),
        cmocka_unit_test(stops_with_replies_under_way),
        cmocka_unit_test(a_taken_port_is_named),
    };
    return cmocka_run_group_tests_name("demo", tests, NULL, NULL);
}
