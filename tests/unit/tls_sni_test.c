/* tls_sni_test.c — names in ClientHellos: whole, byte by byte, over records, malformed. */
#include "lb/tls/sni.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct hello {
    unsigned char p[4096];
    size_t n;
};

static void put(struct hello *h, unsigned bytes, size_t value)
{
    while (bytes--)
        h->p[h->n++] = (unsigned char)(value >> 8 * bytes);
}

static void put_text(struct hello *h, const char *text, size_t n)
{
    memcpy(h->p + h->n, text, n);
    h->n += n;
}

/* The handshake message with an extension in front of the name; NULL: no name. */
static struct hello message(const char *name, size_t n)
{
    struct hello h = {.n = 4};
    size_t ext = 4 + 3 + (name ? 4 + 2 + 3 + n : 0);
    put(&h, 2, 0x0303);
    for (unsigned i = 0; i < 32; i++)
        put(&h, 1, i);
    put(&h, 1, 4);
    put(&h, 4, 0xdeadbeef);
    put(&h, 2, 4);
    put(&h, 4, 0x13011302);
    put(&h, 2, 0x0100);
    put(&h, 2, ext);
    put(&h, 2, 43);
    put(&h, 2, 3);
    put(&h, 3, 0x020304);
    if (name) {
        put(&h, 2, 0);
        put(&h, 2, n + 5);
        put(&h, 2, n + 3);
        put(&h, 1, 0);
        put(&h, 2, n);
        put_text(&h, name, n);
    }
    h.p[0] = 1;
    h.p[1] = 0;
    h.p[2] = (unsigned char)((h.n - 4) >> 8);
    h.p[3] = (unsigned char)(h.n - 4);
    return h;
}

/* The same in records of at most `each` bytes. */
static struct hello records(const struct hello *m, size_t each)
{
    struct hello out = {.n = 0};
    for (size_t at = 0; at < m->n; at += each) {
        size_t n = m->n - at < each ? m->n - at : each;
        put(&out, 3, 0x160301);
        put(&out, 2, n);
        put_text(&out, (const char *)m->p + at, n);
    }
    return out;
}

static void test_name_is_found(void **state)
{
    char name[SNI_NAME_MAX + 1];
    struct hello m = message("WWW.Example.com", 15);
    (void)state;
    for (size_t each = 1; each < m.n + 1; each += each < 20 ? 1 : 50) {
        struct hello h = records(&m, each);
        if (each * 32 < m.n) {
            assert_int_equal(sni_parse(h.p, h.n, name), SNI_BAD); /* too many records */
            continue;
        }
        assert_int_equal(sni_parse(h.p, h.n, name), SNI_FOUND);
        assert_string_equal(name, "www.example.com");
    }
}

static void test_prefixes_ask_for_more(void **state)
{
    char name[SNI_NAME_MAX + 1];
    struct hello m = message("a.test", 6), h = records(&m, 40);
    (void)state;
    for (size_t n = 0; n < h.n; n++) {
        unsigned char *exact = malloc(n ? n : 1); /* so that a sanitizer sees a read too far */
        memcpy(exact, h.p, n);
        assert_int_equal(sni_parse(exact, n, name), SNI_MORE);
        free(exact);
    }
    assert_int_equal(sni_parse(h.p, h.n, name), SNI_FOUND);
}

static void test_no_name(void **state)
{
    char name[SNI_NAME_MAX + 1];
    struct hello m = message(NULL, 0), h = records(&m, 16384);
    (void)state;
    assert_int_equal(sni_parse(h.p, h.n, name), SNI_NONE);
}

static void test_bad_names(void **state)
{
    static const struct {
        const char *p;
        size_t n;
    } bad[] = {{"", 0}, {"a\0b", 3}, {"a b", 3}, {"a/b", 3}, {"[::1]", 5}, {"\xc3\xa4.de", 5}};
    char name[SNI_NAME_MAX + 1], longest[257];
    (void)state;
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct hello m = message(bad[i].p, bad[i].n), h = records(&m, 16384);
        assert_int_equal(sni_parse(h.p, h.n, name), SNI_BAD);
    }
    memset(longest, 'a', sizeof longest);
    struct hello m = message(longest, 256), h = records(&m, 16384);
    assert_int_equal(sni_parse(h.p, h.n, name), SNI_BAD);
    m = message(longest, 255);
    h = records(&m, 16384);
    assert_int_equal(sni_parse(h.p, h.n, name), SNI_FOUND);
}

static void test_not_a_hello(void **state)
{
    char name[SNI_NAME_MAX + 1];
    struct hello m = message("a.test", 6), h;
    (void)state;
    assert_int_equal(sni_parse((const unsigned char *)"GET / HTTP/1.1\r\n", 16, name), SNI_BAD);
    assert_int_equal(sni_parse((const unsigned char *)"\x15\x03\x01\x00\x02\x02\x28", 7, name),
                     SNI_BAD);
    assert_int_equal(sni_parse((const unsigned char *)"\x16\x02", 2, name), SNI_BAD);
    assert_int_equal(sni_parse((const unsigned char *)"\x16\x03\x01\x00\x00", 5, name), SNI_BAD);
    assert_int_equal(sni_parse((const unsigned char *)"\x16\x03\x01\x40\x01", 5, name), SNI_BAD);
    m.p[0] = 2; /* a ServerHello */
    h = records(&m, 16384);
    assert_int_equal(sni_parse(h.p, h.n, name), SNI_BAD);
    m = message("a.test", 6);
    m.p[1] = 1; /* 64 KiB and more */
    h = records(&m, 16384);
    assert_int_equal(sni_parse(h.p, h.n, name), SNI_BAD);
}

/* Lengths that disagree are refused or ask for more, and never read outside (sanitizers). */
static void test_every_byte_changed(void **state)
{
    char name[SNI_NAME_MAX + 1];
    struct hello m = message("a.test", 6), good = records(&m, 16384);
    (void)state;
    for (size_t i = 0; i < good.n; i++)
        for (unsigned v = 0; v < 256; v += 5) {
            unsigned char *p = malloc(good.n);
            memcpy(p, good.p, good.n);
            p[i] = (unsigned char)v;
            if (sni_parse(p, good.n, name) == SNI_FOUND)
                assert_true(strlen(name) > 0);
            free(p);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_name_is_found), cmocka_unit_test(test_prefixes_ask_for_more),
        cmocka_unit_test(test_no_name),       cmocka_unit_test(test_bad_names),
        cmocka_unit_test(test_not_a_hello),   cmocka_unit_test(test_every_byte_changed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
