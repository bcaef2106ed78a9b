
/*
 * The audit trail: what its files share.  Lines go to a spool, a directory of
 * segments.  Each worker appends to a segment of its own, which it keeps
 * locked; so the manager knows by the lock whose writer has died, and ends
 * what that left open.
 */


#ifndef _NGX_HTTP_MCP_AUDIT_H_INCLUDED_
#define _NGX_HTTP_MCP_AUDIT_H_INCLUDED_


#include "ngx_http_mcp.h"
#include "record.h"


typedef enum {
    NGX_HTTP_MCP_AUDIT_OFF = 0,
    NGX_HTTP_MCP_AUDIT_ON,               /* tools/call */
    NGX_HTTP_MCP_AUDIT_ALL
} ngx_http_mcp_audit_e;


typedef enum {
    NGX_HTTP_MCP_AUDIT_NEW = 0,
    NGX_HTTP_MCP_AUDIT_INTENT,           /* the intent will be written */
    NGX_HTTP_MCP_AUDIT_OPEN,             /* ... is written */
    NGX_HTTP_MCP_AUDIT_FAILED,           /* ... could not be */
    NGX_HTTP_MCP_AUDIT_OUTCOME,          /* the outcome will be written */
    NGX_HTTP_MCP_AUDIT_CLOSED,           /* ... is, or waits for room */
    NGX_HTTP_MCP_AUDIT_DROPPED           /* not recorded: full=drop */
} ngx_http_mcp_audit_state_e;


/* Of one call; in its arena. */

struct ngx_http_mcp_audit_call_s {
    ngx_queue_t                  open;       /* of calls without an outcome */
    ngx_queue_t                  wait;       /* ... that wait for their line */
    ngx_http_mcp_call_t         *call;
    ngx_http_mcp_audit_state_e   state;
    ngx_uint_t                   entry;      /* of the batch, from 1; 0: none */
    int64_t                      before;     /* us until the intent */
    int64_t                      began;      /* us, monotonic; then */
    int64_t                      time;       /* ... by the wall clock */
    unsigned                     held:1;     /* to be resumed */
    unsigned                     unsynced:1; /* fsync() of its intent failed */
    unsigned                     in_open:1;
    unsigned                     in_wait:1;
};


typedef struct {
    ngx_path_t                  *path;       /* NULL: no spool */
    ngx_core_conf_t             *ccf;        /* says who workers are */
    off_t                        size;
    off_t                        segment;
    time_t                       rotate;
    ngx_uint_t                   drop;       /* full=drop */
    ngx_uint_t                   sync;       /* sync=group */
    ngx_open_file_t             *reopen;
    mcp_redact_t                 redact;
    ngx_uint_t                   redact_set;
    time_t                       retention;  /* s; 0: for ever */
    ngx_str_t                    node;
    char                        *dsn;        /* of the store; NULL: none */
    char                        *passfile;   /* its password's; or NULL */
    char                        *host;       /* a name to look up; or NULL */
#if (NGX_THREADS)
    ngx_thread_pool_t           *threads;
#endif
    ngx_http_mcp_main_conf_t    *mmcf;

    u_char                      *file;       /* of mcp_audit, for messages */
    ngx_uint_t                   line;
} ngx_http_mcp_audit_main_conf_t;


typedef struct {
    ngx_uint_t                   audit;      /* ngx_http_mcp_audit_e */
} ngx_http_mcp_audit_loc_conf_t;


extern ngx_module_t  ngx_http_mcp_audit_module;


/* ngx_http_mcp_audit_call.c: the handler of the log phase */

ngx_int_t ngx_http_mcp_audit_log(ngx_http_request_t *r);


/* --- ngx_http_mcp_audit_spool.c: a worker's segment ---------------------- */


/*
 * Puts a line into the batch of this turn of the event loop.  NGX_OK;
 * NGX_DECLINED: there is no room; NGX_ERROR: no memory.
 */

ngx_int_t ngx_http_mcp_audit_append(ngx_http_mcp_audit_main_conf_t *amcf,
    mcp_record_t *rec, ngx_http_mcp_audit_call_t *a);

/* The call ends: nothing may point to it. */

void ngx_http_mcp_audit_forget(ngx_http_mcp_audit_call_t *a);

/* Goes on with a call after its intent or outcome; ..._call.c */

void ngx_http_mcp_audit_resume(ngx_http_mcp_audit_call_t *a);

/* Begins a new segment with the next line. */

void ngx_http_mcp_audit_reopen(ngx_open_file_t *file, ngx_log_t *log);

/* The process ends. */

void ngx_http_mcp_audit_close(ngx_cycle_t *cycle);

int64_t ngx_http_mcp_audit_clock(clockid_t clock);

/* The wall clock at a moment of the monotonic one, which is now. */

int64_t ngx_http_mcp_audit_time(int64_t monotonic);

/* Notes what went wrong, for mcp_ready; logs it every 10 seconds. */

void ngx_http_mcp_audit_complain(ngx_http_mcp_audit_main_conf_t *amcf,
    ngx_err_t err, const char *what, u_char *name);


/* --- ngx_http_mcp_audit_manager.c ---------------------------------------- */


#define NGX_HTTP_MCP_AUDIT_SUFFIX  ".jsonl"
#define NGX_HTTP_MCP_AUDIT_NAME    96    /* bytes of a segment's name */


