/*
 * options.h — the table of directives: what may stand where, with which value.
 *
 * One table drives parsing, range checks, defaults, "did you mean", the dump and the reference
 * manual. A directive with a plain value is stored by `base`, `offset` and `store`; the others have
 * a function in `set`.
 */
#ifndef CONFIG_OPTIONS_H
#define CONFIG_OPTIONS_H

#include "config/cfg.h"
#include "config/parser.h"

enum place {
    PLACE_TOP,
    PLACE_GLOBAL,
    PLACE_DEFAULTS,
    PLACE_FRONTEND,
    PLACE_BIND,
    PLACE_PROXY, /* proxy-protocol of a bind */
    PLACE_TLS,   /* of a frontend or bind */
    PLACE_FORWARDED,
    PLACE_BACKEND,
    PLACE_STICKY,
    PLACE_CHECK,
    PLACE_PASSIVE,
    PLACE_RETRY,
    PLACE_SERVER,
    PLACE_SERVER_TLS,
    PLACE_ADMIN,
    PLACE_SOCKET,
    PLACE_COUNT,
    PLACE_NONE = PLACE_COUNT,
    PLACE_BALANCE, /* what may stand there is the balancer's affair */
};

enum base { /* the struct a value is stored in; see options_base_size */
            BASE_NONE,
            BASE_GLOBAL,
            BASE_TIMEOUTS,
            BASE_FRONTEND,
            BASE_LIMITS,
            BASE_BIND,
            BASE_TLS,
            BASE_BACKEND,
            BASE_STICKY,
            BASE_CHECK,
            BASE_PASSIVE,
            BASE_RETRY,
            BASE_SERVER,
            BASE_ADMIN,
            BASE_COUNT,
};

enum store {
    STORE_NONE,
    STORE_BOOL,
    STORE_U16,
    STORE_U32, /* also unsigned and enums */
    STORE_U64,
    STORE_TEXT,
    STORE_CHOICE,  /* the word of an OPT_ENUM as text */
    STORE_PERCENT, /* OPT_RATIO as whole per cent, 32 bits */
    STORE_SECONDS, /* OPT_DURATION as whole seconds, 64 bits */
};

enum { OPTION_REPEATS = 1, OPTION_NEEDS_BLOCK = 2, OPTION_FILE = 4 /* a file that is read */ };

struct build;
struct scope;
struct directive;
typedef void option_set(struct build *, struct scope *, const struct stmt *,
                        const struct directive *);

struct directive {
    struct opt_spec spec; /* name may be two words: "timeout connect" */
    uint32_t places;      /* bit per enum place */
    enum base base;
    enum store store;
    uint16_t offset;
    uint8_t flags;
    enum place block;    /* what its { } holds, PLACE_NONE when it has none */
    option_set *set;     /* NULL: stored by the fields above */
    const char *syntax;  /* what follows the name; NULL: the value's type says it */
    const char *example; /* a whole statement; may be NULL */
};

extern const struct directive options_table[];
extern const unsigned options_count;

/* "frontend", "server … tls"; for messages and the manual. */
const char *options_place_name(enum place);
const char *options_place_help(enum place);

/* Reads the stored number back; STORE_TEXT and STORE_CHOICE give 0. */
uint64_t options_load(const struct directive *, const void *base);
const char *options_load_text(const struct directive *, const void *base);
/* Stores a number as `store` says; it is in range already. */
void options_store(const struct directive *, void *base, uint64_t num);
/* The largest number that can be stored. */
uint64_t options_max(const struct directive *);

/* Prototypes of all structs with the defaults of the table. */
struct protos {
    struct cfg_global global;
    struct cfg_timeouts timeouts;
    struct cfg_frontend frontend;
    struct cfg_limits limits;
    struct cfg_bind bind;
    struct cfg_tls tls;
    struct cfg_backend backend;
    struct cfg_sticky sticky;
    struct cfg_check check;
    struct cfg_passive passive;
    struct cfg_retry retry;
    struct cfg_server server;
    struct cfg_admin admin;
};
void options_protos(struct protos *);
const void *options_proto(const struct protos *, enum base);

/* Setters of the directives that are more than a value; in build_*.c. */
option_set set_threads, set_log, set_balancer_plugin, set_mode, set_bind, set_tls, set_route,
    set_otherwise, set_access_log, set_forwarded, set_trust, set_proxy_protocol, set_methods,
    set_balance, set_sticky, set_check, set_passive, set_retry, set_server, set_unix_mode,
    set_certs, set_keys, set_ocsp, set_alpn, set_min_version, set_server_tls, set_server_cert,
    set_admin_socket, set_admin_http;

#endif
