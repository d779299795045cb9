/* util.c — see util.h. Any thread may call these, except port_new. */
#include "tests/e2e/lib/util.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <regex.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* Ports 20000 … 31999 in blocks of 100: below the usual ip_local_port_range. */
enum { PORT_FIRST = 20000, PORT_BLOCK = 100, PORT_BLOCKS = 120 };

void die(const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    (void)fputs("e2e: ", stderr);
    (void)vfprintf(stderr, format, ap);
    (void)fputs("\n", stderr);
    va_end(ap);
    exit(70);
}

void text_add(struct text *t, const void *bytes, size_t n)
{
    if (t->n + n + 1 > t->cap) {
        size_t cap = t->cap ? t->cap : 256;
        while (cap < t->n + n + 1)
            cap *= 2;
        char *p = realloc(t->p, cap);
        if (!p)
            die("out of memory");
        t->p = p;
        t->cap = cap;
    }
    if (n)
        memcpy(t->p + t->n, bytes, n);
    t->n += n;
    t->p[t->n] = 0;
}

void text_addf(struct text *t, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    char *s;
    int n = vasprintf(&s, format, ap);
    va_end(ap);
    if (n < 0)
        die("out of memory");
    text_add(t, s, (size_t)n);
    free(s);
}

void text_drop(struct text *t, size_t n)
{
    if (n > t->n)
        n = t->n;
    if (!n)
        return;
    memmove(t->p, t->p + n, t->n - n + 1);
    t->n -= n;
}

void text_free(struct text *t)
{
    free(t->p);
    *t = (struct text){0};
}

const char *text_str(const struct text *t)
{
    return t->p ? t->p : "";
}

uint64_t now_ms(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

void sleep_ms(unsigned ms)
{
    struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    while (nanosleep(&ts, &ts) != 0 && errno == EINTR)
        ;
}

char *format_new(const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    char *s;
    if (vasprintf(&s, format, ap) < 0)
        die("out of memory");
    va_end(ap);
    return s;
}

char *tmpdir_new(void)
{
    const char *top = getenv("TMPDIR");
    char *dir = format_new("%s/lb-e2e-XXXXXX", top && *top ? top : "/tmp");
    if (!mkdtemp(dir))
        die("mkdtemp %s: %s", dir, strerror(errno));
    return dir;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

void tmpdir_remove(char *dir)
{
    if (dir)
        (void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(dir);
}

struct text file_read(const char *path)
{
    struct text t = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return t;
    char part[16384];
    for (ssize_t n; (n = read(fd, part, sizeof part)) > 0;)
        text_add(&t, part, (size_t)n);
    (void)close(fd);
    return t;
}

void file_write(const char *path, const char *bytes, size_t n)
{
    FILE *f = fopen(path, "we");
    if (!f || fwrite(bytes, 1, n, f) != n || fclose(f) != 0)
        die("%s: %s", path, strerror(errno));
}

/* The number of a block no other test program holds, from `after` on. An abstract socket is the
 * lock: it goes when the program does. */
static unsigned take_block(unsigned after)
{
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    for (unsigned i = 0; i < PORT_BLOCKS; i++) {
        unsigned block = (after + i) % PORT_BLOCKS;
        struct sockaddr_un un = {.sun_family = AF_UNIX};
        int n = snprintf(un.sun_path + 1, sizeof un.sun_path - 1, "lb-e2e-ports-%u", block);
        socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
        if (bind(fd, (struct sockaddr *)&un, len) == 0)
            return block;
    }
    die("all blocks of test ports are taken");
}

static bool can_bind(uint16_t port)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    int rc = bind(fd, (struct sockaddr *)&in, sizeof in);
    (void)close(fd);
    return rc == 0;
}

uint16_t port_new(void)
{
    static unsigned block = PORT_BLOCKS, used; /* see util.h: not for several threads */
    if (block == PORT_BLOCKS)
        block = take_block((unsigned)getpid());
    for (unsigned i = 0; i < PORT_BLOCK * 20; i++) {
        uint16_t port = (uint16_t)(PORT_FIRST + block * PORT_BLOCK + used++ % PORT_BLOCK);
        if (can_bind(port))
            return port;
        if (i % PORT_BLOCK == PORT_BLOCK - 1) /* something else uses all of these */
            block = take_block(block + 1);
    }
    die("no free port");
}

uint64_t sum_bytes(uint64_t sum, const void *bytes, size_t n)
{
    const uint8_t *p = bytes;
    for (size_t i = 0; i < n; i++)
        sum = (sum ^ p[i]) * 1099511628211ULL;
    return sum;
}

void pattern_fill(char *out, uint64_t from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (char)pattern_at(from + i);
}

uint64_t pattern_sum(size_t n)
{
    uint64_t sum = SUM_SEED;
    char part[4096];
    for (size_t at = 0; at < n; at += sizeof part) {
        size_t len = n - at < sizeof part ? n - at : sizeof part;
        pattern_fill(part, at, len);
        sum = sum_bytes(sum, part, len);
    }
    return sum;
}

bool matches(const char *s, const char *regex)
{
    regex_t re;
    if (regcomp(&re, regex, REG_EXTENDED | REG_NOSUB | REG_NEWLINE) != 0)
        die("bad regular expression: %s", regex);
    bool yes = regexec(&re, s, 0, NULL, 0) == 0;
    regfree(&re);
    return yes;
}

unsigned count_lines(const char *s, const char *regex)
{
    unsigned n = 0;
    char *copy = format_new("%s", s), *rest = copy;
    for (char *line; (line = strsep(&rest, "\n"));)
        n += *line && matches(line, regex);
    free(copy);
    return n;
}
