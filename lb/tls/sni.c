/* sni.c — a cursor over the handshake bytes of records, and the few lengths that must agree. */
#include "lb/tls/sni.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    RECORD_HANDSHAKE = 22,
    RECORD_MAX = 16384,
    RECORDS_MAX = 32, /* nobody needs that many for one hello */
    CLIENT_HELLO = 1,
    EXT_SERVER_NAME = 0,
    NAME_HOST = 0,
};

struct cursor {
    const unsigned char *p;
    size_t n, at;
    size_t left; /* in this record */
    unsigned records;
    enum sni_verdict end; /* MORE or BAD once a read failed; FOUND while all is well */
};

static bool stop(struct cursor *c, enum sni_verdict v)
{
    if (c->end == SNI_FOUND)
        c->end = v;
    return false;
}

/* The header of the next record. */
static bool open_record(struct cursor *c)
{
    const unsigned char *h = c->p + c->at;
    size_t have = c->n - c->at;
    if ((have > 0 && h[0] != RECORD_HANDSHAKE) || (have > 1 && h[1] != 3))
        return stop(c, SNI_BAD);
    if (have < 5)
        return stop(c, SNI_MORE);
    c->left = (size_t)h[3] << 8 | h[4];
    c->at += 5;
    if (c->left == 0 || c->left > RECORD_MAX || ++c->records > RECORDS_MAX)
        return stop(c, SNI_BAD);
    return true;
}

/* A number of `bytes` bytes; *budget is what the enclosing length allows. */
static bool number(struct cursor *c, unsigned bytes, size_t *budget, size_t *out)
{
    *out = 0;
    if (c->end != SNI_FOUND)
        return false;
    if (*budget < bytes)
        return stop(c, SNI_BAD);
    *budget -= bytes;
    for (; bytes; bytes--) {
        if (!c->left && !open_record(c))
            return false;
        if (c->at == c->n)
            return stop(c, SNI_MORE);
        *out = *out << 8 | c->p[c->at++];
        c->left--;
    }
    return true;
}

static bool skip(struct cursor *c, size_t n, size_t *budget)
{
    if (c->end != SNI_FOUND)
        return false;
    if (*budget < n)
        return stop(c, SNI_BAD);
    *budget -= n;
    while (n) {
        if (!c->left && !open_record(c))
            return false;
        size_t have = c->n - c->at, step = n < c->left ? n : c->left;
        if (have == 0)
            return stop(c, SNI_MORE);
        step = step < have ? step : have;
        c->at += step;
        c->left -= step;
        n -= step;
    }
    return true;
}

static bool is_host_byte(size_t b)
{
    return (b >= 'a' && b <= 'z') || (b >= '0' && b <= '9') || b == '-' || b == '.' || b == '_';
}

static bool read_host(struct cursor *c, size_t len, size_t *budget, char name[SNI_NAME_MAX + 1])
{
    size_t b;
    if (len == 0 || len > SNI_NAME_MAX)
        return stop(c, SNI_BAD);
    for (size_t i = 0; i < len; i++) {
        if (!number(c, 1, budget, &b))
            return false;
        b = b >= 'A' && b <= 'Z' ? b | 0x20 : b;
        if (!is_host_byte(b))
            return stop(c, SNI_BAD);
        name[i] = (char)b;
    }
    name[len] = '\0';
    return true;
}

/* The list of names in the extension; true: a host is in `name`. */
static bool read_names(struct cursor *c, size_t ext, char name[SNI_NAME_MAX + 1])
{
    size_t list, type, len;
    if (!number(c, 2, &ext, &list))
        return false;
    if (list != ext)
        return stop(c, SNI_BAD);
    while (list) {
        if (!number(c, 1, &list, &type) || !number(c, 2, &list, &len))
            return false;
        if (len > list)
            return stop(c, SNI_BAD);
        if (type == NAME_HOST)
            return read_host(c, len, &list, name);
        if (!skip(c, len, &list))
            return false;
    }
    return stop(c, SNI_BAD); /* RFC 6066: the list is not empty */
}

/* What stands before the extensions; *left: the bytes of the hello behind it. */
static bool read_front(struct cursor *c, size_t *left)
{
    size_t type, len, n, budget = 4;
    if (!number(c, 1, &budget, &type))
        return false;
    if (type != CLIENT_HELLO)
        return stop(c, SNI_BAD);
    if (!number(c, 3, &budget, &len))
        return false;
    if (len > SNI_HELLO_MAX)
        return stop(c, SNI_BAD);
    *left = len;
    if (!number(c, 2, left, &n))
        return false;
    if (n >> 8 != 3)
        return stop(c, SNI_BAD);
    if (!skip(c, 32, left) || !number(c, 1, left, &n) || !skip(c, n, left))
        return false;
    if (!number(c, 2, left, &n) || n == 0 || n % 2 || !skip(c, n, left))
        return stop(c, SNI_BAD); /* keeps MORE when that is why */
    return number(c, 1, left, &n) && skip(c, n, left);
}

enum sni_verdict sni_parse(const unsigned char *p, size_t n, char name[SNI_NAME_MAX + 1])
{
    struct cursor c = {.p = p, .n = n, .end = SNI_FOUND};
    size_t left = 0, all, type, len;
    if (!read_front(&c, &left))
        return c.end;
    if (left == 0)
        return SNI_NONE;
    if (!number(&c, 2, &left, &all))
        return c.end;
    if (all != left)
        return SNI_BAD;
    while (left) {
        if (!number(&c, 2, &left, &type) || !number(&c, 2, &left, &len))
            return c.end;
        if (len > left)
            return SNI_BAD;
        if (type == EXT_SERVER_NAME)
            return read_names(&c, len, name) ? SNI_FOUND : c.end;
        if (!skip(&c, len, &left))
            return c.end;
    }
    return SNI_NONE;
}
