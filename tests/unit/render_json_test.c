/* render_json_test.c — the JSON document, read back by jansson; also the page and the tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/admin_world.h"

#include "lb/base/clock.h"

#include <jansson.h>

static json_t *load(struct world *w,
                    void (*render)(struct out *, const struct collect *, const struct admin_ops *))
{
    char *text = world_render(w, render);
    json_error_t e;
    json_t *j = json_loads(text, JSON_REJECT_DUPLICATES, &e);
    if (!j)
        fail_msg("%s at %d", e.text, e.position);
    free(text);
    return j;
}

static json_int_t number(const json_t *j, const char *name)
{
    json_t *v = json_object_get(j, name);
    if (!json_is_integer(v))
        fail_msg("no number %s", name);
    return json_integer_value(v);
}

static const char *string(const json_t *j, const char *name)
{
    json_t *v = json_object_get(j, name);
    if (!json_is_string(v))
        fail_msg("no string %s", name);
    return json_string_value(v);
}

static void names_and_values(void **state)
{
    (void)state;
    struct world *w = world_new("web", 2, 3);
    w->srv[1].rt->changed_wall_us = UINT64_C(1700000001000000);
    (void)snprintf(w->srv[1].rt->cause, sizeof w->srv[1].rt->cause, "connection refused");
    json_t *j = load(w, render_json);
    assert_string_equal(string(j, "version"), "1.2.3");
    assert_string_equal(string(j, "start_time"), "2023-11-14T22:13:20Z");
    assert_int_equal(number(j, "generation"), 3);
    assert_true(json_is_true(json_object_get(j, "ready")));
    assert_int_equal(number(json_object_get(j, "reload"), "failed"), 1);
    assert_int_equal(number(json_object_get(j, "loops"), "loop_turns_total"), 2000);
    json_t *fe = json_array_get(json_object_get(j, "frontends"), 0);
    assert_int_equal(number(fe, "requests_total"), 23);
    assert_int_equal(number(json_object_get(fe, "ended"), "no-route"), 2);
    json_t *be = json_array_get(json_object_get(j, "backends"), 1);
    assert_string_equal(string(be, "name"), "backend1");
    assert_true(number(json_object_get(json_object_get(be, "latency"), "total"), "p99_us") > 0);
    be = json_array_get(json_object_get(j, "backends"), 0);
    json_t *srv = json_array_get(json_object_get(be, "servers"), 1);
    assert_string_equal(string(srv, "state"), "up");
    assert_string_equal(string(srv, "cause"), "connection refused");
    assert_string_equal(string(srv, "changed"), "2023-11-14T22:13:21Z");
    assert_string_equal(string(json_object_get(srv, "check"), "last"), "status \"503\", <oops>");
    assert_int_equal(number(srv, "requests_total"), 108);
    json_decref(j);
    world_free(w);
}

static void hostile_names(void **state)
{
    (void)state;
    struct world *w = world_new("\"\\\xff\x01<b>&", 1, 1);
    json_t *j = load(w, render_json);
    json_decref(j);
    j = load(w, render_json_servers);
    assert_int_equal(json_array_size(json_object_get(j, "servers")), 1);
    json_decref(j);
    j = load(w, render_json_backends);
    json_decref(j);
    char *html = world_render(w, render_html);
    assert_null(strstr(html, "<b>&"));
    assert_null(strstr(html, "<oops>"));
    assert_null(strstr(html, "<script"));
    assert_non_null(strstr(html, "&lt;b&gt;&amp;"));
    free(html);
    world_free(w);
}

/* A name longer than what is escaped in one go; characters are not split. */
static void long_text(void **state)
{
    (void)state;
    char *name = malloc(20002);
    for (unsigned i = 0; i < 10000; i++)
        memcpy(name + 2 * i, "\xc3\xa4", 2);
    name[20000] = '"';
    name[20001] = '\0';
    struct world *w = world_new(name, 1, 1);
    json_t *j = load(w, render_json);
    assert_string_equal(string(json_array_get(json_object_get(j, "frontends"), 0), "name"), name);
    json_decref(j);
    world_free(w);
    free(name);
}

static void text_servers(struct out *o, const struct collect *c, const struct admin_ops *ops)
{
    render_text_info(o, c);
    render_text_frontends(o, c);
    render_text_backends(o, c);
    render_text_servers(o, c, ops);
}

static void tables(void **state)
{
    (void)state;
    struct world *w = world_new("we\x1b[2Jb", 1, 3);
    char *text = world_render(w, text_servers);
    assert_null(strchr(text, 0x1b)); /* nothing moves the cursor */
    assert_non_null(strstr(text, "we?[2Jb/s1"));
    assert_non_null(strstr(text, "up backup"));
    free(text);
    world_free(w);
}

static void large(void **state)
{
    (void)state;
    struct world *w = world_new("web", 1000, 10);
    uint64_t from = clock_us();
    char *text = world_render(w, render_json);
    uint64_t us = clock_us() - from;
    print_message("%zu bytes in %llu us\n", strlen(text), (unsigned long long)us);
    json_t *j = json_loads(text, 0, NULL);
    assert_int_equal(json_array_size(json_object_get(j, "backends")), 1000);
    json_decref(j);
    free(text);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_values),
        cmocka_unit_test(hostile_names),
        cmocka_unit_test(long_text),
        cmocka_unit_test(tables),
        cmocka_unit_test(large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
