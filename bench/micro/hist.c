/*
 * hist.c — cost of counting one latency, and of reading a histogram.
 *
 * make build/bench/micro/hist && build/bench/micro/hist [--csv]
 *
 * The histogram has one size; its lines of --csv say 1.
 */
#include "bench/micro/bench.h"
#include "lb/base/rng.h"
#include "lb/stats/hist.h"

#include <stdio.h>

enum { OPS = 1 << 22, SAMPLES = 4096, READS = 2000 };

struct job {
    struct hist hist;
    uint64_t us[SAMPLES];
    struct hist_sum sum;
};

static void add(void *arg)
{
    struct job *j = arg;
    for (uint32_t i = 0; i < OPS; i++)
        hist_add(&j->hist, j->us[i % SAMPLES]);
}

static void merge(void *arg)
{
    struct job *j = arg;
    for (uint32_t i = 0; i < READS; i++)
        hist_merge(&j->sum, &j->hist);
}

static void quantile(void *arg)
{
    struct job *j = arg;
    for (uint32_t i = 0; i < READS; i++)
        bench_use(hist_quantile(&j->sum, 0.99));
}

int main(int argc, char **argv)
{
    static struct job j;
    struct rng r = {1};
    for (uint32_t i = 0; i < SAMPLES; i++)
        j.us[i] = 50 + rng_below(&r, 200) + (i % 100 ? 0 : rng_below(&r, 100000));
    double ns[] = {bench_best(add, &j, OPS), bench_best(merge, &j, READS),
                   bench_best(quantile, &j, READS)};
    static const char *const series[] = {"add", "merge", "quantile"};
    for (int i = 0; i < 3; i++) {
        if (bench_csv(argc, argv))
            bench_row(series[i], 1, ns[i]);
        else
            printf("%s %.2f ns\n", series[i], ns[i]);
    }
    return 0;
}
