/*
 * monitor_world.h — a monitor without network and without a real clock, for its tests.
 *
 * The loop is real but never waits: world_advance moves its time on and runs the wheel. Probes are
 * made by a check of this file's, which holds them or answers as told; opening costs no socket.
 */
#ifndef TESTS_MONITOR_WORLD_H
#define TESTS_MONITOR_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "health/monitor_impl.h"
#include "lb/base/err.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { WORLD_SERVERS = 12, WORLD_HELD = 64 };
enum world_answer { HOLD, PASS, FAIL, GIVE_UP };

struct world {
    struct loop loop;
    struct logger *logger;
    struct log *log;
    char log_path[64];
    struct monitor *m;
    struct backend_rt *be;
    struct server_rt *s[WORLD_SERVERS];
    struct cfg_check check;
    struct cfg_passive passive;
    uint32_t slow_start_ms;
    enum world_answer answer;
    int open_error;
    struct probe *held[WORLD_HELD]; /* oldest first */
    unsigned nheld, starts, cancels, prepared, released;
    uint64_t started_us[256];
};

static struct world *world_of(struct loop *l)
{
    return container_of(l, struct world, loop);
}

static struct world *the_world; /* for `prepare`, which gets no loop */

static int fake_prepare(const char *const *args, unsigned nargs, const struct opts *opts,
                        void **shared, struct err *e)
{
    (void)opts;
    if (nargs && strcmp(args[0], "bad") == 0)
        return err_set(e, EINVAL, "a bad argument");
    the_world->prepared++;
    *shared = malloc(1);
    return *shared ? 0 : -1;
}

static void fake_release(void *shared)
{
    the_world->released++;
    free(shared);
}

static void fake_start(struct probe *p)
{
    struct world *w = world_of(p->loop);
    *(void **)p->state = malloc(1); /* must be freed by an end or a cancel */
    w->started_us[w->starts++ % 256] = w->loop.now_us;
    if (w->answer == HOLD) {
        assert_true(w->nheld < WORLD_HELD);
        w->held[w->nheld++] = p;
        return;
    }
    free(*(void **)p->state);
    if (w->answer == GIVE_UP)
        probe_give_up(p, ENOMEM);
    else
        probe_done(p, w->answer == PASS, w->answer == PASS ? "fine" : "broken");
}

static void forget(struct world *w, struct probe *p)
{
    for (unsigned i = 0; i < w->nheld; i++) {
        if (w->held[i] == p) {
            memmove(&w->held[i], &w->held[i + 1], (w->nheld - i - 1) * sizeof w->held[0]);
            w->nheld--;
            return;
        }
    }
    fail_msg("no such probe");
}

static void fake_cancel(struct probe *p)
{
    struct world *w = world_of(p->loop);
    w->cancels++;
    forget(w, p);
    free(*(void **)p->state);
}

static const struct check fake = {
    .desc = {.name = "fake"},
    .prepare = fake_prepare,
    .release = fake_release,
    .start = fake_start,
    .cancel = fake_cancel,
    .state_size = sizeof(void *),
};

static const struct check *world_find(const char *name)
{
    return strcmp(name, "fake") == 0 ? &fake : NULL;
}

static int world_open(struct probe *p, const struct sockaddr *addr, socklen_t len)
{
    assert_int_equal(addr->sa_family, AF_INET);
    assert_int_equal(len, sizeof(struct sockaddr_in));
    if (world_of(p->loop)->open_error) {
        errno = world_of(p->loop)->open_error;
        return -1;
    }
    return 0;
}

static void fire(struct timer *t, void *arg)
{
    struct loop *l = arg;
    l->on_timer[t->owner](t, l->user);
}

static inline void world_bury(struct world *w)
{
    for (struct list *n; (n = list_pop(&w->loop.dead));) {
        struct grave *g = container_of(n, struct grave, link);
        g->free_fn(g);
    }
}

/* One turn of the loop, `ms` after the one before. */
static inline void world_jump(struct world *w, uint32_t ms)
{
    w->loop.now_us += ms * 1000ull;
    w->loop.wall_us += ms * 1000ull;
    w->loop.now_ms = (uint32_t)(w->loop.now_us / 1000);
    (void)wheel_run(&w->loop.wheel, w->loop.now_ms, fire, &w->loop);
    world_bury(w);
}

static inline void world_advance(struct world *w, uint32_t ms)
{
    for (uint32_t step; ms; ms -= step) {
        step = ms < WHEEL_SLOT_MS ? ms : WHEEL_SLOT_MS;
        world_jump(w, step);
    }
}

