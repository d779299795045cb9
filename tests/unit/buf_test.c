/* buf_test.c — segments: headroom, growth, ceiling, bounded caches. */
#include "lb/base/buf.h"
#include "lb/base/pages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void fill(struct buf *b, const char *text)
{
    size_t room;
    char *at = buf_room(b, &room);
    assert_true(room >= strlen(text));
    memcpy(at, text, strlen(text));
    buf_put(b, strlen(text));
}

static void test_want_and_drop(void **state)
{
    (void)state;
    struct segs *s = segs_new(0);
    struct buf b = {0};
    size_t room;
    (void)buf_room(&b, &room);
    assert_int_equal(room, 0); /* no segment: no room */
    for (int c = SEG_SMALL; c < SEG_CLASSES; c++) {
        assert_true(buf_want(&b, s, (enum seg_class)c));
        assert_int_equal(b.head, BUF_HEADROOM);
        assert_int_equal(buf_len(&b), 0);
        assert_int_equal(segs_in_use(s), seg_size((enum seg_class)c));
        (void)buf_room(&b, &room);
        assert_int_equal(room, seg_size((enum seg_class)c) - BUF_HEADROOM - BUF_TAILROOM);
        memset(buf_data(&b), 'x', room);
        char *was = b.mem;
        assert_true(buf_want(&b, s, SEG_LARGE)); /* keeps what it has */
        assert_ptr_equal(b.mem, was);
        buf_drop(&b, s);
        buf_drop(&b, s);
        assert_null(b.mem);
        assert_int_equal(segs_in_use(s), 0);
    }
    segs_free(s);
    segs_free(NULL);
}

static void test_grow_keeps_content(void **state)
{
    (void)state;
    struct segs *s = segs_new(0);
    struct buf b = {0};
    assert_true(buf_grow(&b, s, SEG_SMALL));
    fill(&b, "0123456789");
    buf_took(&b, 3);
    assert_true(buf_grow(&b, s, SEG_MEDIUM));
    assert_int_equal(b.cap, seg_size(SEG_MEDIUM));
    assert_int_equal(b.head, BUF_HEADROOM);
    assert_int_equal(buf_len(&b), 7);
    assert_memory_equal(buf_data(&b), "3456789", 7);
    assert_true(buf_grow(&b, s, SEG_LARGE));
    assert_memory_equal(buf_data(&b), "3456789", 7);
    assert_true(buf_grow(&b, s, SEG_SMALL)); /* never shrinks */
    assert_int_equal(b.cap, seg_size(SEG_LARGE));
    assert_int_equal(segs_in_use(s), seg_size(SEG_LARGE));
    buf_drop(&b, s);
    segs_free(s);
}

static void test_compact(void **state)
{
    (void)state;
    struct segs *s = segs_new(0);
    struct buf b = {0};
    assert_true(buf_want(&b, s, SEG_SMALL));
    fill(&b, "abcdefghij");
    buf_took(&b, 8);
    buf_compact(&b);
    assert_int_equal(b.head, BUF_HEADROOM);
    assert_int_equal(buf_len(&b), 2);
    assert_memory_equal(buf_data(&b), "ij", 2);
    b.head -= 4; /* headroom in use: stays where it is */
    buf_compact(&b);
    assert_int_equal(b.head, BUF_HEADROOM - 4);
    struct buf c = {0};
    buf_move(&c, &b);
    assert_null(b.mem);
    buf_drop(&c, s);
    buf_compact(&c);
    segs_free(s);
}

static void test_ceiling(void **state)
{
    (void)state;
    struct segs *s = segs_new(24 * 1024);
    struct buf a = {0}, b = {0}, c = {0};
    assert_false(buf_want(&a, s, SEG_LARGE));
    assert_null(a.mem);
    assert_true(buf_want(&a, s, SEG_SMALL));
    assert_true(buf_want(&b, s, SEG_MEDIUM));
    assert_false(buf_want(&c, s, SEG_SMALL));
    fill(&a, "kept");
    assert_false(buf_grow(&a, s, SEG_MEDIUM));
    assert_memory_equal(buf_data(&a), "kept", 4);
    buf_drop(&b, s);
    assert_true(buf_want(&c, s, SEG_SMALL));
    buf_drop(&a, s);
    buf_drop(&c, s);
    assert_int_equal(segs_in_use(s), 0);
    segs_free(s);
}

static void test_input_leaves_room_for_answers(void **state)
{
    (void)state;
    struct buf b[8] = {0};
    size_t each = seg_size(SEG_SMALL);
    struct segs *s = segs_new(8 * each);
    for (int i = 0; i < 4; i++)
        assert_true(buf_want_input(&b[i], s, SEG_LARGE, SHARE_BEGIN)); /* the class yields */
    assert_int_equal(segs_in_use(s), 4 * each);
    assert_false(buf_want_input(&b[4], s, SEG_SMALL, SHARE_BEGIN));
    for (int i = 4; i < 7; i++)
        assert_true(buf_want_input(&b[i], s, SEG_MEDIUM, SHARE_GO_ON));
    assert_int_equal(segs_input_room(s, SHARE_GO_ON), 0);
    assert_false(buf_want_input(&b[7], s, SEG_SMALL, SHARE_GO_ON));
    assert_true(buf_want(&b[7], s, SEG_SMALL));
    segs_limit(s, 0);
    assert_true(segs_input_room(s, SHARE_BEGIN) > 100 * each);
    for (int i = 0; i < 8; i++)
        buf_drop(&b[i], s);
    segs_free(s);
}

static void test_caches_are_bounded(void **state)
{
    (void)state;
    enum { N = 200 };
    static struct buf b[SEG_CLASSES][N];
    struct segs *s = segs_new(0);
    for (int c = 0; c < SEG_CLASSES; c++)
        for (int i = 0; i < N; i++)
            assert_true(buf_want(&b[c][i], s, (enum seg_class)c));
    assert_true(segs_held(s) >= segs_in_use(s));
    for (int c = 0; c < SEG_CLASSES; c++)
        for (int i = 0; i < N; i++)
            buf_drop(&b[c][i], s);
    assert_int_equal(segs_in_use(s), 0);
    size_t slabs = 6 * 64 * 1024 + 8 * 64 * 1024;
    assert_true(segs_held(s) <= slabs + 32 * seg_size(SEG_LARGE));
    segs_trim(s); /* what was in use since the last trim stays … */
    assert_true(segs_held(s) > slabs + 4 * seg_size(SEG_LARGE));
    segs_trim(s); /* … until a whole period has not needed it */
    assert_true(segs_held(s) <= slabs + 4 * seg_size(SEG_LARGE));
    segs_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_want_and_drop),
        cmocka_unit_test(test_grow_keeps_content),
        cmocka_unit_test(test_compact),
        cmocka_unit_test(test_ceiling),
        cmocka_unit_test(test_input_leaves_room_for_answers),
        cmocka_unit_test(test_caches_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
