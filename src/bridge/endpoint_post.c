
/*
 * A message that was posted: in the era that it is of, to the process that
 * answers it, or answered from what is known.
 */


#include "endpoint.h"

#include <stdio.h>
#include <stdlib.h>


static const mcp_str_t  mb_no_id = mcp_null_string;


static void
mb_endpoint_accepted(mb_http_t *http)
{
    mb_http_answer(http, 202, NULL, NULL, NULL, 0);
}


/* A result that is known; with its request's id. */

static void
mb_endpoint_result(mb_http_t *http, const mcp_str_t *id,
    const mcp_str_t *result, const mb_session_t *s)
{
    char             *body, extra[64 + MB_SESSION_ID];
    size_t            len;

    if (id->len > MB_ID_MAX) {
        mb_http_error(http, 400, MCP_E_REQUEST, &mb_no_id, 0,
                      "the id is too long");
        return;
    }

    len = id->len + result->len + 64;

    body = malloc(len);
    if (body == NULL) {
        mb_http_error(http, 503, 503, id, 1, "there is no memory for this "
                      "request");
        return;
    }

    len = (size_t) snprintf(body, len,
                            "{\"jsonrpc\":\"2.0\",\"id\":%.*s,\"result\":",
                            (int) id->len, (char *) id->data);
    memcpy(body + len, result->data, result->len);
    len += result->len;
    body[len++] = '}';

    extra[0] = '\0';

    if (s) {
        snprintf(extra, sizeof(extra), "Mcp-Session-Id: %s\r\n", s->id);
    }

    mb_http_answer(http, 200, "application/json", extra, body, len);
    free(body);
}


void
mb_endpoint_unavailable(mb_http_t *http, mb_server_t *server,
    const mcp_str_t *id)
{
    mb_http_error(http, 503, 503, id, mb_server_retry(server),
                  server->state == MB_DISABLED
                  ? "server \"%s\" is disabled"
                  : "server \"%s\" is not running now; try again later",
                  server->name);
}


static void
mb_endpoint_send(mb_http_t *http, mb_child_t *child, mb_session_t *s,
    const mcp_message_t *m, mcp_era_e era)
{
    /* what fails may take the session with it */

    switch (mb_call_send(child, http, s, m, era)) {

    case MCP_OK:
        return;

    case MCP_ERROR:
        mb_http_error(http, 400, MCP_E_REQUEST, &mb_no_id, 0,
                      "the id or the progress token is too long");
        return;

    default:

        if (http->state != MB_H_BUSY) {
            return;
        }

        mb_http_error(http, 503, 503, &m->id, 1,
                      "the server does not keep up with its calls; try again "
                      "later");
    }
}


void
mb_endpoint_modern(mb_http_t *http, mb_server_t *server,
    const mcp_message_t *m)
{
    int          rc;
    mcp_fault_t  fault;

    if (server->era != MCP_ERA_MODERN) {

        if (m->kind != MCP_REQUEST || m->method == MCP_DISCOVER) {
            mb_http_error(http, 404, MCP_E_METHOD, &m->id, 0,
                          "this server speaks a revision before "
                          MCP_VERSION_MODERN ": initialize a session");
            return;
        }

        memset(&fault, 0, sizeof(fault));
        (void) mcp_fault(&fault, MCP_E_VERSION, 400,
                         "this server speaks an earlier revision",
                         "{\"supported\":[\"" MCP_VERSION_LEGACY "\"]}");
        mb_http_fault(http, &m->id, &fault);
        return;
    }

    if (m->kind != MCP_REQUEST) {

        /* 2026-07-28 has no notification that means anything over HTTP */

        mb_endpoint_accepted(http);
        return;
    }

    rc = mcp_message_check_modern(m, &http->in.mcp, mb_scratch_more(), &fault);

    if (rc != MCP_OK) {

        if (rc == MCP_NOMEM) {
            mb_endpoint_unavailable(http, server, &m->id);
        } else {
            mb_http_fault(http, &m->id, &fault);
        }

        return;
    }

    if (m->method == MCP_DISCOVER && server->discover.len) {
        mb_endpoint_result(http, &m->id, &server->discover, NULL);
        return;
    }

    if (server->child == NULL || server->child->state != MB_CHILD_READY) {
        mb_endpoint_unavailable(http, server, &m->id);
        return;
    }

    mb_endpoint_send(http, server->child, NULL, m, MCP_ERA_MODERN);
}


static void
mb_endpoint_initialize(mb_http_t *http, mb_server_t *server,
    const mcp_message_t *m)
{
    mb_session_t  *s;

    s = mb_session_create(server);

    if (s == NULL) {
        mb_http_error(http, 503, 503, &m->id, 5, "there are too many sessions "
                      "with server \"%s\"; try again later", server->name);
        return;
    }

    if (!server->entry->session) {
        mb_endpoint_result(http, &m->id, &server->initialize, s);
        return;
    }

    s->child = mb_child_start(server, s);

    if (s->child == NULL) {
        mb_session_end(s, "it could not be started");
        mb_endpoint_unavailable(http, server, &m->id);
        return;
    }

    mb_child_timer(s->child, server->entry->startup);
    mb_endpoint_send(http, s->child, s, m, MCP_ERA_LEGACY);
}


