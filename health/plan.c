/*
 * plan.c — a set of targets, compiled: what is watched, what is probed, which backends there are.
 *
 * Three sorted arrays and one block of bytes, so 10,000 servers cost a handful of allocations and
 * every look-up is a binary search. See commit.c for how one plan takes over from another.
 */
#include "health/monitor_impl.h"
#include "lb/base/err.h"
#include "lb/tls/tls_ctx.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { PORT_TEXT_MAX = 8 }; /* ":65535" and its end */

static void *array_new(unsigned n, size_t size)
{
    return calloc(n ? n : 1, size);
}

/* Gives back what an array that turned out shorter does not need. */
static void *array_trim(void *a, unsigned n, size_t size)
{
    void *b = realloc(a, (n ? n : 1) * size);
    return b ? b : a;
}

static int by_address(const void *a, const void *b)
{
    return a < b ? -1 : a > b;
}

static int watch_order(const void *a, const void *b)
{
    return by_address(((const struct watch *)a)->rt, ((const struct watch *)b)->rt);
}

static int group_order(const void *a, const void *b)
{
    return by_address(((const struct group *)a)->be, ((const struct group *)b)->be);
}

int job_order(const void *pa, const void *pb)
{
    const struct job *a = pa, *b = pb;
    int c = spec_compare(a->spec, b->spec);
    if (c)
        return c;
    if (a->proxy != b->proxy)
        return a->proxy < b->proxy ? -1 : 1;
    if (a->addr_len != b->addr_len)
        return a->addr_len < b->addr_len ? -1 : 1;
    if (a->tls_id != b->tls_id)
        return a->tls_id < b->tls_id ? -1 : 1;
    c = memcmp(a->addr, b->addr, a->addr_len);
    return c ? c : strcmp(a->host, b->host);
}

struct watch *plan_watch(const struct monitor_plan *p, const struct server_rt *rt)
{
    struct watch key = {.rt = (struct server_rt *)(uintptr_t)rt};
    return p->nwatches ? bsearch(&key, p->watches, p->nwatches, sizeof key, watch_order) : NULL;
}

struct job *plan_job(const struct monitor_plan *p, const struct job *like)
{
    return p->njobs ? bsearch(like, p->jobs, p->njobs, sizeof *like, job_order) : NULL;
}

struct group *plan_group(const struct monitor_plan *p, const struct backend_rt *be)
{
    struct group key = {.be = (struct backend_rt *)(uintptr_t)be};
    return p->ngroups ? bsearch(&key, p->groups, p->ngroups, sizeof key, group_order) : NULL;
}

void monitor_plan_free(struct monitor_plan *p)
{
    if (!p)
        return;
    for (unsigned i = 0; i < p->njobs; i++)
        job_stop(&p->jobs[i]);
    for (unsigned i = 0; i < p->njobs; i++)
        tls_peer_unref(p->jobs[i].tls);
    for (unsigned i = 0; i < p->nwatches; i++)
        loop_timer_clear(p->watches[i].m->loop, &p->watches[i].timer);
    for (unsigned i = 0; i < p->nspecs; i++)
        spec_unref(p->specs[i]);
    free(p->specs);
    free(p->bytes);
    free(p->groups);
    free(p->jobs);
    free(p->watches);
    free(p);
}

static uint16_t port_of(const struct sockaddr_storage *a)
{
    if (a->ss_family == AF_INET)
        return ntohs(((const struct sockaddr_in *)(const void *)a)->sin_port);
    if (a->ss_family == AF_INET6)
        return ntohs(((const struct sockaddr_in6 *)(const void *)a)->sin6_port);
    return 0;
}

static size_t round_up(size_t n)
{
    return (n + 15) & ~(size_t)15;
}

static size_t bytes_for(const struct monitor_target *t)
{
    return round_up(t->addr_len) + round_up(strlen(t->rt->addr_text) + PORT_TEXT_MAX);
}

/* The server's address as written, with the port that is probed. */
static void write_host(char *out, const struct monitor_target *t)
{
    const char *text = t->rt->addr_text, *colon = strrchr(text, ':');
    uint16_t port = port_of(&t->addr);
    size_t max = strlen(text) + PORT_TEXT_MAX;
    if (!colon || !port || port == port_of(&t->rt->addr))
        (void)snprintf(out, max, "%s", text);
    else
        (void)snprintf(out, max, "%.*s:%u", (int)(colon - text), text, port);
}

/* Fills one job, for one server so far. Returns how many of `bytes` it took. */
static size_t job_init(struct job *j, struct watch *w, const struct monitor_target *t, char *bytes)
{
    memcpy(bytes, &t->addr, t->addr_len);
    write_host(bytes + round_up(t->addr_len), t);
    j->m = w->m;
    j->first = w;
    j->addr = (const struct sockaddr *)(const void *)bytes;
    j->addr_len = t->addr_len;
    j->proxy = t->proxy;
    j->host = bytes + round_up(t->addr_len);
    if (t->tls && !j->spec->check->plain) {
        j->tls = tls_peer_ref(t->tls);
        j->tls_id = t->rt->tls_id;
    }
    return bytes_for(t);
}

