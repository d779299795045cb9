/*
 * spec.c — a configured check, compiled once for all servers that state it in the same words.
 *
 * The key is everything a result can depend on, each piece with its length, so that two keys are
 * equal exactly when the checks are.
 */
#include "health/monitor_impl.h"
#include "lb/base/err.h"
#include "lb/base/hash.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { EVERY_MIN_MS = 10 };

void spec_unref(struct spec *s)
{
    if (!s || --s->refs)
        return;
    if (s->check->release)
        s->check->release(s->shared);
    free(s->key);
    free(s);
}

int spec_compare(const struct spec *a, const struct spec *b)
{
    if (a == b)
        return 0;
    if (a->hash != b->hash)
        return a->hash < b->hash ? -1 : 1;
    if (a->key_len != b->key_len)
        return a->key_len < b->key_len ? -1 : 1;
    return memcmp(a->key, b->key, a->key_len);
}

static uint32_t every_of(const struct cfg_check *c)
{
    return c->every_ms > EVERY_MIN_MS ? c->every_ms : EVERY_MIN_MS;
}

static void write_word(FILE *f, const char *word)
{
    (void)fprintf(f, "%zu:%s", strlen(word), word);
}

/* The key in malloc'ed memory, or NULL. */
static char *key_of(const struct cfg_check *c, size_t *len)
{
    char *text = NULL;
    FILE *f = open_memstream(&text, len);
    if (!f)
        return NULL;
    write_word(f, c->type);
    (void)fprintf(f, "%u/%u/%u", every_of(c), c->timeout_ms, c->nargs);
    for (unsigned i = 0; i < c->nargs; i++)
        write_word(f, c->args[i]);
    for (unsigned i = 0; i < c->opts.n; i++) {
        const struct opt *o = &c->opts.v[i];
        write_word(f, o->spec->name);
        (void)fprintf(f, "%llu/%u", (unsigned long long)o->num, o->nwords);
        for (unsigned k = 0; k < o->nwords; k++)
            write_word(f, o->words[k]);
    }
    if (fclose(f) == 0)
        return text;
    free(text);
    return NULL;
}

static struct spec *find(struct spec *const *in, unsigned n, const struct spec *like)
{
    for (unsigned i = 0; i < n; i++)
        if (spec_compare(in[i], like) == 0)
            return in[i];
    return NULL;
}

static int compile(struct monitor *m, const struct cfg_check *c, struct spec *s, struct err *e)
{
    s->check = m->env.find(c->type);
    s->every_ms = every_of(c);
    s->timeout_ms = c->timeout_ms ? c->timeout_ms : s->every_ms;
    if (!s->check)
        return err_set(e, ENOENT, "there is no check '%s'", c->type);
    if (!s->check->prepare)
        return 0;
    return s->check->prepare(c->args, c->nargs, &c->opts, &s->shared, e);
}

static int append(struct monitor_plan *p, struct spec *s)
{
    struct spec **more = realloc(p->specs, (p->nspecs + 1) * sizeof(struct spec *));
    if (!more)
        return -1;
    p->specs = more;
    p->specs[p->nspecs++] = s;
    return 0;
}

/* With its key only, not compiled; or NULL. */
static struct spec *spec_new(const struct cfg_check *c)
{
    struct spec *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->key = key_of(c, &s->key_len);
    if (!s->key) {
        free(s);
        return NULL;
    }
    s->hash = hash_bytes(s->key, s->key_len, 0);
    return s;
}

/* Of one that was not compiled. */
static void discard(struct spec *s)
{
    free(s->key);
    free(s);
}

/* The spec for `like`, counted: one that runs already, or `like` itself, which is taken over. */
static struct spec *adopt_or_compile(struct monitor *m, const struct cfg_check *c,
                                     struct spec *like, struct err *e)
{
    struct spec *s = find(m->plan->specs, m->plan->nspecs, like);
    if (s) {
        discard(like);
    } else if (compile(m, c, like, e) == 0) {
        s = like;
    } else {
        discard(like);
        if (c->loc.file)
            (void)err_prefix(e, "%s:%u", c->loc.file, c->loc.line);
        return NULL;
    }
    s->refs++;
    return s;
}

struct spec *spec_get(struct monitor *m, struct monitor_plan *p, const struct cfg_check *c,
                      struct err *e)
{
    struct spec *like = spec_new(c);
    if (!like) {
        (void)err_set(e, ENOMEM, "out of memory");
        return NULL;
    }
    struct spec *s = find(p->specs, p->nspecs, like);
    if (s) {
        discard(like);
        return s;
    }
    s = adopt_or_compile(m, c, like, e);
    if (!s || append(p, s) == 0)
        return s;
    (void)err_set(e, ENOMEM, "out of memory");
    spec_unref(s);
    return NULL;
}
