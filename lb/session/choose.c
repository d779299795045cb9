/*
 * choose.c — candidates, picks and counts of one backend on one worker.
 *
 * Exchanges in flight are exact for this worker; other workers' counts are folded in at most once a
 * millisecond and only for policies or limits that look at them.
 */
#include "lb/session/choose.h"

#include "lb/base/bitmap.h"
#include "lb/session/session.h"

#include <stdlib.h>

enum { FOLD_US = 1000 };

static bool needs_inflight(const struct wbackend *wb)
{
    return wb->be->bal->uses_inflight || wb->be->any_max;
}

/* Re-reads every server's exchanges in flight, all workers. */
static void fold(struct wbackend *wb, bool all)
{
    struct shard *sh = wb->sh;
    const struct balancer *bal = wb->be->bal;
    bool due = sh->nworkers > 1 && sh->env.loop.now_us - wb->folded_us >= FOLD_US;
    if (!all && !due)
        return;
    wb->folded_us = sh->env.loop.now_us;
    for (unsigned i = 0; i < wb->view.n; i++) {
        uint32_t n = server_inflight(wb->be->servers[i]);
        if (n == wb->inflight[i])
            continue;
        wb->inflight[i] = n;
        if (bal->changed)
            bal->changed(wb->state, wb->be->bal_shared, &wb->view, i);
    }
}

static void set_full(struct wbackend *wb, unsigned i)
{
    uint32_t max = wb->be->cfg->servers[i].max_connections;
    if (!max || bitmap_test(wb->full, i) == (wb->inflight[i] >= max))
        return;
    wb->full[i / 64] ^= UINT64_C(1) << (i % 64);
    if (bitmap_test(wb->full, i))
        wb->nfull++;
    else
        wb->nfull--;
}

/* May server i be picked when everything is well; `any`: health does not matter. */
static bool candidate(const struct wbackend *wb, unsigned i, bool any)
{
    const struct server_rt *s = wb->be->servers[i];
    bool ready = atomic_load_explicit(&s->admin, memory_order_relaxed) == ADMIN_READY;
    return wb->weight[i] > 0 && ready && (any || server_usable(s));
}

static void fill_up(struct wbackend *wb, bool backup, bool any)
{
    const struct cfg_server *cs = wb->be->cfg->servers;
    for (unsigned i = 0; i < wb->view.n; i++)
        if (cs[i].backup == backup && candidate(wb, i, any)) {
            bitmap_set(wb->up, i);
            wb->view.nup++;
        }
}

static uint16_t weight_now(const struct server_rt *s, uint16_t configured)
{
    int32_t over = atomic_load_explicit(&s->weight_override, memory_order_relaxed);
    uint32_t w = (over >= 0 ? (uint32_t)over : configured) * BAL_WEIGHT_SCALE;
    uint8_t pct = atomic_load_explicit(&s->grow_pct, memory_order_relaxed);
    uint32_t grown = pct && pct < 100 ? w * pct / 100 : w;
    return (uint16_t)(w && !grown ? 1 : grown);
}

/* Reads health, admin state and weights anew: primaries, else backups, else (when stated) anyone.
 */
static void rebuild(struct wbackend *wb, uint32_t epoch)
{
    unsigned n = wb->view.n;
    wb->epoch = epoch;
    memset(wb->up, 0, bitmap_words(n) * sizeof *wb->up);
    memset(wb->keep, 0, bitmap_words(n) * sizeof *wb->keep);
    wb->view.nup = 0;
    for (unsigned i = 0; i < n; i++) {
        wb->weight[i] = weight_now(wb->be->servers[i], wb->be->cfg->servers[i].weight);
        if (server_keeps(wb->be->servers[i]))
            bitmap_set(wb->keep, i);
    }
    fill_up(wb, false, false);
    if (!wb->view.nup)
        fill_up(wb, true, false);
    if (!wb->view.nup && wb->be->cfg->all_down_ignore_health)
        fill_up(wb, false, true);
    wb->view.generation++;
}

