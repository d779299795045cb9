/*
 * chaos_origin_test.c — servers that close, half-close, reset, stall, flood or send nonsense in
 * every state of an exchange. The client must get an answer or an end, never a truncated body that
 * looks whole; then the proxy must hold what it held before, and serve the next.
 */
#include "tests/e2e/lib/chaos.h"
#include "tests/e2e/lib/e2e.h"

#include <poll.h>
#include <stdatomic.h>

enum stage {
    AT_ACCEPT,
    AT_HEAD,
    AT_BODY,
    AT_INTERIM,
    AT_REPLY_HEAD,
    AT_REPLY_BODY,
    AT_CHUNK,
    AT_END,
    AT_TUNNEL,
    STAGES
};
static const char *const stage_names[STAGES] = {"accepted",    "head read",  "body half read",
                                                "interim",     "reply head", "reply body",
                                                "reply chunk", "reply sent", "tunnel"};

/* What the next connection is to do; -1: serve. Set by the test, taken by a visit. */
struct script {
    atomic_int stage, act;
};

/* Comes to the stage; false: the proxy was gone before. */
static bool reach(struct visit *v, enum stage stage)
{
    static const char *const said[STAGES] = {
        [AT_INTERIM] = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
        [AT_REPLY_HEAD] = "HTTP/1.1 200 OK\r\nContent-Le",
        [AT_REPLY_BODY] = "HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\nsome",
        [AT_CHUNK] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1000\r\nsome",
        [AT_END] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole",
        [AT_TUNNEL] = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n"
                      "Upgrade: x\r\n\r\nhello",
    };
    struct request r = {0};
    if (stage == AT_ACCEPT)
        return true;
    bool ok = visit_request_head(v, &r);
    request_free(&r);
    if (stage == AT_BODY)
        return ok && client_want(&v->c, 1000, 5000);
    return ok && (!said[stage] || client_sendf(&v->c, "%s", said[stage]));
}

/* Waits for the proxy to give up, without reading. */
static void wait_gone(struct visit *v)
{
    struct pollfd p = {.fd = v->c.fd, .events = POLLRDHUP};
    (void)poll(&p, 1, 15000);
}

static void serve_script(struct visit *v)
{
    struct script *script = v->arg;
    int stage = atomic_exchange(&script->stage, -1);
    if (stage < 0) {
        origin_http(v);
        return;
    }
    enum act act = (enum act)atomic_load(&script->act);
    if (!reach(v, (enum stage)stage) || act_on(&v->c, act))
        return;
    if (act == ACT_STALL)
        wait_gone(v);
    else
        (void)client_ends(&v->c, 15000);
}

static void send_request(struct client *c, enum stage stage)
{
    static char part[65536];
    if (stage == AT_TUNNEL) {
        assert_true(client_sendf(
            c, "GET / HTTP/1.1\r\nHost: test\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"));
    } else if (stage != AT_BODY) {
        assert_true(client_sendf(c, "GET / HTTP/1.1\r\nHost: test\r\n\r\n"));
    } else {
        assert_true(
            client_sendf(c, "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 8388608\r\n\r\n"));
        for (int i = 0; i < 128 && client_send(c, part, sizeof part); i++)
            if (client_more(c, 0) || c->ending)
                return;
    }
}

/* What the client may get. -1: any. */
static int status_for(enum stage stage, enum act act)
{
    switch (stage) {
    case AT_ACCEPT:
    case AT_HEAD:
    case AT_INTERIM:
    case AT_REPLY_HEAD:
        return act == ACT_STALL ? 504 : 502;
    case AT_BODY: /* half-closed, it may still read; the reply may be lost to a reset */
        return -1;
    case AT_TUNNEL:
        return 101;
    default:
        return 200;
    }
}

static bool must_be_cut(enum stage stage, enum act act)
{
    return (stage == AT_REPLY_BODY || stage == AT_CHUNK) && act != ACT_FLOOD && act != ACT_GARBAGE;
}

