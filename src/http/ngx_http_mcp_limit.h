
/* Limits and the kill switch: what their files share. */


#ifndef _NGX_HTTP_MCP_LIMIT_H_INCLUDED_
#define _NGX_HTTP_MCP_LIMIT_H_INCLUDED_


#include "pattern.h"


extern ngx_module_t  ngx_http_mcp_limit_module;


typedef struct {
    ngx_str_t                    name;
    u_char                      *file;       /* of the directive */
    ngx_uint_t                   line;
} ngx_http_mcp_disabled_t;


typedef struct {
    ngx_array_t                  ids;        /* uint64_t: of all rules */
    ngx_array_t                  backends;   /* ngx_http_mcp_disabled_t */
} ngx_http_mcp_limit_main_conf_t;


typedef struct {
    ngx_array_t                 *rules;      /* of mcp_limit */
    ngx_uint_t                   status;     /* HTTP, of a limited call */
    ngx_array_t                 *disabled_tools;     /* mcp_pattern_t */
    ngx_array_t                 *disabled_backends;  /* ngx_str_t */
} ngx_http_mcp_limit_conf_t;


/* Adds a pattern of tools; an [emerg] is logged. */

char *ngx_http_mcp_limit_pattern(ngx_conf_t *cf, ngx_array_t **patterns,
    ngx_str_t *text);


/* A client that has no name; of IPv6 the network. */

ngx_str_t ngx_http_mcp_limit_addr(ngx_connection_t *c);


/* ngx_http_mcp_disable.c */

char *ngx_http_mcp_disable(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
ngx_int_t ngx_http_mcp_disable_check(ngx_conf_t *cf);
char *ngx_http_mcp_disable_merge(ngx_conf_t *cf,
    ngx_http_mcp_limit_conf_t *prev, ngx_http_mcp_limit_conf_t *conf);


#endif /* _NGX_HTTP_MCP_LIMIT_H_INCLUDED_ */