static bool allocate(struct wbackend *wb, unsigned n)
{
    unsigned words = bitmap_words(n);
    const struct backend *be = wb->be;
    size_t state = be->bal->state_size ? be->bal->state_size(be->bal_shared, n) : 0;
    size_t sticky = be->sticky_bal && be->sticky_bal->state_size
                        ? be->sticky_bal->state_size(be->sticky_shared, n)
                        : 0;
    wb->up = calloc(words * 4, sizeof *wb->up);
    wb->inflight = calloc(n, sizeof *wb->inflight);
    wb->weight = calloc(n, sizeof *wb->weight);
    wb->state = calloc(1, state ? state : 1);
    wb->sticky_state = calloc(1, sticky ? sticky : 1);
    if (!wb->up || !wb->inflight || !wb->weight || !wb->state || !wb->sticky_state)
        return false;
    wb->keep = wb->up + words;
    wb->full = wb->keep + words;
    wb->mask = wb->full + words;
    return true;
}

static struct wbackend *wbackend_new(struct shard *sh, struct backend *be)
{
    struct wbackend *wb = calloc(1, sizeof *wb);
    if (!wb)
        return NULL;
    wb->be = be;
    wb->sh = sh;
    list_init(&wb->queue);
    list_init(&wb->tick.link);
    if (!allocate(wb, be->nservers)) {
        wbackend_free(wb);
        return NULL;
    }
    wb->line = &be->rt->line[sh->index];
    wb->view = (struct bal_view){
        .n = be->nservers, .up = wb->up, .inflight = wb->inflight, .weight = wb->weight};
    if (be->bal->state_init)
        be->bal->state_init(wb->state, be->bal_shared, be->nservers, sh->index, sh->nworkers,
                            rng_next(&sh->rng));
    if (be->sticky_bal && be->sticky_bal->state_init)
        be->sticky_bal->state_init(wb->sticky_state, be->sticky_shared, be->nservers, sh->index,
                                   sh->nworkers, rng_next(&sh->rng));
    wb->budget = (uint64_t)be->cfg->retry.budget_min * 1000;
    wb->budget_us = sh->env.loop.now_us;
    rebuild(wb, atomic_load_explicit(&be->rt->epoch, memory_order_acquire));
    fold(wb, true);
    for (unsigned i = 0; i < be->nservers; i++)
        set_full(wb, i);
    return wb;
}

struct wbackend *choose_view(struct shard *sh, struct snapshot *snap, struct backend *be)
{
    struct wbackend **slot = &snap->wb[sh->index][be->index];
    if (!*slot)
        *slot = wbackend_new(sh, be);
    return *slot;
}

void wbackend_free(struct wbackend *wb)
{
    if (!wb)
        return;
    free(wb->up);
    free(wb->inflight);
    free(wb->weight);
    free(wb->state);
    free(wb->sticky_state);
    free(wb);
}

static void refresh(struct wbackend *wb)
{
    struct shard *sh = wb->sh;
    uint32_t epoch = atomic_load_explicit(&wb->be->rt->epoch, memory_order_acquire);
    if (epoch != wb->epoch)
        rebuild(wb, epoch);
    bool stale = wb->foreign_ends != sh->foreign_ends;
    if (stale || needs_inflight(wb)) {
        wb->foreign_ends = sh->foreign_ends;
        fold(wb, stale);
        for (unsigned i = 0; wb->be->any_max && i < wb->view.n; i++)
            set_full(wb, i);
    }
    wb->view.now_us = sh->env.loop.now_us;
}

/* The servers not to pick: full ones and those that failed this request; NULL: none. */
static const uint64_t *mask_for(struct wbackend *wb, const struct session *s)
{
    if (!wb->nfull && !s->ntried)
        return NULL;
    memcpy(wb->mask, wb->full, bitmap_words(wb->view.n) * sizeof *wb->mask);
    for (unsigned i = 0; i < s->ntried; i++)
        bitmap_set(wb->mask, s->tried[i]);
    return wb->mask;
}

enum choice choose(struct session *s, int *server)
{
    struct wbackend *wb = s->wb;
    const struct backend *be = wb->be;
    refresh(wb);
    if (!wb->view.nup)
        return CHOICE_NONE;
    const uint64_t *mask = mask_for(wb, s);
    if (be->sticky_bal)
        *server =
            be->sticky_bal->pick(wb->sticky_state, be->sticky_shared, &wb->view, s->key, mask);
    else
        *server = be->bal->pick(wb->state, be->bal_shared, &wb->view, s->key, mask);
    if (*server >= 0)
        return CHOSEN;
    return wb->nfull ? CHOICE_FULL : CHOICE_NONE;
}

