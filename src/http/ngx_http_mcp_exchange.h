
/* What the two files of the call engine share. */


#ifndef _NGX_HTTP_MCP_EXCHANGE_H_INCLUDED_
#define _NGX_HTTP_MCP_EXCHANGE_H_INCLUDED_


#include "ngx_http_mcp.h"


/* ngx_http_mcp_exchange_response.c: as nginx's upstream asks for them */

ngx_int_t ngx_http_mcp_process_status_line(ngx_http_request_t *r);
ngx_int_t ngx_http_mcp_input_filter_init(void *data);
ngx_int_t ngx_http_mcp_input_filter(void *data, ssize_t bytes);


#endif /* _NGX_HTTP_MCP_EXCHANGE_H_INCLUDED_ */
