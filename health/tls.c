/*
 * tls.c — the check that wants a TLS handshake with the server, by the terms of its traffic: the
 * same authorities, name and client certificate.
 */
#include "health/checks.h"
#include "lb/tls/tls_io.h"

static void tls_ready(struct io *io)
{
    struct probe *p = container_of(io, struct probe, io);
    if (!probe_connected(p))
        return;
    if (!(io->fl & IO_SHAKING))
        probe_done(p, true, tls_version(io));
}

static void tls_start(struct probe *p)
{
    static const struct io_ops ops = {.ready = tls_ready};
    p->io.ops = &ops;
    tls_ready(&p->io);
}

const struct check check_tls = {
    .desc = {.name = "tls", .help = "passes when a TLS handshake with the server succeeds"},
    .start = tls_start,
    .needs_tls = true,
};
