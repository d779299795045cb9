/* edit_test.c — heads edited in place: every subset of fields, the headroom, the forms. */
#include "lb/msg/edit.h"
#include "lb/msg/framing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static const struct head_limits limits = {16384, 128, 8192};
static char mem[4096];
static struct head h;
static struct buf b;

static void load(const char *text, uint32_t headroom)
{
    uint32_t resume = 0;
    enum why why = WHY_OK;
    b = (struct buf){mem, headroom, headroom + (uint32_t)strlen(text), sizeof mem};
    memcpy(buf_data(&b), text, strlen(text));
    assert_int_equal(head_request(&h, buf_data(&b), buf_len(&b), &resume, &limits, &why),
                     HEAD_DONE);
}

static void assert_bytes(const char *want)
{
    if (buf_len(&b) != strlen(want) || memcmp(buf_data(&b), want, buf_len(&b)) != 0)
        fail_msg("'%.*s' is not '%s'", (int)buf_len(&b), buf_data(&b), want);
}

static void every_subset_of_fields_can_go(void **state)
{
    static const char *const lines[] = {"Host: a\r\n", "B: bb\r\n", "C:\r\n", "Dee: ddd\r\n",
                                        "E: e\r\n"};
    (void)state;
    for (unsigned set = 0; set < 32; set++) {
        for (int add = 0; add < 2; add++) {
            char want[256] = "GET / HTTP/1.1\r\n";
            struct edits e = {.drop = {0}};
            load("GET / HTTP/1.1\r\nHost: a\r\nB: bb\r\nC:\r\nDee: ddd\r\nE: e\r\n\r\nbody", 64);
            if (add) {
                e.add = SLICE("X: new\r\nY: z\r\n");
                strncat(want, "X: new\r\nY: z\r\n", sizeof want - strlen(want) - 1);
            }
            for (unsigned i = 0; i < 5; i++) {
                if (set >> i & 1)
                    edits_drop(&e, i);
                else
                    strncat(want, lines[i], sizeof want - strlen(want) - 1);
            }
            strncat(want, "\r\nbody", sizeof want - strlen(want) - 1);
            assert_true(edits_apply(&e, &h, &b));
            assert_bytes(want);
        }
    }
}

static void the_headroom_is_used_to_the_last_byte(void **state)
{
    struct edits e = {.add = SLICE("X: 12345\r\n")};
    (void)state;
    load("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 10);
    assert_true(edits_apply(&e, &h, &b));
    assert_int_equal(b.head, 0);
    assert_bytes("GET / HTTP/1.1\r\nX: 12345\r\nHost: a\r\n\r\n");
}

static void too_little_headroom_changes_nothing(void **state)
{
    struct edits e = {.add = SLICE("X: 12345\r\nY: 12345\r\n")};
    (void)state;
    load("GET / HTTP/1.1\r\nHost: a\r\nB: b\r\n\r\nx", 13);
    edits_drop(&e, 1);
    assert_false(edits_apply(&e, &h, &b));
    assert_bytes("GET / HTTP/1.1\r\nHost: a\r\nB: b\r\n\r\nx");
    load("GET / HTTP/1.1\r\nHost: a\r\nB: b\r\n\r\nx", 14); /* and 6 of the dropped line */
    assert_true(edits_apply(&e, &h, &b));
    assert_bytes("GET / HTTP/1.1\r\nX: 12345\r\nY: 12345\r\nHost: a\r\n\r\nx");
}

static void the_start_line_can_be_replaced(void **state)
{
    struct edits longer = {.start = SLICE("GET /longer/path HTTP/1.1\r\n")};
    struct edits shorter = {.start = SLICE("GET / HTTP/1.0\r\n"), .add = SLICE("A: 1\r\n")};
    (void)state;
    load("GET /path HTTP/1.1\r\nHost: a\r\n\r\nx", 20);
    assert_true(edits_apply(&longer, &h, &b));
    assert_bytes("GET /longer/path HTTP/1.1\r\nHost: a\r\n\r\nx");
    load("GET /path HTTP/1.1\r\nHost: a\r\n\r\nx", 20);
    assert_true(edits_apply(&shorter, &h, &b));
    assert_bytes("GET / HTTP/1.0\r\nA: 1\r\nHost: a\r\n\r\nx");
}

static void a_head_without_fields_can_be_edited(void **state)
{
    struct edits e = {.add = SLICE("A: 1\r\n")};
    (void)state;
    load("GET / HTTP/1.0\r\n\r\nx", 20);
    assert_true(edits_apply(&e, &h, &b));
    assert_bytes("GET / HTTP/1.0\r\nA: 1\r\n\r\nx");
}

static void reframing_takes_the_framing_fields(void **state)
{
    struct edits e = {.add = {NULL, 0}};
    enum why why;
    (void)state;
    load("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nX: y\r\n\r\nz", 0);
    assert_true(framing_request(&h, &why));
    edits_drop_hop(&e, &h, true);
    assert_true(edits_apply(&e, &h, &b));
    assert_bytes("POST / HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\nz");
}

static void the_128th_field_can_go(void **state)
{
    char text[1024] = "GET / HTTP/1.1\r\nHost: a\r\n";
    struct edits e = {.add = {NULL, 0}};
    (void)state;
    for (int i = 0; i < 126; i++)
        strncat(text, "A:\r\n", sizeof text - strlen(text) - 1);
    strncat(text, "Te:\r\n\r\n", sizeof text - strlen(text) - 1);
    load(text, 0);
    assert_int_equal(h.nfields, 128);
    edits_drop_hop(&e, &h, false);
    assert_true(edits_apply(&e, &h, &b));
    assert_int_equal(buf_len(&b), strlen(text) - 5);
}

static void absolute_form_becomes_origin_form(void **state)
{
    char out[128];
    struct edits e = {.add = {NULL, 0}};
    (void)state;
    load("GET http://b:81/p?q HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n", 64);
    assert_int_equal(edits_origin_form(&e, &h, out, 30), 0);
    assert_int_equal(e.start.n, 0);
    assert_int_equal(edits_origin_form(&e, &h, out, 31), 31);
    assert_true(edits_apply(&e, &h, &b));
    assert_bytes("GET /p?q HTTP/1.1\r\nHost: b:81\r\nX: y\r\n\r\n");
    e = (struct edits){.add = {NULL, 0}};
    load("OPTIONS http://b HTTP/1.0\r\n\r\n", 64);
    assert_true(edits_origin_form(&e, &h, out, sizeof out) > 0);
    assert_true(edits_apply(&e, &h, &b));
    assert_bytes("OPTIONS * HTTP/1.0\r\nHost: b\r\n\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_subset_of_fields_can_go),
        cmocka_unit_test(the_headroom_is_used_to_the_last_byte),
        cmocka_unit_test(too_little_headroom_changes_nothing),
        cmocka_unit_test(the_start_line_can_be_replaced),
        cmocka_unit_test(a_head_without_fields_can_be_edited),
        cmocka_unit_test(reframing_takes_the_framing_fields),
        cmocka_unit_test(the_128th_field_can_go),
        cmocka_unit_test(absolute_form_becomes_origin_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
