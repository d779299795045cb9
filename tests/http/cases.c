/* cases.c — the reader of protocol cases. */
#include "tests/http/cases.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>

struct text { /* a growing string of bytes */
    char *p;
    size_t n, cap;
};

static void die(const char *where, const char *what)
{
    fprintf(stderr, "%s: %s\n", where, what);
    exit(2);
}

static void add(struct text *t, char c)
{
    if (t->n + 1 >= t->cap) {
        t->cap = t->cap ? t->cap * 2 : 256;
        t->p = realloc(t->p, t->cap);
        if (!t->p)
            die("cases", "out of memory");
    }
    t->p[t->n++] = c;
    t->p[t->n] = '\0';
}

static void add_text(struct text *t, const char *s)
{
    while (*s)
        add(t, *s++);
}

/* One escape behind "\"; returns where the text goes on. */
static const char *unescape_one(struct text *t, const char *s)
{
    static const char from[] = "rnt0s\\", to[] = "\r\n\t\0 \\";
    const char *hit = *s ? strchr(from, *s) : NULL;
    char *end;
    if (hit) {
        add(t, to[hit - from]);
        return s + 1;
    }
    if (*s == 'x') {
        char digits[3] = {s[1], s[1] ? s[2] : '\0', '\0'};
        add(t, (char)strtoul(digits, NULL, 16));
        return s + 3;
    }
    if (*s == '(') { /* \(300 x): x 300 times */
        unsigned long times = strtoul(s + 1, &end, 10);
        const char *unit = end + 1, *close = strchr(unit, ')');
        if (!close)
            die(s, "repetition without )");
        while (times--)
            for (const char *u = unit; u < close; u++)
                add(t, *u);
        return close + 1;
    }
    die(s, "unknown escape");
    return s;
}

static void unescape(struct text *t, const char *s)
{
    while (*s) {
        if (*s == '\\')
            s = unescape_one(t, s + 1);
        else
            add(t, *s++);
    }
}

static const struct shape {
    const char *kind;
    enum case_kind as;
    const char *before, *after;
} shapes[] = {
    {"line", CASE_REQUEST, "", "\r\nHost: a\r\n\r\n"},
    {"field", CASE_REQUEST, "GET / HTTP/1.1\r\nHost: a\r\n", "\r\n\r\n"},
    {"post", CASE_REQUEST, "POST / HTTP/1.1\r\nHost: a\r\n", "\r\n\r\n"},
    {"bare", CASE_REQUEST, "GET / HTTP/1.1\r\n", "\r\n\r\n"},
    {"old", CASE_REQUEST, "GET / HTTP/1.0\r\n", "\r\n\r\n"},
    {"req", CASE_REQUEST, "", ""},
    {"status", CASE_RESPONSE, "", "\r\n\r\n"},
    {"resp", CASE_RESPONSE, "HTTP/1.1 200 OK\r\n", "\r\n\r\n"},
    {"answer", CASE_RESPONSE, "", ""},
    {"chunk", CASE_CHUNK, "", ""},
};

bool case_key(const struct hcase *c, const char *key, char *out, size_t max, size_t *n)
{
    size_t klen = strlen(key);
    for (const char *p = c->keys; p && *p; p += strspn(p, " ")) {
        bool rest = strncmp(p, "fwd=", 4) == 0;
        size_t len = rest ? strlen(p) : strcspn(p, " ");
        if (strncmp(p, key, klen) == 0 && (p[klen] == '=' || len == klen)) {
            struct text t = {0};
            char *raw = strndup(p + klen + (p[klen] == '='), len > klen ? len - klen - 1 : 0);
            if (raw)
                unescape(&t, raw);
            free(raw);
            if (t.n >= max)
                die(c->where, "value too long");
            memcpy(out, t.n ? t.p : "", t.n);
            out[t.n] = '\0';
            *n = t.n;
            free(t.p);
            return true;
        }
        p += len;
    }
    return false;
}

enum framing framing_named(const char *word)
{
    static const char *const names[] = {"none", "length", "chunked", "close", "tunnel"};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], word) == 0)
            return (enum framing)i;
    die(word, "no such framing");
    return FRAMING_NONE;
}

