/*
 * service.h — real servers to balance over: nginx, Redis, PostgreSQL, each in a folder of its own.
 *
 * A missing program skips the test. Services still running at the end of a test are stopped by its
 * teardown. Main thread only, inside a test.
 */
#ifndef TESTS_E2E_SERVICE_H
#define TESTS_E2E_SERVICE_H

#include "tests/e2e/lib/proc.h"

#include <stdint.h>

struct service {
    struct proc proc;
    char *dir; /* owned */
    uint16_t port;
    const char *name;
};

/* Answers every path with its name, and /status with its stub_status page. */
struct service *nginx_start(const char *name);
struct service *redis_start(void);
struct service *postgres_start(void); /* user postgres, no password */

/* The "N" of nginx's stub_status: connections accepted, requests handled. */
void nginx_counts(const struct service *, unsigned *accepted, unsigned *requests);

void service_stop(struct service *);
void service_stop_all(void);

#endif
