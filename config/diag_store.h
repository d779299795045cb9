/*
 * diag_store.h — what diag.c collects and diag_print.c writes. Private to these two.
 */
#ifndef CONFIG_DIAG_STORE_H
#define CONFIG_DIAG_STORE_H

#include "config/diag.h"

enum { DIAG_QUOTE_MAX = 160 }; /* bytes of a source line that are shown */

struct diag_source {
    char *name;       /* owned */
    const char *key;  /* src_loc.file of this reading, while the texts are there; never read */
    const char *text; /* borrowed until diag_release_sources */
    size_t n;
    uint32_t *starts; /* owned; offset of each line, made at the first quotation */
    unsigned nlines;
    int from; /* index of the including source or -1 */
    unsigned from_line, from_col;
};

struct diag_place {
    int source; /* -1: none */
    unsigned line, col, len;
    char *quote;        /* owned; a part of the source line, printable; NULL: not available */
    unsigned quote_col; /* column at which the quotation begins */
};

struct diag_note {
    struct diag_place at;
    char *what; /* owned */
    struct diag_note *next;
};

struct diag_msg {
    char code[6];
    bool warning; /* as printed: strictness is already applied */
    unsigned seq;
    struct diag_place at;
    char *text, *hint;       /* owned; hint may be NULL */
    struct diag_note *notes; /* owned, in the order they were added */
};

struct diag {
    struct diag_source *sources;
    unsigned nsources, cap_sources;
    struct diag_msg *msgs;
    unsigned nmsgs, cap_msgs;
    unsigned errors, warnings; /* all that were reported, kept or not */
    bool strict;
};

/* Sorts messages by source, line, column and order of arrival. */
void diag_sort(struct diag *);

#endif
