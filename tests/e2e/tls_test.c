/*
 * tls_test.c — TLS on both sides, with certificates made for the run: which certificate,
 * resumption, client certificates, verification of servers, names of passed-through TLS,
 * certificates that change under load.
 *
 * Clients are the openssl and curl programs; without them the tests are skipped.
 */
#include "tests/e2e/lib/e2e.h"

#include <signal.h>

enum { RUN_MS = 20000 };

static char *certs; /* folder with the files of make_certs */

static const char make_certs[] =
    "set -e; cd %s; exec 2>/dev/null;"
    "new() { openssl req -x509 -nodes -days 30 -subj /CN=$2 -addext subjectAltName=$3 "
    "  -newkey $4 -keyout $1.key -out $1.crt; cat $1.crt $1.key > $1.pem; };"
    "P=\"ec -pkeyopt ec_paramgen_curve:P-256\";"
    "new a a.test DNS:a.test \"$P\"; new ar a.test DNS:a.test rsa:2048;"
    "new b b.test 'DNS:b.test,DNS:*.b.test,IP:127.0.0.1' \"$P\";"
    "new ca ca DNS:ca \"$P\";"
    "openssl req -nodes -newkey $P -keyout joe.key -out joe.csr -subj /O=Org/CN=joe;"
    "openssl x509 -req -in joe.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 -out joe.crt;"
    "cat joe.crt joe.key > joe.pem";

/* Output of a shell command in the folder of certificates; the caller frees. */
__attribute__((format(printf, 2, 3))) static char *run(int *status, const char *format, ...)
{
    char cmd[2048], whole[2400];
    int code = 0;
    va_list ap;
    va_start(ap, format);
    (void)vsnprintf(cmd, sizeof cmd, format, ap);
    va_end(ap);
    (void)snprintf(whole, sizeof whole, "cd %s; %s", certs, cmd);
    const char *argv[] = {"sh", "-c", whole, NULL};
    char *out = proc_output(argv, status ? status : &code, RUN_MS);
    return out;
}

static int make(void **state)
{
    (void)state;
    if (!proc_available("openssl") || !proc_available("curl"))
        return 0;
    char cmd[2048];
    int status = 0;
    certs = tmpdir_new();
    (void)snprintf(cmd, sizeof cmd, make_certs, certs);
    free(run(&status, "%s", cmd));
    return status;
}

static int unmake(void **state)
{
    (void)state;
    if (certs)
        tmpdir_remove(certs);
    return 0;
}

static void need_tools(void)
{
    if (!certs)
        skip();
}

static void expect(char *out, const char *regex)
{
    if (!matches(out, regex))
        fail_msg("no '%s' in: %s", regex, out);
    free(out);
}

static char *s_client(uint16_t port, const char *options)
{
    return run(NULL, "echo | openssl s_client -connect 127.0.0.1:%u %s 2>&1", port, options);
}

static char *curl(const char *options, const char *host, uint16_t port, const char *path)
{
    return run(NULL,
               "curl -sk --max-time 8 --resolve %s:%u:127.0.0.1 -w '\\n%%{http_code}' -D- %s "
               "https://%s:%u%s 2>&1",
               host, port, options, host, port, path);
}

/* --- towards clients --- */

