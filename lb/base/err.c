/* err.c — formatting for struct err; truncates silently, never allocates. */
#include "lb/base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int err_set(struct err *e, int code, const char *format, ...)
{
    if (!e)
        return -1;
    va_list ap;
    va_start(ap, format);
    e->code = code ? code : -1;
    (void)vsnprintf(e->text, sizeof e->text, format, ap);
    va_end(ap);
    return -1;
}

int err_prefix(struct err *e, const char *format, ...)
{
    if (!e)
        return -1;
    char was[sizeof e->text];
    memcpy(was, e->text, sizeof was);
    va_list ap;
    va_start(ap, format);
    int n = vsnprintf(e->text, sizeof e->text, format, ap);
    va_end(ap);
    if (n < 0 || (size_t)n + 3 > sizeof e->text)
        return -1;
    size_t room = sizeof e->text - (size_t)n - 3, len = strnlen(was, sizeof was);
    memcpy(e->text + n, ": ", 2);
    memcpy(e->text + n + 2, was, len < room ? len : room);
    e->text[(size_t)n + 2 + (len < room ? len : room)] = 0;
    return -1;
}
