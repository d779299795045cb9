/* reqid_test.c — request ids: form, order, and that they do not repeat. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lb/session/reqid.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const uint64_t start_us = UINT64_C(1700000000123456);

/* RFC 9562 section 5.7: version 7, variant 10, 48 bits of milliseconds in front. */
static void form(void **state)
{
    (void)state;
    struct reqid_gen g;
    reqid_init(&g, 1);
    for (unsigned i = 0; i < 10000; i++) {
        char t[REQID_TEXT + 1] = {0};
        uint64_t us = start_us + i * 1777;
        reqid_make(&g, us, t);
        for (unsigned k = 0; k < REQID_TEXT; k++) {
            bool dash = k == 8 || k == 13 || k == 18 || k == 23;
            assert_true(dash ? t[k] == '-' : strchr("0123456789abcdef", t[k]) != NULL);
        }
        assert_int_equal(t[14], '7');
        assert_non_null(strchr("89ab", t[19]));
        char ms[13] = {0};
        memcpy(ms, t, 8);
        memcpy(ms + 8, t + 9, 4);
        assert_int_equal(strtoull(ms, NULL, 16), us / 1000);
    }
}

/* Many within one reading of the clock, a clock set back, one that moves: always rising. */
static void order(void **state)
{
    (void)state;
    struct reqid_gen g;
    char last[REQID_TEXT] = {0}, now[REQID_TEXT];
    uint64_t us = start_us;
    reqid_init(&g, 2);
    for (unsigned i = 0; i < 100000; i++) {
        if (i % 1000 == 0)
            us += i % 3000 ? 300 : -(uint64_t)100;
        reqid_make(&g, us, now);
        assert_true(memcmp(last, now, sizeof now) < 0);
        memcpy(last, now, sizeof now);
    }
}

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, REQID_TEXT);
}

static void workers_differ(void **state)
{
    (void)state;
    enum { N = 1000, WORKERS = 4 };
    static char ids[N * WORKERS][REQID_TEXT];
    for (unsigned w = 0; w < WORKERS; w++) {
        struct reqid_gen g;
        reqid_init(&g, w);
        for (unsigned i = 0; i < N; i++)
            reqid_make(&g, start_us, ids[w * N + i]);
    }
    qsort(ids, N * WORKERS, REQID_TEXT, compare);
    for (unsigned i = 1; i < N * WORKERS; i++)
        assert_true(compare(ids[i - 1], ids[i]) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(form),
        cmocka_unit_test(order),
        cmocka_unit_test(workers_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
