/*
 * dump.c — the tree as a configuration that loads to an equal tree.
 *
 * What a `defaults` block said is written into each block, and values that are the built-in default
 * are left out. Plain values come from the directive table, the rest is written by hand here.
 */
#include "config/address.h"
#include "config/options.h"
#include "config/value.h"

#include <string.h>

struct writer {
    FILE *out;
    unsigned depth;
    bool pending; /* a block was begun, but so far nothing stands in it */
    struct protos protos;
};

/* Begins a line inside the current block. */
static void line(struct writer *w)
{
    if (w->pending) {
        fputs(" {\n", w->out);
        w->depth++;
        w->pending = false;
    }
    for (unsigned i = 0; i < w->depth; i++)
        fputs("    ", w->out);
}

/* After the words of a statement; the braces appear only if something stands between them. */
static void open_block(struct writer *w)
{
    w->pending = true;
}

static void close_block(struct writer *w)
{
    if (w->pending) {
        fputc('\n', w->out);
        w->pending = false;
        return;
    }
    w->depth--;
    line(w);
    fputs("}\n", w->out);
}

/* May the text stand without quotes, whatever stands around it? */
static bool is_plain(const char *text)
{
    static const char *const KEYWORDS[] = {
        "host",   "path", "method", "header", "redirect", "respond", "close", "off",
        "stderr", "auto", "stdout", "file",   "syslog",   "text",    "json",  "source"};
    for (unsigned i = 0; i < sizeof KEYWORDS / sizeof *KEYWORDS; i++)
        if (strcmp(text, KEYWORDS[i]) == 0)
            return false;
    size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                            "_./:-+*=%@[]");
    return n > 0 && text[n] == '\0';
}

static void put_string(struct writer *w, const char *text)
{
    fputs(" \"", w->out);
    for (const char *c = text; *c; c++) {
        if (*c == '\n')
            fputs("\\n", w->out);
        else if (*c == '\t')
            fputs("\\t", w->out);
        else if (*c == '"' || *c == '\\' || (*c == '$' && c[1] == '{'))
            fprintf(w->out, "\\%c", *c);
        else
            fputc(*c, w->out);
    }
    fputc('"', w->out);
}

static void put_word(struct writer *w, const char *text)
{
    if (is_plain(text))
        fprintf(w->out, " %s", text);
    else
        put_string(w, text);
}

static void put_list(struct writer *w, const char *const *list, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        if (i)
            fputc(',', w->out);
        put_word(w, list[i]);
    }
}

static void put_number(struct writer *w, const struct directive *o, uint64_t num)
{
    char text[VALUE_TEXT_MAX];
    if (o->spec.type == OPT_FLAG)
        return;
    if (o->spec.type == OPT_ENUM)
        fprintf(w->out, " %s", o->spec.choices[num]);
    else if (o->store == STORE_PERCENT)
        fprintf(w->out, " %llu%%", (unsigned long long)num / 10);
    else {
        value_format(o->spec.type, num, text);
        fprintf(w->out, " %s", text);
    }
}

/* The plain values of a block that differ from the defaults. */
static void put_fields(struct writer *w, enum place place, enum base base, const void *obj)
{
    const void *proto = options_proto(&w->protos, base);
    for (unsigned i = 0; i < options_count; i++) {
        const struct directive *o = &options_table[i];
        if (!(o->places & 1u << place) || o->base != base || o->store == STORE_NONE)
            continue;
        const char *text = options_load_text(o, obj), *was = options_load_text(o, proto);
        uint64_t num = options_load(o, obj);
        bool same =
            text || was ? text && was && strcmp(text, was) == 0 : num == options_load(o, proto);
        if (same || ((o->store == STORE_TEXT || o->store == STORE_CHOICE) && !text))
            continue;
        line(w);
        fputs(o->spec.name, w->out);
        if (text)
            put_word(w, text);
        else
            put_number(w, o, num);
        fputc('\n', w->out);
    }
}

static void put_log_target(struct writer *w, const struct cfg_log *log)
{
    static const char *const TO[] = {
        [CFG_LOG_STDERR] = " stderr",
        [CFG_LOG_STDOUT] = " stdout",
        [CFG_LOG_FILE] = " file",
        [CFG_LOG_SYSLOG] = " syslog",
    };
    fputs(TO[log->to], w->out);
    if (log->path)
        put_word(w, log->path);
}

