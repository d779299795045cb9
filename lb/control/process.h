/*
 * process.h — what belongs to the process as a whole: limits, identity, pid file, CPUs.
 */
#ifndef LB_CONTROL_PROCESS_H
#define LB_CONTROL_PROCESS_H

struct cfg_global;
struct err;

/* CPUs this process may run on, at least 1. */
unsigned process_cpus(void);

/* Raises the soft limit of open files to the hard one. */
void process_raise_files(void);

/* Writes the pid file (replaced atomically). 0, or -1 with `e`. NULL path: nothing to do. */
int process_write_pid(const char *path, struct err *e);
void process_remove_pid(const char *path);

/* Looks the configured user and group up, so that a typo is an error before anything starts. */
struct process_identity {
    unsigned uid, gid;
    int set; /* something is to be changed */
};
int process_find_identity(const struct cfg_global *, struct process_identity *, struct err *e);

/* Drops to that identity for good; after binding. 0, or -1 with `e`. */
int process_become(const struct process_identity *, struct err *e);

#endif
