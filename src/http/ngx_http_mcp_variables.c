
/* $mcp_*: what is known of a call, for log_format, map and the like. */


#include "ngx_http_mcp.h"


static ngx_int_t ngx_http_mcp_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_mcp_variable_text(ngx_http_mcp_call_t *call,
    uintptr_t what, ngx_str_t *value);
static ngx_int_t ngx_http_mcp_variable_session(ngx_http_mcp_call_t *call,
    ngx_str_t *value);


enum {
    NGX_HTTP_MCP_VAR_REQUEST_ID = 0,
    NGX_HTTP_MCP_VAR_METHOD,
    NGX_HTTP_MCP_VAR_NAME,
    NGX_HTTP_MCP_VAR_BACKEND,
    NGX_HTTP_MCP_VAR_ERA,
    NGX_HTTP_MCP_VAR_VERSION,
    NGX_HTTP_MCP_VAR_OUTCOME,
    NGX_HTTP_MCP_VAR_ERROR_CODE,
    NGX_HTTP_MCP_VAR_RETRIES,
    NGX_HTTP_MCP_VAR_SESSION,
    NGX_HTTP_MCP_VAR_CLIENT,
    NGX_HTTP_MCP_VAR_ROLES
};


#define ngx_http_mcp_var(name, what)                                          \
    { ngx_string(name), NULL, ngx_http_mcp_variable, what,                    \
      NGX_HTTP_VAR_NOCACHEABLE, 0 }


static ngx_http_variable_t  ngx_http_mcp_vars[] = {
    ngx_http_mcp_var("mcp_request_id", NGX_HTTP_MCP_VAR_REQUEST_ID),
    ngx_http_mcp_var("mcp_method", NGX_HTTP_MCP_VAR_METHOD),
    ngx_http_mcp_var("mcp_name", NGX_HTTP_MCP_VAR_NAME),
    ngx_http_mcp_var("mcp_backend", NGX_HTTP_MCP_VAR_BACKEND),
    ngx_http_mcp_var("mcp_era", NGX_HTTP_MCP_VAR_ERA),
    ngx_http_mcp_var("mcp_protocol_version", NGX_HTTP_MCP_VAR_VERSION),
    ngx_http_mcp_var("mcp_outcome", NGX_HTTP_MCP_VAR_OUTCOME),
    ngx_http_mcp_var("mcp_error_code", NGX_HTTP_MCP_VAR_ERROR_CODE),
    ngx_http_mcp_var("mcp_retries", NGX_HTTP_MCP_VAR_RETRIES),
    ngx_http_mcp_var("mcp_session", NGX_HTTP_MCP_VAR_SESSION),
    ngx_http_mcp_var("mcp_client", NGX_HTTP_MCP_VAR_CLIENT),
    ngx_http_mcp_var("mcp_client_roles", NGX_HTTP_MCP_VAR_ROLES),

      ngx_http_null_variable
};


static ngx_str_t  ngx_http_mcp_outcomes[] = {
    ngx_null_string,
    ngx_string("ok"),
    ngx_string("tool_error"),
    ngx_string("rpc_error"),
    ngx_string("denied"),
    ngx_string("disabled"),
    ngx_string("limited"),
    ngx_string("invalid"),
    ngx_string("unavailable"),
    ngx_string("timeout"),
    ngx_string("cancelled"),
    ngx_string("unrecorded"),
    ngx_string("unknown")
};


ngx_str_t *
ngx_http_mcp_outcome_name(ngx_http_mcp_outcome_e outcome)
{
    return &ngx_http_mcp_outcomes[outcome];
}


