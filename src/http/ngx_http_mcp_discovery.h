
/* What the files of discovery share: a run over one backend. */


#ifndef _NGX_HTTP_MCP_DISCOVERY_H_INCLUDED_
#define _NGX_HTTP_MCP_DISCOVERY_H_INCLUDED_


#include "ngx_http_mcp.h"


typedef struct {
    ngx_http_mcp_main_conf_t    *mmcf;
    ngx_http_mcp_backend_t      *backend;
    ngx_msec_t                   due;
    ngx_msec_t                   backoff;

    /* what is known, in a pool of its own */
    ngx_pool_t                  *pool;
    mcp_source_t                 source;

    /* the run under way */
    ngx_pool_t                  *run;
    mcp_arena_t                  arena;
    mcp_source_t                 next;
    mcp_buf_t                    list;
    ngx_uint_t                   current;    /* mcp_list_e */
    ngx_uint_t                   pages;
    mcp_str_t                    cursor;
    ngx_atomic_uint_t            session;    /* the peer's, when last used */

    unsigned                     running:1;
    unsigned                     settle:1;   /* look once more, soon */
    unsigned                     reopened:1;
    unsigned                     complained:1;
    unsigned                     oversize:1; /* its lists were left out */
} ngx_http_mcp_job_t;



/* Asks the backend: handler() gets the answer, with the job as f->data. */

void ngx_http_mcp_job_fetch(ngx_http_mcp_job_t *job, mcp_buf_t *body,
    ngx_str_t *headers, void (*handler)(ngx_http_mcp_fetch_t *f));

/* Opens the shared session with a legacy backend, then reads its lists. */

void ngx_http_mcp_open(ngx_http_mcp_job_t *job);

/* ngx_http_mcp_discovery_lists.c: reads them all, and ends the run */

void ngx_http_mcp_lists(ngx_http_mcp_job_t *job);

void ngx_http_mcp_run_done(ngx_http_mcp_job_t *job);
void ngx_http_mcp_run_failed(ngx_http_mcp_job_t *job, const char *error);


#endif /* _NGX_HTTP_MCP_DISCOVERY_H_INCLUDED_ */
