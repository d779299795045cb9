/* cli.c — the table of commands, options, and help. */
#include "lb/cli/cli.h"
#include "lb/cli/internal.h"

#include "config/suggest.h"
#include "lb/base/version.h"
#include "lb/control/control.h"

#include <event2/event.h>
#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int run(const struct cli_command *c, const struct cli_args *a)
{
    if (!a->config)
        return cli_fail(CLI_USAGE, "which configuration? lb %s -c FILE", c->name);
    struct control_options o = {.config_path = a->config, .quiet = a->given & CLI_QUIET};
    return control_run(&o);
}

static int demo(const struct cli_command *c, const struct cli_args *a)
{
    (void)c;
    struct control_options o = {
        .config_path = a->config, .demo = true, .quiet = a->given & CLI_QUIET};
    return control_run(&o);
}

static int version(const struct cli_command *c, const struct cli_args *a)
{
    (void)c, (void)a;
    (void)printf("lb %s\nlibevent %s\n%s\n", LB_VERSION, event_get_version(),
                 OpenSSL_version(OPENSSL_VERSION));
    return CLI_OK;
}

static const char show_help[] = "  info       process, configuration, totals\n"
                                "  stat       everything counted\n"
                                "  backends   backends with their load and latency\n"
                                "  servers    servers with state, checks and load\n";

static const struct cli_command commands[] = {
    {"run", "-c FILE", "run the proxy in the foreground",
     "Signals: HUP reloads, TERM and INT drain and stop (a second one stops at once),\n"
     "USR1 reopens log files.\n",
     CLI_CONFIG | CLI_QUIET, 0, 0, run},
    {"check", "-c FILE", "check a configuration file; opens no socket",
     "Exit status 2 when there are errors; with --strict warnings count as errors.\n",
     CLI_CONFIG | CLI_STRICT | CLI_JSON, 0, 0, cli_check},
    {"demo", "[-c FILE]", "run with embedded origins, to try things out", NULL,
     CLI_CONFIG | CLI_QUIET, 0, 0, demo},
    {"reload", "", "make the running proxy apply its configuration file again",
     "Waits for the result. A refused configuration leaves the running one untouched\n"
     "and gives exit status 2.\n",
     CLI_SOCKET, 0, 0, cli_remote_plain},
    {"certificate", "reload", "make the running proxy read its certificate files again",
     "New handshakes use them. Files that can't be used leave the old certificates in force.\n",
     CLI_SOCKET, 1, 1, cli_remote_certificate},
    {"show", "info|stat|backends|servers", "show what the running proxy does", show_help,
     CLI_SOCKET | CLI_JSON | CLI_CSV, 1, 1, cli_remote_show},
    {"drain", "BACKEND/SERVER", "no new exchanges to a server; running ones go on", NULL,
     CLI_SOCKET, 1, 1, cli_remote_server},
    {"maint", "BACKEND/SERVER", "take a server out of service", NULL, CLI_SOCKET, 1, 1,
     cli_remote_server},
    {"ready", "BACKEND/SERVER", "put a server back to work", NULL, CLI_SOCKET, 1, 1,
     cli_remote_server},
    {"stop", "", "make the running proxy drain and stop", NULL, CLI_SOCKET, 0, 0, cli_remote_plain},
    {"reference", "", "print the reference of configuration directives", NULL, 0, 0, 0,
     cli_reference},
    {"version", "", "print the version", NULL, 0, 0, 0, version},
};
enum { COMMANDS = sizeof commands / sizeof commands[0] };

