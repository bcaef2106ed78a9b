
/*
 * The breaker of a backend: its state is in the zone, so that what one worker
 * learns counts for all.
 */


#include "ngx_http_mcp.h"


static void ngx_http_mcp_breaker_unused(void *data);


/* breaker failures [cooldown=time] | off */

char *
ngx_http_mcp_breaker(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_mcp_backend_t *be = conf;

    ngx_int_t    n;
    ngx_str_t   *value, s;
    ngx_uint_t   i;

    value = cf->args->elts;

    if (be->breaker_set) {
        return "is duplicate";
    }

    be->breaker_set = 1;
    be->breaker.cooldown = NGX_HTTP_MCP_BREAKER_COOLDOWN;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        if (cf->args->nelts != 2) {
            return "is \"off\", it has no other parameters then";
        }

        return NGX_CONF_OK;
    }

    n = ngx_atoi(value[1].data, value[1].len);

    if (n < 1 || n > 1000000) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid \"breaker %V\": write the number of "
                           "failures in a row that open it, or \"off\"",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    be->breaker.failures = (uint32_t) n;

    for (i = 2; i < cf->args->nelts; i++) {

        if (ngx_strncmp(value[i].data, "cooldown=", 9) == 0) {
            s.data = value[i].data + 9;
            s.len = value[i].len - 9;

            n = ngx_parse_time(&s, 0);

            if (n > 0) {
                be->breaker.cooldown = (uint64_t) n;
                continue;
            }
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\": there is cooldown=, a "
                           "time as \"30s\"", &value[i]);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* --- a call -------------------------------------------------------------- */


ngx_int_t
ngx_http_mcp_breaker_gate(ngx_http_mcp_call_t *call, mcp_fault_t *fault)
{
    int                        rc;
    uint64_t                   wait;
    mcp_buf_t                  b;
    ngx_pool_cleanup_t        *cln;
    ngx_http_mcp_peer_t       *peer;
    ngx_http_mcp_backend_t    *be;
    ngx_http_mcp_main_conf_t  *mmcf;

    be = call->backend;
    peer = be->peer;

    if (mcp_breaker_idle(&peer->breaker, &be->breaker)) {
        return NGX_OK;
    }

    /* whoever tries must say how it ended, even if it never came to try */

    cln = ngx_pool_cleanup_add(call->request->pool, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    mmcf = ngx_http_get_module_main_conf(call->request, ngx_http_mcp_module);

    ngx_shmtx_lock(&mmcf->shpool->mutex);
    rc = mcp_breaker_ask(&peer->breaker, &be->breaker, ngx_current_msec,
                         &wait);
    ngx_shmtx_unlock(&mmcf->shpool->mutex);

    if (rc == MCP_OK) {
        return NGX_OK;
    }

    if (rc == MCP_DONE) {
        call->trial = 1;
        cln->handler = ngx_http_mcp_breaker_unused;
        cln->data = call;
        return NGX_OK;
    }

    fault->code = MCP_E_UNAVAILABLE;
    fault->status = NGX_HTTP_OK;
    call->outcome = NGX_HTTP_MCP_UNAVAILABLE;

    mcp_buf_init(&b, &call->arena, 128);
    mcp_buf_literal(&b, "the backend has failed and is left alone; it will be "
                        "tried again in ");
    mcp_buf_uint(&b, wait);
    mcp_buf_literal(&b, " ms");

    fault->message.data = b.data;
    fault->message.len = b.len;

    if (b.failed || ngx_http_mcp_retry_after(call, fault, wait) != NGX_OK) {
        return NGX_ERROR;
    }

    return NGX_DECLINED;
}


static void
ngx_http_mcp_breaker_unused(void *data)
{
    ngx_http_mcp_call_t *call = data;

    ngx_http_mcp_main_conf_t  *mmcf;

    if (!call->trial) {
        return;
    }

    mmcf = ngx_http_get_module_main_conf(call->request, ngx_http_mcp_module);

    ngx_shmtx_lock(&mmcf->shpool->mutex);
    mcp_breaker_unused(&call->backend->peer->breaker, ngx_current_msec);
    ngx_shmtx_unlock(&mmcf->shpool->mutex);
}


void
ngx_http_mcp_breaker_ended(ngx_http_mcp_call_t *call, ngx_uint_t failed)
{
    int                        rc;
    ngx_http_mcp_peer_t       *peer;
    ngx_http_mcp_backend_t    *be;
    ngx_http_mcp_main_conf_t  *mmcf;

    be = call->backend;
    peer = be->peer;

    if (be->breaker.failures == 0
        || (!failed && mcp_breaker_idle(&peer->breaker, &be->breaker)))
    {
        call->trial = 0;
        return;
    }

    mmcf = ngx_http_get_module_main_conf(call->request, ngx_http_mcp_module);

    ngx_shmtx_lock(&mmcf->shpool->mutex);

    rc = failed ? mcp_breaker_failed(&peer->breaker, &be->breaker,
                                     ngx_current_msec, call->trial)
                : mcp_breaker_succeeded(&peer->breaker, &be->breaker,
                                        call->trial);

    ngx_shmtx_unlock(&mmcf->shpool->mutex);

    call->trial = 0;

    if (rc != MCP_DONE) {
        return;
    }

    if (failed) {
        ngx_log_error(NGX_LOG_ERR, call->request->connection->log, 0,
                      "backend \"%V\" has failed, it gets no calls for %M ms",
                      &be->name, (ngx_msec_t) be->breaker.cooldown);
        return;
    }

    ngx_log_error(NGX_LOG_NOTICE, call->request->connection->log, 0,
                  "backend \"%V\" has recovered", &be->name);
}


/*
 * An exchange has come to its end.  What the backend says is none of the
 * breaker's business, and what fails here is not the backend's.
 */

void
ngx_http_mcp_breaker_judge(ngx_http_mcp_call_t *call)
{
    ngx_http_mcp_exchange_t  *x;

    x = call->exchange;

    if (x->status >= 500) {
        ngx_http_mcp_breaker_ended(call, 1);
        return;
    }

    if (x->complete || call->answered || call->failed) {
        ngx_http_mcp_breaker_ended(call, 0);
        return;
    }

    if (x->status == 0 && (!x->tried || x->rc == NGX_ERROR
                           || x->rc == NGX_HTTP_INTERNAL_SERVER_ERROR))
    {
        return;
    }

    ngx_http_mcp_breaker_ended(call, 1);
}
