/*
 * check_http_test.c — the http and tcp checks against a scripted origin on a real socket.
 *
 * The origin is a thread that answers each connection with the next script: pieces of bytes, each
 * sent when the one before has been taken, then a close, a reset or silence. The loop runs until
 * the verdict is there; the check's time-out bounds every wait.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "health/http.h"
#include "health/monitor_impl.h"
#include "lb/base/err.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>
#include <unistd.h>

enum ending { CLOSE, RESET, SILENCE };

struct script {
    const char *piece[6]; /* NULL-terminated; "@N": N bytes of 'x' */
    bool bytewise;        /* one byte a segment */
    enum ending end;
};

struct origin {
    int fd;
    struct sockaddr_storage addr;
    socklen_t len;
    struct script script;
    char seen[2048]; /* the request, as it came */
    pthread_t thread;
};

struct bench {
    struct loop loop;
    struct logger *logger;
    struct log *log;
    struct monitor *m;
    struct backend_rt *be;
    struct server_rt *rt;
    uint64_t checks; /* until so many are done */
};

static void send_piece(int fd, const char *piece, bool bytewise)
{
    static const char filler[4096] = {[0 ... 4095] = 'x'};
    size_t n = piece[0] == '@' ? (size_t)atol(piece + 1) : strlen(piece), step;
    for (size_t at = 0; at < n; at += step) {
        step = bytewise ? 1 : n - at < sizeof filler ? n - at : sizeof filler;
        if (send(fd, piece[0] == '@' ? filler : piece + at, step, MSG_NOSIGNAL) < 0)
            return;
    }
}

static void read_request(struct origin *o, int fd)
{
    size_t len = 0;
    ssize_t n;
    o->seen[0] = 0;
    while (!strstr(o->seen, "\r\n\r\n") && len < sizeof o->seen - 1 &&
           (n = recv(fd, o->seen + len, sizeof o->seen - 1 - len, 0)) > 0) {
        len += (size_t)n;
        o->seen[len] = 0;
    }
}

static void wait_for_close(int fd)
{
    char b[256];
    while (recv(fd, b, sizeof b, 0) > 0)
        ;
}

static void *origin_run(void *arg)
{
    struct origin *o = arg;
    int fd = accept4(o->fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        return NULL;
    int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, 1 /* TCP_NODELAY */, &on, sizeof on);
    read_request(o, fd);
    for (const char *const *p = o->script.piece; *p; p++)
        send_piece(fd, *p, o->script.bytewise);
    struct linger now = {.l_onoff = 1};
    if (o->script.end == RESET)
        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    if (o->script.end == SILENCE)
        wait_for_close(fd);
    (void)close(fd);
    return NULL;
}

static void origin_listen(struct origin *o, const struct sockaddr *a, socklen_t len)
{
    o->fd = socket(a->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(o->fd >= 0);
    assert_int_equal(bind(o->fd, a, len), 0);
    assert_int_equal(listen(o->fd, 8), 0);
    o->len = sizeof o->addr;
    assert_int_equal(getsockname(o->fd, (struct sockaddr *)&o->addr, &o->len), 0);
}

static void origin_open(struct origin *o)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    *o = (struct origin){.fd = -1};
    origin_listen(o, (struct sockaddr *)&a, sizeof a);
}

/* What the configuration would hand over for one check. */
struct words {
    struct cfg_check check;
    struct opt opt[6];
    const char *args[2];
    const char *word[6][4];
};

static const struct opt_spec *spec_of(const char *name)
{
    for (unsigned i = 0; i < HTTP_NOPTS; i++)
        if (strcmp(http_opts[i].name, name) == 0)
            return &http_opts[i];
    fail_msg("no option %s", name);
    return NULL;
}

/* Options as "name word word", words separated by '~'. */
static void words_init(struct words *w, const char *method, const char *path,
                       const char *const *options)
{
    static char text[6][256];
    *w = (struct words){.args = {method, path}};
    w->check = (struct cfg_check){.type = "http",
                                  .every_ms = 20,
                                  .timeout_ms = 5000,
                                  .rise = 1,
                                  .fall = 1,
                                  .args = w->args,
                                  .nargs = 2};
    unsigned n = 0;
    for (; options && options[n]; n++) {
        char *save, *at = text[n];
        (void)snprintf(text[n], sizeof text[n], "%s", options[n]);
        struct opt *o = &w->opt[n];
        o->spec = spec_of(strtok_r(at, "~", &save));
        while ((at = strtok_r(NULL, "~", &save)))
            w->word[n][o->nwords++] = at;
        o->words = w->word[n];
    }
    w->check.opts = (struct opts){w->opt, n};
}