static void put_global(struct writer *w, const struct cfg_global *g)
{
    static const char *const LEVELS[] = {"error", "warning", "info", "debug"};
    fputs("global", w->out);
    open_block(w);
    line(w);
    if (g->threads)
        fprintf(w->out, "threads %u\n", g->threads);
    else
        fputs("threads auto\n", w->out);
    put_fields(w, PLACE_GLOBAL, BASE_GLOBAL, g);
    line(w);
    fputs("log", w->out);
    put_log_target(w, &g->log);
    fprintf(w->out, " %s %s\n", g->log.json ? "json" : "text", LEVELS[g->log.level]);
    for (unsigned i = 0; i < g->nbalancer_plugins; i++) {
        line(w);
        fputs("balancer", w->out);
        put_string(w, g->balancer_plugins[i]);
        fputc('\n', w->out);
    }
    close_block(w);
}

static void put_listen_tls(struct writer *w, const struct cfg_tls *t)
{
    line(w);
    fputs("tls", w->out);
    open_block(w);
    for (unsigned pass = 0; pass < 2; pass++) {
        if (t->ncerts == 0 || (pass && !t->certs[0].key))
            continue;
        line(w);
        fputs(pass ? "key" : "cert", w->out);
        for (unsigned i = 0; i < t->ncerts; i++) {
            fputs(i ? "," : "", w->out);
            put_string(w, pass ? t->certs[i].key : t->certs[i].cert);
        }
        fputc('\n', w->out);
    }
    line(w);
    fprintf(w->out, "min-version %s\n", t->min_version == 0x0304 ? "1.3" : "1.2");
    if (t->nalpn) {
        line(w);
        fputs("alpn", w->out);
        put_list(w, t->alpn, t->nalpn);
        fputc('\n', w->out);
    }
    if (t->ncerts && t->certs[0].ocsp) {
        line(w);
        fputs("ocsp", w->out);
        for (unsigned i = 0; i < t->ncerts && t->certs[i].ocsp; i++) {
            fputs(i ? "," : "", w->out);
            put_string(w, t->certs[i].ocsp);
        }
        fputc('\n', w->out);
    }
    put_fields(w, PLACE_TLS, BASE_TLS, t);
    if (t->client_ca && t->client_verify == CFG_VERIFY_OFF) { /* not what client-ca implies */
        line(w);
        fputs("client-verify off\n", w->out);
    }
    close_block(w);
}

static void put_networks(struct writer *w, const struct cfg_net *list, unsigned n)
{
    char net[NETWORK_TEXT_MAX];
    for (unsigned i = 0; i < n; i++) {
        network_format(&list[i], net);
        fprintf(w->out, "%s %s", i ? "," : "", net);
    }
}

static void put_bind(struct writer *w, const struct cfg_bind *b, const struct cfg_tls *shared)
{
    line(w);
    fputs("bind", w->out);
    put_word(w, b->addr.text);
    open_block(w);
    put_fields(w, PLACE_BIND, BASE_BIND, b);
    if (b->unix_mode) {
        line(w);
        fprintf(w->out, "mode 0%03o\n", b->unix_mode);
    }
    if (b->proxy_protocol) {
        line(w);
        fputs(b->nproxy_trust ? "proxy-protocol { trust" : "proxy-protocol", w->out);
        put_networks(w, b->proxy_trust, b->nproxy_trust);
        fputs(b->nproxy_trust ? " }\n" : "\n", w->out);
    }
    if (b->tls && b->tls_opts != shared) {
        put_listen_tls(w, b->tls_opts);
    } else if (b->tls) {
        line(w);
        fputs("tls\n", w->out);
    }
    close_block(w);
}

static void put_condition(struct writer *w, const char *name, const char *const *v, unsigned n)
{
    if (n)
        fprintf(w->out, " %s", name);
    put_list(w, v, n);
}

