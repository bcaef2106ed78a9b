
/*
 * The streams that this worker has open, and a clock for them: while there
 * are any, it looks once a second what became of each.
 */


#include "ngx_http_mcp_listen.h"
#include "ngx_http_mcp_limit.h"
#include "sip.h"


#define NGX_HTTP_MCP_STREAMS_BUCKETS  1024
#define NGX_HTTP_MCP_STREAMS_TICK     1000   /* ms */
#define NGX_HTTP_MCP_STREAMS_RETRY    30000  /* ms; what one too many is told */

/* What may be done in one turn of the event loop, in idle streams. */

#define NGX_HTTP_MCP_STREAMS_TURN     1024
#define NGX_HTTP_MCP_STREAMS_WORK     16     /* one that is not idle */


static ngx_http_mcp_stream_t *ngx_http_mcp_streams_newest(
    ngx_http_mcp_stream_t *st);
static void ngx_http_mcp_streams_clock(ngx_event_t *ev);
static ngx_uint_t ngx_http_mcp_streams_look(ngx_http_mcp_stream_t *st);
static ngx_uint_t ngx_http_mcp_streams_over(ngx_http_mcp_call_t *call);
static void ngx_http_mcp_streams_compare(ngx_http_mcp_stream_t *st);


static ngx_queue_t   ngx_http_mcp_streams;
static ngx_queue_t   ngx_http_mcp_streams_bucket[NGX_HTTP_MCP_STREAMS_BUCKETS];
static ngx_uint_t    ngx_http_mcp_nstreams;
static ngx_event_t   ngx_http_mcp_streams_timer;

/* A round of the clock looks at every stream once. */

static ngx_uint_t    ngx_http_mcp_streams_round;
static ngx_uint_t    ngx_http_mcp_streams_whole;     /* the round is over */

/* Changes with what any list depends on: these two, as they were last. */

static ngx_uint_t    ngx_http_mcp_streams_change;
static ngx_uint_t    ngx_http_mcp_streams_generation;
static ngx_uint_t    ngx_http_mcp_streams_switched;


static void
ngx_http_mcp_streams_init(void)
{
    ngx_uint_t  i;

    ngx_queue_init(&ngx_http_mcp_streams);

    for (i = 0; i < NGX_HTTP_MCP_STREAMS_BUCKETS; i++) {
        ngx_queue_init(&ngx_http_mcp_streams_bucket[i]);
    }

    ngx_http_mcp_streams_whole = 1;

    /*
     * Not cancelable: a worker that has to go must end its streams before,
     * and the clock stops with the last of them.
     */

    ngx_http_mcp_streams_timer.handler = ngx_http_mcp_streams_clock;
    ngx_http_mcp_streams_timer.log = ngx_cycle->log;
}


static ngx_queue_t *
ngx_http_mcp_streams_chain(uint64_t who)
{
    return &ngx_http_mcp_streams_bucket[who % NGX_HTTP_MCP_STREAMS_BUCKETS];
}


/* A client by name or, where there is none, by address. */

static ngx_int_t
ngx_http_mcp_streams_who(ngx_http_mcp_call_t *call, uint64_t *who)
{
    u_char                     text[1 + MCP_IDENTITY_HASH];
    size_t                     len;
    ngx_str_t                  addr;
    ngx_http_mcp_main_conf_t  *mmcf;

    mmcf = ngx_http_get_module_main_conf(call->request, ngx_http_mcp_module);

    if (call->client.len != 0) {
        text[0] = 'c';
        len = MCP_IDENTITY_HASH;

        if (ngx_http_mcp_identity_hash(call, text + 1) != NGX_OK) {
            return NGX_ERROR;
        }

    } else {
        text[0] = 'a';
        addr = ngx_http_mcp_limit_addr(call->request->connection);
        len = ngx_min(addr.len, MCP_IDENTITY_HASH);
        ngx_memcpy(text + 1, addr.data, len);
    }

    *who = mcp_sip(mmcf->sh->limit_key, text, 1 + len);

    return NGX_OK;
}


