
/* What a request is told that does not come with a good token. */


#include "ngx_http_mcp_auth.h"


ngx_int_t
ngx_http_mcp_auth_refuse(ngx_http_request_t *r, ngx_uint_t status,
    const char *error, const char *why)
{
    u_char                        *p;
    size_t                         len;
    ngx_uint_t                     i;
    ngx_table_elt_t               *h;
    ngx_http_mcp_call_t           *call;
    ngx_http_mcp_require_t        *require;
    ngx_http_mcp_auth_loc_conf_t  *alcf;

    alcf = ngx_http_get_module_loc_conf(r, ngx_http_mcp_auth_module);

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

    require = alcf->require ? alcf->require->elts : NULL;

    len = sizeof("Bearer realm=\"\", error=\"\", error_description=\"\", "
                 "scope=\"\"")
          + alcf->realm->len
          + (error ? ngx_strlen(error) + ngx_strlen(why) : 0);

    for (i = 0; require && i < alcf->require->nelts; i++) {
        len += require[i].value.len + 1;
    }

    h = ngx_list_push(&r->headers_out.headers);
    p = ngx_pnalloc(r->pool, len);

    if (h == NULL || p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    h->hash = 1;
    ngx_str_set(&h->key, "WWW-Authenticate");
    ngx_http_mcp_header_init(h);
    h->value.data = p;

    p = ngx_sprintf(p, "Bearer realm=\"%V\"", alcf->realm);

    if (error != NULL) {
        p = ngx_sprintf(p, ", error=\"%s\", error_description=\"", error);

        /* no quotes within (RFC 6750, section 3) */

        for ( /* void */ ; *why; why++) {
            *p++ = (*why == '"') ? '\'' : *why;
        }

        *p++ = '"';
    }

    h->value.len = p - h->value.data;
    r->headers_out.www_authenticate = h;

    return status;
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
