
/*
 * Streams on which clients are told that a list has changed: opened by
 * subscriptions/listen or GET (ngx_http_mcp_listen.c), written to
 * (ngx_http_mcp_listen_write.c), and looked after by a clock of the worker
 * (ngx_http_mcp_streams.c).
 */


#ifndef _NGX_HTTP_MCP_LISTEN_H_INCLUDED_
#define _NGX_HTTP_MCP_LISTEN_H_INCLUDED_


#include "ngx_http_mcp.h"
#include "listen.h"


extern ngx_module_t  ngx_http_mcp_listen_module;


typedef struct {
    ngx_flag_t                   enabled;
    ngx_uint_t                   max;        /* of a worker; 0: half of its
                                                connections */
    ngx_uint_t                   client;     /* of a client and worker */
    ngx_msec_t                   keepalive;  /* of silence; then a comment */
} ngx_http_mcp_listen_conf_t;


typedef struct {
    ngx_queue_t                  queue;      /* of all; the one that was
                                                looked at last is last */
    ngx_queue_t                  chain;      /* in the bucket of "who" */
    ngx_http_mcp_call_t         *call;
    mcp_str_t                    id;         /* of the subscription; empty: a
                                                stream of GET */
    uint64_t                     who;        /* a hash of the client */
    ngx_uint_t                   round;      /* that it was looked at in */
    ngx_uint_t                   change;     /* of the lists, up to which it
                                                is told */
    uint64_t                     digest[MCP_LISTEN_KINDS];
    ngx_msec_t                   said;       /* when something was sent */
    ngx_buf_t                    buf;        /* of what is being sent */
    ngx_pool_t                  *text;       /* ... and its memory */

    unsigned                     kinds:3;    /* that it is for */
    unsigned                     pending:3;  /* that changed */
    unsigned                     acknowledged:1;
    unsigned                     linked:1;
    unsigned                     blocked:1;  /* not all of buf is sent */
} ngx_http_mcp_stream_t;


/* --- ngx_http_mcp_listen.c ----------------------------------------------- */


/* What the lists look like to the stream's client now. */

ngx_int_t ngx_http_mcp_stream_digest(ngx_http_mcp_stream_t *st,
    uint64_t *digest);


/* --- ngx_http_mcp_listen_write.c ----------------------------------------- */


/*
 * These may close the request; what was posted for its connection is then to
 * be run.  Nothing is written while the client does not read.
 */

void ngx_http_mcp_stream_notify(ngx_http_mcp_stream_t *st);
void ngx_http_mcp_stream_prime(ngx_http_mcp_stream_t *st);
void ngx_http_mcp_stream_keepalive(ngx_http_mcp_stream_t *st);
void ngx_http_mcp_stream_end(ngx_http_mcp_stream_t *st);

/* The write handler of its request, and what the end of that calls. */

void ngx_http_mcp_stream_writer(ngx_http_request_t *r);
void ngx_http_mcp_stream_cleanup(void *data);


/* --- ngx_http_mcp_streams.c ---------------------------------------------- */


/* NGX_OK; NGX_DECLINED: *fault says that there are too many; or NGX_ERROR. */

ngx_int_t ngx_http_mcp_streams_admit(ngx_http_mcp_call_t *call, uint64_t *who,
    mcp_fault_t *fault);
void ngx_http_mcp_streams_add(ngx_http_mcp_stream_t *st);
void ngx_http_mcp_streams_remove(ngx_http_mcp_stream_t *st);


#endif /* _NGX_HTTP_MCP_LISTEN_H_INCLUDED_ */
