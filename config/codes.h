/*
 * codes.h — the codes of messages and what they mean. A code is never given another meaning.
 */
#ifndef CONFIG_CODES_H
#define CONFIG_CODES_H

struct code {
    const char *code, *meaning;
};
extern const struct code CODES[]; /* ends with a NULL code */

#endif
