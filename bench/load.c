/*
 * load: a bounded load generator for HTTP/1.1, raw TCP and TLS handshakes.
 *
 *   load --to ADDR:PORT [--conns N] [--seconds S] [--sources N] ...
 *
 *   what is sent     --path P (GET), --body N (POST of N bytes), --raw N (N bytes,
 *                    N bytes expected back), --bulk (nothing: only receive),
 *                    --handshake (TLS handshake, then an orderly close)
 *   what must come   --expect N body bytes with status 200
 *   how              --close (a new connection per request; the client closes),
 *                    --rate R (open loop: R requests/s by the clock, latency counted
 *                    from when each was due, so that a stall is not left out),
 *                    --hold (one request per connection, then say "holding" and
 *                    keep all of them idle until stdin ends),
 *                    --slow N (each connection takes N bytes every 100 ms, no more)
 *   TLS 1.3          --tls, --resume (all but the first handshake use its ticket)
 *
 * Closed loop unless --rate is given.  Connections start from 127.0.1.1 up to
 * --sources addresses.  Prints one JSON object.
 */
#include "common.h"
#include "http.h"
#include <getopt.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/prctl.h>

enum { READ_SIZE = 1 << 18, DISCARD_MIN = 65536, OPENING_MAX = 128, BULK_SIZE = 1 << 20 };

struct conn {
    int fd; /* -1: not open */
    SSL *ssl;
    bool handshaken, busy, closing, reused;
    uint64_t due; /* when the request in flight was due */
    size_t sent;
    struct reply reply; /* with --raw, head_len counts the bytes received */
};

static struct {
    struct sockaddr_in to;
    unsigned conns, sources;
    double seconds, rate;
    const char *path;
    size_t post, raw, slow;
    int64_t expect;
    bool bulk, handshake, close, hold, tls, resume;
} opt = {.conns = 64, .sources = 1, .seconds = 3, .path = "/", .expect = -1};

static struct conn *conns, **idle;
static unsigned idle_at, idle_count, held, opening, next_source;
static char *request, *reading;
static size_t request_len;
static SSL_CTX *tls;
static SSL_SESSION *session;
static struct histogram latency;
static uint64_t done, received, body_received, reconnects, resumed, unsent, handshakes;
static uint64_t bad_status, bad_body, failed;
static uint64_t start, end, interval, next_due;
static int ep;

static void advance(struct conn *c);

static bool running(void)
{
    return now_ns() < end;
}

static int save_session(SSL *ssl, SSL_SESSION *s)
{
    if (session || !opt.resume)
        return 0;
    session = s;
    return 1;
}

static void conn_shut(struct conn *c)
{
    if (c->fd < 0)
        return;
    if (c->ssl) {
        SSL_set_quiet_shutdown(c->ssl, 1);
        SSL_shutdown(c->ssl); /* keeps the session usable */
        SSL_free(c->ssl);
    }
    close(c->fd);
    c->ssl = NULL;
    c->fd = -1;
}

static void conn_open(struct conn *c)
{
    struct sockaddr_in from = loopback("127.0.1.1", 0);
    from.sin_addr.s_addr = htonl(ntohl(from.sin_addr.s_addr) + next_source++ % opt.sources);
    c->fd = connect_to(&opt.to, &from);
    if (c->fd < 0) {
        failed++;
        return;
    }
    int small = 4096; /* what a slow reader has not read should wait in the proxy, not here */
    if (opt.slow)
        setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    c->handshaken = c->closing = c->reused = c->reply.server_closes = false;
    c->reply.bad_status = false;
    if (tls) {
        c->ssl = SSL_new(tls);
        SSL_set_fd(c->ssl, c->fd);
        SSL_set_connect_state(c->ssl);
        if (session)
            SSL_set_session(c->ssl, session);
    }
    struct epoll_event e = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = c};
    if (opt.bulk)
        e.events = EPOLLIN;
    epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &e);
}

