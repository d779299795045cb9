/*
 * forward.c — the field Forwarded (RFC 7239), for servers that prefer it to X-Forwarded-*.
 *
 * A stranger's values are replaced, a trusted peer's are kept and appended to.
 */
#include "lb/session/session.h"

#include "lb/session/text.h"

/* A value that is no token (it has a colon or brackets) must be quoted (section 4). */
static void put_value(struct text *t, struct slice v)
{
    bool quote = memchr(v.p, ':', v.n) || memchr(v.p, '[', v.n) || memchr(v.p, '%', v.n);
    for (size_t i = 0; i < v.n; i++)
        if (strchr("(),/;<=>?@[]{}", v.p[i]))
            quote = true;
    text_put(t, quote ? SLICE("\"") : SLICE(""));
    text_put(t, v); /* a host has neither '"' nor '\' */
    text_put(t, quote ? SLICE("\"") : SLICE(""));
}

static void put_node(struct text *t, const struct peer *peer)
{
    char ip[ADDR_TEXT_MAX], node[ADDR_TEXT_MAX + 2];
    struct text n = {.p = node, .max = sizeof node};
    bool v6 = peer->family == AF_INET6;
    if (!v6 && peer->family != AF_INET) {
        text_put(t, SLICE("unknown"));
        return;
    }
    text_put(&n, v6 ? SLICE("[") : SLICE(""));
    text_put(&n, (struct slice){ip, peer_ip_text(peer, ip)});
    text_put(&n, v6 ? SLICE("]") : SLICE(""));
    put_value(t, (struct slice){n.p, n.n});
}

void forward_rfc7239(const struct session *s, struct edits *e, const struct head *h, struct text *t,
                     bool keep)
{
    text_put(t, SLICE("\r\nForwarded: "));
    for (unsigned i = 0; i < h->nfields; i++) {
        if (h->f[i].tok != TOK_FORWARDED)
            continue;
        edits_drop(e, i);
        if (keep && h->f[i].vlen) {
            text_put(t, field_value(h, &h->f[i]));
            text_put(t, SLICE(", "));
        }
    }
    text_put(t, SLICE("for="));
    put_node(t, &s->peer);
    if (h->host.n) {
        text_put(t, SLICE(";host="));
        put_value(t, h->host);
    }
    text_put(t, SLICE(";proto=http"));
}