static void watch_init(struct watch *w, struct monitor *m, const struct monitor_target *t)
{
    w->m = m;
    w->rt = t->rt;
    w->slow_start_ms = t->slow_start_ms;
    if (t->passive)
        w->passive = *t->passive;
    if (!t->check)
        return;
    w->rise = t->check->rise ? t->check->rise : 1;
    w->fall = t->check->fall ? t->check->fall : 1;
    w->start = (uint8_t)t->check->start;
}

/* Targets in the order of plan.watches, without copying their addresses about. */
static int target_order(const void *a, const void *b)
{
    return by_address((*(const struct monitor_target *const *)a)->rt,
                      (*(const struct monitor_target *const *)b)->rt);
}

static const struct monitor_target **targets_sorted(const struct monitor_target *t, unsigned n)
{
    const struct monitor_target **v = array_new(n, sizeof(const struct monitor_target *));
    if (!v)
        return NULL;
    for (unsigned i = 0; i < n; i++)
        v[i] = &t[i];
    qsort(v, n, sizeof v[0], target_order);
    return v;
}

static bool is_checked(const struct monitor_target *t)
{
    return t->check && t->check->type;
}

static int reserve(struct monitor_plan *p, const struct monitor_target *t, unsigned n)
{
    size_t bytes = 1;
    unsigned checked = 0;
    for (unsigned i = 0; i < n; i++) {
        if (is_checked(&t[i])) {
            bytes += bytes_for(&t[i]);
            checked++;
        }
    }
    p->watches = array_new(n, sizeof *p->watches);
    p->groups = array_new(n, sizeof *p->groups);
    p->jobs = array_new(checked, sizeof *p->jobs);
    p->bytes = malloc(bytes);
    return p->watches && p->groups && p->jobs && p->bytes ? 0 : -1;
}

/* Fills watches and, one for each, jobs and groups. */
static int fill(struct monitor *m, struct monitor_plan *p, const struct monitor_target *const *t,
                unsigned n, struct err *e)
{
    char *bytes = p->bytes;
    const struct cfg_check *last = NULL; /* the servers of a backend share one cfg_check */
    struct spec *spec = NULL;
    for (unsigned i = 0; i < n; i++) {
        struct watch *w = &p->watches[p->nwatches++];
        assert(i == 0 || t[i]->rt != t[i - 1]->rt);
        watch_init(w, m, t[i]);
        p->groups[p->ngroups++].be = w->rt->be;
        if (!is_checked(t[i]))
            continue;
        if (t[i]->check != last)
            spec = spec_get(m, p, t[i]->check, e);
        if (!spec)
            return -1;
        last = t[i]->check;
        if (spec->check->needs_tls && !t[i]->tls)
            return err_set(e, EINVAL, "%s:%u: check '%s': server '%s' is without 'tls'",
                           last->loc.file, last->loc.line, last->type, t[i]->rt->name);
        p->jobs[p->njobs].spec = spec;
        bytes += job_init(&p->jobs[p->njobs++], w, t[i], bytes);
    }
    return 0;
}

/* One job for all servers whose job is the same. */
static void merge_jobs(struct monitor_plan *p)
{
    unsigned kept = 0;
    qsort(p->jobs, p->njobs, sizeof *p->jobs, job_order);
    for (unsigned i = 0; i < p->njobs; i++) {
        struct job *j = &p->jobs[i];
        if (kept && job_order(j, &p->jobs[kept - 1]) == 0) {
            j->first->next = p->jobs[kept - 1].first;
            p->jobs[kept - 1].first = j->first;
            tls_peer_unref(j->tls);
        } else {
            p->jobs[kept++] = *j;
        }
    }
    p->njobs = kept;
    p->jobs = array_trim(p->jobs, kept, sizeof *p->jobs);
    for (unsigned i = 0; i < kept; i++)
        for (struct watch *w = p->jobs[i].first; w; w = w->next)
            w->job = &p->jobs[i];
}

static void merge_groups(struct monitor_plan *p)
{
    unsigned kept = 0;
    qsort(p->groups, p->ngroups, sizeof *p->groups, group_order);
    for (unsigned i = 0; i < p->ngroups; i++)
        if (!kept || p->groups[i].be != p->groups[kept - 1].be)
            p->groups[kept++] = p->groups[i];
    p->ngroups = kept;
    p->groups = array_trim(p->groups, kept, sizeof *p->groups);
    for (unsigned i = 0; i < p->nwatches; i++)
        p->watches[i].group = plan_group(p, p->watches[i].rt->be);
}

struct monitor_plan *monitor_prepare(struct monitor *m, const struct monitor_target *t, unsigned n,
                                     struct err *e)
{
    struct monitor_plan *p = calloc(1, sizeof *p);
    const struct monitor_target **sorted = targets_sorted(t, n);
    int rc = -1;
    if (!p || !sorted || reserve(p, t, n) < 0)
        (void)err_set(e, ENOMEM, "out of memory");
    else
        rc = fill(m, p, sorted, n, e);
    free(sorted);
    if (rc < 0) {
        monitor_plan_free(p);
        return NULL;
    }
    merge_jobs(p);
    merge_groups(p);
    return p;
}
