/* conf.c — includes the file by the assembler, so that there is one copy of the text. */
#include "lb/demo/conf.h"

__asm__(".section .rodata\n"
        ".global demo_conf\n"
        "demo_conf:\n"
        ".incbin \"lb.conf\"\n"
        ".Ldemo_conf_end:\n"
        ".byte 0\n"
        ".balign 8\n"
        ".global demo_conf_len\n"
        "demo_conf_len:\n"
        ".quad .Ldemo_conf_end - demo_conf\n"
        ".text\n");