static void certificate_by_name_and_kind(void **state)
{
    struct lb lb = {0};
    uint16_t any = port_new(), strict = port_new();
    (void)state;
    need_tools();
    lb_start(
        &lb,
        "frontend web { bind 127.0.0.1:%u { tls }; otherwise -> respond 200\n"
        "tls { cert \"%s/a.pem\", \"%s/ar.pem\", \"%s/b.pem\"; alpn h2, http/1.1 } }\n"
        "frontend two { bind 127.0.0.1:%u { tls }; otherwise -> respond 200\n"
        "tls { cert \"%s/b.crt\"; key \"%s/b.key\"; unknown-name refuse; min-version 1.3 } }\n",
        any, certs, certs, certs, strict, certs, certs);
    expect(s_client(any, "-servername a.test"), "subject=CN = a.test");
    expect(s_client(any, "-servername B.test"), "subject=CN = b.test");
    expect(s_client(any, "-servername x.b.test"), "subject=CN = b.test");
    expect(s_client(any, "-servername x.y.b.test"), "subject=CN = a.test");
    expect(s_client(any, "-noservername"), "subject=CN = a.test");
    expect(s_client(any, "-servername a.test"), "signature type: ECDSA");
    expect(s_client(any, "-servername a.test -sigalgs RSA-PSS+SHA256"), "signature type: RSA");
    expect(s_client(any, "-servername a.test -tls1_2 -cipher aRSA"), "ECDHE-RSA");
    expect(s_client(any, "-servername a.test -alpn h2,http/1.1"), "ALPN protocol: h2");
    expect(s_client(any, "-servername a.test -alpn nothing"), "no application protocol");
    expect(s_client(any, "-servername a.test -tls1_1 -cipher ALL:@SECLEVEL=0"),
           "alert|no protocols");
    expect(s_client(strict, "-servername a.test"), "unrecognized name");
    expect(s_client(strict, "-servername b.test"), "TLSv1.3");
    expect(s_client(strict, "-servername b.test -tls1_2"), "alert protocol version");
    lb_stop(&lb);
}

static void sessions_resume_everywhere(void **state)
{
    struct lb lb = {.opts = {.threads = 4}};
    uint16_t port = port_new();
    char conf[600];
    (void)state;
    need_tools();
    (void)snprintf(conf, sizeof conf,
                   "frontend web { bind 127.0.0.1:%u { tls }; tls { cert \"%s/a.pem\" }\n"
                   "otherwise -> respond 200 }\n",
                   port, certs);
    lb_start(&lb, "%s", conf);
    expect(run(NULL,
               "(printf 'GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n'; sleep 0.5) | openssl s_client "
               "-connect 127.0.0.1:%u -sess_out s.pem 2>&1",
               port),
           "New, TLS");
    for (int i = 0; i < 8; i++)
        expect(s_client(port, "-sess_in s.pem"), "Reused, TLS");
    lb_reload(&lb, "%s", conf);
    for (int i = 0; i < 4; i++)
        expect(s_client(port, "-sess_in s.pem"), "Reused, TLS");
    lb_stop(&lb);
}

static void client_certificates(void **state)
{
    struct lb lb = {0};
    struct origin *o = origin_start(NULL);
    uint16_t must = port_new(), may = port_new(), plain = port_new();
    (void)state;
    need_tools();
    lb_start(&lb,
             "frontend must { bind 127.0.0.1:%u { tls }; route -> app\n"
             "tls { cert \"%s/a.pem\"; client-ca \"%s/ca.crt\" } }\n"
             "frontend may { bind 127.0.0.1:%u { tls }; route -> app\n"
             "tls { cert \"%s/a.pem\"; client-ca \"%s/ca.crt\"; client-verify optional } }\n"
             "frontend plain { bind 127.0.0.1:%u; route -> app }\n"
             "backend app { server s1 127.0.0.1:%u }\n",
             must, certs, certs, may, certs, certs, plain, origin_port(o));
    expect(curl("", "a.test", must, "/head"), "certificate required|000");
    expect(curl("--cert joe.pem", "a.test", must, "/head"), "X-Client-Cert-Subject: CN=joe,O=Org");
    expect(curl("--cert joe.pem", "a.test", may, "/head"), "X-Client-Cert-Sha256: [0-9a-f]{64}");
    expect(curl("--cert b.pem", "a.test", may, "/head"), "unknown ca|000");
    char *out = curl("-H 'X-Client-Cert-Subject: CN=evil'", "a.test", may, "/head");
    assert_true(matches(out, "X-Forwarded-Proto: https"));
    assert_false(matches(out, "evil"));
    free(out);
    out = run(NULL, "curl -s -H 'x-client-cert-sha256: evil' http://127.0.0.1:%u/head", plain);
    assert_true(matches(out, "X-Forwarded-Proto: http\r"));
    assert_false(matches(out, "evil"));
    free(out);
    lb_stop(&lb);
    origin_stop(o);
}

