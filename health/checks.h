/*
 * checks.h — the built-in checks, one object each. Private to health/.
 */
#ifndef HEALTH_CHECKS_H
#define HEALTH_CHECKS_H

#include "health/check.h"

extern const struct check check_tcp;
extern const struct check check_http;
extern const struct check check_tls;

#endif