/* A message as it is, for a process that one session has to itself. */

static void
mb_endpoint_forward(mb_http_t *http, mb_session_t *s, const mcp_message_t *m)
{
    size_t          i;
    unsigned char  *p;

    p = (unsigned char *) m->tape.text;

    for (i = 0; i < m->tape.len; i++) {
        if (p[i] == '\n' || p[i] == '\r') {
            p[i] = ' ';
        }
    }

    if (evbuffer_get_length(s->child->queue) > MB_QUEUE_MAX) {
        mb_http_error(http, 503, 503, &mb_no_id, 1,
                      "the server does not keep up; try again later");
        return;
    }

    if (mb_child_send(s->child, p, m->tape.len) != MCP_OK
        || mb_child_send(s->child, "\n", 1) != MCP_OK)
    {
        mb_http_error(http, 502, 502, &mb_no_id, 0,
                      "the server does not listen any more");
        return;
    }

    mb_endpoint_accepted(http);
}


static void
mb_endpoint_notification(mb_http_t *http, mb_server_t *server,
    mb_session_t *s, const mcp_message_t *m)
{
    mcp_str_t  id;

    if (m->method == MCP_CANCELLED) {

        /* ids are told apart by session: without one it is nobody's */

        if (s != NULL && m->cancel_id) {
            id = mcp_json_raw(&m->tape, m->cancel_id);
            mb_call_cancel(server, s, &id);
        }

        mb_endpoint_accepted(http);
        return;
    }

    if (s == NULL || s->child == NULL) {

        /* the one process that all share has been initialized */

        mb_endpoint_accepted(http);
        return;
    }

    mb_endpoint_forward(http, s, m);
}


/* The session that it names, or NULL; MCP_ERROR: it has been answered. */

static int
mb_endpoint_session(mb_http_t *http, mb_server_t *server,
    const mcp_message_t *m, mb_session_t **s)
{
    *s = NULL;

    if (http->in.session.len) {
        *s = mb_session_find(server, &http->in.session);

        if (*s == NULL) {
            mb_http_error(http, 404, 404, &m->id, 0,
                          "there is no such session: initialize a new one");
            return MCP_ERROR;
        }

        mb_session_touch(*s);

    } else if (server->entry->session) {
        mb_http_error(http, 400, MCP_E_REQUEST, &m->id, 0,
                      "this server needs a session: initialize one, and send "
                      "Mcp-Session-Id");
        return MCP_ERROR;
    }

    return MCP_OK;
}


static void
mb_endpoint_request(mb_http_t *http, mb_server_t *server, mb_session_t *s,
    const mcp_message_t *m)
{
    mb_child_t  *child;

    static const mcp_str_t  empty = mcp_string("{}");

    child = (s && s->child) ? s->child : server->child;

    if (child == NULL || child->state == MB_CHILD_STOPPING) {
        mb_endpoint_unavailable(http, server, &m->id);
        return;
    }

    /* a level would be everybody's; without one nobody gets log messages */

    if (m->method == MCP_SET_LEVEL && child == server->child) {
        mb_endpoint_result(http, &m->id, &empty, NULL);
        return;
    }

    mb_endpoint_send(http, child, s, m, MCP_ERA_LEGACY);
}


void
mb_endpoint_legacy(mb_http_t *http, mb_server_t *server,
    const mcp_message_t *m)
{
    mcp_fault_t    fault;
    mb_session_t  *s;

    if (server->era == MCP_ERA_MODERN && !server->entry->session) {
        memset(&fault, 0, sizeof(fault));
        (void) mcp_fault(&fault, MCP_E_VERSION, 400, "this server speaks only "
                         MCP_VERSION_MODERN,
                         "{\"supported\":[\"" MCP_VERSION_MODERN "\"]}");
        mb_http_fault(http, &m->id, &fault);
        return;
    }

    if (mcp_message_check_legacy(m, &http->in.mcp, mb_scratch_more(), &fault)
        != MCP_OK)
    {
        mb_http_fault(http, &m->id, &fault);
        return;
    }

    if (m->method == MCP_INITIALIZE) {
        mb_endpoint_initialize(http, server, m);
        return;
    }

    if (mb_endpoint_session(http, server, m, &s) != MCP_OK) {
        return;
    }

    if (m->kind == MCP_RESPONSE) {

        if (s != NULL && s->child && mb_session_answer(s, m) == MCP_OK) {
            mb_endpoint_forward(http, s, m);
            return;
        }

        mb_endpoint_accepted(http);
        return;
    }

    if (m->kind == MCP_NOTIFICATION) {
        mb_endpoint_notification(http, server, s, m);
        return;
    }

    mb_endpoint_request(http, server, s, m);
}
