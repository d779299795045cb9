/*
 * session.h — one exchange: route, pick, connect, relay, retry, account.
 *
 * HTTP: a request with its response. TCP: a connection pair. A session has a front stream for its
 * whole life and a back stream from the first attempt on; it ends once, in session_end, with one
 * reason. Everything runs on one worker's thread, driven by stream events.
 */
#ifndef LB_SESSION_SESSION_H
#define LB_SESSION_SESSION_H

#include "lb/session/choose.h"
#include "lb/session/shard.h"
#include "lb/session/source.h"

enum session_state {
    S_HEAD,    /* request head being handled */
    S_QUEUED,  /* waits for a server with room */
    S_CONNECT, /* connecting, request not sent yet */
    S_SEND,    /* request being sent */
    S_REPLY,   /* response head awaited */
    S_RELAY,   /* response body under way */
    S_TUNNEL,  /* raw bytes both ways */
    S_CANNED,  /* lb's own reply is being sent */
    S_OVER,
};

enum session_flag {
    SF_HTTP = 1 << 0,
    SF_KEEP_ALIVE = 1 << 1, /* the client connection may stay open */
    SF_REQ_END = 1 << 2,    /* the whole request was read */
    SF_REQ_SENT = 1 << 3,   /* … and taken by the kernel towards the server */
    SF_REP_BEGUN = 1 << 4,  /* something of the final response went to the client */
    SF_REP_END = 1 << 5,    /* the whole response was read */
    SF_IDEMPOTENT = 1 << 6,
    SF_PINNED = 1 << 7,        /* `req` holds the whole request, so it can be sent again */
    SF_ANY_SENT = 1 << 8,      /* some byte of the request may have reached a server */
    SF_REUSED = 1 << 9,        /* the attempt runs on a pooled connection */
    SF_UPGRADE = 1 << 10,      /* the client asked to switch protocols */
    SF_FRONT_EOF = 1 << 11,    /* tunnel: the client half-closed */
    SF_BACK_EOF = 1 << 12,     /* tunnel: the server half-closed */
    SF_BACK_KEEP = 1 << 13,    /* the server connection may be used again */
    SF_STUCK = 1 << 14,        /* the server was named by a sticky cookie */
    SF_SET_COOKIE = 1 << 15,   /* the response gets a new sticky cookie */
    SF_COUNTED = 1 << 16,      /* in flight at the server */
    SF_CLOSE_FRAMED = 1 << 17, /* the response ends with the connection */
    SF_HEAD_ONLY = 1 << 18,    /* the request was HEAD */
    SF_ENCODE = 1 << 20,       /* the front frames the body itself: an empty end must be sent */
    SF_RETRIED_DEAD = 1 << 19, /* a dead pooled connection was already made up for */
    SF_LAST_WORDS = 1 << 21,   /* the server takes no more; what it said before is being read */
    SF_AWAITS_100 = 1 << 22,   /* the client waits for leave to send its body */
};

enum session_timer { /* kinds of a client connection's timer */
                     KIND_NONE,
                     KIND_HEADER,
                     KIND_IDLE,
                     KIND_LINGER,
                     KIND_CONNECT,
                     KIND_REPLY,
                     KIND_CLIENT,
                     KIND_SERVER,
                     KIND_TUNNEL,
                     KIND_QUEUE,
                     KIND_PROXY,
                     KIND_HANDSHAKE,
                     KIND_CHECK = 0x80, /* with one of the above: look whether both peers are there,
                                           then wait on */
};

enum { TRIED_MAX = 8 }; /* failed servers a request remembers */

struct logline; /* what the access log needs of the request; only with an access log */

struct session {
    struct shard *sh;
    struct snapshot *snap; /* counted in snap->live[worker] */
    struct frontend *fe;
    struct frontend_line *fl;
    struct backend *be; /* NULL until routed */
    struct wbackend *wb;
    struct stream *front;     /* NULL once it is gone */
    struct stream *back;      /* NULL between attempts */
    struct acceptor *home;    /* of the client connection */
    struct peer peer;         /* the client */
    struct server_rt *srv;    /* of the current attempt */
    struct server_line *line; /* srv's, this worker's */
    int server;               /* index in be->servers; -1: none */
    uint32_t flags;           /* enum session_flag */
    uint8_t state;
    uint8_t method, minor; /* of the request */
    uint8_t attempts;
    uint16_t status;           /* sent to the client; 0: none */
    struct buf req;            /* the edited request, for (re)sending */
    uint32_t req_off;          /* where it begins in req.mem */
    uint32_t progress;         /* of the output being waited for, when the timer last fired */
    uint64_t key;              /* for hash balancers */
    uint16_t tried[TRIED_MAX]; /* servers that failed this request */
    uint8_t ntried;
    uint8_t interims;  /* 1xx heads of this attempt */
    bool fresh;        /* the next attempt must not use a pooled connection */
    enum why last_why; /* of the attempt that failed last */
    uint64_t t_start, t_head, t_pick, t_connect, t_sent, t_reply; /* µs; 0: did not happen */
    uint64_t bytes_in, bytes_out;
    uint64_t wait_from, waited, waited_in; /* for body-min-rate: µs, bytes since the head */
    struct logline *logline;
    uint8_t id_n;      /* bytes of the request id */
    char id[128];      /* made by lb, or a trusted peer's */
    struct list queue; /* in wb->queue */
    struct grave grave;
};

