/*
 * admin_fuzz.c — what a peer of the admin endpoints may send: command lines and HTTP heads.
 *
 * Accepted input keeps what the callers rely on: slices inside the input, printable names, one
 * slash, a status that has a meaning.
 */
#include "lb/admin/command.h"
#include "lb/admin/httpreq.h"
#include "lb/base/err.h"

#include <assert.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void inside(struct slice part, struct slice whole)
{
    assert(part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n));
}

static void command(struct slice line)
{
    struct command c;
    struct err e = {0};
    if (command_parse(line, &c, &e) < 0) {
        assert(e.text[0]);
        return;
    }
    inside(c.server, line);
    bool needs = c.verb == COMMAND_DRAIN || c.verb == COMMAND_READY || c.verb == COMMAND_MAINT;
    assert(needs == (c.server.n > 0));
    for (size_t i = 0; i < c.server.n; i++)
        assert((unsigned char)c.server.p[i] > 0x20 && c.server.p[i] != 0x7f);
    assert(!needs || memchr(c.server.p, '/', c.server.n));
}

static void request(struct slice head)
{
    struct httpreq r;
    httpreq_parse(head, &r);
    assert(r.status == 0 || (r.status >= 400 && r.close));
    if (!slice_eq(r.path, SLICE("/"))) /* implied by a target without a path */
        inside(r.path, head);
    assert(r.status || (r.path.n && r.path.p[0] == '/'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct slice in = {(const char *)data, n};
    if (n < COMMAND_LINE_MAX)
        command(in);
    if (n && n <= HTTPREQ_MAX)
        request(in);
    return 0;
}
