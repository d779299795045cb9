/* llhttp_referee_test.c — whatever lb accepts of tests/http, llhttp in strict mode accepts too. */
#include "lb/msg/chunk.h"
#include "tests/http/cases.h"
#include "tests/http/referee.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static unsigned judged, failed;

static void judge(const struct hcase *c)
{
    static struct head h;
    uint32_t resume = 0;
    enum why why;
    const char *said;
    if (c->verdict != CASE_OK || c->no_referee)
        return;
    if (c->kind == CASE_CHUNK) {
        struct chunk_scan s;
        size_t used;
        chunk_init(&s);
        if (chunk_scan(&s, c->msg.p, c->msg.n, &used, &why) != CHUNK_DONE)
            return; /* http_cases_test reports it */
        said = referee_chunked(c->msg.p, used, s.total);
    } else {
        bool request = c->kind == CASE_REQUEST;
        enum head_verdict v = (request ? head_request : head_response)(&h, c->msg.p, c->msg.n,
                                                                       &resume, &c->limits, &why);
        if (v != HEAD_DONE ||
            !(request ? framing_request(&h, &why) : framing_response(&h, &c->asked, &why)))
            return;
        said = referee_head(&h, request, &c->asked);
    }
    judged++;
    if (said) {
        failed++;
        fprintf(stderr, "%s: %s\n", c->where, said);
    }
}

static void llhttp_agrees_with_what_is_accepted(void **state)
{
    (void)state;
    (void)cases_each("tests/http", judge);
    printf("%u messages judged by llhttp\n", judged);
    assert_true(judged > 100);
    assert_int_equal(failed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(llhttp_agrees_with_what_is_accepted)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
