/* timeout_test.c — every time limit fires when it should and is named in the access log. */
#include "tests/e2e/lib/e2e.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

/* How long a wait of about 600 ms may take on a busy machine. */
enum { LIMIT_MIN = 450, LIMIT_MAX = 2500 };

static void check_time(uint64_t begin)
{
    assert_in_range(now_ms() - begin, LIMIT_MIN, LIMIT_MAX);
}

/* Expects an error reply of lb's own after about 600 ms. */
static void check_error(struct web *w, uint64_t begin, int status, const char *reason)
{
    assert_true(http_read(&w->c, "GET", &w->r, CLIENT_WAIT_MS));
    check_time(begin);
    assert_int_equal(w->r.status, status);
    assert_string_equal(reply_field(&w->r, "X-Lb-Reason"), reason);
    assert_true(*reply_field(&w->r, "X-Request-Id"));
    web_wait_access(w, reason);
}

static void head_that_never_ends(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, &(struct web_opts){.frontend = "timeout header 600ms"});
    struct client *c = web_client(&w);
    uint64_t begin = now_ms();
    assert_true(client_sendf(c, "GET / HTTP/1.1\r\nHost: te"));
    check_error(&w, begin, 408, "header-timeout");
    assert_true(client_ends(c, 1000));
    web_stop(&w);
}

/* A byte now and then must not extend the limit on the whole head. */
static void head_that_drips(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, &(struct web_opts){.frontend = "timeout header 600ms"});
    struct client *c = web_client(&w);
    uint64_t begin = now_ms();
    assert_true(client_sendf(c, "GET / HTTP/1.1\r\nX: "));
    while (now_ms() - begin < LIMIT_MAX && c->in.n == 0 && c->ending == END_NONE) {
        (void)client_send(c, "x", 1);
        (void)client_more(c, 100);
    }
    check_time(begin);
    assert_true(matches(text_str(&c->in), "^HTTP/1.1 408 "));
    web_wait_access(&w, "header-timeout");
    web_stop(&w);
}

static void upload_that_stalls(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, &(struct web_opts){.frontend = "timeout client 600ms"});
    struct client *c = web_client(&w);
    uint64_t begin = now_ms();
    assert_true(client_sendf(c, "POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 9\r\n\r\nhalf"));
    check_error(&w, begin, 408, "client-timeout");
    web_stop(&w);
}

static void client_that_stops_reading(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, &(struct web_opts){.frontend = "timeout client 600ms"});
    struct client *c = web_client(&w);
    assert_true(http_send(c, "GET", "/bytes/100000000", NULL, NULL, 0));
    web_wait_access(&w, "client-slow-read");
    assert_true(client_ends(c, 5000));
    assert_true(c->in.n < 100000000);
    web_stop(&w);
}

static void idle_client(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, &(struct web_opts){.frontend = "timeout idle 600ms"});
    assert_int_equal(web_ask(&w, "GET", "/", NULL), 200);
    uint64_t begin = now_ms();
    assert_true(client_ends(&w.c, 5000));
    check_time(begin);
    assert_int_equal(w.c.in.n, 0);
    assert_int_equal(w.c.ending, END_FIN);
    web_stop(&w);
}

static void server_that_never_answers(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, &(struct web_opts){.backend = "timeout server 600ms"});
    struct client *c = web_client(&w);
    uint64_t begin = now_ms();
    assert_true(http_send(c, "GET", "/never", NULL, NULL, 0));
    check_error(&w, begin, 504, "server-timeout");
    web_stop(&w);
}

static void server_that_stalls_in_its_reply(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, &(struct web_opts){.backend = "timeout server 600ms"});
    struct client *c = web_client(&w);
    uint64_t begin = now_ms();
    assert_true(http_send(c, "GET", "/stall/1000", NULL, NULL, 0));
    assert_true(http_read(c, "GET", &w.r, CLIENT_WAIT_MS));
    check_time(begin);
    assert_false(w.r.complete);
    assert_int_equal(w.r.body.n, 500);
    web_wait_access(&w, "server-stalled");
    web_stop(&w);
}

