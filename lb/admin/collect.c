/* collect.c — see collect.h. */
#include "lb/admin/collect.h"

#include "lb/base/clock.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

const char *health_word(unsigned health)
{
    static const char *const words[] = {"unknown", "up", "down"};
    return health < 3 ? words[health] : "?";
}

const char *admin_word(unsigned admin)
{
    static const char *const words[] = {"ready", "drain", "maint"};
    return admin < 3 ? words[admin] : "?";
}

const char *mode_word(enum cfg_mode mode)
{
    return mode == CFG_TCP ? "tcp" : "http";
}

const char *server_state_word(const struct server_rt *s)
{
    unsigned admin = atomic_load_explicit(&s->admin, memory_order_relaxed);
    unsigned health = atomic_load_explicit(&s->health, memory_order_relaxed);
    if (admin == ADMIN_MAINT)
        return "maint";
    if (health == HEALTH_DOWN)
        return "down";
    if (atomic_load_explicit(&s->ejected, memory_order_relaxed))
        return "ejected";
    return admin == ADMIN_DRAIN ? "drain" : health_word(health);
}

static uint64_t gap(uint64_t more, uint64_t less)
{
    return more > less ? more - less : 0;
}

static void sum_cells(uint64_t *to, const stat_cell *from, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        to[i] += stat_get(&from[i]);
}

/* Appends ` NAME="TEXT"`, escaped, to the label arena; collect_new made it large enough. */
static char *put_label(char *p, const char *name, const char *text)
{
    for (; *name; name++)
        *p++ = *name;
    *p++ = '=';
    *p++ = '"';
    for (; *text; text++) {
        if (*text == '\\' || *text == '"' || *text == '\n')
            *p++ = '\\';
        *p++ = *text == '\n' ? 'n' : *text;
    }
    *p++ = '"';
    return p;
}

static size_t label_room(const struct admin_view *v)
{
    size_t room = 1;
    for (unsigned i = 0; i < v->nfrontends; i++)
        room += 16 + 2 * strlen(v->frontends[i].name);
    for (unsigned i = 0; i < v->nbackends; i++) {
        const struct admin_backend *b = &v->backends[i];
        size_t one = 16 + 2 * strlen(b->name);
        room += one;
        for (unsigned k = 0; k < b->nservers; k++)
            room += one + 16 + 2 * strlen(b->servers[k].rt->name);
    }
    return room;
}

static void sum_frontend(struct fe_sum *s, const struct admin_frontend *f, struct fe_sum *total)
{
    s->f = f;
    for (unsigned w = 0; w < f->rt->nworkers; w++) {
        sum_cells(s->v, f->rt->line[w].stat, FE_STATS);
        sum_cells(s->why, f->rt->line[w].why, WHY_COUNT);
    }
    s->connections = gap(s->v[FE_CONNS], s->v[FE_CONNS_CLOSED]);
    s->inflight = gap(s->v[FE_REQS], s->v[FE_REQS_DONE]);
    for (unsigned i = 0; i < FE_STATS; i++)
        total->v[i] += s->v[i];
    total->connections += s->connections;
    total->inflight += s->inflight;
}

static uint32_t weight_now(const struct admin_server *s)
{
    int32_t over = atomic_load_explicit(&s->rt->weight_override, memory_order_relaxed);
    uint32_t w = over >= 0 ? (uint32_t)over : s->weight;
    uint32_t pct = atomic_load_explicit(&s->rt->grow_pct, memory_order_relaxed);
    return pct && pct < 100 ? (w * pct + 99) / 100 : w;
}

/* Idle connections are a difference too: the lists themselves belong to their workers. */
static void sum_server(struct srv_sum *s, const struct admin_server *a)
{
    s->s = a;
    for (unsigned w = 0; w < a->rt->nworkers; w++) {
        const struct server_line *l = &a->rt->line[w];
        sum_cells(s->v, l->stat, SRV_STATS);
        s->inflight += atomic_load_explicit(&l->inflight, memory_order_relaxed);
    }
    s->idle = gap(gap(s->v[SRV_CONNECTS], s->v[SRV_CLOSED]), s->inflight);
    s->up = server_keeps(a->rt);
    s->usable = server_usable(a->rt);
    s->weight = weight_now(a);
}

