/* head_test.c — what tests/http cannot say in one line: tokens, look-ups, lists, cookies, reuse. */
#include "lb/msg/head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

static const struct head_limits limits = {65536 * 4, 128, 8192};
static struct head h;

static void must_parse(const char *text, size_t n)
{
    uint32_t resume = 0;
    enum why why = WHY_OK;
    enum head_verdict v = head_request(&h, text, n, &resume, &limits, &why);
    if (v != HEAD_DONE)
        fail_msg("verdict %d, %s", v, why_word(why));
}

#define PARSE(literal) must_parse(literal, sizeof(literal) - 1)

static void assert_slice(struct slice s, const char *want)
{
    if (!slice_eq(s, slice_of(want)))
        fail_msg("'%.*s' is not '%s'", (int)s.n, s.n ? s.p : "", want);
}

static void each_known_name_has_its_token(void **state)
{
    static const struct {
        const char *name;
        enum head_tok tok;
    } known[] = {
        {"Connection", TOK_CONNECTION},
        {"KEEP-ALIVE", TOK_KEEP_ALIVE},
        {"proxy-connection", TOK_PROXY_CONNECTION},
        {"Te", TOK_TE},
        {"Trailer", TOK_TRAILER},
        {"Transfer-Encoding", TOK_TRANSFER_ENCODING},
        {"Upgrade", TOK_UPGRADE},
        {"Content-Length", TOK_CONTENT_LENGTH},
        {"Cookie", TOK_COOKIE},
        {"Set-Cookie", TOK_SET_COOKIE},
        {"X-Forwarded-For", TOK_X_FORWARDED_FOR},
        {"X-Forwarded-Proto", TOK_X_FORWARDED_PROTO},
        {"X-Forwarded-Host", TOK_X_FORWARDED_HOST},
        {"Forwarded", TOK_FORWARDED},
        {"Via", TOK_VIA},
        {"X-Request-ID", TOK_X_REQUEST_ID},
        {"HTTP2-Settings", TOK_HTTP2_SETTINGS},
        {"Proxy-Authenticate", TOK_PROXY_AUTHENTICATE},
        {"Proxy-Authorization", TOK_PROXY_AUTHORIZATION},
        {"Date", TOK_DATE},
        {"Dat_", TOK_OTHER},
        {"Datee", TOK_OTHER},
        {"Content_Length", TOK_OTHER},
        {"Content-Lengtg", TOK_OTHER},
        {"Transfer-EncodinG", TOK_TRANSFER_ENCODING},
    };
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        char text[128];
        int n = snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: a\r\n%s: 1\r\n\r\n",
                         known[i].name);
        must_parse(text, (size_t)n);
        assert_int_equal(h.f[0].tok, TOK_HOST);
        assert_int_equal(h.f[1].tok, known[i].tok);
    }
}

static void fields_are_found_by_token_and_name(void **state)
{
    (void)state;
    PARSE("GET / HTTP/1.1\r\nHost: a\r\nVia: 1\r\nX-One:  two  \r\nvia: 2\r\n\r\n");
    assert_int_equal(h.nfields, 4);
    const struct field *f = head_find(&h, TOK_VIA, 0);
    assert_slice(field_value(&h, f), "1");
    f = head_find(&h, TOK_VIA, (unsigned)(f - h.f) + 1);
    assert_slice(field_value(&h, f), "2");
    assert_slice(field_name(&h, f), "via");
    assert_null(head_find(&h, TOK_VIA, 4));
    assert_null(head_find(&h, TOK_DATE, 0));
    assert_slice(field_value(&h, head_find_name(&h, SLICE("x-ONE"))), "two");
    assert_null(head_find_name(&h, SLICE("x-on")));
}

static void lists_skip_empty_elements_and_respect_quotes(void **state)
{
    struct slice v = SLICE(" a ,, b;q=\"x, \\\" y\" \t, c,");
    struct slice none = SLICE(" , ,"), nothing = {NULL, 0};
    (void)state;
    assert_slice(list_next(&v), "a");
    assert_slice(list_next(&v), "b;q=\"x, \\\" y\"");
    assert_slice(list_next(&v), "c");
    assert_null(list_next(&v).p);
    assert_null(list_next(&v).p);
    assert_null(list_next(&none).p);
    assert_null(list_next(&nothing).p);
    v = SLICE("a, \"open, b");
    assert_slice(list_next(&v), "a");
    assert_slice(list_next(&v), "\"open, b");
    assert_null(list_next(&v).p);
}

