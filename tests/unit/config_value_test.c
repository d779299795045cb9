/* config_value_test.c — numbers with units, addresses, networks, suggestions, the option table. */
#include "config/address.h"
#include "config/codes.h"
#include "config/options.h"
#include "config/suggest.h"
#include "config/value.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include <cmocka.h>

static void test_numbers(void **state)
{
    (void)state;
    uint64_t n;
    assert_int_equal(value_uint(SLICE("18446744073709551615"), &n), VALUE_OK);
    assert_true(n == UINT64_MAX);
    assert_int_equal(value_uint(SLICE("18446744073709551616"), &n), VALUE_BIG);
    assert_int_equal(value_uint(SLICE(""), &n), VALUE_BAD);
    assert_int_equal(value_uint(SLICE("-1"), &n), VALUE_BAD);
    assert_int_equal(value_duration(SLICE("90s"), &n), VALUE_OK);
    assert_int_equal(n, 90000);
    assert_int_equal(value_duration(SLICE("2d"), &n), VALUE_OK);
    assert_int_equal(n, 172800000);
    assert_int_equal(value_duration(SLICE("0"), &n), VALUE_OK);
    assert_int_equal(value_duration(SLICE("5"), &n), VALUE_NO_UNIT);
    assert_int_equal(value_duration(SLICE("5y"), &n), VALUE_UNIT);
    assert_int_equal(value_duration(SLICE("99999999999999999d"), &n), VALUE_BIG);
    assert_int_equal(value_size(SLICE("64K"), &n), VALUE_OK);
    assert_int_equal(n, 65536);
    assert_int_equal(value_size(SLICE("7"), &n), VALUE_OK);
    assert_int_equal(value_size(SLICE("7b"), &n), VALUE_OK);
    assert_int_equal(n, 7);
    assert_int_equal(value_ratio(SLICE("1.25"), &n), VALUE_OK);
    assert_int_equal(n, 1250);
    assert_int_equal(value_ratio(SLICE("12.5%"), &n), VALUE_OK);
    assert_int_equal(n, 125);
    assert_int_equal(value_ratio(SLICE("1."), &n), VALUE_BAD);
    assert_int_equal(value_ratio(SLICE("%"), &n), VALUE_BAD);
    assert_int_equal(value_ratio(SLICE("1.2345"), &n), VALUE_BAD);
}

static void round_trip(enum opt_type type, uint64_t num)
{
    char text[VALUE_TEXT_MAX];
    uint64_t back = ~num;
    value_format(type, num, text);
    struct slice s = slice_of(text);
    enum value_result r = type == OPT_DURATION ? value_duration(s, &back)
                          : type == OPT_SIZE   ? value_size(s, &back)
                                               : value_ratio(s, &back);
    assert_int_equal(r, VALUE_OK);
    assert_true(back == num);
}

static void test_format_round_trip(void **state)
{
    (void)state;
    static const uint64_t nums[] = {0,     1,     999,     1000,     1024,       1500,      60000,
                                    65536, 90000, 3600000, 86400000, 1073741824, 5368709120};
    for (unsigned i = 0; i < sizeof nums / sizeof *nums; i++) {
        round_trip(OPT_DURATION, nums[i]);
        round_trip(OPT_SIZE, nums[i]);
        round_trip(OPT_RATIO, nums[i]);
    }
}

static void test_addresses(void **state)
{
    (void)state;
    struct arena a;
    struct cfg_addr addr;
    struct sockaddr_storage ss;
    arena_init(&a, 1024, NULL);
    assert_null(address_parse(&a, SLICE("10.0.0.1:80"), ADDRESS_CONNECT, &addr));
    assert_int_equal(cfg_addr_sockaddr(&addr, &ss), sizeof(struct sockaddr_in));
    assert_int_equal(((struct sockaddr_in *)&ss)->sin_port, htons(80));
    assert_int_equal(((struct sockaddr_in *)&ss)->sin_addr.s_addr, htonl(0x0a000001));
    assert_null(address_parse(&a, SLICE("[0:0::1]:80"), ADDRESS_CONNECT, &addr));
    assert_string_equal(addr.text, "[::1]:80");
    assert_int_equal(cfg_addr_sockaddr(&addr, &ss), sizeof(struct sockaddr_in6));
    assert_null(address_parse(&a, SLICE("[::ffff:1.2.3.4]:80"), ADDRESS_CONNECT, &addr));
    assert_string_equal(addr.text, "1.2.3.4:80");
    assert_null(address_parse(&a, SLICE(":80"), ADDRESS_LISTEN, &addr));
    assert_int_equal(addr.kind, CFG_ADDR_ANY);
    assert_int_equal(cfg_addr_sockaddr(&addr, &ss), 0);
    assert_null(address_parse(&a, SLICE("db.internal:3306"), ADDRESS_CONNECT, &addr));
    assert_int_equal(addr.kind, CFG_ADDR_NAME);
    assert_string_equal(addr.host, "db.internal");
    assert_int_equal(addr.port, 3306);
    assert_int_equal(cfg_addr_sockaddr(&addr, &ss), 0);
    assert_null(address_parse(&a, SLICE("unix:/run/x"), ADDRESS_CONNECT, &addr));
    assert_string_equal(addr.host, "/run/x");
    assert_int_equal(cfg_addr_sockaddr(&addr, &ss),
                     offsetof(struct sockaddr_un, sun_path) + sizeof "/run/x");
    arena_release(&a);
}

