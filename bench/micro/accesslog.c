/*
 * accesslog.c — nanoseconds for one access-log line and one request id.
 *
 * Lines are formatted into one buffer; the ring adds a reservation (lb/base/ring.h) that is
 * measured with the logger.
 */
#include "lb/base/clock.h"
#include "lb/session/accesslog.h"
#include "lb/session/reqid.h"

#include <stdio.h>

enum { ROUNDS = 2000000 };

static const struct peer client = {.ip = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 7},
                                   .port = 51234,
                                   .family = AF_INET};

static void lines(const char *name, bool json, struct access_record *r)
{
    static char out[65536];
    struct access_clock clock = {0};
    uint64_t wall = clock_wall_us(), from = clock_us();
    size_t bytes = 0;
    for (unsigned i = 0; i < ROUNDS; i++) {
        r->total_us = 200 + i % 1000;
        bytes += accesslog_format(out, json, r, wall + i, &clock);
    }
    uint64_t us = clock_us() - from;
    (void)printf("%-22s %6.1f ns  %zu bytes\n", name, (double)us * 1000 / ROUNDS, bytes / ROUNDS);
}

static void ids(void)
{
    struct reqid_gen g;
    char text[REQID_TEXT];
    unsigned sum = 0;
    reqid_init(&g, 1);
    uint64_t wall = clock_wall_us(), from = clock_us();
    for (unsigned i = 0; i < ROUNDS; i++) {
        reqid_make(&g, wall + i / 8, text);
        sum += (unsigned char)text[REQID_TEXT - 1];
    }
    uint64_t us = clock_us() - from;
    (void)printf("%-22s %6.1f ns  (%u)\n", "request id", (double)us * 1000 / ROUNDS, sum & 1);
}

int main(void)
{
    char id[REQID_TEXT];
    struct reqid_gen g;
    reqid_init(&g, 2);
    reqid_make(&g, clock_wall_us(), id);
    struct access_record r = {.frontend = SLICE("web"),
                              .backend = SLICE("application"),
                              .server = SLICE("app-01"),
                              .client = &client,
                              .method = SLICE("GET"),
                              .target =
                                  SLICE("/api/v1/customers/12345/orders?limit=20&after=abcdef"),
                              .host = SLICE("api.example.com"),
                              .user_agent = SLICE("Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101"),
                              .request_id = {id, sizeof id},
                              .status = 200,
                              .bytes_in = 512,
                              .bytes_out = 18234,
                              .header_us = 12,
                              .connect_us = 0,
                              .first_byte_us = 1873,
                              .response_us = 211,
                              .reused = true,
                              .why = WHY_OK};
    lines("text", false, &r);
    lines("json", true, &r);
    r.target = SLICE("/caf\xc3\xa9/%20\"quoted\"\\/\x01/x");
    lines("text, escapes", false, &r);
    lines("json, escapes", true, &r);
    ids();
    return 0;
}
