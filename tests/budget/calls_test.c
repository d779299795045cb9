/*
 * calls_test.c — system calls, heap calls and locks of the worker, per request and per connection.
 *
 * One client at a time, so each exchange pays for two wake-ups; under load epoll_wait is shared by
 * many. What is exact here is exact on any machine.
 */
#include "tests/budget/lib/budget.h"

enum { N = 400 };

static unsigned system_calls(const struct counts *c)
{
    uint64_t sum = 0;
    for (unsigned k = 0; k <= CALL_OTHER; k++)
        sum += k == CALL_WAIT ? 0 : c->n[k];
    return (unsigned)(sum + c->n[CALL_MAP]);
}

static void assert_no_memory_or_lock(const struct counts *c)
{
    assert_int_equal(c->n[CALL_HEAP], 0);
    assert_int_equal(c->n[CALL_FREE], 0);
    assert_int_equal(c->n[CALL_MAP], 0);
    assert_int_equal(c->n[CALL_LOCK], 0);
}

static void keepalive_request(void **state)
{
    (void)state;
    struct budget b;
    struct client c = {.fd = -1};
    budget_start(&b, true);
    assert_true(client_open(&c, b.web));
    budget_keepalive(&c, 50);
    struct counts before = budget_count(&b, NULL);
    budget_keepalive(&c, N);
    struct counts did = budget_count(&b, &before);
    budget_show("keep-alive request", &did, N);
    assert_int_equal(did.n[CALL_RECV], 2 * N);
    assert_int_equal(did.n[CALL_SEND], 2 * N);
    assert_int_equal(did.n[CALL_EPOLL_CTL], 0);
    assert_int_equal(system_calls(&did), 4 * N);
    assert_in_range(did.n[CALL_WAIT], 0, 2 * N + 10); /* some for the tick of the timers */
    assert_no_memory_or_lock(&did);
    client_close(&c);
    budget_stop(&b);
}

/* accept4 until there is none, two epoll_ctl, four for the data, the client's end, close. A request
 * that comes later than its connection costs one read more, made right after the accept. */
static void request_with_a_connection(void **state)
{
    (void)state;
    struct budget b;
    budget_start(&b, true);
    budget_close(&b, 50);
    struct counts before = budget_count(&b, NULL);
    budget_close(&b, N);
    struct counts did = budget_count(&b, &before);
    budget_show("request with a connection of its own", &did, N);
    assert_in_range(did.n[CALL_ACCEPT], N, 2 * N);
    assert_in_range(did.n[CALL_RECV], 3 * N, 4 * N);
    assert_int_equal(did.n[CALL_SEND], 2 * N);
    assert_int_equal(did.n[CALL_EPOLL_CTL], 2 * N);
    assert_int_equal(did.n[CALL_CLOSE], N);
    assert_in_range(system_calls(&did), 0, 11 * N);
    assert_no_memory_or_lock(&did);
    budget_stop(&b);
}

/* Both ends are half-closed in turn: two accept4 (the second finds none), socket, setsockopt,
 * connect and its result, four for the data, two ends of input and at most two early reads, four
 * epoll_ctl, two shutdown, two close. */
static void tcp_connection(void **state)
{
    (void)state;
    struct budget b;
    budget_start(&b, true);
    budget_tcp(&b, 50);
    struct counts before = budget_count(&b, NULL);
    budget_tcp(&b, N);
    struct counts did = budget_count(&b, &before);
    budget_show("TCP connection with one exchange", &did, N);
    assert_int_equal(did.n[CALL_SEND], 2 * N);
    assert_in_range(did.n[CALL_RECV], 4 * N, 6 * N);
    assert_in_range(did.n[CALL_EPOLL_CTL], 0, 4 * N);
    assert_int_equal(did.n[CALL_SOCKET] + did.n[CALL_CONNECT] + did.n[CALL_CLOSE], 4 * N);
    assert_in_range(did.n[CALL_SOCKOPT], 0, 2 * N);
    assert_in_range(did.n[CALL_SHUTDOWN], 0, 2 * N);
    assert_in_range(system_calls(&did), 0, 22 * N);
    assert_no_memory_or_lock(&did);
    budget_stop(&b);
}

/* Many clients at a time: the buffers of a batch come from the pools as well. */
static void many_clients_at_a_time(void **state)
{
    (void)state;
    enum { CLIENTS = 64, ROUNDS = 20 };
    static struct client c[CLIENTS];
    struct budget b;
    struct counts before = {{0}};
    budget_start(&b, true);
    for (unsigned i = 0; i < CLIENTS; i++)
        assert_true(client_open(&c[i], b.web));
    for (unsigned round = 0; round < 2 * ROUNDS; round++) {
        if (round == ROUNDS)
            before = budget_count(&b, NULL);
        for (unsigned i = 0; i < CLIENTS; i++)
            assert_true(client_send(&c[i], budget_request, strlen(budget_request)));
        for (unsigned i = 0; i < CLIENTS; i++) {
            assert_true(client_until(&c[i], "\r\n\r\norigin", CLIENT_WAIT_MS));
            text_drop(&c[i].in, c[i].in.n);
        }
    }
    struct counts did = budget_count(&b, &before);
    budget_show("request, 64 clients", &did, CLIENTS * ROUNDS);
    assert_in_range(did.n[CALL_RECV] + did.n[CALL_SEND], 0, 4 * CLIENTS * ROUNDS);
    assert_in_range(did.n[CALL_WAIT], 0, 2 * CLIENTS * ROUNDS);
    for (unsigned i = 0; i < CLIENTS; i++)
        client_close(&c[i]);
    budget_stop(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        E2E_TEST(keepalive_request),
        E2E_TEST(request_with_a_connection),
        E2E_TEST(tcp_connection),
        E2E_TEST(many_clients_at_a_time),
    };
    return cmocka_run_group_tests_name("calls", tests, NULL, NULL);
}
