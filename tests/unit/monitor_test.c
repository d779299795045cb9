/*
 * monitor_test.c — verdicts of active checks, their schedule, and what a reload keeps.
 */
#include "monitor_world.h"

static int health(const struct server_rt *rt)
{
    return atomic_load(&rt->health);
}

static void without_checks_nothing_ever_wakes(void **state)
{
    struct world *w = *state;
    w->check.type = NULL;
    world_apply(w, 10);
    assert_int_equal(w->loop.wheel.armed, 0);
    assert_int_equal(health(w->s[0]), HEALTH_UP);
    struct monitor_view v;
    monitor_look(w->m, w->s[0], &v);
    assert_false(v.checked);
}

static void first_result_decides_when_unknown(void **state)
{
    struct world *w = *state;
    w->answer = HOLD;
    world_apply(w, 2);
    assert_int_equal(health(w->s[0]), HEALTH_UNKNOWN);
    assert_true(server_usable(w->s[0]));
    world_probes(w, 2);
    bool second_first = strcmp(w->held[0]->host, "10.0.0.2:80") == 0;
    struct server_rt *a = w->s[second_first], *b = w->s[!second_first];
    uint32_t epoch = atomic_load(&w->be->epoch);
    world_answer(w, true, "fine");
    world_answer(w, false, "status 500");
    assert_int_equal(health(a), HEALTH_UP);
    assert_int_equal(health(b), HEALTH_DOWN);
    assert_string_equal(b->cause, "status 500");
    assert_true(b->changed_wall_us == w->loop.wall_us);
    assert_true(atomic_load(&w->be->epoch) != epoch);
}

static void fall_and_rise_are_counted(void **state)
{
    struct world *w = *state;
    world_apply(w, 1);
    world_probes(w, 1);
    assert_int_equal(health(w->s[0]), HEALTH_UP);
    w->answer = FAIL;
    world_probes(w, 2);
    assert_int_equal(health(w->s[0]), HEALTH_UP);
    w->answer = PASS; /* a good one in between: counting starts anew */
    world_probes(w, 1);
    w->answer = FAIL;
    world_probes(w, 2);
    struct monitor_view v;
    monitor_look(w->m, w->s[0], &v);
    assert_int_equal(v.count, 2);
    assert_int_equal(v.of, 3);
    assert_string_equal(v.last, "broken");
    assert_int_equal(health(w->s[0]), HEALTH_UP);
    world_probes(w, 1);
    assert_int_equal(health(w->s[0]), HEALTH_DOWN);
    w->answer = PASS;
    world_probes(w, 1);
    assert_int_equal(health(w->s[0]), HEALTH_DOWN);
    world_probes(w, 1);
    assert_int_equal(health(w->s[0]), HEALTH_UP);
    monitor_look(w->m, w->s[0], &v);
    assert_int_equal(v.checks, 9);
    assert_int_equal(v.failed, 5);
    struct monitor_counts c;
    monitor_report(w->m, &c);
    assert_int_equal(c.checks, 9);
    assert_int_equal(c.failed, 5);
    assert_int_equal(c.downs, 1);
    assert_int_equal(c.ups, 1);
}

static void each_change_is_logged_once(void **state)
{
    struct world *w = *state;
    w->check.fall = w->check.rise = 1;
    world_apply(w, 2);
    world_probes(w, 2);
    w->answer = FAIL;
    world_probes(w, 6);
    w->answer = PASS;
    world_probes(w, 6);
    char *log = world_end(w);
    assert_int_equal(world_count(log, "server-down"), 2);
    assert_int_equal(world_count(log, " is down: broken (1 of 2 servers in service)"), 1);
    assert_int_equal(world_count(log, " is down: broken (0 of 2 servers in service)"), 1);
    assert_int_equal(world_count(log, "app has no server in service"), 1);
    assert_int_equal(world_count(log, "app is served again (1 of 2"), 1);
    assert_int_equal(world_count(log, " is up: fine"), 2);
    assert_int_equal(world_count(log, "app/s1 was found up: fine"), 1);
    free(log);
}

static void start_states(void **state)
{
    struct world *w = *state;
    w->check.start = CFG_START_DOWN;
    world_apply(w, 1);
    assert_int_equal(health(w->s[0]), HEALTH_DOWN);
    world_probes(w, 1);
    assert_int_equal(health(w->s[0]), HEALTH_DOWN); /* rise counts */
    world_probes(w, 1);
    assert_int_equal(health(w->s[0]), HEALTH_UP);
    w->check.start = CFG_START_UP;
    world_apply(w, 2);
    assert_int_equal(health(w->s[1]), HEALTH_UP);
    w->answer = FAIL;
    world_probes(w, 2);
    assert_int_equal(health(w->s[1]), HEALTH_UP); /* fall counts */
}