static void stop_when_checked(void *user)
{
    struct bench *b = user;
    struct monitor_counts c;
    monitor_report(b->m, &c);
    if (c.checks >= b->checks)
        loop_stop(&b->loop);
}

static int setup(void **state)
{
    struct bench *b = calloc(1, sizeof *b);
    assert_int_equal(loop_init(&b->loop, 0), 0);
    struct log_target to = {.to = LOG_TO_FILE, .path = "/dev/null"};
    b->logger = logger_new(&to, LOG_LV_ERROR, NULL);
    b->log = logger_attach(b->logger);
    b->m = monitor_new(&b->loop, b->log, 3);
    b->loop.user = b;
    b->loop.after_batch = stop_when_checked;
    b->be = backend_rt_new("app", 1);
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;
    monitor_free(b->m);
    server_rt_unref(b->rt);
    backend_rt_unref(b->be);
    log_detach(b->log);
    logger_free(b->logger);
    loop_close(&b->loop);
    free(b);
    return 0;
}

/* Probes `addr` once; true and the cause in b->rt->cause (or the view) tell the verdict. */
static bool probe(struct bench *b, const struct sockaddr_storage *addr, socklen_t len,
                  const char *text, const struct cfg_check *check)
{
    struct err e = {0};
    struct monitor_counts c;
    server_rt_unref(b->rt);
    b->rt = server_rt_new(b->be, "s1", text, (const struct sockaddr *)addr, len, 1);
    struct monitor_target t = {.rt = b->rt, .check = check, .addr = *addr, .addr_len = len};
    struct monitor_plan *none = monitor_prepare(b->m, NULL, 0, &e);
    monitor_commit(b->m, none);
    struct monitor_plan *p = monitor_prepare(b->m, &t, 1, &e);
    if (!p)
        fail_msg("%s", e.text);
    monitor_commit(b->m, p);
    monitor_report(b->m, &c);
    b->checks = c.checks + 1;
    b->loop.stop = false;
    loop_run(&b->loop);
    return atomic_load(&b->rt->health) == HEALTH_UP;
}

struct table {
    const char *options[4];
    struct script script;
    bool ok;
    const char *cause;
};

static void run_row(struct bench *b, const struct table *row, bool bytewise)
{
    struct origin o;
    struct words w;
    origin_open(&o);
    o.script = row->script;
    o.script.bytewise = bytewise;
    words_init(&w, "GET", "/healthz", row->options);
    if (row->script.end == SILENCE && strstr(row->cause, "within"))
        w.check.timeout_ms = 60;
    assert_int_equal(pthread_create(&o.thread, NULL, origin_run, &o), 0);
    bool ok = probe(b, &o.addr, o.len, "origin.test:8080", &w.check);
    if (ok != row->ok || strcmp(b->rt->cause, row->cause) != 0)
        fail_msg("'%s': got %s, '%s' instead of '%s'", row->script.piece[0], ok ? "up" : "down",
                 b->rt->cause, row->cause);
    (void)pthread_join(o.thread, NULL);
    (void)close(o.fd);
}

#define OK_HEAD  "HTTP/1.1 200 OK\r\n"
#define MATCH_OK "expect~body~^(ready|fine)$"

