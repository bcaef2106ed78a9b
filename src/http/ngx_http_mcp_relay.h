
/* What the files of the relay share: what comes back from a backend. */


#ifndef _NGX_HTTP_MCP_RELAY_H_INCLUDED_
#define _NGX_HTTP_MCP_RELAY_H_INCLUDED_


#include "ngx_http_mcp.h"


#define NGX_HTTP_MCP_HIGH  131072        /* bytes on the client's side at which
                                            the backend is not read further */


/* ngx_http_mcp_relay.c: bytes of a message, into the stage */

ngx_int_t ngx_http_mcp_relay_feed(ngx_http_mcp_call_t *call,
    const unsigned char *p, size_t len);
void ngx_http_mcp_relay_broken(ngx_http_mcp_call_t *call);
ngx_uint_t ngx_http_mcp_relay_result_ok(ngx_http_mcp_call_t *call);
void ngx_http_mcp_relay_answered(ngx_http_mcp_call_t *call);

/* ngx_http_mcp_relay_stream.c: an event stream of the backend's */

ngx_int_t ngx_http_mcp_relay_sse(ngx_http_mcp_call_t *call, u_char *p,
    size_t len);

/*
 * ngx_http_mcp_relay_stage.c: what is staged is let go to the client's side,
 * or dropped; large() does either when the message gets too large to hold.
 */

ngx_int_t ngx_http_mcp_relay_large(ngx_http_mcp_call_t *call);
void ngx_http_mcp_relay_release(ngx_http_mcp_call_t *call);
void ngx_http_mcp_relay_drop_out(ngx_http_mcp_call_t *call);

#define ngx_http_mcp_stage_literal(call, s)                                   \
    ngx_http_mcp_relay_out(call, (u_char *) s, sizeof(s) - 1)


#endif /* _NGX_HTTP_MCP_RELAY_H_INCLUDED_ */
