/*
 * build.h — from statements to the tree: what the build_*.c files share. Private to config/.
 */
#ifndef CONFIG_BUILD_H
#define CONFIG_BUILD_H

#include "config/cfg.h"
#include "config/names.h"
#include "config/options.h"
#include "config/parser.h"

enum { PLACE_OPTIONS_MAX = 48 };

struct place_index { /* the directives of one place */
    const struct directive *o[PLACE_OPTIONS_MAX];
    unsigned n;
};

struct frontend_facts { /* what the tree does not say but the checks need */
    const struct stmt *stmt;
};

struct backend_facts {
    const struct stmt *stmt;
    bool mode_given, used;
    struct src_loc mode_loc; /* what decided the mode: a `mode` or a route */
};

struct build {
    struct arena *keep, *tmp; /* borrowed: of the cfg, of the load */
    struct diag *diag;
    const struct cfg_plugins *plugins;
    struct cfg *cfg;

    struct protos protos;
    struct place_index place[PLACE_COUNT];

    const struct plug_desc **balancers; /* built-in ones and plug-ins */
    unsigned nbalancers;

    const struct stmt *global, *defaults, *admin;
    struct cfg_frontend default_fe, *frontends;
    struct cfg_backend default_be, *backends;
    bool default_mode_given;
    struct src_loc default_mode_loc;
    struct frontend_facts *fe_facts;
    struct backend_facts *be_facts;
    struct names backend_names;
};

struct scope { /* one block being read */
    enum place place;
    const struct stmt *stmt;  /* whose block it is; NULL at the top */
    void *base[BASE_COUNT];   /* where its directives store; NULL for what can't stand here */
    struct backend_facts *be; /* backend only */
    const struct stmt *seen[PLACE_OPTIONS_MAX];
};

/* An error at word `i` of the statement; `hint` may be NULL. Returns its number for diag_also. */
int build_error(struct build *, const struct stmt *, unsigned i, const char *code, const char *hint,
                const char *format, ...) __attribute__((format(printf, 6, 7)));

/* "did you mean 'x'?" in the temporary arena, or NULL when `best` is. */
const char *build_did_you_mean(struct build *, const char *best);

/* Reads the statements of a block, starting at `first`. */
void build_block(struct build *, struct scope *, const struct stmt *first);
/* Reads one statement of a block. */
void build_statement(struct build *, struct scope *, const struct stmt *);
/* The directive that the words name in `place`, or NULL; *used is the number of words its name has.
 */
const struct directive *build_find(const struct build *, enum place, const struct stmt *,
                                   unsigned *used);

/* Converts word `i` as `spec` says, with its range, at most `most`; false when reported. */
bool build_number(struct build *, const struct stmt *, unsigned i, const struct opt_spec *,
                  uint64_t most, uint64_t *num);

/* Reports when the statement has not `least` to `most` words after word `used - 1`. */
bool build_count(struct build *, const struct stmt *, unsigned used, unsigned least, unsigned most,
                 const char *syntax);

/* Copies into the tree; never NULL. */
const char *build_text(struct build *, const struct word *);
/* Words [from, to) as texts of the tree; NULL when there are none. */
const char *const *build_texts(struct build *, const struct stmt *, unsigned from, unsigned to);
/* The path of a file that must be readable; NULL when reported. */
const char *build_file(struct build *, const struct stmt *, unsigned i);
/* An address; false when reported. */
bool build_address(struct build *, const struct stmt *, unsigned i, bool listen, struct cfg_addr *);
/* Is word `i` a legal name of a block? Reports if not. */
bool build_check_name(struct build *, const struct stmt *, unsigned i, const char *what);
/* Is word `i` a token of RFC 9110 (names of fields, cookies, methods)? Reports if not. */
bool build_check_token(struct build *, const struct stmt *, unsigned i, const char *what);
/* Has word `i` no line end and no other byte that can't stand in a header? Reports if not. */
bool build_check_line(struct build *, const struct stmt *, unsigned i, const char *what);
/* A bare word, not a string, with this text? */
bool build_keyword(const struct stmt *, unsigned i, const char *text);
/* How many values the statements of a list named `name` have together. */
unsigned build_total(const struct stmt *first, const char *name);
/* stderr | stdout | file PATH | syslog ADDRESS at word i; returns the words used, 0 if reported. */
unsigned build_log_target(struct build *, const struct stmt *, unsigned i, struct cfg_log *);

/* `balance` when a backend says nothing. */
void build_default_balance(struct build *, struct cfg_backend *);
/* The built-in balancers and the plug-ins that `global` names. */
void build_balancers(struct build *);
const struct plug_desc *build_find_balancer(const struct build *, const char *name);

/* Everything: from statements to b->cfg. */
void build_tree(struct build *, const struct stmt *first);

/* Checks across blocks; in check_*.c. */
void check_tree(struct build *);
void check_binds(struct build *);
void check_routes(struct build *);
void check_tls_blocks(struct build *);

#endif
