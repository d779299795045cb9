/*
 * framing.h — the only place that decides where a message body ends (RFC 9112 section 6).
 */
#ifndef LB_MSG_FRAMING_H
#define LB_MSG_FRAMING_H

#include "lb/msg/head.h"

/* Decides the framing of a request and writes h->framing and h->clen. false: refused, *why says
 * why. Never FRAMING_CLOSE; CONNECT gives FRAMING_TUNNEL. */
bool framing_request(struct head *h, enum why *why);

/* What of the request a response's framing depends on. */
struct framing_asked {
    uint8_t method; /* enum http_method */
    bool upgrade;   /* the request asked to switch protocols, and that was forwarded */
};

/* The same for a response; a refusal is a fault of the server (BAD_RESPONSE_FRAMING,
 * BAD_UPGRADE …). 1xx other than 101 give FRAMING_NONE. */
bool framing_response(struct head *h, const struct framing_asked *asked, enum why *why);

#endif
