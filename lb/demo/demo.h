/*
 * demo.h — the origins of `lb demo`: three HTTP servers and a TCP echo, in one background thread.
 *
 * They exist so that `make run` shows a proxy at work without anything installed. They are no part
 * of the data path: libevent's own HTTP server is good enough here.
 */
#ifndef LB_DEMO_DEMO_H
#define LB_DEMO_DEMO_H

#include <stdint.h>

struct demo;
struct err;

enum { DEMO_ORIGINS = 4, DEMO_ECHO = 3 }; /* 0..2 speak HTTP, 3 greets and echoes */

/*
 * Starts the origins on 127.0.0.1, ports 9001 to 9004, the ones lb.conf names. All ports listen
 * when it returns. NULL and `e` filled, naming the port, when one is taken; nothing runs then.
 * The thread has all signals blocked. Caller stops it with demo_stop. Control thread, no callbacks.
 */
struct demo *demo_start(struct err *e);

/* The same on other ports; 0: one the kernel picks. */
struct demo *demo_start_on(const uint16_t ports[DEMO_ORIGINS], struct err *e);

/* Where origin i listens. Any thread. */
uint16_t demo_port(const struct demo *, unsigned i);

/* Ends the thread and its connections, frees. NULL is a no-op. The thread that started it. */
void demo_stop(struct demo *);

#endif
