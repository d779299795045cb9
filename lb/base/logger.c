/*
 * logger.c — the logger thread, its producers and its table of sinks.
 *
 * A round: under the lock take over what the control thread changed and move records from the
 * rings to the sinks' buffers; without the lock write them. So the control thread never waits for
 * a disk. After a round with work the thread naps for a few milliseconds without saying so, and
 * only after an empty round it goes to sleep and asks to be woken: under load no producer makes a
 * system call, and an idle process does nothing. The lock protects the table of sinks and the list
 * of producers; `sleeping` is changed by read-modify-write only, which orders it after the rings.
 */
#include "lb/base/clock.h"
#include "lb/base/err.h"
#include "lb/base/log_int.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum { NAP_MS = 5, STOP_US = 2 * 1000 * 1000, JOIN_S = 3 };

struct round {
    bool moved;    /* there were records */
    bool complete; /* and every ring was emptied */
    unsigned ndirty;
    struct log_sink *dirty[LOG_SINKS_MAX];
};

void logger_wake(struct logger *lg)
{
    uint64_t one = 1;
    (void)!write(lg->wake_fd, &one, sizeof one); /* full means: awake already */
}

static void count_lost(struct logger *lg, uint64_t n)
{
    if (n)
        atomic_fetch_add_explicit(&lg->write_errors, n, memory_order_relaxed);
}

static void log_free(struct logger *lg, struct log *l)
{
    lg->dropped_before += ring_dropped(l->ring);
    list_del(&l->link);
    ring_free(l->ring);
    free(l);
}

/* Moves records of one producer; false when a sink had no room. Under the lock. */
static bool drain(struct logger *lg, struct log *l, struct round *r)
{
    size_t n;
    for (const struct log_record *rec; (rec = ring_peek(l->ring, &n)); ring_release(l->ring)) {
        bool known = rec->sink >= 0 && rec->sink < LOG_SINKS_MAX && lg->sink[rec->sink];
        if (!known)
            count_lost(lg, 1);
        else if (!log_sink_take(lg->sink[rec->sink], &lg->ident, rec, n - sizeof *rec))
            return false;
        r->moved = true;
    }
    return true;
}

static void adopt(struct log_sink *s)
{
    if (!s->next)
        return;
    log_out_close(s->out);
    s->out = s->next;
    s->next = NULL;
    s->torn = false;
    s->stuck_until = 0;
}

/* Closes the sinks nobody uses any more; what was meant for them has been written. */
static void reap(struct logger *lg, const bool *closing)
{
    for (unsigned i = 1; i < LOG_SINKS_MAX; i++) {
        if (!closing[i] || !lg->sink[i]->closing)
            continue; /* or it was opened again meanwhile */
        log_sink_free(lg->sink[i]);
        lg->sink[i] = NULL;
    }
}

static void run_round(struct logger *lg, struct round *r)
{
    bool closing[LOG_SINKS_MAX] = {false}, any_closing = false;
    *r = (struct round){.complete = true};
    pthread_mutex_lock(&lg->lock);
    for (unsigned i = 0; i < LOG_SINKS_MAX; i++) {
        if (!lg->sink[i])
            continue;
        adopt(lg->sink[i]);
        closing[i] = lg->sink[i]->closing;
        any_closing |= closing[i];
    }
    list_each_safe (it, &lg->producers) {
        struct log *l = container_of(it, struct log, link);
        bool detached = l->detached;
        if (!drain(lg, l, r))
            r->complete = false;
        else if (detached)
            log_free(lg, l);
    }
    for (unsigned i = 0; i < LOG_SINKS_MAX; i++)
        if (lg->sink[i] && lg->sink[i]->len)
            r->dirty[r->ndirty++] = lg->sink[i];
    pthread_mutex_unlock(&lg->lock);
    for (unsigned i = 0; i < r->ndirty; i++)
        count_lost(lg, log_sink_flush(r->dirty[i]));
    if (!any_closing || !r->complete)
        return;
    pthread_mutex_lock(&lg->lock);
    reap(lg, closing);
    pthread_mutex_unlock(&lg->lock);
}

/* Waits for a wake-up call; timeout in ms, -1: none. */
static void await_call(struct logger *lg, int timeout)
{
    struct pollfd p = {.fd = lg->wake_fd, .events = POLLIN};
    uint64_t n;
    if (poll(&p, 1, timeout) > 0)
        (void)!read(lg->wake_fd, &n, sizeof n);
}

