/*
 * parse.h — what the files of the head parser share. Private to lb/msg.
 *
 * The passes: start_request/start_response take the start line, head.c the field lines, and
 * meaning_* then look at the fields lb cares for. All of them go from left to right and report the
 * first fault, so a verdict does not depend on how the bytes were cut into reads.
 */
#ifndef LB_MSG_PARSE_H
#define LB_MSG_PARSE_H

#include "lb/msg/head.h"

#define LIKELY(x)   __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

/* Is it this word, in any case? `word` is a literal of lower-case letters, digits and "-"; `s` must
 * be free of control characters, as field values are: then setting bit 5 equals folding the case.
 */
#define word_is(s, word) ((s).n == sizeof(word) - 1 && same_fold((s).p, word, sizeof(word) - 1))

static inline bool same_fold(const char *p, const char *lower, size_t n)
{
    unsigned diff = 0;
    for (size_t i = 0; i < n; i++)
        diff |= (unsigned)((p[i] | 0x20) ^ lower[i]);
    return diff == 0;
}

/* Which known fields a head has. */
struct toks {
    uint32_t seen, twice;     /* bit TOK_x: at least one, at least two */
    uint8_t first[TOK_COUNT]; /* index of the first, where `seen` has the bit */
};

#define TOK_BIT(t) (UINT32_C(1) << (t))

/* Fields that never go past this hop (RFC 9110 section 7.6.1). HTTP2-Settings belongs to an upgrade
 * that RFC 9113 section 3.1 has withdrawn. */
#define TOKS_HOP                                                                                   \
    (TOK_BIT(TOK_CONNECTION) | TOK_BIT(TOK_KEEP_ALIVE) | TOK_BIT(TOK_PROXY_CONNECTION) |           \
     TOK_BIT(TOK_TE) | TOK_BIT(TOK_UPGRADE) | TOK_BIT(TOK_HTTP2_SETTINGS))
#define TOKS_FRAMING (TOK_BIT(TOK_CONTENT_LENGTH) | TOK_BIT(TOK_TRANSFER_ENCODING))

/* The token of a field name; name bytes must be tchars. */
enum head_tok tok_of(const char *name, size_t n);

/* Parse the start line in [h->base, end), filling h->start_len and what depends on the line. */
enum head_verdict start_request(struct head *h, const char *end, const struct head_limits *,
                                enum why *why);
enum head_verdict start_response(struct head *h, const char *end, enum why *why);

/*
 * Decides which form the target has (RFC 9112 section 3.2) and fills path and query, and host from
 * the target where that has one. false: not a target this method may have.
 */
bool target_forms(struct head *h);

/* uri-host [ ":" port ] (RFC 9110 section 7.2). *name gets the host, *port the digits behind the
 * colon, with p NULL when there is no colon. false: not one. */
bool authority_split(struct slice a, struct slice *name, struct slice *port);

/* Check and note what the fields say: Host, Connection, Expect, TE, Upgrade, framing fields. */
bool meaning_request(struct head *h, const struct toks *, enum why *why);
bool meaning_response(struct head *h, const struct toks *, enum why *why);

#endif
