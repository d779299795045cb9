/*
 * parser.h — words to a tree of statements, `include` already replaced by what it names.
 *
 * The tree knows no directive. It lives in the loader's temporary arena and is gone when the
 * configuration stands.
 */
#ifndef CONFIG_PARSER_H
#define CONFIG_PARSER_H

#include "config/lexer.h"

struct stmt {
    const struct word *w; /* nw >= 1 words */
    uint32_t nw;
    bool has_block;
    bool bad; /* some word of it was reported already */
    const char *file;
    struct stmt *first; /* of the block */
    struct stmt *next;
};

struct parse {
    struct arena *keep; /* file names, which messages and the tree refer to */
    struct arena *tmp;  /* statements and texts */
    struct diag *diag;
    int fd; /* file being read or -1: to be closed when memory runs out in the middle of it */
};

/*
 * Reads a file, or the given text, with everything it includes. Returns the first statement (NULL
 * when there is none); problems are in the diag. Blocks on file reads.
 */
struct stmt *parse_file(struct parse *, const char *path);
struct stmt *parse_text(struct parse *, const char *name, struct slice text);

/* `path`, seen from the folder of `file` unless it is absolute. In `a`; never NULL. */
const char *path_beside(struct arena *a, const char *file, struct slice path);

static inline struct src_loc stmt_loc(const struct stmt *s, unsigned word)
{
    return (struct src_loc){s->file, s->w[word].line, s->w[word].col};
}

static inline bool word_is(const struct word *w, const char *text)
{
    size_t n = strlen(text);
    return w->n == n && memcmp(w->p, text, n) == 0;
}

#endif
