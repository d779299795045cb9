/*
 * admin_socket_test.c — commands over the Unix socket and pages over HTTP, client and server in one
 * thread: the loop is turned by hand until the client has its answer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/admin_world.h"

#include "lb/admin/admin.h"
#include "lb/admin/command.h"
#include "lb/admin/httpreq.h"
#include "lb/base/err.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

struct stage {
    struct world *w;
    struct event_base *base;
    struct admin *admin;
    struct cfg_addr http;
    struct cfg_admin cfg;
    char dir[64], path[96];
};

static void set_up_http(struct stage *s)
{
    s->http = (struct cfg_addr){.kind = CFG_ADDR_IP, .text = "127.0.0.1:0"};
    s->http.ip.in4.sin_family = AF_INET;
    s->http.ip.in4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
}

static int begin(void **state)
{
    struct stage *s = calloc(1, sizeof *s);
    struct err e;
    (void)snprintf(s->dir, sizeof s->dir, "/tmp/lb-admin-XXXXXX");
    assert_non_null(mkdtemp(s->dir));
    (void)snprintf(s->path, sizeof s->path, "%s/admin.sock", s->dir);
    s->w = world_new("app", 2, 3);
    s->base = event_base_new();
    s->admin = admin_new(s->base, &s->w->ops, NULL);
    set_up_http(s);
    s->cfg = (struct cfg_admin){.socket = s->path, .socket_mode = 0600, .http = &s->http};
    struct admin_plan *p = admin_prepare(s->admin, &s->cfg, &e);
    if (!p)
        fail_msg("%s", e.text);
    admin_commit(s->admin, p);
    *state = s;
    return 0;
}

static int end(void **state)
{
    struct stage *s = *state;
    admin_free(s->admin);
    (void)event_base_loop(s->base, EVLOOP_NONBLOCK); /* deferred frees of bufferevents */
    event_base_free(s->base);
    world_free(s->w);
    assert_int_equal(access(s->path, F_OK), -1); /* unlinked */
    assert_int_equal(rmdir(s->dir), 0);
    free(s);
    return 0;
}

static int dial(const struct stage *s)
{
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    (void)snprintf(sun.sun_path, sizeof sun.sun_path, "%s", s->path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&sun, sizeof sun), 0);
    return fd;
}

static void turn(struct stage *s, unsigned times)
{
    while (times--)
        (void)event_base_loop(s->base, EVLOOP_NONBLOCK);
}

/* What arrives until the end of input (or `until` is in it); closes. The caller frees. */
static char *answer(struct stage *s, int fd, const char *until)
{
    size_t n = 0, room = 1 << 20;
    char *text = malloc(room + 1);
    for (unsigned i = 0; i < 1000000; i++) {
        turn(s, 1);
        ssize_t got = recv(fd, text + n, room - n, MSG_DONTWAIT);
        if (got > 0)
            n += (size_t)got;
        text[n] = '\0';
        if (got == 0 || (got < 0 && errno != EAGAIN) || (until && strstr(text, until)))
            break;
    }
    (void)close(fd);
    return text;
}

static char *ask(struct stage *s, const char *line)
{
    int fd = dial(s);
    assert_int_equal(send(fd, line, strlen(line), 0), strlen(line));
    return answer(s, fd, NULL);
}

static void ends_with(const char *text, const char *tail)
{
    size_t n = strlen(text), m = strlen(tail);
    if (n < m || strcmp(text + n - m, tail) != 0)
        fail_msg("'%s' does not end with '%s'", text, tail);
}

static void expect(struct stage *s, const char *line, const char *tail)
{
    char *text = ask(s, line);
    ends_with(text, tail);
    free(text);
}