static void put_route(struct writer *w, const struct cfg *c, const char *name,
                      const struct cfg_route *r)
{
    line(w);
    fputs(name, w->out);
    put_condition(w, "host", r->hosts, r->nhosts);
    put_condition(w, "path", r->paths, r->npaths);
    put_condition(w, "method", r->methods, r->nmethods);
    for (unsigned i = 0; i < r->nheaders; i++) {
        fputs(" header", w->out);
        put_word(w, r->headers[i].name);
        if (r->headers[i].value)
            put_string(w, r->headers[i].value);
    }
    fputs(" ->", w->out);
    if (r->action == CFG_TO_BACKEND) {
        put_word(w, c->backends[r->backend].name);
    } else if (r->action == CFG_REDIRECT) {
        fprintf(w->out, " redirect %u", r->status);
        put_string(w, r->location);
    } else if (r->status) {
        fprintf(w->out, " respond %u", r->status);
    } else {
        fputs(" close", w->out);
    }
    fputc('\n', w->out);
}

static void put_forwarded(struct writer *w, const struct cfg_frontend *f)
{
    line(w);
    fputs("forwarded", w->out);
    open_block(w);
    if (f->ntrust) {
        line(w);
        fputs("trust", w->out);
        put_networks(w, f->trust, f->ntrust);
        fputc('\n', w->out);
    }
    put_fields(w, PLACE_FORWARDED, BASE_FRONTEND, f);
    close_block(w);
}

static void put_methods(struct writer *w, const struct cfg_frontend *f)
{
    if (f->methods == CFG_METHODS_NO_TRACE)
        return;
    line(w);
    fputs("methods", w->out);
    if (f->methods == CFG_METHODS_LIST)
        put_list(w, f->method_list, f->nmethods);
    else
        fputs(f->methods == CFG_METHODS_ANY ? " any" : " standard", w->out);
    fputc('\n', w->out);
}

/* Left out, as it must be behind a route that matches everything. */
static bool is_default_otherwise(const struct cfg_frontend *f)
{
    unsigned status = f->mode == CFG_HTTP ? 421 : 0;
    return f->nroutes && f->otherwise.action == CFG_RESPOND && f->otherwise.status == status;
}

static void put_frontend(struct writer *w, const struct cfg *c, const struct cfg_frontend *f)
{
    fprintf(w->out, "\nfrontend %s", f->name);
    open_block(w);
    line(w);
    fprintf(w->out, "mode %s\n", f->mode == CFG_TCP ? "tcp" : "http");
    for (unsigned i = 0; i < f->nbinds; i++)
        put_bind(w, &f->binds[i], f->tls);
    if (f->tls)
        put_listen_tls(w, f->tls);
    for (unsigned i = 0; i < f->nroutes; i++)
        put_route(w, c, "route", &f->routes[i]);
    if (!is_default_otherwise(f))
        put_route(w, c, "otherwise", &f->otherwise);
    if (f->has_access_log) {
        line(w);
        fprintf(w->out, "access-log %s", f->access_json ? "json" : "text");
        put_log_target(w, &f->access_log);
        fputc('\n', w->out);
    }
    if (f->ntrust || f->rfc7239)
        put_forwarded(w, f);
    put_methods(w, f);
    put_fields(w, PLACE_FRONTEND, BASE_TIMEOUTS, &f->timeouts);
    put_fields(w, PLACE_FRONTEND, BASE_LIMITS, &f->limits);
    close_block(w);
}

static void put_key(struct writer *w, enum cfg_key key, const char *name)
{
    static const char *const KEYS[] = {
        [CFG_KEY_NONE] = "off",   [CFG_KEY_SOURCE] = "source", [CFG_KEY_URI] = "uri",
        [CFG_KEY_PATH] = "path",  [CFG_KEY_HEADER] = "header", [CFG_KEY_COOKIE] = "cookie",
        [CFG_KEY_QUERY] = "query"};
    fprintf(w->out, " %s", KEYS[key]);
    if (name)
        put_word(w, name);
}

static void put_opts(struct writer *w, const struct opts *opts)
{
    for (unsigned i = 0; i < opts->n; i++) {
        line(w);
        fputs(opts->v[i].spec->name, w->out);
        for (unsigned k = 0; k < opts->v[i].nwords; k++)
            put_word(w, opts->v[i].words[k]);
        fputc('\n', w->out);
    }
}

