/*
 * origin: a very cheap HTTP/1.1, echo and bulk server for the bench.
 *
 *   origin --http FIRST_PORT COUNT --echo FIRST_PORT COUNT --source PORT
 *
 * HTTP:  /            128-byte body
 *        /bytes/N     N-byte body with Content-Length
 *        /chunked/N   N-byte body in 8 KiB chunks
 *        /stats       counters since the last /stats, as JSON
 *        A request body (Content-Length) is read and dropped.
 * Every response carries "Server-Id: PORT".  Echo ports send back what they get.
 * The source port sends without end.  All on 127.0.0.1, one thread, epoll.
 */
#include "common.h"
#include <sys/epoll.h>
#include <sys/uio.h>

enum { CHUNK = 8192, CHUNK_FRAMED = 6 + CHUNK + 2, CHUNKS = 64, PLAIN = 1 << 20, SMALL_BODY = 128 };

enum kind { HTTP, ECHO, SOURCE };

struct listener {
    int fd;
    enum kind kind;
    unsigned port;
    uint64_t requests;
    size_t small_len;
    char small[384];
};

struct conn {
    int fd;
    struct listener *at;
    /* what is left to send: head, then `body_left` bytes of the repeated pattern, then tail */
    const char *head, *pattern, *tail;
    size_t head_len, pattern_len, pattern_at, tail_len;
    uint64_t body_left;
    uint64_t drop; /* request body bytes still to read */
    size_t used;   /* bytes in `in` */
    char head_space[384];
    char in[8192];
};

static char plain[PLAIN], chunked[CHUNK_FRAMED * CHUNKS];
static struct listener *listeners;
static unsigned listener_count;
static uint64_t accepted, requests, bad;
static int ep;

static void conn_close(struct conn *c)
{
    close(c->fd);
    free(c);
}

/* 1: all sent; 0: the socket is full; -1: failed. */
static int flush(struct conn *c)
{
    while (c->head_len || c->body_left || c->tail_len) {
        struct iovec v[4];
        int n = 0;
        uint64_t left = c->body_left;
        size_t at = c->pattern_at;
        if (c->head_len)
            v[n++] = (struct iovec){(void *)c->head, c->head_len};
        while (left && n < 3) {
            size_t piece = c->pattern_len - at < left ? c->pattern_len - at : left;
            v[n++] = (struct iovec){(void *)(c->pattern + at), piece};
            left -= piece;
            at = (at + piece) % c->pattern_len;
        }
        if (!left && c->tail_len)
            v[n++] = (struct iovec){(void *)c->tail, c->tail_len};
        ssize_t wrote = writev(c->fd, v, n);
        if (wrote < 0)
            return errno == EAGAIN ? 0 : -1;
        size_t sent = (size_t)wrote, part = sent < c->head_len ? sent : c->head_len;
        c->head += part, c->head_len -= part, sent -= part;
        part = sent < c->body_left ? sent : c->body_left;
        c->body_left -= part, sent -= part;
        if (c->pattern_len)
            c->pattern_at = (c->pattern_at + part) % c->pattern_len;
        c->tail += sent, c->tail_len -= sent;
        if (c->at->kind == SOURCE)
            return 0;
    }
    return 1;
}

static void respond(struct conn *c, const char *pattern, size_t pattern_len, uint64_t wire,
                    const char *framing, const char *tail)
{
    c->head = c->head_space;
    c->head_len = (size_t)snprintf(
        c->head_space, sizeof c->head_space,
        "HTTP/1.1 200 OK\r\nServer-Id: %u\r\nContent-Type: application/octet-stream\r\n%s\r\n\r\n",
        c->at->port, framing);
    c->pattern = pattern, c->pattern_len = pattern_len, c->pattern_at = 0;
    c->body_left = wire;
    c->tail = tail, c->tail_len = strlen(tail);
}

