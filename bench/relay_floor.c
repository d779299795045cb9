/*
 * relay_floor: the least a single-threaded userspace epoll proxy can do.
 *
 *   relay_floor --listen ADDR:PORT --to ADDR:PORT[xCOUNT] [--pooled] [--splice]
 *               [--buffer BYTES] [--tls FILE.pem]
 *
 * It parses nothing.  Each end is registered with epoll once, edge-triggered, and
 * again only when a send first blocks; data goes recv -> send, or through a pipe
 * with --splice.  By default a client
 * gets an upstream connection of its own.  With --pooled every read from a client
 * is taken for one whole request: it goes to the upstream connection that has been
 * idle for longest (so all the COUNT ports take turns), and the next read from
 * that upstream is taken for the whole response.  --tls ends TLS 1.3 on the
 * client side with OpenSSL.
 */
#include "common.h"
#include <fcntl.h>
#include <getopt.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>

enum { PIPE_SIZE = 1 << 20 };

struct end {
    int fd;
    bool client, closed, wants_out;
    struct end *peer, *next; /* next: in the idle queue or the list of the dead */
    SSL *ssl;
    char *held; /* what this end has yet to be sent */
    size_t held_len;
    int pipe[2]; /* --splice: data on its way to this end */
    size_t in_pipe;
};

static struct sockaddr_in upstream;
static unsigned upstream_count = 1, upstream_next;
static bool pooled, use_splice;
static size_t buffer_size = 16384;
static char *buffer;
static SSL_CTX *tls;
static struct end *idle_head, *idle_tail, *dead;
static int ep;

static void watch(struct end *e, int operation, uint32_t more)
{
    struct epoll_event ev = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET | more, .data.ptr = e};
    epoll_ctl(ep, operation, e->fd, &ev);
}

static void wait_for_room(struct end *e)
{
    if (!e->wants_out)
        watch(e, EPOLL_CTL_MOD, EPOLLOUT);
    e->wants_out = true;
}

static struct end *end_new(int fd, bool client)
{
    struct end *e = xcalloc(1, sizeof *e);
    e->fd = fd;
    e->client = client;
    if (client && tls) {
        e->ssl = SSL_new(tls);
        SSL_set_fd(e->ssl, fd);
        SSL_set_accept_state(e->ssl);
    }
    if (use_splice) {
        if (pipe2(e->pipe, O_NONBLOCK | O_CLOEXEC) != 0)
            die("pipe: %s", strerror(errno));
        fcntl(e->pipe[0], F_SETPIPE_SZ, PIPE_SIZE);
    }
    watch(e, EPOLL_CTL_ADD, 0);
    return e;
}

/* Freed only after the current batch of events, which may still name it. */
static void end_close(struct end *e)
{
    if (e->closed)
        return;
    e->closed = true;
    close(e->fd);
    if (use_splice)
        close(e->pipe[0]), close(e->pipe[1]);
    SSL_free(e->ssl);
    free(e->held);
    if (!e->client && pooled && !e->peer)
        return; /* still in the idle queue: freed when taken */
    e->next = dead;
    dead = e;
}

static void close_both(struct end *e)
{
    end_close(e);
    if (e->peer)
        end_close(e->peer);
}

static struct end *upstream_open(void)
{
    struct sockaddr_in to = upstream;
    to.sin_port = htons((uint16_t)(ntohs(to.sin_port) + upstream_next++ % upstream_count));
    int fd = connect_to(&to, NULL);
    return fd < 0 ? NULL : end_new(fd, false);
}

static struct end *upstream_take(void)
{
    while (idle_head) {
        struct end *e = idle_head;
        idle_head = e->next;
        if (!e->closed)
            return e;
        free(e);
    }
    return upstream_open();
}

static void upstream_give(struct end *e)
{
    e->next = NULL;
    if (idle_head)
        idle_tail->next = e;
    else
        idle_head = e;
    idle_tail = e;
}

static ssize_t end_read(struct end *e)
{
    if (!e->ssl)
        return recv(e->fd, buffer, buffer_size, 0);
    int n = SSL_read(e->ssl, buffer, (int)buffer_size);
    if (n > 0)
        return n;
    int why = SSL_get_error(e->ssl, n);
    errno = why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? EAGAIN : EIO;
    return why == SSL_ERROR_ZERO_RETURN ? 0 : -1;
}

static ssize_t end_write(struct end *e, const char *data, size_t len)
{
    if (!e->ssl)
        return send(e->fd, data, len, MSG_NOSIGNAL);
    int n = SSL_write(e->ssl, data, (int)len);
    if (n > 0)
        return n;
    int why = SSL_get_error(e->ssl, n);
    errno = why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? EAGAIN : EIO;
    return -1;
}

/* Sends data to e, keeping what does not fit; false when e failed. */
static bool send_or_hold(struct end *e, const char *data, size_t len)
{
    while (len) {
        ssize_t n = end_write(e, data, len);
        if (n < 0 && errno != EAGAIN)
            return false;
        if (n < 0)
            break;
        data += n, len -= (size_t)n;
    }
    if (len) {
        wait_for_room(e);
        char *copy = xcalloc(1, len);
        memcpy(copy, data, len);
        free(e->held);
        e->held = copy;
    } else if (e->held) {
        free(e->held);
        e->held = NULL;
    }
    e->held_len = len;
    return true;
}

