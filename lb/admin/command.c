/* command.c — see command.h. */
#include "lb/admin/command.h"

#include "lb/base/err.h"

#include <errno.h>

enum { WORDS_MAX = 8 };

enum { TAKES_SERVER = 1, FORM_JSON = 2, FORM_CSV = 4 };

static const struct {
    const char *first, *second; /* second: NULL for none */
    enum command_verb verb;
    unsigned takes;
} commands[] = {
    {"help", NULL, COMMAND_HELP, 0},
    {"version", NULL, COMMAND_VERSION, 0},
    {"show", "info", COMMAND_SHOW_INFO, FORM_JSON},
    {"show", "stat", COMMAND_SHOW_STAT, FORM_JSON | FORM_CSV},
    {"show", "servers", COMMAND_SHOW_SERVERS, FORM_JSON},
    {"show", "backends", COMMAND_SHOW_BACKENDS, FORM_JSON},
    {"certificate", "reload", COMMAND_CERTIFICATE_RELOAD, 0},
    {"reload", NULL, COMMAND_RELOAD, 0},
    {"drain", "server", COMMAND_DRAIN, TAKES_SERVER},
    {"ready", "server", COMMAND_READY, TAKES_SERVER},
    {"maint", "server", COMMAND_MAINT, TAKES_SERVER},
    {"stop", NULL, COMMAND_STOP, 0},
};
enum { COMMANDS = sizeof commands / sizeof commands[0] };

const char command_help[] =
    "help                          this list\n"
    "version                       the version of the running program\n"
    "show info [--json]            process, configuration, totals\n"
    "show stat [--json|--csv]      everything counted\n"
    "show backends [--json]        backends with their load and latency\n"
    "show servers [--json]         servers with state, checks and load\n"
    "drain server BACKEND/SERVER   no new exchanges; running ones and sticky clients go on\n"
    "maint server BACKEND/SERVER   no exchanges at all\n"
    "ready server BACKEND/SERVER   back to work\n"
    "reload                        apply the configuration file again\n"
    "certificate reload            read the certificate files again\n"
    "stop                          drain and stop\n";

/* Splits at spaces and tabs; -1: a control character, or too many words. */
static int split(struct slice line, struct slice word[WORDS_MAX], struct err *e)
{
    int n = 0;
    for (size_t i = 0; i < line.n; i++) {
        unsigned char c = (unsigned char)line.p[i];
        if (c == ' ' || c == '\t')
            continue;
        size_t from = i;
        for (; i < line.n && line.p[i] != ' ' && line.p[i] != '\t'; i++)
            if ((unsigned char)line.p[i] < 0x20 || line.p[i] == 0x7f)
                return err_set(e, EINVAL, "control characters are not allowed in a command");
        if (n == WORDS_MAX)
            return err_set(e, EINVAL, "too many words; see 'help'");
        word[n++] = (struct slice){line.p + from, i - from};
    }
    return n;
}

static int unknown(struct slice w, struct err *e)
{
    return err_set(e, EINVAL, "unknown command '%.*s'; see 'help'", (int)(w.n < 64 ? w.n : 64),
                   w.p);
}

static int take_option(struct slice w, unsigned takes, struct command *out, struct err *e)
{
    if (slice_eq(w, SLICE("--json")) && takes & FORM_JSON) {
        out->form = COMMAND_JSON;
        return 0;
    }
    if (slice_eq(w, SLICE("--csv")) && takes & FORM_CSV) {
        out->form = COMMAND_CSV;
        return 0;
    }
    if (!(takes & TAKES_SERVER) || out->server.n || slice_starts(w, SLICE("--")))
        return err_set(e, EINVAL, "unexpected '%.*s'; see 'help'", (int)(w.n < 64 ? w.n : 64), w.p);
    const char *slash = memchr(w.p, '/', w.n);
    if (!slash || slash == w.p || slash + 1 == w.p + w.n)
        return err_set(e, EINVAL, "a server is named BACKEND/SERVER");
    out->server = w;
    return 0;
}

/* The row whose words begin the line, and how many words that were; `server` may be left out. */
static int find(const struct slice *w, int n, int *used)
{
    for (int i = 0; i < COMMANDS; i++) {
        if (!slice_eq(w[0], slice_of(commands[i].first)))
            continue;
        *used = 1;
        if (!commands[i].second)
            return i;
        if (n > 1 && slice_eq(w[1], slice_of(commands[i].second))) {
            *used = 2;
            return i;
        }
        if (commands[i].takes & TAKES_SERVER)
            return i;
    }
    return -1;
}

int command_parse(struct slice line, struct command *out, struct err *e)
{
    struct slice w[WORDS_MAX];
    int used = 0, n = split(line, w, e);
    if (n < 0)
        return -1;
    if (n == 0)
        return err_set(e, EINVAL, "empty command; see 'help'");
    int row = find(w, n, &used);
    if (row < 0)
        return n > 1 && slice_eq(w[0], SLICE("show")) ? unknown(w[1], e) : unknown(w[0], e);
    *out = (struct command){.verb = commands[row].verb};
    for (int i = used; i < n; i++)
        if (take_option(w[i], commands[row].takes, out, e) < 0)
            return -1;
    if (commands[row].takes & TAKES_SERVER && !out->server.n)
        return err_set(e, EINVAL, "which server? %s server BACKEND/SERVER", commands[row].first);
    return 0;
}
