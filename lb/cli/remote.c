/*
 * remote.c — commands to the running process over its admin socket: one line there, an answer back,
 * and a last line that says how it went.
 */
#include "lb/cli/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 4096 };

static const char default_socket[] = "/run/lb/admin.sock";
static const char configuration[] = "configuration: ";

/* What the command line says comes before the environment. */
static int find_socket(const struct cli_args *a, char *out, size_t size)
{
    if (!a->socket && a->config)
        return cli_socket_of(a->config, out, size);
    const char *env = getenv("LB_SOCKET");
    const char *path = a->socket ? a->socket : env && *env ? env : default_socket;
    if ((size_t)snprintf(out, size, "%s", path) >= size)
        return cli_fail(CLI_USAGE, "the path of the admin socket is too long: %s", path);
    return CLI_OK;
}

static int send_to(const struct cli_args *a, const char *line)
{
    char path[sizeof((struct sockaddr_un *)NULL)->sun_path];
    int status = find_socket(a, path, sizeof path);
    return status == CLI_OK ? cli_talk(path, line) : status;
}

int cli_remote_plain(const struct cli_command *c, const struct cli_args *a)
{
    return send_to(a, c->name);
}

int cli_remote_certificate(const struct cli_command *c, const struct cli_args *a)
{
    if (strcmp(a->word[0], "reload") != 0)
        return cli_fail(CLI_USAGE, "'%s' is unknown: lb %s %s", a->word[0], c->name, c->args);
    return send_to(a, "certificate reload");
}

int cli_remote_show(const struct cli_command *c, const struct cli_args *a)
{
    static const char *const what[] = {"info", "stat", "backends", "servers"};
    enum { N = sizeof what / sizeof what[0] };
    unsigned i = 0;
    while (i < N && strcmp(what[i], a->word[0]) != 0)
        i++;
    if (i == N) {
        const char *near = cli_nearest(a->word[0], what, N);
        return near ? cli_fail(CLI_USAGE, "cannot show '%s'; did you mean '%s'?", a->word[0], near)
                    : cli_fail(CLI_USAGE, "cannot show '%s': lb %s %s", a->word[0], c->name,
                               c->args);
    }
    if (a->given & CLI_CSV && (a->given & CLI_JSON || i != 1))
        return cli_fail(CLI_USAGE, "--csv goes with show stat, and not with --json");
    char line[64];
    (void)snprintf(line, sizeof line, "show %s%s", what[i],
                   a->given & CLI_JSON  ? " --json"
                   : a->given & CLI_CSV ? " --csv"
                                        : "");
    return send_to(a, line);
}

int cli_remote_server(const struct cli_command *c, const struct cli_args *a)
{
    const char *name = a->word[0], *slash = strchr(name, '/');
    for (const char *p = name; *p; p++)
        if ((unsigned char)*p <= 0x20 || *p == 0x7f)
            return cli_fail(CLI_USAGE, "'%s' is no name of a server", name);
    if (!slash || slash == name || !slash[1])
        return cli_fail(CLI_USAGE, "a server is named BACKEND/SERVER: lb %s app/s1", c->name);
    char line[LINE_MAX_BYTES];
    if (snprintf(line, sizeof line, "%s server %s", c->name, name) >= (int)sizeof line - 1)
        return cli_fail(CLI_USAGE, "the name is too long");
    return send_to(a, line);
}

static int dial(const char *path)
{
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    size_t n = strlen(path);
    if (n >= sizeof sun.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(sun.sun_path, path, n + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&sun, sizeof sun) != 0) {
        int error = errno;
        (void)close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

static int send_line(int fd, const char *line)
{
    char text[LINE_MAX_BYTES];
    int n = snprintf(text, sizeof text, "%s\n", line);
    for (int at = 0; at < n;) {
        ssize_t w = send(fd, text + at, (size_t)(n - at), MSG_NOSIGNAL);
        if (w < 0 && errno == EINTR)
            continue;
        if (w < 0)
            return -1;
        at += (int)w;
    }
    return 0;
}

/* Everything until the end, NUL-terminated; NULL with errno. The caller frees. */
static char *read_all(int fd, size_t *used)
{
    size_t room = 65536;
    char *text = malloc(room + 1);
    for (*used = 0; text;) {
        if (*used == room) {
            char *more = realloc(text, 2 * room + 1);
            if (!more)
                break;
            text = more;
            room *= 2;
        }
        ssize_t n = read(fd, text + *used, room - *used);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            break;
        if (n == 0) {
            text[*used] = '\0';
            return text;
        }
        *used += (size_t)n;
    }
    free(text);
    return NULL;
}

/* Prints all but the last line, which becomes the status. */
static int report(char *text, size_t n)
{
    if (n && text[n - 1] == '\n')
        text[--n] = '\0';
    char *last = memrchr(text, '\n', n);
    last = last ? last + 1 : text;
    bool ok = strcmp(last, "ok") == 0, error = strncmp(last, "error: ", 7) == 0;
    size_t body = ok || error ? (size_t)(last - text) : n;
    FILE *to = ok ? stdout : stderr;
    if (body && fwrite(text, 1, body, to) != body)
        return cli_fail(CLI_FAILED, "cannot write the answer");
    if (ok)
        return CLI_OK;
    if (!error)
        return cli_fail(CLI_FAILED, "the answer is incomplete: the connection was closed");
    bool config = strncmp(last + 7, configuration, sizeof configuration - 1) == 0;
    return cli_fail(config ? CLI_USAGE : CLI_FAILED, "%s", last + 7);
}

int cli_talk(const char *path, const char *line)
{
    int fd = dial(path);
    if (fd < 0)
        return cli_fail(CLI_FAILED, "cannot reach a running lb at %s: %s (another socket: -s PATH)",
                        path, strerror(errno));
    char *text = NULL;
    size_t n = 0;
    if (send_line(fd, line) == 0)
        text = read_all(fd, &n);
    int error = errno;
    (void)close(fd);
    if (!text)
        return cli_fail(CLI_FAILED, "talking to %s: %s", path, strerror(error));
    int status = report(text, n);
    free(text);
    return status;
}