static void commands(void **state)
{
    struct stage *s = *state;
    struct stat st;
    assert_int_equal(stat(s->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    expect(s, "version\n", "lb 1.2.3\nok\n");
    expect(s, "help\n", "drain and stop\nok\n");
    expect(s, "  show   info \r\n", "\nok\n");
    expect(s, "show servers\n", "\nok\n");
    expect(s, "show stat --json\n", "}\nok\n");
    expect(s, "show stat --csv\n", "-,\nok\n");
    expect(s, "bogus\n", "error: unknown command 'bogus'; see 'help'\n");
    expect(s, "show nothing\n", "error: unknown command 'nothing'; see 'help'\n");
    expect(s, "\n", "error: empty command; see 'help'\n");
    expect(s, "show info --csv\n", "error: unexpected '--csv'; see 'help'\n");
    expect(s, "drain server app\n", "error: a server is named BACKEND/SERVER\n");
    expect(s, "drain\n", "error: which server? drain server BACKEND/SERVER\n");
    expect(s, "maint server app/none\n",
           "error: there is no server 'app/none'; see 'show servers'\n");
}

static void servers(void **state)
{
    struct stage *s = *state;
    expect(s, "drain server backend1/s2\n", "ok\n");
    assert_ptr_equal(s->w->set_server, s->w->be[1].servers[1].rt);
    assert_int_equal(s->w->set_state, ADMIN_DRAIN);
    assert_non_null(strstr(s->w->who, "uid"));
    expect(s, "maint app/s1\n", "ok\n"); /* the word `server` may be left out */
    assert_int_equal(s->w->set_state, ADMIN_MAINT);
    expect(s, "ready server app/s1\n", "ok\n");
    assert_int_equal(s->w->set_state, ADMIN_READY);
    assert_int_equal(s->w->sets, 3);
    expect(s, "stop\n", "ok\n");
    assert_int_equal(s->w->stops, 1);
}

static void reload(void **state)
{
    struct stage *s = *state;
    expect(s, "reload\n", "ok\n");
    s->w->reload_result = ADMIN_RELOAD_CONFIG;
    s->w->reload_text = "lb.conf:1:2: error E104: no\n    x\n    ^";
    expect(s, "reload\n",
           "    ^\nerror: configuration: not applied; the old one goes on running\n");
    s->w->reload_result = ADMIN_RELOAD_FAILED;
    s->w->reload_text = NULL;
    expect(s, "reload\n", "error: not applied; the old configuration goes on running\n");
}

/* The answer waits for the reload; a client that goes first is not missed. */
static void held_reload(void **state)
{
    struct stage *s = *state;
    s->w->hold = true;
    int fd = dial(s);
    (void)send(fd, "reload\n", 7, 0);
    (void)shutdown(fd, SHUT_WR); /* as `nc` does: still wants the answer */
    turn(s, 20);
    assert_int_equal(s->w->reloads, 1);
    s->w->reload_done(s->w->reload_arg, ADMIN_RELOAD_OK, "warning: x");
    char *text = answer(s, fd, NULL);
    assert_string_equal(text, "warning: x\nok\n");
    free(text);
    fd = dial(s);
    (void)send(fd, "reload\n", 7, 0);
    turn(s, 20);
    (void)close(fd);
    turn(s, 20);
    s->w->reload_done(s->w->reload_arg, ADMIN_RELOAD_OK, NULL);
    turn(s, 20);
}

/* A client that is cut because the admin ends first; the report still comes. */
static void reload_outlives_admin(void **state)
{
    struct stage *s = *state;
    s->w->hold = true;
    int fd = dial(s);
    (void)send(fd, "reload\n", 7, 0);
    turn(s, 20);
    admin_free(s->admin);
    s->admin = NULL;
    s->w->reload_done(s->w->reload_arg, ADMIN_RELOAD_OK, NULL);
    (void)close(fd);
}

static void hostile_lines(void **state)
{
    struct stage *s = *state;
    char big[COMMAND_LINE_MAX + 100];
    memset(big, 'a', sizeof big);
    int fd = dial(s);
    (void)send(fd, big, sizeof big, MSG_NOSIGNAL);
    char *text = answer(s, fd, NULL);
    assert_string_equal(text, "error: the command is too long\n");
    free(text);
    fd = dial(s);
    (void)send(fd, "ver", 3, 0);
    turn(s, 10);
    (void)send(fd, "sion", 4, 0);
    (void)shutdown(fd, SHUT_WR); /* the end of input ends the line */
    text = answer(s, fd, NULL);
    assert_string_equal(text, "lb 1.2.3\nok\n");
    free(text);
    fd = dial(s);
    (void)send(fd, "he\0lp\x1b\n", 7, 0);
    text = answer(s, fd, NULL);
    assert_string_equal(text, "error: control characters are not allowed in a command\n");
    free(text);
    for (unsigned i = 0; i < 100; i++) { /* comes and goes without a word */
        fd = dial(s);
        if (i % 2)
            (void)send(fd, "show stat\nshow stat\n", 20, 0);
        turn(s, i % 3);
        (void)close(fd);
    }
    turn(s, 300);
    expect(s, "version\n", "ok\n");
}

static void socket_file(void **state)
{
    struct stage *s = *state;
    struct err e;
    struct admin *other = admin_new(s->base, &s->w->ops, NULL);
    struct cfg_admin cfg = {.socket = s->path, .socket_mode = 0600};
    assert_null(admin_prepare(other, &cfg, &e)); /* somebody listens */
    assert_non_null(strstr(e.text, "another process"));
    char file[100];
    (void)snprintf(file, sizeof file, "%s/plain", s->dir);
    FILE *f = fopen(file, "w");
    (void)fclose(f);
    cfg.socket = file;
    assert_null(admin_prepare(other, &cfg, &e)); /* not a socket: left alone */
    assert_int_equal(access(file, F_OK), 0);
    (void)unlink(file);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0); /* a stale one: nobody listens */
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    (void)snprintf(sun.sun_path, sizeof sun.sun_path, "%s", file);
    assert_int_equal(bind(fd, (struct sockaddr *)&sun, sizeof sun), 0);
    (void)close(fd);
    struct admin_plan *p = admin_prepare(other, &cfg, &e);
    assert_non_null(p);
    admin_commit(other, p);
    admin_free(other);
    assert_int_equal(access(file, F_OK), -1);
}

/* At reload an endpoint that did not change goes on with its socket; one no longer named ends. */
static void apply_again(void **state)
{
    struct stage *s = *state;
    struct err e;
    unsigned port = admin_http_port(s->admin);
    assert_true(port > 0);
    struct admin_plan *p = admin_prepare(s->admin, &s->cfg, &e);
    assert_non_null(p);
    admin_plan_free(p);
    s->cfg.socket_mode = 0660;
    admin_commit(s->admin, admin_prepare(s->admin, &s->cfg, &e));
    assert_int_equal(admin_http_port(s->admin), port);
    struct stat st;
    assert_int_equal(stat(s->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0660);
    s->cfg.http = NULL;
    admin_commit(s->admin, admin_prepare(s->admin, &s->cfg, &e));
    assert_int_equal(admin_http_port(s->admin), 0);
    expect(s, "version\n", "ok\n");
}

static char *http(struct stage *s, const char *request, const char *until)
{
    struct sockaddr_in in = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)admin_http_port(s->admin)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&in, sizeof in), 0);
    assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
    return answer(s, fd, until);
}