/* Ends the oldest probe that is held. */
static inline void world_answer(struct world *w, bool ok, const char *cause)
{
    assert_true(w->nheld > 0);
    struct probe *p = w->held[0];
    forget(w, p);
    free(*(void **)p->state);
    probe_done(p, ok, cause);
    world_bury(w);
}

/* Advances until `n` more probes have started. */
static inline void world_probes(struct world *w, unsigned n)
{
    unsigned until = w->starts + n;
    for (unsigned ms = 0; w->starts < until; ms += WHEEL_SLOT_MS) {
        assert_true(ms < 3600 * 1000);
        world_advance(w, WHEEL_SLOT_MS);
    }
}

static inline struct server_rt *world_server(struct backend_rt *be, unsigned i)
{
    char name[16], text[32];
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(80)};
    a.sin_addr.s_addr = htonl(0x0a000001 + i);
    (void)snprintf(name, sizeof name, "s%u", i);
    (void)snprintf(text, sizeof text, "10.0.0.%u:80", i + 1);
    struct server_rt *rt = server_rt_new(be, name, text, (const struct sockaddr *)&a, sizeof a, 1);
    assert_non_null(rt);
    return rt;
}

static inline struct monitor_target world_target(struct world *w, struct server_rt *rt)
{
    struct monitor_target t = {.rt = rt,
                               .check = &w->check,
                               .passive = &w->passive,
                               .slow_start_ms = w->slow_start_ms,
                               .addr = rt->addr,
                               .addr_len = rt->addr_len};
    return t;
}

/* Applies a configuration with the first n servers. */
static inline void world_apply(struct world *w, unsigned n)
{
    struct err e = {0};
    struct monitor_target t[WORLD_SERVERS];
    for (unsigned i = 0; i < n; i++)
        t[i] = world_target(w, w->s[i]);
    struct monitor_plan *p = monitor_prepare(w->m, t, n, &e);
    if (!p)
        fail_msg("%s", e.text);
    monitor_commit(w->m, p);
    world_bury(w);
}

static inline int world_setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    *state = the_world = w;
    assert_int_equal(loop_init(&w->loop, 0), 0);
    (void)snprintf(w->log_path, sizeof w->log_path, "/tmp/lb-monitor-test.XXXXXX");
    int fd = mkstemp(w->log_path);
    assert_true(fd >= 0);
    (void)close(fd);
    struct log_target to = {.to = LOG_TO_FILE, .path = w->log_path, .format = LOG_TEXT};
    w->logger = logger_new(&to, LOG_LV_DEBUG, NULL);
    w->log = logger_attach(w->logger);
    static const struct monitor_env env = {.find = world_find, .open = world_open};
    w->m = monitor_new_env(&w->loop, w->log, 7, &env);
    w->be = backend_rt_new("app", 1);
    for (unsigned i = 0; i < WORLD_SERVERS; i++)
        w->s[i] = world_server(w->be, i);
    w->check = (struct cfg_check){
        .type = "fake", .every_ms = 1000, .timeout_ms = 500, .rise = 2, .fall = 3};
    w->passive = (struct cfg_passive){
        .on = true, .failures = 5, .eject_ms = 10000, .eject_max_ms = 60000, .max_ejected_pct = 50};
    w->answer = PASS;
    return 0;
}

/* Stops everything; afterwards `text` (to be freed) is all that was logged. */
static inline char *world_end(struct world *w)
{
    monitor_free(w->m);
    w->m = NULL;
    world_bury(w);
    assert_int_equal(w->nheld, 0);
    assert_int_equal(w->prepared, w->released);
    assert_int_equal(w->loop.wheel.armed, 0);
    log_detach(w->log);
    logger_free(w->logger);
    char *text = calloc(1, 65536);
    FILE *f = fopen(w->log_path, "r");
    assert_non_null(f);
    (void)!fread(text, 1, 65535, f);
    (void)fclose(f);
    return text;
}

static inline int world_teardown(void **state)
{
    struct world *w = *state;
    if (w->m)
        free(world_end(w));
    (void)unlink(w->log_path);
    for (unsigned i = 0; i < WORLD_SERVERS; i++)
        server_rt_unref(w->s[i]);
    backend_rt_unref(w->be);
    loop_close(&w->loop);
    free(w);
    return 0;
}

static inline unsigned world_count(const char *text, const char *what)
{
    unsigned n = 0;
    for (const char *p = text; (p = strstr(p, what)); p++)
        n++;
    return n;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

#endif
