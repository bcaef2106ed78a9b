
/* An event stream of a backend's: each of its events is a message. */


#include "ngx_http_mcp_relay.h"


#define NGX_HTTP_MCP_REQUESTS   100      /* of a backend's that are answered in
                                            one call */
#define NGX_HTTP_MCP_ANSWERING  16       /* ... at a time, by a worker */


static ngx_int_t ngx_http_mcp_relay_event_data(ngx_http_mcp_call_t *call,
    const unsigned char *p, size_t len);
static ngx_int_t ngx_http_mcp_relay_event(ngx_http_mcp_call_t *call,
    ngx_uint_t foreign);
static ngx_uint_t ngx_http_mcp_relay_wanted(ngx_http_mcp_call_t *call);
static void ngx_http_mcp_relay_request(ngx_http_mcp_call_t *call);
static void ngx_http_mcp_relay_comment(ngx_http_mcp_call_t *call);


static ngx_uint_t  ngx_http_mcp_answering;


ngx_int_t
ngx_http_mcp_relay_sse(ngx_http_mcp_call_t *call, u_char *p, size_t len)
{
    ngx_int_t             rc;
    mcp_sse_token_t       tok;
    const unsigned char  *pos, *end;

    pos = p;
    end = p + len;

    while (mcp_sse_next(&call->sse, &pos, end, &tok) == MCP_OK) {

        rc = NGX_OK;

        switch (tok.type) {

        case MCP_SSE_DATA:
            rc = ngx_http_mcp_relay_event_data(call, tok.start,
                                               tok.end - tok.start);
            break;

        case MCP_SSE_DATA_BREAK:
            if (call->in_event) {
                rc = ngx_http_mcp_relay_event_data(call, (u_char *) "\n", 1);
            }
            break;

        case MCP_SSE_EVENT:
            if (call->in_event) {
                rc = ngx_http_mcp_relay_event(call, tok.foreign);
            }
            break;

        case MCP_SSE_COMMENT:
            ngx_http_mcp_relay_comment(call);
            break;
        }

        if (rc != NGX_OK) {
            return rc;
        }

        if (call->answered) {
            break;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_mcp_relay_event_data(ngx_http_mcp_call_t *call,
    const unsigned char *p, size_t len)
{
    if (len == 0) {
        return NGX_OK;
    }

    if (!call->in_event) {
        call->in_event = 1;
        call->broken = 0;
        mcp_relay_init(&call->relay, &call->relay_conf);

        if (call->sse_out
            && ngx_http_mcp_stage_literal(call, NGX_HTTP_MCP_EVENT)
               != MCP_OK)
        {
            return NGX_ERROR;
        }
    }

    if (call->broken) {
        return NGX_OK;
    }

    if (ngx_http_mcp_relay_feed(call, p, len) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_mcp_relay_large(call);
}


static ngx_int_t
ngx_http_mcp_relay_event(ngx_http_mcp_call_t *call, ngx_uint_t foreign)
{
    mcp_relay_t  *re;

    re = &call->relay;
    call->in_event = 0;

    if (foreign && !call->partial) {
        ngx_http_mcp_relay_drop(call);
        return NGX_OK;
    }

    if (foreign || call->broken
        || mcp_relay_finish(re, ngx_http_mcp_relay_out, call) != MCP_DONE)
    {
        ngx_http_mcp_relay_broken(call);
        return NGX_ERROR;
    }

    if (re->kind == MCP_RELAY_RESULT || re->kind == MCP_RELAY_ERROR) {

        if (!re->id_ours) {

            if (!call->foreign) {
                call->foreign = 1;
                ngx_log_error(NGX_LOG_ERR, call->request->connection->log, 0,
                              "backend \"%V\" answered call %*s under "
                              "another id", &call->backend->name,
                              sizeof(call->uuid), call->uuid);
            }

            if (call->partial) {
                ngx_http_mcp_relay_fail(call, MCP_E_BACKEND,
                                        "the backend answered another call");
                return NGX_ERROR;
            }

            ngx_http_mcp_relay_drop(call);
            return NGX_OK;
        }

        ngx_http_mcp_relay_answered(call);
        return NGX_OK;
    }

    if (!call->partial && !ngx_http_mcp_relay_wanted(call)) {
        ngx_http_mcp_relay_drop(call);
        return NGX_OK;
    }

    if (ngx_http_mcp_stage_literal(call, "\n\n") != MCP_OK) {
        return NGX_ERROR;
    }

    ngx_http_mcp_relay_release(call);
    call->partial = 0;

    return NGX_OK;
}


/*
 * Whether a notification or request of the backend's belongs on this client's
 * stream.
 */

static ngx_uint_t
ngx_http_mcp_relay_wanted(ngx_http_mcp_call_t *call)
{
    mcp_str_t     method;
    mcp_relay_t  *re;

    re = &call->relay;
    method.data = re->method;
    method.len = re->method_len;

    if (re->kind == MCP_RELAY_REQUEST) {

        if (ngx_http_mcp_ask(call) == NGX_OK) {
            return 1;
        }

        ngx_http_mcp_relay_request(call);
        return 0;
    }

    if (method.len > sizeof("notifications/") - 1
        && method.len > sizeof("/list_changed") - 1
        && ngx_memcmp(method.data + method.len - (sizeof("/list_changed") - 1),
                      "/list_changed", sizeof("/list_changed") - 1)
           == 0)
    {
        /* the manager will see what has changed */

        call->backend->peer->refresh = 1;
        return 0;
    }

    if (!call->sse_out) {
        return 0;
    }

    if (mcp_str_is(&method, "notifications/progress")) {
        return 1;
    }

    if (mcp_str_is(&method, "notifications/message")) {

        /* 2026-07-28, "Logging": only where the request asked for it */

        return call->era == MCP_ERA_LEGACY || call->log_level;
    }

    if (mcp_str_is(&method, "notifications/cancelled")) {

        /* of what it asked the client: its requests are known by other ids */

        return ngx_http_mcp_ask(call) == NGX_OK;
    }

    if (mcp_str_is(&method, "notifications/resources/updated")) {
        return 0;
    }

    return call->era == call->backend_era;
}


static void
ngx_http_mcp_request_answered(ngx_http_mcp_fetch_t *f)
{
    ngx_http_mcp_answering--;
}


/*
 * The gateway's shared session was opened without client capabilities, so
 * all a backend may ask is a ping; whatever else it asks is told so, or it
 * would wait for an answer.  The same goes for a client that has a session of
 * its own but cannot be asked.
 */

static void
ngx_http_mcp_relay_request(ngx_http_mcp_call_t *call)
{
    mcp_buf_t                  b;
    mcp_str_t                  method;
    mcp_relay_t               *re;
    ngx_http_mcp_fetch_t       f;
    ngx_http_mcp_main_conf_t  *mmcf;

    mmcf = ngx_http_get_module_main_conf(call->request, ngx_http_mcp_module);
    re = &call->relay;

    if (call->backend_era != MCP_ERA_LEGACY || re->id_len == 0) {
        return;
    }

    /* each answer is a connection: a backend must not make us open many */

    if (call->requests == NGX_HTTP_MCP_REQUESTS
        || ngx_http_mcp_answering == NGX_HTTP_MCP_ANSWERING)
    {
        if (!call->flooded) {
            call->flooded = 1;
            ngx_log_error(NGX_LOG_WARN, call->request->connection->log, 0,
                          "backend \"%V\" sends many requests in call %*s, "
                          "some are not answered", &call->backend->name,
                          sizeof(call->uuid), call->uuid);
        }

        return;
    }

    call->requests++;

    method.data = re->method;
    method.len = re->method_len;

    mcp_buf_init(&b, &call->arena, 512);
    mcp_buf_literal(&b, "{\"jsonrpc\":\"2.0\",\"id\":");
    mcp_buf_append(&b, re->id, re->id_len);

    if (mcp_str_is(&method, "ping")) {
        mcp_buf_literal(&b, ",\"result\":{}}");

    } else {
        mcp_buf_literal(&b, ",\"error\":{\"code\":-32601,\"message\":"
                            "\"the client has no such capability\"}}");
    }

    ngx_memzero(&f, sizeof(ngx_http_mcp_fetch_t));

    f.backend = call->backend;
    f.body.data = b.data;
    f.body.len = b.len;
    f.max = 65536;
    f.handler = ngx_http_mcp_request_answered;

    if (b.failed
        || ngx_http_mcp_proxy_session(call, &f.headers) != NGX_OK)
    {
        return;
    }

    if (ngx_http_mcp_fetch(mmcf, &f, ngx_cycle->log) == NGX_OK) {
        ngx_http_mcp_answering++;
    }
}


static void
ngx_http_mcp_relay_comment(ngx_http_mcp_call_t *call)
{
    /* one that still waits is as good as ten: it keeps the client awake */

    if (!call->sse_out || call->in_event || call->gone || call->out != NULL
        || call->busy != NULL)
    {
        return;
    }

    if (ngx_http_mcp_stage_literal(call, ":\n\n") == MCP_OK) {
        ngx_http_mcp_relay_release(call);
    }
}
