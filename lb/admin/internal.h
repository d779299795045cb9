/* internal.h — what the files of lb/admin share. */
#ifndef LB_ADMIN_INTERNAL_H
#define LB_ADMIN_INTERNAL_H

#include "lb/admin/admin.h"
#include "lb/admin/out.h"

struct admin_http;
struct admin_socket;

/* What both servers borrow from `struct admin`. */
struct admin_core {
    struct event_base *base;
    const struct admin_ops *ops;
    struct log *log;
    struct out_account *account; /* counted by the admin */
};

/* Answers not sent yet may use this much; beyond, HTTP says 503 and the socket an error. */
enum { ADMIN_OUTPUT_MAX = 256 << 20 };

/* Opened but not answering; `start` begins, `free` ends. NULL with `e` filled. */
struct admin_http *admin_http_open(const struct admin_core *, const struct cfg_addr *,
                                   struct err *e);
void admin_http_start(struct admin_http *);
void admin_http_free(struct admin_http *);
const char *admin_http_name(const struct admin_http *); /* the address as configured */
unsigned admin_http_bound_port(const struct admin_http *);

struct admin_socket *admin_socket_open(const struct admin_core *, const char *path, unsigned mode,
                                       struct err *e);
void admin_socket_start(struct admin_socket *, unsigned mode);
void admin_socket_free(struct admin_socket *);
const char *admin_socket_path(const struct admin_socket *);

#endif
