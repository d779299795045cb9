/*
 * socket.c — the commands of the admin Unix socket: one line, an answer, a last line, the end.
 *
 * The last line is `ok` or `error: TEXT` (`error: configuration: TEXT` when a reload was refused
 * for what the file says). Who may command is decided by the permission of the socket file.
 */
#include "lb/admin/command.h"
#include "lb/admin/conn.h"
#include "lb/admin/internal.h"
#include "lb/admin/render.h"

#include "lb/base/err.h"
#include "lb/base/log.h"
#include "lb/net/sock.h"

#include <errno.h>
#include <event2/buffer.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { DEADLINE_MS = 10000, CONNECTIONS_MAX = 64, BACKLOG = 16 };

struct admin_socket {
    struct admin_core core;
    struct admin_conn_server *server; /* owned */
    char *path;                       /* owned */
    dev_t dev;                        /* of the socket file we made: */
    ino_t ino;                        /* another process may have replaced it since */
};

/* A reload somebody waits for; outlives the connection when the client goes first. */
struct waiting {
    struct admin_conn *conn; /* NULL: gone */
};

static void finish(struct admin_conn *c, const struct err *e)
{
    struct evbuffer *out = admin_conn_output(c);
    int rc = e ? evbuffer_add_printf(out, "error: %s\n", e->text) : evbuffer_add(out, "ok\n", 3);
    if (rc < 0)
        admin_conn_free(c);
    else
        admin_conn_answered(c, true);
}

static void finish_error(struct admin_conn *c, const char *text)
{
    struct err e;
    (void)err_set(&e, EINVAL, "%s", text);
    finish(c, &e);
}

static void who_is(const struct admin_conn *c, char *out, size_t size)
{
    struct ucred u;
    socklen_t n = sizeof u;
    if (getsockopt(admin_conn_fd(c), SOL_SOCKET, SO_PEERCRED, &u, &n) == 0)
        (void)snprintf(out, size, "admin socket, uid %u, pid %d", (unsigned)u.uid, (int)u.pid);
    else
        (void)snprintf(out, size, "admin socket");
}

static void render(struct out *o, const struct command *cmd, const struct collect *c,
                   const struct admin_ops *ops)
{
    bool json = cmd->form == COMMAND_JSON;
    switch (cmd->verb) {
    case COMMAND_SHOW_INFO:
        json ? render_json_info(o, c) : render_text_info(o, c);
        break;
    case COMMAND_SHOW_BACKENDS:
        json ? render_json_backends(o, c, ops) : render_text_backends(o, c);
        break;
    case COMMAND_SHOW_SERVERS:
        json ? render_json_servers(o, c, ops) : render_text_servers(o, c, ops);
        break;
    default:
        if (json) {
            render_json(o, c, ops);
        } else if (cmd->form == COMMAND_CSV) {
            render_csv(o, c, ops);
        } else {
            render_text_frontends(o, c);
            OUT(o, "\n");
            render_text_backends(o, c);
            OUT(o, "\n");
            render_text_servers(o, c, ops);
        }
    }
}

static void show(struct admin_socket *s, struct admin_conn *conn, const struct command *cmd)
{
    if (s->core.account->bytes > ADMIN_OUTPUT_MAX) {
        finish_error(conn, "too many answers are waiting to be read");
        return;
    }
    struct collect *c = collect_new(s->core.ops->view(s->core.ops->ctx));
    bool done = false;
    if (c) {
        struct out o;
        out_begin(&o, admin_conn_output(conn), s->core.account);
        render(&o, cmd, c, s->core.ops);
        done = out_end(&o) == 0;
    }
    collect_free(c);
    if (done)
        finish(conn, NULL);
    else
        finish_error(conn, "out of memory");
}

/* Compares the whole BACKEND/SERVER, so that a slash inside a name does no harm. */
static struct server_rt *find_server(const struct admin_view *v, struct slice name)
{
    for (unsigned i = 0; i < v->nbackends; i++) {
        const struct admin_backend *b = &v->backends[i];
        size_t n = strlen(b->name);
        if (name.n <= n || memcmp(name.p, b->name, n) != 0 || name.p[n] != '/')
            continue;
        struct slice rest = {name.p + n + 1, name.n - n - 1};
        for (unsigned k = 0; k < b->nservers; k++)
            if (slice_eq(rest, slice_of(b->servers[k].rt->name)))
                return b->servers[k].rt;
    }
    return NULL;
}