static uint8_t method_named(const char *s)
{
    return strcmp(s, "HEAD") == 0 ? M_HEAD : strcmp(s, "CONNECT") == 0 ? M_CONNECT : M_GET;
}

/* "ok length=5 key=value", "more", "bad word" */
static void expectation(struct hcase *c, char *s)
{
    char *word = strtok(s, " "), *arg = strtok(NULL, " "), *rest = strtok(NULL, "");
    char text[64];
    size_t n;
    if (!word)
        die(c->where, "no expectation");
    c->verdict = strcmp(word, "ok") == 0     ? CASE_OK
                 : strcmp(word, "more") == 0 ? CASE_MORE
                                             : CASE_BAD;
    if (c->verdict != CASE_MORE && !arg)
        die(c->where, "incomplete expectation");
    snprintf(c->word, sizeof c->word, "%s", arg ? arg : "");
    char *number = strchr(c->word, '=');
    if (number) {
        *number++ = '\0';
        c->length = strtoull(number, NULL, 10);
    }
    c->keys = strdup(rest ? rest : "");
    c->no_referee = case_key(c, "noref", text, sizeof text, &n);
    c->limits = (struct head_limits){16384, 100, 8192};
    if (case_key(c, "limits", text, sizeof text, &n)) {
        unsigned bytes, fields, target;
        if (sscanf(text, "%u,%u,%u", &bytes, &fields, &target) != 3)
            die(c->where, "limits=BYTES,FIELDS,TARGET");
        c->limits = (struct head_limits){bytes, (uint16_t)fields, target};
    }
    c->asked.method = M_GET;
    if (case_key(c, "ask", text, sizeof text, &n)) {
        c->asked.method = method_named(text);
        c->asked.upgrade = strcmp(text, "upgrade") == 0;
    }
}

/* KIND NAME [RFC] TEXT => EXPECTATION */
static void read_case(char *line, const char *file, unsigned number,
                      void (*fn)(const struct hcase *))
{
    struct hcase c = {.length = 0};
    struct text t = {0};
    char kind[16], name[64];
    int used = 0;
    const struct shape *shape = NULL;
    char *arrow = strstr(line, " => "), *text;
    if (sscanf(line, "%15s %63s [%*[^]]]%n", kind, name, &used) != 2 || !used || !arrow)
        die(line, "not KIND NAME [RFC] TEXT => EXPECTATION");
    snprintf(c.where, sizeof c.where, "%s:%u %s", file, number, name);
    for (unsigned i = 0; i < sizeof shapes / sizeof *shapes; i++)
        if (strcmp(shapes[i].kind, kind) == 0)
            shape = &shapes[i];
    if (!shape)
        die(c.where, "unknown kind");
    text = line + used < arrow ? line + used + 1 : arrow;
    *arrow = '\0';
    c.kind = shape->as;
    add_text(&t, shape->before);
    unescape(&t, text);
    add_text(&t, shape->after);
    if (!t.p) /* an empty message is one byte of memory, of which nothing counts */
        t.p = calloc(1, 1);
    c.msg = (struct slice){t.p, t.n};
    expectation(&c, arrow + 4);
    fn(&c);
    free(c.keys);
    free(t.p);
}

static unsigned read_file(const char *path, void (*fn)(const struct hcase *))
{
    FILE *f = fopen(path, "r");
    char *line = NULL;
    const char *base = strrchr(path, '/');
    size_t cap = 0;
    unsigned cases = 0;
    if (!f)
        die(path, "can't be opened");
    for (unsigned number = 1; getline(&line, &cap, f) > 0; number++) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '\0' || line[0] == '#')
            continue;
        read_case(line, base ? base + 1 : path, number, fn);
        cases++;
    }
    free(line);
    fclose(f);
    return cases;
}

unsigned cases_each(const char *dir, void (*fn)(const struct hcase *))
{
    char pattern[256];
    glob_t g;
    unsigned cases = 0;
    snprintf(pattern, sizeof pattern, "%s/*.txt", dir);
    if (glob(pattern, 0, NULL, &g) != 0)
        die(dir, "no cases here");
    for (size_t i = 0; i < g.gl_pathc; i++)
        cases += read_file(g.gl_pathv[i], fn);
    globfree(&g);
    return cases;
}
