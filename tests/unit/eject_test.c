/*
 * eject_test.c — passive ejection, slow start and the operator's word.
 */
#include "monitor_world.h"

static bool ejected(const struct server_rt *rt)
{
    return atomic_load(&rt->ejected);
}

static unsigned grow(const struct server_rt *rt)
{
    return atomic_load(&rt->grow_pct);
}

static void unchecked(struct world *w, unsigned n)
{
    w->check.type = NULL;
    world_apply(w, n);
}

/* Ejects and says for how long it lasts, to 100 ms. */
static unsigned sentence_ms(struct world *w, struct server_rt *rt)
{
    unsigned ms = 0;
    monitor_passive(w->m, rt, WHY_CONNECT_FAILED);
    assert_true(ejected(rt));
    for (; ejected(rt); ms += 100)
        world_advance(w, 100);
    return ms;
}

static void ejection_ends_by_itself(void **state)
{
    struct world *w = *state;
    struct monitor_view v;
    unchecked(w, 3);
    monitor_passive(w->m, w->s[0], WHY_SERVER_RESET);
    assert_true(ejected(w->s[0]));
    assert_false(server_usable(w->s[0]));
    monitor_look(w->m, w->s[0], &v);
    assert_int_equal(v.eject_left_ms, 10000);
    monitor_passive(w->m, w->s[0], WHY_SERVER_RESET); /* a late report: no news */
    world_advance(w, 9900);
    assert_true(ejected(w->s[0]));
    world_advance(w, 200);
    assert_false(ejected(w->s[0]));
    assert_int_equal(w->loop.wheel.armed, 0);
    struct monitor_counts c;
    monitor_report(w->m, &c);
    assert_int_equal(c.ejections, 1);
    char *log = world_end(w);
    assert_int_equal(world_count(log, "app/s0 is ejected: 5 failures in a row, the "
                                      "last server-reset; for 10.0 s (2 of 3 servers in service)"),
                     1);
    assert_int_equal(world_count(log, "app/s0 has returned"), 1);
    free(log);
}

static void ejections_double_and_are_forgiven(void **state)
{
    struct world *w = *state;
    unchecked(w, 3);
    assert_in_range(sentence_ms(w, w->s[0]), 10000, 10200);
    assert_in_range(sentence_ms(w, w->s[0]), 20000, 20200);
    assert_in_range(sentence_ms(w, w->s[0]), 40000, 40200);
    assert_in_range(sentence_ms(w, w->s[0]), 60000, 60200); /* the limit */
    assert_in_range(sentence_ms(w, w->s[0]), 60000, 60200);
    world_advance(w, 40100); /* served for 40 s: one step back */
    assert_in_range(sentence_ms(w, w->s[0]), 40000, 40200);
    world_advance(w, 40000 + 20000 + 10000 + 100);
    assert_in_range(sentence_ms(w, w->s[0]), 10000, 10200);
}

static void never_more_than_the_share_and_never_the_last(void **state)
{
    struct world *w = *state;
    unchecked(w, 5);
    for (unsigned i = 0; i < 5; i++)
        monitor_passive(w->m, w->s[i], WHY_CONNECT_FAILED);
    assert_true(ejected(w->s[0]) && ejected(w->s[1])); /* 50 % of 5: two */
    assert_false(ejected(w->s[2]) || ejected(w->s[3]) || ejected(w->s[4]));
    w->passive.max_ejected_pct = 100;
    world_apply(w, 5);
    for (unsigned i = 0; i < 5; i++)
        monitor_passive(w->m, w->s[i], WHY_CONNECT_FAILED);
    assert_true(ejected(w->s[3]));
    assert_false(ejected(w->s[4]));
    char *log = world_end(w);
    assert_int_equal(world_count(log, "eject-refused"), 1); /* said once in a while */
    free(log);
}

