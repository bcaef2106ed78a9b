
/* What goes to the client, as it can take it. */


#include "ngx_http_mcp_relay.h"


#define NGX_HTTP_MCP_DELAYED  10         /* ms */
#define NGX_HTTP_MCP_LINGER   1000       /* ms for a stream to end behind its
                                            response */


static void ngx_http_mcp_relay_error_event(ngx_http_mcp_call_t *call);
static ngx_int_t ngx_http_mcp_relay_send_header(ngx_http_mcp_call_t *call,
    ngx_uint_t last);
static ngx_int_t ngx_http_mcp_relay_flush(ngx_http_mcp_call_t *call,
    ngx_uint_t last);
static void ngx_http_mcp_relay_gone(ngx_http_mcp_call_t *call);
static void ngx_http_mcp_relay_linger(ngx_event_t *ev);


/* The write handler of the client's request; also run when children post. */

void
ngx_http_mcp_relay_write(ngx_http_request_t *r)
{
    ngx_int_t             rc;
    ngx_uint_t            last;
    ngx_event_t          *wev;
    ngx_http_mcp_call_t  *call;

    call = ngx_http_get_module_ctx(r, ngx_http_mcp_module);
    wev = r->connection->write;

    if (call->finished || call->renewing) {
        return;
    }

    if (wev->timedout) {
        ngx_log_error(NGX_LOG_INFO, r->connection->log, NGX_ETIMEDOUT,
                      "client timed out");
        r->connection->timedout = 1;
        call->finished = 1;
        ngx_http_finalize_request(r, NGX_HTTP_REQUEST_TIME_OUT);
        return;
    }

    if (call->gone) {
        if (call->done) {
            call->finished = 1;
            ngx_http_finalize_request(r, NGX_ERROR);
        }
        return;
    }

    /* how it ended is on record before the client can know */

    if ((call->answered || call->failed) && call->audit != NULL
        && ngx_http_mcp_audit_answer(call) == NGX_AGAIN)
    {
        return;
    }

    if (call->failed && !call->started) {
        call->finished = 1;
        if (!call->done) {
            ngx_http_mcp_exchange_abort(call->exchange);
        }
        ngx_http_mcp_send_fault(call, &call->fault);
        return;
    }

    if (call->failed && !call->answered) {

        if (!call->sse_out || call->partial) {

            /* the client must not take what it has for an answer */

            call->finished = 1;
            ngx_http_finalize_request(r, NGX_ERROR);
            return;
        }

        ngx_http_mcp_relay_error_event(call);
    }

    if (wev->delayed && !wev->timer_set) {

        /* of limit_rate; the upstream has taken the timer for its own */

        ngx_add_timer(wev, NGX_HTTP_MCP_DELAYED);
    }

    /* a stream may go on behind its response; it is given some time to end */

    last = call->answered && (call->done || call->linger.timedout
                              || call->failed);

    if (call->out == NULL && !last && !r->connection->buffered) {
        return;
    }

    if (call->answered && !call->started && call->out != NULL
        && !call->sse_out)
    {
        last = 1;
    }

    if (!call->started
        && ngx_http_mcp_relay_send_header(call, last) != NGX_OK)
    {
        return;
    }

    rc = ngx_http_mcp_relay_flush(call, last);

    if (rc == NGX_ERROR) {
        ngx_http_mcp_relay_gone(call);
        return;
    }

    if (last) {
        call->finished = 1;

        if (!call->done) {
            ngx_http_mcp_exchange_abort(call->exchange);
        }

        ngx_http_finalize_request(r, rc);
        return;
    }

    if (call->answered && !call->linger.timer_set) {
        call->linger.handler = ngx_http_mcp_relay_linger;
        call->linger.data = call;
        call->linger.log = r->connection->log;
        ngx_add_timer(&call->linger, NGX_HTTP_MCP_LINGER);
    }
}


static void
ngx_http_mcp_relay_linger(ngx_event_t *ev)
{
    ngx_http_mcp_call_t *call = ev->data;

    ngx_connection_t  *c;

    c = call->request->connection;

    ngx_http_mcp_relay_write(call->request);
    ngx_http_run_posted_requests(c);
}


/*
 * A cancelled request gets no response (MCP 2025-11-25, "Cancellation"), but
 * HTTP wants an answer: a stream without one.
 */

void
ngx_http_mcp_relay_cancelled(ngx_http_mcp_call_t *call)
{
    ngx_int_t  rc;

    call->finished = 1;

    if (call->partial || (call->started && !call->sse_out)) {
        ngx_http_finalize_request(call->request, NGX_ERROR);
        return;
    }

    call->sse_out = 1;

    if (!call->started
        && ngx_http_mcp_relay_send_header(call, 0) != NGX_OK)
    {
        return;
    }

    rc = ngx_http_mcp_relay_flush(call, 1);

    ngx_http_finalize_request(call->request, rc);
}


