/*
 * table.h — columns of text aligned for a terminal. Bytes that are not printable become '?', so
 * that nothing a peer said can move the operator's cursor.
 */
#ifndef LB_ADMIN_TABLE_H
#define LB_ADMIN_TABLE_H

#include "lb/admin/out.h"

enum { TABLE_COLUMNS = 16 };

struct table {
    unsigned ncols;
    unsigned right; /* bit i: column i is numbers, set to the right */
    unsigned width[TABLE_COLUMNS];
    char *text; /* owned: NUL-terminated cells one after the other */
    size_t used, room;
    unsigned ncells;
    bool failed;
};

/* Starts a table of `n` columns, with the titles as its first row. */
void table_begin(struct table *, unsigned n, unsigned right, const char *const *titles);
void table_text(struct table *, const char *); /* NULL or "": "-" */
void table_num(struct table *, uint64_t);
/* Writes it all and frees. */
void table_end(struct table *, struct out *o);

#endif