static void *run(void *arg)
{
    struct logger *lg = arg;
    struct round r;
    bool asked = false; /* `sleeping` was set before the round that just ended */
    for (;;) {
        bool stop = atomic_load_explicit(&lg->stop, memory_order_acquire);
        run_round(lg, &r);
        if (stop && ((!r.moved && r.complete) || clock_us() > lg->stop_by_us))
            return NULL;
        if (stop || !r.complete)
            continue;
        if (!r.moved && !asked) { /* ask to be woken, then look once more */
            atomic_exchange_explicit(&lg->sleeping, true, memory_order_acq_rel);
            asked = true;
            continue;
        }
        await_call(lg, r.moved ? NAP_MS : -1);
        asked = false;
        atomic_exchange_explicit(&lg->sleeping, false, memory_order_acq_rel);
    }
}

static int start_thread(struct logger *lg, struct err *e)
{
    sigset_t all, was;
    sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &was);
    int rc = pthread_create(&lg->thread, NULL, run, lg);
    (void)pthread_sigmask(SIG_SETMASK, &was, NULL);
    if (rc)
        return err_set(e, rc, "the logger thread cannot be started: %s", strerror(rc));
    (void)pthread_setname_np(lg->thread, "lb-log");
    return 0;
}

/* Frees everything; the thread does not run (any more). */
static void tear_down(struct logger *lg)
{
    list_each_safe (it, &lg->producers) {
        log_free(lg, container_of(it, struct log, link));
    }
    for (unsigned i = 0; i < LOG_SINKS_MAX; i++)
        log_sink_free(lg->sink[i]);
    if (lg->wake_fd >= 0)
        (void)close(lg->wake_fd);
    (void)pthread_mutex_destroy(&lg->lock);
    free(lg);
}

/* RFC 5424 section 6.2.4: printable ASCII without blanks, or "-". */
static void identify(struct log_ident *id)
{
    if (gethostname(id->host, sizeof id->host - 1) || !id->host[0])
        memcpy(id->host, "-", 2);
    for (char *p = id->host; *p; p++)
        if (*p <= ' ' || *p > '~')
            *p = '-';
    id->pid = (int)getpid();
}

struct logger *logger_new(const struct log_target *t, enum log_level level, struct err *e)
{
    struct logger *lg = calloc(1, sizeof *lg);
    if (!lg) {
        (void)err_set(e, ENOMEM, "out of memory for the logger");
        return NULL;
    }
    (void)pthread_mutex_init(&lg->lock, NULL);
    list_init(&lg->producers);
    identify(&lg->ident);
    atomic_init(&lg->level, level);
    lg->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    lg->own = logger_attach(lg);
    if (lg->wake_fd < 0 || !lg->own)
        (void)err_set(e, ENOMEM, "the logger cannot be made: %s", strerror(errno));
    else if ((lg->sink[0] = log_sink_new(t, e)) && start_thread(lg, e) == 0)
        return lg;
    tear_down(lg);
    return NULL;
}

void logger_free(struct logger *lg)
{
    if (!lg)
        return;
    lg->stop_by_us = clock_us() + STOP_US;
    atomic_store_explicit(&lg->stop, true, memory_order_release);
    logger_wake(lg);
    struct timespec by;
    (void)clock_gettime(CLOCK_REALTIME, &by);
    by.tv_sec += JOIN_S;
    if (pthread_timedjoin_np(lg->thread, NULL, &by)) {
        (void)pthread_detach(lg->thread); /* stuck in a dead disk: leave it the memory it uses */
        return;
    }
    tear_down(lg);
}

struct log *logger_attach(struct logger *lg)
{
    struct log *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    l->logger = lg;
    l->ring = ring_new(LOG_RING_BYTES);
    if (!l->ring) {
        free(l);
        return NULL;
    }
    pthread_mutex_lock(&lg->lock);
    list_push(&lg->producers, &l->link);
    pthread_mutex_unlock(&lg->lock);
    return l;
}

void log_detach(struct log *l)
{
    if (!l)
        return;
    struct logger *lg = l->logger;
    pthread_mutex_lock(&lg->lock);
    l->detached = true;
    pthread_mutex_unlock(&lg->lock);
    logger_wake(lg);
}

