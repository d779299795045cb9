/*
 * lb.h — the program under test: start with a configuration, ask its admin address, reload, stop.
 *
 * A test writes frontends and backends; the harness puts a `global` and an `admin` block before
 * them. In the configuration ${E2E_DIR} is the test's folder, where access logs and sockets go.
 * Everything here asserts by cmocka: call from the main thread, inside a test.
 */
#ifndef TESTS_E2E_LB_H
#define TESTS_E2E_LB_H

#include "tests/e2e/lib/http.h"
#include "tests/e2e/lib/proc.h"

struct lb {
    struct proc proc;
    char *dir;      /* owned: configuration, logs, sockets */
    uint16_t admin; /* port of the admin address */
    struct lb_opts {
        unsigned threads;   /* default 2 */
        unsigned max_files; /* RLIMIT_NOFILE of the process; 0: as it is */
        const char *global; /* further statements of the global block; may be NULL */
    } opts;
};

/* The path of the program: $LB, or build/lb. */
const char *lb_path(void);

/* Starts it and waits until /readyz answers 200; fails the test otherwise. `opts` may be set in the
 * struct before; the rest of it is overwritten. */
void lb_start(struct lb *, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* TERM; fails the test unless it ends with status 0 and no sanitizer has complained. */
void lb_stop(struct lb *);
/* Waits for an end that the test brought about by itself; returns the status. */
int lb_wait_end(struct lb *, unsigned ms);

/* Writes the configuration and sends HUP. lb_reload also waits until the change is in force, which
 * it knows by a probe frontend that the harness adds to every configuration. */
void lb_write(struct lb *, const char *format, ...) __attribute__((format(printf, 2, 3)));
void lb_reload(struct lb *, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What it wrote to stderr, or a file of its folder; the caller frees. */
char *lb_log(const struct lb *);
char *lb_file(const struct lb *, const char *name);

/* Waits until a line matches; fails the test after `ms`. */
void lb_wait_log(const struct lb *, const char *regex, unsigned ms);
void lb_wait_file(const struct lb *, const char *name, const char *regex, unsigned ms);

/* The value of a series as /metrics writes it, "name{label=\"x\"}"; -1 when it is not there. */
double lb_metric(const struct lb *, const char *series);
void lb_wait_metric(const struct lb *, const char *series, double value, unsigned ms);

/* lb_server_up{backend,server} becomes `up`. */
void lb_wait_server(const struct lb *, const char *backend, const char *server, bool up,
                    unsigned ms);

/* `lb check` of a configuration text: its output (both streams, caller frees) and exit status. */
char *lb_check(int *status, const char *option, const char *text);

/* Ends what a failed test left running; the teardown of every test. */
int e2e_teardown(void **state);
#define E2E_TEST(f) cmocka_unit_test_setup_teardown(f, NULL, e2e_teardown)

#endif
