/*
 * httpreq.h — the little of HTTP/1 the admin pages need: is it a clean GET or HEAD without a body?
 *
 * Not the parser of the data path: nothing is forwarded, so whatever is unusual is refused and the
 * connection closed. Pure; any thread.
 */
#ifndef LB_ADMIN_HTTPREQ_H
#define LB_ADMIN_HTTPREQ_H

#include "lb/base/slice.h"

enum { HTTPREQ_MAX = 16384 }; /* bytes of a head */

struct httpreq {
    int status;        /* 0: fine; else the status to answer with */
    bool is_head;      /* HEAD */
    bool close;        /* no further request on this connection */
    struct slice path; /* without query; borrowed from the head */
};

/* `head` ends with its empty line. */
void httpreq_parse(struct slice head, struct httpreq *out);

#endif