static const struct table table[] = {
    {{NULL}, {{OK_HEAD "Content-Length: 0\r\n\r\n"}, 0, SILENCE}, true, "status 200"},
    {{NULL}, {{"HTTP/1.0 302 Found\r\n\r\n"}, 0, CLOSE}, true, "status 302"},
    {{NULL}, {{"HTTP/1.1 404 Not Found\r\n\r\n"}, 0, CLOSE}, false, "status 404"},
    {{"expect~status~200-299,404"},
     {{"HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nabc"}, 0, CLOSE},
     true,
     "status 404"},
    {{"expect~status~200-299,404"}, {{"HTTP/1.1 301 M\r\n\r\n"}, 0, CLOSE}, false, "status 301"},
    {{NULL}, {{"HTTP/1.1 503 Busy\r\n\r\n"}, 0, CLOSE}, false, "status 503"},
    {{NULL},
     {{"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", OK_HEAD "\r\n"}, 0, CLOSE},
     true,
     "status 200"},
    {{NULL},
     {{"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"}, 0, CLOSE},
     false,
     "status 101"},
    {{MATCH_OK},
     {{OK_HEAD "Content-Length: 5\r\n\r\n", "ready", " and more"}, 0, SILENCE},
     true,
     "status 200, body matches"},
    {{MATCH_OK},
     {{OK_HEAD "Content-Length: 4\r\n\r\nsick"}, 0, CLOSE},
     false,
     "status 200, body does not match"},
    {{MATCH_OK},
     {{OK_HEAD "Content-Length: 6\r\n\r\nready"}, 0, CLOSE},
     false,
     "closed in the middle of the response"},
    {{MATCH_OK},
     {{OK_HEAD "Transfer-Encoding: chunked\r\n\r\n2\r\nre\r\n", "3;x=y\r\nady\r\n",
       "0\r\nT: v\r\n\r\n"},
      0,
      SILENCE},
     true,
     "status 200, body matches"},
    {{MATCH_OK},
     {{OK_HEAD "Transfer-Encoding: chunked\r\n\r\n5\r\nready\r\n"}, 0, CLOSE},
     false,
     "closed in the middle of the response"},
    {{MATCH_OK},
     {{OK_HEAD "Transfer-Encoding: chunked\r\n\r\nzz\r\n"}, 0, CLOSE},
     false,
     "bad response: bad-chunk-size"},
    {{MATCH_OK}, {{OK_HEAD "\r\n", "fi", "ne"}, 0, CLOSE}, true, "status 200, body matches"},
    {{"expect~body~^$", "expect~status~204"},
     {{"HTTP/1.1 204 No Content\r\n\r\n"}, 0, SILENCE},
     true,
     "status 204, body matches"},
    {{NULL}, {{"SSH-2.0-OpenSSH_9\r\n"}, 0, CLOSE}, false, "bad response: bad-response"},
    {{NULL}, {{NULL}, 0, CLOSE}, false, "closed without a response"},
    {{NULL}, {{NULL}, 0, RESET}, false, "connection reset by peer"},
    {{NULL}, {{"HTTP/1.1 20"}, 0, CLOSE}, false, "closed in the middle of the response"},
    {{NULL}, {{OK_HEAD "A: b\r\n"}, 0, SILENCE}, false, "no answer within 60 ms"},
};

static void answers_are_judged(void **state)
{
    for (unsigned i = 0; i < sizeof table / sizeof table[0]; i++) {
        run_row(*state, &table[i], false);
        run_row(*state, &table[i], true);
    }
}

static void bodies_are_bounded(void **state)
{
    static const struct table rows[] = {
        {{"expect~body~^x+$"},
         {{OK_HEAD "\r\n", "@3000000"}, 0, SILENCE},
         true,
         "status 200, body matches"},
        {{"expect~body~end$"},
         {{OK_HEAD "Content-Length: 100003\r\n\r\n", "@100000", "end"}, 0, CLOSE},
         false,
         "status 200, body does not match"},
        {{"expect~body~^x{65500}"},
         {{OK_HEAD "Transfer-Encoding: chunked\r\n\r\n100000\r\n", "@70000"}, 0, SILENCE},
         true,
         "status 200, body matches"},
        {{"expect~body~^(x|xx|xxx)+$y"},
         {{OK_HEAD "Content-Length: 40\r\n\r\n", "@40"}, 0, SILENCE},
         false,
         "status 200, body does not match"},
        {{"expect~body~^(x+x+)+[yq]"},
         {{OK_HEAD "Content-Length: 400\r\n\r\n", "@399", "z"}, 0, SILENCE},
         false,
         "status 200, matching the body took too long"},
        {{NULL},
         {{OK_HEAD "A: ", "@17000", "\r\n\r\n"}, 0, SILENCE},
         false,
         "bad response: response-header-too-large"},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++)
        run_row(*state, &rows[i], false);
}

