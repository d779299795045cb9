/*
 * wheel.c — cost of the timer wheel by number of timers.
 *
 * make build/bench/micro/wheel && build/bench/micro/wheel [--csv]
 *
 * push back: what every request does (random timers, new deadline later than the slot's).
 * move:      the deadline comes nearer, the entry changes its slot.
 * turn:      1 ms of a proxy's life: 64 timers pushed back, then wheel_run.
 * expire:    all timers fall due within one minute; per timer fired.
 */
#include "bench/micro/bench.h"
#include "lb/base/rng.h"
#include "lb/base/wheel.h"

#include <stdio.h>
#include <stdlib.h>

enum { OPS = 1 << 20, TURN_TIMERS = 64 };

struct fleet {
    struct wheel wheel;
    struct timer *timer;
    uint32_t n, now;
    struct rng rng;
    uint64_t fired;
};

static void on_fire(struct timer *t, void *arg)
{
    struct fleet *f = arg;
    bench_use((uintptr_t)t);
    f->fired++;
}

static void push_back(void *arg)
{
    struct fleet *f = arg;
    for (uint32_t i = 0; i < OPS; i++)
        timer_set(&f->wheel, &f->timer[rng_below(&f->rng, f->n)], f->now, 60000);
}

static void move(void *arg)
{
    struct fleet *f = arg;
    for (uint32_t i = 0; i < OPS; i++) {
        struct timer *t = &f->timer[rng_below(&f->rng, f->n)];
        timer_clear(&f->wheel, t);
        timer_set(&f->wheel, t, f->now, 30000 + i % 30000);
    }
}

static void turns(void *arg)
{
    struct fleet *f = arg;
    for (uint32_t i = 0; i < OPS / TURN_TIMERS; i++) {
        for (uint32_t k = 0; k < TURN_TIMERS; k++)
            timer_set(&f->wheel, &f->timer[rng_below(&f->rng, f->n)], f->now, 60000);
        (void)wheel_run(&f->wheel, ++f->now, on_fire, f);
    }
}

static double expire(struct fleet *f)
{
    for (uint32_t i = 0; i < f->n; i++)
        timer_set(&f->wheel, &f->timer[i], f->now, rng_below(&f->rng, 60000));
    f->fired = 0;
    double start = bench_now_ns();
    for (uint32_t next; (next = wheel_next(&f->wheel, f->now)) != UINT32_MAX;) {
        f->now += next;
        (void)wheel_run(&f->wheel, f->now, on_fire, f);
    }
    return (bench_now_ns() - start) / (double)f->fired;
}

static void print(const struct fleet *f, bool csv, const double ns[4])
{
    static const char *const series[4] = {"push back", "move", "turn", "expire"};
    if (!csv)
        printf("%10u %9.1f ns %9.1f ns %13.1f ns %9.1f ns\n", f->n, ns[0], ns[1], ns[2], ns[3]);
    for (int i = 0; csv && i < 4; i++)
        bench_row(series[i], f->n, ns[i]);
}

int main(int argc, char **argv)
{
    static const uint32_t sizes[] = {10, 1000, 10000, 100000};
    static struct fleet f;
    bool csv = bench_csv(argc, argv);
    if (!csv)
        printf("%10s %12s %12s %16s %12s\n", "timers", "push back", "move", "turn/timer", "expire");
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        f.n = sizes[i];
        f.rng.state = 1;
        f.timer = calloc(f.n, sizeof *f.timer);
        if (!f.timer)
            return 1;
        wheel_init(&f.wheel, f.now);
        for (uint32_t k = 0; k < f.n; k++)
            timer_set(&f.wheel, &f.timer[k], f.now, 60000);
        double push = bench_best(push_back, &f, OPS), moved = bench_best(move, &f, OPS);
        double turn = bench_best(turns, &f, OPS);
        print(&f, csv, (const double[4]){push, moved, turn, expire(&f)});
        free(f.timer);
    }
    return 0;
}
