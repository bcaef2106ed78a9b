
/*
 * What comes back from a backend: judged and edited while it streams, and
 * given to the client as it comes.  A message is staged until it is whole or
 * too large to hold; only then does it move to the client's side.
 */


#include "ngx_http_mcp_relay.h"


#define NGX_HTTP_MCP_DEPTH  256          /* nesting of an answer */


static ngx_int_t ngx_http_mcp_relay_json(ngx_http_mcp_call_t *call, u_char *p,
    size_t len);
static ngx_uint_t ngx_http_mcp_relay_no_session(ngx_http_mcp_call_t *call);
static void ngx_http_mcp_relay_fault(ngx_http_mcp_call_t *call);


ngx_int_t
ngx_http_mcp_relay_init(ngx_http_mcp_call_t *call)
{
    mcp_buf_t          uri;
    mcp_relay_conf_t  *rc;

    rc = &call->relay_conf;

    rc->client_id = call->message.id;
    rc->client = call->era;
    rc->backend = call->backend_era;
    rc->method = call->message.method;
    rc->client_version = call->version;
    rc->max_depth = NGX_HTTP_MCP_DEPTH;

    ngx_http_mcp_mrtr_relay(call);

    if (rc->method == MCP_RESOURCES_READ && rc->client == MCP_ERA_MODERN
        && rc->backend == MCP_ERA_LEGACY)
    {
        mcp_buf_init(&uri, &call->arena, call->message.name.len + 16);
        mcp_buf_json(&uri, call->message.name.data, call->message.name.len);

        if (uri.failed) {
            return NGX_ERROR;
        }

        rc->uri.data = uri.data;
        rc->uri.len = uri.len;
    }

    call->last_stage = &call->stage;
    call->stage = NULL;
    call->stage_len = 0;
    call->last_out = &call->out;
    call->out_status = NGX_HTTP_OK;
    call->in_event = 0;
    call->relayed = 0;

    mcp_sse_init(&call->sse);
    mcp_relay_init(&call->relay, rc);

    return NGX_OK;
}


ngx_int_t
ngx_http_mcp_relay_header(ngx_http_mcp_exchange_t *x)
{
    ngx_http_mcp_call_t *call = x->data;

    call->sse_out = (x->status == NGX_HTTP_OK
                     && x->type == NGX_HTTP_MCP_BODY_SSE
                     && call->accept_sse);

    /* only an event's data has to be one line */

    call->relay_conf.lines = (x->type == NGX_HTTP_MCP_BODY_JSON);

    return NGX_OK;
}