static void only_where_configured(void **state)
{
    struct world *w = *state;
    unchecked(w, 3);
    monitor_passive(w->m, w->s[7], WHY_CONNECT_FAILED); /* of no configuration */
    assert_false(ejected(w->s[7]));
    monitor_passive(w->m, w->s[0], WHY_CONNECT_FAILED);
    world_apply(w, 3); /* an ejection outlives a reload … */
    assert_true(ejected(w->s[0]));
    w->passive.on = false;
    world_apply(w, 3); /* … but not the end of ejection itself */
    assert_false(ejected(w->s[0]));
    monitor_passive(w->m, w->s[0], WHY_CONNECT_FAILED);
    assert_false(ejected(w->s[0]));
    assert_int_equal(w->loop.wheel.armed, 0);
}

static void reload_does_not_shorten_an_ejection(void **state)
{
    struct world *w = *state;
    unchecked(w, 3);
    monitor_passive(w->m, w->s[0], WHY_CONNECT_FAILED);
    world_advance(w, 6000);
    world_apply(w, 4);
    world_advance(w, 3900);
    assert_true(ejected(w->s[0]));
    world_advance(w, 200);
    assert_false(ejected(w->s[0]));
}

static void checks_and_ejection_are_independent(void **state)
{
    struct world *w = *state;
    world_apply(w, 3);
    world_probes(w, 3);
    monitor_passive(w->m, w->s[0], WHY_CONNECT_FAILED);
    world_advance(w, 9000); /* checks pass all the time */
    assert_true(ejected(w->s[0]));
    w->answer = FAIL;
    world_advance(w, 5000);
    assert_false(ejected(w->s[0])); /* its time is over, but now it is down */
    assert_int_equal(atomic_load(&w->s[0]->health), HEALTH_DOWN);
    assert_false(server_usable(w->s[0]));
    monitor_passive(w->m, w->s[0], WHY_CONNECT_FAILED);
    assert_false(ejected(w->s[0])); /* out of service already */
}

/* Advances to full weight, checking that it only grows; the number of steps. */
static unsigned grow_up(struct world *w, struct server_rt *rt)
{
    unsigned steps = 0, pct = grow(rt);
    assert_int_equal(pct, 10);
    for (unsigned ms = 0; grow(rt) < 100; ms += 100) {
        assert_true(ms < 11000);
        uint32_t epoch = atomic_load(&w->be->epoch);
        world_advance(w, 100);
        if (grow(rt) == pct)
            continue;
        assert_true(grow(rt) > pct);
        assert_true(atomic_load(&w->be->epoch) != epoch);
        pct = grow(rt);
        steps++;
    }
    return steps;
}

static void recovered_servers_grow(void **state)
{
    struct world *w = *state;
    w->slow_start_ms = 10000;
    world_apply(w, 2);
    world_probes(w, 2);
    assert_int_equal(grow(w->s[0]), 100); /* not at the start of the process */
    w->answer = FAIL;
    world_probes(w, 8);
    assert_int_equal(atomic_load(&w->s[0]->health), HEALTH_DOWN);
    w->answer = PASS;
    while (atomic_load(&w->s[0]->health) == HEALTH_DOWN)
        world_advance(w, 16);
    assert_in_range(grow_up(w, w->s[0]), 18, 21);
}

static void servers_that_begin_down_do_not_grow_at_start(void **state)
{
    struct world *w = *state;
    w->slow_start_ms = 10000;
    w->check.start = CFG_START_DOWN;
    world_apply(w, 1);
    world_probes(w, 2);
    assert_true(server_usable(w->s[0]));
    assert_int_equal(grow(w->s[0]), 100);
}