static void sum_backend(struct be_sum *s, const struct admin_backend *b)
{
    s->b = b;
    for (unsigned w = 0; w < b->rt->nworkers; w++)
        sum_cells(s->v, b->rt->line[w].stat, BE_STATS);
    s->queue = gap(s->v[BE_QUEUED], s->v[BE_DEQUEUED]);
    for (unsigned i = 0; i < b->nservers; i++) {
        const struct srv_sum *one = &s->servers[i];
        for (unsigned k = 0; k < SRV_STATS; k++)
            s->srv[k] += one->v[k];
        s->nup += one->up;
        s->inflight += one->inflight;
    }
}

static void fill_frontends(struct collect *c, char **label)
{
    for (unsigned i = 0; i < c->view->nfrontends; i++) {
        char *from = *label;
        *label = put_label(from, "frontend", c->view->frontends[i].name);
        c->fe[i].label = (struct slice){from, (size_t)(*label - from)};
        sum_frontend(&c->fe[i], &c->view->frontends[i], &c->total);
    }
}

static void fill_backend(struct be_sum *be, const struct admin_backend *b, struct srv_sum *srv,
                         char **label)
{
    char *from = *label;
    *label = put_label(from, "backend", b->name);
    be->label = (struct slice){from, (size_t)(*label - from)};
    for (unsigned k = 0; k < b->nservers; k++) {
        from = *label;
        char *p = put_label(from, "backend", b->name);
        *p++ = ',';
        *label = put_label(p, "server", b->servers[k].rt->name);
        srv[k].label = (struct slice){from, (size_t)(*label - from)};
        sum_server(&srv[k], &b->servers[k]);
    }
    be->servers = srv;
    sum_backend(be, b);
}

struct collect *collect_new(const struct admin_view *v)
{
    struct collect *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->view = v;
    for (unsigned i = 0; i < v->nbackends; i++)
        c->nsrv += v->backends[i].nservers;
    c->fe = calloc(v->nfrontends + 1, sizeof *c->fe);
    c->be = calloc(v->nbackends + 1, sizeof *c->be);
    c->srv = calloc((size_t)c->nsrv + 1, sizeof *c->srv);
    c->labels = malloc(label_room(v));
    if (!c->fe || !c->be || !c->srv || !c->labels) {
        collect_free(c);
        return NULL;
    }
    char *label = c->labels;
    fill_frontends(c, &label);
    struct srv_sum *srv = c->srv;
    for (unsigned i = 0; i < v->nbackends; srv += v->backends[i++].nservers)
        fill_backend(&c->be[i], &v->backends[i], srv, &label);
    for (unsigned w = 0; w < v->nworkers; w++)
        sum_cells(c->wk, v->wk[w], WK_STATS);
    process_look(&c->process, v->start_wall_us);
    return c;
}

void collect_free(struct collect *c)
{
    if (!c)
        return;
    free(c->fe);
    free(c->be);
    free(c->srv);
    free(c->labels);
    free(c);
}

/* Since Linux 6.2 the size of /proc/self/fd is the number of descriptors; older ones are counted.
 */
static uint64_t count_fds(void)
{
    struct stat st;
    if (stat("/proc/self/fd", &st) == 0 && st.st_size > 0)
        return (uint64_t)st.st_size;
    DIR *d = opendir("/proc/self/fd");
    uint64_t n = 0;
    for (struct dirent *e; d && (e = readdir(d));)
        n += e->d_name[0] != '.';
    if (d)
        (void)closedir(d);
    return n ? n - 1 : 0; /* without the directory's own */
}

void process_look(struct process_facts *p, uint64_t start_wall_us)
{
    *p = (struct process_facts){.uptime_us = gap(clock_wall_us(), start_wall_us)};
    unsigned long long pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (f) {
        if (fscanf(f, "%*u %llu", &pages) != 1)
            pages = 0;
        (void)fclose(f);
    }
    p->rss_bytes = pages * (uint64_t)sysconf(_SC_PAGESIZE);
    p->open_fds = count_fds();
    struct rlimit lim;
    if (getrlimit(RLIMIT_NOFILE, &lim) == 0)
        p->max_fds = lim.rlim_cur;
    struct rusage u;
    if (getrusage(RUSAGE_SELF, &u) == 0)
        p->cpu_us = (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000 +
                    (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}
