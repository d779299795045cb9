/* proc.c — see proc.h. */
#include "tests/e2e/lib/proc.h"
#include "tests/e2e/lib/util.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void child_run(const char *const argv[], const struct proc_opts *o, pid_t parent)
{
    if (o->log) {
        int fd = open(o->log, O_WRONLY | O_CREAT | O_APPEND, 0666);
        if (fd < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0)
            _exit(72);
        if (fd > 2)
            (void)close(fd);
    }
    int null = open("/dev/null", O_RDONLY);
    (void)dup2(null, 0);
    if (null > 2)
        (void)close(null);
    if (o->max_files) {
        struct rlimit lim = {.rlim_cur = o->max_files, .rlim_max = o->max_files};
        (void)setrlimit(RLIMIT_NOFILE, &lim);
    }
    if (o->uid && (setgid(o->uid) != 0 || setuid(o->uid) != 0))
        _exit(73);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* after setuid, which clears it */
    if (getppid() != parent)
        _exit(71);
    (void)signal(SIGPIPE, SIG_DFL);
    (void)execvp(argv[0], (char *const *)argv);
    (void)fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

struct proc proc_start(const char *const argv[], const struct proc_opts *o)
{
    static const struct proc_opts none;
    pid_t parent = getpid();
    (void)fflush(NULL);
    pid_t pid = fork();
    if (pid < 0)
        die("fork: %s", strerror(errno));
    if (pid == 0)
        child_run(argv, o ? o : &none, parent);
    return (struct proc){.pid = pid, .running = true};
}

static int status_of(int raw)
{
    return WIFEXITED(raw) ? WEXITSTATUS(raw) : 128 + WTERMSIG(raw);
}

bool proc_wait(struct proc *p, unsigned ms)
{
    uint64_t end = now_ms() + ms;
    while (p->running) {
        int raw;
        pid_t got = waitpid(p->pid, &raw, WNOHANG);
        if (got == p->pid) {
            p->running = false;
            p->status = status_of(raw);
        } else if (now_ms() >= end) {
            return false;
        } else {
            sleep_ms(5);
        }
    }
    return true;
}

void proc_signal(const struct proc *p, int sig)
{
    if (p->running && p->pid > 0)
        (void)kill(p->pid, sig);
}

int proc_stop(struct proc *p, int sig, unsigned ms)
{
    proc_signal(p, sig);
    if (!proc_wait(p, ms)) {
        proc_signal(p, SIGKILL);
        (void)proc_wait(p, 5000);
    }
    return p->status;
}

int proc_run(const char *const argv[], const struct proc_opts *o, unsigned ms)
{
    struct proc p = proc_start(argv, o);
    if (!proc_wait(&p, ms)) {
        (void)proc_stop(&p, SIGKILL, 1000);
        die("%s took longer than %u ms", argv[0], ms);
    }
    return p.status;
}

char *proc_output(const char *const argv[], int *status, unsigned ms)
{
    char *dir = tmpdir_new(), *log = format_new("%s/out", dir);
    *status = proc_run(argv, &(struct proc_opts){.log = log}, ms);
    struct text out = file_read(log);
    text_add(&out, "", 0);
    free(log);
    tmpdir_remove(dir);
    return out.p;
}

size_t proc_rss_kib(const struct proc *p)
{
    char *path = format_new("/proc/%d/status", (int)p->pid);
    struct text t = file_read(path);
    const char *line = strstr(text_str(&t), "VmRSS:");
    size_t kib = line ? strtoul(line + 6, NULL, 10) : 0;
    text_free(&t);
    free(path);
    return kib;
}

unsigned proc_open_files(const struct proc *p)
{
    char *path = format_new("/proc/%d/fd", (int)p->pid);
    DIR *dir = opendir(path);
    unsigned n = 0;
    for (const struct dirent *e; dir && (e = readdir(dir));)
        n += e->d_name[0] != '.';
    if (dir)
        (void)closedir(dir);
    free(path);
    return n;
}

bool proc_available(const char *name)
{
    const char *env = getenv("PATH");
    char *path = format_new("%s:/usr/sbin:/usr/local/sbin", env ? env : ""), *rest = path;
    bool found = false;
    for (char *dir; !found && (dir = strsep(&rest, ":"));) {
        char *full = format_new("%s/%s", dir, name);
        found = access(full, X_OK) == 0;
        free(full);
    }
    free(path);
    return found;
}