/* Puts a request in flight; the connection is opened when there is none. */
static void issue(struct conn *c, uint64_t due)
{
    c->busy = true;
    c->due = due;
    c->sent = c->reply.head_len = 0;
    c->reply.in_body = false;
    if (c->fd < 0) {
        opening++;
        conn_open(c);
    }
    if (c->fd >= 0)
        advance(c);
}

static void conn_fail(struct conn *c, uint64_t *counter)
{
    (*counter)++;
    opening -= c->busy && !c->reused;
    c->busy = false;
    conn_shut(c);
    if (!opt.hold && !opt.rate && running() && failed < 10000)
        issue(c, now_ns());
    else if (opt.rate)
        idle[(idle_at + idle_count++) % opt.conns] = c;
}

/* The response is in. */
static void finish(struct conn *c)
{
    uint64_t now = now_ns();
    if (!opt.raw && !opt.handshake && opt.expect >= 0 &&
        c->reply.body_bytes != (uint64_t)opt.expect)
        bad_body++;
    if (now <= end || opt.hold) {
        done++;
        body_received += c->reply.body_bytes;
        histogram_add(&latency, now - c->due);
    }
    opening -= !c->reused;
    c->busy = false;
    c->reused = true;
    if (opt.close || opt.handshake)
        conn_shut(c);
    else if (c->reply.server_closes) {
        reconnects++;
        conn_shut(c);
    }
    if (opt.hold) {
        held++;
        return;
    }
    if (!opt.rate) {
        if (now < end)
            issue(c, now);
        return;
    }
    if (next_due <= now && next_due < end) {
        issue(c, next_due);
        next_due += interval;
    } else {
        idle[(idle_at + idle_count++) % opt.conns] = c;
    }
}

/* recv or SSL_read; *ended tells an orderly end from an error. */
static ssize_t conn_read(struct conn *c, char *into, size_t size, bool *ended)
{
    *ended = false;
    if (!c->ssl) {
        ssize_t n = recv(c->fd, into, size, into ? 0 : MSG_TRUNC);
        *ended = n == 0;
        return n;
    }
    int n = SSL_read(c->ssl, into, (int)size);
    if (n > 0)
        return n;
    int why = SSL_get_error(c->ssl, n);
    *ended = why == SSL_ERROR_ZERO_RETURN;
    errno = why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? EAGAIN : EIO;
    return -1;
}

/* As reply_take; --raw only counts. */
static int take(struct conn *c, const char *data, size_t len)
{
    if (!opt.raw)
        return reply_take(&c->reply, data, len);
    c->reply.head_len += len;
    return c->reply.head_len < opt.raw ? 0 : c->reply.head_len == opt.raw ? 1 : -1;
}

/* Sends what is left of the request; false when it must wait or failed (then closed). */
static bool send_request(struct conn *c)
{
    while (c->sent < request_len) {
        ssize_t n;
        if (c->ssl) {
            size_t wrote;
            n = SSL_write_ex(c->ssl, request + c->sent, request_len - c->sent, &wrote) == 1
                    ? (ssize_t)wrote
                    : -1;
            if (n < 0)
                errno = SSL_get_error(c->ssl, 0) == SSL_ERROR_WANT_WRITE ? EAGAIN : EIO;
        } else {
            n = send(c->fd, request + c->sent, request_len - c->sent, MSG_NOSIGNAL);
        }
        if (n < 0) {
            if (errno != EAGAIN)
                conn_fail(c, &failed);
            return false;
        }
        c->sent += (size_t)n;
    }
    return true;
}

/* After --handshake: say goodbye and wait for the server's end. */
static void close_orderly(struct conn *c)
{
    if (!c->closing) {
        c->closing = true;
        SSL_shutdown(c->ssl);
        shutdown(c->fd, SHUT_WR);
    }
    for (;;) {
        ssize_t n = recv(c->fd, reading, READ_SIZE, 0);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0)
            return n == 0 ? finish(c) : conn_fail(c, &failed);
    }
}

