/* accesslog_test.c — access-log lines: exact text, valid JSON under hostile bytes, bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lb/base/rng.h"
#include "lb/session/accesslog.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static const struct peer client = {.ip = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 7},
                                   .port = 51234,
                                   .family = AF_INET};
static const struct peer client6 = {.ip = {0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1},
                                    .port = 443,
                                    .family = AF_INET6};

static struct access_record example(void)
{
    return (struct access_record){.frontend = SLICE("web"),
                                  .backend = SLICE("app"),
                                  .server = SLICE("s1"),
                                  .client = &client,
                                  .method = SLICE("GET"),
                                  .target = SLICE("/a?b=c"),
                                  .host = SLICE("example.com"),
                                  .user_agent = SLICE("curl/8"),
                                  .request_id = SLICE("018bcfe5-6800"),
                                  .status = 200,
                                  .bytes_in = 120,
                                  .bytes_out = 4096,
                                  .header_us = 1,
                                  .queue_us = 0,
                                  .connect_us = 99,
                                  .first_byte_us = 100,
                                  .response_us = 12345,
                                  .total_us = UINT64_MAX,
                                  .retries = 1,
                                  .reused = true,
                                  .why = WHY_OK};
}

/* The line as NUL-terminated text in a block of just the promised size; the caller frees. */
static char *format(bool json, const struct access_record *r, uint64_t wall_us)
{
    struct access_clock clock = {0};
    size_t bound = accesslog_bound(r);
    char *block = malloc(bound);
    size_t n = accesslog_format(block, json, r, wall_us, &clock);
    assert_true(n <= bound);
    assert_int_equal(block[n - 1], '\n');
    assert_null(memchr(block, '\n', n - 1));
    char *text = calloc(1, n + 1);
    memcpy(text, block, n);
    free(block);
    return text;
}

static void check(bool json, const struct access_record *r, const char *line)
{
    char *text = format(json, r, UINT64_C(1700000000000042));
    assert_string_equal(text, line);
    free(text);
}

static void exact(void **state)
{
    (void)state;
    struct access_record r = example();
    check(false, &r,
          "2023-11-14T22:13:20.000042Z 192.0.2.7:51234 web app/s1 \"GET example.com /a?b=c\" 200 "
          "in=120 out=4096 header=1 queue=0 connect=99 first_byte=100 response=12345 "
          "total=18446744073709551615 retries=1 reused=1 why=ok id=018bcfe5-6800 "
          "agent=\"curl/8\"\n");
    check(true, &r,
          "{\"time\":\"2023-11-14T22:13:20.000042Z\",\"client\":\"192.0.2.7:51234\","
          "\"frontend\":\"web\",\"backend\":\"app\",\"server\":\"s1\",\"method\":\"GET\","
          "\"host\":\"example.com\",\"target\":\"/a?b=c\",\"status\":200,\"bytes_in\":120,"
          "\"bytes_out\":4096,\"header_us\":1,\"queue_us\":0,\"connect_us\":99,"
          "\"first_byte_us\":100,\"response_us\":12345,\"total_us\":18446744073709551615,"
          "\"retries\":1,\"reused\":true,\"why\":\"ok\",\"request_id\":\"018bcfe5-6800\","
          "\"user_agent\":\"curl/8\"}\n");
    r = (struct access_record){
        .frontend = SLICE("web"), .client = &client6, .why = WHY_HEADER_TIMEOUT};
    check(false, &r,
          "2023-11-14T22:13:20.000042Z [2001:db8::1]:443 web -/- \"- - -\" - in=0 out=0 header=0 "
          "queue=0 connect=0 first_byte=0 response=0 total=0 retries=0 reused=0 "
          "why=header-timeout id=- agent=\"\"\n");
    r.client = NULL;
    char *text = format(true, &r, 0);
    assert_non_null(strstr(text, "\"time\":\"1970-01-01T00:00:00.000000Z\",\"client\":\"-\""));
    free(text);
}