static void cookies_are_found_in_all_fields(void **state)
{
    (void)state;
    PARSE("GET / HTTP/1.1\r\nHost: a\r\nCookie: ab=1; a=2;b=; c\r\nCookie: d=x=y; a=3\r\n\r\n");
    assert_slice(head_cookie(&h, SLICE("a")), "2");
    assert_slice(head_cookie(&h, SLICE("ab")), "1");
    assert_slice(head_cookie(&h, SLICE("d")), "x=y");
    struct slice b = head_cookie(&h, SLICE("b"));
    assert_true(b.p && b.n == 0);
    assert_null(head_cookie(&h, SLICE("c")).p);
    assert_null(head_cookie(&h, SLICE("A")).p);
    assert_null(head_cookie(&h, SLICE("e")).p);
}

static void a_head_can_be_used_again(void **state)
{
    (void)state;
    PARSE("GET http://b/x?y HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTE: trailers\r\n\r\n");
    assert_true(h.fl & HEAD_ABSOLUTE && h.fl & HEAD_CLOSE);
    PARSE("PUT /z HTTP/1.0\r\n\r\n");
    assert_int_equal(h.fl, 0);
    assert_int_equal(h.nfields, 0);
    assert_int_equal(h.method, M_PUT);
    assert_null(h.host.p);
    assert_null(h.query.p);
}

static void resume_remembers_the_unfinished_line(void **state)
{
    static const char text[] = "GET / HTTP/1.1\r\nHost: abc\r\n\r\n";
    uint32_t resume = 0;
    enum why why;
    (void)state;
    assert_int_equal(head_request(&h, text, 18, &resume, &limits, &why), HEAD_MORE);
    assert_int_equal(resume, 16);
    assert_int_equal(head_request(&h, text, 22, &resume, &limits, &why), HEAD_MORE);
    assert_int_equal(resume, 16);
    assert_int_equal(head_request(&h, text, sizeof text - 1, &resume, &limits, &why), HEAD_DONE);
    assert_int_equal(resume, 0);
    assert_int_equal(h.len, sizeof text - 1);
}

static void a_name_longer_than_its_type_is_refused(void **state)
{
    enum { LONG = 70000 };
    static const char front[] = "GET / HTTP/1.1\r\nHost: a\r\n";
    uint32_t resume = 0;
    enum why why;
    char *text = malloc(LONG + 64);
    (void)state;
    assert_non_null(text);
    memcpy(text, front, sizeof front - 1);
    memset(text + sizeof front - 1, 'n', LONG);
    memcpy(text + sizeof front - 1 + LONG, ": x\r\n\r\n", 7);
    size_t n = sizeof front - 1 + LONG + 7;
    assert_int_equal(head_request(&h, text, n, &resume, &limits, &why), HEAD_BAD);
    assert_int_equal(why, WHY_HEADER_TOO_LARGE);
    free(text);
}

static void idempotent_methods(void **state)
{
    (void)state;
    assert_true(method_idempotent(M_GET) && method_idempotent(M_HEAD) && method_idempotent(M_PUT));
    assert_true(method_idempotent(M_DELETE) && method_idempotent(M_OPTIONS));
    assert_true(method_idempotent(M_TRACE));
    assert_false(method_idempotent(M_POST) || method_idempotent(M_PATCH));
    assert_false(method_idempotent(M_CONNECT) || method_idempotent(M_OTHER));
}

static void one_leading_crlf_may_be_skipped(void **state)
{
    (void)state;
    assert_int_equal(head_skip_crlf("\r\nGET", 5), 2);
    assert_int_equal(head_skip_crlf("\r", 1), 0);
    assert_int_equal(head_skip_crlf("\n\r", 2), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_known_name_has_its_token),
        cmocka_unit_test(fields_are_found_by_token_and_name),
        cmocka_unit_test(lists_skip_empty_elements_and_respect_quotes),
        cmocka_unit_test(cookies_are_found_in_all_fields),
        cmocka_unit_test(a_head_can_be_used_again),
        cmocka_unit_test(resume_remembers_the_unfinished_line),
        cmocka_unit_test(a_name_longer_than_its_type_is_refused),
        cmocka_unit_test(idempotent_methods),
        cmocka_unit_test(one_leading_crlf_may_be_skipped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
