
/* The store: what reads the spool for it, and what speaks to Postgres. */


#ifndef _NGX_HTTP_MCP_AUDIT_STORE_H_INCLUDED_
#define _NGX_HTTP_MCP_AUDIT_STORE_H_INCLUDED_


#include "ngx_http_mcp_audit.h"


#define NGX_HTTP_MCP_STORE_COLUMNS  31   /* arrays of append() */
#define NGX_HTTP_MCP_STORE_SCALARS  5    /* what it takes before them */
#define NGX_HTTP_MCP_STORE_PARAMS                                             \
    (NGX_HTTP_MCP_STORE_SCALARS + NGX_HTTP_MCP_STORE_COLUMNS)


/* A call, as far as the lines of one batch know it. */

typedef struct {
    mcp_record_t                 rec;
    int64_t                      ms;         /* of the id */
    int64_t                      began;      /* us; -1: not known */
    int64_t                      ended;
    int64_t                      intent_seq;
    int64_t                      outcome_seq;
    mcp_str_t                    intent;     /* lines; empty: none */
    mcp_str_t                    outcome;
} ngx_http_mcp_store_row_t;


/* What is read from one segment, and sent together. */

typedef struct {
    ngx_pool_t                  *pool;
    mcp_arena_t                  arena;
    ngx_http_mcp_store_row_t    *row;
    ngx_uint_t                   rows;
    ngx_array_t                  damaged;    /* mcp_str_t: no records */

    mcp_str_t                    node;
    mcp_str_t                    chain;
    uint64_t                     seq;        /* of the last line */
    u_char                       hash[MCP_RECORD_HEX];
    off_t                        next;       /* where the next one begins */
    unsigned                     final:1;    /* the chain ends here */
    unsigned                     head:1;     /* a whole head was read */
} ngx_http_mcp_store_batch_t;


/* The parameters of append(), for PQsendQueryParams(). */

typedef struct {
    const char                  *value[NGX_HTTP_MCP_STORE_PARAMS];
    int                          len[NGX_HTTP_MCP_STORE_PARAMS];
    int                          format[NGX_HTTP_MCP_STORE_PARAMS];
    unsigned int                 type[NGX_HTTP_MCP_STORE_PARAMS];
} ngx_http_mcp_store_params_t;


/*
 * ngx_http_mcp_audit_batch.c: reads from "from" on.  NULL: not now.  A batch
 * without rows may still move on (control lines).  complete: nothing will be
 * added to the segment.
 */

ngx_http_mcp_store_batch_t *ngx_http_mcp_store_read(
    ngx_http_mcp_audit_main_conf_t *amcf, ngx_http_mcp_audit_segment_t *seg,
    ngx_uint_t complete);

/* Rows [from, to); memory is the pool's.  NGX_OK, NGX_ERROR. */

ngx_int_t ngx_http_mcp_store_params(ngx_http_mcp_store_batch_t *b,
    ngx_uint_t from, ngx_uint_t to, ngx_pool_t *pool,
    ngx_http_mcp_store_params_t *params);


/* ngx_http_mcp_audit_store.c */

void ngx_http_mcp_store_start(ngx_http_mcp_audit_main_conf_t *amcf,
    ngx_cycle_t *cycle);

/* There may be something to send; segments are the manager's. */

void ngx_http_mcp_store_kick(ngx_array_t *segments);
char *ngx_http_mcp_store_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);


#endif /* _NGX_HTTP_MCP_AUDIT_STORE_H_INCLUDED_ */
