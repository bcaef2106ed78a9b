
/* Handlers that answer about the gateway itself: what their files share. */


#ifndef _NGX_HTTP_MCP_STATUS_H_INCLUDED_
#define _NGX_HTTP_MCP_STATUS_H_INCLUDED_


ngx_int_t ngx_http_mcp_status_send(ngx_http_request_t *r, ngx_uint_t status,
    mcp_buf_t *json);

/* Whether it is "mcp_ready all". */

ngx_uint_t ngx_http_mcp_status_all(ngx_http_request_t *r);

/* ngx_http_mcp_ready.c */

ngx_int_t ngx_http_mcp_health_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_mcp_ready_handler(ngx_http_request_t *r);

/* ngx_http_mcp_api.c; origin: as ngx_http_mcp_origin_check() */

ngx_int_t ngx_http_mcp_api_origin(ngx_http_request_t *r,
    const char **reason);
ngx_int_t ngx_http_mcp_api_handler(ngx_http_request_t *r);


#endif /* _NGX_HTTP_MCP_STATUS_H_INCLUDED_ */
