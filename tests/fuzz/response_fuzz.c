/* response_fuzz.c — see check.h for what is held. */
#include "tests/fuzz/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* The first byte says what was asked. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const uint8_t methods[] = {M_GET, M_HEAD, M_CONNECT, M_POST};
    if (n == 0)
        return 0;
    struct framing_asked asked = {methods[data[0] & 3], data[0] & 4};
    check_head(data + 1, n - 1, false, &asked);
    return 0;
}
