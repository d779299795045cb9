/*
 * registry.c — the list of balancers, and plug-ins opened at load time.
 *
 * A plug-in is a shared object that exports one `struct balancer`. It is checked before anything of
 * it is called: a file that is no shared object, lacks the symbol, was built for another interface
 * or takes a name that exists is refused with a sentence that says which. Control thread only.
 */
#include "balancers/registry.h"

#include "balancers/builtin.h"

#include "lb/base/err.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

/* Adding a balancer: its file, a line in builtin.h, a line here. */
static const struct balancer *const builtin[] = {
    &balancer_round_robin,
    &balancer_weighted_round_robin,
    &balancer_random,
    &balancer_weighted_random,
    &balancer_least_connections,
    &balancer_two_choices,
    &balancer_least_time,
    &balancer_source_hash,
    &balancer_hash,
    NULL,
};

struct plugin {
    struct plugin *next;       /* owned */
    void *handle;              /* owned, of dlopen */
    const struct balancer *it; /* lives in the shared object */
};

struct balancer_set {
    struct plugin *first; /* owned */
};

const struct balancer *const *balancer_builtin(void)
{
    return builtin;
}

struct balancer_set *balancer_set_new(void)
{
    return calloc(1, sizeof(struct balancer_set));
}

void balancer_set_free(struct balancer_set *set)
{
    while (set && set->first) {
        struct plugin *p = set->first;
        set->first = p->next;
        (void)dlclose(p->handle);
        free(p);
    }
    free(set);
}

const struct balancer *balancer_find(const struct balancer_set *set, const char *name)
{
    for (const struct balancer *const *b = builtin; *b; b++)
        if (strcmp((*b)->desc.name, name) == 0)
            return *b;
    for (const struct plugin *p = set ? set->first : NULL; p; p = p->next)
        if (strcmp(p->it->desc.name, name) == 0)
            return p->it;
    return NULL;
}

/* Is `name` a name or an alias of `b`? */
static bool answers_to(const struct balancer *b, const char *name)
{
    if (strcmp(b->desc.name, name) == 0)
        return true;
    for (const char *const *a = b->desc.aliases; a && *a; a++)
        if (strcmp(*a, name) == 0)
            return true;
    return false;
}

static const struct balancer *taken_by(const struct balancer_set *set, const char *name)
{
    for (const struct balancer *const *b = builtin; *b; b++)
        if (answers_to(*b, name))
            return *b;
    for (const struct plugin *p = set->first; p; p = p->next)
        if (answers_to(p->it, name))
            return p->it;
    return NULL;
}

static bool name_is_word(const char *s)
{
    if (!s || !*s)
        return false;
    for (; *s; s++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.", *s))
            return false;
    return true;
}

static int check_name(const struct balancer_set *set, const char *path, const char *name,
                      struct err *e)
{
    if (!name_is_word(name))
        return err_set(e, EINVAL, "balancer plug-in '%s' has no usable name", path);
    const struct balancer *other = taken_by(set, name);
    if (other)
        return err_set(e, EEXIST, "balancer plug-in '%s': the name '%s' is taken by balancer '%s'",
                       path, name, other->desc.name);
    return 0;
}

static int check_names(const struct balancer_set *set, const char *path, const struct balancer *b,
                       struct err *e)
{
    if (check_name(set, path, b->desc.name, e))
        return -1;
    for (const char *const *a = b->desc.aliases; a && *a; a++)
        if (check_name(set, path, *a, e))
            return -1;
    return 0;
}

static int check_options(const char *path, const struct plug_desc *d, struct err *e)
{
    bool bad = d->args_min > d->args_max || (d->nspecs && !d->specs);
    for (unsigned i = 0; !bad && i < d->nspecs; i++)
        bad = !name_is_word(d->specs[i].name) || d->specs[i].type > OPT_WORDS ||
              (d->specs[i].type == OPT_ENUM && !d->specs[i].choices);
    return bad ? err_set(e, EINVAL, "balancer plug-in '%s' ('%s') declares broken options", path,
                         d->name)
               : 0;
}

static int check_functions(const char *path, const struct balancer *b, struct err *e)
{
    const char *missing = !b->prepare                       ? "prepare"
                          : !b->pick                        ? "pick"
                          : b->state_init && !b->state_size ? "state_size (it has state_init)"
                          : b->changed && !b->state_size    ? "state_size (it has changed)"
                          : b->done && !b->state_size       ? "state_size (it has done)"
                                                            : NULL;
    if (!missing)
        return 0;
    return err_set(e, EINVAL, "balancer plug-in '%s' ('%s') lacks the function %s", path,
                   b->desc.name, missing);
}

/* The abi field comes first: nothing else is read before it is known to match. */
static int check_plugin(const struct balancer_set *set, const char *path, const struct balancer *b,
                        struct err *e)
{
    if (!b)
        return err_set(e, EINVAL, "'%s' is no balancer plug-in: it does not export '%s'", path,
                       BALANCER_PLUGIN_SYMBOL);
    if (b->abi != BALANCER_ABI)
        return err_set(e, EINVAL,
                       "balancer plug-in '%s' was built for interface %u, this program has %u: "
                       "compile it again",
                       path, b->abi, BALANCER_ABI);
    if (check_names(set, path, b, e) || check_functions(path, b, e))
        return -1;
    return check_options(path, &b->desc, e);
}

/* dlopen searches the library path for names without a slash; a plug-in is always a file. */
static void *open_file(const char *path, struct err *e)
{
    struct stat st;
    if (stat(path, &st) != 0) {
        (void)err_set(e, errno, "cannot open balancer plug-in '%s': %s", path, strerror(errno));
        return NULL;
    }
    if (!S_ISREG(st.st_mode)) {
        (void)err_set(e, EINVAL, "balancer plug-in '%s' is not a file", path);
        return NULL;
    }
    char *full = realpath(path, NULL);
    if (!full) {
        (void)err_set(e, errno, "cannot open balancer plug-in '%s': %s", path, strerror(errno));
        return NULL;
    }
    void *handle = dlopen(full, RTLD_NOW | RTLD_LOCAL);
    if (!handle)
        (void)err_set(e, ENOEXEC, "balancer plug-in '%s' is not a usable shared object: %s", path,
                      dlerror());
    free(full);
    return handle;
}

static const struct plugin *find_handle(const struct balancer_set *set, const void *handle)
{
    for (const struct plugin *p = set->first; p; p = p->next)
        if (p->handle == handle)
            return p;
    return NULL;
}

const struct balancer *balancer_set_open(struct balancer_set *set, const char *path, struct err *e)
{
    void *handle = open_file(path, e);
    if (!handle)
        return NULL;
    const struct plugin *known = find_handle(set, handle);
    if (known) {
        (void)dlclose(handle); /* it counted this opening */
        return known->it;
    }
    const struct balancer *b = dlsym(handle, BALANCER_PLUGIN_SYMBOL);
    struct plugin *p = NULL;
    if (check_plugin(set, path, b, e) == 0) {
        p = calloc(1, sizeof *p);
        if (!p)
            (void)err_set(e, ENOMEM, "out of memory");
    }
    if (!p) {
        (void)dlclose(handle);
        return NULL;
    }
    *p = (struct plugin){.next = set->first, .handle = handle, .it = b};
    set->first = p;
    return b;
}
