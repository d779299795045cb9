/* plugins.c — see plugins.h. */
#include "lb/snapshot/plugins.h"

#include "balancers/registry.h"
#include "health/check.h"
#include "lb/base/err.h"
#include "lb/tls/tls_ctx.h"

#include <errno.h>
#include <stdlib.h>

static const struct plug_desc *load_balancer(void *ctx, const char *path, struct err *e)
{
    const struct balancer *b = balancer_set_open(ctx, path, e);
    return b ? &b->desc : NULL;
}

int plugins_init(struct plugins *p, struct err *e)
{
    const struct balancer *const *b = balancer_builtin();
    const struct check *const *c = check_builtin();
    size_t nb = 0, nc = 0;
    while (b[nb])
        nb++;
    while (c[nc])
        nc++;
    const struct plug_desc **d = calloc(nb + nc + 2, sizeof(const struct plug_desc *));
    *p = (struct plugins){.set = balancer_set_new(), .descs = d};
    if (!d || !p->set) {
        plugins_free(p);
        return err_set(e, ENOMEM, "out of memory");
    }
    for (size_t i = 0; i < nb; i++)
        d[i] = &b[i]->desc;
    for (size_t i = 0; i < nc; i++)
        d[nb + 1 + i] = &c[i]->desc;
    p->cfg = (struct cfg_plugins){.balancers = d,
                                  .checks = d + nb + 1,
                                  .load_balancer = load_balancer,
                                  .ctx = p->set,
                                  .judge_tls = tls_judge};
    return 0;
}

void plugins_free(struct plugins *p)
{
    if (p->set)
        balancer_set_free(p->set);
    free(p->descs);
    *p = (struct plugins){0};
}
