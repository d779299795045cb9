/* render_csv_test.c — HAProxy's CSV and nginx's stub_status. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/admin_world.h"

/* Splits one CSV line in place; returns the number of fields. */
static unsigned split(char *line, char *field[256])
{
    unsigned n = 0;
    for (char *p = line;; p++) {
        if (*p == '"') {
            char *to = p, *from = p + 1;
            field[n++] = to;
            while (*from && !(*from == '"' && from[1] != '"')) {
                from += *from == '"';
                *to++ = *from++;
            }
            p = from + 1;
            *to = '\0';
        } else {
            field[n++] = p;
            p += strcspn(p, ",");
        }
        if (*p == '\0')
            return n;
        *p = '\0';
    }
}

static unsigned column(char *const *header, unsigned n, const char *name)
{
    for (unsigned i = 0; i < n; i++)
        if (strcmp(header[i], name) == 0)
            return i;
    fail_msg("no column %s", name);
    return 0;
}

static void rows(void **state)
{
    (void)state;
    struct world *w = world_new("we\"b,x", 2, 3);
    atomic_store(&w->srv[0].rt->health, HEALTH_DOWN);
    atomic_store(&w->srv[1].rt->admin, ADMIN_MAINT);
    char *text = world_render(w, render_csv), *rest = text, *field[256], *head[256];
    static const char begins[] = "# pxname,svname,qcur,qmax,scur,smax,slim,stot,bin,bout,";
    assert_memory_equal(text, begins, sizeof begins - 1);
    unsigned ncols = split(strsep(&rest, "\n"), head), nrows = 0;
    assert_string_equal(head[17], "status");
    assert_string_equal(head[32], "type");
    assert_string_equal(head[73], "addr");
    assert_string_equal(head[ncols - 2], "-");
    const char *status[] = {"OPEN", "DOWN 1/3", "MAINT", "UP 2/3", "UP", "UP 2/3", "UP 2/3"};
    for (char *line; (line = strsep(&rest, "\n")) && *line; nrows++) {
        assert_int_equal(split(line, field), ncols);
        if (nrows < 5)
            assert_string_equal(field[0], "we\"b,x");
        if (nrows < 7)
            assert_string_equal(field[column(head, ncols, "status")], status[nrows]);
        if (nrows == 1) {
            assert_string_equal(field[1], "s1");
            assert_string_equal(field[column(head, ncols, "check_desc")], "status \"503\", <oops>");
            assert_string_equal(field[column(head, ncols, "hrsp_2xx")], "109");
        }
    }
    assert_int_equal(nrows, 1 + 2 * 4);
    free(text);
    world_free(w);
}

static void nginx(struct out *o, const struct collect *c, const struct admin_ops *ops)
{
    (void)ops;
    render_nginx(o, c);
}

static void stub_status(void **state)
{
    (void)state;
    struct world *w = world_new("web", 1, 1);
    char *text = world_render(w, nginx);
    assert_string_equal(text, "Active connections: 29 \nserver accepts handled requests\n"
                              " 72 50 23 \nReading: 0 Writing: 0 Waiting: 29 \n");
    free(text);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows),
        cmocka_unit_test(stub_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
