/* proxyproto_test.c — PROXY protocol headers: what is read, what is refused, what is written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lb/net/proxyproto.h"

#define SIG "\r\n\r\n\0\r\nQUIT\n"

static void check_text(const struct peer *p, const char *want)
{
    char text[ADDR_TEXT_MAX];
    text[peer_text(p, text)] = '\0';
    assert_string_equal(text, want);
}

/* Whole, byte by byte, and with bytes behind it. */
static enum proxy_verdict read_head(const char *p, size_t n, struct proxy_head *h)
{
    char more[PROXY_HEAD_MAX + 64];
    enum proxy_verdict v = proxy_parse(p, n, h);
    for (size_t i = 0; i < n; i++) {
        struct proxy_head part;
        enum proxy_verdict early = proxy_parse(p, i, &part);
        assert_true(early == PROXY_MORE || (early == PROXY_BAD && v == PROXY_BAD));
    }
    if (v == PROXY_DONE) {
        assert_int_equal(h->len, n);
        memcpy(more, p, n);
        memcpy(more + n, "GET / HTTP/1.1\r\n", 16);
        assert_int_equal(proxy_parse(more, n + 16, h), PROXY_DONE);
        assert_int_equal(h->len, n);
    }
    return v;
}
#define READ(literal, h) read_head(literal, sizeof(literal) - 1, h)

static void version_1_is_read(void **state)
{
    (void)state;
    struct proxy_head h;
    assert_int_equal(READ("PROXY TCP4 192.0.2.1 198.51.100.7 51234 443\r\n", &h), PROXY_DONE);
    assert_true(h.named);
    assert_int_equal(h.version, 1);
    check_text(&h.src, "192.0.2.1:51234");
    check_text(&h.dst, "198.51.100.7:443");
    assert_int_equal(READ("PROXY TCP6 2001:db8::1 ::1 0 65535\r\n", &h), PROXY_DONE);
    check_text(&h.src, "[2001:db8::1]:0");
    check_text(&h.dst, "[::1]:65535");
    assert_int_equal(READ("PROXY UNKNOWN\r\n", &h), PROXY_DONE);
    assert_false(h.named);
    assert_int_equal(READ("PROXY UNKNOWN what ever 1 2\r\n", &h), PROXY_DONE);
    assert_false(h.named);
}

static void version_1_is_not_mended(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "GET / HTTP/1.1\r\n",
        "PROXX",
        "proxy TCP4 1.2.3.4 1.2.3.4 1 2\r\n",
        "PROXY  TCP4 1.2.3.4 1.2.3.4 1 2\r\n",
        "PROXY TCP4  1.2.3.4 1.2.3.4 1 2\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 +1 2\r\n",
        "PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n",
        "PROXY TCP4 01.2.3.4 1.2.3.4 1 2\r\n",
        "PROXY TCP4 ::1 ::1 1 2\r\n",
        "PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n",
        "PROXY TCP6 fe80::1%1 ::1 1 2\r\n",
        "PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\rx",
        "PROXY UNKNOWN xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
        "xxxxxxxxxxxxxxxxxxxx\r\n",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct proxy_head h;
        if (read_head(bad[i], strlen(bad[i]), &h) != PROXY_BAD)
            fail_msg("accepted: %s", bad[i]);
    }
}

static void version_2_is_read(void **state)
{
    (void)state;
    struct proxy_head h;
    assert_int_equal(READ(SIG "\x21\x11\0\x0c\xc0\0\2\1\xc6\x33\x64\7\xc8\x22\1\xbb", &h),
                     PROXY_DONE);
    assert_int_equal(h.version, 2);
    check_text(&h.src, "192.0.2.1:51234");
    check_text(&h.dst, "198.51.100.7:443");
    assert_int_equal(READ(SIG "\x21\x21\0\x24\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1"
                              "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\1\0\2",
                          &h),
                     PROXY_DONE);
    check_text(&h.src, "[2001:db8::1]:1");
    check_text(&h.dst, "[::1]:2");
    assert_int_equal(READ(SIG "\x20\0\0\0", &h), PROXY_DONE); /* LOCAL */
    assert_false(h.named);
    assert_int_equal(READ(SIG "\x20\x11\0\3abc", &h), PROXY_DONE);
    assert_false(h.named);
    assert_int_equal(READ(SIG "\x21\0\0\3abc", &h), PROXY_DONE); /* UNSPEC */
    assert_false(h.named);
    char local[16 + 216] = SIG "\x21\x31\0\xd8";
    assert_int_equal(read_head(local, sizeof local, &h), PROXY_DONE);
    assert_true(h.named);
    assert_int_equal(h.src.family, AF_UNIX);
}

