
/* What a request is told that does not come with a good token. */


#include "ngx_http_mcp_auth.h"


ngx_int_t
ngx_http_mcp_auth_refuse(ngx_http_request_t *r, ngx_uint_t status,
    const char *error, const char *why)
{
    ngx_http_mcp_call_t  *call;

    call = ngx_http_mcp_get_call(r);
    if (call == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    call->refused = why;

    if (error != NULL) {
        ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                      "mcp call %*s is refused with %ui: %s",
                      sizeof(call->uuid), call->uuid, status, why);
    }

    if (ngx_http_mcp_auth_challenge(r, error, why, NULL) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return status;
}


/* No quotes within a quoted string (RFC 6750, section 3). */

static void
ngx_http_mcp_auth_quote(mcp_buf_t *b, const char *text)
{
    for ( /* void */ ; *text; text++) {
        mcp_buf_append(b, (*text == '"') ? "'" : text, 1);
    }
}


ngx_int_t
ngx_http_mcp_auth_challenge(ngx_http_request_t *r, const char *error,
    const char *why, ngx_array_t *more)
{
    size_t                         len;
    mcp_buf_t                      b;
    mcp_arena_t                    arena;
    ngx_table_elt_t               *h;
    ngx_http_mcp_auth_loc_conf_t  *alcf;

    alcf = ngx_http_get_module_loc_conf(r, ngx_http_mcp_auth_module);

    ngx_http_mcp_arena_init(&arena, r->pool);
    mcp_buf_init(&b, &arena, 512);

    mcp_buf_literal(&b, "Bearer realm=\"");
    mcp_buf_append(&b, alcf->realm->data, alcf->realm->len);
    mcp_buf_literal(&b, "\"");

    if (error != NULL) {
        mcp_buf_literal(&b, ", error=\"");
        mcp_buf_append(&b, error, ngx_strlen(error));
        mcp_buf_literal(&b, "\", error_description=\"");
        ngx_http_mcp_auth_quote(&b, why);
        mcp_buf_literal(&b, "\"");
    }

    /* RFC 6750, section 3; MCP, Authorization, "Scope Challenge Handling" */

    len = b.len;
    mcp_buf_literal(&b, ", scope=\"");

    if (ngx_http_mcp_scopes(alcf, &b, more, 0) == NGX_OK) {
        mcp_buf_literal(&b, "\"");

    } else {
        b.len = len;
    }

    /* RFC 9728, section 5.1 */

    if (alcf->servers != NULL) {
        len = b.len;
        mcp_buf_literal(&b, ", resource_metadata=\"");
        ngx_http_mcp_resource_url(r, alcf, &b, 1);

        if (b.len > len + sizeof(", resource_metadata=\"") - 1) {
            mcp_buf_literal(&b, "\"");

        } else {
            b.len = len;
        }
    }

    h = ngx_list_push(&r->headers_out.headers);

    if (h == NULL || b.failed) {
        return NGX_ERROR;
    }

    h->hash = 1;
    ngx_str_set(&h->key, "WWW-Authenticate");
    h->value.data = b.data;
    h->value.len = b.len;
    ngx_http_mcp_header_init(h);

    r->headers_out.www_authenticate = h;

    return NGX_OK;
}


ngx_int_t
ngx_http_mcp_auth_unavailable(ngx_http_request_t *r, const char *why)
{
    ngx_str_t                  seconds;
    ngx_http_mcp_call_t       *call;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (clcf->satisfy == NGX_HTTP_SATISFY_ANY) {

        /* another module may let it in */

        return ngx_http_mcp_auth_refuse(r, NGX_HTTP_UNAUTHORIZED, NULL, why);
    }

    call = ngx_http_mcp_get_call(r);
    if (call == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    call->refused = why;
    call->outcome = NGX_HTTP_MCP_UNAVAILABLE;

    ngx_str_set(&seconds, "5");

    if (ngx_http_mcp_add_header(r, "Retry-After", &seconds) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return NGX_HTTP_SERVICE_UNAVAILABLE;
}
