/*
 * log_open.c — opening the targets of log sinks so that writing to them never blocks.
 *
 * Standard streams are shared with other processes, so O_NONBLOCK must not be set on them: pipes
 * and terminals are opened anew through /proc, sockets are written with MSG_DONTWAIT, regular files
 * never wait for a reader. Control thread; resolving a syslog host may block.
 */
#include "lb/base/err.h"
#include "lb/base/log_int.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int open_stream(struct log_out *o, int stream, struct err *e)
{
    const char *name = stream == STDERR_FILENO ? "stderr" : "stdout";
    struct stat st;
    if (fstat(stream, &st))
        return err_set(e, errno, "log: %s is not open", name);
    o->socket = S_ISSOCK(st.st_mode);
    if (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode)) {
        char proc[32];
        (void)snprintf(proc, sizeof proc, "/proc/self/fd/%d", stream);
        o->fd = open(proc, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
        o->blocking = o->fd < 0;
    }
    if (o->fd < 0)
        o->fd = fcntl(stream, F_DUPFD_CLOEXEC, 3);
    return o->fd < 0 ? err_set(e, errno, "log: %s: %s", name, strerror(errno)) : 0;
}

static int open_file(struct log_out *o, const char *path, struct err *e)
{
    /* O_NONBLOCK: a FIFO without a reader is an error, one with a slow reader does not block us */
    int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    o->fd = open(path, flags, 0640);
    return o->fd < 0 ? err_set(e, errno, "log file '%s': %s", path, strerror(errno)) : 0;
}

static int unix_address(struct log_out *o, const char *path, struct err *e)
{
    struct sockaddr_un *un = (struct sockaddr_un *)&o->addr;
    size_t n = strlen(path);
    if (n == 0 || n >= sizeof un->sun_path)
        return err_set(e, EINVAL, "syslog socket '%s': the path is empty or too long", path);
    un->sun_family = AF_UNIX;
    memcpy(un->sun_path, path, n + 1);
    o->addr_len = sizeof *un;
    return 0;
}

/* "host", "host:port" or "[v6]:port"; port 514 (RFC 5426) when there is none. */
static int split_host(const char *text, char host[256], const char **port)
{
    const char *end, *colon = strrchr(text, ':');
    *port = "514";
    if (text[0] == '[') {
        end = strchr(++text, ']');
        if (!end || (end[1] && end[1] != ':'))
            return -1;
        colon = end[1] ? end + 1 : NULL;
    } else {
        end = colon ? colon : text + strlen(text);
    }
    if (colon)
        *port = colon + 1;
    if (end == text || (size_t)(end - text) > 255 || **port == 0)
        return -1;
    memcpy(host, text, (size_t)(end - text));
    host[end - text] = 0;
    return 0;
}

static int udp_address(struct log_out *o, const char *text, struct err *e)
{
    char host[256];
    const char *port;
    if (split_host(text, host, &port))
        return err_set(e, EINVAL, "syslog address '%s': want HOST:PORT or unix:/PATH", text);
    struct addrinfo hints = {.ai_socktype = SOCK_DGRAM}, *found;
    int rc = getaddrinfo(host, port, &hints, &found);
    if (rc)
        return err_set(e, EINVAL, "syslog address '%s': %s", text, gai_strerror(rc));
    memcpy(&o->addr, found->ai_addr, found->ai_addrlen);
    o->addr_len = found->ai_addrlen;
    freeaddrinfo(found);
    return 0;
}

static int open_syslog(struct log_out *o, const char *text, struct err *e)
{
    o->datagrams = true;
    bool local = strncmp(text, "unix:", 5) == 0;
    if (local ? unix_address(o, text + 5, e) : udp_address(o, text, e))
        return -1;
    o->fd = socket(o->addr.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (o->fd < 0 || connect(o->fd, (struct sockaddr *)&o->addr, o->addr_len))
        return err_set(e, errno, "syslog '%s': %s", text, strerror(errno));
    return 0;
}

struct log_out *log_out_open(const struct log_target *t, struct err *e)
{
    struct log_out *o = calloc(1, sizeof *o);
    if (!o) {
        (void)err_set(e, ENOMEM, "out of memory for a log");
        return NULL;
    }
    o->fd = -1;
    o->format = t->format;
    int rc = -1;
    if (t->to == LOG_TO_STDERR || t->to == LOG_TO_STDOUT)
        rc = open_stream(o, t->to == LOG_TO_STDERR ? STDERR_FILENO : STDOUT_FILENO, e);
    else if (!t->path)
        (void)err_set(e, EINVAL, "log: a path or an address is missing");
    else
        rc = t->to == LOG_TO_FILE ? open_file(o, t->path, e) : open_syslog(o, t->path, e);
    if (rc == 0)
        return o;
    log_out_close(o);
    return NULL;
}

void log_out_close(struct log_out *o)
{
    if (!o)
        return;
    if (o->fd >= 0)
        (void)close(o->fd);
    free(o);
}