/* The server closed the connection. */
static void ended_by_server(struct conn *c)
{
    if (c->busy && c->reused && !c->reply.head_len && !c->reply.in_body && !opt.close) {
        reconnects++; /* an idle connection the server had closed */
        conn_shut(c);
        c->reused = false;
        issue(c, c->due);
    } else if (c->busy) {
        conn_fail(c, &failed);
    } else {
        conn_shut(c);
    }
}

/* Reads once; true when there may be more to read for this response. */
static bool read_some(struct conn *c)
{
    struct reply *r = &c->reply;
    bool ended, drop = !c->ssl && r->in_body && r->body == BODY_LENGTH && r->left >= DISCARD_MIN;
    size_t size = drop ? r->left : READ_SIZE;
    if (opt.slow)
        drop = false, size = opt.slow;
    if (opt.bulk)
        drop = true, size = BULK_SIZE;
    ssize_t n = conn_read(c, drop ? NULL : reading, size, &ended);
    if (n < 0 && !ended) {
        if (errno != EAGAIN)
            conn_fail(c, &failed);
        return false;
    }
    if (ended) {
        ended_by_server(c);
        return false;
    }
    received += (uint64_t)n;
    if (opt.bulk) /* level-triggered: the others get their turn */
        return false;
    int state = c->busy ? 0 : -1;
    if (c->busy && drop) {
        r->left -= (uint64_t)n, r->body_bytes += (uint64_t)n;
        state = r->left == 0;
    } else if (c->busy) {
        state = take(c, reading, (size_t)n);
    }
    if (state < 0)
        conn_fail(c, r->bad_status ? &bad_status : &bad_body);
    else if (state > 0)
        finish(c);
    return state == 0 && !opt.slow &&
           (c->ssl || drop || (size_t)n == size); /* a short read: it is empty */
}

/* Goes on with the connection as far as it can without waiting. */
static void advance(struct conn *c)
{
    if (c->ssl && !c->handshaken) {
        int r = SSL_do_handshake(c->ssl);
        if (r != 1) {
            int why = SSL_get_error(c->ssl, r);
            if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
                conn_fail(c, &failed);
            return;
        }
        c->handshaken = true;
        handshakes++;
        resumed += (uint64_t)SSL_session_reused(c->ssl);
    }
    if (opt.handshake) {
        close_orderly(c);
        return;
    }
    if (c->busy && c->sent < request_len) {
        bool fresh = c->sent == 0;
        if (!send_request(c) || (fresh && !c->ssl))
            return; /* the response will come as a new event */
    }
    if (opt.slow) /* run_slow reads, by the clock */
        return;
    while (read_some(c))
        continue;
}

static void build_request(void)
{
    if (opt.bulk || opt.handshake)
        return;
    request = xcalloc(1, 2048 + opt.post + opt.raw);
    if (opt.raw) {
        memset(request, 'x', opt.raw);
        request_len = opt.raw;
        return;
    }
    request_len = (size_t)sprintf(request, "%s %s HTTP/1.1\r\nHost: www.example.com\r\n%s",
                                  opt.post ? "POST" : "GET", opt.path, browser_headers);
    if (opt.post)
        request_len += (size_t)sprintf(request + request_len, "Content-Length: %zu\r\n", opt.post);
    request_len += (size_t)sprintf(request + request_len, "\r\n");
    memset(request + request_len, 'x', opt.post);
    request_len += opt.post;
}

static void tls_open(void)
{
    tls = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_min_proto_version(tls, TLS1_3_VERSION);
    SSL_CTX_set_ciphersuites(tls, "TLS_AES_128_GCM_SHA256");
    SSL_CTX_set1_groups_list(tls, "X25519");
    SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(tls, save_session);
}

