/*
 * probe.c — one address probed again and again.
 *
 * A job owns one timer: it counts down to the next probe, and while a probe runs, to its time-out.
 * Memory and a descriptor are held only while a probe runs. What keeps a probe from being made at
 * all (no descriptor, no memory, no local port) says nothing about the server: it is tried again.
 */
#include "health/monitor_impl.h"
#include "lb/net/sock.h"
#include "lb/tls/tls_io.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    FIRST_WITHIN_MS = 1000,
    POSTPONE_MS = 1000,
    STALL_MS = 250, /* a timer that comes later than this: the thread was held up */
    STARVED_QUIET_US = 10 * 1000 * 1000,
};

static void run_free(struct grave *g)
{
    struct run *r = container_of(g, struct run, grave);
    spec_unref(r->spec);
    free(r);
}

/* Takes the probe off its job. It may be on the call stack, so it is buried, not freed. */
static void run_end(struct run *r)
{
    io_close(&r->probe.io);
    r->job->run = NULL;
    r->job = NULL;
    loop_bury(r->probe.loop, &r->grave, run_free);
}

static void arm(struct job *j, enum job_timer kind, uint32_t ms)
{
    loop_timer_set(j->m->loop, &j->timer, TIMER_PROBE, (uint8_t)kind, ms);
}

/* The next probe starts one interval (± 10 %) after this one did. */
static void arm_next(struct job *j)
{
    uint32_t every = j->spec->every_ms;
    uint32_t ms = every - every / 10 + rng_below(&j->m->rng, every / 5 + 1);
    uint32_t least = every / 10;
    arm(j, JOB_START, ms > j->last_ms + least ? ms - j->last_ms : least);
}

static void conclude(struct run *r, bool ok, const char *cause)
{
    struct job *j = r->job;
    assert(j && j->run == r);
    (void)snprintf(j->last, sizeof j->last, "%s", cause);
    j->last_ms = (uint32_t)((j->m->loop->now_us - r->started_us) / 1000);
    j->excused = false;
    j->checks++;
    j->failed += !ok;
    j->m->counts.checks++;
    j->m->counts.failed += !ok;
    run_end(r);
    arm_next(j);
    for (struct watch *w = j->first; w; w = w->next)
        judge_result(w, ok, j->last);
}

void probe_done(struct probe *p, bool ok, const char *cause)
{
    conclude(p->owner, ok, cause);
}

void probe_done_errno(struct probe *p, int error)
{
    char text[96];
    const char *s = strerror_r(error, text, sizeof text);
    if (s != text)
        (void)snprintf(text, sizeof text, "%s", s);
    text[0] = (char)tolower((unsigned char)text[0]); /* it stands inside a sentence */
    conclude(p->owner, false, text);
}

static void postpone(struct job *j, const char *cause)
{
    struct monitor *m = j->m;
    uint32_t ms = j->spec->every_ms < POSTPONE_MS ? j->spec->every_ms : POSTPONE_MS;
    arm(j, JOB_START, ms / 2 + rng_below(&m->rng, ms / 2 + 1));
    if (m->starved && m->loop->now_us - m->starved_us < STARVED_QUIET_US)
        return;
    m->starved = true;
    m->starved_us = m->loop->now_us;
    log_line(m->log, LOG_LV_WARNING, "check-postponed", "no verdict on %s: %s", j->host, cause);
}

void probe_give_up(struct probe *p, int error)
{
    struct run *r = p->owner;
    struct job *j = r->job;
    run_end(r);
    postpone(j, strerror(error));
}

static void cancel(struct run *r)
{
    if (r->probe.check->cancel)
        r->probe.check->cancel(&r->probe);
}

/* The transport broke: says why. */
static void tls_broke(struct probe *p)
{
    char text[96];
    int error = p->io.x->fault(&p->io);
    (void)snprintf(text, sizeof text, "TLS: %s", tls_failure(&p->io));
    cancel(p->owner);
    if (error == EPROTO)
        probe_done(p, false, text);
    else
        probe_done_errno(p, error);
}

bool probe_connected(struct probe *p)
{
    if (p->io.x && p->io.fl & IO_BROKEN) {
        tls_broke(p);
        return false;
    }
    if (p->connected)
        return true;
    if (!(p->io.fl & (IO_RD | IO_WR | IO_HUP)))
        return false;
    int error = p->io.x ? 0 : io_connect_error(&p->io);
    if (error) {
        cancel(p->owner);
        probe_done_errno(p, error);
        return false;
    }
    p->io.fl &= (uint16_t)~IO_CONNECTING;
    return p->connected = true;
}

