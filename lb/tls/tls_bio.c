/*
 * tls_bio.c — OpenSSL's side of the socket.
 *
 * Reading consults IO_SOCK, so a socket known to be drained costs no call. Writing never blocks:
 * ciphertext is gathered in a segment and sent by one call per batch of records; what the kernel
 * does not take stays there. So no TLS operation ever wants to write.
 */
#include "lb/tls/tls_int.h"

#include <errno.h>
#include <sys/socket.h>

static int read_some(BIO *b, char *p, size_t n, size_t *got)
{
    struct tls_io *t = BIO_get_data(b);
    struct io *io = t->io;
    ssize_t r;
    BIO_clear_retry_flags(b);
    *got = 0;
    if (!(io->fl & IO_SOCK)) {
        BIO_set_retry_read(b);
        return 0;
    }
    do
        r = recv(io->fd, p, n, 0);
    while (r < 0 && errno == EINTR);
    if (r > 0) {
        if ((size_t)r < n && !(io->fl & IO_HUP))
            io->fl &= (uint16_t)~IO_SOCK;
        *got = (size_t)r;
        return 1;
    }
    if (r == 0) {
        t->fl |= T_EOF;
        return 0;
    }
    io->fl &= (uint16_t)~IO_SOCK;
    if (errno == EAGAIN)
        BIO_set_retry_read(b);
    else
        t->error = errno;
    return 0;
}

static enum seg_class class_for(const struct buf *out, size_t more)
{
    size_t need = buf_len(out) + more + BUF_HEADROOM + BUF_TAILROOM;
    enum seg_class class = SEG_SMALL;
    while (class < SEG_LARGE && need > seg_size(class))
        class ++;
    return class;
}

static int write_some(BIO *b, const char *p, size_t n, size_t *took)
{
    struct tls_io *t = BIO_get_data(b);
    struct segs *segs = t->io->loop->segs;
    size_t room;
    BIO_clear_retry_flags(b);
    *took = 0;
    if (!buf_want(&t->out, segs, class_for(&t->out, n)))
        goto no_memory;
    (void)buf_room(&t->out, &room);
    if (room < n && !buf_grow(&t->out, segs, class_for(&t->out, n)))
        goto no_memory;
    char *to = buf_room(&t->out, &room);
    if (room < n)
        goto no_memory;
    memcpy(to, p, n);
    buf_put(&t->out, n);
    *took = n;
    return 1;
no_memory:
    t->error = ENOBUFS;
    return 0;
}

static long control(BIO *b, int what, long num, void *ptr)
{
    const struct tls_io *t = BIO_get_data(b);
    (void)num, (void)ptr;
    switch (what) {
    case BIO_CTRL_FLUSH:
        return 1;
    case BIO_CTRL_EOF:
        return t && (t->fl & T_EOF);
    default:
        return 0;
    }
}

BIO_METHOD *tls_bio_method(void)
{
    BIO_METHOD *m = BIO_meth_new(BIO_TYPE_SOURCE_SINK | 0x70, "lb io");
    if (m && BIO_meth_set_read_ex(m, read_some) && BIO_meth_set_write_ex(m, write_some) &&
        BIO_meth_set_ctrl(m, control))
        return m;
    BIO_meth_free(m);
    return NULL;
}

int tls_flush(struct tls_io *t)
{
    struct io *io = t->io;
    while (buf_len(&t->out)) {
        size_t n = buf_len(&t->out);
        ssize_t r = send(io->fd, buf_data(&t->out), n, MSG_NOSIGNAL);
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0) {
            io->fl &= (uint16_t)~IO_WR;
            return errno == EAGAIN ? IO_AGAIN : IO_FAIL;
        }
        buf_took(&t->out, (size_t)r);
        if ((size_t)r < n) {
            io->fl &= (uint16_t)~IO_WR;
            return IO_AGAIN;
        }
    }
    buf_drop(&t->out, io->loop->segs);
    return 0;
}