static void set_state(struct admin_socket *s, struct admin_conn *c, const struct command *cmd)
{
    struct server_rt *rt = find_server(s->core.ops->view(s->core.ops->ctx), cmd->server);
    struct err e;
    if (!rt) {
        int n = cmd->server.n < 200 ? (int)cmd->server.n : 200;
        (void)err_set(&e, ENOENT, "there is no server '%.*s'; see 'show servers'", n,
                      cmd->server.p);
        finish(c, &e);
        return;
    }
    char who[64];
    who_is(c, who, sizeof who);
    s->core.ops->set_admin(s->core.ops->ctx, rt,
                           cmd->verb == COMMAND_DRAIN   ? ADMIN_DRAIN
                           : cmd->verb == COMMAND_MAINT ? ADMIN_MAINT
                                                        : ADMIN_READY,
                           who);
    finish(c, NULL);
}

static void on_reloaded(void *arg, enum admin_reload result, const char *text)
{
    struct waiting *w = arg;
    struct admin_conn *c = w->conn;
    free(w);
    if (!c)
        return;
    c->wait = NULL;
    struct evbuffer *out = admin_conn_output(c);
    size_t n = text ? strlen(text) : 0;
    if (n && (evbuffer_add(out, text, n) != 0 ||
              (text[n - 1] != '\n' && evbuffer_add(out, "\n", 1) != 0))) {
        admin_conn_free(c);
        return;
    }
    if (result == ADMIN_RELOAD_OK)
        finish(c, NULL);
    else
        finish_error(c, result == ADMIN_RELOAD_CONFIG
                            ? "configuration: not applied; the old one goes on running"
                            : "not applied; the old configuration goes on running");
}

static void reload(struct admin_socket *s, struct admin_conn *c)
{
    struct waiting *w = calloc(1, sizeof *w);
    if (!w) {
        finish_error(c, "out of memory");
        return;
    }
    w->conn = c;
    c->wait = w;
    s->core.ops->reload(s->core.ops->ctx, on_reloaded, w);
}

static void on_gone(struct admin_conn *c, void *arg)
{
    (void)arg;
    if (c->wait)
        ((struct waiting *)c->wait)->conn = NULL;
}

static void stop(struct admin_socket *s, struct admin_conn *c)
{
    char who[64];
    who_is(c, who, sizeof who);
    finish(c, NULL);
    s->core.ops->stop(s->core.ops->ctx, who);
}

static void renew_certs(struct admin_socket *s, struct admin_conn *c)
{
    struct err e = {0};
    const struct admin_ops *ops = s->core.ops;
    if (!ops->renew_certs)
        finish_error(c, "there is no TLS here");
    else
        finish(c, ops->renew_certs(ops->ctx, &e) == 0 ? NULL : &e);
}

static void text_reply(struct admin_conn *c, const char *text, size_t n)
{
    if (evbuffer_add(admin_conn_output(c), text, n) != 0)
        admin_conn_free(c);
    else
        finish(c, NULL);
}

static void run(struct admin_socket *s, struct admin_conn *c, const struct command *cmd)
{
    switch (cmd->verb) {
    case COMMAND_HELP:
        text_reply(c, command_help, strlen(command_help));
        break;
    case COMMAND_VERSION: {
        char text[128];
        int n = snprintf(text, sizeof text, "lb %.100s\n",
                         s->core.ops->view(s->core.ops->ctx)->version);
        text_reply(c, text, (size_t)n);
        break;
    }
    case COMMAND_DRAIN:
    case COMMAND_READY:
    case COMMAND_MAINT:
        set_state(s, c, cmd);
        break;
    case COMMAND_RELOAD:
        reload(s, c);
        break;
    case COMMAND_CERTIFICATE_RELOAD:
        renew_certs(s, c);
        break;
    case COMMAND_STOP:
        stop(s, c);
        break;
    default:
        show(s, c, cmd);
    }
}

