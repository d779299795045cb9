/* process.c — see process.h. Main thread, before the workers start. */
#include "lb/control/process.h"

#include "config/cfg.h"
#include "lb/base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

unsigned process_cpus(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return 1;
    int n = CPU_COUNT(&set);
    return n > 0 ? (unsigned)n : 1;
}

void process_raise_files(void)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) != 0)
        return;
    r.rlim_cur = r.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &r);
}

int process_write_pid(const char *path, struct err *e)
{
    char tmp[512], text[16];
    if (!path)
        return 0;
    int n = snprintf(tmp, sizeof tmp, "%s.new", path);
    if (n < 0 || (size_t)n >= sizeof tmp)
        return err_set(e, ENAMETOOLONG, "pid-file '%s': the path is too long", path);
    int fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return err_set(e, errno, "cannot write the pid file '%s': %s", path, strerror(errno));
    n = snprintf(text, sizeof text, "%d\n", (int)getpid());
    bool ok = write(fd, text, (size_t)n) == n;
    int error = errno;
    (void)close(fd);
    if (ok && rename(tmp, path) == 0)
        return 0;
    error = ok ? errno : error;
    (void)unlink(tmp);
    return err_set(e, error, "cannot write the pid file '%s': %s", path, strerror(error));
}

void process_remove_pid(const char *path)
{
    if (path)
        (void)unlink(path);
}

int process_find_identity(const struct cfg_global *g, struct process_identity *id, struct err *e)
{
    *id = (struct process_identity){.uid = getuid(), .gid = getgid()};
    if (g->user) {
        const struct passwd *pw = getpwnam(g->user);
        if (!pw)
            return err_set(e, ENOENT, "there is no user '%s' on this machine", g->user);
        *id = (struct process_identity){pw->pw_uid, pw->pw_gid, 1};
    }
    if (g->group) {
        const struct group *gr = getgrnam(g->group);
        if (!gr)
            return err_set(e, ENOENT, "there is no group '%s' on this machine", g->group);
        id->gid = gr->gr_gid;
        id->set = 1;
    }
    return 0;
}

int process_become(const struct process_identity *id, struct err *e)
{
    if (!id->set || (id->uid == getuid() && id->gid == getgid()))
        return 0;
    if (setgroups(0, NULL) != 0 || setresgid(id->gid, id->gid, id->gid) != 0 ||
        setresuid(id->uid, id->uid, id->uid) != 0)
        return err_set(e, errno, "cannot become uid %u, gid %u: %s", id->uid, id->gid,
                       strerror(errno));
    return 0;
}
