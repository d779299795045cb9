/*
 * memory.c — what happens at `memory-limit`: reads wait their turn, idle clients go.
 *
 * A connection that finds no room to read into keeps IO_RD and queues (conn_read); its peer is
 * slowed by its own full socket. Once a turn, as many as there is room for are called again, so the
 * wait costs no cycles. New requests are read up to half of the limit, everything else up to seven
 * eighths (enum seg_share), so that what was begun can end.
 *
 * If the room is gone because clients hold it without an exchange (heads that never end), waiting
 * would not help: those without an exchange are closed, the oldest first, a few at a time.
 */
#include "lb/session/session.h"

enum {
    SHED_EACH_MS = 50,
    SHED_MOST = 16,   /* connections closed at a time */
    SHED_LOOK = 4096, /* connections looked at for that */
};

static void shed(struct shard *sh)
{
    unsigned looked = 0, gone = 0;
    uint32_t now = sh->env.loop.now_ms;
    if ((int32_t)(now - sh->shed_next_ms) < 0)
        return;
    sh->shed_next_ms = now + SHED_EACH_MS;
    list_each_safe (n, &sh->clients) {
        struct conn *c = container_of(n, struct conn, grave.link);
        const struct acceptor *a = c->home;
        if (++looked > SHED_LOOK || gone == SHED_MOST)
            break;
        if (c->s.owner || (c->io.fl & (IO_STARVED | IO_RD))) /* there may be a request */
            continue;
        stat_add(&a->line->why[WHY_MEMORY_LIMIT], 1);
        stat_add(&sh->wk[WK_SHED], 1);
        front_close(c, false);
        gone++;
    }
}

/* Calls as many of the queue again as there is room for. */
static void feed(struct shard *sh, struct list *queue, enum seg_share share)
{
    size_t each = seg_size(SEG_SMALL), room = segs_input_room(sh->env.loop.segs, share);
    for (; room >= each && !list_empty(queue); room -= each)
        io_kick(container_of(queue->next, struct io, run));
}

void memory_feed(struct shard *sh)
{
    struct stream_env *env = &sh->env;
    stat_add(&sh->wk[WK_MEMORY_WAITS], env->starvations);
    env->starvations = 0;
    feed(sh, &env->starved, SHARE_GO_ON);
    if (list_empty(&env->starved)) /* answers go before new requests */
        feed(sh, &env->starved_new, SHARE_BEGIN);
    if (list_empty(&env->starved) && list_empty(&env->starved_new))
        return;
    shed(sh);
    if (!timer_armed(&sh->hunger)) /* no event may come that would bring us back */
        loop_timer_set(&env->loop, &sh->hunger, TIMER_HUNGER, 0, SHED_EACH_MS);
}

void memory_on_timer(struct timer *t, void *user)
{
    (void)t, (void)user; /* the turn that this makes is all that is wanted */
}
