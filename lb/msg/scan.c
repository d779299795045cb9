/* scan.c — the table of byte classes. */
#include "lb/msg/scan.h"

enum {
    T = BYTE_TOKEN,
    H = BYTE_HOST,
    U = BYTE_TOKEN | BYTE_HOST | BYTE_UNRESERVED,
    X = U | BYTE_HEX,
    D = X | BYTE_DIGIT
};

const uint8_t byte_classes[256] = {
    ['!'] = T | H,     ['#'] = T,         ['$'] = T | H, ['%'] = T,         ['&'] = T | H,
    ['\''] = T | H,    ['('] = H,         [')'] = H,     ['*'] = T | H,     ['+'] = T | H,
    [','] = H,         ['-'] = U,         ['.'] = U,     ['0' ... '9'] = D, [';'] = H,
    ['='] = H,         ['A' ... 'F'] = X, ['^'] = T,     ['G' ... 'Z'] = U, ['_'] = U,
    ['a' ... 'f'] = X, ['g' ... 'z'] = U, ['`'] = T,     ['|'] = T,         ['~'] = U,
};
