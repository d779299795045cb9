/*
 * cfg.h — the configuration as an immutable, validated tree.
 *
 * cfg_load reads files and environment variables and nothing else: no socket, no name look-up. It
 * reports every problem it finds in one run. The tree knows no plug-in: names of balancers and
 * checks are looked up in the `struct cfg_plugins` the caller passes, and their options are parsed
 * by the specs found there. Everything in the tree belongs to the `struct cfg` and lives until
 * cfg_free. A tree may be read by any thread.
 *
 * Durations are milliseconds, sizes bytes. An absent string is NULL, an absent number is what the
 * option table states as the default. Values of `defaults { }` are already merged in.
 */
#ifndef CONFIG_CFG_H
#define CONFIG_CFG_H

#include "lb/base/opts.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>

struct err;
struct diag;

enum cfg_mode { CFG_HTTP, CFG_TCP };

enum cfg_addr_kind {
    CFG_ADDR_IP,   /* `ip` is complete */
    CFG_ADDR_ANY,  /* ":80": all addresses, both families */
    CFG_ADDR_NAME, /* "name:80": to be resolved at prepare */
    CFG_ADDR_UNIX, /* "unix:/path" */
};

struct cfg_addr {
    enum cfg_addr_kind kind;
    uint16_t port;    /* host byte order; 0 for UNIX */
    const char *text; /* as written, normalised: "10.0.0.1:80", "[::1]:80", "unix:/x" */
    const char *host; /* NAME: the name; UNIX: the path; else NULL */
    union {
        struct sockaddr sa;
        struct sockaddr_in in4;
        struct sockaddr_in6 in6;
    } ip; /* IP only: address and port; an IPv4-mapped IPv6 address is stored as IPv4 */
    struct src_loc loc;
};

/*
 * Fills a socket address from an IP or UNIX address and returns its length; 0 for the other kinds,
 * which are no single address. Pure; any thread.
 */
socklen_t cfg_addr_sockaddr(const struct cfg_addr *, struct sockaddr_storage *);

struct cfg_net {      /* 10.0.0.0/8, ::1/128 */
    uint8_t addr[16]; /* IPv4 as ::ffff:a.b.c.d */
    uint8_t bits;     /* 0..128, of the 16 bytes */
};

enum cfg_log_to { CFG_LOG_STDERR, CFG_LOG_STDOUT, CFG_LOG_FILE, CFG_LOG_SYSLOG };
struct cfg_log {
    enum cfg_log_to to;
    const char *path; /* file or syslog address */
    bool json;
    int level; /* 0 error, 1 warning, 2 info, 3 debug */
};

struct cfg_global {
    unsigned threads; /* 0: auto (one per allowed CPU) */
    const char *user, *group;
    uint32_t max_connections; /* of clients, whole process */
    uint64_t memory_limit;    /* bytes of buffers, whole process; 0: none */
    uint32_t drain_timeout_ms;
    const char *pid_file;
    const char *ticket_keys; /* file of keys of TLS tickets; NULL: random ones, rotated */
    const char *secret;      /* keys sticky cookies; NULL: random per start (a warning) */
    struct cfg_log log;
    const char *const *balancer_plugins; /* `balancer "path.so"` */
    const struct src_loc *balancer_plugin_locs;
    unsigned nbalancer_plugins;
};

struct cfg_timeouts { /* ms; 0: none */
    uint32_t connect, handshake, header, client, server, idle, tunnel, queue;
};

enum cfg_verify { CFG_VERIFY_OFF, CFG_VERIFY_OPTIONAL, CFG_VERIFY_REQUIRED };

struct cfg_cert {
    const char *cert; /* PEM file: certificate and chain; or a folder of such files */
    const char *key;  /* PEM file; NULL: the key stands in `cert` */
    const char *ocsp; /* DER file: a response to staple; NULL: `cert`.ocsp when it is there */
    struct src_loc loc;
};

enum cfg_unknown_name { CFG_NAME_DEFAULT, CFG_NAME_REFUSE };

/* `tls { … }` of a frontend, a bind or a server. The files were readable when it was loaded. */
struct cfg_tls {
    const struct cfg_cert *certs; /* server: at most one, shown to the origin */
    unsigned ncerts;
    uint16_t min_version;    /* as on the wire: 0x0303 TLS 1.2, 0x0304 TLS 1.3 */
    const char *const *alpn; /* in order of preference; none: the program's choice */
    unsigned nalpn;
    const char *client_ca;         /* frontend, bind: PEM file; NULL: clients show no certificate */
    enum cfg_verify client_verify; /* frontend, bind: REQUIRED once client_ca is set */
    const char *client_crl;        /* frontend, bind: PEM file of revoked client certificates */
    uint32_t client_depth;         /* frontend, bind: authorities between client and client_ca */
    enum cfg_unknown_name unknown_name; /* frontend, bind: no certificate has the client's name */
    bool tickets;                       /* frontend, bind: session tickets; default on */
    const char *ciphers;                /* TLS 1.2, OpenSSL's list; NULL: the program's choice */
    const char *ciphersuites;           /* TLS 1.3 */
    const char *groups;                 /* of the key exchange */
    bool verify;                        /* server: check the origin's certificate; default on */
    const char *ca;                     /* server: PEM file; NULL: the system's authorities */
    const char *sni;    /* server: name to ask for and to check; NULL: the address's */
    struct src_loc loc; /* of the word `tls` */
};