/* The stream has begun; the error is its last event. */

static void
ngx_http_mcp_relay_error_event(ngx_http_mcp_call_t *call)
{
    mcp_buf_t  json, event;

    ngx_http_mcp_relay_drop(call);

    mcp_buf_init(&json, &call->arena, 512);
    mcp_reply_error(&json, &call->message.id, &call->fault);

    mcp_buf_init(&event, &call->arena, 512);
    mcp_sse_write(&event, json.data, json.len);

    if (!json.failed && !event.failed
        && ngx_http_mcp_relay_out(call, event.data, event.len) == MCP_OK)
    {
        ngx_http_mcp_relay_release(call);
    }

    call->answered = 1;
}


static ngx_int_t
ngx_http_mcp_relay_send_header(ngx_http_mcp_call_t *call, ngx_uint_t last)
{
    ngx_int_t            rc;
    ngx_str_t            value;
    ngx_http_request_t  *r;

    r = call->request;
    call->started = 1;

    r->headers_out.status = call->out_status;

    if (call->sse_out) {
        ngx_str_set(&r->headers_out.content_type, "text/event-stream");

        /* a proxy in front must not hold events back */

        ngx_str_set(&value, "no");
        rc = ngx_http_mcp_add_header(r, "X-Accel-Buffering", &value);

        if (rc == NGX_OK) {
            ngx_str_set(&value, "no-cache");
            rc = ngx_http_mcp_add_header(r, "Cache-Control", &value);
        }

        if (rc != NGX_OK) {
            call->finished = 1;
            ngx_http_finalize_request(r, NGX_ERROR);
            return NGX_ERROR;
        }

    } else {
        ngx_str_set(&r->headers_out.content_type, "application/json");

        if (last) {
            r->headers_out.content_length_n = call->out_len;
        }
    }

    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK) {
        call->finished = 1;
        ngx_http_finalize_request(r, rc);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_mcp_relay_flush(ngx_http_mcp_call_t *call, ngx_uint_t last)
{
    ngx_int_t                  rc;
    ngx_buf_t                 *b;
    ngx_chain_t               *cl, *out;
    ngx_event_t               *wev;
    ngx_http_request_t        *r;
    ngx_http_core_loc_conf_t  *clcf;

    r = call->request;
    wev = r->connection->write;

    out = call->out;

    if (out != NULL) {
        for (cl = out; cl->next; cl = cl->next) { /* void */ }

        cl->buf->flush = 1;

        if (last) {
            cl->buf->last_buf = 1;
            cl->buf->last_in_chain = 1;
        }

    } else if (last) {
        b = ngx_calloc_buf(r->pool);
        out = ngx_alloc_chain_link(r->pool);

        if (b == NULL || out == NULL) {
            return NGX_ERROR;
        }

        b->last_buf = 1;
        b->last_in_chain = 1;
        out->buf = b;
        out->next = NULL;
    }

    call->out = NULL;
    call->last_out = &call->out;
    call->out_len = 0;

    rc = ngx_http_output_filter(r, out);

    if (rc == NGX_ERROR || last) {
        return rc;
    }

    ngx_chain_update_chains(r->pool, &call->free, &call->busy, &out,
                            (ngx_buf_tag_t) &ngx_http_mcp_module);

    call->queued = 0;

    for (cl = call->busy; cl; cl = cl->next) {
        call->queued += cl->buf->end - cl->buf->start;
    }

    if (!call->done && call->queued < NGX_HTTP_MCP_HIGH / 2) {
        ngx_http_mcp_exchange_resume(call->exchange);
    }

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (ngx_handle_write_event(wev, clcf->send_lowat) != NGX_OK) {
        return NGX_ERROR;
    }

    if (wev->delayed) {
        return NGX_OK;
    }

    if (wev->active && !wev->ready) {
        ngx_add_timer(wev, clcf->send_timeout);

    } else if (wev->timer_set) {
        ngx_del_timer(wev);
    }

    return NGX_OK;
}


/* A client that cannot be written to: what becomes of its call? */

static void
ngx_http_mcp_relay_gone(ngx_http_mcp_call_t *call)
{
    if (call->era == MCP_ERA_LEGACY && !call->done && !call->answered
        && !call->failed)
    {
        call->gone = 1;
        call->busy = NULL;
        ngx_http_mcp_relay_drop_out(call);
        ngx_http_mcp_exchange_resume(call->exchange);
        return;
    }

    call->finished = 1;
    ngx_http_finalize_request(call->request, NGX_ERROR);
}
