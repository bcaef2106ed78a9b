
/* Limits and the kill switch: what their files share. */


#ifndef _NGX_HTTP_MCP_LIMIT_H_INCLUDED_
#define _NGX_HTTP_MCP_LIMIT_H_INCLUDED_


#include "pattern.h"


extern ngx_module_t  ngx_http_mcp_limit_module;


typedef struct {
    ngx_array_t                 *rules;      /* of mcp_limit */
    ngx_uint_t                   status;     /* HTTP, of a limited call */
} ngx_http_mcp_limit_conf_t;


/* Adds a pattern of tools; an [emerg] is logged. */

char *ngx_http_mcp_limit_pattern(ngx_conf_t *cf, ngx_array_t **patterns,
    ngx_str_t *text);


#endif /* _NGX_HTTP_MCP_LIMIT_H_INCLUDED_ */
