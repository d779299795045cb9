/* conf.h — the project's own lb.conf, built into the program for `lb demo`. */
#ifndef LB_DEMO_CONF_H
#define LB_DEMO_CONF_H

#include <stddef.h>

extern const char demo_conf[];
extern const size_t demo_conf_len;

#endif
