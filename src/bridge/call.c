
/*
 * Requests in flight on a child.  Ids and progress tokens of all its clients
 * become numbers of ours on the way there, and their own bytes again on the
 * way back.
 */


#include "call.h"

#include <stdio.h>
#include <stdlib.h>


static mb_map_t  mb_by_client;       /* calls of sessions, to be cancelled */


static uint64_t
mb_client_hash(const mb_session_t *session, const unsigned char *id,
    size_t len)
{
    return mb_hash((uint64_t) (uintptr_t) session, id, len);
}


mb_call_t *
mb_call_find(const mb_child_t *child, uint64_t id)
{
    mb_node_t  *node;

    if (id == 0) {
        return NULL;
    }

    /* numbers are their own hash */

    node = mb_map_first(&child->by_id, id);

    return node ? mb_data(node, mb_call_t, by_id) : NULL;
}


void
mb_call_free(mb_call_t *call)
{
    mb_child_t  *child;

    child = call->child;

    if (call->listens) {
        TAILQ_REMOVE(&child->listens, call, link);
    } else {
        TAILQ_REMOVE(&child->calls, call, link);
    }

    mb_map_remove(&child->by_id, &call->by_id);

    if (call->registered) {
        mb_map_remove(&mb_by_client, &call->by_client);
    }

    if (call->session) {
        call->session->calls--;
        mb_session_touch(call->session);
    }

    if (call->http) {
        call->http->call = NULL;
    }

    free(call);

    if (--child->in_flight == 0) {
        mb_server_child_idle(child);
    }
}


/* --- to the child --------------------------------------------------------- */


static mb_call_t *
mb_call_new(mb_child_t *child, size_t extra)
{
    mb_call_t  *call;

    call = calloc(1, sizeof(mb_call_t) + extra);
    if (call == NULL) {
        return NULL;
    }

    call->child = child;
    call->id = ++child->last_id;
    call->by_id.hash = call->id;

    if (mb_map_insert(&child->by_id, &call->by_id) != MCP_OK) {
        free(call);
        return NULL;
    }

    child->in_flight++;

    return call;
}


/* One message, one line: raw line ends are only ever between tokens. */

void
mb_call_one_line(unsigned char *p, size_t len)
{
    unsigned char  *q, *end;

    end = p + len;

    for (q = p; (q = memchr(q, '\n', (size_t) (end - q))) != NULL; q++) {
        *q = ' ';
    }

    for (q = p; (q = memchr(q, '\r', (size_t) (end - q))) != NULL; q++) {
        *q = ' ';
    }
}


typedef struct {
    mcp_str_t             old;
    char                  text[32];
    size_t                len;
} mb_edit_t;


static int
mb_call_write(mb_child_t *child, const mcp_message_t *m, mb_edit_t *edit,
    unsigned n)
{
    unsigned              i;
    mb_edit_t             swap;
    const unsigned char  *p, *end;

    if (n == 2 && edit[1].old.data < edit[0].old.data) {
        swap = edit[0];
        edit[0] = edit[1];
        edit[1] = swap;
    }

    p = m->tape.text;
    end = p + m->tape.len;

    for (i = 0; i < n; i++) {
        if (mb_child_send(child, p, (size_t) (edit[i].old.data - p)) != MCP_OK
            || mb_child_send(child, edit[i].text, edit[i].len) != MCP_OK)
        {
            return MCP_ERROR;
        }

        p = edit[i].old.data + edit[i].old.len;
    }

    if (mb_child_send(child, p, (size_t) (end - p)) != MCP_OK
        || mb_child_send(child, "\n", 1) != MCP_OK)
    {
        return MCP_ERROR;
    }

    return MCP_OK;
}


static void
mb_call_register(mb_call_t *call)
{
    if (call->session == NULL) {
        return;
    }

    call->session->calls++;
    call->by_client.hash = mb_client_hash(call->session, call->data,
                                          call->id_len);
    call->registered = (mb_map_insert(&mb_by_client, &call->by_client)
                        == MCP_OK);
}


