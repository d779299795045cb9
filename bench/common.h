/* Helpers shared by the bench programs: clock, sockets, latency histogram. */
#ifndef BENCH_COMMON_H
#define BENCH_COMMON_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

__attribute__((format(printf, 1, 2), noreturn)) static inline void die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}

static inline void *xcalloc(size_t count, size_t size)
{
    void *p = calloc(count, size);
    if (!p)
        die("out of memory");
    return p;
}

static inline uint64_t now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* Lift the soft limit on open files to the hard one, or higher where allowed. */
static inline void raise_file_limit(void)
{
    struct rlimit want = {1048576, 1048576}, have;
    if (setrlimit(RLIMIT_NOFILE, &want) == 0)
        return;
    if (getrlimit(RLIMIT_NOFILE, &have) == 0) {
        have.rlim_cur = have.rlim_max;
        setrlimit(RLIMIT_NOFILE, &have);
    }
}

static inline struct sockaddr_in loopback(const char *ip, unsigned port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    if (inet_pton(AF_INET, ip, &a.sin_addr) != 1 || (ntohl(a.sin_addr.s_addr) >> 24) != 127)
        die("%s is not an IPv4 loopback address", ip);
    return a;
}

static inline struct sockaddr_in parse_endpoint(const char *text)
{
    char ip[64];
    const char *colon = strrchr(text, ':');
    if (!colon || (size_t)(colon - text) >= sizeof ip)
        die("%s is not ADDRESS:PORT", text);
    memcpy(ip, text, (size_t)(colon - text));
    ip[colon - text] = '\0';
    return loopback(ip, (unsigned)atoi(colon + 1));
}

static inline void set_nodelay(int fd)
{
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

/* Accepted sockets inherit TCP_NODELAY from the listener. */
static inline int listen_on(struct sockaddr_in at)
{
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        die("socket: %s", strerror(errno));
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    set_nodelay(fd);
    if (bind(fd, (struct sockaddr *)&at, sizeof at) != 0 || listen(fd, 4096) != 0)
        die("port %u: %s", ntohs(at.sin_port), strerror(errno));
    return fd;
}

/* Starts a non-blocking connect; -1 when it fails at once. */
static inline int connect_to(const struct sockaddr_in *to, const struct sockaddr_in *from)
{
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    set_nodelay(fd);
    if (from) {
        setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
        if (bind(fd, (const struct sockaddr *)from, sizeof *from) != 0)
            goto fail;
    }
    if (connect(fd, (const struct sockaddr *)to, sizeof *to) == 0 || errno == EINPROGRESS)
        return fd;
fail:
    close(fd);
    return -1;
}

/* Log-linear histogram of nanoseconds: 64 steps per power of two (1.6 %). */
#define HISTOGRAM_SLOTS (40 * 64)

struct histogram {
    uint64_t count, sum, max;
    uint64_t slot[HISTOGRAM_SLOTS];
};

static inline void histogram_add(struct histogram *h, uint64_t ns)
{
    unsigned index = (unsigned)ns;
    if (ns >= 64) {
        unsigned exponent = 63u - (unsigned)__builtin_clzll(ns);
        index = (exponent - 5) * 64 + (unsigned)((ns >> (exponent - 6)) & 63);
    }
    if (index >= HISTOGRAM_SLOTS)
        index = HISTOGRAM_SLOTS - 1;
    h->slot[index]++;
    h->count++;
    h->sum += ns;
    if (ns > h->max)
        h->max = ns;
}

/* The upper edge of the slot that holds the given share (0..1), in microseconds. */
static inline double histogram_at(const struct histogram *h, double share)
{
    uint64_t want = (uint64_t)(share * (double)h->count + 0.999999), seen = 0;
    for (unsigned i = 0; i < HISTOGRAM_SLOTS; i++) {
        seen += h->slot[i];
        if (seen >= want && seen) {
            unsigned exponent = i / 64 + 5;
            double edge = i < 64 ? i : (double)(((uint64_t)(i % 64) + 65) << (exponent - 6));
            return (edge < (double)h->max ? edge : (double)h->max) / 1000.0;
        }
    }
    return 0;
}

#endif