static void many_interim_responses_are_refused(void **state)
{
    static char many[20 * 32];
    many[0] = 0;
    for (unsigned i = 0; i < 20; i++)
        (void)strcat(many, "HTTP/1.1 102 Processing\r\n\r\n");
    struct table row = {{NULL}, {{many}, 0, SILENCE}, false, "too many interim responses"};
    run_row(*state, &row, false);
}

static void expect_request(struct bench *b, const char *method, const char *const *options,
                           const char *host, const char *want)
{
    struct origin o;
    struct words w;
    origin_open(&o);
    o.script = (struct script){{OK_HEAD "\r\n"}, 0, CLOSE};
    words_init(&w, method, "/a?b=c", options);
    assert_int_equal(pthread_create(&o.thread, NULL, origin_run, &o), 0);
    assert_true(probe(b, &o.addr, o.len, host, &w.check));
    (void)pthread_join(o.thread, NULL);
    (void)close(o.fd);
    assert_string_equal(o.seen, want);
}

static void requests_are_as_configured(void **state)
{
    expect_request(*state, "GET", NULL, "origin.test:8080",
                   "GET /a?b=c HTTP/1.1\r\nHost: origin.test:8080\r\n"
                   "User-Agent: lb-health-check\r\nAccept: */*\r\nConnection: close\r\n\r\n");
    expect_request(*state, "HEAD", (const char *const[]){"host~app.example.com", NULL}, "x:1",
                   "HEAD /a?b=c HTTP/1.1\r\nHost: app.example.com\r\n"
                   "User-Agent: lb-health-check\r\nAccept: */*\r\nConnection: close\r\n\r\n");
    expect_request(*state, "POST",
                   (const char *const[]){"header~X-Key~a b", "header~user-agent~me", NULL}, "x:1",
                   "POST /a?b=c HTTP/1.1\r\nHost: x:1\r\nAccept: */*\r\nX-Key: a b\r\n"
                   "user-agent: me\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
}

static void bad_words_are_refused(void **state)
{
    static const struct {
        const char *method, *path, *option, *error;
    } rows[] = {
        {"GET", "healthz", NULL, "must begin with '/'"},
        {"GET", "/a b", NULL, "hold no spaces"},
        {"GET", "/a\r\nX: y", NULL, "hold no spaces"},
        {"GE T", "/", NULL, "no method"},
        {"CONNECT", "/", NULL, "no method"},
        {"GET", "/", "host~a b", "is no host"},
        {"GET", "/", "header~X", "takes a name and a value"},
        {"GET", "/", "header~X:~y", "is no field"},
        {"GET", "/", "header~X~y\nz", "is no field"},
        {"GET", "/", "header~host~y", "use 'host NAME'"},
        {"GET", "/", "header~Content-Length~3", "set by the check itself"},
        {"GET", "/", "expect~status~abc", "no list of final status codes"},
        {"GET", "/", "expect~status~300-200", "no list of final status codes"},
        {"GET", "/", "expect~status~100-200", "no list of final status codes"},
        {"GET", "/", "expect~status~200-", "no list of final status codes"},
        {"GET", "/", "expect~status~99999999999", "no list of final status codes"},
        {"GET", "/", "expect~status", "'expect' takes"},
        {"GET", "/", "expect~colour~blue", "'expect' takes"},
        {"GET", "/", "expect~body~(", "at offset 1"},
        {"HEAD", "/", "expect~body~x", "HEAD has no body"},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct words w;
        struct err e = {0};
        void *shared = NULL;
        words_init(&w, rows[i].method, rows[i].path, (const char *const[]){rows[i].option, NULL});
        assert_int_equal(http_prepare(w.args, 2, &w.check.opts, &shared, &e), -1);
        if (!strstr(e.text, rows[i].error))
            fail_msg("row %u: '%s'", i, e.text);
    }
}

static void tcp_checks_and_dead_ports(void **state)
{
    struct origin o;
    struct cfg_check check = {
        .type = "tcp", .every_ms = 20, .timeout_ms = 5000, .rise = 1, .fall = 1};
    origin_open(&o);
    assert_true(probe(*state, &o.addr, o.len, "x:1", &check));
    (void)close(o.fd); /* the kernel refuses from now on */
    struct bench *b = *state;
    assert_false(probe(b, &o.addr, o.len, "x:1", &check));
    assert_string_equal(b->rt->cause, "connection refused");
    struct words w;
    words_init(&w, "GET", "/", NULL);
    assert_false(probe(b, &o.addr, o.len, "x:1", &w.check));
    assert_string_equal(b->rt->cause, "connection refused");
}

static void unix_and_ipv6_addresses(void **state)
{
    struct bench *b = *state;
    struct origin o = {.script = {{OK_HEAD "\r\n"}, 0, CLOSE}};
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct words w;
    char dir[] = "/tmp/lb-check-test.XXXXXX";
    words_init(&w, "GET", "/", NULL);
    assert_non_null(mkdtemp(dir));
    (void)snprintf(un.sun_path, sizeof un.sun_path, "%s/s", dir);
    origin_listen(&o, (struct sockaddr *)&un, sizeof un);
    assert_int_equal(pthread_create(&o.thread, NULL, origin_run, &o), 0);
    assert_true(probe(b, &o.addr, o.len, "unix:/x", &w.check));
    (void)pthread_join(o.thread, NULL);
    assert_non_null(strstr(o.seen, "\r\nHost: localhost\r\n"));
    (void)close(o.fd);
    (void)unlink(un.sun_path);
    (void)rmdir(dir);
    assert_false(probe(b, &o.addr, o.len, "unix:/x", &w.check));
    assert_string_equal(b->rt->cause, "no such file or directory");
    int has6 = socket(AF_INET6, SOCK_STREAM, 0);
    bool can = has6 >= 0 && bind(has6, (struct sockaddr *)&in6, sizeof in6) == 0;
    (void)close(has6);
    if (!can)
        return; /* a machine without IPv6 */
    origin_listen(&o, (struct sockaddr *)&in6, sizeof in6);
    assert_int_equal(pthread_create(&o.thread, NULL, origin_run, &o), 0);
    assert_true(probe(b, &o.addr, o.len, "[::1]:80", &w.check));
    (void)pthread_join(o.thread, NULL);
    (void)close(o.fd);
}

/* Ends of the monitor while a probe waits for an answer. */
static void a_running_http_probe_can_be_cancelled(void **state)
{
    struct bench *b = *state;
    struct origin o;
    struct words w;
    origin_open(&o);
    o.script = (struct script){{OK_HEAD "A: b\r\n"}, 0, SILENCE};
    words_init(&w, "GET", "/", NULL);
    w.check.every_ms = w.check.timeout_ms = 50; /* two of them: the second is never answered */
    assert_int_equal(pthread_create(&o.thread, NULL, origin_run, &o), 0);
    assert_false(probe(b, &o.addr, o.len, "x:1", &w.check));
    b->checks++;
    b->loop.stop = false;
    loop_run(&b->loop);
    (void)pthread_join(o.thread, NULL);
    struct monitor_plan *none = monitor_prepare(b->m, NULL, 0, NULL);
    monitor_commit(b->m, none);
    assert_int_equal(b->loop.wheel.armed, 0);
    (void)close(o.fd);
}

static void names_and_aliases(void **state)
{
    (void)state;
    assert_non_null(check_find("http"));
    assert_non_null(check_find("tcp"));
    assert_null(check_find("nonesuch"));
    for (const struct check *const *c = check_builtin(); *c; c++)
        assert_ptr_equal(check_find((*c)->desc.name), *c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(answers_are_judged, setup, teardown),
        cmocka_unit_test_setup_teardown(bodies_are_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(many_interim_responses_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(requests_are_as_configured, setup, teardown),
        cmocka_unit_test_setup_teardown(tcp_checks_and_dead_ports, setup, teardown),
        cmocka_unit_test_setup_teardown(unix_and_ipv6_addresses, setup, teardown),
        cmocka_unit_test_setup_teardown(a_running_http_probe_can_be_cancelled, setup, teardown),
        cmocka_unit_test(bad_words_are_refused),
        cmocka_unit_test(names_and_aliases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
