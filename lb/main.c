/* main.c — the program: everything is in lb/cli. */
#include "lb/cli/cli.h"

int main(int argc, char **argv)
{
    return cli_main(argc, argv);
}