struct cfg_bind {
    struct cfg_addr addr;
    uint32_t backlog;
    uint16_t unix_mode;                /* permission bits of a Unix socket, 0: as umask says */
    bool proxy_protocol;               /* a PROXY header comes first */
    const struct cfg_net *proxy_trust; /* who may send one: its own list or the frontend's */
    unsigned nproxy_trust;
    bool h2c; /* HTTP/2 without TLS, told from HTTP/1 by its preface */
    bool tls;
    const struct cfg_tls *tls_opts; /* its own block or the frontend's; not NULL when `tls` */
};

struct cfg_header_match {
    const char *name;
    const char *value; /* NULL: the field need only be there */
};

enum cfg_action { CFG_TO_BACKEND, CFG_REDIRECT, CFG_RESPOND };

/* One `route … -> …` line, or `otherwise`. A request must meet every kind of condition stated; of
 * several values for one kind (`host a b`, `method GET HEAD`) any one will do. Headers must all
 * match. */
struct cfg_route {
    const char *const *hosts; /* lower case, "*.example.com" for a wildcard */
    unsigned nhosts;
    const char *const *paths; // "/x" exact, "/x/*" prefix
    unsigned npaths;
    const char *const *methods;
    unsigned nmethods;
    const struct cfg_header_match *headers;
    unsigned nheaders;
    enum cfg_action action;
    unsigned backend;     /* CFG_TO_BACKEND: index in cfg.backends */
    unsigned status;      /* CFG_REDIRECT, CFG_RESPOND; RESPOND with 0: close without a reply */
    const char *location; /* CFG_REDIRECT: a path or URL; $host and $uri are replaced */
    struct src_loc loc;
};

struct cfg_limits {              /* of one frontend; see directives `limit …` */
    uint32_t header_bytes;       /* request head, 431 */
    uint32_t header_fields;      /* 431 */
    uint32_t target_bytes;       /* 414 */
    uint64_t body_bytes;         /* 413; 0: none */
    uint32_t requests;           /* per connection; 0: none */
    uint32_t connections;        /* of this frontend; 0: none */
    uint32_t source_connections; /* per source network; 0: none */
    uint32_t source_ipv4_bits;   /* of an address that make its network */
    uint32_t source_ipv6_bits;
    uint32_t body_min_rate; /* bytes/s while a body is being read; 0: none */
};

enum cfg_methods { /* what `methods` lets pass; CONNECT also needs a route that names it */
                   CFG_METHODS_NO_TRACE, /* the default: everything but TRACE */
                   CFG_METHODS_STANDARD, /* RFC 9110 and PATCH, without TRACE */
                   CFG_METHODS_ANY,
                   CFG_METHODS_LIST,
};

struct cfg_frontend {
    const char *name;
    enum cfg_mode mode;
    const struct cfg_bind *binds;
    unsigned nbinds;
    const struct cfg_route *routes; /* in order */
    unsigned nroutes;
    struct cfg_route otherwise;  /* HTTP default: respond 421; TCP default: close (status 0) */
    const struct cfg_net *trust; /* `forwarded { trust … }` */
    unsigned ntrust;
    bool rfc7239; /* `forwarded { rfc7239 }` */
    enum cfg_methods methods;
    const char *const *method_list; /* with CFG_METHODS_LIST */
    unsigned nmethods;
    bool has_access_log, access_json;
    struct cfg_log access_log;
    struct cfg_limits limits;
    struct cfg_timeouts timeouts;
    const struct cfg_tls *tls; /* NULL: no `tls` block */
    bool redirect_https;       /* plain requests get 308 to https:// */
    uint64_t hsts_s;           /* Strict-Transport-Security: max-age; 0: not sent */
    struct src_loc loc;
};

enum cfg_key { /* what a hash balancer or a sticky rule looks at */
               CFG_KEY_NONE,
               CFG_KEY_SOURCE,
               CFG_KEY_URI,
               CFG_KEY_PATH,
               CFG_KEY_HEADER,
               CFG_KEY_COOKIE,
               CFG_KEY_QUERY,
};

struct cfg_balance {
    const char *name;     /* the registered name, aliases resolved */
    enum cfg_key key;     /* `hash KEY`; CFG_KEY_SOURCE for source-hash */
    const char *key_name; /* of the header, cookie or query parameter */
    bool keyed;           /* the key was written (balancers that take one) */
    struct opts opts;
    struct src_loc loc;
};

