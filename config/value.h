/*
 * value.h — numbers with units, to and from text.
 */
#ifndef CONFIG_VALUE_H
#define CONFIG_VALUE_H

#include "lb/base/opts.h"
#include "lb/base/slice.h"

enum value_result {
    VALUE_OK,
    VALUE_BAD,     /* not a number at all */
    VALUE_NO_UNIT, /* a number where a unit is needed */
    VALUE_UNIT,    /* a unit we don't know */
    VALUE_BIG,     /* does not fit */
};

enum value_result value_uint(struct slice, uint64_t *out);
enum value_result value_duration(struct slice, uint64_t *ms); /* "0" needs no unit */
enum value_result value_size(struct slice, uint64_t *bytes);
enum value_result value_ratio(struct slice, uint64_t *thousandths); /* "1.25" or "20%" */

enum { VALUE_TEXT_MAX = 32 };
/* The shortest text that reads back as the same number. */
void value_format(enum opt_type, uint64_t num, char out[VALUE_TEXT_MAX]);

#endif
