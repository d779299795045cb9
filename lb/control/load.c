/* load.c — from the configuration file to a tree and a text of everything there is to say. */
#include "lb/control/internal.h"

#include "config/diag.h"
#include "lb/demo/conf.h"

#include <stdlib.h>
#include <unistd.h>

struct cfg *control_load(struct control *c, char **text)
{
    size_t n = 0;
    struct diag *d = diag_new();
    const char *path = c->options->config_path;
    struct cfg *cfg = NULL;
    *text = NULL;
    if (!d)
        return NULL;
    if (path)
        cfg = cfg_load(path, &c->plugins.cfg, d);
    else
        cfg = cfg_load_text("lb.conf (built in)", demo_conf, demo_conf_len, &c->plugins.cfg, d);
    FILE *f = open_memstream(text, &n);
    if (f) {
        diag_print(d, f, false);
        (void)fclose(f);
    }
    diag_free(d);
    return cfg;
}
