/*
 * log_text.c — turning values into the text of log lines: time, JSON strings, printable text.
 *
 * Log lines carry bytes a peer chose. Nothing unprintable leaves here: control characters (also the
 * C1 ones that terminals obey) and bytes that are not UTF-8 are escaped. Pure, any thread.
 */
#include "lb/base/log_int.h"

#include <stdio.h>
#include <string.h>

/* Bytes of the valid UTF-8 sequence of a printable, non-ASCII character at s; 0: there is none. */
static size_t utf8_len(const unsigned char *s, size_t n)
{
    size_t len = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    if (s[0] < 0xc2 || s[0] > 0xf4 || len > n)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    bool overlong = (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90);
    bool surrogate = s[0] == 0xed && s[1] > 0x9f;
    bool too_large = s[0] == 0xf4 && s[1] > 0x8f;
    bool control = s[0] == 0xc2 && s[1] < 0xa0;
    return overlong || surrogate || too_large || control ? 0 : len;
}

static const char hex[] = "0123456789abcdef";

/* The JSON escape of one byte that cannot stand for itself; returns its length (2 or 6). */
static size_t json_escape(char out[6], unsigned char c)
{
    static const char letter[32] = {
        ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};
    if (c == '"' || c == '\\' || (c < 32 && letter[c])) {
        out[0] = '\\';
        out[1] = c < 32 ? letter[c] : (char)c;
        return 2;
    }
    memcpy(out, c < 0x80 ? "\\u00" : "\\uff", 4);
    out[4] = c < 0x80 ? hex[c >> 4] : 'f';
    out[5] = c < 0x80 ? hex[c & 15] : 'd';
    return 6;
}

size_t log_json_escape(char *out, size_t max, const char *s, size_t n)
{
    size_t o = 0;
    for (size_t i = 0; i < n;) {
        unsigned char c = (unsigned char)s[i];
        char esc[6];
        const char *from = s + i;
        size_t take = 1, len = 1;
        if (c >= 0x80 && (take = utf8_len((const unsigned char *)s + i, n - i)) > 0) {
            len = take;
        } else if (c < 32 || c == '"' || c == '\\' || c >= 0x7f) {
            take = 1;
            len = json_escape(esc, c);
            from = esc;
        }
        if (len > max - o)
            break;
        memcpy(out + o, from, len);
        o += len;
        i += take;
    }
    return o;
}

size_t log_text_escape(char *out, size_t max, const char *s, size_t n)
{
    size_t o = 0;
    for (size_t i = 0; i < n;) {
        unsigned char c = (unsigned char)s[i];
        char esc[4] = {'\\', 'x', hex[c >> 4], hex[c & 15]};
        const char *from = s + i;
        size_t take = 1, len = 1;
        if (c >= 0x80 && (take = utf8_len((const unsigned char *)s + i, n - i)) > 0) {
            len = take;
        } else if (c < 32 || c >= 0x7f) {
            take = 1;
            len = sizeof esc;
            from = esc;
        }
        if (len > max - o)
            break;
        memcpy(out + o, from, len);
        o += len;
        i += take;
    }
    return o;
}

static void put_digits(char *at, unsigned n, unsigned v)
{
    for (; n > 0; v /= 10)
        at[--n] = (char)('0' + v % 10);
}

/* No gmtime_r: it takes a lock. The date by Hinnant, "chrono-Compatible Low-Level Date Algorithms".
 */
size_t log_time(char out[LOG_TIME_BYTES], uint64_t wall_us)
{
    uint64_t ms = wall_us / 1000, s = ms / 1000;
    unsigned day = (unsigned)(s / 86400 % 3652059), sec = (unsigned)(s % 86400);
    unsigned z = day + 719468, era = z / 146097, doe = z - era * 146097;
    unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    unsigned month = mp < 10 ? mp + 3 : mp - 9;
    memcpy(out, "0000-00-00T00:00:00.000Z", LOG_TIME_BYTES);
    put_digits(out, 4, yoe + era * 400 + (month <= 2));
    put_digits(out + 5, 2, month);
    put_digits(out + 8, 2, doy - (153 * mp + 2) / 5 + 1);
    put_digits(out + 11, 2, sec / 3600);
    put_digits(out + 14, 2, sec / 60 % 60);
    put_digits(out + 17, 2, sec % 60);
    put_digits(out + 20, 3, (unsigned)(ms % 1000));
    return LOG_TIME_BYTES;
}
