/*
 * opts.h — options that a plug-in (balancer, check) declares and the configuration parses for it.
 *
 * A plug-in lists its options in an array of `struct opt_spec`; the configuration checks place,
 * type and range against it, converts the value and hands back a `struct opts`. So a plug-in never
 * parses text, and the directive reference is made from the same array.
 */
#ifndef LB_BASE_OPTS_H
#define LB_BASE_OPTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum opt_type {
    OPT_FLAG,     /* the word alone: present or not */
    OPT_ONOFF,    /* on | off → num 1 | 0 */
    OPT_UINT,     /* whole number */
    OPT_DURATION, /* with unit → num in ms */
    OPT_SIZE,     /* with unit → num in bytes */
    OPT_RATIO,    /* decimal fraction → num in thousandths ("1.25" → 1250); "20%" → 200 */
    OPT_STRING,   /* one word or "string" */
    OPT_ENUM,     /* one of `choices` → num is its index */
    OPT_WORDS,    /* one or more words, kept as they are; may be given several times */
};

struct opt_spec {
    const char *name;
    enum opt_type type;
    uint64_t min, max;          /* of `num`, inclusive; both 0: no limit */
    const char *def;            /* default as it would be written; NULL: none */
    const char *const *choices; /* OPT_ENUM: NULL-terminated */
    const char *help;           /* one line for the reference and for --help */
};

struct src_loc {
    const char *file; /* borrowed from the cfg that owns it; NULL: built in */
    unsigned line, col;
};

struct opt {
    const struct opt_spec *spec; /* borrowed */
    uint64_t num;                /* converted value, see enum opt_type */
    const char *const *words;    /* the words after the name; owned by the cfg */
    unsigned nwords;
    struct src_loc loc;
};

struct opts {
    const struct opt *v; /* owned by the cfg; in order of appearance */
    unsigned n;
};

/* What the configuration and the manual need to know of a plug-in. Static data. */
struct plug_desc {
    const char *name;
    const char *const *aliases; /* other proxies' words for it, NULL-terminated; may be NULL */
    const char *help;           /* one line */
    const struct opt_spec *specs;
    unsigned nspecs;
    unsigned args_min, args_max; /* positional words after the name (check http METHOD PATH: 2) */
    const char *args_help;       /* e.g. "METHOD PATH"; NULL when there are none */
    bool uses_weights;           /* balancers: weights have a meaning */
    bool takes_key;              /* balancers: the words after the name are a KEY */
    uint8_t default_key;         /* balancers: 0 none, 1 the client's address (source-hash) */
};

/* The last occurrence of option `name`, or NULL. */
static inline const struct opt *opts_find(const struct opts *o, const char *name)
{
    for (unsigned i = o ? o->n : 0; i-- > 0;)
        if (strcmp(o->v[i].spec->name, name) == 0)
            return &o->v[i];
    return NULL;
}

/* The converted value of option `name`, or `fallback` when it was not given. */
static inline uint64_t opts_num(const struct opts *o, const char *name, uint64_t fallback)
{
    const struct opt *opt = opts_find(o, name);
    return opt ? opt->num : fallback;
}

/* The first word of option `name`, or `fallback` when it was not given. */
static inline const char *opts_str(const struct opts *o, const char *name, const char *fallback)
{
    const struct opt *opt = opts_find(o, name);
    return opt && opt->nwords ? opt->words[0] : fallback;
}

#endif