/* The call that m makes, in the lists that it belongs to. */

static mb_call_t *
mb_call_create(mb_child_t *child, mb_http_t *http, mb_session_t *session,
    const mcp_message_t *m, const mcp_str_t *token)
{
    mb_call_t  *call;

    call = mb_call_new(child, m->id.len + token->len);
    if (call == NULL) {
        return NULL;
    }

    call->http = http;
    call->session = session;
    call->method = m->method;
    call->id_len = m->id.len;
    call->token_len = token->len;
    memcpy(call->data, m->id.data, m->id.len);

    if (token->len) {
        memcpy(call->data + m->id.len, token->data, token->len);
    }

    if (m->method == MCP_LISTEN) {
        call->listens = 1;
        TAILQ_INSERT_TAIL(&child->listens, call, link);

    } else {
        TAILQ_INSERT_TAIL(&child->calls, call, link);

        if (child->server->entry->call) {
            call->deadline = mb_now + child->server->entry->call;
        }
    }

    mb_call_register(call);
    http->call = call;
    child->server->calls++;

    return call;
}


int
mb_call_send(mb_child_t *child, mb_http_t *http, mb_session_t *session,
    const mcp_message_t *m, mcp_era_e era)
{
    unsigned    n;
    mb_call_t  *call;
    mcp_str_t   token;
    mb_edit_t   edit[2];

    token.len = 0;
    token.data = NULL;

    if (m->progress_token) {
        token = mcp_json_raw(&m->tape, m->progress_token);
    }

    if (m->id.len > MB_ID_MAX || token.len > MB_ID_MAX) {
        return MCP_ERROR;
    }

    if (child->in_flight >= MB_CALLS_MAX
        || evbuffer_get_length(child->queue) > MB_QUEUE_MAX)
    {
        return MCP_AGAIN;
    }

    call = mb_call_create(child, http, session, m, &token);
    if (call == NULL) {
        return MCP_AGAIN;
    }

    call->era = era;
    mb_call_one_line((unsigned char *) m->tape.text, m->tape.len);

    edit[0].old = mcp_json_raw(&m->tape, m->id_node);
    edit[0].len = (size_t) snprintf(edit[0].text, sizeof(edit[0].text), "%llu",
                                    (unsigned long long) call->id);
    n = 1;

    if (token.len) {
        edit[1].old = token;
        edit[1].len = (size_t) snprintf(edit[1].text, sizeof(edit[1].text),
                                        token.data[0] == '"' ? "\"%llu\""
                                                             : "%llu",
                                        (unsigned long long) call->id);
        n = 2;
    }

    if (mb_call_write(child, m, edit, n) != MCP_OK) {

        /* half a line may be in the queue: this child is lost */

        mb_call_free(call);
        mb_server_child_failed(child, "a request could not be sent to it");
        return MCP_AGAIN;
    }

    return MCP_OK;
}


int
mb_call_own(mb_child_t *child, const char *method, const char *params,
    mb_done_pt done)
{
    int         n;
    char        line[1024];
    mb_call_t  *call;

    call = mb_call_new(child, 0);
    if (call == NULL) {
        return MCP_NOMEM;
    }

    call->done = done;
    TAILQ_INSERT_TAIL(&child->listens, call, link);
    call->listens = 1;

    n = snprintf(line, sizeof(line),
                 "{\"jsonrpc\":\"2.0\",\"id\":%llu,\"method\":\"%s\","
                 "\"params\":%s}\n", (unsigned long long) call->id, method,
                 params);

    if (n < 0 || (size_t) n >= sizeof(line)
        || mb_child_send(child, line, (size_t) n) != MCP_OK)
    {
        mb_call_free(call);
        return MCP_NOMEM;
    }

    return MCP_OK;
}


/* --- the end of a call ---------------------------------------------------- */


