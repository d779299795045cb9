/* reqid.c — see reqid.h. */
#include "lb/session/reqid.h"

#include <string.h>

/* "000102…ff": two digits per byte. */
#define H1(a)                                                                                      \
    a "0" a "1" a "2" a "3" a "4" a "5" a "6" a "7" a "8" a "9" a "a" a "b" a "c" a "d" a "e" a "f"
static const char hex[] = H1("0") H1("1") H1("2") H1("3") H1("4") H1("5") H1("6") H1("7") H1("8")
    H1("9") H1("a") H1("b") H1("c") H1("d") H1("e") H1("f");

void reqid_init(struct reqid_gen *r, uint64_t seed)
{
    *r = (struct reqid_gen){.rng = {seed}};
}

static char *put(char *p, uint64_t v, unsigned bytes)
{
    for (unsigned shift = 8 * bytes; shift; p += 2) {
        shift -= 8;
        memcpy(p, hex + 2 * (v >> shift & 0xff), 2);
    }
    return p;
}

void reqid_make(struct reqid_gen *r, uint64_t wall_us, char out[REQID_TEXT])
{
    /* rand_a: the fraction of the millisecond in 1/4096, as RFC 9562 section 6.2 computes it. */
    uint64_t now = wall_us / 1000 << 12 | wall_us % 1000 * 4096 / 1000;
    if (now <= r->last)
        now = r->last + 1;
    r->last = now;
    uint64_t high = (now >> 12) << 16 | 0x7000 | (now & 0xfff);
    uint64_t low = (rng_next(&r->rng) & UINT64_C(0x3fffffffffffffff)) | UINT64_C(1) << 63;
    char *p = put(out, high >> 32, 4);
    *p++ = '-';
    p = put(p, high >> 16, 2);
    *p++ = '-';
    p = put(p, high, 2);
    *p++ = '-';
    p = put(p, low >> 48, 2);
    *p++ = '-';
    (void)put(p, low, 6);
}
