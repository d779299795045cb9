/*
 * reload.c — HUP and `lb reload`: load, prepare, commit, and tell whoever asked.
 */
#include "lb/control/internal.h"

#include <stdio.h>
#include <stdlib.h>

static void finish(struct control *c, enum admin_reload result)
{
    admin_reload_done *done = c->reload_done;
    char *text = c->reload_text;
    bool ok = result == ADMIN_RELOAD_OK;
    c->reload_done = NULL;
    c->reload_text = NULL;
    c->reload.ok += ok;
    c->reload.failed += !ok;
    c->reload.last_ok = ok;
    c->reload.last_wall_us = c->loop.wall_us;
    c->reload.last_summary = c->reload_summary;
    log_line(c->log, ok ? LOG_LV_INFO : LOG_LV_ERROR, ok ? "reloaded" : "reload-failed", "%s",
             c->reload_summary);
    if (done)
        done(c->reload_arg, result, text);
    free(text);
}

static void refuse(struct control *c, enum admin_reload result, const char *why)
{
    (void)snprintf(c->reload_summary, sizeof c->reload_summary, "%s", why);
    finish(c, result);
}

/* The first line of the messages that names an error, for the log. */
static void summarise(struct control *c, const char *text)
{
    const char *at = text ? strstr(text, ": error ") : NULL;
    while (at && at > text && at[-1] != '\n')
        at--;
    (void)snprintf(c->reload_summary, sizeof c->reload_summary,
                   "%.*s; the configuration before stays in force",
                   at ? (int)strcspn(at, "\n") : 32, at ? at : "the configuration has errors");
}

static void adopt_log(struct control *c)
{
    const struct cfg_log *l = &c->snap->cfg->global.log;
    struct log_target t = {(enum log_to)l->to, l->path, l->json ? LOG_JSON : LOG_TEXT};
    struct err e = {0};
    logger_set_level(c->logger, (enum log_level)l->level);
    if (logger_retarget(c->logger, &t, &e) != 0)
        log_line(c->log, LOG_LV_WARNING, "log-kept", "%s", e.text);
}

void control_reload(struct control *c, admin_reload_done *done, void *arg)
{
    struct err e = {0};
    if (c->reload_done || c->unapplied || c->stopping) {
        const char *why = c->stopping ? "the proxy is stopping" : "another reload is under way";
        if (done)
            done(arg, ADMIN_RELOAD_FAILED, why);
        return;
    }
    c->reload_done = done;
    c->reload_arg = arg;
    struct cfg *cfg = control_load(c, &c->reload_text);
    if (!cfg) {
        summarise(c, c->reload_text);
        finish(c, ADMIN_RELOAD_CONFIG);
        return;
    }
    if (control_apply(c, cfg, &e) != 0) {
        free(c->reload_text);
        c->reload_text = strdup(e.text);
        refuse(c, ADMIN_RELOAD_FAILED, e.text);
        return;
    }
    adopt_log(c);
    (void)snprintf(c->reload_summary, sizeof c->reload_summary,
                   "configuration %llu is in force, prepared in %llu us",
                   (unsigned long long)c->snap->generation,
                   (unsigned long long)c->snap->prepared_us);
    if (c->unapplied == 0)
        finish(c, ADMIN_RELOAD_OK);
}

void control_reload_applied(struct control *c)
{
    if (!c->ready) { /* the first one: start-up, not a reload */
        c->ready = true;
        return;
    }
    finish(c, ADMIN_RELOAD_OK);
}

void control_reload_cut(struct control *c)
{
    if (c->reload_done)
        refuse(c, ADMIN_RELOAD_FAILED, "the proxy stopped before the reload was complete");
}
