/* service.c — see service.h. */
#include "tests/e2e/lib/e2e.h"

#include <errno.h>
#include <glob.h>
#include <pwd.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SERVICES_MAX = 16, START_MS = 20000 };
static struct service *running[SERVICES_MAX]; /* main thread only */

static struct service *service_new(const char *name)
{
    struct service *s = calloc(1, sizeof *s);
    if (!s)
        die("out of memory");
    s->name = name;
    s->port = port_new();
    s->dir = tmpdir_new();
    for (int i = 0; i < SERVICES_MAX; i++)
        if (!running[i]) {
            running[i] = s;
            return s;
        }
    die("too many services");
}

void service_stop(struct service *s)
{
    if (!s)
        return;
    for (int i = 0; i < SERVICES_MAX; i++)
        if (running[i] == s)
            running[i] = NULL;
    proc_signal(&s->proc, SIGCONT);
    (void)proc_stop(&s->proc, strcmp(s->name, "postgres") == 0 ? SIGINT : SIGTERM, 10000);
    tmpdir_remove(s->dir);
    free(s);
}

void service_stop_all(void)
{
    for (int i = 0; i < SERVICES_MAX; i++)
        service_stop(running[i]);
}

static void wait_port(struct service *s)
{
    for (uint64_t end = now_ms() + START_MS; now_ms() < end; sleep_ms(20)) {
        struct client c;
        if (client_open(&c, s->port)) {
            client_close(&c);
            return;
        }
        if (proc_wait(&s->proc, 0))
            break;
    }
    char *path = format_new("%s/log", s->dir);
    struct text log = file_read(path);
    (void)fprintf(stderr, "---- %s\n%s----\n", s->name, text_str(&log));
    text_free(&log);
    free(path);
    fail_msg("%s did not start", s->name);
}

static void need(const char *program)
{
    if (proc_available(program))
        return;
    (void)fprintf(stderr, "%s is not installed\n", program);
    skip();
}

static const char nginx_conf[] =
    "daemon off; master_process off; worker_processes 1;\n"
    "pid %s/pid; error_log %s/error.log;\n"
    "events { worker_connections 2048; }\n"
    "http {\n"
    "  access_log off; default_type text/plain; keepalive_requests 1000000;\n"
    "  client_body_temp_path %s/b; proxy_temp_path %s/p; fastcgi_temp_path %s/f;\n"
    "  uwsgi_temp_path %s/u; scgi_temp_path %s/s;\n"
    "  server { listen 127.0.0.1:%u backlog=4096;\n"
    "    add_header X-Origin %s;\n"
    "    location = /status { stub_status; }\n"
    "    location / { return 200 \"%s\\n\"; }\n"
    "  }\n"
    "}\n";

struct service *nginx_start(const char *name)
{
    need("nginx");
    struct service *s = service_new(name);
    const char *d = s->dir;
    char *conf = format_new("%s/nginx.conf", d), *log = format_new("%s/log", d);
    char *text = format_new(nginx_conf, d, d, d, d, d, d, d, s->port, name, name);
    file_write(conf, text, strlen(text));
    const char *argv[] = {"nginx", "-p", d, "-c", conf, NULL};
    s->proc = proc_start(argv, &(struct proc_opts){.log = log});
    free(text);
    free(conf);
    free(log);
    wait_port(s);
    return s;
}

void nginx_counts(const struct service *s, unsigned *accepted, unsigned *requests)
{
    struct reply r = {0};
    unsigned handled;
    assert_int_equal(http_get(s->port, "/status", NULL, &r), 200);
    const char *line = strstr(text_str(&r.body), "requests\n");
    assert_non_null(line);
    assert_int_equal(sscanf(line + 9, "%u %u %u", accepted, &handled, requests), 3);
    reply_free(&r);
}

struct service *redis_start(void)
{
    need("redis-server");
    need("redis-benchmark");
    struct service *s = service_new("redis");
    char *port = format_new("%u", s->port), *log = format_new("%s/log", s->dir);
    const char *argv[] = {"redis-server", "--port", port,    "--bind", "127.0.0.1", "--save", "",
                          "--appendonly", "no",     "--dir", s->dir,   NULL};
    s->proc = proc_start(argv, &(struct proc_opts){.log = log});
    free(port);
    free(log);
    wait_port(s);
    return s;
}

/* The newest installed PostgreSQL's folder of programs; the caller frees. */
static char *postgres_bin(void)
{
    glob_t g = {0};
    char *bin = NULL;
    if (glob("/usr/lib/postgresql/*/bin/initdb", 0, NULL, &g) == 0 && g.gl_pathc > 0) {
        const char *last = g.gl_pathv[g.gl_pathc - 1];
        bin = format_new("%.*s", (int)(strlen(last) - strlen("/initdb")), last);
    }
    globfree(&g);
    return bin;
}

/* PostgreSQL refuses to run as root: 0, or the user to run it as. */
static uid_t postgres_uid(void)
{
    const struct passwd *pw = geteuid() == 0 ? getpwnam("postgres") : NULL;
    return pw ? pw->pw_uid : 0;
}

struct service *postgres_start(void)
{
    char *bin = postgres_bin();
    if (!bin || (geteuid() == 0 && postgres_uid() == 0)) {
        (void)fprintf(stderr, "PostgreSQL is not installed\n");
        free(bin);
        skip();
    }
    struct service *s = service_new("postgres");
    char *data = format_new("%s/data", s->dir), *log = format_new("%s/log", s->dir);
    char *initdb = format_new("%s/initdb", bin), *server = format_new("%s/postgres", bin);
    char *port = format_new("%u", s->port);
    struct proc_opts o = {.log = log, .uid = postgres_uid()};
    if (o.uid && (chown(s->dir, o.uid, (gid_t)-1) != 0 || chmod(s->dir, 0700) != 0))
        die("chown %s: %s", s->dir, strerror(errno));
    file_write(log, "", 0);
    if (o.uid && chown(log, o.uid, (gid_t)-1) != 0)
        die("chown %s: %s", log, strerror(errno));
    const char *init[] = {initdb, "-D", data, "-U", "postgres", "-A", "trust", "-N", NULL};
    assert_int_equal(proc_run(init, &o, 60000), 0);
    const char *argv[] = {server,      "-D", data,   "-p", port,        "-h",
                          "127.0.0.1", "-k", s->dir, "-c", "fsync=off", NULL};
    s->proc = proc_start(argv, &o);
    free(port);
    free(server);
    free(initdb);
    free(log);
    free(data);
    free(bin);
    wait_port(s);
    return s;
}
