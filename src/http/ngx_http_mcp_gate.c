
/* What a call must pass, in this order, before it goes to its backend. */


#include "ngx_http_mcp_policy.h"


static ngx_http_mcp_gate_pt  ngx_http_mcp_gates[] = {
    ngx_http_mcp_policy_gate,
    ngx_http_mcp_scope_gate,     /* what nobody may see has none to be named */
    ngx_http_mcp_disable_gate,
    ngx_http_mcp_limit_gate,
    ngx_http_mcp_schema_gate,
    ngx_http_mcp_mrtr_gate,
    ngx_http_mcp_breaker_gate,
    ngx_http_mcp_audit_gate,     /* the last: what it records is executed */
    NULL
};


void
ngx_http_mcp_gates_run(ngx_http_mcp_call_t *call)
{
    mcp_fault_t           fault;
    ngx_http_mcp_gate_pt  gate;

    for ( ;; ) {
        gate = ngx_http_mcp_gates[call->gate];

        if (gate == NULL) {
            ngx_http_mcp_proxy(call);
            return;
        }

        ngx_memzero(&fault, sizeof(mcp_fault_t));

        switch (gate(call, &fault)) {

        case NGX_OK:
            call->gate++;
            continue;

        case NGX_AGAIN:
            return;

        case NGX_DECLINED:
            ngx_http_mcp_send_fault(call, &fault);
            return;

        default:
            ngx_http_finalize_request(call->request,
                                      NGX_HTTP_INTERNAL_SERVER_ERROR);
            return;
        }
    }
}


ngx_int_t
ngx_http_mcp_retry_after(ngx_http_mcp_call_t *call, mcp_fault_t *fault,
    uint64_t ms)
{
    mcp_buf_t  b;
    ngx_str_t  value;

    mcp_buf_init(&b, &call->arena, 64);
    mcp_buf_literal(&b, "{\"retryAfterMs\":");
    mcp_buf_uint(&b, ms);
    mcp_buf_literal(&b, "}");

    if (b.failed) {
        return NGX_ERROR;
    }

    fault->data.data = b.data;
    fault->data.len = b.len;

    value.data = ngx_pnalloc(call->request->pool, NGX_INT64_LEN);
    if (value.data == NULL) {
        return NGX_ERROR;
    }

    value.len = ngx_http_mcp_uint(value.data, (ms + 999) / 1000) - value.data;

    return ngx_http_mcp_add_header(call->request, "Retry-After", &value);
}