static void check_reply(struct client *c, enum stage stage, enum act act)
{
    struct reply r = {0};
    int want = status_for(stage, act);
    if (stage == AT_TUNNEL)
        (void)http_read_head(c, &r, 5000);
    else
        (void)http_read(c, stage == AT_BODY ? "POST" : "GET", &r, 5000);
    if (want >= 0 && r.status != want)
        fail_msg("%s, %s: status %d, not %d", stage_names[stage], act_names[act], r.status, want);
    if (must_be_cut(stage, act) && r.complete)
        fail_msg("%s, %s: a cut body looks whole", stage_names[stage], act_names[act]);
    if (must_be_cut(stage, act) && !client_ends(c, 5000))
        fail_msg("%s, %s: no end", stage_names[stage], act_names[act]);
    reply_free(&r);
}

struct rig {
    struct lb lb;
    struct origin *o;
    struct script script;
    struct held rest;
    uint16_t http, tcp, next;
};

static void rig_start(struct rig *r)
{
    *r = (struct rig){.http = port_new(), .tcp = port_new(), .next = port_new()};
    atomic_store(&r->script.stage, -1);
    r->o = origin_start(&(struct origin_opts){.serve = serve_script, .arg = &r->script});
    lb_start(&r->lb,
             "defaults { timeout connect 1s; timeout header 300ms; timeout client 300ms\n"
             "  timeout server 300ms; timeout idle 300ms; timeout tunnel 300ms }\n"
             "frontend http { bind 127.0.0.1:%u; route -> app }\n"
             "frontend tcp { mode tcp; bind 127.0.0.1:%u; route -> raw }\n"
             "frontend next { bind 127.0.0.1:%u; timeout header 10s; timeout client 10s\n"
             "  route -> calm }\n"
             "backend app { server s 127.0.0.1:%u; idle-connections 4 }\n"
             "backend raw { mode tcp; server s 127.0.0.1:%u }\n"
             "backend calm { timeout server 10s; idle-connections 0; server s 127.0.0.1:%u }\n",
             r->http, r->tcp, r->next, origin_port(r->o), origin_port(r->o), origin_port(r->o));
    assert_int_equal(http_get(r->next, "/", NULL, NULL), 200);
    do
        r->rest = held_by(&r->lb);
    while (r->rest.clients > 0);
}

static void rig_stop(struct rig *r)
{
    lb_stop(&r->lb);
    origin_stop(r->o);
}

/* Nothing pooled, so that the next connection of the proxy is the one that follows the script. */
static void drain_pool(struct rig *r)
{
    while (held_by(&r->lb).upstream > 0)
        sleep_ms(5);
}

static void run_case(struct rig *r, enum stage stage, enum act act, bool tcp)
{
    struct client c;
    drain_pool(r);
    atomic_store(&r->script.act, (int)act);
    atomic_store(&r->script.stage, (int)stage);
    assert_true(client_open(&c, tcp ? r->tcp : r->http));
    send_request(&c, stage);
    if (!tcp)
        check_reply(&c, stage, act);
    else if (!client_ends(&c, 10000)) /* the proxy passes the end on, or times out */
        fail_msg("tcp %s, %s: no end", stage_names[stage], act_names[act]);
    client_close(&c);
    held_settle(&r->lb, &r->rest, stage_names[stage], act);
    assert_int_equal(atomic_load(&r->script.stage), -1);
    int status = http_get(r->next, "/", NULL, NULL);
    if (status != 200)
        fail_msg("%s, %s: the next client got %d", stage_names[stage], act_names[act], status);
}

static void http_origins(void **state)
{
    (void)state;
    struct rig r;
    rig_start(&r);
    for (enum stage stage = 0; stage < STAGES; stage++)
        for (enum act act = 0; act < ACTS; act++)
            run_case(&r, stage, act, false);
    rig_stop(&r);
}

static void tcp_origins(void **state)
{
    (void)state;
    static const enum stage stages[] = {AT_ACCEPT, AT_HEAD, AT_BODY, AT_REPLY_BODY};
    struct rig r;
    rig_start(&r);
    for (size_t i = 0; i < sizeof stages / sizeof *stages; i++)
        for (enum act act = 0; act < ACTS; act++)
            run_case(&r, stages[i], act, true);
    rig_stop(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        E2E_TEST(http_origins),
        E2E_TEST(tcp_origins),
    };
    return cmocka_run_group_tests_name("chaos-origin", tests, NULL, NULL);
}