static void poll_once(int timeout_ms, uint64_t until)
{
    struct epoll_event events[256];
    int n;
    if (until) {
        uint64_t now = now_ns(), wait = until > now ? until - now : 0;
        struct timespec ts = {(time_t)(wait / 1000000000), (long)(wait % 1000000000)};
        n = epoll_pwait2(ep, events, 256, &ts, NULL);
    } else {
        n = epoll_wait(ep, events, 256, timeout_ms);
    }
    for (int i = 0; i < n; i++) {
        struct conn *c = events[i].data.ptr;
        if (c->fd >= 0)
            advance(c);
    }
}

/* For --resume: one connection with one request, to be given a ticket. */
static void fetch_ticket(void)
{
    typeof(opt) asked = opt;
    opt.handshake = false;
    opt.hold = true;
    opt.path = "/";
    opt.expect = -1;
    build_request();
    issue(&conns[0], now_ns());
    for (int i = 0; i < 100 && !session; i++)
        poll_once(20, 0);
    if (!session)
        die("the server gave no session ticket");
    conn_shut(&conns[0]);
    /* with the client cache on, OpenSSL would let a ticket be used only once */
    SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
    free(request);
    request = NULL;
    request_len = 0;
    opt = asked;
    done = received = body_received = handshakes = resumed = held = 0;
    memset(&latency, 0, sizeof latency);
}

static void run_open_loop(void)
{
    for (unsigned i = 0; i < opt.conns; i++)
        idle[idle_count++] = &conns[i];
    next_due = start;
    while (running()) {
        uint64_t now = now_ns();
        while (idle_count && next_due <= now && next_due < end) {
            struct conn *c = idle[idle_at];
            idle_at = (idle_at + 1) % opt.conns;
            idle_count--;
            issue(c, next_due);
            next_due += interval;
        }
        poll_once(0, idle_count && next_due < end ? next_due : end);
    }
    unsent = next_due < end ? (end - next_due) / interval : 0;
}

static void run_hold(void)
{
    unsigned opened = 0;
    while (held < opt.conns && running() && failed + bad_status + bad_body == 0) {
        while (opened < opt.conns && opening < OPENING_MAX)
            issue(&conns[opened++], now_ns());
        poll_once(100, 0);
    }
    printf("holding %u\n", held);
    fflush(stdout);
    while (getchar() != EOF)
        continue;
    unsigned alive = 0;
    poll_once(0, 0);
    for (unsigned i = 0; i < opt.conns; i++) {
        char byte;
        alive += conns[i].fd >= 0 && (recv(conns[i].fd, &byte, 1, MSG_PEEK) > 0 || errno == EAGAIN);
    }
    held = alive;
}

/* All connections in flight at once, each taking a little at a time. */
static void run_slow(void)
{
    unsigned opened = 0;
    for (uint64_t tick = start; running();) {
        for (unsigned i = 0; i < 1000 && opened < opt.conns; i++)
            issue(&conns[opened++], now_ns());
        for (tick += 100000000; now_ns() < tick;)
            poll_once(10, 0);
        for (unsigned i = 0; i < opened; i++)
            if (conns[i].fd >= 0 && conns[i].busy && conns[i].sent == request_len)
                (void)read_some(&conns[i]);
    }
    for (unsigned i = 0; i < opt.conns; i++)
        held += conns[i].fd >= 0 && conns[i].reply.in_body;
}

static void report(double seconds)
{
    printf("{\"requests\": %llu, \"seconds\": %.6f, \"received\": %llu, \"body_bytes\": %llu, "
           "\"reconnects\": %llu, \"handshakes\": %llu, \"resumed\": %llu, \"unsent\": %llu, "
           "\"alive\": %u, "
           "\"errors\": {\"status\": %llu, \"body\": %llu, \"connection\": %llu}, "
           "\"latency_us\": {\"mean\": %.1f, \"p50\": %.1f, \"p90\": %.1f, \"p99\": %.1f, "
           "\"p999\": %.1f, \"max\": %.1f}}\n",
           (unsigned long long)done, seconds, (unsigned long long)received,
           (unsigned long long)body_received, (unsigned long long)reconnects,
           (unsigned long long)handshakes, (unsigned long long)resumed, (unsigned long long)unsent,
           held, (unsigned long long)bad_status, (unsigned long long)bad_body,
           (unsigned long long)failed,
           latency.count ? (double)latency.sum / (double)latency.count / 1000.0 : 0,
           histogram_at(&latency, 0.5), histogram_at(&latency, 0.9), histogram_at(&latency, 0.99),
           histogram_at(&latency, 0.999), (double)latency.max / 1000.0);
}

