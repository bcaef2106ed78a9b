
/*
 * What a child says: answers to the calls in flight on it, requests of its
 * own, notifications, and what is no message.
 */


#include "call.h"

#include <stdio.h>


static const char  mb_answer_head[] = "{\"jsonrpc\":\"2.0\",\"id\":";


static unsigned
mb_call_status(const mb_call_t *call, const mb_line_t *line)
{
    if (call->era != MCP_ERA_MODERN || line->kind != MB_LINE_ERROR) {
        return 200;
    }

    switch (line->code) {

    case MCP_E_METHOD:
        return 404;

    case MCP_E_HEADER:
    case MCP_E_CAPABILITY:
    case MCP_E_VERSION:
        return 400;

    default:
        return 200;
    }
}


static void
mb_call_answer(mb_child_t *child, const mb_line_t *line)
{
    char              extra[64 + MB_SESSION_ID];
    mb_call_t        *call;
    mb_http_t        *http;
    mcp_str_t         id;
    mb_done_pt        done;
    const mb_span_t  *sub;

    /* our ids are numbers: a string is another one's */

    call = line->text[line->id.at] == '"'
           ? NULL : mb_call_find(child, mb_line_number(line, &line->id));

    if (call == NULL) {

        /* late, or never asked for: it is nobody's */

        return;
    }

    http = call->http;

    if (http == NULL) {
        done = call->done;
        mb_call_free(call);

        if (done) {
            done(child, line);
        }

        return;
    }

    id.data = call->data;
    id.len = call->id_len;

    sub = (line->subscription.len
           && mb_line_number(line, &line->subscription) == call->id)
          ? &line->subscription : NULL;

    extra[0] = '\0';

    if (call->method == MCP_INITIALIZE && call->session) {
        snprintf(extra, sizeof(extra), "Mcp-Session-Id: %s\r\n",
                 call->session->id);

        /* a client that may share nothing does its own handshake */

        if (child->session && child->state == MB_CHILD_STARTING) {
            mb_server_child_ready(child, MCP_ERA_LEGACY);
        }
    }

    http->call = NULL;
    call->http = NULL;

    mb_http_line(http, mb_call_status(call, line), extra, line, &line->id,
                 &id, sub, &id);
    mb_call_free(call);
}


static void
mb_call_refuse(mb_child_t *child, const mb_line_t *line, const char *rest)
{
    if (evbuffer_get_length(child->queue) > MB_QUEUE_MAX) {
        mb_server_child_failed(child, "it asks, but does not read answers");
        return;
    }

    if (mb_child_send(child, mb_answer_head, sizeof(mb_answer_head) - 1)
        != MCP_OK
        || mb_child_send(child, line->text + line->id.at, line->id.len)
           != MCP_OK
        || mb_child_send(child, rest, strlen(rest)) != MCP_OK)
    {
        mb_server_child_failed(child, "an answer could not be sent to it");
    }
}


static void
mb_call_request(mb_child_t *child, const mb_line_t *line)
{
    if (child->state == MB_CHILD_STOPPING) {
        return;
    }

    if (mb_line_is(line, &line->method, "ping")) {
        mb_call_refuse(child, line, ",\"result\":{}}\n");
        return;
    }

    if (child->session && line->id.len <= MB_ID_MAX
        && mb_session_ask(child->session, line) == MCP_OK)
    {
        return;
    }

    mb_call_refuse(child, line, child->session
                   ? ",\"error\":{\"code\":-32601,\"message\":\"no client can "
                     "be asked now\"}}\n"
                   : ",\"error\":{\"code\":-32601,\"message\":\"many clients "
                     "share this server, none of them can be asked\"}}\n");
}


/* An event for the one call that a number of ours names. */

static void
mb_call_event(mb_child_t *child, const mb_line_t *line, const mb_span_t *span,
    int token)
{
    mb_call_t  *call;
    mcp_str_t   with;

    call = mb_call_find(child, mb_line_number(line, span));

    if (call == NULL || call->http == NULL || !call->http->sse_ok) {
        return;
    }

    if (token) {
        with.data = call->data + call->id_len;
        with.len = call->token_len;

        /* a token has the type that it was given */

        if (with.len == 0
            || (with.data[0] == '"') != (line->text[span->at] == '"'))
        {
            return;
        }

    } else {
        with.data = call->data;
        with.len = call->id_len;
    }

    mb_http_event(call->http, line, span, &with);
}


/* A modern server ends a stream (2026-07-28, stdio, "Subscriptions") */

static void
mb_call_ended(mb_child_t *child, const mb_line_t *line)
{
    mb_call_t  *call;
    mb_http_t  *http;

    call = mb_call_find(child, mb_line_number(line, &line->request));

    if (call == NULL || call->method != MCP_LISTEN || call->http == NULL) {
        return;
    }

    http = call->http;
    http->call = NULL;
    call->http = NULL;

    if (http->state == MB_H_STREAM) {
        mb_http_end(http);
    } else {
        mb_http_close(http);
    }

    mb_call_free(call);
}


static void
mb_call_notification(mb_child_t *child, const mb_line_t *line)
{
    const mb_span_t  *method;

    method = &line->method;

    if (mb_line_is(line, method, "notifications/progress")) {
        if (line->token.len) {
            mb_call_event(child, line, &line->token, 1);
        }
        return;
    }

    if (line->subscription.len) {
        mb_call_event(child, line, &line->subscription, 0);
        return;
    }

    if (mb_line_is(line, method, "notifications/cancelled")
        && child->session == NULL)
    {
        mb_call_ended(child, line);
        return;
    }

    if (mb_line_is(line, method, "notifications/tools/list_changed")
        || mb_line_is(line, method, "notifications/prompts/list_changed")
        || mb_line_is(line, method, "notifications/resources/list_changed"))
    {
        mb_server_list_changed(child->server, line);
    }

    if (child->session) {
        (void) mb_session_tell(child->session, line);
        return;
    }

    /* log messages of a process that many share are nobody's in particular */

    if (!mb_line_is(line, method, "notifications/message")) {
        mb_sessions_tell(child->server, line);
    }
}


static void
mb_call_garbage(mb_child_t *child, const mb_line_t *line)
{
    uint64_t  dropped;

    child->server->garbage++;

    if (!mb_rate(&child->garbage, 1, 5, &dropped)) {
        return;
    }

    if (dropped) {
        mb_log(MB_WARN, child->server->name, "%llu more lines of its standard "
               "output are no messages", (unsigned long long) dropped);
    }

    mb_log(MB_WARN, child->server->name, "a line of its standard output is no "
           "message: %s", line->why ? line->why : "unknown");
    mb_log_bytes(MB_WARN, child->server->name, "it begins with", line->text,
                 line->len < 128 ? line->len : 128);
}


void
mb_call_line(mb_child_t *child, const unsigned char *p, size_t len)
{
    mb_line_t  line;

    while (len && (p[len - 1] == '\r' || p[len - 1] == ' ')) {
        len--;
    }

    if (len == 0) {
        return;
    }

    mb_line_read(&line, p, len);

    if (line.kind != MB_LINE_NONE) {
        mb_call_one_line((unsigned char *) p, len);
    }

    switch (line.kind) {

    case MB_LINE_RESULT:
    case MB_LINE_ERROR:
        mb_call_answer(child, &line);
        break;

    case MB_LINE_REQUEST:
        mb_call_request(child, &line);
        break;

    case MB_LINE_NOTIFICATION:
        mb_call_notification(child, &line);
        break;

    default:
        mb_call_garbage(child, &line);
    }
}
