/* tcp_test.c — TCP frontends: bytes pass as they are, each direction ends by itself. */
#include "tests/e2e/lib/e2e.h"

#include <sys/stat.h>

/* A TCP frontend in front of one origin. */
struct pipe {
    struct lb lb;
    struct origin *o;
    uint16_t port;
};

static const char conf[] =
    "defaults { timeout connect 1s; timeout client %s; timeout server %s; timeout tunnel %s }\n"
    "frontend in { mode tcp; bind %s; access-log text \"${E2E_DIR}/access.log\"; route -> out }\n"
    "backend out { mode tcp; server o1 %s }\n";

static void pipe_start(struct pipe *p, serve_fn *serve, const char *idle)
{
    char bind[32], server[32];
    *p = (struct pipe){.port = port_new()};
    p->o = origin_start(&(struct origin_opts){.serve = serve});
    (void)snprintf(bind, sizeof bind, "127.0.0.1:%u", p->port);
    (void)snprintf(server, sizeof server, "127.0.0.1:%u", origin_port(p->o));
    lb_start(&p->lb, conf, idle, idle, idle, bind, server);
}

static void pipe_stop(struct pipe *p)
{
    lb_stop(&p->lb);
    origin_stop(p->o);
}

static void bytes_come_back(void **state)
{
    (void)state;
    struct pipe p;
    struct client c;
    pipe_start(&p, origin_echo, "10s");
    assert_true(client_open(&c, p.port));
    for (int i = 0; i < 100; i++) {
        assert_true(client_sendf(&c, "ping %d\n", i));
        char want[32];
        (void)snprintf(want, sizeof want, "ping %d\n", i);
        assert_true(client_expect(&c, want));
    }
    client_shut(&c);
    assert_true(client_ends(&c, 2000));
    assert_int_equal(c.ending, END_FIN);
    client_close(&c);
    lb_wait_file(&p.lb, "access.log", "closed|ok", 5000);
    pipe_stop(&p);
}

/* s1 refuses, s2 is full: the session waits, and what the client says meanwhile must not be lost.
 */
static void bytes_sent_while_waiting_for_a_server_arrive(void **state)
{
    (void)state;
    struct lb lb = {.opts = {.threads = 1}};
    struct client first, second;
    uint16_t port = port_new(), nobody = port_new();
    struct origin *o = origin_start(&(struct origin_opts){.serve = origin_echo});
    lb_start(&lb,
             "defaults { timeout tunnel 10s; timeout queue 5s; timeout connect 2s }\n"
             "frontend in { mode tcp; bind 127.0.0.1:%u; route -> out }\n"
             "backend out { mode tcp; balance weighted-round-robin\n"
             "    server s1 127.0.0.1:%u { weight 100 }\n"
             "    server s2 127.0.0.1:%u { weight 1; max-connections 1 } }\n",
             port, nobody, origin_port(o));
    assert_true(client_open(&first, port));
    assert_true(client_sendf(&first, "one"));
    assert_true(client_expect(&first, "one")); /* by way of s1's refusal: s2 is full now */
    assert_true(client_open(&second, port));
    lb_wait_metric(&lb, "lb_backend_queue{backend=\"out\"}", 1, 3000);
    assert_true(client_sendf(&second, "two"));
    sleep_ms(100); /* it must reach lb before there is room */
    client_close(&first);
    assert_true(client_expect(&second, "two"));
    client_close(&second);
    lb_stop(&lb);
    origin_stop(o);
}

static void serve_greeting(struct visit *v)
{
    (void)client_sendf(&v->c, "220 hello\r\n");
    (void)client_ends(&v->c, 10000);
}

static void server_may_speak_first(void **state)
{
    (void)state;
    struct pipe p;
    struct client c;
    pipe_start(&p, serve_greeting, "10s");
    assert_true(client_open(&c, p.port));
    assert_true(client_expect(&c, "220 hello\r\n"));
    client_close(&c);
    pipe_stop(&p);
}

static void serve_answer_after_end(struct visit *v)
{
    if (client_ends(&v->c, 5000) && v->c.ending == END_FIN)
        (void)client_sendf(&v->c, "got %zu bytes", v->c.in.n);
}