static const struct option_row {
    const char *name; /* without the dashes */
    char letter;      /* 0: none */
    enum cli_option bit;
    const char *value; /* NULL: takes none */
    const char *help;
} options[] = {
    {"config", 'c', CLI_CONFIG, "FILE", "the configuration file"},
    {"socket", 's', CLI_SOCKET, "PATH",
     "admin socket (else that of -c FILE, $LB_SOCKET, /run/lb/admin.sock)"},
    {"strict", 0, CLI_STRICT, NULL, "warnings are errors"},
    {"json", 0, CLI_JSON, NULL, "answer in JSON"},
    {"csv", 0, CLI_CSV, NULL, "answer in HAProxy's CSV (show stat)"},
    {"quiet", 'q', CLI_QUIET, NULL, "print errors only"},
};
enum { OPTIONS = sizeof options / sizeof options[0] };

int cli_fail(int status, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    (void)fputs("lb: ", stderr);
    (void)vfprintf(stderr, format, ap);
    (void)fputc('\n', stderr);
    va_end(ap);
    return status;
}

const char *cli_nearest(const char *word, const char *const *candidates, size_t n)
{
    struct suggest s;
    suggest_init(&s, slice_of(word));
    for (size_t i = 0; i < n; i++)
        suggest_try(&s, candidates[i]);
    return s.best;
}

/* Commands that speak with a process may be pointed to it by its configuration file, too. */
static unsigned options_of(const struct cli_command *c)
{
    return c->options | (c->options & CLI_SOCKET ? CLI_CONFIG : 0);
}

static void print_usage(FILE *to)
{
    (void)fprintf(to,
                  "lb %s, a layer-4 and layer-7 load balancer\n\nusage: lb COMMAND [OPTION]…\n\n",
                  LB_VERSION);
    for (unsigned i = 0; i < COMMANDS; i++)
        (void)fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].summary);
    (void)fprintf(to,
                  "\nlb COMMAND --help says more. Exit status: 0 fine, 1 failure, 2 wrong usage "
                  "or configuration.\n");
}

static int print_help(const struct cli_command *c)
{
    (void)printf("lb %s — %s\n\nusage: lb %s%s%s%s\n\n", c->name, c->summary, c->name,
                 c->args[0] ? " " : "", c->args, options_of(c) ? " [OPTION]…" : "");
    if (c->help)
        (void)printf("%s\n", c->help);
    for (unsigned i = 0; i < OPTIONS; i++) {
        if (!(options_of(c) & options[i].bit))
            continue;
        char text[48];
        (void)snprintf(text, sizeof text, "%c%c%s--%s%s%s", options[i].letter ? '-' : ' ',
                       options[i].letter ? options[i].letter : ' ', options[i].letter ? ", " : "  ",
                       options[i].name, options[i].value ? " " : "",
                       options[i].value ? options[i].value : "");
        (void)printf("  %-20s %s\n", text, options[i].help);
    }
    (void)printf("  %-20s %s\n", "-h, --help", "this text");
    return CLI_OK;
}

