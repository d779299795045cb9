/* canned_test.c — replies of lb's own: head, length, escaping, room. */
#include "lb/msg/canned.h"
#include "lb/msg/framing.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

static char out[CANNED_MAX + 1];

/* Writes the reply and returns its body; the head must be one lb itself accepts. */
static struct slice write_reply(const struct canned *c, struct head *h)
{
    static const struct head_limits limits = {CANNED_MAX, 32, 100};
    struct framing_asked asked = {c->head_only ? M_HEAD : M_GET, true};
    uint32_t resume = 0;
    enum why why;
    size_t n = canned_write(out, CANNED_MAX, c);
    assert_true(n > 0);
    out[n] = '\0';
    assert_int_equal(head_response(h, out, n, &resume, &limits, &why), HEAD_DONE);
    assert_int_equal(h->status, c->status);
    assert_true(framing_response(h, &asked, &why));
    if (h->framing == FRAMING_LENGTH)
        assert_int_equal(h->clen, n - h->len);
    return (struct slice){out + h->len, n - h->len};
}

static void every_reason_fits_in_both_forms(void **state)
{
    char id[128];
    static struct head h;
    (void)state;
    memset(id, '"', sizeof id);
    for (unsigned w = 0; w < WHY_COUNT; w++) {
        int status = why_info((enum why)w)->status;
        for (int json = 0; json < 2; json++) {
            struct canned c = {.status = status ? status : 502,
                               .why = (enum why)w,
                               .json = json,
                               .request_id = {id, sizeof id},
                               .close = true,
                               .date = SLICE("Tue, 11 Jun 2024 10:00:00 GMT")};
            struct slice body = write_reply(&c, &h);
            assert_true(body.n > 0 && h.fl & HEAD_CLOSE);
            assert_non_null(head_find(&h, TOK_DATE, 0));
            struct slice word = field_value(&h, head_find_name(&h, SLICE("x-lb-reason"))
                                                    ? head_find_name(&h, SLICE("x-lb-reason"))
                                                    : &h.f[0]);
            assert_true(w == WHY_OK || slice_eq(word, slice_of(why_word((enum why)w))));
        }
    }
}

static void json_is_json(void **state)
{
    static struct head h;
    struct canned c = {
        .status = 502, .why = WHY_CONNECT_FAILED, .json = true, .request_id = SLICE("a\"b\\c")};
    (void)state;
    struct slice body = write_reply(&c, &h);
    json_t *j = json_loadb(body.p, body.n, 0, NULL);
    assert_non_null(j);
    assert_string_equal(json_string_value(json_object_get(j, "request_id")), "a\"b\\c");
    assert_string_equal(json_string_value(json_object_get(j, "reason")), "connect-failed");
    assert_int_equal(json_integer_value(json_object_get(j, "status")), 502);
    json_decref(j);
}

static void html_is_escaped(void **state)
{
    static struct head h;
    struct canned c = {.status = 400, .why = WHY_BAD_HOST, .request_id = SLICE("<script>'\"&")};
    (void)state;
    (void)write_reply(&c, &h);
    assert_non_null(strstr(out, "&lt;script&gt;&#39;&quot;&amp;"));
    assert_null(strstr(out + h.len, "<script>"));
    assert_non_null(strstr(out, "the Host field is missing"));
}

static void hostile_text_stays_out_of_the_head(void **state)
{
    static struct head h;
    struct canned c = {.status = 302,
                       .why = WHY_ROUTE_REPLY,
                       .request_id = SLICE("a\r\nX: y"),
                       .location = SLICE("https://b/x")};
    (void)state;
    (void)write_reply(&c, &h);
    assert_null(strstr(out, "X: y"));
    assert_non_null(strstr(out, "\r\nLocation: https://b/x\r\n"));
    c.location = SLICE("https://b/\r\nX: y");
    assert_int_equal(canned_write(out, CANNED_MAX, &c), 0);
}

static void replies_without_a_body(void **state)
{
    static struct head h;
    struct canned c = {.status = 503, .why = WHY_NO_SERVER, .head_only = true};
    (void)state;
    assert_int_equal(write_reply(&c, &h).n, 0);
    assert_true(h.fl & HEAD_CLEN);
    c = (struct canned){.status = 204, .why = WHY_OK};
    assert_int_equal(write_reply(&c, &h).n, 0);
    assert_false(h.fl & HEAD_CLEN);
    c = (struct canned){
        .status = 405, .why = WHY_METHOD_REFUSED, .fields = SLICE("Allow: GET\r\n")};
    assert_true(write_reply(&c, &h).n > 0);
    assert_non_null(strstr(out, "\r\nAllow: GET\r\n"));
}

static void what_does_not_fit_is_not_written(void **state)
{
    struct canned c = {.status = 503, .why = WHY_NO_SERVER};
    size_t n = canned_write(out, CANNED_MAX, &c);
    (void)state;
    for (size_t max = 0; max < n; max++) {
        char *exact = malloc(max ? max : 1);
        assert_non_null(exact);
        assert_int_equal(canned_write(exact, max, &c), 0);
        free(exact);
    }
    assert_int_equal(canned_write(out, n, &c), n);
}

static void phrases(void **state)
{
    (void)state;
    assert_string_equal(status_phrase(502), "Bad Gateway");
    assert_string_equal(status_phrase(299), "Unknown");
    for (unsigned w = 0; w < WHY_COUNT; w++)
        if (why_info((enum why)w)->status)
            assert_string_not_equal(status_phrase(why_info((enum why)w)->status), "Unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_reason_fits_in_both_forms),
        cmocka_unit_test(json_is_json),
        cmocka_unit_test(html_is_escaped),
        cmocka_unit_test(hostile_text_stays_out_of_the_head),
        cmocka_unit_test(replies_without_a_body),
        cmocka_unit_test(what_does_not_fit_is_not_written),
        cmocka_unit_test(phrases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
