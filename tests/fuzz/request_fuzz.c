/* request_fuzz.c — see check.h for what is held. */
#include "tests/fuzz/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct framing_asked asked = {M_GET, false};
    check_head(data, n, true, &asked);
    return 0;
}