static const struct cli_command *find_command(const char *name)
{
    for (unsigned i = 0; i < COMMANDS; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static int unknown_command(const char *name)
{
    const char *names[COMMANDS];
    for (unsigned i = 0; i < COMMANDS; i++)
        names[i] = commands[i].name;
    const char *near = cli_nearest(name, names, COMMANDS);
    if (near)
        return cli_fail(CLI_USAGE, "unknown command '%s'; did you mean '%s'?", name, near);
    return cli_fail(CLI_USAGE, "unknown command '%s'; see lb --help", name);
}

static int unknown_option(const struct cli_command *c, const char *arg)
{
    const char *names[OPTIONS];
    unsigned n = 0;
    for (unsigned i = 0; i < OPTIONS; i++)
        if (options_of(c) & options[i].bit)
            names[n++] = options[i].name;
    const char *near = strncmp(arg, "--", 2) == 0 ? cli_nearest(arg + 2, names, n) : NULL;
    if (near)
        return cli_fail(CLI_USAGE, "unknown option '%s'; did you mean '--%s'?", arg, near);
    return cli_fail(CLI_USAGE, "unknown option '%s'; see lb %s --help", arg, c->name);
}

/* The row of argument `arg`; *value: what follows "=" or the letter, or NULL. */
static const struct option_row *match(const struct cli_command *c, const char *arg,
                                      const char **value)
{
    for (unsigned i = 0; i < OPTIONS; i++) {
        const struct option_row *o = &options[i];
        if (!(options_of(c) & o->bit))
            continue;
        size_t n = strlen(o->name);
        *value = NULL;
        if (o->letter && arg[0] == '-' && arg[1] == o->letter) {
            *value = arg[2] ? arg + 2 : NULL;
            if (!*value || o->value)
                return o;
        }
        if (strncmp(arg, "--", 2) == 0 && strncmp(arg + 2, o->name, n) == 0 &&
            (arg[2 + n] == '\0' || arg[2 + n] == '=')) {
            *value = arg[2 + n] ? arg + 3 + n : NULL;
            return o;
        }
    }
    return NULL;
}

/* Takes the option at *at and its value. */
static int take_option(const struct cli_command *c, char **at, struct cli_args *a, char ***next)
{
    const char *value;
    const struct option_row *o = match(c, *at, &value);
    if (!o)
        return unknown_option(c, *at);
    if (!o->value && value)
        return cli_fail(CLI_USAGE, "--%s takes no value", o->name);
    if (o->value && !value)
        value = at[1] ? *(*next)++ : NULL;
    if (o->value && (!value || !*value))
        return cli_fail(CLI_USAGE, "--%s needs a value: --%s %s", o->name, o->name, o->value);
    a->given |= o->bit;
    if (o->bit == CLI_CONFIG)
        a->config = value;
    else if (o->bit == CLI_SOCKET)
        a->socket = value;
    return CLI_OK;
}

static int take_words(const struct cli_command *c, char **argv, struct cli_args *a)
{
    bool only_words = false;
    while (*argv) {
        char **at = argv++;
        if (!only_words && strcmp(*at, "--") == 0) {
            only_words = true;
        } else if (!only_words && (*at)[0] == '-' && (*at)[1]) {
            int status = take_option(c, at, a, &argv);
            if (status != CLI_OK)
                return status;
        } else if (a->nwords == c->words_max) {
            return cli_fail(CLI_USAGE, "unexpected '%s'; see lb %s --help", *at, c->name);
        } else {
            a->word[a->nwords++] = *at;
        }
    }
    if (a->nwords < c->words_min)
        return cli_fail(CLI_USAGE, "something is missing: lb %s %s", c->name, c->args);
    return CLI_OK;
}

static bool wants_help(char **argv)
{
    for (; *argv && strcmp(*argv, "--") != 0; argv++)
        if (strcmp(*argv, "--help") == 0 || strcmp(*argv, "-h") == 0)
            return true;
    return false;
}

static int help(char **argv)
{
    const struct cli_command *c = *argv ? find_command(*argv) : NULL;
    if (*argv && !c)
        return unknown_command(*argv);
    if (c)
        return print_help(c);
    print_usage(stdout);
    return CLI_OK;
}

static int dispatch(char **argv)
{
    if (!*argv) {
        print_usage(stderr);
        return CLI_USAGE;
    }
    if (!strcmp(*argv, "help") || !strcmp(*argv, "--help") || !strcmp(*argv, "-h"))
        return help(argv + 1);
    bool dashed = !strcmp(*argv, "--version") || !strcmp(*argv, "-V") || !strcmp(*argv, "-v");
    const struct cli_command *c = find_command(dashed ? "version" : *argv);
    if (!c)
        return unknown_command(*argv);
    if (wants_help(argv + 1))
        return print_help(c);
    struct cli_args a = {0};
    int status = take_words(c, argv + 1, &a);
    return status == CLI_OK ? c->run(c, &a) : status;
}

int cli_main(int argc, char **argv)
{
    int status = dispatch(argc > 0 ? argv + 1 : argv);
    if (fflush(stdout) != 0 && status == CLI_OK)
        return cli_fail(CLI_FAILED, "cannot write the answer");
    return status;
}
