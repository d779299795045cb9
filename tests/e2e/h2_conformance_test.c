/* h2_conformance_test.c — runs the cases of tests/h2 (see the README there) against the program. */
#include "tests/e2e/lib/e2e.h"
#include "tests/e2e/lib/h2.h"

#include <ctype.h>

enum { WAIT = 10000, ALIVE_ID = 1001 };

struct play { /* one case */
    struct h2 h;
    struct h2_reply r; /* of the stream the expectation is about */
    uint32_t id;
    char ponged[17];
};

static const char *const codes[] = {
    "NO_ERROR",         "PROTOCOL_ERROR",    "INTERNAL_ERROR",   "FLOW_CONTROL_ERROR",
    "SETTINGS_TIMEOUT", "STREAM_CLOSED",     "FRAME_SIZE_ERROR", "REFUSED_STREAM",
    "CANCEL",           "COMPRESSION_ERROR", "CONNECT_ERROR",    "ENHANCE_YOUR_CALM",
};

static bool among(uint32_t code, const char *list)
{
    const char *name = code < sizeof codes / sizeof *codes ? codes[code] : "?";
    const char *at = strstr(list, name);
    size_t n = strlen(name);
    return at && (at == list || at[-1] == '/') && (at[n] == '\0' || at[n] == '/');
}

static uint8_t flags_of(const char *s)
{
    uint8_t f = 0;
    if (s[0] == '0')
        return (uint8_t)strtoul(s, NULL, 0);
    for (; *s; s++)
        f |= *s == 'S' ? 1 : *s == 'H' ? 4 : *s == 'P' ? 8 : *s == 'R' ? 32 : 0;
    return f;
}

/* \s \r \n, \NN in decimal. */
static void unescape(struct text *out, const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char c = s[i];
        if (c == '\\' && i + 1 < n) {
            i++;
            if (isdigit((unsigned char)s[i])) {
                c = (char)((s[i] - '0') * 10 + (s[i + 1] - '0'));
                i++;
            } else {
                c = s[i] == 's' ? ' ' : s[i] == 'r' ? '\r' : '\n';
            }
        }
        text_add(out, &c, 1);
    }
}

static void add_field(nghttp2_nv *nv, const char *name, size_t nlen, const char *value, size_t vlen)
{
    struct text n = {0}, v = {0};
    unescape(&n, name, nlen);
    unescape(&v, value, vlen);
    *nv = (nghttp2_nv){(uint8_t *)n.p, (uint8_t *)v.p, n.n, v.n,
                       NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE};
}

static void block_of(struct h2 *h, const char *words, struct text *out)
{
    nghttp2_nv nv[300];
    size_t n = 0;
    bool usual = strncmp(words, "GET", 3) == 0 || strncmp(words, "POST", 4) == 0;
    if (usual) {
        const char *path = strstr(words, " path=");
        size_t plen = path ? strcspn(path + 6, " ") : 1;
        size_t mlen = strcspn(words, " ");
        add_field(&nv[n++], ":method", 7, words, mlen);
        add_field(&nv[n++], ":scheme", 7, "http", 4);
        add_field(&nv[n++], ":path", 5, path ? path + 6 : "/", plen);
        add_field(&nv[n++], ":authority", 10, "test", 4);
        words += mlen;
    }
    for (words += strspn(words, " "); *words && n < 300; words += strspn(words, " ")) {
        size_t len = strcspn(words, " ");
        const char *eq = memchr(words, '=', len);
        assert_non_null(eq);
        if (strncmp(words, "path=", 5) != 0)
            add_field(&nv[n++], words, (size_t)(eq - words), eq + 1,
                      len - (size_t)(eq - words) - 1);
        words += len;
    }
    size_t bound = nghttp2_hd_deflate_bound(h->def, nv, n);
    uint8_t *p = malloc(bound);
    ssize_t k = nghttp2_hd_deflate_hd(h->def, p, bound, nv, n);
    assert_true(k > 0);
    text_add(out, p, (size_t)k);
    free(p);
    for (size_t i = 0; i < n; i++) {
        free(nv[i].name);
        free(nv[i].value);
    }
}

