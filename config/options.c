/*
 * options.c — the table itself. The order is the manual's.
 *
 * Durations end below 2^31 ms, because deadlines are compared as signed 32-bit differences.
 */
#include "config/options.h"

#define IN(place)        (1u << PLACE_##place)
#define SPEC(n, t, d, h) .spec = {.name = n, .type = t, .def = d, .help = h}
#define RANGE(n, t, lo, hi, d, h)                                                                  \
    .spec = {.name = n, .type = t, .min = lo, .max = hi, .def = d, .help = h}
#define CHOICE(n, c, d, h) .spec = {.name = n, .type = OPT_ENUM, .def = d, .choices = c, .help = h}
#define FIELD(b, st, type, member)                                                                 \
    .base = BASE_##b, .store = STORE_##st, .offset = offsetof(struct type, member)
#define PLAIN   .block = PLACE_NONE
#define LONGEST (UINT64_C(24) * 86400000) /* 24d */
#define GIB     (UINT64_C(1) << 30)

static const char *const START[] = {"unknown", "up", "down", NULL};
static const char *const VERIFY[] = {"off", "optional", "required", NULL};
static const char *const UNKNOWN_NAME[] = {"default", "refuse", NULL};
static const char *const SAME_SITE[] = {"lax", "strict", "none", NULL};
static const char *const PROXY_VERSION[] = {"off", "v1", "v2", NULL};
static const char *const ALL_DOWN[] = {"fail", "ignore-health", NULL};

#define TIMEOUT(word, member, where, d, h)                                                         \
    {                                                                                              \
        RANGE("timeout " word, OPT_DURATION, 0, LONGEST, d, h),                                    \
            .places = where, FIELD(TIMEOUTS, U32, cfg_timeouts, member), PLAIN                     \
    }
#define LIMIT(word, t, st, member, lo, hi, d, h)                                                   \
    {                                                                                              \
        RANGE("limit " word, t, lo, hi, d, h), .places = IN(FRONTEND) | IN(DEFAULTS),              \
                                               FIELD(LIMITS, st, cfg_limits, member), PLAIN        \
    }