/* Moves what `from` has to give to its peer until either blocks; `last` says that its sender is
 * done. */
static void relay(struct end *from, bool last)
{
    struct end *to = from->peer;
    while (!to || !to->held_len) {
        ssize_t n = end_read(from);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0)
            return close_both(from);
        if (!to) {
            if (!from->client || !(to = upstream_take()))
                return end_close(from);
            from->peer = to;
            to->peer = from;
        }
        if (!send_or_hold(to, buffer, (size_t)n))
            return close_both(from);
        if (pooled && !from->client) {
            from->peer = to->peer = NULL;
            return upstream_give(from);
        }
        if (!from->ssl && (size_t)n < buffer_size) /* a short read emptied the socket */
            return last ? close_both(from) : (void)0;
    }
}

static void relay_spliced(struct end *from)
{
    struct end *to = from->peer;
    if (!to)
        return end_close(from);
    for (;;) {
        while (to->in_pipe) {
            ssize_t n = splice(to->pipe[0], NULL, to->fd, NULL, to->in_pipe,
                               SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
            if (n < 0 && errno == EAGAIN)
                return wait_for_room(to);
            if (n <= 0)
                return close_both(from);
            to->in_pipe -= (size_t)n;
        }
        ssize_t n =
            splice(from->fd, NULL, to->pipe[1], NULL, PIPE_SIZE, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0)
            return close_both(from);
        to->in_pipe = (size_t)n;
    }
}

static void end_event(struct end *e, uint32_t events)
{
    if (e->closed)
        return;
    if (events & EPOLLERR)
        return close_both(e);
    bool blocked = use_splice ? e->in_pipe > 0 : e->held_len > 0;
    if ((events & EPOLLOUT) && blocked) {
        if (!use_splice && !send_or_hold(e, e->held, e->held_len))
            return close_both(e);
        if (!e->held_len && e->peer) {
            if (use_splice)
                relay_spliced(e->peer);
            else
                relay(e->peer, false);
        }
    }
    if (e->closed || !(events & (EPOLLIN | EPOLLRDHUP)))
        return;
    if (use_splice)
        relay_spliced(e);
    else
        relay(e, events & EPOLLRDHUP);
}

static void accept_all(int listener)
{
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct end *client = end_new(fd, true);
        if (pooled) {
            relay(client, false); /* the request has often come already */
            continue;
        }
        if (!(client->peer = upstream_open())) {
            end_close(client);
            continue;
        }
        client->peer->peer = client;
    }
}

static void tls_open(const char *pem)
{
    tls = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_min_proto_version(tls, TLS1_3_VERSION);
    SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_read_ahead(tls, 1);
    if (SSL_CTX_use_certificate_chain_file(tls, pem) != 1 ||
        SSL_CTX_use_PrivateKey_file(tls, pem, SSL_FILETYPE_PEM) != 1)
        die("%s: no certificate and key", pem);
}

static void serve(int listener)
{
    for (;;) {
        struct epoll_event events[256];
        int n = epoll_wait(ep, events, 256, -1);
        for (int i = 0; i < n; i++)
            if (events[i].data.ptr)
                end_event(events[i].data.ptr, events[i].events);
            else
                accept_all(listener);
        while (dead) {
            struct end *e = dead;
            dead = e->next;
            free(e);
        }
    }
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"listen", 1, 0, 'l'},
        {"to", 1, 0, 't'},
        {"pooled", 0, 0, 'p'},
        {"splice", 0, 0, 's'},
        {"buffer", 1, 0, 'b'},
        {"tls", 1, 0, 'x'},
        {0},
    };
    int listener = -1, option;
    raise_file_limit();
    signal(SIGPIPE, SIG_IGN);
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        char *count;
        switch (option) {
        case 'l':
            listener = listen_on(parse_endpoint(optarg));
            break;
        case 't':
            if ((count = strchr(optarg, 'x')))
                *count++ = '\0', upstream_count = (unsigned)atoi(count);
            upstream = parse_endpoint(optarg);
            break;
        case 'p':
            pooled = true;
            break;
        case 's':
            use_splice = true;
            break;
        case 'b':
            buffer_size = (size_t)atol(optarg);
            break;
        case 'x':
            tls_open(optarg);
            break;
        default:
            die("see the head of relay_floor.c for its options");
        }
    }
    if (listener < 0 || !upstream.sin_port || !upstream_count || (use_splice && (pooled || tls)))
        die("see the head of relay_floor.c for its options");
    buffer = xcalloc(1, buffer_size);
    ep = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(ep, EPOLL_CTL_ADD, listener, &ev);
    if (pooled) /* one connection to each server from the start */
        for (unsigned i = 0; i < upstream_count; i++) {
            struct end *e = upstream_open();
            if (e)
                upstream_give(e);
        }
    serve(listener);
}