static void clock_prefix(void **state)
{
    (void)state;
    struct access_record r = example();
    struct access_clock clock = {0};
    char out[4096];
    static const struct {
        uint64_t us;
        const char *text;
    } t[] = {
        {UINT64_C(951782399999999), "2000-02-28T23:59:59.999999Z"},
        {UINT64_C(951782400000000), "2000-02-29T00:00:00.000000Z"},
        {UINT64_C(951782400000001), "2000-02-29T00:00:00.000001Z"},
        {UINT64_C(951782399000000), "2000-02-28T23:59:59.000000Z"}, /* set back */
    };
    for (unsigned i = 0; i < sizeof t / sizeof t[0]; i++) {
        (void)accesslog_format(out, false, &r, t[i].us, &clock);
        assert_memory_equal(out, t[i].text, strlen(t[i].text));
    }
}

static void hostile_text(void **state)
{
    (void)state;
    struct access_record r = example();
    r.target = SLICE("/a\" 200\r\nfake\x1b[2J\\\xff");
    r.user_agent = SLICE("a \"b\"\n");
    char *text = format(false, &r, 0);
    assert_non_null(strstr(text, " /a\\x22_200\\x0d\\x0afake\\x1b[2J\\x5c\\xff\" 200 "));
    assert_non_null(strstr(text, "agent=\"a \\x22b\\x22\\x0a\"\n"));
    free(text);
}

static void truncated(void **state)
{
    (void)state;
    struct access_record r = example();
    static char big[5000];
    memset(big, 'x', sizeof big);
    r.total_us = 1;
    r.host = (struct slice){big, ACCESS_HOST_MAX};
    r.target = (struct slice){big, sizeof big};
    memcpy(big + ACCESS_TARGET_MAX - 1, "\xc3\xa4", 2); /* the cut is inside a character */
    r.user_agent = (struct slice){big, ACCESS_AGENT_MAX + 1};
    char *text = format(true, &r, 0);
    json_error_t e;
    json_t *j = json_loads(text, JSON_REJECT_DUPLICATES, &e);
    assert_non_null(j);
    assert_int_equal(json_string_length(json_object_get(j, "target")), ACCESS_TARGET_MAX - 1);
    json_t *list = json_object_get(j, "truncated");
    assert_int_equal(json_array_size(list), 2);
    assert_string_equal(json_string_value(json_array_get(list, 0)), "target");
    assert_string_equal(json_string_value(json_array_get(list, 1)), "user_agent");
    json_decref(j);
    free(text);
    text = format(false, &r, 0);
    assert_non_null(strstr(text, " truncated=target,user_agent\n"));
    free(text);
    r = example();
    r.target_cut = true; /* by who kept it */
    text = format(false, &r, 0);
    assert_non_null(strstr(text, " truncated=target\n"));
    free(text);
}

static struct slice random_slice(struct rng *g, char *mem, size_t max)
{
    size_t n = rng_below(g, (uint32_t)max);
    unsigned kind = rng_below(g, 3);
    for (size_t i = 0; i < n; i++)
        mem[i] = (char)(kind == 0   ? rng_next(g)
                        : kind == 1 ? rng_below(g, 32)
                                    : 0x80 | rng_next(g));
    return (struct slice){mem, n};
}

/* Whatever bytes come, the line is one line, JSON is valid, and the bound holds. */
static void random_bytes(void **state)
{
    (void)state;
    struct rng g = {.state = 7};
    static char mem[8][4096];
    for (unsigned i = 0; i < 3000; i++) {
        struct access_record r = example();
        r.total_us = rng_next(&g) >> 1; /* jansson's integers are signed */
        r.frontend = random_slice(&g, mem[0], 200);
        r.backend = random_slice(&g, mem[1], 200);
        r.server = random_slice(&g, mem[2], 200);
        r.method = random_slice(&g, mem[3], 60);
        r.target = random_slice(&g, mem[4], 4096);
        r.host = random_slice(&g, mem[5], 400);
        r.user_agent = random_slice(&g, mem[6], 400);
        r.request_id = random_slice(&g, mem[7], 200);
        char *text = format(true, &r, rng_next(&g) >> 12);
        json_error_t e;
        json_t *j = json_loads(text, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &e);
        if (!j)
            fail_msg("%s at %d: %s", e.text, e.position, text);
        json_decref(j);
        free(text);
        free(format(false, &r, rng_next(&g) >> 12));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exact),     cmocka_unit_test(clock_prefix), cmocka_unit_test(hostile_text),
        cmocka_unit_test(truncated), cmocka_unit_test(random_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