static void a_silent_probe_times_out(void **state)
{
    struct world *w = *state;
    w->answer = HOLD;
    world_apply(w, 1);
    world_probes(w, 1);
    world_advance(w, 400);
    assert_int_equal(w->cancels, 0);
    world_advance(w, 150);
    assert_int_equal(w->cancels, 1);
    assert_int_equal(health(w->s[0]), HEALTH_DOWN);
    assert_string_equal(w->s[0]->cause, "no connection within 500 ms");
    world_probes(w, 1);
    w->held[0]->connected = true;
    world_advance(w, 550);
    struct monitor_view v;
    monitor_look(w->m, w->s[0], &v);
    assert_string_equal(v.last, "no answer within 500 ms");
}

static void a_stall_of_ours_is_excused_once(void **state)
{
    struct world *w = *state;
    struct monitor_counts c;
    w->answer = HOLD;
    world_apply(w, 1);
    world_probes(w, 1);
    world_jump(w, 3000);
    assert_int_equal(w->cancels, 1);
    assert_int_equal(health(w->s[0]), HEALTH_UNKNOWN);
    world_probes(w, 1);
    world_jump(w, 3000); /* always late: then time-outs count after all */
    monitor_report(w->m, &c);
    assert_int_equal(c.failed, 1);
    assert_int_equal(health(w->s[0]), HEALTH_DOWN);
    char *log = world_end(w);
    assert_int_equal(world_count(log, "this process was stalled"), 1);
    free(log);
}

static void probes_are_spread_and_regular(void **state)
{
    struct world *w = *state;
    w->check.every_ms = 10000;
    world_apply(w, 12);
    uint64_t begin = w->loop.now_us, low = UINT64_MAX, high = 0;
    world_advance(w, 1100); /* first probes: within a second, whatever the interval */
    assert_int_equal(w->starts, 12);
    for (unsigned i = 0; i < 12; i++) {
        low = w->started_us[i] < low ? w->started_us[i] : low;
        high = w->started_us[i] > high ? w->started_us[i] : high;
    }
    assert_true(high - begin <= 1050000);
    assert_true(high - low > 300000);
    world_apply(w, 1); /* one goes on */
    w->starts = 0;
    world_probes(w, 100);
    uint64_t shortest = UINT64_MAX, longest = 0;
    for (unsigned i = 1; i < 100; i++) {
        uint64_t gap = w->started_us[i] - w->started_us[i - 1];
        shortest = gap < shortest ? gap : shortest;
        longest = gap > longest ? gap : longest;
    }
    assert_in_range(shortest, 9000000, 9500000);
    assert_in_range(longest, 10500000, 11040000);
}

static void same_address_and_check_share_a_probe(void **state)
{
    struct world *w = *state;
    struct backend_rt *other = backend_rt_new("other", 1);
    struct server_rt *twin = world_server(other, 0), *cousin = world_server(other, 0);
    struct cfg_check slower = w->check;
    slower.every_ms = 1500;
    struct monitor_target t[3] = {world_target(w, w->s[0]), world_target(w, twin),
                                  world_target(w, cousin)};
    t[2].check = &slower; /* another interval: a probe of its own */
    monitor_commit(w->m, monitor_prepare(w->m, t, 3, NULL));
    w->answer = FAIL;
    world_advance(w, 1100);
    assert_int_equal(health(w->s[0]), HEALTH_DOWN);
    assert_int_equal(health(twin), HEALTH_DOWN);
    struct monitor_view v;
    monitor_look(w->m, twin, &v);
    struct monitor_counts c;
    world_advance(w, 10000);
    monitor_report(w->m, &c);
    assert_int_equal(w->prepared, 2);
    assert_in_range(c.checks, 15, 21); /* ~11 + ~8, not ~30 */
    monitor_free(w->m);
    w->m = monitor_new(&w->loop, w->log, 1);
    server_rt_unref(twin);
    server_rt_unref(cousin);
    backend_rt_unref(other);
}

static void own_trouble_is_no_verdict(void **state)
{
    struct world *w = *state;
    struct monitor_counts c;
    w->open_error = EMFILE;
    world_apply(w, 1);
    world_advance(w, 30000);
    w->open_error = 0;
    w->answer = GIVE_UP;
    world_advance(w, 3000);
    monitor_report(w->m, &c);
    assert_int_equal(c.checks, 0);
    assert_int_equal(health(w->s[0]), HEALTH_UNKNOWN);
    w->open_error = ECONNREFUSED;
    world_advance(w, 2000);
    assert_int_equal(health(w->s[0]), HEALTH_DOWN);
    assert_string_equal(w->s[0]->cause, "connection refused");
    char *log = world_end(w);
    assert_in_range(world_count(log, "no verdict on 10.0.0.1:80: Too many open files"), 3, 5);
    free(log);
}

