/* greeting.c — see greeting.h. */
#include "lb/demo/greeting.h"

#include "config/cfg.h"

static void frontend(const struct cfg_frontend *fe, FILE *out)
{
    for (unsigned i = 0; i < fe->nbinds; i++)
        (void)fprintf(out, "  %-10s %-5s %s\n", fe->name, fe->mode == CFG_HTTP ? "HTTP" : "TCP",
                      fe->binds[i].addr.text);
}

static void try_http(const struct cfg_bind *b, FILE *out)
{
    (void)fprintf(out,
                  "  curl http://%s/                      # which server answered?\n"
                  "  curl http://%s/headers               # what a server gets to see\n"
                  "  curl -N http://%s/events             # server-sent events, one at a time\n",
                  b->addr.text, b->addr.text, b->addr.text);
}

static void try_tcp(const struct cfg_bind *b, FILE *out)
{
    char port[8];
    (void)snprintf(port, sizeof port, "%u", b->addr.port);
    (void)fprintf(out, "  curl telnet://127.0.0.1:%-11s          # TCP echo: type a line\n", port);
}

void greeting_print(const struct cfg *cfg, FILE *out)
{
    (void)fprintf(out, "lb is running. Frontends:\n");
    for (unsigned i = 0; i < cfg->nfrontends; i++)
        frontend(&cfg->frontends[i], out);
    if (cfg->admin.http)
        (void)fprintf(out, "  %-10s %-5s %s\n", "admin", "HTTP", cfg->admin.http->text);
    (void)fprintf(out, "Try:\n");
    for (unsigned i = 0; i < cfg->nfrontends; i++)
        if (cfg->frontends[i].nbinds)
            (cfg->frontends[i].mode == CFG_HTTP ? try_http : try_tcp)(&cfg->frontends[i].binds[0],
                                                                      out);
    if (cfg->admin.http)
        (void)fprintf(out, "  curl http://%s/metrics               # numbers for Prometheus\n",
                      cfg->admin.http->text);
    (void)fprintf(out, "Stop with Ctrl-C.\n");
    (void)fflush(out);
}