int choose_by_token(struct wbackend *wb, struct slice token)
{
    const struct backend *be = wb->be;
    if (!be->tokens || token.n != STICKY_TOKEN)
        return -1;
    refresh(wb);
    for (unsigned i = 0; i < be->nservers; i++)
        if (memcmp(be->tokens[i], token.p, STICKY_TOKEN) == 0)
            return bitmap_test(wb->keep, i) && !bitmap_test(wb->full, i) ? (int)i : -1;
    return -1;
}

static void count(struct session *s, int by)
{
    struct wbackend *wb = s->wb;
    unsigned i = (unsigned)s->server;
    uint32_t own = atomic_load_explicit(&s->line->inflight, memory_order_relaxed);
    atomic_store_explicit(&s->line->inflight, own + (uint32_t)by, memory_order_relaxed);
    wb->inflight[i] += (uint32_t)by;
    if (wb->be->any_max)
        set_full(wb, i);
    if (wb->be->bal->changed)
        wb->be->bal->changed(wb->state, wb->be->bal_shared, &wb->view, i);
}

void choose_begin(struct session *s)
{
    s->flags |= SF_COUNTED;
    count(s, 1);
}

static void serve_queue(struct wbackend *wb)
{
    while (wb->nqueued) {
        struct session *s = container_of(wb->queue.next, struct session, queue);
        int server = -1;
        if (choose(s, &server) != CHOSEN)
            break;
        choose_unqueue(s);
        attempt_on(s, server);
    }
    if (wb->nqueued && !timer_armed(&wb->tick))
        loop_timer_set(&wb->sh->env.loop, &wb->tick, TIMER_WORKER, 0, WHEEL_SLOT_MS);
}

void choose_end(struct session *s)
{
    if (!(s->flags & SF_COUNTED))
        return;
    s->flags &= ~(uint32_t)SF_COUNTED;
    count(s, -1);
    if (s->snap != s->sh->snap)
        s->sh->foreign_ends++;
    if (s->wb->nqueued &&
        !timer_armed(&s->wb->tick)) /* at the boundary, not inside this exchange */
        loop_timer_set(&s->sh->env.loop, &s->wb->tick, TIMER_WORKER, 0, 0);
}

void choose_enqueue(struct session *s)
{
    struct wbackend *wb = s->wb;
    list_push(&wb->queue, &s->queue);
    wb->nqueued++;
    stat_add(&wb->line->stat[BE_QUEUED], 1);
    if (!timer_armed(&wb->tick))
        loop_timer_set(&s->sh->env.loop, &wb->tick, TIMER_WORKER, 0, WHEEL_SLOT_MS);
}

void choose_unqueue(struct session *s)
{
    if (!s->wb || !list_linked(&s->queue))
        return;
    list_del(&s->queue);
    s->wb->nqueued--;
    stat_add(&s->wb->line->stat[BE_DEQUEUED], 1);
}

void choose_on_timer(struct timer *t, void *user)
{
    (void)user;
    serve_queue(container_of(t, struct wbackend, tick));
}

void choose_earn(struct wbackend *wb)
{
    uint64_t most = (uint64_t)wb->be->cfg->retry.budget_pct * 1000; /* worth 100 requests */
    if (wb->budget < most + 1000)
        wb->budget += (uint64_t)wb->be->cfg->retry.budget_pct * 10;
}

bool choose_may_retry(struct wbackend *wb, uint64_t now_us)
{
    const struct cfg_retry *r = &wb->be->cfg->retry;
    uint64_t gap = now_us - wb->budget_us, floor_tokens = (uint64_t)r->budget_min * 1000;
    if (gap >= 1000000 / 10) { /* a tenth of the minimum each tenth of a second */
        uint64_t add = floor_tokens * (gap < 1000000 ? gap : 1000000) / 1000000;
        if (wb->budget < floor_tokens)
            wb->budget += add;
        wb->budget_us = now_us;
    }
    if (wb->budget < 1000)
        return false;
    wb->budget -= 1000;
    return true;
}
