/* sni_fuzz.c — the ClientHello parser: no read outside, verdicts that more bytes do not take back.
 */
#include "lb/tls/sni.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char name[SNI_NAME_MAX + 1], early[SNI_NAME_MAX + 1];
    enum sni_verdict whole = sni_parse(data, n, name);
    for (size_t i = 0; i < n && i < 600; i++) {
        enum sni_verdict v = sni_parse(data, i, early);
        if (v != SNI_MORE && v != whole)
            abort();
        if (v == SNI_FOUND && strcmp(name, early) != 0)
            abort();
    }
    if (whole == SNI_FOUND && (!*name || strlen(name) > SNI_NAME_MAX))
        abort();
    return 0;
}
