/*
 * bench.h — timing of micro benchmarks: the best of several rounds, in ns per operation.
 *
 * With --csv a program prints lines "series,size,ns" and nothing else; `make bench-micro` runs all.
 */
#ifndef BENCH_MICRO_BENCH_H
#define BENCH_MICRO_BENCH_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { BENCH_ROUNDS = 5 };

static inline double bench_now_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* Runs fn(arg), which does `n` operations, several times; ns per operation of the fastest. */
static inline double bench_best(void (*fn)(void *), void *arg, uint64_t n)
{
    double best = 1e18;
    for (int i = 0; i < BENCH_ROUNDS; i++) {
        double start = bench_now_ns();
        fn(arg);
        double took = (bench_now_ns() - start) / (double)n;
        best = took < best ? took : best;
    }
    return best;
}

static inline bool bench_csv(int argc, char **argv)
{
    return argc > 1 && strcmp(argv[1], "--csv") == 0;
}

static inline void bench_row(const char *series, uint64_t size, double ns)
{
    printf("%s,%llu,%.2f\n", series, (unsigned long long)size, ns);
}

/* Keeps the compiler from dropping a computation. */
static inline void bench_use(uint64_t v)
{
    __asm__ volatile("" : : "r"(v) : "memory");
}

#endif