static void respond_stats(struct conn *c)
{
    uint64_t least = UINT64_MAX, most = 0, hit = 0;
    for (unsigned i = 0; i < listener_count; i++) {
        uint64_t n = listeners[i].requests;
        if (!n)
            continue;
        hit++;
        least = n < least ? n : least;
        most = n > most ? n : most;
        listeners[i].requests = 0;
    }
    static char json[256];
    int n = snprintf(json, sizeof json,
                     "{\"accepted\":%llu,\"requests\":%llu,\"bad\":%llu,\"servers\":%llu,\"least\":"
                     "%llu,\"most\":%llu}",
                     (unsigned long long)accepted, (unsigned long long)requests,
                     (unsigned long long)bad, (unsigned long long)hit,
                     hit ? (unsigned long long)least : 0, (unsigned long long)most);
    char framing[64];
    snprintf(framing, sizeof framing, "Content-Length: %d", n);
    respond(c, json, (size_t)n, (uint64_t)n, framing, "");
    accepted = requests = bad = 0;
}

/* Queues the response to the request whose head is `text`; false when it is not understood. */
static bool answer(struct conn *c, const char *text, size_t len)
{
    const char *path = memchr(text, ' ', len), *end = text + len;
    if (!path++)
        return false;
    c->drop = 0;
    if (text[0] == 'P') { /* POST, PUT: find the body's length */
        for (const char *line = memchr(text, '\n', len); line && ++line < end;
             line = memchr(line, '\n', (size_t)(end - line)))
            if (strncasecmp(line, "content-length:", 15) == 0)
                c->drop = strtoull(line + 15, NULL, 10);
            else if (strncasecmp(line, "transfer-encoding:", 18) == 0)
                return false;
    }
    if (strncmp(path, "/stats ", 7) == 0) {
        respond_stats(c);
        return true;
    }
    requests++;
    c->at->requests++;
    if (path[1] == ' ') {
        c->head = c->at->small, c->head_len = c->at->small_len;
        return true;
    }
    if (strncmp(path, "/bytes/", 7) == 0) {
        char framing[64];
        uint64_t size = strtoull(path + 7, NULL, 10);
        snprintf(framing, sizeof framing, "Content-Length: %llu", (unsigned long long)size);
        respond(c, plain, PLAIN, size, framing, "");
        return true;
    }
    if (strncmp(path, "/chunked/", 9) == 0) {
        uint64_t size = strtoull(path + 9, NULL, 10);
        respond(c, chunked, sizeof chunked, size / CHUNK * CHUNK_FRAMED,
                "Transfer-Encoding: chunked", "0\r\n\r\n");
        return size % CHUNK == 0;
    }
    return false;
}

/* Reads and drops the request body; 1: done, 0: more to come, -1: failed. */
static int drain(struct conn *c)
{
    size_t part = c->used < c->drop ? c->used : c->drop;
    c->drop -= part, c->used -= part;
    memmove(c->in, c->in + part, c->used);
    while (c->drop) {
        ssize_t n = recv(c->fd, NULL, c->drop < PLAIN ? c->drop : PLAIN, MSG_TRUNC);
        if (n <= 0)
            return n < 0 && errno == EAGAIN ? 0 : -1;
        c->drop -= (uint64_t)n;
    }
    return 1;
}

/* Reads, answers and sends until the socket has no more to give or takes no more. */
static void http_event(struct conn *c, uint32_t events)
{
    for (bool readable = true;;) {
        int done = c->drop ? drain(c) : 1;
        if (done > 0)
            done = flush(c);
        if (done < 0)
            return conn_close(c);
        if (done == 0)
            return;
        char *end = c->used ? memmem(c->in, c->used, "\r\n\r\n", 4) : NULL;
        if (end) {
            size_t len = (size_t)(end + 4 - c->in);
            if (!answer(c, c->in, len)) {
                bad++;
                return conn_close(c);
            }
            c->used -= len;
            memmove(c->in, end + 4, c->used);
            continue;
        }
        if (!readable)
            return;
        size_t room = sizeof c->in - c->used;
        ssize_t n = room ? read(c->fd, c->in + c->used, room) : -1;
        if (n <= 0) {
            if (n < 0 && room && errno == EAGAIN)
                return;
            bad += c->used > 0;
            return conn_close(c);
        }
        c->used += (size_t)n;
        readable = (size_t)n == room || (events & EPOLLRDHUP);
    }
}