static void new_returned_and_enabled_servers_grow(void **state)
{
    struct world *w = *state;
    w->slow_start_ms = 10000;
    unchecked(w, 2);
    assert_int_equal(w->loop.wheel.armed, 0);
    world_apply(w, 3);
    assert_int_equal(grow(w->s[0]), 100);
    world_advance(w, 5000);
    assert_in_range(grow(w->s[2]), 50, 60);
    world_apply(w, 3); /* a reload neither stops nor restarts it */
    world_advance(w, 2500);
    assert_in_range(grow(w->s[2]), 70, 80);
    world_advance(w, 3000);
    assert_int_equal(grow(w->s[2]), 100);
    monitor_set_admin(w->m, w->s[0], ADMIN_MAINT, "test");
    world_advance(w, 1000);
    monitor_set_admin(w->m, w->s[0], ADMIN_READY, "test");
    assert_in_range(grow_up(w, w->s[0]), 18, 21);
    monitor_passive(w->m, w->s[1], WHY_CONNECT_FAILED);
    while (ejected(w->s[1]))
        world_advance(w, 16);
    assert_in_range(grow_up(w, w->s[1]), 18, 21);
    assert_int_equal(w->loop.wheel.armed, 0);
}

static void growth_stops_with_the_option_or_the_server(void **state)
{
    struct world *w = *state;
    w->slow_start_ms = 10000;
    unchecked(w, 1);
    world_apply(w, 3);
    world_advance(w, 2000);
    monitor_passive(w->m, w->s[1], WHY_CONNECT_FAILED); /* while it grows */
    assert_true(ejected(w->s[1]));
    w->slow_start_ms = 0;
    world_apply(w, 3);
    assert_int_equal(grow(w->s[2]), 100);
    world_advance(w, 10100);
    assert_false(ejected(w->s[1]));
    assert_int_equal(grow(w->s[1]), 100);
    assert_int_equal(w->loop.wheel.armed, 0);
}

static void the_operator_decides(void **state)
{
    struct world *w = *state;
    unchecked(w, 2);
    uint32_t epoch = atomic_load(&w->be->epoch);
    monitor_set_admin(w->m, w->s[0], ADMIN_DRAIN, "admin");
    assert_true(atomic_load(&w->be->epoch) != epoch);
    assert_int_equal(atomic_load(&w->s[0]->admin), ADMIN_DRAIN);
    assert_string_equal(w->s[0]->cause, "set by admin");
    monitor_passive(w->m, w->s[1], WHY_CONNECT_FAILED);
    assert_false(ejected(w->s[1]));                         /* the last one in service */
    monitor_set_admin(w->m, w->s[0], ADMIN_DRAIN, "admin"); /* no change, no line */
    monitor_set_admin(w->m, w->s[1], ADMIN_MAINT, "admin");
    monitor_set_admin(w->m, w->s[0], ADMIN_READY, "admin");
    monitor_set_admin(w->m, w->s[1], ADMIN_READY, "admin");
    monitor_passive(w->m, w->s[1], WHY_CONNECT_FAILED);
    assert_true(ejected(w->s[1]));
    monitor_set_admin(w->m, w->s[1], ADMIN_READY, "admin"); /* now, not in 10 s */
    assert_false(ejected(w->s[1]));
    monitor_set_admin(w->m, w->s[9], ADMIN_DRAIN, "admin"); /* of no configuration */
    assert_int_equal(atomic_load(&w->s[9]->admin), ADMIN_DRAIN);
    assert_int_equal(w->loop.wheel.armed, 0);
    char *log = world_end(w);
    assert_int_equal(world_count(log, "app/s0 is draining: set by admin (1 of 2"), 1);
    assert_int_equal(world_count(log, "app/s1 is in maintenance"), 1);
    assert_int_equal(world_count(log, "backend-down"), 1);
    assert_int_equal(world_count(log, "backend-up"), 1);
    assert_int_equal(world_count(log, "server-ready"), 3);
    free(log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(ejection_ends_by_itself),
        TEST(ejections_double_and_are_forgiven),
        TEST(never_more_than_the_share_and_never_the_last),
        TEST(only_where_configured),
        TEST(reload_does_not_shorten_an_ejection),
        TEST(checks_and_ejection_are_independent),
        TEST(recovered_servers_grow),
        TEST(servers_that_begin_down_do_not_grow_at_start),
        TEST(new_returned_and_enabled_servers_grow),
        TEST(growth_stops_with_the_option_or_the_server),
        TEST(the_operator_decides),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