static void put_balance(struct writer *w, const struct cfg_balance *b)
{
    line(w);
    fprintf(w->out, "balance %s", b->name);
    if (b->keyed)
        put_key(w, b->key, b->key_name);
    open_block(w);
    put_opts(w, &b->opts);
    close_block(w);
}

static void put_check(struct writer *w, const struct cfg_check *c)
{
    line(w);
    fprintf(w->out, "check %s", c->type);
    for (unsigned i = 0; i < c->nargs; i++)
        put_string(w, c->args[i]); /* quoted: never taken for an option */
    open_block(w);
    put_fields(w, PLACE_CHECK, BASE_CHECK, c);
    put_opts(w, &c->opts);
    close_block(w);
}

static void put_block(struct writer *w, const char *name, enum place place, enum base base,
                      const void *obj)
{
    line(w);
    fputs(name, w->out);
    open_block(w);
    put_fields(w, place, base, obj);
    close_block(w);
}

static void put_server_tls(struct writer *w, const struct cfg_tls *t)
{
    line(w);
    fputs("tls", w->out);
    open_block(w);
    put_fields(w, PLACE_SERVER_TLS, BASE_TLS, t);
    if (t->min_version != w->protos.tls.min_version) {
        line(w);
        fputs("min-version 1.3\n", w->out);
    }
    if (t->ncerts) {
        line(w);
        fputs("cert", w->out);
        put_string(w, t->certs[0].cert);
        fputc('\n', w->out);
    }
    close_block(w);
}

static void put_server(struct writer *w, const struct cfg_server *s)
{
    line(w);
    fputs("server", w->out);
    put_word(w, s->name);
    put_word(w, s->addr.text);
    open_block(w);
    put_fields(w, PLACE_SERVER, BASE_SERVER, s);
    if (s->tls)
        put_server_tls(w, s->tls_opts);
    close_block(w);
}

static void put_backend(struct writer *w, const struct cfg_backend *b)
{
    fprintf(w->out, "\nbackend %s", b->name);
    open_block(w);
    line(w);
    fprintf(w->out, "mode %s\n", b->mode == CFG_TCP ? "tcp" : "http");
    put_balance(w, &b->balance);
    if (b->sticky.key != CFG_KEY_NONE) {
        line(w);
        fputs("sticky", w->out);
        put_key(w, b->sticky.key, b->sticky.name);
        open_block(w);
        put_fields(w, PLACE_STICKY, BASE_STICKY, &b->sticky);
        close_block(w);
    }
    if (b->check.type)
        put_check(w, &b->check);
    if (b->passive.on)
        put_block(w, "passive", PLACE_PASSIVE, BASE_PASSIVE, &b->passive);
    if (memcmp(&b->retry, &w->protos.retry, sizeof b->retry) != 0)
        put_block(w, "retry", PLACE_RETRY, BASE_RETRY, &b->retry);
    put_fields(w, PLACE_BACKEND, BASE_BACKEND, b);
    put_fields(w, PLACE_BACKEND, BASE_TIMEOUTS, &b->timeouts);
    for (unsigned i = 0; i < b->nservers; i++)
        put_server(w, &b->servers[i]);
    close_block(w);
}

static void put_admin(struct writer *w, const struct cfg_admin *a)
{
    fputs("\nadmin", w->out);
    open_block(w);
    if (a->socket) {
        line(w);
        fputs("socket", w->out);
        put_string(w, a->socket);
        fprintf(w->out, " { mode 0%03o }\n", a->socket_mode);
    }
    if (a->http) {
        line(w);
        fputs("http", w->out);
        put_word(w, a->http->text);
        fputc('\n', w->out);
    }
    close_block(w);
}

void cfg_dump(const struct cfg *c, FILE *out)
{
    struct writer w = {.out = out};
    options_protos(&w.protos);
    put_global(&w, &c->global);
    if (c->admin.socket || c->admin.http)
        put_admin(&w, &c->admin);
    for (unsigned i = 0; i < c->nfrontends; i++)
        put_frontend(&w, c, &c->frontends[i]);
    for (unsigned i = 0; i < c->nbackends; i++)
        put_backend(&w, &c->backends[i]);
}