ngx_int_t
ngx_http_mcp_streams_admit(ngx_http_mcp_call_t *call, uint64_t *who,
    mcp_fault_t *fault)
{
    ngx_uint_t                   n, max;
    ngx_queue_t                 *q, *chain;
    ngx_http_mcp_stream_t       *st;
    ngx_http_mcp_listen_conf_t  *lscf;

    if (ngx_http_mcp_streams.next == NULL) {
        ngx_http_mcp_streams_init();
    }

    if (ngx_http_mcp_streams_who(call, who) != NGX_OK) {
        return NGX_ERROR;
    }

    lscf = ngx_http_get_module_loc_conf(call->request,
                                        ngx_http_mcp_listen_module);

    max = lscf->max ? lscf->max : ngx_cycle->connection_n / 2;

    if (ngx_http_mcp_nstreams >= max) {
        fault->code = MCP_E_UNAVAILABLE;
        fault->status = NGX_HTTP_SERVICE_UNAVAILABLE;
        mcp_str_set(&fault->message, "the gateway has as many streams of "
                    "notifications open as it may; try again later, and read "
                    "the lists anew meanwhile");
        call->outcome = NGX_HTTP_MCP_UNAVAILABLE;
        goto refused;
    }

    n = 0;
    chain = ngx_http_mcp_streams_chain(*who);

    for (q = ngx_queue_head(chain);
         q != ngx_queue_sentinel(chain);
         q = ngx_queue_next(q))
    {
        st = ngx_queue_data(q, ngx_http_mcp_stream_t, chain);
        n += (st->who == *who);
    }

    if (n < lscf->client) {
        return NGX_OK;
    }

    fault->code = NGX_HTTP_TOO_MANY_REQUESTS;
    fault->status = NGX_HTTP_TOO_MANY_REQUESTS;
    mcp_str_set(&fault->message, "this client has as many streams of "
                "notifications open as it may; close one that is not needed");
    call->outcome = NGX_HTTP_MCP_LIMITED;

refused:

    /* as other errors of JSON-RPC: see mcp_limit_status */

    if (call->era == MCP_ERA_MODERN) {
        fault->status = NGX_HTTP_OK;
    }

    return ngx_http_mcp_retry_after(call, fault, NGX_HTTP_MCP_STREAMS_RETRY)
           == NGX_OK ? NGX_DECLINED : NGX_ERROR;
}


void
ngx_http_mcp_streams_add(ngx_http_mcp_stream_t *st)
{
    st->linked = 1;
    st->round = ngx_http_mcp_streams_round;
    st->change = ngx_http_mcp_streams_change;

    ngx_queue_insert_tail(&ngx_http_mcp_streams, &st->queue);
    ngx_queue_insert_head(ngx_http_mcp_streams_chain(st->who), &st->chain);
    ngx_http_mcp_nstreams++;

    if (!ngx_http_mcp_streams_timer.timer_set) {
        ngx_http_mcp_streams_timer.data =
            ngx_http_get_module_main_conf(st->call->request,
                                          ngx_http_mcp_module);
        ngx_add_timer(&ngx_http_mcp_streams_timer, NGX_HTTP_MCP_STREAMS_TICK);
    }
}


void
ngx_http_mcp_streams_remove(ngx_http_mcp_stream_t *st)
{
    if (!st->linked) {
        return;
    }

    st->linked = 0;

    ngx_queue_remove(&st->queue);
    ngx_queue_remove(&st->chain);
    ngx_http_mcp_nstreams--;

    if (ngx_http_mcp_nstreams == 0 && ngx_http_mcp_streams_timer.timer_set) {
        ngx_del_timer(&ngx_http_mcp_streams_timer);
        ngx_http_mcp_streams_whole = 1;
    }
}


/*
 * A message goes to one stream of a session only (MCP 2025-11-25, "Multiple
 * Connections"): the newest, since an older one may have been lost on the way
 * without this side having heard of it.
 */

static ngx_http_mcp_stream_t *
ngx_http_mcp_streams_newest(ngx_http_mcp_stream_t *st)
{
    ngx_queue_t            *q, *chain;
    ngx_http_mcp_stream_t  *other;

    if (st->id.len != 0) {
        return st;
    }

    chain = ngx_http_mcp_streams_chain(st->who);

    for (q = ngx_queue_head(chain);
         q != ngx_queue_sentinel(chain);
         q = ngx_queue_next(q))
    {
        other = ngx_queue_data(q, ngx_http_mcp_stream_t, chain);

        if (other->id.len == 0
            && ngx_memcmp(other->call->session.uid, st->call->session.uid,
                          MCP_SESSION_UID)
               == 0)
        {
            return other;
        }
    }

    return st;
}