static void echo_event(struct conn *c)
{
    for (;;) {
        int done = flush(c);
        if (done < 0)
            return conn_close(c);
        if (done == 0)
            return;
        ssize_t n = read(c->fd, c->in, sizeof c->in);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0)
            return conn_close(c);
        requests++;
        c->at->requests++;
        c->head = c->in, c->head_len = (size_t)n;
    }
}

static void source_event(struct conn *c, uint32_t events)
{
    if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) || flush(c) < 0)
        conn_close(c);
}

static void accept_all(struct listener *l)
{
    int fd;
    while ((fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct conn *c = xcalloc(1, sizeof *c);
        struct epoll_event e = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = c};
        c->fd = fd;
        c->at = l;
        accepted++;
        if (l->kind ==
            SOURCE) { /* level-triggered: one write per event, so that all get their turn */
            e.events = EPOLLOUT | EPOLLRDHUP;
            c->pattern = plain, c->pattern_len = PLAIN, c->body_left = UINT64_MAX;
        }
        epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
    }
}

static void add_listeners(enum kind kind, unsigned port, unsigned count)
{
    for (unsigned i = 0; i < count; i++, port++) {
        struct listener *l = &listeners[listener_count++];
        char body[SMALL_BODY + 1];
        memset(body, 'o', SMALL_BODY);
        body[SMALL_BODY] = '\0';
        l->kind = kind;
        l->port = port;
        l->small_len = (size_t)snprintf(l->small, sizeof l->small,
                                        "HTTP/1.1 200 OK\r\nServer-Id: %u\r\nContent-Type: "
                                        "text/plain\r\nContent-Length: %d\r\n\r\n%s",
                                        port, SMALL_BODY, body);
        l->fd = listen_on(loopback("127.0.0.1", port));
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = l};
        epoll_ctl(ep, EPOLL_CTL_ADD, l->fd, &e);
    }
}

int main(int argc, char **argv)
{
    raise_file_limit();
    signal(SIGPIPE, SIG_IGN);
    memset(plain, 'o', sizeof plain);
    for (int i = 0; i < CHUNKS; i++) {
        char *at = chunked + i * CHUNK_FRAMED;
        memcpy(at, "2000\r\n", 6);
        memset(at + 6, 'o', CHUNK);
        memcpy(at + 6 + CHUNK, "\r\n", 2);
    }
    ep = epoll_create1(EPOLL_CLOEXEC);
    listeners = xcalloc(4096, sizeof *listeners);
    for (int i = 1; i < argc; i++) {
        enum kind kind = !strcmp(argv[i], "--http")   ? HTTP
                         : !strcmp(argv[i], "--echo") ? ECHO
                                                      : SOURCE;
        if (i + 1 + (kind != SOURCE) >= argc)
            die("usage: origin --http FIRST_PORT COUNT --echo FIRST_PORT COUNT --source PORT");
        unsigned port = (unsigned)atoi(argv[++i]);
        unsigned count = kind == SOURCE ? 1 : (unsigned)atoi(argv[++i]);
        if (listener_count + count > 4096)
            die("at most 4096 ports");
        add_listeners(kind, port, count);
    }
    puts("ready");
    fflush(stdout);
    for (;;) {
        struct epoll_event events[256];
        int n = epoll_wait(ep, events, 256, -1);
        for (int i = 0; i < n; i++) {
            uint32_t what = events[i].events;
            struct listener *l = events[i].data.ptr;
            if (l >= listeners && l < listeners + listener_count) {
                accept_all(l);
                continue;
            }
            struct conn *c = events[i].data.ptr;
            if (c->at->kind == HTTP)
                http_event(c, what);
            else if (c->at->kind == ECHO)
                echo_event(c);
            else
                source_event(c, what);
        }
    }
}
