/* tls_tickets_test.c — keys of session tickets: rotation, files, what they refuse. */
#include "lb/base/err.h"
#include "lb/tls/tls_tickets.h"

#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char secret_a[] = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
static const char secret_b[] = "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXowMTIzNDU=";

struct crypto {
    EVP_CIPHER_CTX *c;
    EVP_MAC *mac;
    EVP_MAC_CTX *m;
};

static int use(struct tls_tickets *t, unsigned char name[16], bool seal)
{
    unsigned char iv[16] = {0};
    struct crypto x = {.c = EVP_CIPHER_CTX_new(), .mac = EVP_MAC_fetch(NULL, "HMAC", NULL)};
    x.m = EVP_MAC_CTX_new(x.mac);
    int rc = tls_tickets_use(t, name, iv, x.c, x.m, seal);
    EVP_MAC_CTX_free(x.m);
    EVP_MAC_free(x.mac);
    EVP_CIPHER_CTX_free(x.c);
    return rc;
}

static int load(struct tls_tickets *t, const char *text, struct err *e)
{
    char path[] = "/tmp/tls_tickets_test.XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    (void)close(fd);
    int rc = tls_tickets_load(t, path, e);
    (void)unlink(path);
    return rc;
}

static void test_rotation(void **state)
{
    struct tls_tickets *t = tls_tickets_new();
    unsigned char name[16], newer[16];
    (void)state;
    assert_int_equal(use(t, name, true), 1);
    assert_int_equal(use(t, name, false), 1);
    assert_int_equal(tls_tickets_rotate(t), 0);
    assert_int_equal(use(t, name, false), 2); /* opened, and replaced */
    assert_int_equal(use(t, newer, true), 1);
    assert_memory_not_equal(name, newer, 16);
    assert_int_equal(tls_tickets_rotate(t), 0);
    assert_int_equal(use(t, name, false), 2);
    assert_int_equal(tls_tickets_rotate(t), 0);
    assert_int_equal(use(t, name, false), 0); /* too old: a full handshake */
    tls_tickets_unref(t);
}

static void test_files_are_shared(void **state)
{
    struct tls_tickets *a = tls_tickets_new(), *b = tls_tickets_new();
    unsigned char name[16];
    char both[256];
    struct err e;
    (void)state;
    (void)snprintf(both, sizeof both, "# new first\n%s\n%s\n", secret_b, secret_a);
    assert_int_equal(load(a, secret_a, &e), 0);
    assert_int_equal(load(b, both, &e), 0);
    assert_int_equal(use(a, name, true), 1);
    assert_int_equal(use(b, name, false), 2);
    assert_int_equal(use(b, name, true), 1);
    assert_int_equal(use(a, name, false), 0);
    tls_tickets_unref(a);
    tls_tickets_unref(b);
}

static void test_bad_files_change_nothing(void **state)
{
    static const char *const bad[] = {"", "# nothing\n", "short\n", "MDEyMzQ1Njc4OTAxMjM0\n",
                                      "!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!\n"};
    struct tls_tickets *t = tls_tickets_new();
    unsigned char name[16];
    struct err e;
    (void)state;
    assert_int_equal(use(t, name, true), 1);
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(load(t, bad[i], &e), -1);
    assert_int_equal(tls_tickets_load(t, "/nonexistent", &e), -1);
    assert_int_equal(use(t, name, false), 1);
    tls_tickets_unref(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rotation),
        cmocka_unit_test(test_files_are_shared),
        cmocka_unit_test(test_bad_files_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
