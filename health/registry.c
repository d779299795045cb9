/*
 * registry.c — all health checks there are, in one visible array.
 *
 * A new check is one file and one line here.
 */
#include "health/checks.h"

static const struct check *const checks[] = {
    &check_tcp,
    &check_http,
    &check_tls,
    NULL,
};

const struct check *const *check_builtin(void)
{
    return checks;
}

const struct check *check_find(const char *name)
{
    for (const struct check *const *c = checks; *c; c++) {
        if (strcmp((*c)->desc.name, name) == 0)
            return *c;
        for (const char *const *a = (*c)->desc.aliases; a && *a; a++)
            if (strcmp(*a, name) == 0)
                return *c;
    }
    return NULL;
}
