/* version.h — the version of the program, in one place. */
#ifndef LB_BASE_VERSION_H
#define LB_BASE_VERSION_H

#ifndef LB_VERSION
#define LB_VERSION "0.1.0"
#endif

#endif
