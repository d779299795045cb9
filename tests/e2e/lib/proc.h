/*
 * proc.h — child processes: start with a log file, wait with a deadline, stop by pid.
 *
 * A child dies with the test program (PR_SET_PDEATHSIG), so that a failed assertion leaves nothing
 * behind. Call from the main thread only.
 */
#ifndef TESTS_E2E_PROC_H
#define TESTS_E2E_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct proc {
    pid_t pid;
    bool running;
    int status; /* exit status, or 128 + signal, once it has ended */
};

/* `argv[0]` is looked up in PATH. Output and errors go to `log` (appended). `max_files` > 0 sets
 * RLIMIT_NOFILE. `uid` > 0 runs it as that user. */
struct proc_opts {
    const char *log;
    unsigned max_files;
    uid_t uid;
};
struct proc proc_start(const char *const argv[], const struct proc_opts *);

bool proc_wait(struct proc *, unsigned ms); /* true when it has ended */
void proc_signal(const struct proc *, int sig);

/* Sends `sig` and waits; after `ms` kills it. Returns the status, 128 + SIGKILL when killed. */
int proc_stop(struct proc *, int sig, unsigned ms);

/* Runs to the end; returns the status. Dies when it takes longer than `ms`. */
int proc_run(const char *const argv[], const struct proc_opts *, unsigned ms);

/* The same, with the output as a string the caller frees and the status in *status. */
char *proc_output(const char *const argv[], int *status, unsigned ms);

/* Resident memory in KiB and number of open descriptors, from /proc. 0 when it has ended. */
size_t proc_rss_kib(const struct proc *);
unsigned proc_open_files(const struct proc *);

/* True when the program is in PATH or one of the usual folders of servers. */
bool proc_available(const char *name);

#endif
