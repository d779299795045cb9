/*
 * answers.h — what a demo origin replies, by path.
 */
#ifndef LB_DEMO_ANSWERS_H
#define LB_DEMO_ANSWERS_H

struct event_base;
struct evhttp;

/*
 * Makes `http` answer in the name of `name` (borrowed while `http` lives):
 *   /events      server-sent events, one a second
 *   /slow?ms=N   the same as any path, N ms later
 *   /status/NNN  an empty reply with that status
 *   /bytes/N     N bytes
 *   anything     who answers, and the request as it came
 * Loop thread of `http`'s base.
 */
void answers_attach(struct evhttp *http, const char *name);

#endif