static void handshake_takes_too_long(void **state)
{
    struct lb lb = {0};
    struct client c, tcp;
    uint16_t http = port_new(), raw = port_new();
    (void)state;
    need_tools();
    lb_start(&lb,
             "defaults { timeout handshake 300ms }\n"
             "frontend web { bind 127.0.0.1:%u { tls }; tls { cert \"%s/a.pem\" }\n"
             "otherwise -> respond 200 }\n"
             "frontend raw { mode tcp; bind 127.0.0.1:%u { tls }; tls { cert \"%s/a.pem\" }\n"
             "route -> app }\n"
             "backend app { mode tcp; server s1 127.0.0.1:1 }\n",
             http, certs, raw, certs);
    assert_true(client_open(&c, http));
    assert_true(client_open(&tcp, raw));
    assert_true(client_send(&c, "\x16\x03\x01\x01", 4));
    assert_true(client_ends(&c, 3000));
    assert_true(client_ends(&tcp, 3000));
    client_close(&c);
    client_close(&tcp);
    lb_stop(&lb);
}

static void https_only(void **state)
{
    struct lb lb = {0};
    struct origin *o = origin_start(NULL);
    uint16_t plain = port_new(), tls = port_new();
    (void)state;
    need_tools();
    lb_start(&lb,
             "frontend web { bind 127.0.0.1:%u; bind 127.0.0.1:%u { tls }; redirect-https\n"
             "hsts 180d; tls { cert \"%s/a.pem\" }; route -> app }\n"
             "backend app { server s1 127.0.0.1:%u }\n",
             plain, tls, certs, origin_port(o));
    expect(run(NULL, "curl -s -D- -H 'Host: a.test' 'http://127.0.0.1:%u/x?y=1'", plain),
           "Location: https://a.test/x\\?y=1\r");
    expect(curl("", "a.test", tls, "/"), "strict-transport-security: max-age=15552000\r");
    lb_stop(&lb);
    origin_stop(o);
}

/* --- certificates that change --- */

static void certificate_changes_under_load(void **state)
{
    struct lb lb = {0};
    uint16_t port = port_new();
    int status = 0;
    (void)state;
    need_tools();
    char number[8];
    (void)snprintf(number, sizeof number, "%u", port);
    free(run(NULL, "cp a.pem live.pem"));
    lb_start(&lb,
             "frontend web { bind 127.0.0.1:%u { tls }; tls { cert \"%s/live.pem\" }\n"
             "otherwise -> respond 200 }\n",
             port, certs);
    struct proc load = proc_start(
        (const char *const[]){"sh", "-c",
                              "for i in $(seq 150); do curl -sk --max-time 8 https://127.0.0.1:$0/ "
                              "> /dev/null || exit 1; done",
                              number, NULL},
        &(struct proc_opts){.log = "/dev/null"});
    free(run(NULL, "cp b.pem next && mv next live.pem"));
    lb_wait_log(&lb, "certificates-renewed", 8000);
    expect(s_client(port, ""), "subject=CN = b.test");
    free(run(NULL, "echo junk > next && mv next live.pem"));
    lb_wait_log(&lb, "certificates-kept.*no certificate in", 8000);
    expect(s_client(port, ""), "subject=CN = b.test");
    assert_true(lb_metric(&lb, "lb_tls_certificates_bad") == 1);
    free(run(NULL, "cp a.pem next && mv next live.pem"));
    lb_wait_metric(&lb, "lb_tls_certificates_bad", 0, 8000);
    expect(s_client(port, ""), "subject=CN = a.test");
    assert_true(proc_wait(&load, RUN_MS));
    status = load.status;
    assert_int_equal(status, 0);
    lb_stop(&lb);
}

/* --- towards servers --- */

