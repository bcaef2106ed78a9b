
/* The store: what reads the spool for it, and what speaks to Postgres. */


#ifndef _NGX_HTTP_MCP_AUDIT_STORE_H_INCLUDED_
#define _NGX_HTTP_MCP_AUDIT_STORE_H_INCLUDED_


#include "ngx_http_mcp_audit.h"

#include <libpq-fe.h>


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


/* --- the store ----------------------------------------------------------- */


#define NGX_HTTP_MCP_STORE_ANSWER   10000    /* ms for an answer */
#define NGX_HTTP_MCP_STORE_RETRY    250
#define NGX_HTTP_MCP_STORE_MAINTAIN 3600000  /* ms */
#define NGX_HTTP_MCP_STORE_QUIET    2000     /* ms without a byte */
#define NGX_HTTP_MCP_STORE_RANGES   16       /* halves of halves of a batch */


typedef struct {
    ngx_uint_t                   from;
    ngx_uint_t                   to;
} ngx_http_mcp_range_t;


typedef struct ngx_http_mcp_store_s  ngx_http_mcp_store_t;
typedef struct ngx_http_mcp_resolve_s  ngx_http_mcp_resolve_t;

struct ngx_http_mcp_store_s {
    ngx_http_mcp_audit_main_conf_t  *amcf;
    ngx_array_t                 *segments;   /* the manager's */

    PGconn                      *conn;
    ngx_connection_t            *c;          /* of its socket */
    PGresult                    *result;     /* the first that is an error, or
                                                the last */
    void                       (*done)(ngx_http_mcp_store_t *s);
    ngx_event_t                  timer;      /* for an answer, or to connect */
    ngx_msec_t                   backoff;
    ngx_msec_t                   maintained; /* 0: not yet */
    ngx_uint_t                   version;

    /* what is being sent */
    ngx_http_mcp_store_batch_t  *batch;
    u_char                       name[NGX_HTTP_MCP_AUDIT_NAME];
    ngx_http_mcp_range_t         range[NGX_HTTP_MCP_STORE_RANGES];
    ngx_uint_t                   ranges;
    ngx_uint_t                   turn;       /* segments take turns */

    ngx_http_mcp_resolve_t      *resolve;    /* a look-up under way */
    ngx_msec_t                   looked;
    ngx_uint_t                   tries;      /* each of its addresses in turn */

    unsigned                     connecting:1;
    unsigned                     ready:1;    /* idle, all is set up */
    unsigned                     writing:1;  /* write events are wanted */
};


/*
 * ngx_http_mcp_audit_pg.c: connects, and goes on with ..._setup().  A query's
 * done() finds what came of it in s->result, unless the connection failed.
 */

void ngx_http_mcp_store_connect(ngx_http_mcp_store_t *s);
void ngx_http_mcp_store_timer(ngx_event_t *ev);
void ngx_http_mcp_store_query(ngx_http_mcp_store_t *s, const char *sql,
    void (*done)(ngx_http_mcp_store_t *s), ngx_msec_t time);
void ngx_http_mcp_store_sent(ngx_http_mcp_store_t *s, ngx_int_t ok,
    void (*done)(ngx_http_mcp_store_t *s), ngx_msec_t time);

/*
 * ngx_http_mcp_audit_resolve.c: addresses of a host, by a thread, since the
 * system's resolver waits.  NULL: there can be none.
 */

ngx_http_mcp_resolve_t *ngx_http_mcp_resolve_start(const char *host);

/* NGX_AGAIN; NGX_ERROR; NGX_OK: the n-th address, counted around. */

ngx_int_t ngx_http_mcp_resolve_result(ngx_http_mcp_resolve_t *r, ngx_uint_t n,
    const char **address);
void ngx_http_mcp_resolve_free(ngx_http_mcp_resolve_t *r);

/* Gives up the connection, and tries again later. */

void ngx_http_mcp_store_fail(ngx_http_mcp_store_t *s, const char *what);
ngx_int_t ngx_http_mcp_store_ok(ngx_http_mcp_store_t *s, const char *what);
ngx_int_t ngx_http_mcp_store_value(ngx_http_mcp_store_t *s);

/* ngx_http_mcp_audit_schema.c: both go on with ..._next() */

void ngx_http_mcp_store_setup(ngx_http_mcp_store_t *s);
void ngx_http_mcp_store_maintain(ngx_http_mcp_store_t *s);
ngx_uint_t ngx_http_mcp_store_overdue(ngx_http_mcp_store_t *s);

/* ngx_http_mcp_audit_store.c: sends what there is, if there is something */

void ngx_http_mcp_store_next(ngx_http_mcp_store_t *s);

void ngx_http_mcp_store_start(ngx_http_mcp_audit_main_conf_t *amcf,
    ngx_cycle_t *cycle);

/* There may be something to send; segments are the manager's. */

void ngx_http_mcp_store_kick(ngx_array_t *segments);

/* ngx_http_mcp_audit_dsn.c */

char *ngx_http_mcp_store_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);


#endif /* _NGX_HTTP_MCP_AUDIT_STORE_H_INCLUDED_ */