ngx_int_t
ngx_http_mcp_relay_body(ngx_http_mcp_exchange_t *x, u_char *p, size_t len)
{
    ngx_int_t             rc;
    ngx_http_mcp_call_t  *call = x->data;

    if (call->answered || call->failed || len == 0) {
        return NGX_OK;
    }

    switch (x->type) {

    case NGX_HTTP_MCP_BODY_JSON:
        rc = ngx_http_mcp_relay_json(call, p, len);
        break;

    case NGX_HTTP_MCP_BODY_SSE:
        rc = (x->status == NGX_HTTP_OK) ? ngx_http_mcp_relay_sse(call, p, len)
                                        : NGX_OK;
        break;

    default:
        return NGX_OK;
    }

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    if (call->gone) {
        ngx_http_mcp_relay_drop_out(call);
        ngx_http_mcp_relay_drop(call);
        return NGX_OK;
    }

    if (call->out || call->request->connection->write->delayed) {

        if (ngx_http_post_request(call->request, NULL) != NGX_OK) {
            return NGX_ERROR;
        }

        if (call->out_len + call->queued > NGX_HTTP_MCP_HIGH
            && !x->complete)
        {
            ngx_http_mcp_exchange_pause(x);
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_mcp_relay_feed(ngx_http_mcp_call_t *call, const unsigned char *p,
    size_t len)
{
    call->relayed = 1;

    switch (mcp_relay_feed(&call->relay, p, len, ngx_http_mcp_relay_out, call))
    {
    case MCP_OK:
        return NGX_OK;

    case MCP_ERROR:
        break;

    default:
        return NGX_ERROR;
    }

    if (call->exchange->status != NGX_HTTP_OK) {

        /* the status alone has to tell */

        call->exchange->type = NGX_HTTP_MCP_BODY_OTHER;
        ngx_http_mcp_relay_drop(call);
        return NGX_OK;
    }

    if (call->in_event && !call->partial) {

        /* the end of the event tells whether it was meant for us */

        call->broken = 1;
        return NGX_OK;
    }

    ngx_http_mcp_relay_broken(call);

    return NGX_ERROR;
}


void
ngx_http_mcp_relay_broken(ngx_http_mcp_call_t *call)
{
    ngx_log_error(NGX_LOG_ERR, call->request->connection->log, 0,
                  "backend \"%V\" broke the protocol in call %*s: %s",
                  &call->backend->name, sizeof(call->uuid), call->uuid,
                  call->relay.why ? call->relay.why
                                  : "an event of another type");

    ngx_http_mcp_relay_fail(call, MCP_E_BACKEND,
                            "the backend's answer is not valid JSON-RPC; the "
                            "call may have been executed");
}


static ngx_int_t
ngx_http_mcp_relay_json(ngx_http_mcp_call_t *call, u_char *p, size_t len)
{
    if (ngx_http_mcp_relay_feed(call, p, len) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_mcp_relay_large(call);
}


ngx_uint_t
ngx_http_mcp_relay_result_ok(ngx_http_mcp_call_t *call)
{
    if (call->backend_era == MCP_ERA_LEGACY) {
        return 1;
    }

    switch (call->relay.result_type) {

    case MCP_RESULT_ABSENT:
    case MCP_RESULT_COMPLETE:
        return 1;

    case MCP_RESULT_TASK:
        return 0;

    default:
        return call->era == MCP_ERA_MODERN;
    }
}


/* The message on the stage is the response: it is whole and judged. */

void
ngx_http_mcp_relay_answered(ngx_http_mcp_call_t *call)
{
    mcp_relay_t  *re;

    re = &call->relay;

    if (!ngx_http_mcp_relay_result_ok(call)) {
        ngx_http_mcp_relay_fail(call, MCP_E_BACKEND,
                                "the backend's result is of a type that this "
                                "client cannot be given");
        return;
    }

    if (call->sse_out && ngx_http_mcp_stage_literal(call, "\n\n") != MCP_OK) {
        ngx_http_mcp_relay_fail(call, MCP_E_INTERNAL, "out of memory");
        return;
    }

    call->answered = 1;
    call->partial = 0;
    ngx_http_mcp_relay_release(call);

    if (re->kind == MCP_RELAY_RESULT) {
        call->outcome = re->is_error ? NGX_HTTP_MCP_TOOL_ERROR
                                     : NGX_HTTP_MCP_OK;
        return;
    }

    call->outcome = NGX_HTTP_MCP_RPC_ERROR;
    call->error_code = (ngx_int_t) re->error_code;

    if (call->era == MCP_ERA_MODERN) {

        /* the statuses that the revision ties to codes */

        if (re->error_code == MCP_E_CAPABILITY) {
            call->out_status = NGX_HTTP_BAD_REQUEST;

        } else if (re->error_code == MCP_E_METHOD) {
            call->out_status = NGX_HTTP_NOT_FOUND;
        }
    }
}


/* --- the end ------------------------------------------------------------- */


/* Whether the backend does not know the session that the gateway used. */

static ngx_uint_t
ngx_http_mcp_relay_no_session(ngx_http_mcp_call_t *call)
{
    ngx_http_mcp_exchange_t  *x;

    x = call->exchange;

    if (call->backend_era != MCP_ERA_LEGACY) {
        return 0;
    }

    if (x->status == NGX_HTTP_NOT_FOUND) {
        return call->upstream_session.len != 0;
    }

    /* servers on the SDKs say it so when they keep their own table */

    return x->status == NGX_HTTP_BAD_REQUEST
           && call->relay.kind == MCP_RELAY_ERROR
           && call->relay.error_code == -32000;
}


ngx_uint_t
ngx_http_mcp_relay_lost_session(ngx_http_mcp_call_t *call)
{
    return !call->retried && !call->gone && !call->started && !call->own
           && ngx_http_mcp_relay_no_session(call);
}


void
ngx_http_mcp_relay_done(ngx_http_mcp_call_t *call)
{
    mcp_relay_t              *re;
    ngx_http_mcp_exchange_t  *x;

    x = call->exchange;
    re = &call->relay;

    if (call->answered || call->failed) {
        return;
    }

    if (call->own && ngx_http_mcp_relay_no_session(call)) {

        /* the client must open all anew */

        ngx_http_mcp_relay_fail(call, 404, NGX_HTTP_MCP_LOST);
        call->fault.status = NGX_HTTP_NOT_FOUND;
        call->outcome = NGX_HTTP_MCP_UNAVAILABLE;
        return;
    }

    if (!x->complete || x->type != NGX_HTTP_MCP_BODY_JSON || !call->relayed
        || mcp_relay_finish(re, ngx_http_mcp_relay_out, call) != MCP_DONE
        || !re->id_ours
        || (re->kind != MCP_RELAY_RESULT && re->kind != MCP_RELAY_ERROR))
    {
        ngx_http_mcp_relay_fault(call);
        return;
    }

    if (x->status != NGX_HTTP_OK) {

        /* an error of this hop means nothing to the client */

        if (re->kind != MCP_RELAY_ERROR || re->error_code == MCP_E_HEADER
            || re->error_code == MCP_E_VERSION
            || x->status == NGX_HTTP_SERVICE_UNAVAILABLE
            || ngx_http_mcp_relay_no_session(call))
        {
            ngx_http_mcp_relay_fault(call);
            return;
        }
    }

    ngx_http_mcp_relay_answered(call);

    /* mcp-bridge: a call that its process did not answer, or not in time */

    if (call->outcome == NGX_HTTP_MCP_RPC_ERROR
        && re->error_code == (int64_t) x->status)
    {
        if (x->status == NGX_HTTP_BAD_GATEWAY) {
            call->outcome = NGX_HTTP_MCP_UNKNOWN;

        } else if (x->status == NGX_HTTP_GATEWAY_TIME_OUT) {
            call->outcome = NGX_HTTP_MCP_TIMEOUT;
        }
    }
}


/* What went wrong, from what is known of the exchange. */

static void
ngx_http_mcp_relay_fault(ngx_http_mcp_call_t *call)
{
    ngx_http_mcp_exchange_t  *x;

    x = call->exchange;

    if (x->status == 0) {

        if (!x->sent) {
            ngx_http_mcp_relay_fail(call, MCP_E_UNAVAILABLE,
                                    "the backend cannot be reached; try again "
                                    "later");

        } else if (x->rc == NGX_HTTP_GATEWAY_TIME_OUT) {
            ngx_http_mcp_relay_fail(call, MCP_E_TIMEOUT,
                                    "the backend did not answer in time; the "
                                    "call may have been executed");

        } else {
            ngx_http_mcp_relay_fail(call, MCP_E_BACKEND,
                                    "the backend gave no valid answer; the "
                                    "call may have been executed");
        }

        return;
    }

    switch (x->status) {

    case NGX_HTTP_OK:
        break;

    case NGX_HTTP_TOO_MANY_REQUESTS:
    case NGX_HTTP_SERVICE_UNAVAILABLE:
        ngx_http_mcp_relay_fail(call, MCP_E_UNAVAILABLE,
                                "the backend is not available; try again "
                                "later");
        return;

    case NGX_HTTP_GATEWAY_TIME_OUT:
        ngx_http_mcp_relay_fail(call, MCP_E_TIMEOUT,
                                "the backend did not answer in time; the call "
                                "may have been executed");
        return;

    default:

        if (call->backend_era == MCP_ERA_MODERN) {

            /* its schemas or its era may have changed */

            call->backend->peer->refresh = 1;
        }

        ngx_http_mcp_relay_fail(call, MCP_E_BACKEND,
                                "the backend refused the gateway's request");
        return;
    }

    if (!x->complete && x->rc == NGX_HTTP_GATEWAY_TIME_OUT) {
        ngx_http_mcp_relay_fail(call, MCP_E_TIMEOUT,
                                "the backend did not finish its answer in "
                                "time; the call may have been executed");

    } else if (!x->complete) {
        ngx_http_mcp_relay_fail(call, MCP_E_BACKEND,
                                "the backend's answer broke off; the call may "
                                "have been executed");

    } else {
        ngx_http_mcp_relay_fail(call, MCP_E_BACKEND,
                                "the backend gave no valid answer to this "
                                "call; it may have been executed");
    }
}


void
ngx_http_mcp_relay_fail(ngx_http_mcp_call_t *call, ngx_int_t code,
    const char *text)
{
    ngx_str_t                 name;
    mcp_buf_t                 b;
    mcp_fault_t              *fault;
    ngx_http_mcp_exchange_t  *x;

    if (call->failed || call->answered) {
        return;
    }

    x = call->exchange;
    call->failed = 1;

    fault = &call->fault;
    ngx_memzero(fault, sizeof(mcp_fault_t));

    fault->code = (int) code;
    fault->status = NGX_HTTP_OK;
    fault->message.data = (u_char *) text;
    fault->message.len = ngx_strlen(text);

    if (code == MCP_E_UNAVAILABLE) {

        mcp_buf_init(&b, &call->arena, 64);
        mcp_buf_literal(&b, "{\"retryAfterMs\":");
        mcp_buf_uint(&b, (x && x->retry_after > 0)
                         ? (uint64_t) x->retry_after * 1000 : 1000);
        mcp_buf_literal(&b, "}");

        if (!b.failed) {
            fault->data.data = b.data;
            fault->data.len = b.len;
        }
    }

    switch (code) {

    case MCP_E_UNAVAILABLE:
        call->outcome = NGX_HTTP_MCP_UNAVAILABLE;
        break;

    case MCP_E_TIMEOUT:
        call->outcome = NGX_HTTP_MCP_TIMEOUT;

        /* MCP 2025-11-25, "Lifecycle", "Timeouts" */

        if (call->backend_era == MCP_ERA_LEGACY) {
            ngx_http_mcp_proxy_cancel(call);
        }

        break;

    default:
        call->outcome = NGX_HTTP_MCP_UNKNOWN;
    }

    call->error_code = code;
    name = ngx_http_mcp_loggable(call->request->pool, &call->message.name);

    ngx_log_error(NGX_LOG_ERR, call->request->connection->log, 0,
                  "mcp call %*s of %*s \"%V\" at backend \"%V\" failed "
                  "(HTTP status %ui): %s",
                  sizeof(call->uuid), call->uuid,
                  call->message.method_name.len, call->message.method_name.data,
                  &name, &call->backend->name, x ? x->status : 0, text);
}
