
/*
 * Policy: roles in nginx.conf, and what callers may see and call.
 *
 * What the roles of a caller may see of a view is a view itself, made once for
 * every set of roles, so lists and calls, and all others who look something
 * up, have one answer.
 */


#ifndef _NGX_HTTP_MCP_POLICY_H_INCLUDED_
#define _NGX_HTTP_MCP_POLICY_H_INCLUDED_


#include "ngx_http_mcp.h"


typedef struct {
    mcp_arena_t                  arena;
    mcp_policy_t                *policy;
    ngx_array_t                  tests;      /* ngx_http_mcp_policy_test_t */
} ngx_http_mcp_policy_main_conf_t;


typedef struct {
    ngx_flag_t                   enabled;    /* unset: if there is a role */
} ngx_http_mcp_policy_conf_t;


extern ngx_module_t  ngx_http_mcp_policy_module;


/* Whether callers of a location see but what their roles allow. */

ngx_uint_t ngx_http_mcp_policy_on(ngx_http_mcp_policy_main_conf_t *pmcf,
    ngx_http_mcp_policy_conf_t *plcf);


/*
 * The part of a view of that snapshot that the request's caller may see; it
 * stays until the pool of the request is destroyed.  The view itself where
 * there is no policy.  NULL: no memory.
 */

mcp_view_t *ngx_http_mcp_policy_view(ngx_http_request_t *r,
    ngx_http_mcp_snapshot_t *snap, mcp_view_t *view);


/* The same, for one who is done before it returns. */

mcp_view_t *ngx_http_mcp_policy_view_now(ngx_http_mcp_call_t *call,
    ngx_http_mcp_snapshot_t *snap, mcp_view_t *view);


/* The snapshot is about to go, and no request uses it any more. */

void ngx_http_mcp_policy_release(ngx_http_mcp_snapshot_t *snap);


/* Whether arguments are as the roles want them. */

ngx_int_t ngx_http_mcp_policy_gate(ngx_http_mcp_call_t *call,
    mcp_fault_t *fault);


/*
 * Says which patterns fit nothing in the views of the snapshot, unless that
 * was said before.  The manager does.
 */

void ngx_http_mcp_policy_check(ngx_http_mcp_main_conf_t *mmcf,
    ngx_http_mcp_snapshot_t *snap, ngx_log_t *log);


/* ngx_http_mcp_policy_explain.c: the handler of mcp_policy_explain */

ngx_int_t ngx_http_mcp_policy_explain(ngx_http_request_t *r);


#endif /* _NGX_HTTP_MCP_POLICY_H_INCLUDED_ */
