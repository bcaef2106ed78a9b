
/*
 * One server of mcp.json: its process, restarts with backoff, drain.  Which
 * servers there are is in server_conf.c.
 */


#include "server.h"

#include <stdio.h>
#include <stdlib.h>


#define MB_BACKOFF_MIN  1000         /* ms */
#define MB_BACKOFF_MAX  60000
#define MB_HEALTHY      60000        /* ms, and failures are forgotten */
#define MB_STALL        120000       /* ms without reading its input */


struct mb_servers_s  mb_servers = TAILQ_HEAD_INITIALIZER(mb_servers);


mb_server_t *
mb_server_find(const void *name, size_t len)
{
    mb_server_t  *server;

    TAILQ_FOREACH(server, &mb_servers, link) {
        if (!server->removed && strlen(server->name) == len
            && memcmp(server->name, name, len) == 0)
        {
            return server;
        }
    }

    return NULL;
}


const char *
mb_server_state(const mb_server_t *server)
{
    switch (server->state) {
    case MB_STARTING:
        return "starting";
    case MB_READY:
        return "ready";
    case MB_BACKOFF:
        return "backoff";
    case MB_DRAINING:
        return "draining";
    case MB_DISABLED:
        return "disabled";
    default:
        return "stopping";
    }
}


unsigned
mb_server_retry(const mb_server_t *server)
{
    if (server->state != MB_BACKOFF || server->until <= mb_now) {
        return 1;
    }

    return (unsigned) ((server->until - mb_now + 999) / 1000);
}


/* --- requests that wait until it is ready --------------------------------- */


void
mb_server_release(mb_server_t *server)
{
    mb_http_t  *http;

    /* while it goes on starting, they go on waiting */

    while (server->state != MB_STARTING && server->state != MB_DRAINING
           && (http = TAILQ_FIRST(&server->held)) != NULL)
    {
        TAILQ_REMOVE(&server->held, http, held);
        http->is_held = 0;
        server->n_held--;

        mb_endpoint(http);
    }
}


/* --- start and failure ---------------------------------------------------- */


static void
mb_server_error(mb_server_t *server, const char *why)
{
    snprintf(server->last_error, sizeof(server->last_error), "%s", why);
}


static void
mb_server_backoff(mb_server_t *server)
{
    uint64_t  wait, jitter;

    wait = MB_BACKOFF_MAX;

    if (server->failures < 6) {
        wait = (uint64_t) MB_BACKOFF_MIN << server->failures;
    }

    if (wait > MB_BACKOFF_MAX) {
        wait = MB_BACKOFF_MAX;
    }

    jitter = 0;
    (void) !mb_random(&jitter, sizeof(jitter));

    server->failures++;
    server->state = MB_BACKOFF;
    server->until = mb_now + wait + jitter % (wait / 4);

    mb_log(MB_WARN, server->name, "it is started again in %u s",
           mb_server_retry(server));
}


void
mb_server_start(mb_server_t *server)
{
    if (mb_exiting || server->removed) {
        return;
    }

    if (server->entry->disabled) {
        server->state = MB_DISABLED;
        mb_server_release(server);
        return;
    }

    /* each session will have a process of its own */

    if (server->entry->session) {
        server->state = MB_READY;
        server->era = MCP_ERA_LEGACY;
        server->ready = mb_now;
        mb_server_release(server);
        return;
    }

    if (server->arena) {
        mcp_arena_destroy(server->arena);
    }

    server->initialize.len = 0;
    server->discover.len = 0;
    server->version.len = 0;
    server->state = MB_STARTING;

    server->arena = mcp_arena_create();
    server->child = server->arena ? mb_child_start(server, NULL) : NULL;

    if (server->child == NULL) {
        mb_server_error(server, "no process could be started");
        mb_server_backoff(server);
        mb_server_release(server);
    }
}


void
mb_server_child_started(mb_child_t *child)
{
    mb_log(MB_NOTICE, child->server->name, "process %d has started",
           (int) child->pid);

    /* the client of a session does the handshake itself */

    if (child->session == NULL && child->server->child == child) {
        mb_handshake_start(child);
    }
}


void
mb_server_child_ready(mb_child_t *child, mcp_era_e era)
{
    mb_server_t  *server;

    server = child->server;

    child->state = MB_CHILD_READY;
    (void) evtimer_del(child->timer);

    if (child->session || server->child != child) {
        return;
    }

    server->era = era;
    server->ready = mb_now;

    mb_log(MB_NOTICE, server->name, "process %d is ready, it speaks %s",
           (int) child->pid, era == MCP_ERA_MODERN ? MCP_VERSION_MODERN
                                                   : "an earlier revision");

    mb_handshake_list(child);

    /* its entry has changed while it started */

    if (server->state == MB_STARTING) {
        server->state = MB_READY;
        mb_server_release(server);
    }
}


void
mb_server_child_timer(mb_child_t *child)
{
    if (child->state != MB_CHILD_STARTING) {
        return;
    }

    if (child->session) {
        mb_server_child_failed(child, "it was not initialized within "
                               "startupTimeout");
        return;
    }

    mb_handshake_timer(child);
}