static void client_may_close_its_half_first(void **state)
{
    (void)state;
    struct pipe p;
    struct client c;
    pipe_start(&p, serve_answer_after_end, "10s");
    assert_true(client_open(&c, p.port));
    assert_true(client_sendf(&c, "0123456789"));
    client_shut(&c);
    assert_true(client_expect(&c, "got 10 bytes"));
    assert_true(client_ends(&c, 2000));
    assert_int_equal(c.ending, END_FIN);
    client_close(&c);
    pipe_stop(&p);
}

static atomic_uint got_after_shut;

static void serve_end_then_read(struct visit *v)
{
    (void)client_sendf(&v->c, "done");
    client_shut(&v->c);
    (void)client_ends(&v->c, 5000);
    atomic_store(&got_after_shut, (unsigned)v->c.in.n);
}

static void server_may_close_its_half_first(void **state)
{
    (void)state;
    struct pipe p;
    struct client c;
    pipe_start(&p, serve_end_then_read, "10s");
    assert_true(client_open(&c, p.port));
    assert_true(client_ends(&c, 2000));
    assert_int_equal(c.ending, END_FIN);
    assert_string_equal(text_str(&c.in), "done");
    for (int i = 0; i < 10; i++) {
        assert_true(client_send(&c, "0123456789", 10));
        sleep_ms(10);
    }
    client_close(&c);
    for (uint64_t end = now_ms() + 3000; origin_open(p.o) && now_ms() < end;)
        sleep_ms(10);
    assert_int_equal(atomic_load(&got_after_shut), 100);
    pipe_stop(&p);
}

static void resets_are_passed_on(void **state)
{
    (void)state;
    struct pipe p;
    struct client c;
    pipe_start(&p, origin_echo, "10s");
    assert_true(client_open(&c, p.port));
    assert_true(client_sendf(&c, "x"));
    assert_true(client_expect(&c, "x"));
    client_reset(&c);
    for (uint64_t end = now_ms() + 3000; origin_open(p.o) && now_ms() < end;)
        sleep_ms(10);
    assert_int_equal(origin_open(p.o), 0);
    pipe_stop(&p);
}

static void serve_pattern(struct visit *v)
{
    char part[65536];
    for (size_t at = 0; at < 64u << 20; at += sizeof part) {
        pattern_fill(part, at, sizeof part);
        if (!client_send(&v->c, part, sizeof part))
            return;
    }
}

static void large_transfers_arrive_whole(void **state)
{
    (void)state;
    struct pipe p;
    struct client c;
    pipe_start(&p, serve_pattern, "10s");
    assert_true(client_open(&c, p.port));
    uint64_t sum = SUM_SEED;
    size_t n = 0;
    while (client_more(&c, 5000)) {
        sum = sum_bytes(sum, c.in.p, c.in.n);
        n += c.in.n;
        text_drop(&c.in, c.in.n);
    }
    assert_int_equal(c.ending, END_FIN);
    assert_int_equal(n, 64u << 20);
    assert_true(sum == pattern_sum(64u << 20));
    client_close(&c);
    pipe_stop(&p);
}

static void idle_connections_time_out(void **state)
{
    (void)state;
    struct pipe p;
    struct client c;
    pipe_start(&p, origin_echo, "700ms");
    assert_true(client_open(&c, p.port));
    for (int i = 0; i < 4; i++) { /* traffic keeps it alive */
        assert_true(client_sendf(&c, "x"));
        assert_true(client_expect(&c, "x"));
        sleep_ms(300);
    }
    uint64_t begin = now_ms();
    assert_true(client_ends(&c, 5000));
    assert_in_range(now_ms() - begin, 200, 2000);
    client_close(&c);
    lb_wait_file(&p.lb, "access.log", "tunnel-timeout", 5000);
    pipe_stop(&p);
}