static void servers_are_verified(void **state)
{
    struct lb lb = {0};
    struct origin *o = origin_start(NULL);
    uint16_t port = port_new(), origin = port_new();
    (void)state;
    need_tools();
    lb_start(
        &lb,
        "frontend origin { bind 127.0.0.1:%u { tls }; tls { cert \"%s/b.pem\" }; route -> app }\n"
        "backend app { server s1 127.0.0.1:%u }\n"
        "frontend web { bind 127.0.0.1:%u\n"
        "route path /head -> good; route path /sum -> good; route path /bytes/* -> ip\n"
        "route path /system -> system; route path /off -> off; route -> wrong }\n"
        "backend good { check http GET / { every 200ms }\n"
        "server s1 127.0.0.1:%u { tls { ca \"%s/b.crt\"; sni b.test } } }\n"
        "backend ip { check tls { every 200ms }\n"
        "server s1 127.0.0.1:%u { tls { ca \"%s/b.crt\" } } }\n"
        "backend system { server s1 127.0.0.1:%u { tls } }\n"
        "backend off { server s1 127.0.0.1:%u { tls { verify off } } }\n"
        "backend wrong { server s1 127.0.0.1:%u { tls { ca \"%s/b.crt\"; sni z.test } } }\n",
        origin, certs, origin_port(o), port, origin, certs, origin, certs, origin, origin, origin,
        certs);
    lb_wait_server(&lb, "good", "s1", true, 5000);
    lb_wait_server(&lb, "ip", "s1", true, 5000);
    for (int i = 0; i < 5; i++)
        expect(run(NULL, "curl -s http://127.0.0.1:%u/head", port), "X-Forwarded-Host: 127");
    assert_true(lb_metric(&lb, "lb_server_connects_total{backend=\"good\",server=\"s1\"}") <= 2);
    char *out =
        run(NULL, "head -c 300000 /dev/zero | curl -s -D- --data-binary @- http://127.0.0.1:%u/sum",
            port);
    expect(out, "300000 ");
    expect(run(NULL, "curl -s http://127.0.0.1:%u/bytes/3000000 | wc -c", port), "^ *3000000");
    expect(run(NULL, "curl -s -D- http://127.0.0.1:%u/z", port), "X-Lb-Reason: tls-failed");
    expect(run(NULL, "curl -s -D- http://127.0.0.1:%u/system", port), "X-Lb-Reason: tls-failed");
    expect(run(NULL, "curl -s -D- http://127.0.0.1:%u/off", port), "HTTP/1.1 [24]0");
    lb_stop(&lb);
    origin_stop(o);
}

/* --- mode tcp --- */

static void tls_ends_in_mode_tcp(void **state)
{
    struct lb lb = {0};
    struct origin *o = origin_start(&(struct origin_opts){.serve = origin_echo});
    uint16_t port = port_new();
    (void)state;
    need_tools();
    lb_start(&lb,
             "frontend raw { mode tcp; bind 127.0.0.1:%u { tls }\n"
             "tls { cert \"%s/a.pem\", \"%s/b.pem\" }; route sni b.test -> echo }\n"
             "backend echo { mode tcp; server s1 127.0.0.1:%u }\n",
             port, certs, certs, origin_port(o));
    expect(run(NULL,
               "(echo hello; sleep 0.5) | openssl s_client -quiet -no_ign_eof -servername b.test "
               "-connect 127.0.0.1:%u 2>/dev/null",
               port),
           "hello");
    char *out = run(NULL,
                    "(echo hello; sleep 0.5) | openssl s_client -quiet -no_ign_eof -servername "
                    "a.test -connect 127.0.0.1:%u 2>/dev/null",
                    port);
    assert_false(matches(out, "hello")); /* no route */
    free(out);
    lb_stop(&lb);
    origin_stop(o);
}

