/* e2e.h — what an end-to-end test includes: the harness and cmocka. */
#ifndef TESTS_E2E_E2E_H
#define TESTS_E2E_E2E_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/e2e/lib/client.h"
#include "tests/e2e/lib/http.h"
#include "tests/e2e/lib/load.h"
#include "tests/e2e/lib/lb.h"
#include "tests/e2e/lib/origin.h"
#include "tests/e2e/lib/proc.h"
#include "tests/e2e/lib/service.h"
#include "tests/e2e/lib/util.h"
#include "tests/e2e/lib/web.h"

#endif