static const struct option options[] = {
    {"to", 1, 0, 't'},
    {"conns", 1, 0, 'c'},
    {"seconds", 1, 0, 's'},
    {"sources", 1, 0, 'S'},
    {"path", 1, 0, 'p'},
    {"body", 1, 0, 'b'},
    {"expect", 1, 0, 'e'},
    {"raw", 1, 0, 'r'},
    {"rate", 1, 0, 'R'},
    {"bulk", 0, 0, 'B'},
    {"close", 0, 0, 'C'},
    {"handshake", 0, 0, 'H'},
    {"resume", 0, 0, 'u'},
    {"hold", 0, 0, 'h'},
    {"tls", 0, 0, 'x'},
    {"slow", 1, 0, 'w'},
    {0},
};

static void parse_number(int option, const char *text)
{
    switch (option) {
    case 'c':
        opt.conns = (unsigned)atoi(text);
        break;
    case 's':
        opt.seconds = atof(text);
        break;
    case 'S':
        opt.sources = (unsigned)atoi(text);
        break;
    case 'b':
        opt.post = (size_t)atol(text);
        break;
    case 'e':
        opt.expect = atoll(text);
        break;
    case 'r':
        opt.raw = (size_t)atol(text);
        break;
    case 'R':
        opt.rate = atof(text);
        break;
    case 'w':
        opt.slow = (size_t)atol(text);
        break;
    default:
        die("see the head of load.c for its options");
    }
}

static void parse_options(int argc, char **argv)
{
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        opt.tls |= option == 'H' || option == 'u' || option == 'x';
        opt.handshake |= option == 'H';
        opt.resume |= option == 'u';
        opt.bulk |= option == 'B';
        opt.close |= option == 'C';
        opt.hold |= option == 'h';
        if (option == 't')
            opt.to = parse_endpoint(optarg);
        else if (option == 'p')
            opt.path = optarg;
        else if (!strchr("HuxBCh", option))
            parse_number(option, optarg);
    }
    if (!opt.to.sin_port || !opt.conns || !opt.sources || opt.sources > 65000 ||
        strlen(opt.path) > 512 || opt.seconds <= 0 || opt.seconds > 600 || opt.conns > 500000)
        die("see the head of load.c for its options");
}

int main(int argc, char **argv)
{
    parse_options(argc, argv);
    raise_file_limit();
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_TIMERSLACK, 1);
    ep = epoll_create1(EPOLL_CLOEXEC);
    conns = xcalloc(opt.conns, sizeof *conns);
    idle = xcalloc(opt.conns, sizeof *idle);
    reading = xcalloc(1, READ_SIZE);
    for (unsigned i = 0; i < opt.conns; i++)
        conns[i].fd = -1;
    if (opt.tls)
        tls_open();
    if (opt.resume)
        fetch_ticket();
    build_request();

    start = now_ns();
    end = start + (uint64_t)(opt.seconds * 1e9);
    if (opt.rate) {
        interval = (uint64_t)(1e9 / opt.rate);
        run_open_loop();
    } else if (opt.hold) {
        run_hold();
    } else if (opt.slow) {
        run_slow();
    } else {
        for (unsigned i = 0; i < opt.conns; i++)
            issue(&conns[i], now_ns());
        while (running())
            poll_once(100, 0);
    }
    report((double)(now_ns() - start) / 1e9);
}