static void hex_of(const char *s, struct text *out)
{
    while (isxdigit((unsigned char)s[0])) {
        char two[3] = {s[0], s[1], 0};
        uint8_t b = (uint8_t)strtoul(two, NULL, 16);
        unsigned long n = 1;
        s += 2;
        if (*s == '*')
            n = strtoul(s + 1, (char **)(void *)&s, 10);
        while (n--)
            text_add(out, &b, 1);
    }
}

static void note(struct play *p, const struct h2_frame *f)
{
    if (f->type == NGHTTP2_PING && f->n == 8 && (f->flags & H2_ACK))
        for (int i = 0; i < 8; i++)
            (void)snprintf(p->ponged + 2 * i, 3, "%02x", f->p[i]);
    h2_note(&p->h, f, p->id, &p->r);
}

static void send_many(struct h2 *h, uint32_t id, unsigned n, unsigned len)
{
    struct text fields = {0}, block = {0};
    text_addf(&fields, "%s", H2_GET("/"));
    for (unsigned i = 0; i < n; i++)
        text_addf(&fields, "x-many-%u: %0*u\n", i, (int)len, i);
    h2_block(h, text_str(&fields), &block);
    for (size_t at = 0; at < block.n; at += 16384) {
        size_t some = block.n - at < 16384 ? block.n - at : 16384;
        (void)h2_frame(
            h, at ? NGHTTP2_CONTINUATION : NGHTTP2_HEADERS,
            (uint8_t)((at ? 0 : H2_END_STREAM) | (at + some == block.n ? H2_END_HEADERS : 0)), id,
            block.p + at, some);
    }
    text_free(&fields);
    text_free(&block);
}

static void step(struct play *p, const char *line);

static void step_frames(struct play *p, const char *verb, const char *line)
{
    char flags[16], payload[256] = "";
    unsigned type, id, n;
    int at = 0;
    struct text t = {0};
    if (sscanf(line, "headers %i %15s %n", (int *)&id, flags, &at) == 2 ||
        sscanf(line, "cont %i %15s %n", (int *)&id, flags, &at) == 2) {
        block_of(&p->h, line + at, &t);
        (void)h2_frame(&p->h, *verb == 'h' ? NGHTTP2_HEADERS : NGHTTP2_CONTINUATION,
                       flags_of(flags), id, t.p, t.n);
    } else if (sscanf(line, "data %u %15s %u", &id, flags, &n) == 3) {
        for (unsigned i = 0; i < n; i++)
            text_add(&t, "d", 1);
        (void)h2_frame(&p->h, NGHTTP2_DATA, flags_of(flags), id, t.p, t.n);
    } else if (sscanf(line, "frame %u %15s %i %255s", &type, flags, (int *)&id, payload) == 4) {
        id = (unsigned)strtoul(strstr(line, flags) + strlen(flags), NULL, 0);
        hex_of(payload, &t);
        (void)h2_frame(&p->h, (uint8_t)type, flags_of(flags), id, t.p, t.n);
    } else {
        fail_msg("not a step: %s", line);
    }
    text_free(&t);
}

static void step_other(struct play *p, const char *verb, const char *line)
{
    unsigned a = 0, b = 0, c = 0;
    int at = 0;
    char word[64];
    if (strcmp(verb, "raw") == 0) {
        struct text t = {0};
        unescape(&t, line + 4, strlen(line + 4));
        (void)client_send(&p->h.c, t.p, t.n);
        text_free(&t);
    } else if (strcmp(verb, "preface") == 0) {
        (void)client_send(&p->h.c, NGHTTP2_CLIENT_MAGIC, NGHTTP2_CLIENT_MAGIC_LEN);
    } else if (sscanf(line, "times %u %n", &a, &at) == 1 && at) {
        while (a--)
            step(p, line + at);
    } else if (sscanf(line, "reply %u", &a) == 1) {
        struct h2_reply r = {0};
        assert_true(h2_read(&p->h, a, &r, WAIT));
        h2_reply_free(&r);
    } else if (sscanf(line, "many %u %u %u", &a, &b, &c) == 3) {
        send_many(&p->h, a, b, c);
    } else if (sscanf(line, "streams %u %63s", &a, word) == 2) {
        for (unsigned i = 0; i <= a; i++)
            (void)h2_get(&p->h, 2 * i + 1, word);
    } else if (sscanf(line, "pause %u", &a) == 1) {
        sleep_ms(a);
    } else {
        step_frames(p, verb, line);
    }
}