const struct directive options_table[] = {
    /* Top of a file. */
    {SPEC("global", OPT_WORDS, NULL, "Settings of the whole process; at most one."),
     .places = IN(TOP), .flags = OPTION_NEEDS_BLOCK, .block = PLACE_GLOBAL, .syntax = "{ ... }"},
    {SPEC("defaults", OPT_WORDS, NULL,
          "Settings that every frontend and backend inherits, wherever it stands; a "
          "block's own setting replaces the whole. At most one."),
     .places = IN(TOP), .flags = OPTION_NEEDS_BLOCK, .block = PLACE_DEFAULTS, .syntax = "{ ... }"},
    {SPEC("frontend", OPT_WORDS, NULL, "Where clients connect: addresses, limits and routes."),
     .places = IN(TOP), .flags = OPTION_REPEATS | OPTION_NEEDS_BLOCK, .block = PLACE_FRONTEND,
     .syntax = "NAME { ... }", .example = "frontend web { bind :8080; route -> app }"},
    {SPEC("backend", OPT_WORDS, NULL, "A group of servers with the way to choose among them."),
     .places = IN(TOP), .flags = OPTION_REPEATS | OPTION_NEEDS_BLOCK, .block = PLACE_BACKEND,
     .syntax = "NAME { ... }", .example = "backend app { server a1 10.0.0.1:8080 }"},
    {SPEC("admin", OPT_WORDS, NULL, "Where the process is observed and steered; at most one."),
     .places = IN(TOP), .flags = OPTION_NEEDS_BLOCK, .block = PLACE_ADMIN, .syntax = "{ ... }"},

    /* global */
    {SPEC("threads", OPT_WORDS, "auto",
          "Worker threads; `auto`: one per CPU the process may use. 1 to 256."),
     .places = IN(GLOBAL), PLAIN, .set = set_threads, .syntax = "auto | NUMBER"},
    {SPEC("user", OPT_STRING, NULL, "The user to become once the addresses are bound."),
     .places = IN(GLOBAL), FIELD(GLOBAL, TEXT, cfg_global, user), PLAIN},
    {SPEC("group", OPT_STRING, NULL, "The group to become once the addresses are bound."),
     .places = IN(GLOBAL), FIELD(GLOBAL, TEXT, cfg_global, group), PLAIN},
    {RANGE("max-connections", OPT_UINT, 1, 10000000, "100000",
           "Client connections at a time, all frontends together."),
     .places = IN(GLOBAL), FIELD(GLOBAL, U32, cfg_global, max_connections), PLAIN},
    {SPEC("memory-limit", OPT_SIZE, "0", "Bytes of buffers, all threads together; 0: no limit."),
     .places = IN(GLOBAL), FIELD(GLOBAL, U64, cfg_global, memory_limit), PLAIN},
    {SPEC("log", OPT_WORDS, "stderr text info",
          "Where the process logs, in which form and from which level on "
          "(error, warning, info, debug)."),
     .places = IN(GLOBAL), PLAIN, .set = set_log,
     .syntax = "stderr | stdout | file PATH | syslog ADDRESS [text | json] [LEVEL]",
     .example = "log syslog 127.0.0.1:514 json warning"},
    {SPEC("pid-file", OPT_STRING, NULL, "A file that holds the process id while the process runs."),
     .places = IN(GLOBAL), FIELD(GLOBAL, TEXT, cfg_global, pid_file), PLAIN},
    {RANGE("drain-timeout", OPT_DURATION, 0, LONGEST, "30s",
           "How long connections may finish at a stop or reload."),
     .places = IN(GLOBAL), FIELD(GLOBAL, U32, cfg_global, drain_timeout_ms), PLAIN},
    {SPEC(
         "tls-ticket-keys", OPT_STRING, NULL,
         "A file of keys of TLS session tickets, one a line in base64, at least 32 bytes each; the "
         "first one makes tickets, all of them open. Proxies that share the file resume each "
         "other's sessions; it is read again when it changes. Without it random keys are made "
         "and changed every hour."),
     .places = IN(GLOBAL), FIELD(GLOBAL, TEXT, cfg_global, ticket_keys), PLAIN,
     .flags = OPTION_FILE, .syntax = "FILE"},
    {SPEC("secret", OPT_STRING, NULL,
          "Keys sticky cookies. Without it a random one is made at each start, so cookies do not "
          "outlive the process and are not shared between proxies."),
     .places = IN(GLOBAL), FIELD(GLOBAL, TEXT, cfg_global, secret), PLAIN,
     .example = "secret \"${LB_SECRET}\""},
    {SPEC("balancer", OPT_WORDS, NULL,
          "Loads a balancer from a shared object; `balance` may then name it. A relative path "
          "is seen from the folder of the configuration file."),
     .places = IN(GLOBAL), .flags = OPTION_REPEATS, PLAIN, .set = set_balancer_plugin,
     .syntax = "\"PATH.so\""},

    /* frontend */
    {SPEC("mode", OPT_WORDS, "http",
          "What is spoken. A backend without it takes the mode of the frontends that route to it."),
     .places = IN(FRONTEND) | IN(BACKEND) | IN(DEFAULTS), PLAIN, .set = set_mode,
     .syntax = "http | tcp"},
    {SPEC("bind", OPT_WORDS, NULL,
          "Addresses to listen on; `:80` is all addresses of both families."),
     .places = IN(FRONTEND), .flags = OPTION_REPEATS, .block = PLACE_BIND, .set = set_bind,
     .syntax = "ADDRESS, ... [{ ... }]", .example = "bind 0.0.0.0:443, [::]:443 { tls }"},
    {SPEC(
         "route", OPT_WORDS, NULL,
         "Chooses the backend or reply for a request; the first route that matches wins. All kinds "
         "of conditions must hold; of several values of one kind any one. `*.example.com` is any "
         "name below, `/x/*` any path below. "
         "In mode tcp `host`, or `sni`, is the name in the TLS handshake. The location of a "
         "redirect may hold "
         "$host and $uri."),
     .places = IN(FRONTEND), .flags = OPTION_REPEATS, PLAIN, .set = set_route,
     .syntax = "[host NAME ...] [path PATH ...] [method NAME ...] [header NAME [VALUE]] -> BACKEND "
               "| redirect CODE \"URL\" | respond CODE | close",
     .example = "route host api.example.com path /v1/* -> api"},
    {SPEC("otherwise", OPT_WORDS, NULL,
          "What becomes of a request that no route matches: respond 421 in mode http, close in "
          "mode tcp."),
     .places = IN(FRONTEND), PLAIN, .set = set_otherwise, .syntax = "-> ACTION",
     .example = "otherwise -> respond 404"},
    {SPEC("tls", OPT_FLAG, NULL,
          "In a frontend: certificates for its binds. In a bind: clients speak TLS here; a block "
          "of its own "
          "replaces the frontend's."),
     .places = IN(FRONTEND) | IN(BIND), .block = PLACE_TLS, .set = set_tls, .syntax = "[{ ... }]"},
    {SPEC("redirect-https", OPT_FLAG, NULL,
          "Requests that came without TLS are sent to https:// with status 308."),
     .places = IN(FRONTEND) | IN(DEFAULTS), FIELD(FRONTEND, BOOL, cfg_frontend, redirect_https),
     PLAIN},
    {RANGE("hsts", OPT_DURATION, 0, UINT64_C(3650) * 86400000, "0",
           "Responses over TLS tell browsers to use nothing else for that long "
           "(Strict-Transport-Security)."),
     .places = IN(FRONTEND) | IN(DEFAULTS), FIELD(FRONTEND, SECONDS, cfg_frontend, hsts_s), PLAIN,
     .example = "hsts 180d"},
    {SPEC("access-log", OPT_WORDS, "off", "One line per exchange."),
     .places = IN(FRONTEND) | IN(DEFAULTS), PLAIN, .set = set_access_log,
     .syntax = "off | [text | json] PATH | stderr | stdout | syslog ADDRESS",
     .example = "access-log json \"/var/log/lb/access.log\""},
    {SPEC("forwarded", OPT_WORDS, NULL,
          "X-Forwarded-For, -Proto and -Host are always sent; here is said whose values are "
          "believed."),
     .places = IN(FRONTEND) | IN(DEFAULTS), .flags = OPTION_NEEDS_BLOCK, .block = PLACE_FORWARDED,
     .set = set_forwarded, .syntax = "{ ... }", .example = "forwarded { trust 10.0.0.0/8 }"},

    {SPEC(
         "methods", OPT_WORDS, NULL,
         "Which methods pass; others are answered 405 with Allow. Without it: all but TRACE. "
         "`standard`: those of RFC 9110 but TRACE, and PATCH. CONNECT passes only to a route that "
         "names it (route method CONNECT -> BACKEND): the server gets it, and a tunnel begins when "
         "it answers 2xx."),
     .places = IN(FRONTEND) | IN(DEFAULTS), PLAIN, .set = set_methods,
     .syntax = "standard | any | NAME, ...", .example = "methods GET, HEAD, POST"},

    TIMEOUT("connect", connect, IN(BACKEND) | IN(DEFAULTS), "2s",
            "For a connection to a server to stand."),
    TIMEOUT("handshake", handshake, IN(FRONTEND) | IN(DEFAULTS), "10s",
            "For a TLS handshake with a client to be through."),
    TIMEOUT("header", header, IN(FRONTEND) | IN(DEFAULTS), "10s",
            "For a request head to be complete (408)."),
    TIMEOUT("client", client, IN(FRONTEND) | IN(DEFAULTS), "30s",
            "For a client that stalls while it sends a body or reads a response."),
    TIMEOUT("server", server, IN(BACKEND) | IN(DEFAULTS), "30s",
            "For the first byte of a response and for stalls of a server."),
    TIMEOUT("idle", idle, IN(FRONTEND) | IN(BACKEND) | IN(DEFAULTS), "60s",
            "For a kept connection between two requests: of a client in a "
            "frontend, to a server in a backend."),
    TIMEOUT("tunnel", tunnel, IN(FRONTEND) | IN(BACKEND) | IN(DEFAULTS), "1h",
            "For TCP and upgraded connections on which nothing moves."),
    TIMEOUT("queue", queue, IN(BACKEND) | IN(DEFAULTS), "5s",
            "For a request that waits because all servers are at max-connections (503)."),

    LIMIT("header-bytes", OPT_SIZE, U32, header_bytes, 1024, 65536, "16k",
          "Size of a request head (431)."),
    LIMIT("header-fields", OPT_UINT, U32, header_fields, 1, 128, "100",
          "Fields of a request head (431)."),
    LIMIT("target-bytes", OPT_SIZE, U32, target_bytes, 64, 65536, "8k",
          "Size of a request target (414)."),
    LIMIT("body-bytes", OPT_SIZE, U64, body_bytes, 0, 0, "0",
          "Size of a request body (413); 0: no limit."),
    LIMIT("requests", OPT_UINT, U32, requests, 0, UINT32_MAX, "0",
          "Requests of one connection; 0: no limit."),
    LIMIT("connections", OPT_UINT, U32, connections, 0, UINT32_MAX, "0",
          "Connections of this frontend at a time; 0: no limit."),
    LIMIT("source-connections", OPT_UINT, U32, source_connections, 0, UINT32_MAX, "0",
          "Connections of one client network at a time, in this frontend; 0: no limit."),
    LIMIT("source-ipv4-bits", OPT_UINT, U32, source_ipv4_bits, 1, 32, "32",
          "Bits of an IPv4 address that make its network for source-connections."),
    LIMIT("source-ipv6-bits", OPT_UINT, U32, source_ipv6_bits, 1, 128, "64",
          "Bits of an IPv6 address that make its network for source-connections."),
    LIMIT(
        "body-min-rate", OPT_SIZE, U32, body_min_rate, 0, GIB, "0",
        "Bytes per second a client must send on average while its body is awaited (408); the first "
        "3 seconds of waiting are free. 0: any rate."),

    /* bind */
    {RANGE("backlog", OPT_UINT, 1, 65535, "4096",
           "Connections that may wait to be accepted; the kernel bounds it by net.core.somaxconn."),
     .places = IN(BIND), FIELD(BIND, U32, cfg_bind, backlog), PLAIN},
    {SPEC("mode", OPT_WORDS, NULL, "Permissions of a Unix socket, in octal."),
     .places = IN(BIND) | IN(SOCKET), PLAIN, .set = set_unix_mode, .syntax = "OCTAL",
     .example = "mode 0660"},
    {SPEC(
         "proxy-protocol", OPT_FLAG, NULL,
         "Every connection begins with a PROXY protocol header (version 1 or 2), sent by a proxy "
         "that is trusted: in its block, else by `forwarded` of the frontend. Others are refused."),
     .places = IN(BIND), .block = PLACE_PROXY, .set = set_proxy_protocol, .syntax = "[{ ... }]",
     .example = "bind :443 { proxy-protocol { trust 10.0.0.0/8 } }"},
    {SPEC(
         "h2c", OPT_FLAG, NULL,
         "Clients may speak HTTP/2 here without TLS; its first bytes tell it from HTTP/1. Over TLS "
         "the handshake decides, see `alpn`."),
     .places = IN(BIND), FIELD(BIND, BOOL, cfg_bind, h2c), PLAIN, .example = "bind :8080 { h2c }"},

    /* tls of a frontend or bind */
    {SPEC("cert", OPT_WORDS, NULL,
          "PEM files with a certificate, its chain and (unless `key` is given) its key, or folders "
          "of such files (*.pem; *.crt with *.key beside it). Chosen by the name the client asks "
          "for and the kinds of keys it knows; the first one serves clients that name no host."),
     .places = IN(TLS), .flags = OPTION_REPEATS, PLAIN, .set = set_certs, .syntax = "FILE, ..."},
    {SPEC("key", OPT_WORDS, NULL,
          "PEM files with the keys, as many and in the same order as `cert`."),
     .places = IN(TLS), .flags = OPTION_REPEATS, PLAIN, .set = set_keys, .syntax = "FILE, ..."},
    {SPEC("ocsp", OPT_WORDS, NULL,
          "DER files with OCSP responses to staple, in the order of `cert`. Without it FILE.ocsp "
          "beside a certificate is taken."),
     .places = IN(TLS), .flags = OPTION_REPEATS, PLAIN, .set = set_ocsp, .syntax = "FILE, ..."},
    {CHOICE(
         "unknown-name", UNKNOWN_NAME, "default",
         "What a client gets whose name no certificate has: the first certificate, or an alert."),
     .places = IN(TLS), FIELD(TLS, U32, cfg_tls, unknown_name), PLAIN},
    {SPEC("tickets", OPT_ONOFF, "on", "May clients resume sessions by tickets?"), .places = IN(TLS),
     FIELD(TLS, BOOL, cfg_tls, tickets), PLAIN},
    {SPEC("ciphers", OPT_STRING, "ECDHE+AESGCM:ECDHE+CHACHA20",
          "Ciphers of TLS 1.2, as OpenSSL lists them."),
     .places = IN(TLS) | IN(SERVER_TLS), FIELD(TLS, TEXT, cfg_tls, ciphers), PLAIN},
    {SPEC("ciphersuites", OPT_STRING, NULL, "Cipher suites of TLS 1.3; without it OpenSSL's."),
     .places = IN(TLS) | IN(SERVER_TLS), FIELD(TLS, TEXT, cfg_tls, ciphersuites), PLAIN,
     .example = "ciphersuites TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384"},
    {SPEC("groups", OPT_STRING, "X25519:P-256:P-384", "Groups of the key exchange."),
     .places = IN(TLS) | IN(SERVER_TLS), FIELD(TLS, TEXT, cfg_tls, groups), PLAIN},
    {SPEC("min-version", OPT_WORDS, "1.2", "The oldest version of TLS."),
     .places = IN(TLS) | IN(SERVER_TLS), PLAIN, .set = set_min_version, .syntax = "1.2 | 1.3"},
    {SPEC("alpn", OPT_WORDS, NULL, "Protocols to offer, the preferred one first."),
     .places = IN(TLS), PLAIN, .set = set_alpn, .syntax = "NAME, ...",
     .example = "alpn h2, http/1.1"},
    {SPEC("client-ca", OPT_STRING, NULL,
          "A PEM file: authorities whose client certificates are accepted."),
     .places = IN(TLS), FIELD(TLS, TEXT, cfg_tls, client_ca), PLAIN, .flags = OPTION_FILE,
     .syntax = "FILE"},
    {CHOICE("client-verify", VERIFY, NULL,
            "Must clients show a certificate? `required` once client-ca is set."),
     .places = IN(TLS), FIELD(TLS, U32, cfg_tls, client_verify), PLAIN},
    {SPEC("client-crl", OPT_STRING, NULL,
          "A PEM file: revocation lists; with it every authority needs one."),
     .places = IN(TLS), FIELD(TLS, TEXT, cfg_tls, client_crl), PLAIN, .flags = OPTION_FILE,
     .syntax = "FILE"},
    {RANGE("client-depth", OPT_UINT, 0, 100, "4",
           "Authorities that may stand between a client's certificate and one of client-ca."),
     .places = IN(TLS), FIELD(TLS, U32, cfg_tls, client_depth), PLAIN},

    /* forwarded */
    {SPEC(
         "trust", OPT_WORDS, NULL,
         "Networks whose X-Forwarded-* values are kept and appended to; in a bind: that send PROXY "
         "protocol headers."),
     .places = IN(FORWARDED) | IN(PROXY), .flags = OPTION_REPEATS, PLAIN, .set = set_trust,
     .syntax = "NETWORK, ...", .example = "trust 10.0.0.0/8, ::1"},

    {SPEC("rfc7239", OPT_FLAG, NULL, "Sends the standard field Forwarded (RFC 7239) too."),
     .places = IN(FORWARDED), FIELD(FRONTEND, BOOL, cfg_frontend, rfc7239), PLAIN},

    /* backend */
    {SPEC("balance", OPT_WORDS, NULL,
          "How a server is chosen; the names are listed below. Without it: round-robin, or "
          "weighted-round-robin when a server has a weight. KEY is `uri`, `path`, `source`, "
          "`header NAME`, `cookie NAME` or `query NAME`."),
     .places = IN(BACKEND) | IN(DEFAULTS), .block = PLACE_BALANCE, .set = set_balance,
     .syntax = "NAME [KEY] [OPTION ...] [{ ... }]", .example = "balance hash header X-User"},
    {SPEC("sticky", OPT_WORDS, "off",
          "Later requests of a client go to the same server. The value of the cookie is opaque and "
          "authenticated."),
     .places = IN(BACKEND) | IN(DEFAULTS), .block = PLACE_STICKY, .set = set_sticky,
     .syntax = "off | source | header NAME | cookie NAME [{ ... }]",
     .example = "sticky cookie LBSRV { secure; http-only; same-site lax }"},
    {SPEC("check", OPT_WORDS, "off",
          "Asks the servers at intervals whether they are well; the types are listed below."),
     .places = IN(BACKEND) | IN(DEFAULTS), .block = PLACE_CHECK, .set = set_check,
     .syntax = "off | TYPE [ARGUMENT ...] [OPTION ...] [{ ... }]",
     .example = "check http GET /healthz { expect status 200-399; every 2s }"},
    {SPEC("passive", OPT_WORDS, "off",
          "Takes a server out for a while when live traffic fails; the word alone means the "
          "defaults."),
     .places = IN(BACKEND) | IN(DEFAULTS), .block = PLACE_PASSIVE, .set = set_passive,
     .syntax = "[off | { ... }]"},
    {SPEC("retry", OPT_WORDS, NULL, "When a request may go to a further server."),
     .places = IN(BACKEND) | IN(DEFAULTS), .block = PLACE_RETRY, .set = set_retry,
     .syntax = "off | { ... }", .example = "retry { attempts 2; budget 20%; budget-min 10 }"},
    {CHOICE("all-down", ALL_DOWN, "fail",
            "When no server is well: answer 503, or try them all the same."),
     .places = IN(BACKEND) | IN(DEFAULTS),
     FIELD(BACKEND, BOOL, cfg_backend, all_down_ignore_health), PLAIN},
    {RANGE("slow-start", OPT_DURATION, 0, LONGEST, "0",
           "How long the weight of a server that came back grows to its full value."),
     .places = IN(BACKEND) | IN(DEFAULTS), FIELD(BACKEND, U32, cfg_backend, slow_start_ms), PLAIN},
    {RANGE("idle-connections", OPT_UINT, 0, 1000000, "1024",
           "Idle connections kept per server and worker."),
     .places = IN(BACKEND) | IN(DEFAULTS), FIELD(BACKEND, U32, cfg_backend, idle_connections),
     PLAIN},
    {SPEC("server", OPT_WORDS, NULL, "One origin."), .places = IN(BACKEND), .flags = OPTION_REPEATS,
     .block = PLACE_SERVER, .set = set_server, .syntax = "NAME ADDRESS [{ ... }]",
     .example = "server a1 10.0.0.1:8080 { weight 2 }"},

    /* sticky */
    {SPEC("secure", OPT_FLAG, NULL, "The cookie is sent over TLS only."), .places = IN(STICKY),
     FIELD(STICKY, BOOL, cfg_sticky, secure), PLAIN},
    {SPEC("http-only", OPT_FLAG, NULL, "Scripts of the page can't read the cookie."),
     .places = IN(STICKY), FIELD(STICKY, BOOL, cfg_sticky, http_only), PLAIN},
    {CHOICE("same-site", SAME_SITE, NULL, "The cookie's SameSite attribute."), .places = IN(STICKY),
     FIELD(STICKY, CHOICE, cfg_sticky, same_site), PLAIN},
    {SPEC("path", OPT_STRING, "/", "The cookie's Path attribute."), .places = IN(STICKY),
     FIELD(STICKY, TEXT, cfg_sticky, path), PLAIN},
    {SPEC("domain", OPT_STRING, NULL, "The cookie's Domain attribute."), .places = IN(STICKY),
     FIELD(STICKY, TEXT, cfg_sticky, domain), PLAIN},
    {RANGE("max-age", OPT_DURATION, 0, UINT64_C(3650) * 86400000, "0",
           "How long the browser keeps the cookie, in whole seconds; 0: until it is closed."),
     .places = IN(STICKY), FIELD(STICKY, SECONDS, cfg_sticky, max_age_s), PLAIN},

    /* check */
    {RANGE("every", OPT_DURATION, 10, LONGEST, "2s", "Time between two checks of a server."),
     .places = IN(CHECK), FIELD(CHECK, U32, cfg_check, every_ms), PLAIN},
    {RANGE("timeout", OPT_DURATION, 1, LONGEST, "1s", "For one check."), .places = IN(CHECK),
     FIELD(CHECK, U32, cfg_check, timeout_ms), PLAIN},
    {RANGE("rise", OPT_UINT, 1, 1000, "2", "Good checks in a row until a server counts as up."),
     .places = IN(CHECK), FIELD(CHECK, U32, cfg_check, rise), PLAIN},
    {RANGE("fall", OPT_UINT, 1, 1000, "3", "Failed checks in a row until a server counts as down."),
     .places = IN(CHECK), FIELD(CHECK, U32, cfg_check, fall), PLAIN},
    {RANGE("port", OPT_UINT, 1, 65535, NULL, "The port to check when it is not the server's."),
     .places = IN(CHECK), FIELD(CHECK, U16, cfg_check, port), PLAIN},
    {CHOICE("start", START, "unknown",
            "What a server counts as before its first check; `unknown` gets traffic."),
     .places = IN(CHECK), FIELD(CHECK, U32, cfg_check, start), PLAIN},

    /* passive */
    {RANGE("failures", OPT_UINT, 1, 10000, "5",
           "Failures in a row (refused, reset, no answer, 5xx) that eject a server."),
     .places = IN(PASSIVE), FIELD(PASSIVE, U32, cfg_passive, failures), PLAIN},
    {SPEC("count-5xx", OPT_ONOFF, "on", "Is an answer of 5xx a failure?"), .places = IN(PASSIVE),
     FIELD(PASSIVE, BOOL, cfg_passive, count_5xx), PLAIN},
    {RANGE("eject", OPT_DURATION, 1, LONGEST, "10s",
           "Length of the first ejection; each further one is twice as long."),
     .places = IN(PASSIVE), FIELD(PASSIVE, U32, cfg_passive, eject_ms), PLAIN},
    {RANGE("eject-max", OPT_DURATION, 1, LONGEST, "5m", "Length of the longest ejection."),
     .places = IN(PASSIVE), FIELD(PASSIVE, U32, cfg_passive, eject_max_ms), PLAIN},
    {RANGE("max-ejected", OPT_RATIO, 0, 1000, "50%",
           "Share of the servers that may be ejected at a time."),
     .places = IN(PASSIVE), FIELD(PASSIVE, PERCENT, cfg_passive, max_ejected_pct), PLAIN},

    /* retry */
    {RANGE("attempts", OPT_UINT, 0, 100, "2", "Further servers to try; 0: none."),
     .places = IN(RETRY), FIELD(RETRY, U32, cfg_retry, attempts), PLAIN},
    {RANGE("budget", OPT_RATIO, 0, 1000, "20%", "Share of the requests that may be retries."),
     .places = IN(RETRY), FIELD(RETRY, PERCENT, cfg_retry, budget_pct), PLAIN},
    {RANGE("budget-min", OPT_UINT, 0, 1000000, "10", "Retries per second that are always allowed."),
     .places = IN(RETRY), FIELD(RETRY, U32, cfg_retry, budget_min), PLAIN},

    /* server */
    {RANGE("weight", OPT_UINT, 0, 256, "1",
           "Its share of the traffic; 0: nothing but sticky sessions."),
     .places = IN(SERVER), FIELD(SERVER, U16, cfg_server, weight), PLAIN},
    {RANGE("max-connections", OPT_UINT, 0, UINT32_MAX, "0",
           "Exchanges at a time; further ones wait or go elsewhere. 0: no limit."),
     .places = IN(SERVER), FIELD(SERVER, U32, cfg_server, max_connections), PLAIN},
    {SPEC("backup", OPT_FLAG, NULL, "Gets traffic only when no other server is well."),
     .places = IN(SERVER), FIELD(SERVER, BOOL, cfg_server, backup), PLAIN},
    {SPEC("disabled", OPT_FLAG, NULL, "Starts in maintenance."), .places = IN(SERVER),
     FIELD(SERVER, BOOL, cfg_server, disabled), PLAIN},
    {CHOICE(
         "proxy-protocol", PROXY_VERSION, "off",
         "Connections begin with a PROXY protocol header that names the client. Connections that "
         "carry HTTP are then not kept for others."),
     .places = IN(SERVER), FIELD(SERVER, U32, cfg_server, proxy_protocol), PLAIN},
    {SPEC("tls", OPT_FLAG, NULL, "The server speaks TLS."), .places = IN(SERVER),
     .block = PLACE_SERVER_TLS, .set = set_server_tls, .syntax = "[{ ... }]"},

    /* server … tls */
    {SPEC("verify", OPT_ONOFF, "on", "Is the server's certificate checked?"),
     .places = IN(SERVER_TLS), FIELD(TLS, BOOL, cfg_tls, verify), PLAIN},
    {SPEC("ca", OPT_STRING, NULL, "A PEM file: authorities to believe; without it the system's."),
     .places = IN(SERVER_TLS), FIELD(TLS, TEXT, cfg_tls, ca), PLAIN, .flags = OPTION_FILE,
     .syntax = "FILE"},
    {SPEC("sni", OPT_STRING, NULL, "The name to ask for and to check; without it the address's."),
     .places = IN(SERVER_TLS), FIELD(TLS, TEXT, cfg_tls, sni), PLAIN, .syntax = "NAME"},
    {SPEC("cert", OPT_WORDS, NULL, "A PEM file with certificate and key to show to the server."),
     .places = IN(SERVER_TLS), PLAIN, .set = set_server_cert, .syntax = "FILE"},

    /* admin */
    {SPEC("socket", OPT_WORDS, NULL, "A Unix socket for `lb show`, `lb drain` and the like."),
     .places = IN(ADMIN), .block = PLACE_SOCKET, .set = set_admin_socket,
     .syntax = "PATH [{ mode OCTAL }]", .example = "socket \"/run/lb/admin.sock\" { mode 0600 }"},
    {SPEC("http", OPT_WORDS, NULL,
          "An address for the status page, metrics and health of the proxy itself."),
     .places = IN(ADMIN), PLAIN, .set = set_admin_http, .syntax = "ADDRESS",
     .example = "http 127.0.0.1:8404"},
};
const unsigned options_count = sizeof options_table / sizeof *options_table;