ngx_int_t
ngx_http_mcp_add_variables(ngx_conf_t *cf)
{
    ngx_http_variable_t  *var, *v;

    for (v = ngx_http_mcp_vars; v->name.len; v++) {

        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_mcp_variable(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    ngx_str_t             value;
    ngx_http_mcp_call_t  *call;

    v->not_found = 1;

    call = ngx_http_get_module_ctx(r->main, ngx_http_mcp_module);

    /* a request of the gateway's own has none */

    if (call == NULL || r->main->connection->fd == (ngx_socket_t) -1) {

        if (data != NGX_HTTP_MCP_VAR_REQUEST_ID
            || r->main->connection->fd == (ngx_socket_t) -1)
        {
            return NGX_OK;
        }

        call = ngx_http_mcp_get_call(r->main);
        if (call == NULL) {
            return NGX_ERROR;
        }
    }

    ngx_str_null(&value);

    if (ngx_http_mcp_variable_text(call, data, &value) != NGX_OK) {
        return NGX_ERROR;
    }

    if (value.len == 0) {
        return NGX_OK;
    }

    v->len = value.len;
    v->data = value.data;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}


static ngx_int_t
ngx_http_mcp_variable_text(ngx_http_mcp_call_t *call, uintptr_t what,
    ngx_str_t *value)
{
    switch (what) {

    case NGX_HTTP_MCP_VAR_REQUEST_ID:
        value->data = call->uuid;
        value->len = sizeof(call->uuid);
        return NGX_OK;

    case NGX_HTTP_MCP_VAR_METHOD:
        *value = ngx_http_mcp_str(&call->message.method_name);
        return NGX_OK;

    case NGX_HTTP_MCP_VAR_NAME:
        *value = ngx_http_mcp_str(&call->message.name);
        return NGX_OK;

    case NGX_HTTP_MCP_VAR_BACKEND:
        if (call->backend) {
            *value = call->backend->name;
        }
        return NGX_OK;

    case NGX_HTTP_MCP_VAR_ERA:
        if (call->era == MCP_ERA_MODERN) {
            ngx_str_set(value, "modern");

        } else if (call->era == MCP_ERA_LEGACY) {
            ngx_str_set(value, "legacy");
        }
        return NGX_OK;

    case NGX_HTTP_MCP_VAR_VERSION:
        *value = ngx_http_mcp_str(&call->version);
        return NGX_OK;

    case NGX_HTTP_MCP_VAR_OUTCOME:
        *value = ngx_http_mcp_outcomes[call->outcome];
        return NGX_OK;

    case NGX_HTTP_MCP_VAR_RETRIES:
        if (call->exchange == NULL) {
            return NGX_OK;
        }

        value->data = ngx_pnalloc(call->request->pool, NGX_INT_T_LEN);
        if (value->data == NULL) {
            return NGX_ERROR;
        }

        value->len = ngx_sprintf(value->data, "%ui", call->retries)
                     - value->data;
        return NGX_OK;

    case NGX_HTTP_MCP_VAR_ERROR_CODE:
        if (call->error_code == 0) {
            return NGX_OK;
        }

        value->data = ngx_pnalloc(call->request->pool, NGX_INT_T_LEN);
        if (value->data == NULL) {
            return NGX_ERROR;
        }

        value->len = ngx_sprintf(value->data, "%i", call->error_code)
                     - value->data;
        return NGX_OK;

    case NGX_HTTP_MCP_VAR_CLIENT:
        *value = call->client;
        return NGX_OK;

    case NGX_HTTP_MCP_VAR_ROLES:
        return ngx_http_mcp_identity_text(call, value);

    default: /* NGX_HTTP_MCP_VAR_SESSION */
        return ngx_http_mcp_variable_session(call, value);
    }
}


/* Names a session in logs; nobody can use it to enter one. */

static ngx_int_t
ngx_http_mcp_variable_session(ngx_http_mcp_call_t *call, ngx_str_t *value)
{
    if (!call->has_session) {
        return NGX_OK;
    }

    value->data = ngx_pnalloc(call->request->pool, 2 * MCP_SESSION_UID);
    if (value->data == NULL) {
        return NGX_ERROR;
    }

    value->len = 2 * MCP_SESSION_UID;
    (void) ngx_hex_dump(value->data, call->session.uid, MCP_SESSION_UID);

    return NGX_OK;
}