/* --- the clock ----------------------------------------------------------- */


static void
ngx_http_mcp_streams_clock(ngx_event_t *ev)
{
    ngx_uint_t                 n;
    ngx_queue_t               *q;
    ngx_http_mcp_stream_t     *st;
    ngx_http_mcp_main_conf_t  *mmcf;

    mmcf = ev->data;

    if (ngx_http_mcp_streams_whole) {
        ngx_http_mcp_streams_whole = 0;
        ngx_http_mcp_streams_round++;

        if (mmcf->catalog->generation != ngx_http_mcp_streams_generation
            || mmcf->sh->switched != ngx_http_mcp_streams_switched)
        {
            ngx_http_mcp_streams_generation = mmcf->catalog->generation;
            ngx_http_mcp_streams_switched = mmcf->sh->switched;
            ngx_http_mcp_streams_change++;
        }
    }

    n = 0;

    while (ngx_http_mcp_nstreams) {

        q = ngx_queue_head(&ngx_http_mcp_streams);
        st = ngx_queue_data(q, ngx_http_mcp_stream_t, queue);

        if (st->round == ngx_http_mcp_streams_round) {
            ngx_http_mcp_streams_whole = 1;
            break;
        }

        if (n >= NGX_HTTP_MCP_STREAMS_TURN) {
            break;
        }

        ngx_queue_remove(q);
        ngx_queue_insert_tail(&ngx_http_mcp_streams, q);
        st->round = ngx_http_mcp_streams_round;

        n += ngx_http_mcp_streams_look(st) ? NGX_HTTP_MCP_STREAMS_WORK : 1;
    }

    if (ngx_http_mcp_nstreams) {
        ngx_add_timer(ev, ngx_http_mcp_streams_whole
                          ? NGX_HTTP_MCP_STREAMS_TICK : 1);
        return;
    }

    ngx_http_mcp_streams_whole = 1;
}


/* The stream may be gone when this returns; not 0: there was work to do. */

static ngx_uint_t
ngx_http_mcp_streams_look(ngx_http_mcp_stream_t *st)
{
    ngx_uint_t                   busy;
    ngx_connection_t            *c;
    ngx_http_mcp_call_t         *call;
    ngx_http_mcp_listen_conf_t  *lscf;

    call = st->call;
    c = call->request->connection;

    ngx_http_set_log_request(c->log, call->request);

    if (ngx_exiting || ngx_http_mcp_streams_over(call)) {
        ngx_http_mcp_stream_end(st);
        ngx_http_run_posted_requests(c);
        return 1;
    }

    busy = (st->change != ngx_http_mcp_streams_change);

    if (busy) {
        ngx_http_mcp_streams_compare(st);
    }

    lscf = ngx_http_get_module_loc_conf(call->request,
                                        ngx_http_mcp_listen_module);

    if (st->pending) {
        ngx_http_mcp_stream_notify(st);
        ngx_http_run_posted_requests(c);

    } else if (ngx_current_msec - st->said >= lscf->keepalive) {
        ngx_http_mcp_stream_keepalive(st);
        ngx_http_run_posted_requests(c);
        busy = 1;
    }

    return busy;
}


/* Whether who opened the stream could no longer open it. */

static ngx_uint_t
ngx_http_mcp_streams_over(ngx_http_mcp_call_t *call)
{
    ngx_http_mcp_main_conf_t  *mmcf;

    if (!ngx_http_mcp_auth_alive(call->request)) {
        return 1;
    }

    if (!call->has_session) {
        return 0;
    }

    mmcf = ngx_http_get_module_main_conf(call->request, ngx_http_mcp_module);

    return ngx_http_mcp_session_over(mmcf, &call->session);
}


static void
ngx_http_mcp_streams_compare(ngx_http_mcp_stream_t *st)
{
    uint64_t    digest[MCP_LISTEN_KINDS];
    ngx_uint_t  i;

    if (ngx_http_mcp_stream_digest(st, digest) != NGX_OK) {
        return;
    }

    st->change = ngx_http_mcp_streams_change;

    for (i = 0; i < MCP_LISTEN_KINDS; i++) {

        if (digest[i] == st->digest[i]) {
            continue;
        }

        st->digest[i] = digest[i];

        if (ngx_http_mcp_streams_newest(st) == st) {
            st->pending |= (1u << i) & st->kinds;
        }
    }
}