static void slow_but_steady_server_is_fine(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, &(struct web_opts){.backend = "timeout server 600ms"});
    assert_true(http_send(web_client(&w), "GET", "/sse/6/300", NULL, NULL, 0));
    assert_true(http_read(&w.c, "GET", &w.r, CLIENT_WAIT_MS));
    assert_true(w.r.complete);
    web_stop(&w);
}

static void idle_tunnel(void **state)
{
    (void)state;
    struct web w;
    web_start(&w, &(struct web_opts){.frontend = "timeout tunnel 600ms",
                                     .backend = "timeout tunnel 600ms"});
    assert_int_equal(web_ask(&w, "GET", "/upgrade", "Connection: upgrade\r\nUpgrade: x\r\n"), 101);
    uint64_t begin = now_ms();
    assert_true(client_ends(&w.c, 5000));
    check_time(begin);
    web_wait_access(&w, "tunnel-timeout");
    web_stop(&w);
}

/* A listener whose queue is full answers nothing to a SYN. */
static void server_that_does_not_accept(void **state)
{
    (void)state;
    enum { FILL = 8 };
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port_new())};
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fill[FILL], fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof in), 0);
    assert_int_equal(listen(fd, 0), 0);
    for (int i = 0; i < FILL; i++) {
        fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        (void)connect(fill[i], (struct sockaddr *)&in, sizeof in);
    }
    sleep_ms(50);
    struct lb lb = {0};
    struct client c;
    struct reply r = {0};
    uint16_t port = port_new();
    lb_start(&lb,
             "frontend web { bind 127.0.0.1:%u; timeout client 5s; route -> app\n"
             "access-log text \"${E2E_DIR}/access.log\" }\n"
             "backend app { timeout connect 600ms; timeout server 5s; server s1 127.0.0.1:%u }\n",
             port, ntohs(in.sin_port));
    assert_true(client_open(&c, port));
    uint64_t begin = now_ms();
    assert_true(http_exchange(&c, "GET", "/", NULL, &r));
    assert_in_range(now_ms() - begin, LIMIT_MIN, 2 * LIMIT_MAX); /* a retry is allowed */
    assert_int_equal(r.status, 504);
    assert_string_equal(reply_field(&r, "X-Lb-Reason"), "connect-timeout");
    lb_wait_file(&lb, "access.log", "connect-timeout", 5000);
    reply_free(&r);
    client_close(&c);
    lb_stop(&lb);
    for (int i = 0; i < FILL; i++)
        (void)close(fill[i]);
    (void)close(fd);
}

static void queue_that_does_not_move(void **state)
{
    (void)state;
    struct web w;
    struct client busy;
    web_start(&w, &(struct web_opts){.threads = 1,
                                     .server = "{ max-connections 1 }",
                                     .backend = "timeout queue 600ms; timeout server 10s"});
    assert_true(client_open(&busy, w.port));
    assert_true(http_send(&busy, "GET", "/never", NULL, NULL, 0));
    sleep_ms(100);
    struct client *c = web_client(&w);
    uint64_t begin = now_ms();
    assert_true(http_send(c, "GET", "/", NULL, NULL, 0));
    check_error(&w, begin, 503, "queue-timeout");
    client_close(&busy);
    web_stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        E2E_TEST(head_that_never_ends),
        E2E_TEST(head_that_drips),
        E2E_TEST(upload_that_stalls),
        E2E_TEST(client_that_stops_reading),
        E2E_TEST(idle_client),
        E2E_TEST(server_that_never_answers),
        E2E_TEST(server_that_stalls_in_its_reply),
        E2E_TEST(slow_but_steady_server_is_fine),
        E2E_TEST(idle_tunnel),
        E2E_TEST(server_that_does_not_accept),
        E2E_TEST(queue_that_does_not_move),
    };
    return cmocka_run_group_tests_name("timeout", tests, NULL, NULL);
}
