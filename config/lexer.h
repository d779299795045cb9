/*
 * lexer.h — configuration text to words and punctuation.
 *
 * Words point into the source text; only those with escapes or ${NAME} are copied. The lexer
 * reports what is wrong with a word, marks the word WORD_BAD and goes on, so that later stages can
 * stay silent about it.
 */
#ifndef CONFIG_LEXER_H
#define CONFIG_LEXER_H

#include "config/arena.h"
#include "config/diag.h"

#include <stdint.h>

enum token { TOK_END, TOK_WORD, TOK_LINE, TOK_SEMICOLON, TOK_COMMA, TOK_OPEN, TOK_CLOSE };

enum { WORD_QUOTED = 1, WORD_BAD = 2, WORD_LISTED = 4 /* a comma stands before it */ };

struct word {
    const char *p; /* borrowed from the text or from the arena; not terminated */
    uint32_t n;
    uint32_t line, col;
    uint32_t width : 28; /* bytes it takes in the source, quotes included; a load is smaller */
    uint32_t flags : 4;
};

struct lexer {
    const char *p, *end, *line_start; /* borrowed */
    const char *file;
    struct arena *arena; /* borrowed; for words that had to be changed */
    struct diag *diag;
    unsigned line;
};

void lexer_init(struct lexer *, const char *file, struct slice text, struct arena *, struct diag *);

/* The next token. `w` is filled for every kind: place and width at least. */
enum token lexer_next(struct lexer *, struct word *w);

static inline struct slice word_slice(const struct word *w)
{
    return (struct slice){w->p, w->n};
}

#endif