static void not_ready(struct io *io)
{
    (void)io; /* until the check sets its own */
}

int probe_open(struct probe *p, const struct sockaddr *addr, socklen_t len)
{
    static const struct io_ops ops = {.ready = not_ready};
    bool done = false;
    int fd = sock_connect(addr, len, &done);
    if (fd < 0)
        return -1;
    if (io_open(&p->io, p->loop, fd, &ops, done ? IO_WR : IO_CONNECTING) < 0) {
        (void)close(fd);
        errno = ENOMEM;
        return -1;
    }
    p->connected = done;
    return 0;
}

/* Errors of ours when a socket is made: the server has not been asked yet. */
static bool is_own_trouble(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM ||
           error == EADDRNOTAVAIL;
}

static struct run *run_new(struct job *j)
{
    const struct check *check = j->spec->check;
    struct run *r = calloc(1, sizeof *r + check->state_size);
    if (!r)
        return NULL;
    r->spec = j->spec;
    r->spec->refs++;
    r->started_us = j->m->loop->now_us;
    r->probe = (struct probe){
        .check = check,
        .shared = j->spec->shared,
        .loop = j->m->loop,
        .io = {.fd = -1},
        .host = j->host,
        .proxy = j->proxy,
        .state = r->state,
        .owner = r,
    };
    r->job = j;
    j->run = r;
    return r;
}

static void start(struct job *j)
{
    struct run *r = run_new(j);
    if (!r) {
        postpone(j, strerror(ENOMEM));
        return;
    }
    if (j->m->env.open(&r->probe, j->addr, j->addr_len) < 0) {
        int error = errno;
        if (!is_own_trouble(error)) {
            probe_done_errno(&r->probe, error);
            return;
        }
        probe_give_up(&r->probe, error);
        return;
    }
    if (j->tls && tls_connect(&r->probe.io, j->tls, TLS_CONTROL_THREAD, true) != 0) {
        probe_give_up(&r->probe, ENOMEM);
        return;
    }
    arm(j, JOB_TIMEOUT, j->spec->timeout_ms);
    r->spec->check->start(&r->probe);
}

/*
 * If this thread was held up (a slow name server during a reload, a stopped process), an answer may
 * well have come that nobody looked at. Excused once in a row, lest a thread that is always late
 * finds no server down.
 */
static bool is_stalled(struct job *j)
{
    uint32_t late_ms = j->m->loop->now_ms - j->timer.deadline;
    j->excused = !j->excused && late_ms > STALL_MS;
    return j->excused;
}

static void time_out(struct job *j)
{
    char text[64];
    struct run *r = j->run;
    cancel(r);
    if (is_stalled(j)) {
        run_end(r);
        postpone(j, "this process was stalled");
        return;
    }
    (void)snprintf(text, sizeof text, "no %s within %u ms",
                   r->probe.connected ? "answer" : "connection", j->spec->timeout_ms);
    conclude(r, false, text);
}

void job_on_timer(struct timer *t, void *user)
{
    (void)user;
    struct job *j = container_of(t, struct job, timer);
    if (t->kind == JOB_TIMEOUT)
        time_out(j);
    else
        start(j);
}

void job_schedule(struct job *j)
{
    uint32_t ms = j->spec->every_ms < FIRST_WITHIN_MS ? j->spec->every_ms : FIRST_WITHIN_MS;
    arm(j, JOB_START, rng_below(&j->m->rng, ms + 1));
}

void job_adopt(struct job *to, struct job *from)
{
    to->checks = from->checks;
    to->failed = from->failed;
    to->last_ms = from->last_ms;
    to->excused = from->excused;
    memcpy(to->last, from->last, sizeof to->last);
    to->run = from->run;
    from->run = NULL;
    if (to->run) {
        to->run->job = to;
        to->run->probe.host = to->host;
    }
    monitor_move_timer(to->m->loop, &to->timer, &from->timer);
}

void job_stop(struct job *j)
{
    loop_timer_clear(j->m->loop, &j->timer);
    if (!j->run)
        return;
    cancel(j->run);
    run_end(j->run);
}