static void version_2_is_not_mended(void **state)
{
    (void)state;
    struct proxy_head h;
    assert_int_equal(READ("\r\n\r\n\0\r\nQUIT\r", &h), PROXY_BAD);
    assert_int_equal(READ(SIG "\x11\x11\0\0", &h), PROXY_BAD);               /* version 1 */
    assert_int_equal(READ(SIG "\x22\x11\0\0", &h), PROXY_BAD);               /* unknown command */
    assert_int_equal(READ(SIG "\x21\x11\0\3abc", &h), PROXY_BAD);            /* too short */
    assert_int_equal(READ(SIG "\x21\x12\0\x0c____________", &h), PROXY_BAD); /* UDP */
    assert_int_equal(READ(SIG "\x21\x41\0\0", &h), PROXY_BAD);
    assert_int_equal(READ(SIG "\x21\x11\x10\0", &h), PROXY_BAD); /* too long */
    assert_int_equal(READ(SIG "\x21\x11\0\x0d____________\5", &h), PROXY_BAD);
    assert_int_equal(READ(SIG "\x21\x11\0\x10____________\5\0\2x", &h), PROXY_BAD);
}

static void checksum_is_checked(void **state)
{
    (void)state;
    struct proxy_head h;
    char head[] = SIG "\x21\x11\0\x13\xc0\0\2\1\xc6\x33\x64\7\xc8\x22\1\xbb\3\0\4CRC0";
    size_t n = sizeof head - 1;
    memcpy(head + n - 4, "\x71\x7f\xb0\xc3", 4);
    assert_int_equal(read_head(head, n, &h), PROXY_DONE);
    head[20] ^= 1;
    assert_int_equal(read_head(head, n, &h), PROXY_BAD);
}

static void both_versions_are_written(void **state)
{
    (void)state;
    char out[256];
    struct proxy_head in, h;
    assert_int_equal(READ("PROXY TCP4 192.0.2.1 198.51.100.7 51234 443\r\n", &in), PROXY_DONE);
    struct proxy_out o = {.version = 1, .src = &in.src, .dst = &in.dst};
    out[proxy_write(out, sizeof out, &o)] = '\0';
    assert_string_equal(out, "PROXY TCP4 192.0.2.1 198.51.100.7 51234 443\r\n");
    struct proxy_tlv tlv[] = {{PROXY_TLV_UNIQUE_ID, SLICE("id-1")}, {PROXY_TLV_ALPN, {NULL, 0}}};
    o = (struct proxy_out){.version = 2, .src = &in.src, .dst = &in.dst, .tlv = tlv, .ntlv = 2};
    size_t n = proxy_write(out, sizeof out, &o);
    assert_int_equal(n, 16 + 12 + 7);
    assert_int_equal(proxy_parse(out, n, &h), PROXY_DONE);
    check_text(&h.src, "192.0.2.1:51234");
    assert_memory_equal(out + 28, "\5\0\4id-1", 7);
    assert_int_equal(proxy_write(out, n - 1, &o), 0);
}

static void mixed_families_are_written_as_ipv6(void **state)
{
    (void)state;
    char out[256];
    struct proxy_head a, b;
    assert_int_equal(READ("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n", &a), PROXY_DONE);
    assert_int_equal(READ("PROXY TCP6 ::1 ::2 3 4\r\n", &b), PROXY_DONE);
    struct proxy_out o = {.version = 1, .src = &a.src, .dst = &b.dst};
    out[proxy_write(out, sizeof out, &o)] = '\0';
    assert_string_equal(out, "PROXY TCP6 ::ffff:192.0.2.1 ::2 1 4\r\n");
}

static void own_connections_name_nobody(void **state)
{
    (void)state;
    char out[64];
    struct proxy_head h;
    struct proxy_out o = {.version = 1};
    out[proxy_write(out, sizeof out, &o)] = '\0';
    assert_string_equal(out, "PROXY UNKNOWN\r\n");
    o.version = 2;
    size_t n = proxy_write(out, sizeof out, &o);
    assert_int_equal(n, 16);
    assert_memory_equal(out + 12, "\x20\0\0\0", 4);
    assert_int_equal(proxy_parse(out, n, &h), PROXY_DONE);
    assert_false(h.named);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_1_is_read),
        cmocka_unit_test(version_1_is_not_mended),
        cmocka_unit_test(version_2_is_read),
        cmocka_unit_test(version_2_is_not_mended),
        cmocka_unit_test(checksum_is_checked),
        cmocka_unit_test(both_versions_are_written),
        cmocka_unit_test(mixed_families_are_written_as_ipv6),
        cmocka_unit_test(own_connections_name_nobody),
    };
    return cmocka_run_group_tests_name("proxyproto", tests, NULL, NULL);
}
