/* tls_tickets.c — see tls_tickets.h. AES-256-CBC and HMAC-SHA-256, as RFC 5077 section 4 has it. */
#include "lb/tls/tls_tickets.h"

#include "lb/base/err.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEYS_MAX = 8, KEYS_RANDOM = 3, SECRET_MIN = 32 };

struct key {
    unsigned char name[16], aes[32], mac[32];
};

struct tls_tickets {
    atomic_uint refs;
    pthread_rwlock_t lock;    /* guards key[] and n: workers read, the control thread writes */
    struct key key[KEYS_MAX]; /* the first one makes tickets */
    unsigned n;
    EVP_CIPHER *cipher; /* fetched once: a look-up per handshake costs microseconds */
};

static int random_key(struct key *k)
{
    return RAND_bytes(k->name, sizeof k->name) == 1 &&
                   RAND_priv_bytes(k->aes, sizeof k->aes) == 1 &&
                   RAND_priv_bytes(k->mac, sizeof k->mac) == 1
               ? 0
               : -1;
}

struct tls_tickets *tls_tickets_new(void)
{
    struct tls_tickets *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    atomic_init(&t->refs, 1);
    (void)pthread_rwlock_init(&t->lock, NULL);
    t->cipher = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
    t->n = 1;
    if (t->cipher && random_key(&t->key[0]) == 0)
        return t;
    tls_tickets_unref(t);
    return NULL;
}

struct tls_tickets *tls_tickets_ref(struct tls_tickets *t)
{
    if (t)
        (void)atomic_fetch_add(&t->refs, 1);
    return t;
}

void tls_tickets_unref(struct tls_tickets *t)
{
    if (!t || atomic_fetch_sub(&t->refs, 1) != 1)
        return;
    EVP_CIPHER_free(t->cipher);
    (void)pthread_rwlock_destroy(&t->lock);
    OPENSSL_cleanse(t->key, sizeof t->key);
    free(t);
}

int tls_tickets_rotate(struct tls_tickets *t)
{
    struct key fresh;
    if (random_key(&fresh) != 0)
        return -1;
    (void)pthread_rwlock_wrlock(&t->lock);
    memmove(&t->key[1], &t->key[0], (KEYS_RANDOM - 1) * sizeof t->key[0]);
    t->key[0] = fresh;
    t->n = t->n < KEYS_RANDOM ? t->n + 1 : KEYS_RANDOM;
    (void)pthread_rwlock_unlock(&t->lock);
    OPENSSL_cleanse(&fresh, sizeof fresh);
    return 0;
}

/* Name and keys from a secret of any length, so that every proxy with the file has the same. */
static bool derive(struct key *k, const unsigned char *secret, size_t n)
{
    unsigned char in[513], out[3][EVP_MAX_MD_SIZE];
    bool ok = n < sizeof in;
    for (unsigned char i = 0; ok && i < 3; i++) {
        in[0] = i;
        memcpy(in + 1, secret, n);
        ok = EVP_Digest(in, n + 1, out[i], NULL, EVP_sha256(), NULL) == 1;
    }
    if (ok) {
        memcpy(k->name, out[0], sizeof k->name);
        memcpy(k->aes, out[1], sizeof k->aes);
        memcpy(k->mac, out[2], sizeof k->mac);
    }
    OPENSSL_cleanse(in, sizeof in);
    OPENSSL_cleanse(out, sizeof out);
    return ok;
}

/* One line of the file into `k`. */
static bool read_line(struct key *k, char *line)
{
    unsigned char secret[384];
    size_t n = strcspn(line, "\r\n");
    int got = n && n < 512 && n % 4 == 0
                  ? EVP_DecodeBlock(secret, (const unsigned char *)line, (int)n)
                  : -1;
    while (got > 0 && n > 0 && line[n - 1] == '=') /* padding counts as zeros */
        n--, got--;
    bool ok = got >= SECRET_MIN && derive(k, secret, (size_t)got);
    OPENSSL_cleanse(secret, sizeof secret);
    return ok;
}

static int read_all(FILE *f, const char *path, struct key keys[KEYS_MAX], unsigned *n,
                    struct err *e)
{
    char line[600];
    unsigned number = 0;
    int rc = 0;
    for (*n = 0; rc == 0 && *n < KEYS_MAX && fgets(line, sizeof line, f);) {
        number++;
        if (*line == '#' || *line == '\n')
            continue;
        if (!read_line(&keys[(*n)++], line))
            rc = err_set(e, EINVAL, "%s:%u: not a key of 32 bytes or more in base64", path, number);
    }
    OPENSSL_cleanse(line, sizeof line);
    return rc == 0 && *n == 0 ? err_set(e, EINVAL, "%s: there is no key in it", path) : rc;
}

int tls_tickets_load(struct tls_tickets *t, const char *path, struct err *e)
{
    struct key keys[KEYS_MAX];
    unsigned n = 0;
    FILE *f = fopen(path, "re");
    if (!f)
        return err_set(e, errno, "cannot read '%s': %s", path, strerror(errno));
    int rc = read_all(f, path, keys, &n, e);
    (void)fclose(f);
    if (rc == 0) {
        (void)pthread_rwlock_wrlock(&t->lock);
        memcpy(t->key, keys, n * sizeof *keys);
        t->n = n;
        (void)pthread_rwlock_unlock(&t->lock);
    }
    OPENSSL_cleanse(keys, sizeof keys);
    return rc;
}

static bool set_mac(EVP_MAC_CTX *mac, struct key *k)
{
    OSSL_PARAM p[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, k->mac, sizeof k->mac),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char[]){"SHA256"}, 0),
        OSSL_PARAM_construct_end(),
    };
    return EVP_MAC_CTX_set_params(mac, p) == 1;
}

static int seal_with(struct tls_tickets *t, struct key *k, unsigned char *name, unsigned char *iv,
                     EVP_CIPHER_CTX *c, EVP_MAC_CTX *mac)
{
    if (RAND_bytes(iv, 16) != 1 || EVP_EncryptInit_ex2(c, t->cipher, k->aes, iv, NULL) != 1 ||
        !set_mac(mac, k))
        return -1;
    memcpy(name, k->name, sizeof k->name);
    return 1;
}

int tls_tickets_use(struct tls_tickets *t, unsigned char name[16], unsigned char *iv,
                    EVP_CIPHER_CTX *c, EVP_MAC_CTX *mac, bool seal)
{
    int rc = 0; /* not ours: a full handshake */
    (void)pthread_rwlock_rdlock(&t->lock);
    if (seal)
        rc = seal_with(t, &t->key[0], name, iv, c, mac);
    for (unsigned i = 0; !seal && i < t->n; i++) {
        if (memcmp(name, t->key[i].name, 16) != 0)
            continue;
        bool ok = set_mac(mac, &t->key[i]) &&
                  EVP_DecryptInit_ex2(c, t->cipher, t->key[i].aes, iv, NULL) == 1;
        rc = !ok ? -1 : i ? 2 : 1; /* 2: an older key; the client gets a new ticket */
        break;
    }
    (void)pthread_rwlock_unlock(&t->lock);
    return rc;
}