static void expect_http(struct stage *s, const char *request, const char *status, const char *part)
{
    char *text = http(s, request, NULL);
    if (strncmp(text, status, strlen(status)) != 0 || !strstr(text, part))
        fail_msg("%s: not %s with '%s': %.300s", request, status, part, text);
    free(text);
}

#define CLOSE " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

static void pages(void **state)
{
    struct stage *s = *state;
    expect_http(s, "GET /healthz" CLOSE, "HTTP/1.1 200", "\r\n\r\nok\n");
    expect_http(s, "GET /readyz" CLOSE, "HTTP/1.1 200", "ready");
    expect_http(s, "GET /metrics?x=1" CLOSE, "HTTP/1.1 200", "lb_server_up{");
    expect_http(s, "GET /stats.json" CLOSE, "HTTP/1.1 200", "application/json");
    expect_http(s, "GET /stats;csv" CLOSE, "HTTP/1.1 200", "\r\n\r\n# pxname,svname,");
    expect_http(s, "GET /nginx_status HTTP/1.0\r\n\r\n", "HTTP/1.1 200", "Active connections: ");
    expect_http(s, "GET /" CLOSE, "HTTP/1.1 200", "default-src 'none'");
    expect_http(s, "GET http://x/style.css" CLOSE, "HTTP/1.1 200", "text/css");
    expect_http(s, "GET /nothing" CLOSE, "HTTP/1.1 404", "not found");
    expect_http(s, "DELETE /" CLOSE, "HTTP/1.1 405", "Allow: GET, HEAD");
    s->w->view.draining = true;
    expect_http(s, "GET /readyz" CLOSE, "HTTP/1.1 503", "draining");
    s->w->view.ready = s->w->view.draining = false;
    expect_http(s, "GET /readyz" CLOSE, "HTTP/1.1 503", "not ready");
    char *text = http(s, "HEAD /metrics" CLOSE, NULL);
    ends_with(text, "\r\n\r\n");
    assert_non_null(strstr(text, "Content-Length: "));
    assert_null(strstr(text, "Content-Length: 0"));
    free(text);
}

