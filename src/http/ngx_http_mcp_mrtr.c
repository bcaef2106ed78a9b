
/*
 * requestState (MCP 2026-07-28, "Multi Round-Trip Requests"): what a backend
 * gives to be presented again.  Behind a credential that all clients share a
 * backend cannot tell them apart, so what a client gets is the state under a
 * seal, together with whose it is, what it is for, and until when.
 */


#include "ngx_http_mcp.h"


#define NGX_HTTP_MCP_MRTR_LABEL  "state"


/* In front of the state, before it is sealed. */

typedef struct {
    uint64_t                     backend;    /* a hash that names it */
    uint64_t                     expires;
    u_char                       identity[MCP_IDENTITY_HASH];
    u_char                       what[MCP_IDENTITY_HASH];    /* method, name */
} ngx_http_mcp_mrtr_t;


static ngx_int_t ngx_http_mcp_mrtr_of(ngx_http_mcp_call_t *call,
    ngx_http_mcp_mrtr_t *state);
static int ngx_http_mcp_mrtr_seal(void *data, const mcp_str_t *value,
    mcp_str_t *out);
static ngx_int_t ngx_http_mcp_mrtr_refuse(ngx_http_mcp_call_t *call,
    mcp_fault_t *fault);


ngx_int_t
ngx_http_mcp_mrtr_gate(ngx_http_mcp_call_t *call, mcp_fault_t *fault)
{
    int                        rc;
    mcp_buf_t                  b;
    mcp_str_t                  text, plain;
    ngx_http_mcp_mrtr_t        state, was;
    ngx_http_mcp_main_conf_t  *mmcf;

    if (call->message.request_state == 0) {
        return NGX_OK;
    }

    /* for legacy servers and clients it is a member as any other */

    if (call->era == MCP_ERA_LEGACY && call->backend_era == MCP_ERA_LEGACY) {
        return NGX_OK;
    }

    if (call->message.tape.node[call->message.request_state].type
        != MCP_JSON_STRING)
    {
        return ngx_http_mcp_mrtr_refuse(call, fault);
    }

    mmcf = ngx_http_get_module_main_conf(call->request, ngx_http_mcp_module);

    if (ngx_http_mcp_mrtr_of(call, &state) != NGX_OK
        || mcp_json_unescape(&call->message.tape, call->message.request_state,
                             &call->arena, &text)
           != MCP_OK)
    {
        return NGX_ERROR;
    }

    rc = ngx_http_mcp_unseal(mmcf, NGX_HTTP_MCP_MRTR_LABEL, &text,
                             &call->arena, &plain);
    if (rc == MCP_NOMEM) {
        return NGX_ERROR;
    }

    if (rc != MCP_OK || plain.len < sizeof(ngx_http_mcp_mrtr_t)) {
        return ngx_http_mcp_mrtr_refuse(call, fault);
    }

    ngx_memcpy(&was, plain.data, sizeof(ngx_http_mcp_mrtr_t));

    if (was.backend != state.backend || was.expires < (uint64_t) ngx_time()
        || ngx_memcmp(was.identity, state.identity, MCP_IDENTITY_HASH) != 0
        || ngx_memcmp(was.what, state.what, MCP_IDENTITY_HASH) != 0)
    {
        return ngx_http_mcp_mrtr_refuse(call, fault);
    }

    plain.data += sizeof(ngx_http_mcp_mrtr_t);
    plain.len -= sizeof(ngx_http_mcp_mrtr_t);

    mcp_buf_init(&b, &call->arena, plain.len + 16);
    mcp_buf_json(&b, plain.data, plain.len);

    if (b.failed) {
        return NGX_ERROR;
    }

    call->request_state.data = b.data;
    call->request_state.len = b.len;

    return NGX_OK;
}


static ngx_int_t
ngx_http_mcp_mrtr_refuse(ngx_http_mcp_call_t *call,
    mcp_fault_t *fault)
{
    call->outcome = NGX_HTTP_MCP_INVALID;

    fault->code = MCP_E_PARAMS;
    fault->status = NGX_HTTP_OK;
    mcp_str_set(&fault->message, "requestState is not one that was given to "
                                 "this client for this request, or its time "
                                 "is over; begin without it");
    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_mcp_mrtr_of(ngx_http_mcp_call_t *call, ngx_http_mcp_mrtr_t *state)
{
    ngx_http_mcp_main_conf_t  *mmcf;

    mmcf = ngx_http_get_module_main_conf(call->request, ngx_http_mcp_module);

    ngx_memzero(state, sizeof(ngx_http_mcp_mrtr_t));

    state->backend = call->backend->hash;
    state->expires = ngx_time() + mmcf->session_timeout;

    if (ngx_http_mcp_identity_hash(call, state->identity) != NGX_OK
        || mcp_identity_hash(state->what, &call->message.method_name,
                             &call->message.name)
           != MCP_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


void
ngx_http_mcp_mrtr_relay(ngx_http_mcp_call_t *call)
{
    mcp_relay_conf_t  *rc;

    rc = &call->relay_conf;

    if (call->era != MCP_ERA_MODERN || call->backend_era != MCP_ERA_MODERN) {
        rc->state = NULL;
        return;
    }

    rc->state = &call->state;
    rc->seal = ngx_http_mcp_mrtr_seal;
    rc->data = call;

    /* it takes no memory before there is one */

    mcp_buf_init(&call->state, &call->arena, 0);
    call->state.max = MCP_RELAY_STATE_MAX;
}


/* From JSON text to JSON text. */

static int
ngx_http_mcp_mrtr_seal(void *data, const mcp_str_t *value, mcp_str_t *out)
{
    ngx_http_mcp_call_t *call = data;

    int                        rc;
    u_char                    *p;
    mcp_buf_t                  b;
    mcp_str_t                  plain, sealed;
    ngx_http_mcp_main_conf_t  *mmcf;

    mmcf = ngx_http_get_module_main_conf(call->request, ngx_http_mcp_module);

    p = mcp_alloc(&call->arena, sizeof(ngx_http_mcp_mrtr_t) + value->len);
    if (p == NULL) {
        return MCP_NOMEM;
    }

    if (ngx_http_mcp_mrtr_of(call, (ngx_http_mcp_mrtr_t *) p) != NGX_OK) {
        return MCP_ERROR;
    }

    plain.data = p;
    p = mcp_json_decode(p + sizeof(ngx_http_mcp_mrtr_t), value->data + 1,
                        value->data + value->len - 1);
    plain.len = p - plain.data;

    rc = ngx_http_mcp_seal(mmcf, NGX_HTTP_MCP_MRTR_LABEL, &plain,
                           &call->arena, &sealed);
    if (rc != MCP_OK) {
        return rc;
    }

    mcp_buf_init(&b, &call->arena, sealed.len + 16);
    mcp_buf_json(&b, sealed.data, sealed.len);

    out->data = b.data;
    out->len = b.len;

    return b.failed ? MCP_NOMEM : MCP_OK;
}
