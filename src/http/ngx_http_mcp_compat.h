
/*
 * What differs between the versions of nginx that are supported: 1.22.1
 * (Debian 12) up to mainline.
 */


#ifndef _NGX_HTTP_MCP_COMPAT_H_INCLUDED_
#define _NGX_HTTP_MCP_COMPAT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/* trailers may be kept since 1.27.2 */

#if (nginx_version >= 1027002)
#define ngx_http_mcp_parse_chunked(r, b, ctx)                                 \
    ngx_http_parse_chunked(r, b, ctx, 0)
#else
#define ngx_http_mcp_parse_chunked(r, b, ctx)                                 \
    ngx_http_parse_chunked(r, b, ctx)
#endif


/* headers of one name are a linked list since 1.23.0 */

#if (nginx_version >= 1023000)
#define ngx_http_mcp_header_init(h)  (h)->next = NULL
#else
#define ngx_http_mcp_header_init(h)
#endif


#endif /* _NGX_HTTP_MCP_COMPAT_H_INCLUDED_ */
