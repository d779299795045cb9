/*
 * render.h — the forms in which the numbers go out. Each appends a whole document to `o`.
 */
#ifndef LB_ADMIN_RENDER_H
#define LB_ADMIN_RENDER_H

#include "lb/admin/collect.h"
#include "lb/admin/out.h"

/* Prometheus text format 0.0.4. */
void render_prom(struct out *o, const struct collect *c);

/* One JSON document with everything; names are stable. `ops` is asked for the checks only. */
void render_json(struct out *o, const struct collect *c, const struct admin_ops *ops);
/* Parts of it, as documents of their own. */
void render_json_info(struct out *o, const struct collect *c);
void render_json_backends(struct out *o, const struct collect *c, const struct admin_ops *ops);
void render_json_servers(struct out *o, const struct collect *c, const struct admin_ops *ops);

/* HAProxy's CSV: `# pxname,svname,…`. */
void render_csv(struct out *o, const struct collect *c, const struct admin_ops *ops);
/* nginx's stub_status. */
void render_nginx(struct out *o, const struct collect *c);
/* A page for people. */
void render_html(struct out *o, const struct collect *c, const struct admin_ops *ops);

/* Tables for a terminal. */
void render_text_info(struct out *o, const struct collect *c);
void render_text_frontends(struct out *o, const struct collect *c);
void render_text_backends(struct out *o, const struct collect *c);
void render_text_servers(struct out *o, const struct collect *c, const struct admin_ops *ops);

/* The merged histograms of one backend. */
enum latency { LATENCY_TOTAL, LATENCY_CONNECT, LATENCY_FIRST_BYTE, LATENCIES };
void latency_sum(struct hist_sum *to, const struct backend_rt *rt, enum latency which);

/* What the checks say of a server; checked == false when it is not known. */
struct monitor_view look_at(const struct admin_ops *ops, const struct server_rt *rt);

#endif