static void reload_keeps_counts_clock_and_running_probe(void **state)
{
    struct world *w = *state;
    world_apply(w, 2);
    world_probes(w, 2);
    w->answer = FAIL;
    world_probes(w, 4);
    struct monitor_view v;
    monitor_look(w->m, w->s[0], &v);
    assert_int_equal(v.count, 2);
    w->answer = HOLD;
    world_probes(w, 1);
    w->check.rise = 7; /* judged otherwise, probed the same */
    world_apply(w, 2);
    assert_int_equal(w->cancels, 0);
    assert_int_equal(w->nheld, 1);
    assert_int_equal(w->prepared, 1);
    world_answer(w, false, "third");
    world_probes(w, 1);
    world_answer(w, false, "third");
    assert_int_equal(health(w->s[0]), HEALTH_DOWN);
    assert_int_equal(health(w->s[1]), HEALTH_DOWN);
    world_probes(w, 2);
    world_apply(w, 1); /* the other is gone, its probe with it */
    assert_int_equal(w->cancels, 1);
    assert_int_equal(w->nheld, 1);
    world_apply(w, 0);
    assert_int_equal(w->nheld, 0);
    assert_int_equal(w->loop.wheel.armed, 0);
}

static void reload_with_another_check_decides_anew(void **state)
{
    struct world *w = *state;
    w->answer = FAIL;
    world_apply(w, 2);
    world_probes(w, 2);
    assert_int_equal(health(w->s[0]), HEALTH_DOWN);
    w->check.every_ms = 2000;
    w->answer = HOLD;
    world_apply(w, 2);
    assert_int_equal(health(w->s[0]), HEALTH_DOWN); /* not tried on clients */
    world_probes(w, 2);
    world_answer(w, true, "fine");
    world_answer(w, true, "fine");
    assert_int_equal(health(w->s[0]), HEALTH_UP); /* at once, though rise is 2 */
    w->answer = FAIL;
    world_probes(w, 8);
    assert_int_equal(health(w->s[1]), HEALTH_DOWN);
    w->check.type = NULL;
    world_apply(w, 2);
    assert_int_equal(health(w->s[1]), HEALTH_UP);
    assert_string_equal(w->s[1]->cause, "no longer checked");
    assert_int_equal(w->loop.wheel.armed, 0);
}

static void a_plan_that_fails_changes_nothing(void **state)
{
    struct world *w = *state;
    struct err e = {0};
    const char *const bad[] = {"bad"};
    w->answer = HOLD;
    world_apply(w, 2);
    world_probes(w, 2);
    struct cfg_check other = w->check;
    other.args = bad;
    other.nargs = 1;
    other.loc = (struct src_loc){.file = "lb.conf", .line = 12, .col = 3};
    struct monitor_target t[2] = {world_target(w, w->s[0]), world_target(w, w->s[1])};
    t[1].check = &other;
    assert_null(monitor_prepare(w->m, t, 2, &e));
    assert_string_equal(e.text, "lb.conf:12: a bad argument");
    other.type = "nonesuch";
    assert_null(monitor_prepare(w->m, t, 2, &e));
    assert_non_null(strstr(e.text, "no check 'nonesuch'"));
    t[1].check = &w->check;
    struct monitor_plan *p = monitor_prepare(w->m, t, 1, &e);
    monitor_plan_free(p); /* prepared, then not wanted */
    monitor_plan_free(NULL);
    assert_int_equal(w->cancels, 0);
    world_answer(w, true, "fine");
    world_answer(w, true, "fine");
    assert_int_equal(health(w->s[1]), HEALTH_UP);
}

static void a_port_of_the_check_shows_in_the_host(void **state)
{
    struct world *w = *state;
    w->answer = HOLD;
    struct monitor_target t = world_target(w, w->s[0]);
    ((struct sockaddr_in *)(void *)&t.addr)->sin_port = htons(8081);
    monitor_commit(w->m, monitor_prepare(w->m, &t, 1, NULL));
    world_probes(w, 1);
    assert_string_equal(w->held[0]->host, "10.0.0.1:8081");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(without_checks_nothing_ever_wakes),
        TEST(first_result_decides_when_unknown),
        TEST(fall_and_rise_are_counted),
        TEST(each_change_is_logged_once),
        TEST(start_states),
        TEST(a_silent_probe_times_out),
        TEST(a_stall_of_ours_is_excused_once),
        TEST(probes_are_spread_and_regular),
        TEST(same_address_and_check_share_a_probe),
        TEST(own_trouble_is_no_verdict),
        TEST(reload_keeps_counts_clock_and_running_probe),
        TEST(reload_with_another_check_decides_anew),
        TEST(a_plan_that_fails_changes_nothing),
        TEST(a_port_of_the_check_shows_in_the_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