/* --- session.c: life and death --- */
struct session *session_new(struct shard *, struct stream *front, bool http);
void session_end(struct session *, enum why);
void session_arm(struct session *, uint8_t kind);     /* the front timer, by kind */
bool session_checked(struct session *, uint8_t kind); /* the timer fired with KIND_CHECK */
static inline struct session *session_of(struct stream *s)
{
    return s->owner;
}

/* --- request.c --- */
void request_begin(struct stream *front, struct head *); /* front's head event */
/* --- attempt.c --- */
void attempt_begin(struct session *);                 /* pick a server and send, or queue */
void attempt_on(struct session *, int server);        /* this server, when the queue gave it */
void attempt_failed(struct session *, enum why);      /* retry elsewhere, or give up */
void attempt_drop_back(struct session *, bool reset); /* close the server's connection */
void attempt_release(struct session *);               /* the server no longer works on it */
extern const struct stream_events session_front_events, session_back_events;
void front_failed(struct stream *front, enum why);  /* answers, when it can, and ends */
void front_failed_hard(struct session *, enum why); /* the client is gone: end without a reply */
/* --- reply.c --- */
void reply_head(struct stream *back, struct head *);
void reply_complete(struct session *); /* the server's part is over */
void reply_canned(struct session *, int status, enum why, const char *location);
/* --- relay.c --- */
void relay_front_body(struct stream *, struct buf *, bool end);
void relay_back_body(struct stream *, struct buf *, bool end);
void relay_front_sent(struct stream *, struct buf *spent);
void relay_back_sent(struct stream *, struct buf *spent);
void relay_begin_tunnel(struct session *);
/* --- tcp.c --- */
/* `name`: what the client's TLS asks for; `why`: not OK, it is refused. */
void tcp_begin(struct conn *client, struct slice name, enum why);
/* --- hello.c --- */
void hello_begin(struct conn *client); /* leads to tcp_begin */
/* --- method.c --- */
struct text;
bool method_passes(const struct cfg_frontend *, const struct head *); /* by `methods` */
bool method_connects(const struct cfg_route *); /* does the route take CONNECT? */
void method_allow_line(const struct cfg_frontend *, struct text *); /* the Allow field of a 405 */
bool method_ends_here(const struct head *); /* Max-Forwards: 0 (RFC 9110 section 7.6.2) */
void method_count_hop(struct edits *, const struct head *, struct text *);
/* --- forward.c --- */
void forward_rfc7239(const struct session *, struct edits *, const struct head *, struct text *,
                     bool keep);
/* --- proxyhead.c --- */
void proxy_await(struct conn *client);        /* a PROXY header must come first, then front_greet */
bool proxy_announced(const struct session *); /* does the attempt's server get one? */
bool proxy_announce(struct session *);        /* puts it in front of s->req; false: no memory */
/* --- front.c: client connections between exchanges --- */
void front_accepted(struct listener *, int fd, const struct sockaddr *, socklen_t);
void front_accept_failed(struct listener *, int error);
void front_greet(struct conn *); /* who it is is known: the first exchange may begin */
void front_turn_away(struct conn *, enum why); /* refused before an exchange; counted and logged */
void front_idle(struct conn *);                /* after an exchange: wait for the next */
void front_close(struct conn *, bool reset);   /* now */
void front_finish(struct stream *, enum stream_end); /* after an exchange */
void front_linger(struct conn *); /* after a reply the client may still be sending to */
void front_on_timer(struct timer *, void *user);
void front_shaken(struct conn *); /* its TLS handshake is through */
/* Which protocol the client speaks is known: "h2", or anything else (empty too) for HTTP/1. */
void front_protocol_known(struct conn *, struct slice alpn);
/* --- front_h2.c: HTTP/2 connections --- */
extern const struct io_ops front_sniff_ops; /* the first bytes decide between HTTP/1 and HTTP/2 */
bool front_h2_begin(struct conn *);         /* false: out of memory */
void front_h2_orphaned(struct acceptor *);  /* the bind is gone: its connections end */
void front_leave(struct conn *);            /* out of the shard's counts; before conn_close */

#endif
