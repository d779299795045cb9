/* sticky.c — HMAC-SHA-256, cut to 128 bits, in base64url. */
#include "lb/snapshot/sticky.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>

void sticky_secret(unsigned char out[SECRET_BYTES], const char *configured)
{
    unsigned n = SECRET_BYTES;
    if (!configured) {
        (void)RAND_bytes(out, SECRET_BYTES);
        return;
    }
    (void)EVP_Digest(configured, strlen(configured), out, &n, EVP_sha256(), NULL);
}

static void base64url(char *out, const unsigned char *in)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    unsigned bits = 0, have = 0;
    for (unsigned i = 0, o = 0; o < STICKY_TOKEN; o++) {
        if (have < 6) {
            bits = bits << 8 | (i < 16 ? in[i] : 0);
            i++;
            have += 8;
        }
        have -= 6;
        out[o] = digits[bits >> have & 63];
    }
}

char (*sticky_tokens(const struct backend *b,
                     const unsigned char secret[SECRET_BYTES]))[STICKY_TOKEN]
{
    char(*tokens)[STICKY_TOKEN] = calloc(b->nservers ? b->nservers : 1, sizeof *tokens);
    for (unsigned i = 0; tokens && i < b->nservers; i++) {
        unsigned char mac[EVP_MAX_MD_SIZE];
        unsigned n = 0;
        char *text = NULL;
        int len = asprintf(&text, "sticky/%zu:%s/%s", strlen(b->cfg->name), b->cfg->name,
                           b->cfg->servers[i].name);
        if (len < 0 || !HMAC(EVP_sha256(), secret, SECRET_BYTES, (unsigned char *)text, (size_t)len,
                             mac, &n)) {
            free(len < 0 ? NULL : text);
            free(tokens);
            return NULL;
        }
        base64url(tokens[i], mac);
        free(text);
    }
    return tokens;
}
