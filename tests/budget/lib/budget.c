/* budget.c — see budget.h. */
#include "tests/budget/lib/budget.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

const char budget_request[] =
    "GET / HTTP/1.1\r\n"
    "Host: www.example.com\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/126.0.0.0 Safari/537.36\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*\r\n"
    "Accept-Language: en-US,en;q=0.9\r\n"
    "Accept-Encoding: gzip, deflate, br\r\n"
    "Referer: http://www.example.com/catalogue/index.html\r\n"
    "Cookie: session=4b2f6d0c9a8e41f7b5c3d2e1f0a9b8c7; theme=light\r\n"
    "Cache-Control: max-age=0\r\n"
    "\r\n";

static void map_page(struct budget *b, char *path)
{
    struct shim_page *zero = calloc(1, sizeof *zero);
    assert_non_null(zero);
    file_write(path, (const char *)zero, sizeof *zero);
    free(zero);
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    b->page = mmap(NULL, sizeof *b->page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_true(b->page != MAP_FAILED);
    (void)close(fd);
}

static char *shim_path(void)
{
    char exe[4096];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    assert_true(n > 0);
    exe[n] = '\0';
    *strrchr(exe, '/') = '\0';
    return format_new("%s/shim.so", exe);
}

static int worker_tid(const struct budget *b)
{
    for (unsigned i = 0; i < SHIM_ROWS; i++) {
        int tid = atomic_load(&b->page->row[i].tid);
        char *path = format_new("/proc/%d/task/%d/comm", (int)b->lb.proc.pid, tid);
        struct text comm = file_read(path);
        bool found = tid && strncmp(text_str(&comm), "lb-worker", 9) == 0;
        text_free(&comm);
        free(path);
        if (found)
            return tid;
    }
    return 0;
}

void budget_start(struct budget *b, bool counted)
{
    char *dir = tmpdir_new(), *path = format_new("%s/counts", dir), *shim = shim_path();
    *b = (struct budget){.web = port_new(), .tcp = port_new()};
    b->http = origin_start(NULL);
    b->echo = origin_start(&(struct origin_opts){.serve = origin_echo});
    b->lb.opts.threads = 1;
    if (counted) {
        map_page(b, path);
        (void)setenv(SHIM_FILE, path, 1);
        (void)setenv("LD_PRELOAD", shim, 1);
    }
    lb_start(&b->lb,
             "frontend web { bind 127.0.0.1:%u; route -> app; timeout client 60s }\n"
             "backend app { server s 127.0.0.1:%u; timeout server 60s }\n"
             "frontend raw { mode tcp; bind 127.0.0.1:%u; route -> echo }\n"
             "backend echo { mode tcp; server s 127.0.0.1:%u }\n",
             b->web, origin_port(b->http), b->tcp, origin_port(b->echo));
    (void)unsetenv("LD_PRELOAD");
    (void)unsetenv(SHIM_FILE);
    if (counted)
        assert_true((b->tid = worker_tid(b)) != 0);
    free(shim);
    free(path);
    tmpdir_remove(dir);
}

void budget_stop(struct budget *b)
{
    lb_stop(&b->lb);
    origin_stop(b->http);
    origin_stop(b->echo);
    if (b->page)
        (void)munmap(b->page, sizeof *b->page);
}

static struct counts read_row(const struct budget *b)
{
    struct counts c = {{0}};
    for (unsigned i = 0; i < SHIM_ROWS; i++)
        if (atomic_load(&b->page->row[i].tid) == b->tid)
            for (unsigned k = 0; k < CALLS; k++)
                c.n[k] = atomic_load(&b->page->row[i].n[k]);
    return c;
}

struct counts budget_count(struct budget *b, const struct counts *before)
{
    struct counts c = read_row(b), again;
    for (unsigned still = 0, i = 0; still < 10 && i < 500; i++) {
        sleep_ms(5);
        again = read_row(b);
        still = memcmp(&c, &again, sizeof c) == 0 ? still + 1 : 0;
        c = again;
    }
    for (unsigned k = 0; before && k < CALLS; k++)
        c.n[k] -= before->n[k];
    return c;
}

void budget_show(const char *what, const struct counts *c, unsigned units)
{
    static const char *const text[CALLS] = {
#define X(name, words) words,
        COUNTED_CALLS(X)
#undef X
    };
    printf("%s, of %u:\n", what, units);
    for (unsigned k = 0; k < CALLS; k++)
        if (c->n[k])
            printf("  %8.3f %s\n", (double)c->n[k] / units, text[k]);
}

/* Replies of origin_http to "/" end with its name. */
static void read_reply(struct client *c)
{
    assert_true(client_until(c, "\r\n\r\norigin", CLIENT_WAIT_MS));
    assert_memory_equal(c->in.p, "HTTP/1.1 200", 12);
    text_drop(&c->in, c->in.n);
}

void budget_keepalive(struct client *c, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        assert_true(client_send(c, budget_request, strlen(budget_request)));
        read_reply(c);
    }
}

void budget_close(const struct budget *b, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        struct client c = {.fd = -1};
        assert_true(client_open(&c, b->web));
        budget_keepalive(&c, 1);
        client_close(&c);
    }
}

void budget_tcp(const struct budget *b, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        struct client c = {.fd = -1};
        assert_true(client_open(&c, b->tcp));
        assert_true(client_send(&c, "ping", 4));
        assert_true(client_expect(&c, "ping"));
        client_shut(&c);
        assert_true(client_ends(&c, CLIENT_WAIT_MS));
        client_close(&c);
    }
}
