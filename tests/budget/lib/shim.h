/*
 * shim.h — the page that shim.so counts into and the tests read: a row a thread, a cell a kind of
 * call. Each row is written by its thread only.
 */
#ifndef TESTS_BUDGET_SHIM_H
#define TESTS_BUDGET_SHIM_H

#include <stdatomic.h>
#include <stdint.h>

#define COUNTED_CALLS(X)                                                                           \
    X(RECV, "receive")                                                                             \
    X(SEND, "send")                                                                                \
    X(SPLICE, "splice")                                                                            \
    X(WAIT, "epoll_wait")                                                                          \
    X(EPOLL_CTL, "epoll_ctl")                                                                      \
    X(ACCEPT, "accept4")                                                                           \
    X(SOCKET, "socket")                                                                            \
    X(CONNECT, "connect")                                                                          \
    X(SOCKOPT, "setsockopt, getsockopt")                                                           \
    X(SHUTDOWN, "shutdown")                                                                        \
    X(CLOSE, "close")                                                                              \
    X(OTHER, "other system calls")                                                                 \
    X(CLOCK, "clock_gettime")                                                                      \
    X(HEAP, "malloc and the like")                                                                 \
    X(FREE, "free")                                                                                \
    X(MAP, "mmap, munmap")                                                                         \
    X(LOCK, "pthread_mutex_lock")

enum counted {
#define X(name, text) CALL_##name,
    COUNTED_CALLS(X)
#undef X
        CALLS
};

enum { SHIM_ROWS = 64 };

struct shim_row {
    _Atomic int tid; /* 0: unused */
    _Atomic uint64_t n[CALLS];
};

struct shim_page {
    atomic_uint used;
    struct shim_row row[SHIM_ROWS];
};

#define SHIM_FILE "LB_SHIM_FILE" /* environment: the file both sides map */

#endif