static void names_of_passing_tls(void **state)
{
    struct lb lb = {0};
    struct origin *one = origin_start(&(struct origin_opts){.serve = origin_echo});
    struct origin *two = origin_start(&(struct origin_opts){.serve = origin_echo});
    struct client c;
    uint16_t port = port_new();
    struct text hello = file_read("tests/fuzz/corpus/sni/split");
    struct text upper = file_read("tests/fuzz/corpus/sni/upper");
    (void)state;
    assert_true(hello.n > 60 && upper.n > 60);
    lb_start(&lb,
             "frontend pass { mode tcp; bind 127.0.0.1:%u; timeout handshake 500ms\n"
             "route sni a.test -> one; route sni *.example.com -> two }\n"
             "backend one { mode tcp; server s1 127.0.0.1:%u }\n"
             "backend two { mode tcp; server s1 127.0.0.1:%u }\n",
             port, origin_port(one), origin_port(two));
    assert_true(client_open(&c, port)); /* records of nine bytes, in segments of five */
    for (size_t i = 0; i < hello.n; i += 5) {
        assert_true(client_send(&c, hello.p + i, hello.n - i < 5 ? hello.n - i : 5));
        sleep_ms(2);
    }
    assert_true(client_want(&c, hello.n, 3000));
    assert_memory_equal(c.in.p, hello.p, hello.n);
    client_close(&c);
    assert_int_equal(origin_connections(one), 1);
    assert_true(client_open(&c, port));
    assert_true(client_send(&c, upper.p, upper.n));
    assert_true(client_want(&c, upper.n, 3000));
    client_close(&c);
    assert_int_equal(origin_connections(two), 1);
    assert_true(client_open(&c, port)); /* no TLS at all */
    assert_true(client_sendf(&c, "GET / HTTP/1.1\r\n\r\n"));
    assert_true(client_ends(&c, 300));
    client_close(&c);
    assert_true(client_open(&c, port)); /* the rest never comes */
    assert_true(client_send(&c, hello.p, 30));
    assert_true(client_silent(&c, 200));
    assert_true(client_ends(&c, 3000));
    client_close(&c);
    text_free(&hello);
    text_free(&upper);
    lb_stop(&lb);
    origin_stop(one);
    origin_stop(two);
}

static void check_names_what_is_wrong(void **state)
{
    char text[1200];
    int status = 0;
    (void)state;
    need_tools();
    (void)snprintf(text, sizeof text,
                   "frontend a { bind 127.0.0.1:1 { tls }; otherwise -> respond 200\n"
                   "tls { cert \"%s/a.crt\"; key \"%s/b.key\" } }\n"
                   "frontend b { bind 127.0.0.1:2 { tls }; otherwise -> respond 200\n"
                   "tls { cert \"%s/a.pem\"; groups nonsense } }\n",
                   certs, certs, certs);
    char *out = lb_check(&status, NULL, text);
    assert_int_equal(status, 2);
    assert_true(matches(out, ":2:[0-9]+: error E133: the key in .*is not the one"));
    assert_true(matches(out, ":4:[0-9]+: error E133: 'groups nonsense'"));
    free(out);
    free(run(NULL, "openssl req -x509 -key a.key -subj /CN=a.test -days 3 -out soon.crt"));
    (void)snprintf(text, sizeof text,
                   "frontend a { bind 127.0.0.1:1 { tls }; otherwise -> respond 200\n"
                   "tls { cert \"%s/soon.crt\"; key \"%s/a.key\" } }\n",
                   certs, certs);
    out = lb_check(&status, NULL, text);
    assert_int_equal(status, 0);
    assert_true(matches(out, "warning W212: the certificate in .* ends on"));
    free(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        E2E_TEST(certificate_by_name_and_kind),
        E2E_TEST(sessions_resume_everywhere),
        E2E_TEST(client_certificates),
        E2E_TEST(handshake_takes_too_long),
        E2E_TEST(https_only),
        E2E_TEST(certificate_changes_under_load),
        E2E_TEST(servers_are_verified),
        E2E_TEST(tls_ends_in_mode_tcp),
        E2E_TEST(names_of_passing_tls),
        E2E_TEST(check_names_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, make, unmake);
}
