/* config.c — commands about configuration files; nothing but files is opened. */
#include "lb/cli/internal.h"

#include "config/cfg.h"
#include "config/diag.h"
#include "lb/base/err.h"
#include "lb/snapshot/plugins.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int out_of_memory(void)
{
    return cli_fail(CLI_FAILED, "out of memory");
}

static void print_verdict(const char *path, const struct diag *d)
{
    unsigned warnings = diag_warnings(d);
    if (warnings)
        (void)printf("%s: valid, %u warning%s\n", path, warnings, warnings == 1 ? "" : "s");
    else
        (void)printf("%s: valid\n", path);
}

static int check_with(const struct plugins *p, struct diag *d, const struct cli_args *a)
{
    diag_set_strict(d, a->given & CLI_STRICT);
    struct cfg *cfg = cfg_load(a->config, &p->cfg, d);
    bool ok = cfg && diag_errors(d) == 0;
    cfg_free(cfg);
    if (a->given & CLI_JSON) {
        diag_print_json(d, stdout);
    } else {
        diag_print(d, stderr, isatty(STDERR_FILENO) && !getenv("NO_COLOR"));
        if (ok)
            print_verdict(a->config, d);
    }
    return ok ? CLI_OK : CLI_USAGE;
}

int cli_check(const struct cli_command *c, const struct cli_args *a)
{
    if (!a->config)
        return cli_fail(CLI_USAGE, "which configuration? lb %s -c FILE", c->name);
    struct plugins p;
    struct err e;
    if (plugins_init(&p, &e) < 0)
        return cli_fail(CLI_FAILED, "%s", e.text);
    struct diag *d = diag_new();
    int status = d ? check_with(&p, d, a) : out_of_memory();
    diag_free(d);
    plugins_free(&p);
    return status;
}

int cli_reference(const struct cli_command *c, const struct cli_args *a)
{
    (void)c, (void)a;
    struct plugins p;
    struct err e;
    if (plugins_init(&p, &e) < 0)
        return cli_fail(CLI_FAILED, "%s", e.text);
    cfg_write_reference(&p.cfg, stdout);
    plugins_free(&p);
    return CLI_OK;
}

static int read_socket(const struct plugins *p, struct diag *d, const char *path, char *out,
                       size_t size)
{
    struct cfg *cfg = cfg_load(path, &p->cfg, d);
    int status = CLI_OK;
    if (!cfg)
        status =
            cli_fail(CLI_USAGE, "%s has errors (see lb check -c %s); give -s PATH", path, path);
    else if (!cfg->admin.socket)
        status = cli_fail(CLI_USAGE, "%s names no admin socket", path);
    else if ((size_t)snprintf(out, size, "%s", cfg->admin.socket) >= size)
        status = cli_fail(CLI_USAGE, "%s: the path of the admin socket is too long", path);
    cfg_free(cfg);
    return status;
}

int cli_socket_of(const char *path, char *out, size_t size)
{
    struct plugins p;
    struct err e;
    if (plugins_init(&p, &e) < 0)
        return cli_fail(CLI_FAILED, "%s", e.text);
    struct diag *d = diag_new();
    int status = d ? read_socket(&p, d, path, out, size) : out_of_memory();
    diag_free(d);
    plugins_free(&p);
    return status;
}
