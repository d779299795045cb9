/*
 * cfg.c — a load from beginning to end, and its memory.
 *
 * Two arenas: one for what the tree keeps, one for texts and statements, which goes when the tree
 * stands. Out of memory anywhere comes back here.
 */
#include "config/cfg.h"

#include "config/build.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct load {
    struct arena *keep; /* owned; becomes cfg->arena */
    struct arena tmp;
    jmp_buf oom;
    struct parse parse;
    const char *path;
    const struct slice *text; /* NULL: read the file */
    const struct cfg_plugins *plugins;
    struct diag *diag;
    struct cfg *cfg; /* in `keep`; valid when nothing failed */
};

static void build_from(struct load *l, const struct stmt *first)
{
    struct build *b = arena_alloc(&l->tmp, sizeof *b);
    b->keep = l->keep;
    b->tmp = &l->tmp;
    b->diag = l->diag;
    b->plugins = l->plugins;
    b->cfg = arena_alloc(l->keep, sizeof *b->cfg);
    b->cfg->path = arena_text(l->keep, slice_of(l->path));
    b->cfg->arena = l->keep;
    build_tree(b, first);
    l->cfg = b->cfg;
}

/* False when memory ran out: the arenas jump back to here. */
static bool run(struct load *l)
{
    if (setjmp(l->oom))
        return false;
    l->parse = (struct parse){l->keep, &l->tmp, l->diag, -1};
    unsigned before = diag_errors(l->diag);
    const struct stmt *first =
        l->text ? parse_text(&l->parse, l->path, *l->text) : parse_file(&l->parse, l->path);
    if (first || diag_errors(l->diag) == before)
        build_from(l, first);
    return true;
}

static void release_arena(struct arena *a)
{
    if (a)
        arena_release(a);
    free(a);
}

static struct cfg *load(struct load *l)
{
    enum { KEEP_FIRST = 16 << 10, TMP_FIRST = 64 << 10 };
    unsigned errors = diag_errors(l->diag);
    l->keep = calloc(1, sizeof *l->keep);
    l->parse.fd = -1;
    bool ok = l->keep != NULL;
    if (ok) {
        arena_init(l->keep, KEEP_FIRST, &l->oom);
        arena_init(&l->tmp, TMP_FIRST, &l->oom);
        ok = run(l);
        l->keep->oom = NULL;
    }
    if (l->parse.fd >= 0)
        (void)close(l->parse.fd);
    diag_release_sources(l->diag);
    arena_release(&l->tmp);
    if (!ok)
        (void)diag_add(l->diag, "E132", (struct src_loc){0}, 0, NULL, "out of memory");
    if (ok && l->cfg && diag_errors(l->diag) == errors)
        return l->cfg;
    release_arena(l->keep);
    return NULL;
}

struct cfg *cfg_load(const char *path, const struct cfg_plugins *plugins, struct diag *d)
{
    struct load l = {.path = path, .plugins = plugins, .diag = d};
    return load(&l);
}

struct cfg *cfg_load_text(const char *name, const char *text, size_t n,
                          const struct cfg_plugins *plugins, struct diag *d)
{
    struct slice s = {text, n};
    struct load l = {.path = name, .text = &s, .plugins = plugins, .diag = d};
    return load(&l);
}

void cfg_free(struct cfg *c)
{
    if (c)
        release_arena(c->arena);
}