/* A segment in the directory. */

typedef struct {
    u_char                       name[NGX_HTTP_MCP_AUDIT_NAME];
    size_t                       chain;      /* bytes of it, in the name */
    ngx_uint_t                   number;
    off_t                        size;
    off_t                        sent;       /* to the store */
    off_t                        flushed;    /* on its way to the disk */
    off_t                        flushed_before;
    off_t                        clean;      /* is there by now */
    off_t                        uncached;   /* no longer in the page cache */
    ngx_msec_t                   turned;     /* when these were moved on */
    time_t                       since;      /* when there was no more to be
                                                sent; 0: there is not */
    ngx_uint_t                   open;       /* calls of the head to be read */
    u_char                       node[256];
    size_t                       node_len;
    time_t                       mtime;
    ngx_msec_t                   grown;      /* when it was seen to */
    unsigned                     last:1;     /* of its chain */
    unsigned                     final:1;    /* its chain has ended */
    unsigned                     head:1;     /* whole, and sent */
    unsigned                     tail:1;     /* ... the chain's */
} ngx_http_mcp_audit_segment_t;


/*
 * The time, as if nobody had set the clock since this manager began: what is
 * old is removed for good.
 */

time_t ngx_http_mcp_audit_steady(void);

/* ngx_http_mcp_audit_sweep.c: ends the chain if its process is no more */

void ngx_http_mcp_audit_sweep(ngx_http_mcp_audit_main_conf_t *amcf,
    ngx_http_mcp_audit_segment_t *seg);


/*
 * ngx_http_mcp_audit_cache.c: what is written and not read soon need not stay
 * in the page cache.  To be called for each segment, time and again; of the
 * budget in bytes it takes what it has done.
 */

void ngx_http_mcp_audit_uncache(ngx_http_mcp_audit_main_conf_t *amcf,
    ngx_http_mcp_audit_segment_t *seg, off_t *budget);


/* --- what the files of the spool share ----------------------------------- */


typedef struct {
    size_t                       start;      /* of the line in the batch */
    size_t                       body;       /* where the chain's part begins */
    size_t                       end;
    mcp_record_e                 kind;
    ngx_uint_t                   intent;     /* of an outcome: the entry, from
                                                1, if it is in this batch */
    ngx_http_mcp_audit_call_t   *a;          /* NULL: the call is gone */
    u_char                       id[MCP_RECORD_ID];
} ngx_http_mcp_audit_entry_t;


typedef struct {
    ngx_http_mcp_audit_main_conf_t  *amcf;

    ngx_fd_t                     fd;
    u_char                      *path;
    size_t                       dir;        /* bytes of the folder in path */
    off_t                        size;
    off_t                        head;
    time_t                       opened;
    time_t                       checked;
    time_t                       tried;
    ngx_uint_t                   segment;

    u_char                       name[MCP_RECORD_CHAIN];
    mcp_chain_t                  chain;      /* with the batch */
    mcp_chain_t                  written;    /* without */

    u_char                      *buf;
    size_t                       len;
    size_t                       room;
    ngx_http_mcp_audit_entry_t  *entries;
    ngx_uint_t                   nentries;
    ngx_uint_t                   nalloc;

    ngx_queue_t                  open;       /* by ..._call_t.open */
    ngx_uint_t                   nopen;
    off_t                        reserved;   /* of the segment: the disk has
                                                room up to here */
    ngx_queue_t                  ready;      /* by ..._call_t.wait */
    ngx_event_t                  flush;
    ngx_event_t                  retry;

#if (NGX_THREADS)
    ngx_queue_t                  unsynced;
    ngx_queue_t                  syncing;
    ngx_thread_task_t           *task;
#endif

    unsigned                     deferred:1;
    unsigned                     reopen:1;
    unsigned                     in_sync:1;
    unsigned                     fresh:1;    /* the folder is not synced */
    unsigned                     distrust:1; /* fsync() failed */
} ngx_http_mcp_audit_spool_t;


/* ngx_http_mcp_audit_segment.c: the segment can take the batch */

ngx_int_t ngx_http_mcp_audit_prepare(ngx_http_mcp_audit_spool_t *s);

/* ... and there is room for it, and for the outcomes of all open calls */

ngx_int_t ngx_http_mcp_audit_reserve(ngx_http_mcp_audit_spool_t *s,
    ngx_fd_t fd, off_t size);
void ngx_http_mcp_audit_release(ngx_fd_t fd);
void ngx_http_mcp_audit_tail(ngx_http_mcp_audit_spool_t *s, ngx_uint_t final);

/* As many of the bytes as can be written; errno says why not all. */

ssize_t ngx_http_mcp_audit_put(ngx_fd_t fd, u_char *p, size_t len);
void ngx_http_mcp_audit_close_fd(ngx_http_mcp_audit_spool_t *s);

/* ngx_http_mcp_audit_sync.c: syncs for those who wait in s->unsynced */

#if (NGX_THREADS)
void ngx_http_mcp_audit_sync(ngx_http_mcp_audit_spool_t *s);
#endif

/* ngx_http_mcp_audit_spool.c */

void ngx_http_mcp_audit_resume_all(ngx_queue_t *queue);
void *ngx_http_mcp_audit_no_memory(mcp_arena_t *arena, size_t size);


#endif /* _NGX_HTTP_MCP_AUDIT_H_INCLUDED_ */