/* Takes the line; -1: there is none yet. Without a newline the end of input ends it. */
static int take_line(struct admin_conn *c, struct evbuffer *in, char line[COMMAND_LINE_MAX],
                     size_t *n)
{
    struct evbuffer_ptr end = evbuffer_search_eol(in, NULL, NULL, EVBUFFER_EOL_LF);
    size_t have = evbuffer_get_length(in);
    if (end.pos < 0 && have < COMMAND_LINE_MAX && !(c->eof && have))
        return -1;
    *n = end.pos < 0 ? have : (size_t)end.pos;
    if (*n >= COMMAND_LINE_MAX)
        *n = COMMAND_LINE_MAX;
    (void)evbuffer_remove(in, line, *n);
    (void)evbuffer_drain(in, evbuffer_get_length(in));
    return 0;
}

static void on_input(struct admin_conn *c, struct evbuffer *in, void *arg)
{
    char line[COMMAND_LINE_MAX];
    size_t n = 0;
    if (take_line(c, in, line, &n) < 0) {
        if (c->eof)
            admin_conn_free(c);
        return;
    }
    struct command cmd;
    struct err e;
    admin_conn_answering(c);
    if (n == COMMAND_LINE_MAX) {
        finish_error(c, "the command is too long");
        return;
    }
    if (n && line[n - 1] == '\r')
        n--;
    if (command_parse((struct slice){line, n}, &cmd, &e) < 0)
        finish(c, &e);
    else
        run(arg, c, &cmd);
}

static const struct admin_conn_rules rules = {.max = CONNECTIONS_MAX,
                                              .input_max = COMMAND_LINE_MAX,
                                              .deadline_ms = DEADLINE_MS,
                                              .input = on_input,
                                              .gone = on_gone};

/* Only a socket that nobody listens on is replaced, never another kind of file. */
static int listen_on(const char *path, unsigned mode, struct err *e)
{
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    size_t n = strlen(path);
    struct stat st;
    if (n == 0 || n >= sizeof sun.sun_path)
        return err_set(e, ENAMETOOLONG, "admin socket: the path must have 1 to %zu bytes: %s",
                       sizeof sun.sun_path - 1, path);
    memcpy(sun.sun_path, path, n + 1);
    if (lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode))
        return err_set(e, EEXIST, "admin socket: %s exists and is not a socket", path);
    struct sock_listen o = {
        .addr = (struct sockaddr *)&sun, .len = sizeof sun, .backlog = BACKLOG, .unix_mode = mode};
    int fd = sock_listen(&o, e);
    return fd < 0 ? err_prefix(e, "admin socket") : fd;
}

struct admin_socket *admin_socket_open(const struct admin_core *core, const char *path,
                                       unsigned mode, struct err *e)
{
    int fd = listen_on(path, mode, e);
    if (fd < 0)
        return NULL;
    struct admin_socket *s = calloc(1, sizeof *s);
    struct stat st;
    if (!s || !(s->path = strdup(path))) {
        (void)close(fd);
        (void)unlink(path);
        free(s);
        (void)err_set(e, ENOMEM, "admin socket: out of memory");
        return NULL;
    }
    s->core = *core;
    if (lstat(path, &st) == 0) {
        s->dev = st.st_dev;
        s->ino = st.st_ino;
    }
    s->server = admin_conn_server_new(core->base, fd, &rules, s);
    if (!s->server) {
        admin_socket_free(s);
        (void)err_set(e, ENOMEM, "admin socket: out of memory");
        return NULL;
    }
    return s;
}

void admin_socket_start(struct admin_socket *s, unsigned mode)
{
    if (mode)
        (void)chmod(s->path, mode);
    admin_conn_server_start(s->server);
}

void admin_socket_free(struct admin_socket *s)
{
    if (!s)
        return;
    admin_conn_server_free(s->server);
    struct stat st;
    if (lstat(s->path, &st) == 0 && st.st_dev == s->dev && st.st_ino == s->ino)
        (void)unlink(s->path);
    free(s->path);
    free(s);
}

const char *admin_socket_path(const struct admin_socket *s)
{
    return s->path;
}