static void pipelined(void **state)
{
    struct stage *s = *state;
    char *text = http(s,
                      "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /readyz HTTP/1.1\r\n\r\n"
                      "GET /nothing" CLOSE,
                      NULL);
    const char *ok = strstr(text, "ok\n"), *ready = strstr(text, "ready\n");
    assert_true(ok && ready && ok < ready && strstr(ready, "404 Not Found"));
    free(text);
}

static void hostile_requests(void **state)
{
    struct stage *s = *state;
    static const struct {
        const char *request, *status;
    } t[] = {
        {"GET / HTTP/2.0\r\n\r\n", "HTTP/1.1 505"},
        {"GET /\r\n\r\n", "HTTP/1.1 400"},
        {"GET / FOO/1.1\r\n\r\n", "HTTP/1.1 400"},
        {" / HTTP/1.1\r\n\r\n", "HTTP/1.1 400"},
        {"GET * HTTP/1.1\r\n\r\n", "HTTP/1.1 400"},
        {"GET / HTTP/1.1\r\nno colon\r\n\r\n", "HTTP/1.1 400"},
        {"GET / HTTP/1.1\r\na b: c\r\n\r\n", "HTTP/1.1 400"},
        {"GET / HTTP/1.1\r\na: \x01\r\n\r\n", "HTTP/1.1 400"},
        {"GET / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", "HTTP/1.1 413"},
        {"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "HTTP/1.1 413"},
        {"\r\n\r\n", "HTTP/1.1 400"},
    };
    for (unsigned i = 0; i < sizeof t / sizeof t[0]; i++)
        expect_http(s, t[i].request, t[i].status, "Connection: close");
    char *big = malloc(HTTPREQ_MAX + 1);
    memset(big, 'a', HTTPREQ_MAX);
    big[HTTPREQ_MAX] = '\0';
    memcpy(big, "GET /", 5);
    expect_http(s, big, "HTTP/1.1 431", "Connection: close");
    free(big);
}

int main(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
#define ON_STAGE(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        ON_STAGE(commands),    ON_STAGE(servers),          ON_STAGE(reload),
        ON_STAGE(held_reload), ON_STAGE(hostile_lines),    ON_STAGE(reload_outlives_admin),
        ON_STAGE(socket_file), ON_STAGE(apply_again),      ON_STAGE(pages),
        ON_STAGE(pipelined),   ON_STAGE(hostile_requests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
