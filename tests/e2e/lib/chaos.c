/* chaos.c — see chaos.h. */
#include "tests/e2e/lib/e2e.h"

#include "tests/e2e/lib/chaos.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

enum { FLOOD_BYTES = 8 << 20, FLOOD_PATIENCE_MS = 100, SETTLE_MS = 15000 };
enum { PIPE_FILES = 2 * 2 * 2 }; /* two workers, a pipe a direction */

const char *const act_names[ACTS] = {"close", "half-close", "reset", "stall", "flood", "garbage"};

/* As much as the peer takes; it may be none. */
static void flood(struct client *c)
{
    static char part[65536];
    memset(part, 'x', sizeof part);
    for (size_t n = 0; n < FLOOD_BYTES;) {
        ssize_t put = send(c->fd, part, sizeof part, MSG_NOSIGNAL | MSG_DONTWAIT);
        struct pollfd p = {.fd = c->fd, .events = POLLOUT};
        if (put > 0)
            n += (size_t)put;
        else if (put < 0 && errno != EAGAIN)
            return;
        else if (poll(&p, 1, FLOOD_PATIENCE_MS) <= 0)
            return;
    }
}

bool act_on(struct client *c, enum act act)
{
    static const char nonsense[] = "\0\1\2\377\r\n\r\n\r\nHTTP/9.9 \r\n: :\r\nGET\r\n\r\n\177\200";
    switch (act) {
    case ACT_HALF:
        client_shut(c);
        return false;
    case ACT_RESET:
        client_arm_reset(c);
        return true;
    case ACT_FLOOD:
        flood(c);
        return false;
    case ACT_GARBAGE:
        (void)client_send(c, nonsense, sizeof nonsense);
        return false;
    case ACT_CLOSE:
        return true;
    default:
        return false;
    }
}

/* The sum over all samples of a metric. */
static double sum_of(const char *text, const char *name)
{
    double sum = 0;
    size_t n = strlen(name);
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        const char *end = strncmp(line, name, n) == 0 && line[n] == '{' ? strchr(line, '}') : NULL;
        if (end)
            sum += strtod(end + 1, NULL);
    }
    return sum;
}

struct held held_by(const struct lb *lb)
{
    struct reply r = {0};
    assert_int_equal(http_get(lb->admin, "/metrics", NULL, &r), 200);
    const char *t = text_str(&r.body);
    struct held h = {
        .clients = sum_of(t, "lb_frontend_connections_total") -
                   sum_of(t, "lb_frontend_connections_closed_total"),
        .requests = sum_of(t, "lb_frontend_requests_total") -
                    sum_of(t, "lb_frontend_requests_finished_total"),
        .inflight =
            sum_of(t, "lb_server_requests_total") - sum_of(t, "lb_server_requests_finished_total"),
        .queued = sum_of(t, "lb_backend_queued_total") - sum_of(t, "lb_backend_dequeued_total"),
        .upstream = sum_of(t, "lb_server_connects_total") - sum_of(t, "lb_server_closes_total"),
    };
    reply_free(&r);
    h.files = proc_open_files(&lb->proc);
    return h;
}

/* Beyond its connections a worker may keep the pipes that a flood of a tunnel made it open. */
static bool same(const struct held *now, const struct held *before)
{
    double files = (now->files - now->upstream) - (before->files - before->upstream);
    return now->clients == before->clients && now->requests == before->requests &&
           now->inflight == before->inflight && now->queued == before->queued &&
           files <= PIPE_FILES;
}

void held_settle(const struct lb *lb, const struct held *before, const char *state, enum act act)
{
    struct held now;
    for (uint64_t end = now_ms() + SETTLE_MS; now_ms() < end; sleep_ms(10)) {
        now = held_by(lb);
        if (same(&now, before))
            return;
    }
    fail_msg("%s, %s: before: %g clients, %g requests, %g in flight, %g queued, %u files, %g "
             "upstream; now: %g, %g, %g, %g, %u, %g",
             state, act_names[act], before->clients, before->requests, before->inflight,
             before->queued, before->files, before->upstream, now.clients, now.requests,
             now.inflight, now.queued, now.files, now.upstream);
}
