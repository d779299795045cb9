/*
 * logline.h — what the access log needs of a request after its head has been edited away.
 *
 * Kept only for frontends with an access log; from a pool, one per exchange.
 */
#ifndef LB_SESSION_LOGLINE_H
#define LB_SESSION_LOGLINE_H

#include "lb/session/session.h"

enum { LOGLINE_TARGET = 1024, LOGLINE_HOST = 256, LOGLINE_METHOD = 32, LOGLINE_AGENT = 256 };

struct logline {
    uint16_t method_n, target_n, host_n, agent_n;
    bool target_cut;
    char method[LOGLINE_METHOD], target[LOGLINE_TARGET], host[LOGLINE_HOST];
    char agent[LOGLINE_AGENT];
};

/* Copies what is needed; `h` may be NULL (no parsable head, TCP). Nothing when memory is short. */
void logline_note(struct session *, const struct head *h);

/* Writes the record of an ended exchange and gives the logline back. */
void logline_write(struct session *, enum why);

#endif
