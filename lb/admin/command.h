/*
 * command.h — the commands of the admin socket: one line of text to one checked request.
 * Pure; any thread.
 */
#ifndef LB_ADMIN_COMMAND_H
#define LB_ADMIN_COMMAND_H

#include "lb/base/slice.h"

struct err;

enum { COMMAND_LINE_MAX = 4096 };

enum command_verb {
    COMMAND_HELP,
    COMMAND_VERSION,
    COMMAND_SHOW_INFO,
    COMMAND_SHOW_STAT,
    COMMAND_SHOW_SERVERS,
    COMMAND_SHOW_BACKENDS,
    COMMAND_RELOAD,
    COMMAND_CERTIFICATE_RELOAD,
    COMMAND_DRAIN,
    COMMAND_READY,
    COMMAND_MAINT,
    COMMAND_STOP,
};

enum command_form { COMMAND_TEXT, COMMAND_JSON, COMMAND_CSV };

struct command {
    enum command_verb verb;
    enum command_form form;
    struct slice server; /* drain, ready, maint: "BACKEND/SERVER", borrowed from the line */
};

/* Parses a line (without its newline). 0, or -1 with `e` saying what is wrong. */
int command_parse(struct slice line, struct command *out, struct err *e);

/* One line a command, for `help`. */
extern const char command_help[];

#endif
