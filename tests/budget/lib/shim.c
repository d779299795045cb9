/*
 * shim.c — preloaded into lb: counts calls into libc by thread, in a file the test maps.
 *
 * Only calls through the dynamic symbols are seen: those of lb and of its libraries, not those libc
 * makes by itself. It allocates nothing and changes nothing.
 */
#include "tests/budget/lib/shim.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static struct shim_page *page;
static __thread struct shim_row *mine;

/* glibc's own names, so that counting an allocation needs no look-up that allocates. */
void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);
void __libc_free(void *);

__attribute__((constructor)) static void open_page(void)
{
    const char *path = getenv(SHIM_FILE);
    int fd = path ? open(path, O_RDWR) : -1;
    if (fd < 0)
        return;
    void *p = mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    (void)close(fd);
    if (p != MAP_FAILED)
        page = p;
}

static void count(enum counted what)
{
    if (!page)
        return;
    if (!mine) {
        unsigned i = atomic_fetch_add(&page->used, 1);
        mine = &page->row[i < SHIM_ROWS ? i : SHIM_ROWS - 1];
        atomic_store(&mine->tid, (int)gettid());
    }
    atomic_store_explicit(&mine->n[what],
                          atomic_load_explicit(&mine->n[what], memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

#define COUNT(kind, type, name, params, args)                                                      \
    type name params;                                                                              \
    type name params                                                                               \
    {                                                                                              \
        static type(*next) params;                                                                 \
        if (!next)                                                                                 \
            *(void **)&next = dlsym(RTLD_NEXT, #name);                                             \
        count(CALL_##kind);                                                                        \
        return next args;                                                                          \
    }

COUNT(RECV, ssize_t, recv, (int fd, void *p, size_t n, int fl), (fd, p, n, fl))
COUNT(RECV, ssize_t, __recv_chk, (int fd, void *p, size_t n, size_t m, int fl), (fd, p, n, m, fl))
COUNT(RECV, ssize_t, recvfrom,
      (int fd, void *restrict p, size_t n, int fl, struct sockaddr *restrict a,
       socklen_t *restrict l),
      (fd, p, n, fl, a, l))
COUNT(RECV, ssize_t, recvmsg, (int fd, struct msghdr *m, int fl), (fd, m, fl))
COUNT(RECV, ssize_t, read, (int fd, void *p, size_t n), (fd, p, n))
COUNT(RECV, ssize_t, __read_chk, (int fd, void *p, size_t n, size_t m), (fd, p, n, m))
COUNT(RECV, ssize_t, readv, (int fd, const struct iovec *v, int n), (fd, v, n))
COUNT(SEND, ssize_t, send, (int fd, const void *p, size_t n, int fl), (fd, p, n, fl))
COUNT(SEND, ssize_t, sendto,
      (int fd, const void *p, size_t n, int fl, const struct sockaddr *a, socklen_t l),
      (fd, p, n, fl, a, l))
COUNT(SEND, ssize_t, sendmsg, (int fd, const struct msghdr *m, int fl), (fd, m, fl))
COUNT(SEND, ssize_t, write, (int fd, const void *p, size_t n), (fd, p, n))
COUNT(SEND, ssize_t, writev, (int fd, const struct iovec *v, int n), (fd, v, n))
COUNT(SPLICE, ssize_t, splice, (int a, off64_t *o, int b, off64_t *q, size_t n, unsigned fl),
      (a, o, b, q, n, fl))
COUNT(WAIT, int, epoll_wait, (int ep, struct epoll_event *e, int n, int ms), (ep, e, n, ms))
COUNT(WAIT, int, epoll_pwait2,
      (int ep, struct epoll_event *e, int n, const struct timespec *t, const sigset_t *s),
      (ep, e, n, t, s))
COUNT(EPOLL_CTL, int, epoll_ctl, (int ep, int op, int fd, struct epoll_event *e), (ep, op, fd, e))
COUNT(ACCEPT, int, accept4, (int fd, struct sockaddr *restrict a, socklen_t *restrict l, int fl),
      (fd, a, l, fl))
COUNT(SOCKET, int, socket, (int domain, int type, int proto), (domain, type, proto))
COUNT(CONNECT, int, connect, (int fd, const struct sockaddr *a, socklen_t l), (fd, a, l))
COUNT(SOCKOPT, int, setsockopt, (int fd, int level, int name, const void *p, socklen_t l),
      (fd, level, name, p, l))
COUNT(SOCKOPT, int, getsockopt,
      (int fd, int level, int name, void *restrict p, socklen_t *restrict l),
      (fd, level, name, p, l))
COUNT(SHUTDOWN, int, shutdown, (int fd, int how), (fd, how))
COUNT(CLOSE, int, close, (int fd), (fd))
COUNT(OTHER, int, getpeername, (int fd, struct sockaddr *restrict a, socklen_t *restrict l),
      (fd, a, l))
COUNT(OTHER, int, getsockname, (int fd, struct sockaddr *restrict a, socklen_t *restrict l),
      (fd, a, l))
COUNT(OTHER, int, pipe2, (int fd[2], int fl), (fd, fl))
COUNT(OTHER, int, eventfd_write, (int fd, uint64_t v), (fd, v))
COUNT(OTHER, ssize_t, getrandom, (void *p, size_t n, unsigned fl), (p, n, fl))
COUNT(CLOCK, int, clock_gettime, (clockid_t id, struct timespec *t), (id, t))
COUNT(MAP, void *, mmap, (void *a, size_t n, int prot, int fl, int fd, off_t at),
      (a, n, prot, fl, fd, at))
COUNT(MAP, int, munmap, (void *a, size_t n), (a, n))
COUNT(LOCK, int, pthread_mutex_lock, (pthread_mutex_t * m), (m))

long syscall(long number, ...)
{
    static long (*next)(long, ...);
    long a[6];
    va_list ap;
    va_start(ap, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(ap, long);
    va_end(ap);
    if (!next)
        *(void **)&next = dlsym(RTLD_NEXT, "syscall");
    count(CALL_OTHER);
    return next(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

int ioctl(int fd, unsigned long request, ...)
{
    static int (*next)(int, unsigned long, void *);
    va_list ap;
    va_start(ap, request);
    void *p = va_arg(ap, void *);
    va_end(ap);
    if (!next)
        *(void **)&next = dlsym(RTLD_NEXT, "ioctl");
    count(CALL_OTHER);
    return next(fd, request, p);
}

void *malloc(size_t n)
{
    count(CALL_HEAP);
    return __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
    count(CALL_HEAP);
    return __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
    count(CALL_HEAP);
    return __libc_realloc(p, n);
}

void *aligned_alloc(size_t align, size_t n)
{
    count(CALL_HEAP);
    return __libc_memalign(align, n);
}

void free(void *p)
{
    count(CALL_FREE);
    __libc_free(p);
}