static const struct {
    const char *name, *help;
} PLACES[PLACE_COUNT] = {
    [PLACE_TOP] = {"the top of a file", "What a configuration consists of."},
    [PLACE_GLOBAL] = {"global", "Settings of the process."},
    [PLACE_DEFAULTS] = {"defaults", "Inherited by every frontend and backend."},
    [PLACE_FRONTEND] = {"frontend", "Where clients connect."},
    [PLACE_BIND] = {"bind", "Details of listening addresses."},
    [PLACE_PROXY] = {"proxy-protocol", "Whose PROXY protocol headers are believed."},
    [PLACE_TLS] = {"tls", "TLS towards clients, in a frontend or a bind."},
    [PLACE_FORWARDED] = {"forwarded", "Which networks may say who the client is."},
    [PLACE_BACKEND] = {"backend", "A group of servers."},
    [PLACE_STICKY] = {"sticky", "Attributes of a sticky cookie."},
    [PLACE_CHECK] = {"check", "Options of every type of active check."},
    [PLACE_PASSIVE] = {"passive", "Ejection by live traffic."},
    [PLACE_RETRY] = {"retry", "Bounds of retries."},
    [PLACE_SERVER] = {"server", "One origin."},
    [PLACE_SERVER_TLS] = {"server tls", "TLS towards a server."},
    [PLACE_ADMIN] = {"admin", "Observation and control."},
    [PLACE_SOCKET] = {"socket", "Details of the admin socket."},
};

const char *options_place_name(enum place p)
{
    return p < PLACE_COUNT ? PLACES[p].name : "balance";
}

const char *options_place_help(enum place p)
{
    return p < PLACE_COUNT ? PLACES[p].help : "";
}
