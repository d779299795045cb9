/*
 * idle_test.c — a process with nothing to do sleeps: no thread wakes up, with or without idle
 * connections, beyond the tick that their time-outs need.
 */
#include "tests/budget/lib/budget.h"

#include <dirent.h>

enum { WATCHED_MS = 2000 };

/* Times any thread of the process went to sleep by itself. */
static unsigned long sleeps(const struct lb *lb)
{
    char *dir = format_new("/proc/%d/task", (int)lb->proc.pid);
    unsigned long sum = 0;
    DIR *d = opendir(dir);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) {
        char *path = format_new("%s/%s/status", dir, e->d_name);
        struct text t = file_read(path);
        const char *at = strstr(text_str(&t), "\nvoluntary_ctxt_switches:");
        sum += at ? strtoul(at + 25, NULL, 10) : 0;
        text_free(&t);
        free(path);
    }
    (void)closedir(d);
    free(dir);
    return sum;
}

static unsigned long wakeups(const struct lb *lb)
{
    sleep_ms(1000); /* the start, and what the harness asked, must be over */
    unsigned long before = sleeps(lb);
    sleep_ms(WATCHED_MS);
    return sleeps(lb) - before;
}

static void sleeps_without_connections(void **state)
{
    (void)state;
    struct budget b;
    budget_start(&b, false);
    unsigned long n = wakeups(&b.lb);
    printf("idle: %lu wake-ups in %u ms\n", n, WATCHED_MS);
    assert_int_equal(n, 0);
    budget_stop(&b);
}

static void sleeps_with_idle_connections(void **state)
{
    (void)state;
    struct budget b;
    static struct client c[50];
    budget_start(&b, false);
    for (unsigned i = 0; i < 50; i++) {
        assert_true(client_open(&c[i], b.web));
        budget_keepalive(&c[i], 1);
    }
    unsigned long n = wakeups(&b.lb);
    printf("50 idle connections: %lu wake-ups in %u ms\n", n, WATCHED_MS);
    assert_in_range(n, 0, 4); /* deadlines that were pushed back are moved once */
    for (unsigned i = 0; i < 50; i++)
        client_close(&c[i]);
    budget_stop(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        E2E_TEST(sleeps_without_connections),
        E2E_TEST(sleeps_with_idle_connections),
    };
    return cmocka_run_group_tests_name("idle", tests, NULL, NULL);
}
