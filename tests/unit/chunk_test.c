/* chunk_test.c — what the chunk cases of tests/http do not show: size lines written, long bodies.
 */
#include "lb/msg/chunk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static void size_lines_end_where_the_data_begins(void **state)
{
    char b[CHUNK_HEAD_MAX + 1];
    (void)state;
    assert_int_equal(chunk_head_before(b + CHUNK_HEAD_MAX, 0), 3);
    assert_memory_equal(b + CHUNK_HEAD_MAX - 3, "0\r\n", 3);
    assert_int_equal(chunk_head_before(b + CHUNK_HEAD_MAX, 0x1a2b), 6);
    assert_memory_equal(b + CHUNK_HEAD_MAX - 6, "1a2b\r\n", 6);
    assert_int_equal(chunk_head_before(b + CHUNK_HEAD_MAX, UINT64_MAX), CHUNK_HEAD_MAX);
    assert_memory_equal(b, "ffffffffffffffff\r\n", CHUNK_HEAD_MAX);
}

static void data_is_skipped_by_count(void **state)
{
    struct chunk_scan s;
    size_t used;
    enum why why;
    char data[512] = "7fffffffffffffff\r\n";
    (void)state;
    chunk_init(&s);
    assert_int_equal(chunk_scan(&s, data, sizeof data, &used, &why), CHUNK_MORE);
    assert_int_equal(used, sizeof data);
    assert_int_equal(s.total, sizeof data - 18);
    assert_true(s.left == INT64_MAX - (sizeof data - 18));
    assert_int_equal(chunk_scan(&s, data, 0, &used, &why), CHUNK_MORE);
    assert_int_equal(used, 0);
}

static void decoding_moves_the_payload_to_the_front(void **state)
{
    struct chunk_scan s;
    size_t used, payload;
    enum why why;
    char b[] = "3\r\nabc\r\n4;x\r\ndefg\r\n0\r\nT: u\r\n\r\nNEXT";
    (void)state;
    chunk_init(&s);
    assert_int_equal(chunk_decode(&s, b, sizeof b - 1, &used, &payload, &why), CHUNK_DONE);
    assert_int_equal(used, sizeof b - 1 - 4);
    assert_int_equal(payload, 7);
    assert_memory_equal(b, "abcdefg", 7);
    assert_memory_equal(b + used, "NEXT", 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(size_lines_end_where_the_data_begins),
        cmocka_unit_test(data_is_skipped_by_count),
        cmocka_unit_test(decoding_moves_the_payload_to_the_front),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
