/* internal.h — what the files of lb/cli share. */
#ifndef LB_CLI_INTERNAL_H
#define LB_CLI_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>

enum cli_status { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2 };

enum cli_option {                      /* bits: what a command takes */
                  CLI_CONFIG = 1 << 0, /* -c, --config FILE */
                  CLI_SOCKET = 1 << 1, /* -s, --socket PATH; also -c to find it */
                  CLI_STRICT = 1 << 2,
                  CLI_JSON = 1 << 3,
                  CLI_CSV = 1 << 4,
                  CLI_QUIET = 1 << 5, /* -q, --quiet */
};

enum { CLI_WORDS_MAX = 4 };

struct cli_args {
    const char *config, *socket; /* NULL: not given */
    unsigned given;              /* enum cli_option */
    const char *word[CLI_WORDS_MAX];
    unsigned nwords;
};

struct cli_command {
    const char *name, *args; /* args: of the usage line, or "" */
    const char *summary;     /* one line for the list */
    const char *help;        /* further lines, or NULL */
    unsigned options;
    unsigned words_min, words_max;
    int (*run)(const struct cli_command *, const struct cli_args *); /* enum cli_status */
};

/* Commands that speak with a running process. */
int cli_remote_certificate(const struct cli_command *, const struct cli_args *);
int cli_remote_show(const struct cli_command *, const struct cli_args *);
int cli_remote_server(const struct cli_command *,
                      const struct cli_args *);                            /* drain, ready, maint */
int cli_remote_plain(const struct cli_command *, const struct cli_args *); /* reload, stop */
/* Commands about configurations. */
int cli_check(const struct cli_command *, const struct cli_args *);
int cli_reference(const struct cli_command *, const struct cli_args *);

/*
 * The admin socket named by the configuration file `path`, into out. CLI_OK, or a status after
 * saying on stderr what is wrong.
 */
int cli_socket_of(const char *path, char *out, size_t size);

/*
 * Sends one command line to the admin socket at `path` and prints the answer.
 */
int cli_talk(const char *path, const char *line);

/* The candidate nearest to `word` when it is near enough to be a slip; NULL: none. */
const char *cli_nearest(const char *word, const char *const *candidates, size_t n);

/* "lb: TEXT" to stderr; returns `status`. */
int cli_fail(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
