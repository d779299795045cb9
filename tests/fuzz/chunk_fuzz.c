/* chunk_fuzz.c — see check.h for what is held. */
#include "tests/fuzz/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    check_chunked(data, n);
    return 0;
}
