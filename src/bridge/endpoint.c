
/*
 * What a request means: Streamable HTTP (MCP 2025-11-25 and 2026-07-28) at
 * /<name>, in the era of the server behind it.
 */


#include "endpoint.h"

#include <strings.h>


static const mcp_str_t  mb_no_id = mcp_null_string;


/* --- who may ask ---------------------------------------------------------- */


/* A name that only this machine has: no page from elsewhere can have it. */

static int
mb_is_loopback(const unsigned char *p, size_t len)
{
    size_t  i;

    static const char *const  names[] = { "localhost", "127.0.0.1", "[::1]" };

    for (i = 0; i < 3; i++) {
        if (len >= strlen(names[i])
            && strncasecmp((char *) p, names[i], strlen(names[i])) == 0
            && (len == strlen(names[i]) || p[strlen(names[i])] == ':'))
        {
            return 1;
        }
    }

    return 0;
}


/* DNS rebinding (MCP 2025-11-25, "Security Warning") */

static int
mb_endpoint_allowed(const mb_http_t *http)
{
    const mcp_str_t  *origin;

    if (!http->tcp) {
        return 1;
    }

    origin = &http->in.origin;

    if (origin->len
        && !(origin->len > 7 && memcmp(origin->data, "http://", 7) == 0
             && mb_is_loopback(origin->data + 7, origin->len - 7))
        && !(origin->len > 8 && memcmp(origin->data, "https://", 8) == 0
             && mb_is_loopback(origin->data + 8, origin->len - 8)))
    {
        return 0;
    }

    return http->in.http10
           || mb_is_loopback(http->in.host.data, http->in.host.len);
}


/* --- GET, DELETE ---------------------------------------------------------- */


static void
mb_endpoint_get(mb_http_t *http, mb_server_t *server)
{
    mb_session_t  *s;

    if (!mb_request_accepts(&http->in.accept, "text/event-stream")) {
        mb_status(http, server);
        return;
    }

    if (http->in.session.len == 0) {
        mb_http_error(http, 405, MCP_E_REQUEST, &mb_no_id, 0,
                      "a stream belongs to a session: send Mcp-Session-Id");
        return;
    }

    s = mb_session_find(server, &http->in.session);

    if (s == NULL) {
        mb_http_error(http, 404, 404, &mb_no_id, 0,
                      "there is no such session: initialize a new one");
        return;
    }

    /* the newer one counts: the other's client may be gone without a word */

    if (s->stream) {
        s->stream->stream = NULL;
        mb_http_end(s->stream);
        server->n_streams--;
    }

    s->stream = http;
    http->stream = s;
    server->n_streams++;

    mb_http_stream(http, NULL);
}


static void
mb_endpoint_delete(mb_http_t *http, mb_server_t *server)
{
    mb_session_t  *s;

    s = http->in.session.len ? mb_session_find(server, &http->in.session)
                             : NULL;
    if (s == NULL) {
        mb_http_error(http, http->in.session.len ? 404 : 400, 404, &mb_no_id,
                      0, "there is no such session");
        return;
    }

    mb_session_end(s, "its session was ended");
    mb_http_answer(http, 204, NULL, NULL, NULL, 0);
}


/* --- POST ----------------------------------------------------------------- */


static void
mb_endpoint_hold(mb_http_t *http, mb_server_t *server)
{
    if (server->n_held >= MB_HELD_MAX) {
        mb_endpoint_unavailable(http, server, &mb_no_id);
        return;
    }

    http->is_held = 1;
    server->n_held++;
    TAILQ_INSERT_TAIL(&server->held, http, held);
}


static void
mb_endpoint_post(mb_http_t *http, mb_server_t *server)
{
    int            rc;
    mcp_fault_t    fault;
    mcp_message_t  m;

    if (!mb_request_accepts(&http->in.content_type, "application/json")) {
        mb_http_error(http, 415, MCP_E_REQUEST, &mb_no_id, 0,
                      "Content-Type must be application/json");
        return;
    }

    if (server->state == MB_STARTING || server->state == MB_DRAINING) {
        mb_endpoint_hold(http, server);
        return;
    }

    rc = mcp_message_parse(&m, mb_scratch(), http->body ? http->body
                                             : (const unsigned char *) "",
                           http->body_len, MB_DEPTH, &fault);

    if (rc == MCP_NOMEM) {
        mb_endpoint_unavailable(http, server, &mb_no_id);
        return;
    }

    if (rc != MCP_OK) {
        mb_http_fault(http, &m.id, &fault);
        return;
    }

    if (server->state != MB_READY) {
        mb_endpoint_unavailable(http, server, &m.id);
        return;
    }

    if (mcp_message_era(&m, &http->in.mcp) == MCP_ERA_MODERN) {
        mb_endpoint_modern(http, server, &m);
    } else {
        mb_endpoint_legacy(http, server, &m);
    }
}


/* --- all ------------------------------------------------------------------ */


void
mb_endpoint(mb_http_t *http)
{
    mcp_str_t     path;
    mb_server_t  *server;

    if (!mb_endpoint_allowed(http)) {
        mb_http_error(http, 403, 403, &mb_no_id, 0,
                      "only this machine may ask: Host and Origin must name "
                      "it");
        return;
    }

    path = http->in.path;
    server = NULL;

    if (path.len > 1) {
        server = mb_server_find(path.data + 1, path.len - 1);

        if (server == NULL) {
            mb_http_error(http, 404, 404, &mb_no_id, 0,
                          "there is no server of this name; GET / lists them");
            return;
        }
    }

    http->server = server;

    switch (http->in.method) {

    case MB_GET:

        if (server == NULL) {
            mb_status(http, NULL);
        } else {
            mb_endpoint_get(http, server);
        }

        return;

    case MB_POST:

        if (server) {
            mb_endpoint_post(http, server);
            return;
        }

        break;

    case MB_DELETE:

        if (server) {
            mb_endpoint_delete(http, server);
            return;
        }

        break;

    default:
        break;
    }

    mb_http_error(http, 405, MCP_E_REQUEST, &mb_no_id, 0,
                  "this method is not allowed here");
}


void
mb_endpoint_gone(mb_http_t *http)
{
    mb_call_t  *call;

    if (http->is_held) {
        http->is_held = 0;
        http->server->n_held--;
        TAILQ_REMOVE(&http->server->held, http, held);
    }

    if (http->stream) {
        http->stream->stream = NULL;
        http->stream->server->n_streams--;
        mb_session_touch(http->stream);
        http->stream = NULL;
    }

    call = http->call;

    if (call) {
        http->call = NULL;
        call->http = NULL;
        mb_call_abandon(call);
    }
}
