
/*
 * Sessions of legacy clients (MCP 2025-11-25, "Session Management").  In
 * "shared" isolation one is a name, by which a client's ids are told from
 * another's; in "session" isolation it is a process.
 */


#include "bridge.h"

#include <stdlib.h>


struct mb_asked_s {
    mb_asked_t           *next;
    size_t                len;
    unsigned char         id[];
};


mb_session_t *
mb_session_find(mb_server_t *server, const mcp_str_t *id)
{
    mb_node_t     *node;
    mb_session_t  *s;

    if (id->len != MB_SESSION_ID) {
        return NULL;
    }

    node = mb_map_first(&server->session_by_id, mb_hash(0, id->data, id->len));

    for ( /* void */ ; node; node = mb_map_next(node)) {
        s = mb_data(node, mb_session_t, by_id);

        if (memcmp(s->id, id->data, MB_SESSION_ID) == 0) {
            return s;
        }
    }

    return NULL;
}


/* Where there is no room, one that nobody uses gives way. */

static int
mb_session_room(mb_server_t *server)
{
    unsigned       max;
    mb_session_t  *s;

    max = server->entry->session ? server->entry->max_sessions
                                 : MB_SESSIONS_MAX;

    if (server->n_sessions < max) {
        return MCP_OK;
    }

    s = TAILQ_FIRST(&server->sessions);

    if (server->entry->session || s == NULL || s->calls || s->stream) {
        return MCP_NONE;
    }

    mb_session_end(s, NULL);

    return MCP_OK;
}


mb_session_t *
mb_session_create(mb_server_t *server)
{
    int            i;
    unsigned char  raw[MB_SESSION_ID / 2];
    mb_session_t  *s;

    static const char  hex[] = "0123456789abcdef";

    if (mb_session_room(server) != MCP_OK
        || mb_random(raw, sizeof(raw)) != MCP_OK)
    {
        return NULL;
    }

    s = calloc(1, sizeof(mb_session_t));
    if (s == NULL) {
        return NULL;
    }

    for (i = 0; i < MB_SESSION_ID; i++) {
        s->id[i] = hex[raw[i / 2] >> (i % 2 ? 0 : 4) & 0xf];
    }

    s->server = server;
    s->used = mb_now;
    s->by_id.hash = mb_hash(0, s->id, MB_SESSION_ID);

    if (mb_map_insert(&server->session_by_id, &s->by_id) != MCP_OK) {
        free(s);
        return NULL;
    }

    TAILQ_INSERT_TAIL(&server->sessions, s, link);
    server->n_sessions++;

    return s;
}


void
mb_session_touch(mb_session_t *s)
{
    s->used = mb_now;

    TAILQ_REMOVE(&s->server->sessions, s, link);
    TAILQ_INSERT_TAIL(&s->server->sessions, s, link);
}


void
mb_session_end(mb_session_t *s, const char *why)
{
    mb_http_t    *http;
    mb_asked_t   *asked;
    mb_child_t   *child;
    mb_server_t  *server;

    server = s->server;
    child = s->child;

    if (child) {
        s->child = NULL;
        child->session = NULL;
        mb_calls_fail(child, 502, why ? why : "its session has ended");
        mb_child_stop(child);

    } else {
        mb_calls_forget(server->child, s);
    }

    http = s->stream;

    if (http) {
        s->stream = NULL;
        http->stream = NULL;
        server->n_streams--;
        mb_http_end(http);
    }

    while ((asked = s->first) != NULL) {
        s->first = asked->next;
        free(asked);
    }

    mb_map_remove(&server->session_by_id, &s->by_id);
    TAILQ_REMOVE(&server->sessions, s, link);
    server->n_sessions--;
    free(s);
}


void
mb_sessions_expire(mb_server_t *server, uint64_t now)
{
    mb_session_t  *s;

    while ((s = TAILQ_FIRST(&server->sessions)) != NULL
           && now - s->used >= server->entry->idle)
    {
        if (s->calls || s->stream) {
            mb_session_touch(s);
            continue;
        }

        mb_session_end(s, NULL);
    }
}


/* --- messages of the child ------------------------------------------------ */


static mb_http_t *
mb_session_stream(mb_session_t *s)
{
    mb_call_t  *call;

    if (s->child) {
        TAILQ_FOREACH_REVERSE(call, &s->child->calls, mb_calls_s, link) {
            if (call->http && call->http->sse_ok
                && call->method != MCP_INITIALIZE)
            {
                return call->http;
            }
        }
    }

    return s->stream;
}


int
mb_session_tell(mb_session_t *s, const mb_line_t *line)
{
    mb_http_t  *http;

    http = mb_session_stream(s);

    if (http == NULL) {
        return MCP_NONE;
    }

    mb_http_event(http, line, NULL, NULL);

    return MCP_OK;
}


void
mb_sessions_tell(mb_server_t *server, const mb_line_t *line)
{
    unsigned       left;
    mb_session_t  *s, *next;

    left = server->n_streams;

    TAILQ_FOREACH_REVERSE_SAFE(s, &server->sessions, mb_sessions_s, link, next)
    {
        if (left == 0) {
            return;
        }

        if (s->stream) {
            left--;
            mb_http_event(s->stream, line, NULL, NULL);
        }
    }
}


int
mb_session_ask(mb_session_t *s, const mb_line_t *line)
{
    mb_asked_t  *asked;

    if (s->asked >= MB_ASKED_MAX || mb_session_stream(s) == NULL) {
        return MCP_NONE;
    }

    asked = malloc(sizeof(mb_asked_t) + line->id.len);
    if (asked == NULL) {
        return MCP_NONE;
    }

    asked->len = line->id.len;
    memcpy(asked->id, line->text + line->id.at, line->id.len);
    asked->next = s->first;
    s->first = asked;
    s->asked++;

    return mb_session_tell(s, line);
}


int
mb_session_answer(mb_session_t *s, const mcp_message_t *m)
{
    mb_asked_t  *asked, **p;

    for (p = &s->first; *p; p = &(*p)->next) {
        asked = *p;

        if (asked->len == m->id.len
            && memcmp(asked->id, m->id.data, asked->len) == 0)
        {
            *p = asked->next;
            free(asked);
            s->asked--;
            return MCP_OK;
        }
    }

    return MCP_NONE;
}
