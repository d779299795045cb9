/* value.c — whole numbers with a factor per unit; no floating point, so nothing is rounded. */
#include "config/value.h"

#include <inttypes.h>
#include <stdio.h>

struct unit {
    const char *name;
    uint64_t factor;
};

static const struct unit DURATIONS[] = {
    {"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};
static const struct unit SIZES[] = {
    {"g", UINT64_C(1) << 30}, {"m", 1 << 20}, {"k", 1 << 10}, {"b", 1}};

enum { NDURATIONS = sizeof DURATIONS / sizeof *DURATIONS, NSIZES = sizeof SIZES / sizeof *SIZES };

/* The digits at the front of `s`, which loses them. */
static enum value_result digits(struct slice *s, uint64_t *out)
{
    uint64_t v = 0;
    size_t i = 0;
    for (; i < s->n && s->p[i] >= '0' && s->p[i] <= '9'; i++) {
        unsigned d = (unsigned)(s->p[i] - '0');
        if (v > (UINT64_MAX - d) / 10)
            return VALUE_BIG;
        v = v * 10 + d;
    }
    if (i == 0)
        return VALUE_BAD;
    s->p += i;
    s->n -= i;
    *out = v;
    return VALUE_OK;
}

enum value_result value_uint(struct slice s, uint64_t *out)
{
    enum value_result r = digits(&s, out);
    return r == VALUE_OK && s.n ? VALUE_BAD : r;
}

static enum value_result scaled(struct slice s, const struct unit *u, unsigned n, uint64_t *out)
{
    enum value_result r = digits(&s, out);
    if (r != VALUE_OK)
        return r;
    if (s.n == 0)
        return VALUE_NO_UNIT;
    for (unsigned i = 0; i < n; i++) {
        if (!slice_ieq(s, slice_of(u[i].name)))
            continue;
        if (*out > UINT64_MAX / u[i].factor)
            return VALUE_BIG;
        *out *= u[i].factor;
        return VALUE_OK;
    }
    return VALUE_UNIT;
}

enum value_result value_duration(struct slice s, uint64_t *ms)
{
    enum value_result r = scaled(s, DURATIONS, NDURATIONS, ms);
    return r == VALUE_NO_UNIT && *ms == 0 ? VALUE_OK : r;
}

enum value_result value_size(struct slice s, uint64_t *bytes)
{
    enum value_result r = scaled(s, SIZES, NSIZES, bytes);
    return r == VALUE_NO_UNIT ? VALUE_OK : r;
}

enum value_result value_ratio(struct slice s, uint64_t *thousandths)
{
    bool percent = s.n && s.p[s.n - 1] == '%';
    unsigned places = percent ? 1 : 3;
    uint64_t whole, part = 0;
    s.n -= percent;
    enum value_result r = digits(&s, &whole);
    if (r != VALUE_OK)
        return r;
    if (s.n) {
        if (*s.p != '.' || s.n < 2 || s.n > 1 + places)
            return VALUE_BAD;
        for (unsigned i = 1; i <= places; i++) {
            char c = i < s.n ? s.p[i] : '0';
            if (c < '0' || c > '9')
                return VALUE_BAD;
            part = part * 10 + (unsigned)(c - '0');
        }
    }
    uint64_t factor = percent ? 10 : 1000;
    if (whole > (UINT64_MAX - part) / factor)
        return VALUE_BIG;
    *thousandths = whole * factor + part;
    return VALUE_OK;
}

static void format_scaled(uint64_t num, const struct unit *u, unsigned n, char *out)
{
    unsigned i = 0;
    while (i + 1 < n && (num == 0 || num % u[i].factor))
        i++;
    bool plain = num == 0 || (u[i].factor == 1 && u[i].name[0] == 'b');
    (void)snprintf(out, VALUE_TEXT_MAX, "%" PRIu64 "%s", num / u[i].factor, plain ? "" : u[i].name);
}

void value_format(enum opt_type type, uint64_t num, char out[VALUE_TEXT_MAX])
{
    switch (type) {
    case OPT_DURATION:
        format_scaled(num, DURATIONS, NDURATIONS, out);
        break;
    case OPT_SIZE:
        format_scaled(num, SIZES, NSIZES, out);
        break;
    case OPT_RATIO:
        if (num % 1000)
            (void)snprintf(out, VALUE_TEXT_MAX, "%" PRIu64 ".%03u", num / 1000,
                           (unsigned)(num % 1000));
        else
            (void)snprintf(out, VALUE_TEXT_MAX, "%" PRIu64, num / 1000);
        break;
    case OPT_ONOFF:
        (void)snprintf(out, VALUE_TEXT_MAX, "%s", num ? "on" : "off");
        break;
    default:
        (void)snprintf(out, VALUE_TEXT_MAX, "%" PRIu64, num);
    }
}
