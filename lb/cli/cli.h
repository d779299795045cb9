/*
 * cli.h — the command line: a table of commands.
 */
#ifndef LB_CLI_CLI_H
#define LB_CLI_CLI_H

/*
 * Does what the arguments say. Returns the exit status: 0 fine, 1 run-time failure, 2 wrong usage
 * or wrong configuration. Main thread, once.
 */
int cli_main(int argc, char **argv);

#endif