struct cfg_sticky {
    enum cfg_key key; /* NONE (no stickiness), COOKIE, SOURCE or HEADER */
    const char *name; /* of the cookie or header */
    bool secure, http_only;
    const char *same_site; /* "lax", "strict", "none" or NULL */
    const char *path;      /* cookie Path, default "/" */
    const char *domain;    /* cookie Domain or NULL */
    uint64_t max_age_s;    /* 0: a session cookie */
    struct src_loc loc;
};

struct cfg_check {
    const char *type; /* NULL: no active check */
    const char *const *args;
    unsigned nargs;
    struct opts opts; /* of the type */
    uint32_t every_ms, timeout_ms;
    unsigned rise, fall;
    uint16_t port; /* 0: the server's */
    enum { CFG_START_UNKNOWN, CFG_START_UP, CFG_START_DOWN } start;
    struct src_loc loc;
};

struct cfg_passive { /* outlier ejection by live traffic */
    bool on;
    unsigned failures;        /* consecutive connect failures, resets, 5xx before ejection */
    bool count_5xx;           /* a 5xx of the origin is a failure */
    uint32_t eject_ms;        /* first ejection; doubles with each further one … */
    uint32_t eject_max_ms;    /* … up to this */
    unsigned max_ejected_pct; /* never more of the backend than this */
};

struct cfg_retry {
    unsigned attempts;   /* further servers to try; 0: none */
    unsigned budget_pct; /* retries may be at most this share of requests */
    unsigned budget_min; /* but this many per second are always allowed */
};

struct cfg_server {
    const char *name;
    struct cfg_addr addr;
    uint16_t weight;          /* 0..256; 0: gets nothing but sticky sessions */
    uint32_t max_connections; /* exchanges at a time; 0: no limit */
    bool backup;
    bool disabled; /* starts in maintenance */
    bool tls;
    const struct cfg_tls *tls_opts; /* not NULL when `tls` */
    unsigned proxy_protocol;        /* 1, 2: version of the header it is sent; 0: none */
    struct src_loc loc;
};

struct cfg_backend {
    const char *name;
    enum cfg_mode mode;
    struct cfg_balance balance;
    struct cfg_sticky sticky;
    struct cfg_check check;
    struct cfg_passive passive;
    struct cfg_retry retry;
    bool all_down_ignore_health; /* `all-down ignore-health`; default: 503 */
    uint32_t slow_start_ms;
    uint32_t idle_connections; /* idle upstream connections kept per server and worker */
    struct cfg_timeouts timeouts;
    const struct cfg_server *servers;
    unsigned nservers;
    struct src_loc loc;
};

struct cfg_admin {
    const char *socket; /* path; NULL: none */
    uint16_t socket_mode;
    const struct cfg_addr *http; /* NULL: none */
    struct src_loc socket_loc;
};

struct cfg {
    const char *path; /* as given */
    struct cfg_global global;
    const struct cfg_frontend *frontends;
    unsigned nfrontends;
    const struct cfg_backend *backends;
    unsigned nbackends;
    struct cfg_admin admin;
    bool uses_tls; /* some bind or server says `tls` */
    void *arena;   /* owns everything above */
};

/* The plug-ins a configuration may name. All pointers are borrowed for the call. */
struct cfg_plugins {
    const struct plug_desc *const *balancers; /* built-in ones; NULL-terminated */
    const struct plug_desc *const *checks;    /* NULL-terminated */
    /* Opens `balancer "path.so"`; NULL and `e` filled when it can't be used. May be NULL. The
     * description must outlive the cfg. */
    const struct plug_desc *(*load_balancer)(void *ctx, const char *path, struct err *e);
    void *ctx;
    /* Judges what is in the files of a `tls` block (`server`: of a server); calls `say` for each
     * finding before it returns. May be NULL. */
    void (*judge_tls)(const struct cfg_tls *, bool server,
                      void (*say)(void *, bool error, struct src_loc, const char *text), void *to);
};

/*
 * Reads `path` and what it includes. Returns the tree, or NULL when there was any error. Errors and
 * warnings are added to `d` in both cases. Caller frees with cfg_free. Blocks on file reads.
 */
struct cfg *cfg_load(const char *path, const struct cfg_plugins *, struct diag *d);

/* The same from memory; `name` stands for the file name in messages. */
struct cfg *cfg_load_text(const char *name, const char *text, size_t n, const struct cfg_plugins *,
                          struct diag *d);
void cfg_free(struct cfg *); /* NULL is a no-op */

/* Writes the tree as a configuration that loads to an equal tree. */
void cfg_dump(const struct cfg *, FILE *out);

/* Writes the directive reference (Markdown) from the option tables and the plug-ins' specs. */
void cfg_write_reference(const struct cfg_plugins *, FILE *out);

#endif
