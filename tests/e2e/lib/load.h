/*
 * load.h — constant load from threads while the test changes things: requests on keep-alive
 * connections, requests on new ones, and bytes through one upgraded connection.
 */
#ifndef TESTS_E2E_LOAD_H
#define TESTS_E2E_LOAD_H

#include <stdbool.h>
#include <stdint.h>

struct load;

struct load_opts {
    uint16_t port;
    unsigned keepalive; /* threads that keep their connection */
    unsigned fresh;     /* threads that open one a request */
    bool websocket;     /* one thread that echoes over an upgraded connection */
    const char *path;   /* default "/" */
    unsigned pause_ms;  /* between two requests of a thread */
};

struct load_result {
    unsigned done;      /* requests with status 200 and a whole body */
    unsigned failed;    /* any other outcome */
    unsigned reopened;  /* keep-alive connections closed between requests: allowed, but counted */
    unsigned echoes;    /* messages through the WebSocket */
    bool socket_broken; /* the WebSocket was lost */
    char first[200];    /* the first failure in words */
};

/* Runs until load_stop, which waits for the threads and frees. Threads assert nothing. */
struct load *load_start(const struct load_opts *);
struct load_result load_stop(struct load *);

#endif