static void unix_sockets_on_both_sides(void **state)
{
    (void)state;
    char *dir = tmpdir_new(), *path = format_new("%s/o", dir),
         *server = format_new("unix:%s", path);
    struct origin *o = origin_start(&(struct origin_opts){.serve = origin_echo, .unix_path = path});
    struct lb lb = {0};
    lb_start(&lb, conf, "5s", "5s", "5s", "unix:${E2E_DIR}/in", server);
    char *in = format_new("%s/in", lb.dir);
    struct client c;
    assert_true(client_open_unix(&c, in));
    assert_true(client_sendf(&c, "over unix"));
    assert_true(client_expect(&c, "over unix"));
    client_close(&c);
    lb_stop(&lb);
    struct stat st;
    assert_int_not_equal(stat(in, &st), 0); /* and it cleaned up */
    origin_stop(o);
    free(in);
    free(server);
    free(path);
    tmpdir_remove(dir);
}

static void ipv6_on_both_sides(void **state)
{
    (void)state;
    struct origin *o = origin_start(&(struct origin_opts){.serve = origin_echo, .host = "::1"});
    struct lb lb = {0};
    struct client c;
    uint16_t port = port_new();
    char *bind = format_new("[::1]:%u", port), *server = format_new("[::1]:%u", origin_port(o));
    lb_start(&lb, conf, "5s", "5s", "5s", bind, server);
    assert_true(client_open_host(&c, "::1", port));
    assert_true(client_sendf(&c, "six"));
    assert_true(client_expect(&c, "six"));
    client_close(&c);
    lb_stop(&lb);
    origin_stop(o);
    free(bind);
    free(server);
}

static void all_addresses_of_both_families(void **state)
{
    (void)state;
    struct origin *o = origin_start(&(struct origin_opts){.serve = origin_echo});
    struct lb lb = {0};
    struct client c;
    uint16_t port = port_new();
    char *bind = format_new(":%u", port), *server = format_new("127.0.0.1:%u", origin_port(o));
    lb_start(&lb, conf, "5s", "5s", "5s", bind, server);
    static const char *const hosts[] = {"127.0.0.1", "::1", "127.0.0.2"};
    for (size_t i = 0; i < 3; i++) {
        assert_true(client_open_host(&c, hosts[i], port));
        assert_true(client_sendf(&c, "any"));
        assert_true(client_expect(&c, "any"));
        client_close(&c);
    }
    lb_stop(&lb);
    origin_stop(o);
    free(bind);
    free(server);
}

static void refused_server_closes_the_client(void **state)
{
    (void)state;
    struct pipe p;
    struct client c;
    pipe_start(&p, origin_echo, "5s");
    origin_stop(p.o);
    p.o = NULL;
    assert_true(client_open(&c, p.port));
    assert_true(client_ends(&c, 3000));
    assert_int_equal(c.in.n, 0);
    client_close(&c);
    lb_wait_file(&p.lb, "access.log", "connect-failed|no-server", 5000);
    pipe_stop(&p);
}

static void many_connections_at_a_time(void **state)
{
    (void)state;
    enum { MANY = 300 };
    struct pipe p;
    static struct client c[MANY];
    pipe_start(&p, origin_echo, "10s");
    for (int i = 0; i < MANY; i++)
        assert_true(client_open(&c[i], p.port));
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < MANY; i++)
            assert_true(client_sendf(&c[i], "<%d>", i));
        for (int i = 0; i < MANY; i++) {
            char want[16];
            (void)snprintf(want, sizeof want, "<%d>", i);
            assert_true(client_expect(&c[i], want));
        }
    }
    for (int i = 0; i < MANY; i++)
        client_close(&c[i]);
    pipe_stop(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        E2E_TEST(bytes_come_back),
        E2E_TEST(bytes_sent_while_waiting_for_a_server_arrive),
        E2E_TEST(server_may_speak_first),
        E2E_TEST(client_may_close_its_half_first),
        E2E_TEST(server_may_close_its_half_first),
        E2E_TEST(resets_are_passed_on),
        E2E_TEST(large_transfers_arrive_whole),
        E2E_TEST(idle_connections_time_out),
        E2E_TEST(unix_sockets_on_both_sides),
        E2E_TEST(ipv6_on_both_sides),
        E2E_TEST(all_addresses_of_both_families),
        E2E_TEST(refused_server_closes_the_client),
        E2E_TEST(many_connections_at_a_time),
    };
    return cmocka_run_group_tests_name("tcp", tests, NULL, NULL);
}