void
mb_server_child_failed(mb_child_t *child, const char *why)
{
    int            probing;
    mb_server_t   *server;
    mb_session_t  *s;

    if (child->state == MB_CHILD_STOPPING || child->state == MB_CHILD_GONE) {
        return;
    }

    server = child->server;
    probing = child->state == MB_CHILD_STARTING && child->pid
              && mb_handshake_probing(child);
    child->failed = 1;

    mb_server_error(server, why);
    mb_log(MB_WARN, server->name, "process %d: %s", (int) child->pid, why);

    /* what is in flight may have been done; nothing is sent again */

    mb_child_stop(child);
    mb_calls_fail(child, 502, "the server's process has ended or broken the "
                  "protocol; the call may have been executed");

    s = child->session;

    if (s) {
        server->restarts++;
        mb_session_end(s, why);
        return;
    }

    if (server->child != child) {
        return;
    }

    server->child = NULL;
    server->tools = 0;

    if (server->state == MB_DRAINING || server->state == MB_STOPPING
        || mb_exiting)
    {
        return;
    }

    server->restarts++;

    /* some exit when they are asked anything before initialize */

    if (probing && !server->exits_on_probe
        && server->entry->protocol == MCP_ERA_UNKNOWN)
    {
        server->exits_on_probe = 1;
        mb_log(MB_NOTICE, server->name, "it does not survive server/discover, "
               "it will be asked to initialize at once");
        server->state = MB_STARTING;
        server->until = mb_now;
        return;
    }

    mb_server_backoff(server);
    mb_server_release(server);
}


/* --- the end -------------------------------------------------------------- */


void
mb_server_child_gone(mb_child_t *child)
{
    mb_server_t  *server;

    server = child->server;

    if (!child->failed) {
        child->failed = 1;
        mb_calls_fail(child, 502, "the server's process has ended");
    }

    if (child->session) {
        child->session->child = NULL;
        mb_session_end(child->session, "its process has ended");
        child->session = NULL;
    }

    if (server->child == child) {
        server->child = NULL;
    }

    mb_log(MB_NOTICE, server->name, "process %d and all that it had started "
           "are gone", (int) child->pid);
}


/*
 * A process that is to go goes when nothing is in flight on it; what comes
 * meanwhile waits for the next one.
 */

void
mb_server_child_idle(mb_child_t *child)
{
    if (child->server->state == MB_DRAINING
        && child->state == MB_CHILD_READY && child->session == NULL)
    {
        mb_child_stop(child);
    }
}


void
mb_server_drain(mb_server_t *server)
{
    mb_child_t  *child;

    server->state = MB_DRAINING;
    child = server->child;

    if (child == NULL) {
        return;
    }

    mb_calls_end_listen(child);

    if (child->in_flight == 0 || child->state == MB_CHILD_STARTING) {
        mb_child_stop(child);
    }
}


static void
mb_server_drained(mb_server_t *server)
{
    mb_session_t  *s, *next;

    TAILQ_FOREACH_SAFE(s, &server->sessions, link, next) {
        if (s->child && s->calls == 0) {
            mb_session_end(s, NULL);
        }
    }

    if (TAILQ_EMPTY(&server->children)) {
        mb_server_emptied(server);
    }
}


void
mb_servers_stop(void)
{
    mb_child_t   *child, *next;
    mb_server_t  *server;

    TAILQ_FOREACH(server, &mb_servers, link) {
        server->state = MB_STOPPING;
        mb_server_release(server);

        TAILQ_FOREACH_SAFE(child, &server->children, link, next) {
            mb_child_stop(child);
            mb_calls_fail(child, 503, "the bridge is being stopped; the call "
                          "may have been executed");
        }
    }
}


/* --- time ----------------------------------------------------------------- */


static void
mb_server_tick(mb_server_t *server)
{
    mb_child_t  *child, *next;

    TAILQ_FOREACH_SAFE(child, &server->children, link, next) {
        mb_calls_expire(child, mb_now);

        if (child->state != MB_CHILD_STOPPING
            && evbuffer_get_length(child->queue) != 0
            && mb_now - child->written >= MB_STALL)
        {
            mb_server_child_failed(child, "it does not read its input");
        }
    }

    mb_sessions_expire(server, mb_now);

    switch (server->state) {

    case MB_READY:

        if (mb_now - server->ready >= MB_HEALTHY) {
            server->failures = 0;
        }

        break;

    case MB_STARTING:
    case MB_BACKOFF:

        /* the one before must be gone: two could be in each other's way */

        if (server->child == NULL && server->until <= mb_now
            && TAILQ_EMPTY(&server->children))
        {
            mb_server_start(server);
        }

        break;

    case MB_DRAINING:
        mb_server_drained(server);
        break;

    default:
        break;
    }
}


void
mb_servers_tick(void)
{
    unsigned      running;
    mb_server_t  *server, *next;

    running = 0;

    TAILQ_FOREACH_SAFE(server, &mb_servers, link, next) {
        running += !TAILQ_EMPTY(&server->children);
        mb_server_tick(server);
    }

    if (mb_exiting && running == 0) {
        (void) event_base_loopbreak(mb_base);
    }
}


void
mb_server_list_changed(mb_server_t *server, const mb_line_t *line)
{
    if (server->child && server->child->state == MB_CHILD_READY
        && mb_line_is(line, &line->method, "notifications/tools/list_changed")
        && server->child->in_flight < MB_CALLS_MAX / 2
        && evbuffer_get_length(server->child->queue) < MB_QUEUE_MAX / 2)
    {
        mb_handshake_list(server->child);
    }
}