static void test_networks(void **state)
{
    (void)state;
    static const char *const same[] = {"10.0.0.0/8",    "0.0.0.0/0", "192.168.1.1/32",
                                       "2001:db8::/32", "::/0",      "::1/128"};
    char text[NETWORK_TEXT_MAX];
    struct cfg_net net;
    for (unsigned i = 0; i < sizeof same / sizeof *same; i++) {
        assert_null(network_parse(slice_of(same[i]), &net));
        network_format(&net, text);
        assert_string_equal(text, same[i]);
    }
    assert_null(network_parse(SLICE("10.1.2.3"), &net));
    assert_int_equal(net.bits, 128);
    assert_int_equal(net.addr[10], 0xff);
    assert_non_null(network_parse(SLICE("10.0.0.1/8"), &net));
    assert_non_null(network_parse(SLICE("10.0.0.0/"), &net));
    assert_non_null(network_parse(SLICE("/8"), &net));
    assert_non_null(network_parse(SLICE(""), &net));
}

static const char *nearest(const char *word)
{
    static const char *const known[] = {"round-robin", "least-connections", "least-time", "weight"};
    struct suggest s;
    suggest_init(&s, slice_of(word));
    for (unsigned i = 0; i < sizeof known / sizeof *known; i++)
        suggest_try(&s, known[i]);
    return s.best ? s.best : "";
}

static void test_suggest(void **state)
{
    (void)state;
    assert_string_equal(nearest("leastcon"), "least-connections");
    assert_string_equal(nearest("round_robin"), "round-robin");
    assert_string_equal(nearest("wieght"), "weight");
    assert_string_equal(nearest("leasttime"), "least-time");
    assert_string_equal(nearest("xyzzy"), "");
    assert_string_equal(nearest(""), "");
    assert_string_equal(nearest("a-word-that-is-much-longer-than-any-known-word"), "");
}

/* What the parser takes for granted about its table. */
static void test_option_table(void **state)
{
    (void)state;
    struct protos p;
    options_protos(&p);
    assert_int_equal(p.timeouts.connect, 2000);
    assert_int_equal(p.timeouts.tunnel, 3600000);
    assert_int_equal(p.limits.header_bytes, 16384);
    assert_int_equal(p.retry.budget_pct, 20);
    assert_int_equal(p.backend.retry.attempts, 2);
    assert_int_equal(p.backend.idle_connections, 1024);
    assert_int_equal(p.check.fall, 3);
    assert_true(p.tls.verify);
    assert_string_equal(p.sticky.path, "/");
    for (unsigned i = 0; i < options_count; i++) {
        const struct directive *o = &options_table[i];
        assert_non_null(o->spec.help);
        assert_true(o->places != 0);
        assert_true(o->store != STORE_NONE || o->set || (o->places & 1u << PLACE_TOP));
        assert_true(o->store == STORE_NONE || o->base != BASE_NONE);
        if (o->store == STORE_NONE || !o->spec.def || o->store == STORE_TEXT)
            continue;
        uint64_t num = options_load(o, options_proto(&p, o->base));
        assert_true(num >= o->spec.min && num <= options_max(o));
    }
}

static void test_codes_are_sorted(void **state)
{
    (void)state;
    for (unsigned i = 1; CODES[i].code; i++)
        assert_true(strcmp(CODES[i - 1].code, CODES[i].code) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),          cmocka_unit_test(test_format_round_trip),
        cmocka_unit_test(test_addresses),        cmocka_unit_test(test_networks),
        cmocka_unit_test(test_suggest),          cmocka_unit_test(test_option_table),
        cmocka_unit_test(test_codes_are_sorted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
