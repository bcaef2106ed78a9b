
/* What a call must pass, in this order, before it goes to its backend. */


#include "ngx_http_mcp.h"


static ngx_http_mcp_gate_pt  ngx_http_mcp_gates[] = {
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