/* A sink with this target gets one more user; its id, or -1. Under the lock. */
static int share_sink(struct logger *lg, const struct log_target *t)
{
    for (int i = 1; i < LOG_SINKS_MAX; i++) {
        struct log_sink *s = lg->sink[i];
        if (!s || !log_sink_is(s, t))
            continue;
        s->closing = false;
        s->users++;
        return i;
    }
    return -1;
}

int logger_sink_open(struct logger *lg, const struct log_target *t, struct err *e)
{
    pthread_mutex_lock(&lg->lock);
    int id = share_sink(lg, t);
    pthread_mutex_unlock(&lg->lock);
    if (id > 0)
        return id;
    struct log_sink *s = log_sink_new(t, e);
    if (!s)
        return -1;
    pthread_mutex_lock(&lg->lock);
    for (id = 1; id < LOG_SINKS_MAX && lg->sink[id]; id++)
        ;
    if (id < LOG_SINKS_MAX)
        lg->sink[id] = s;
    pthread_mutex_unlock(&lg->lock);
    if (id < LOG_SINKS_MAX)
        return id;
    log_sink_free(s);
    return err_set(e, EMFILE, "more than %d different logs", LOG_SINKS_MAX - 1);
}

void logger_sink_close(struct logger *lg, int sink)
{
    if (sink < 1 || sink >= LOG_SINKS_MAX)
        return;
    pthread_mutex_lock(&lg->lock);
    struct log_sink *s = lg->sink[sink];
    assert(s && s->users > 0);
    if (--s->users == 0)
        s->closing = true;
    pthread_mutex_unlock(&lg->lock);
    logger_wake(lg);
}

/* Hands a freshly opened target to a sink; the logger thread takes it over. */
static void offer(struct logger *lg, struct log_sink *s, struct log_out *o)
{
    pthread_mutex_lock(&lg->lock);
    struct log_out *unused = s->next;
    s->next = o;
    pthread_mutex_unlock(&lg->lock);
    log_out_close(unused);
    logger_wake(lg);
}

void logger_reopen(struct logger *lg)
{
    for (int i = 0; i < LOG_SINKS_MAX; i++) {
        pthread_mutex_lock(&lg->lock);
        struct log_sink *s = lg->sink[i];
        if (s && (s->closing || s->to != LOG_TO_FILE))
            s = NULL;
        enum log_format format = s ? (s->next ? s->next : s->out)->format : LOG_TEXT;
        pthread_mutex_unlock(&lg->lock);
        if (!s)
            continue; /* one in use is not freed behind our back: only this thread ends its use */
        struct err e = {0};
        struct log_out *o = log_out_open(&(struct log_target){LOG_TO_FILE, s->path, format}, &e);
        if (o)
            offer(lg, s, o);
        else
            log_line(lg->own, LOG_LV_ERROR, "log-reopen", "%s; the old file stays in use", e.text);
    }
}

void logger_set_level(struct logger *lg, enum log_level level)
{
    atomic_store_explicit(&lg->level, level, memory_order_relaxed);
}

int logger_retarget(struct logger *lg, const struct log_target *t, struct err *e)
{
    char *path = t->path ? strdup(t->path) : NULL;
    struct log_out *o = t->path && !path ? NULL : log_out_open(t, e);
    if (!o) {
        if (t->path && !path)
            (void)err_set(e, ENOMEM, "out of memory for a log");
        free(path);
        return -1;
    }
    struct log_sink *s = lg->sink[0];
    pthread_mutex_lock(&lg->lock);
    free(s->path);
    s->path = path;
    s->to = t->to;
    pthread_mutex_unlock(&lg->lock);
    offer(lg, s, o);
    return 0;
}

uint64_t logger_dropped(const struct logger *lg)
{
    pthread_mutex_t *lock = (pthread_mutex_t *)(uintptr_t)&lg->lock;
    pthread_mutex_lock(lock);
    uint64_t n = lg->dropped_before;
    list_each (it, &lg->producers) {
        n += ring_dropped(container_of(it, struct log, link)->ring);
    }
    pthread_mutex_unlock(lock);
    return n;
}

uint64_t logger_write_errors(const struct logger *lg)
{
    return atomic_load_explicit(&lg->write_errors, memory_order_relaxed);
}