static void
mb_call_tell_cancelled(mb_call_t *call, const char *reason)
{
    int   n;
    char  line[256];

    /* initialize must not be cancelled (MCP 2025-11-25, "Cancellation") */

    if (call->child->state != MB_CHILD_READY || call->method == MCP_INITIALIZE)
    {
        return;
    }

    n = snprintf(line, sizeof(line),
                 "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\","
                 "\"params\":{\"requestId\":%llu,\"reason\":\"%s\"}}\n",
                 (unsigned long long) call->id, reason);

    if (mb_child_send(call->child, line, (size_t) n) != MCP_OK) {
        mb_log(MB_WARN, call->child->server->name, "a call could not be "
               "cancelled");
    }
}


static void
mb_call_error(mb_call_t *call, unsigned status, int code, unsigned retry,
    const char *text)
{
    mcp_str_t   id;
    mb_http_t  *http;

    http = call->http;
    id.data = call->data;
    id.len = call->id_len;

    if (http == NULL) {
        return;
    }

    http->call = NULL;
    call->http = NULL;

    mb_http_error(http, status, code, &id, retry, "%s", text);
}


void
mb_call_abandon(mb_call_t *call)
{
    mb_call_tell_cancelled(call, "the caller is gone");
    mb_call_free(call);
}


void
mb_call_cancel(mb_server_t *server, mb_session_t *session, const mcp_str_t *id)
{
    mb_node_t  *node;
    mb_call_t  *call;

    node = mb_map_first(&mb_by_client,
                        mb_client_hash(session, id->data, id->len));

    for ( /* void */ ; node; node = mb_map_next(node)) {
        call = mb_data(node, mb_call_t, by_client);

        if (call->session == session && call->id_len == id->len
            && memcmp(call->data, id->data, id->len) == 0)
        {
            mb_call_tell_cancelled(call, "the caller has cancelled it");
            mb_call_error(call, 200, 499, 0, "the call was cancelled");
            mb_call_free(call);
            return;
        }
    }
}


void
mb_calls_fail(mb_child_t *child, int code, const char *text)
{
    mb_call_t          *call;
    struct mb_calls_s  *list;

    for ( ;; ) {
        list = !TAILQ_EMPTY(&child->calls) ? &child->calls : &child->listens;
        call = TAILQ_FIRST(list);

        if (call == NULL) {
            return;
        }

        mb_call_error(call, (unsigned) code, code,
                      code == 503 ? mb_server_retry(child->server) : 0, text);
        mb_call_free(call);
    }
}


void
mb_calls_end_listen(mb_child_t *child)
{
    mb_call_t  *call, *next;

    TAILQ_FOREACH_SAFE(call, &child->listens, link, next) {

        if (call->http == NULL) {
            continue;
        }

        mb_call_tell_cancelled(call, "the server is being restarted");
        mb_call_error(call, 503, 503, mb_server_retry(child->server),
                      "the server is being restarted");
        mb_call_free(call);
    }
}


void
mb_calls_forget(mb_child_t *child, mb_session_t *session)
{
    mb_call_t           *call;
    unsigned             i;
    struct mb_calls_s   *list;

    if (session->calls == 0 || child == NULL) {
        return;
    }

    for (i = 0; i < 2; i++) {
        list = i ? &child->listens : &child->calls;

        TAILQ_FOREACH(call, list, link) {

            if (call->session != session) {
                continue;
            }

            if (call->registered) {
                mb_map_remove(&mb_by_client, &call->by_client);
                call->registered = 0;
            }

            call->session = NULL;
        }
    }
}


void
mb_calls_expire(mb_child_t *child, uint64_t now)
{
    mb_call_t  *call;

    while ((call = TAILQ_FIRST(&child->calls)) != NULL
           && call->deadline != 0 && call->deadline <= now)
    {
        mb_call_tell_cancelled(call, "it took longer than callTimeout");
        mb_call_error(call, 504, 504, 0, "the server did not answer within "
                      "its callTimeout; the call may have been executed");
        mb_call_free(call);
    }
}
