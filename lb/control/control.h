/*
 * control.h — the running proxy: start to stop.
 */
#ifndef LB_CONTROL_CONTROL_H
#define LB_CONTROL_CONTROL_H

#include <stdbool.h>

struct control_options {
    const char *config_path; /* borrowed; NULL with `demo`: the built-in demo configuration */
    bool demo;               /* start embedded origins, too */
    bool quiet;              /* no start-up messages but errors */
};

/*
 * Runs in this thread until the proxy has stopped. Returns the exit status of the process: 0 fine,
 * 1 run-time failure, 2 configuration error. Errors were printed to stderr.
 */
int control_run(const struct control_options *);

#endif
