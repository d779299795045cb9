/*
 * h2_abuse.c — when a client costs more than it may: a leaking bucket of points per connection.
 *
 * Frames that make us work without moving a request forward cost points: resets (CVE-2023-44487,
 * also those we are provoked to send ourselves, CVE-2025-8671), PING, SETTINGS, PRIORITY, empty
 * DATA, CONTINUATION. Points leak with time, so that a long-lived connection of an ordinary client
 * stays near zero; the bucket's size is what a browser may do in a burst, such as leaving a page
 * with a hundred images under way. Window updates answer data we sent and are paid for by it.
 */
#include "lb/http/h2_int.h"

enum {
    SCORE_MAX = 1000,
    LEAK_PER_S = 100,
    COST_RESET = 4,     /* 250 at once, 25 a second */
    COST_PING = 10,     /* 100 at once, 10 a second */
    COST_SETTINGS = 20, /* 50 at once, 5 a second */
    COST_EMPTY = 2,     /* 500 at once, 50 a second */
    COST_PRIORITY = 2,
    COST_CONTINUATION = 5,
    COST_UPDATE = 1, /* beyond those that sent data pays for */
    UPDATES_PER_DATA = 4,
    UPDATES_MAX = 2000,
};

static bool add(struct h2_abuse *a, uint32_t now_ms, uint32_t points)
{
    uint32_t ms = now_ms - a->last_ms;
    uint64_t leaked = (uint64_t)ms * LEAK_PER_S / 1000;
    if (leaked) {
        a->score = leaked < a->score ? a->score - (uint32_t)leaked : 0;
        a->last_ms = now_ms;
    }
    a->score += points;
    return a->score > SCORE_MAX;
}

static uint32_t cost(struct h2_abuse *a, const nghttp2_frame_hd *hd)
{
    switch (hd->type) {
    case NGHTTP2_RST_STREAM:
        return COST_RESET;
    case NGHTTP2_PING:
        return hd->flags & NGHTTP2_FLAG_ACK ? 0 : COST_PING;
    case NGHTTP2_SETTINGS:
        return hd->flags & NGHTTP2_FLAG_ACK ? 0 : COST_SETTINGS;
    case NGHTTP2_PRIORITY:
        return COST_PRIORITY;
    case NGHTTP2_DATA:
        return hd->length || (hd->flags & NGHTTP2_FLAG_END_STREAM) ? 0 : COST_EMPTY;
    case NGHTTP2_CONTINUATION:
        return ++a->continuations > H2_CONTINUATIONS_MAX ? SCORE_MAX + 1 : COST_CONTINUATION;
    case NGHTTP2_HEADERS:
        a->continuations = 0;
        return 0;
    case NGHTTP2_WINDOW_UPDATE:
        if (!a->updates)
            return COST_UPDATE;
        a->updates--;
        return 0;
    default:
        return hd->type > NGHTTP2_CONTINUATION ? COST_PRIORITY : 0; /* unknown types are ignored */
    }
}

bool h2_abuse_frame(struct h2_abuse *a, const nghttp2_frame_hd *hd, uint32_t now_ms)
{
    uint32_t points = cost(a, hd);
    return points && add(a, now_ms, points);
}

bool h2_abuse_reset(struct h2_abuse *a, uint32_t now_ms)
{
    return add(a, now_ms, COST_RESET);
}

void h2_abuse_sent_data(struct h2_abuse *a)
{
    if (a->updates < UPDATES_MAX)
        a->updates += UPDATES_PER_DATA;
}
