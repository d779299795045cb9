/*
 * err.h — one failure, described where it happened, reported by whoever has the most context.
 */
#ifndef LB_BASE_ERR_H
#define LB_BASE_ERR_H

struct err {
    int code;       /* 0: nothing went wrong; else an errno value or a module's own code */
    char text[400]; /* one sentence without a newline: what, where, how to mend it */
};

/* Fills `e` (which may be NULL). Always returns -1, so `return err_set(...)` reads well. */
int err_set(struct err *e, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Puts "PREFIX: " before the text that is there. Always returns -1. */
int err_prefix(struct err *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
