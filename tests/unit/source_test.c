/* source_test.c — counting connections by client network. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lb/session/source.h"

#include <arpa/inet.h>
#include <pthread.h>

static struct peer peer(const char *text)
{
    struct peer p = {.family = strchr(text, ':') ? AF_INET6 : AF_INET};
    if (p.family == AF_INET6) {
        assert_int_equal(inet_pton(AF_INET6, text, p.ip), 1);
    } else {
        p.ip[10] = p.ip[11] = 0xff;
        assert_int_equal(inet_pton(AF_INET, text, p.ip + 12), 1);
    }
    return p;
}

static bool enter(struct sources *t, const char *ip, unsigned bits, uint64_t *key)
{
    struct peer p = peer(ip);
    return sources_enter(t, &(struct source){&p, bits, NULL}, 2, key);
}

static void networks_are_counted_apart(void **state)
{
    (void)state;
    uint64_t a, b, c;
    struct sources *t = sources_new(1000, 7);
    assert_true(enter(t, "192.0.2.1", 128, &a) && a);
    assert_true(enter(t, "192.0.2.1", 128, &b) && b == a);
    assert_false(enter(t, "192.0.2.1", 128, &c));
    assert_int_equal(c, 0);
    assert_true(enter(t, "192.0.2.2", 128, &c) && c != a);
    sources_leave(t, a);
    assert_true(enter(t, "192.0.2.1", 128, &b));
    assert_false(enter(t, "192.0.2.1", 128, &c));
    sources_free(t);
}

static void a_prefix_is_one_network(void **state)
{
    (void)state;
    uint64_t k;
    struct sources *t = sources_new(1000, 7);
    assert_true(enter(t, "2001:db8::1", 64, &k));
    assert_true(enter(t, "2001:db8::ffff:1", 64, &k));
    assert_false(enter(t, "2001:db8::2", 64, &k));
    assert_true(enter(t, "2001:db8:0:1::2", 64, &k));
    assert_true(enter(t, "10.1.2.3", 96 + 12, &k));
    assert_true(enter(t, "10.15.2.3", 96 + 12, &k));
    assert_false(enter(t, "10.4.2.3", 96 + 12, &k));
    assert_true(enter(t, "10.16.2.3", 96 + 12, &k));
    sources_free(t);
}

static void scopes_are_counted_apart(void **state)
{
    (void)state;
    uint64_t k;
    struct peer p = peer("192.0.2.1");
    struct sources *t = sources_new(1000, 7);
    assert_true(sources_enter(t, &(struct source){&p, 128, &p}, 1, &k));
    assert_false(sources_enter(t, &(struct source){&p, 128, &p}, 1, &k));
    assert_true(sources_enter(t, &(struct source){&p, 128, &k}, 1, &k));
    sources_free(t);
}

enum { THREADS = 4, ROUNDS = 20000, HELD = 16 };

static void *churn(void *arg)
{
    struct sources *t = arg;
    uint64_t held[HELD] = {0};
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct peer p = {.family = AF_INET};
        p.ip[15] = (uint8_t)(i * 7 % 50);
        sources_leave(t, held[i % HELD]);
        (void)sources_enter(t, &(struct source){&p, 128, NULL}, 1000, &held[i % HELD]);
    }
    for (unsigned i = 0; i < HELD; i++)
        sources_leave(t, held[i]);
    return NULL;
}

static void threads_leave_nothing_behind(void **state)
{
    (void)state;
    pthread_t thread[THREADS];
    struct sources *t = sources_new(10, 7);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, churn, t), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(thread[i], NULL), 0);
    for (unsigned i = 0; i < 50; i++) {
        uint64_t k;
        struct peer p = {.family = AF_INET};
        p.ip[15] = (uint8_t)i;
        assert_true(sources_enter(t, &(struct source){&p, 128, NULL}, 1, &k));
    }
    sources_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(networks_are_counted_apart),
        cmocka_unit_test(a_prefix_is_one_network),
        cmocka_unit_test(scopes_are_counted_apart),
        cmocka_unit_test(threads_leave_nothing_behind),
    };
    return cmocka_run_group_tests_name("source", tests, NULL, NULL);
}