static void step(struct play *p, const char *line)
{
    char verb[16] = "";
    (void)sscanf(line, "%15s", verb);
    if (strcmp(verb, "bare") != 0)
        step_other(p, verb, line);
}

/* Reads on until the expectation is met or can't be any more. */
static bool met(struct play *p, const char *expect)
{
    char list[64] = "";
    unsigned id, status;
    struct h2_frame f;
    uint64_t until = now_ms() + WAIT;
    (void)sscanf(expect, "goaway %63s", list);
    bool is_rst = sscanf(expect, "rst %u %63s", &id, list) == 2;
    bool is_reply = sscanf(expect, "reply %u %u", &id, &status) == 2;
    bool alive = strcmp(expect, "alive") == 0;
    p->id = is_rst || is_reply ? id : ALIVE_ID;
    if (alive)
        (void)h2_get(&p->h, ALIVE_ID, "/");
    while (now_ms() < until && h2_next(&p->h, &f, (unsigned)(until - now_ms()))) {
        note(p, &f);
        if (is_rst && p->r.reset && among(p->r.error, list))
            return true;
        if (is_reply && p->r.ended)
            return p->r.status == (int)status;
        if (alive && p->r.ended)
            return p->r.status == 200;
        if (strncmp(expect, "pong ", 5) == 0 && strcmp(p->ponged, expect + 5) == 0)
            return true;
        if (strcmp(expect, "ack") == 0 && p->h.acked == 2)
            return true;
    }
    if (strcmp(expect, "close") == 0)
        return p->h.c.ending != END_NONE;
    return *list && p->r.goaway && among(p->r.error, list) && p->h.c.ending != END_NONE;
}

/* Runs the case that starts at `text`; *end is where the next begins. */
static bool run_case(uint16_t port, char *text, char **end)
{
    struct play p = {.id = 1};
    char *bar = strstr(text, " | "), *line = strchr(text, '\n');
    assert_true(bar && line && bar < line);
    *line++ = '\0';
    h2_connect(&p.h, port);
    if (strncmp(line, "bare", 4) != 0) {
        step(&p, "preface");
        (void)h2_frame(&p.h, NGHTTP2_SETTINGS, 0, 0, NULL, 0);
    }
    while (*line && *line != '=') {
        char *next = line + strcspn(line, "\n");
        char last = *next;
        *next = '\0';
        if (*line)
            step(&p, line);
        line = last ? next + 1 : next;
    }
    bool ok = met(&p, bar + 3);
    if (!ok)
        print_error("%s\n  got status %d ended %d reset %d goaway %d error %u ending %d\n", text,
                    p.r.status, p.r.ended, p.r.reset, p.r.goaway, p.r.error, (int)p.h.c.ending);
    h2_reply_free(&p.r);
    h2_close(&p.h);
    *end = line;
    return ok;
}

static void run_file(const char *path)
{
    struct web w;
    struct text t = file_read(path);
    unsigned failed = 0, all = 0;
    assert_true(t.n > 0);
    web_start(&w, &(struct web_opts){.bind = "{ h2c }", .threads = 1});
    for (char *at = strstr(t.p, "= "); at && *at; all++)
        failed += !run_case(w.port, at, &at);
    print_message("%s: %u cases\n", path, all);
    assert_int_equal(failed, 0);
    text_free(&t);
    web_stop(&w);
}

static void connection_and_streams(void **state)
{
    (void)state;
    run_file("tests/h2/connection.txt");
}

static void frames(void **state)
{
    (void)state;
    run_file("tests/h2/frames.txt");
}

static void fields(void **state)
{
    (void)state;
    run_file("tests/h2/fields.txt");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        E2E_TEST(connection_and_streams),
        E2E_TEST(frames),
        E2E_TEST(fields),
    };
    return cmocka_run_group_tests_name("h2_conformance", tests, NULL, NULL);
}
