/* greeting.h — what `lb demo` prints: where things listen, and lines to try. */
#ifndef LB_DEMO_GREETING_H
#define LB_DEMO_GREETING_H

#include <stdio.h>

struct cfg;

/* Writes the addresses of every frontend and of the administration, and curl lines that use them.
 */
void greeting_print(const struct cfg *, FILE *out);

#endif
