
/* Handlers that answer about the gateway itself: what their files share. */


#ifndef _NGX_HTTP_MCP_STATUS_H_INCLUDED_
#define _NGX_HTTP_MCP_STATUS_H_INCLUDED_


ngx_int_t ngx_http_mcp_status_send(ngx_http_request_t *r, ngx_uint_t status,
    mcp_buf_t *json);

/* ngx_http_mcp_api.c */

ngx_int_t ngx_http_mcp_api_handler(ngx_http_request_t *r);


#endif /* _NGX_HTTP_MCP_STATUS_H_INCLUDED_ */
