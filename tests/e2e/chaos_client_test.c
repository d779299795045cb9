/*
 * chaos_client_test.c — clients that close, half-close, reset, stall, flood or send nonsense in
 * every state of an exchange. Each time the proxy must end it, hold what it held before, and serve
 * the next.
 */
#include "tests/e2e/lib/chaos.h"
#include "tests/e2e/lib/e2e.h"

struct rig {
    struct lb lb;
    struct origin *o;
    uint16_t http, narrow, tcp, next;
    struct held rest; /* what it holds when nobody is there */
};

static void rig_start(struct rig *r)
{
    *r = (struct rig){
        .http = port_new(), .narrow = port_new(), .tcp = port_new(), .next = port_new()};
    r->o = origin_start(NULL);
    lb_start(
        &r->lb,
        "defaults { timeout connect 1s; timeout header 300ms; timeout client 300ms\n"
        "  timeout server 300ms; timeout idle 300ms; timeout tunnel 300ms; timeout queue 300ms }\n"
        "frontend http { bind 127.0.0.1:%u; route -> app }\n"
        "frontend narrow { bind 127.0.0.1:%u; route -> narrow }\n"
        "frontend tcp { mode tcp; bind 127.0.0.1:%u; route -> raw }\n"
        "frontend next { bind 127.0.0.1:%u; timeout header 10s; timeout client 10s\n"
        "  route -> calm }\n"
        "backend app { server s 127.0.0.1:%u }\n"
        "backend narrow { timeout server 20s; server s 127.0.0.1:%u { max-connections 1 } }\n"
        "backend raw { mode tcp; server s 127.0.0.1:%u }\n"
        "backend calm { timeout server 10s; server s 127.0.0.1:%u }\n",
        r->http, r->narrow, r->tcp, r->next, origin_port(r->o), origin_port(r->o),
        origin_port(r->o), origin_port(r->o));
}

/* What it holds once the first client has gone. */
static void rig_rest(struct rig *r)
{
    assert_int_equal(http_get(r->next, "/", NULL, NULL), 200);
    do
        r->rest = held_by(&r->lb);
    while (r->rest.clients > 0);
}

static void rig_stop(struct rig *r)
{
    lb_stop(&r->lb);
    origin_stop(r->o);
}

/* --- the states a client can bring an exchange into --- */

static void origin_has_one_more(struct rig *r, unsigned before)
{
    for (uint64_t end = now_ms() + 5000; origin_requests(r->o) == before; sleep_ms(1))
        assert_true(now_ms() < end);
}

static void ask(struct rig *r, struct client *c, const char *request)
{
    unsigned before = origin_requests(r->o);
    assert_true(client_sendf(c, "%s", request));
    origin_has_one_more(r, before);
}

static void to_connected(struct rig *r, struct client *c)
{
    (void)r, (void)c;
}

static void to_head(struct rig *r, struct client *c)
{
    (void)r;
    assert_true(client_sendf(c, "GET / HTTP/1.1\r\nHost: te"));
}

static void to_body(struct rig *r, struct client *c)
{
    ask(r, c, "POST /sum HTTP/1.1\r\nHost: test\r\nContent-Length: 100000\r\n\r\nsome of it");
}

static void to_chunk(struct rig *r, struct client *c)
{
    ask(r, c, "POST /sum HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nsome");
}

static void to_reply_head(struct rig *r, struct client *c)
{
    ask(r, c, "GET /never HTTP/1.1\r\nHost: test\r\n\r\n");
}

static void to_reply_body(struct rig *r, struct client *c)
{
    struct reply reply = {0};
    ask(r, c, "GET /stall/8000000 HTTP/1.1\r\nHost: test\r\n\r\n");
    assert_true(http_read_head(c, &reply, 5000));
    reply_free(&reply);
}

static void to_idle(struct rig *r, struct client *c)
{
    struct reply reply = {0};
    (void)r;
    assert_true(http_exchange(c, "GET", "/", NULL, &reply));
    reply_free(&reply);
}

static void to_pipeline(struct rig *r, struct client *c)
{
    ask(r, c,
        "GET /slow/50 HTTP/1.1\r\nHost: test\r\n\r\nGET / HTTP/1.1\r\nHost: test\r\n\r\n"
        "GET / HTTP/1.1\r\nHo");
}

static void to_tunnel(struct rig *r, struct client *c)
{
    struct reply reply = {0};
    ask(r, c, "GET /upgrade HTTP/1.1\r\nHost: test\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n");
    assert_true(http_read_head(c, &reply, 5000));
    assert_int_equal(reply.status, 101);
    reply_free(&reply);
}

struct state {
    const char *name;
    void (*reach)(struct rig *, struct client *);
};

static void run_case(struct rig *r, uint16_t port, const struct state *s, enum act act)
{
    struct client c;
    assert_true(client_open(&c, port));
    s->reach(r, &c);
    if (act_on(&c, act))
        client_close(&c);

    held_settle(&r->lb, &r->rest, s->name, act);
    client_close(&c);
    int status = http_get(r->next, "/", NULL, NULL);
    if (status != 200)
        fail_msg("%s, %s: the next client got %d", s->name, act_names[act], status);
}

static void http_clients(void **state)
{
    (void)state;
    static const struct state states[] = {
        {"connected", to_connected},
        {"head", to_head},
        {"body", to_body},
        {"chunk", to_chunk},
        {"reply head", to_reply_head},
        {"reply body", to_reply_body},
        {"idle", to_idle},
        {"pipeline", to_pipeline},
        {"tunnel", to_tunnel},
    };
    struct rig r;
    rig_start(&r);
    rig_rest(&r);
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        for (enum act act = 0; act < ACTS; act++)
            run_case(&r, r.http, &states[i], act);
    rig_stop(&r);
}

/* --- in the queue of a server that another client keeps busy --- */

static void to_queue(struct rig *r, struct client *c)
{
    assert_true(client_sendf(c, "GET / HTTP/1.1\r\nHost: test\r\n\r\n"));
    for (uint64_t end = now_ms() + 5000; held_by(&r->lb).queued == 0; sleep_ms(1))
        assert_true(now_ms() < end);
}

static void queued_clients(void **state)
{
    (void)state;
    static const struct state queue = {"queue", to_queue};
    struct rig r;
    struct client busy;
    rig_start(&r);
    rig_rest(&r);
    struct held before = r.rest;
    assert_true(client_open(&busy, r.narrow));
    to_reply_head(&r, &busy);
    r.rest = held_by(&r.lb);
    for (enum act act = 0; act < ACTS; act++)
        run_case(&r, r.narrow, &queue, act);
    client_reset(&busy);
    held_settle(&r.lb, &before, "queue emptied", ACT_RESET);
    assert_int_equal(http_get(r.narrow, "/", NULL, NULL), 200);
    rig_stop(&r);
}

/* --- layer 4: the origin speaks HTTP, the proxy does not --- */

static void tcp_clients(void **state)
{
    (void)state;
    static const struct state states[] = {
        {"tcp connected", to_connected},   {"tcp half a request", to_head},
        {"tcp waiting", to_reply_head},    {"tcp receiving", to_reply_body},
        {"tcp between requests", to_idle}, {"tcp echo", to_tunnel},
    };
    struct rig r;
    rig_start(&r);
    rig_rest(&r);
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        for (enum act act = 0; act < ACTS; act++)
            run_case(&r, r.tcp, &states[i], act);
    rig_stop(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        E2E_TEST(http_clients),
        E2E_TEST(queued_clients),
        E2E_TEST(tcp_clients),
    };
    return cmocka_run_group_tests_name("chaos-client", tests, NULL, NULL);
}
