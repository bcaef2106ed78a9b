
/*
 * Further tries of a call that did not come to its backend, or that may be
 * made twice.
 */


#include "ngx_http_mcp.h"


static ngx_uint_t ngx_http_mcp_retry_wanted(ngx_http_mcp_call_t *call);
static void ngx_http_mcp_retry_handler(ngx_event_t *ev);
static void ngx_http_mcp_retry_late(ngx_http_mcp_call_t *call);


/* retry number [backoff=time] [max=time] */

char *
ngx_http_mcp_retry_conf(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_mcp_backend_t *be = conf;

    ngx_int_t    n;
    ngx_str_t   *value, s;
    ngx_uint_t   i;
    ngx_msec_t  *to;

    value = cf->args->elts;

    if (be->retry != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    n = ngx_strcmp(value[1].data, "off") == 0
        ? 0 : ngx_atoi(value[1].data, value[1].len);

    if (n < 0 || n > NGX_HTTP_MCP_RETRY_TRIES) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid \"retry %V\": write the number of further "
                           "tries, 0 to %d", &value[1],
                           NGX_HTTP_MCP_RETRY_TRIES);
        return NGX_CONF_ERROR;
    }

    be->retry = (ngx_uint_t) n;

    for (i = 2; i < cf->args->nelts; i++) {
        to = NULL;

        if (ngx_strncmp(value[i].data, "backoff=", 8) == 0) {
            to = &be->retry_backoff;
            s.data = value[i].data + 8;
            s.len = value[i].len - 8;

        } else if (ngx_strncmp(value[i].data, "max=", 4) == 0) {
            to = &be->retry_max;
            s.data = value[i].data + 4;
            s.len = value[i].len - 4;
        }

        n = to ? ngx_parse_time(&s, 0) : NGX_ERROR;

        if (n < 1) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\": there are backoff= "
                               "and max=, times as \"100ms\"", &value[i]);
            return NGX_CONF_ERROR;
        }

        *to = (ngx_msec_t) n;
    }

    return NGX_CONF_OK;
}


/*
 * Whether it does no harm if it is executed twice: what only reads, and tools
 * whose annotations say so.  An operator who wants no tries wants none of
 * nginx's either.
 */

ngx_uint_t
ngx_http_mcp_retry_idempotent(ngx_http_mcp_call_t *call)
{
    if (call->message.method != MCP_TOOLS_CALL) {
        return 1;
    }

    return call->backend->retry != 0 && call->item != NULL
           && (call->item->read_only || call->item->idempotent);
}


ngx_uint_t
ngx_http_mcp_retry(ngx_http_mcp_call_t *call)
{
    ngx_msec_t               delay, left, most;
    ngx_uint_t               i;
    ngx_http_mcp_backend_t  *be;

    be = call->backend;

    if (call->retries >= be->retry || !ngx_http_mcp_retry_wanted(call)
        || !mcp_breaker_closed(&be->peer->breaker, &be->breaker))
    {
        return 0;
    }

    if (ngx_current_msec - call->began >= be->upstream.read_timeout) {
        return 0;
    }

    left = be->upstream.read_timeout - (ngx_current_msec - call->began);

    /* "full jitter": those who failed together do not come back together */

    most = be->retry_backoff;

    for (i = 0; i < call->retries && most < be->retry_max; i++) {
        most *= 2;
    }

    most = ngx_min(most, be->retry_max);
    delay = (ngx_msec_t) ngx_random() % (most + 1);

    if (call->exchange->retry_after > 0) {

        if ((ngx_msec_t) call->exchange->retry_after > be->retry_max / 1000) {
            return 0;
        }

        delay = ngx_max(delay,
                        (ngx_msec_t) call->exchange->retry_after * 1000);
    }

    if (delay >= left) {
        return 0;
    }

    ngx_log_error(NGX_LOG_INFO, call->request->connection->log, 0,
                  "mcp call %*s is tried again at backend \"%V\" in %M ms",
                  sizeof(call->uuid), call->uuid, &be->name, delay);

    /* until then it waits, as for a new session */

    call->retrying = 1;
    call->renewing = 1;

    call->retry.handler = ngx_http_mcp_retry_handler;
    call->retry.data = call;
    call->retry.log = call->request->connection->log;

    ngx_add_timer(&call->retry, delay);

    return 1;
}


static ngx_uint_t
ngx_http_mcp_retry_wanted(ngx_http_mcp_call_t *call)
{
    ngx_http_mcp_exchange_t  *x;

    x = call->exchange;

    if (call->answered || call->failed || call->gone || call->started
        || call->out != NULL || call->finished)
    {
        return 0;
    }

    if (x->status == 0) {

        if (!x->tried || x->rc == NGX_ERROR
            || x->rc == NGX_HTTP_INTERNAL_SERVER_ERROR)
        {
            return 0;
        }

        return !x->sent || (ngx_http_mcp_retry_idempotent(call)
                            && x->rc != NGX_HTTP_GATEWAY_TIME_OUT);
    }

    if (!ngx_http_mcp_retry_idempotent(call)) {
        return 0;
    }

    switch (x->status) {

    case NGX_HTTP_BAD_GATEWAY:
    case NGX_HTTP_SERVICE_UNAVAILABLE:
    case NGX_HTTP_GATEWAY_TIME_OUT:
        return 1;

    case NGX_HTTP_OK:

        /* it broke off */

        return !x->complete && x->rc != NGX_HTTP_GATEWAY_TIME_OUT;

    default:
        return 0;
    }
}


/* The next try is due; or there was one, and the time for all is over. */

static void
ngx_http_mcp_retry_handler(ngx_event_t *ev)
{
    ngx_http_mcp_call_t *call = ev->data;

    ngx_msec_t         past;
    ngx_connection_t  *c;

    c = call->request->connection;

    if (call->finished || call->failed) {
        return;
    }

    if (!call->retrying) {
        ngx_http_mcp_retry_late(call);
        ngx_http_run_posted_requests(c);
        return;
    }

    call->retrying = 0;
    call->renewing = 0;
    call->retries++;
    (void) ngx_atomic_fetch_add(&call->backend->peer->retries, 1);

    ngx_http_mcp_relay_drop(call);

    if (ngx_http_mcp_proxy_start(call) != NGX_OK) {
        ngx_http_finalize_request(call->request,
                                  NGX_HTTP_INTERNAL_SERVER_ERROR);

    } else {
        past = ngx_current_msec - call->began;

        ngx_add_timer(ev, call->backend->upstream.read_timeout > past
                          ? call->backend->upstream.read_timeout - past : 1);
    }

    ngx_http_run_posted_requests(c);
}


static void
ngx_http_mcp_retry_late(ngx_http_mcp_call_t *call)
{
    if (call->done || call->exchange->status != 0 || call->renewing
        || call->gone)
    {
        return;
    }

    ngx_http_mcp_breaker_ended(call, 1);
    ngx_http_mcp_relay_fail(call, MCP_E_TIMEOUT,
                            "the backend did not answer in time; the call may "
                            "have been executed");
    ngx_http_mcp_relay_write(call->request);
}
