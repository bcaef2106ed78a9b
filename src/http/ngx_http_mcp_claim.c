
/* Claims of the token that a request came with, and $mcp_claim_NAME. */


#include "ngx_http_mcp_auth.h"


static ngx_int_t ngx_http_mcp_claim_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);


static ngx_http_variable_t  ngx_http_mcp_claim_vars[] = {

    { ngx_string("mcp_claim_"), NULL, ngx_http_mcp_claim_variable, 0,
      NGX_HTTP_VAR_PREFIX|NGX_HTTP_VAR_NOCACHEABLE, 0 },

      ngx_http_null_variable
};


ngx_int_t
ngx_http_mcp_claim_add_variable(ngx_conf_t *cf)
{
    ngx_http_variable_t  *var, *v;

    for (v = ngx_http_mcp_claim_vars; v->name.len; v++) {

        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_mcp_auth_claim(ngx_http_request_t *r, ngx_str_t *name,
    ngx_http_mcp_claim_t *claim)
{
    mcp_str_t              s;
    ngx_http_mcp_token_t  *token;

    token = ngx_http_mcp_auth_token(r);
    if (token == NULL) {
        return NGX_DECLINED;
    }

    s = ngx_http_mcp_core_str(name);

    claim->node = mcp_jwt_claim(&token->claims, &s);
    if (claim->node == 0) {
        return NGX_DECLINED;
    }

    s = mcp_json_raw(&token->claims, claim->node);

    claim->tape = &token->claims;
    claim->type = token->claims.node[claim->node].type;
    claim->raw = ngx_http_mcp_str(&s);

    return NGX_OK;
}


/*
 * JSON in one line: what is a control in it stands between tokens, where white
 * space may be.
 */

static ngx_int_t
ngx_http_mcp_claim_line(ngx_pool_t *pool, mcp_str_t *text)
{
    size_t   i;
    u_char  *p;

    p = ngx_pnalloc(pool, text->len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < text->len; i++) {
        p[i] = (text->data[i] < 0x20) ? ' ' : text->data[i];
    }

    text->data = p;

    return NGX_OK;
}


/*
 * A string as it is, anything else as JSON.  A string with controls could end
 * a header line or a log line where it does not end: it is as if not there.
 */

static ngx_int_t
ngx_http_mcp_claim_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t *var = (ngx_str_t *) data;

    size_t                i;
    ngx_str_t             name;
    mcp_str_t             text;
    mcp_arena_t           arena;
    ngx_http_mcp_claim_t  claim;

    v->not_found = 1;

    name.data = var->data + (sizeof("mcp_claim_") - 1);
    name.len = var->len - (sizeof("mcp_claim_") - 1);

    if (ngx_http_mcp_auth_claim(r, &name, &claim) != NGX_OK
        || claim.type == MCP_JSON_NULL)
    {
        return NGX_OK;
    }

    text = ngx_http_mcp_core_str(&claim.raw);
    ngx_http_mcp_arena_init(&arena, r->pool);

    if (claim.type != MCP_JSON_STRING) {
        if (ngx_http_mcp_claim_line(r->pool, &text) != NGX_OK) {
            return NGX_ERROR;
        }

    } else if (mcp_json_unescape(claim.tape, claim.node, &arena, &text)
               != MCP_OK)
    {
        return NGX_ERROR;
    }

    for (i = 0; i < text.len; i++) {
        if (text.data[i] < 0x20 || text.data[i] == 0x7f) {
            return NGX_OK;
        }
    }

    v->data = text.data;
    v->len = text.len;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}
