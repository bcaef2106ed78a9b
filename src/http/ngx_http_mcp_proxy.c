
/*
 * A call on its way to a backend: what is sent, and how the exchange ends.
 * What comes back while it lasts is in ngx_http_mcp_relay.c.
 */


#include "ngx_http_mcp.h"


static ngx_int_t ngx_http_mcp_proxy_body(ngx_http_mcp_call_t *call,
    ngx_http_mcp_exchange_t *x);
static ngx_int_t ngx_http_mcp_proxy_headers(ngx_http_mcp_call_t *call,
    ngx_http_mcp_exchange_t *x);
static ngx_int_t ngx_http_mcp_proxy_modern(ngx_http_mcp_call_t *call,
    mcp_buf_t *b);
static void ngx_http_mcp_proxy_done(ngx_http_mcp_exchange_t *x);
static ngx_uint_t ngx_http_mcp_proxy_renew(ngx_http_mcp_call_t *call);
static void ngx_http_mcp_proxy_cleanup(void *data);


void
ngx_http_mcp_proxy(ngx_http_mcp_call_t *call)
{
    mcp_fault_t           fault;
    ngx_http_request_t   *r;
    ngx_http_cleanup_t   *cln;

    r = call->request;

    if (call->era == MCP_ERA_MODERN) {

        switch (ngx_http_mcp_params_check(call, &fault)) {

        case NGX_OK:
            break;

        case NGX_DECLINED:
            ngx_http_mcp_send_fault(call, &fault);
            return;

        default:
            ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
            return;
        }

        call->log_level = (call->message.meta != 0
                           && mcp_json_get(&call->message.tape,
                                           call->message.meta,
                                           "io.modelcontextprotocol/logLevel")
                              != 0);
    }

    cln = ngx_http_cleanup_add(r, 0);
    if (cln == NULL) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    cln->handler = ngx_http_mcp_proxy_cleanup;
    cln->data = call;

    /*
     * For a modern client the end of its connection is the end of the call;
     * a legacy one that goes away has cancelled nothing.
     */

    if (call->era == MCP_ERA_MODERN) {
        r->read_event_handler = ngx_http_test_reading;

        if (r->connection->read->ready) {
            ngx_post_event(r->connection->read, &ngx_posted_events);

        } else if (ngx_handle_read_event(r->connection->read, 0) != NGX_OK) {
            ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
            return;
        }

    } else {
        r->read_event_handler = ngx_http_block_reading;
    }

    ngx_http_mcp_flight_add(call);

    r->write_event_handler = ngx_http_mcp_relay_write;
    call->began = ngx_current_msec;

    switch (ngx_http_mcp_proxy_start(call)) {

    case NGX_OK:
        return;

    case NGX_DECLINED:
        ngx_memzero(&fault, sizeof(mcp_fault_t));
        fault.code = MCP_E_PARAMS;
        fault.status = NGX_HTTP_OK;
        mcp_str_set(&fault.message, "too many members of params._meta are "
                    "named io.modelcontextprotocol/...");
        ngx_http_mcp_send_fault(call, &fault);
        return;

    default:
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
    }
}


ngx_int_t
ngx_http_mcp_proxy_start(ngx_http_mcp_call_t *call)
{
    ngx_int_t                  rc;
    ngx_http_request_t        *r;
    ngx_http_mcp_exchange_t   *x;
    ngx_http_mcp_main_conf_t  *mmcf;

    r = call->request;
    mmcf = ngx_http_get_module_main_conf(r, ngx_http_mcp_module);

    if (call->own != NULL) {
        call->upstream_session = ngx_http_mcp_str(&call->own->id);
        call->upstream_version = ngx_http_mcp_str(&call->own->version);

    } else if (call->backend_era == MCP_ERA_LEGACY
               && ngx_http_mcp_peer_session(mmcf, call->backend->peer, r->pool,
                                            &call->upstream_session,
                                            &call->upstream_version)
                  != NGX_OK)
    {
        return NGX_ERROR;
    }

    x = ngx_pcalloc(r->pool, sizeof(ngx_http_mcp_exchange_t));
    if (x == NULL) {
        return NGX_ERROR;
    }

    x->backend = call->backend;
    x->parent = r;
    x->data = call;
    x->header = ngx_http_mcp_relay_header;
    x->body_handler = ngx_http_mcp_relay_body;
    x->done = ngx_http_mcp_proxy_done;

    x->buffer = mcp_alloc(&call->arena,
                          call->backend->upstream.buffer_size);

    x->idempotent = ngx_http_mcp_retry_idempotent(call);

    rc = ngx_http_mcp_proxy_body(call, x);

    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_mcp_proxy_headers(call, x) != NGX_OK
        || ngx_http_mcp_relay_init(call) != NGX_OK)
    {
        return NGX_ERROR;
    }

    call->exchange = x;
    call->done = 0;

    return ngx_http_mcp_exchange_start(x);
}


/* --- the request to the backend ------------------------------------------ */


typedef struct {
    ngx_pool_t                  *pool;
    ngx_chain_t                 *first;
    ngx_chain_t                **last;
} ngx_http_mcp_spans_t;


static int
ngx_http_mcp_proxy_copy(void *data, const unsigned char *p, size_t len)
{
    u_char **last = data;

    *last = ngx_cpymem(*last, p, len);

    return MCP_OK;
}


static int
ngx_http_mcp_proxy_span(void *data, const unsigned char *p, size_t len)
{
    ngx_http_mcp_spans_t *spans = data;

    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    b = ngx_calloc_buf(spans->pool);
    cl = ngx_alloc_chain_link(spans->pool);

    if (b == NULL || cl == NULL) {
        return MCP_NOMEM;
    }

    /* nginx rewinds to start when it sends to a next server */

    b->start = (u_char *) p;
    b->pos = b->start;
    b->last = b->pos + len;
    b->end = b->last;
    b->memory = 1;

    cl->buf = b;
    cl->next = NULL;

    *spans->last = cl;
    spans->last = &cl->next;

    return MCP_OK;
}


static ngx_int_t
ngx_http_mcp_proxy_body(ngx_http_mcp_call_t *call, ngx_http_mcp_exchange_t *x)
{
    u_char                    *p, *last;
    mcp_edits_t                edits;
    mcp_forward_t              fw;
    const mcp_message_t       *m;
    ngx_http_mcp_spans_t       spans;
    ngx_http_mcp_main_conf_t  *mmcf;

    mmcf = ngx_http_get_module_main_conf(call->request, ngx_http_mcp_module);
    m = &call->message;

    /* of one session with a backend, the ids of all clients are these */

    p = ngx_pnalloc(call->request->pool, NGX_ATOMIC_T_LEN + 2);
    if (p == NULL) {
        return NGX_ERROR;
    }

    call->relay_conf.id.data = p + 1;
    call->relay_conf.id.len = ngx_http_mcp_uint(p + 1,
                                ngx_atomic_fetch_add(&mmcf->sh->next_id, 1))
                              - (p + 1);

    ngx_memzero(&fw, sizeof(mcp_forward_t));

    fw.id = call->relay_conf.id;
    fw.client = call->era;
    fw.backend = call->backend_era;
    fw.version = call->source->version;
    fw.client_info = call->session.client_info;
    fw.state = call->request_state;

    if (call->item != NULL
        && call->item->native.len != call->item->exposed.len)
    {
        fw.name = call->item->native;
    }

    if (m->progress_token != 0) {

        /* as unique as the id, and of the client's type */

        call->relay_conf.token = call->relay_conf.id;

        if (m->tape.node[m->progress_token].type == MCP_JSON_STRING) {
            p[0] = '"';
            p[call->relay_conf.id.len + 1] = '"';
            call->relay_conf.token.data = p;
            call->relay_conf.token.len = call->relay_conf.id.len + 2;
        }

        call->relay_conf.client_token = mcp_json_raw(&m->tape,
                                                     m->progress_token);
        fw.token = call->relay_conf.token;
    }

    switch (mcp_forward(m, &fw, &call->arena, &edits)) {

    case MCP_OK:
        break;

    case MCP_ERROR:
        return NGX_DECLINED;

    default:
        return NGX_ERROR;
    }

    spans.pool = call->request->pool;
    spans.first = NULL;
    spans.last = &spans.first;

    /* a small body is sent in one piece with the header anyway */

    if (edits.len <= NGX_HTTP_MCP_SMALL) {

        p = mcp_alloc(&call->arena, edits.len);
        if (p == NULL) {
            return NGX_ERROR;
        }

        last = p;

        if (mcp_edits_spans(&edits, m->tape.text, m->tape.len,
                            ngx_http_mcp_proxy_copy, &last)
            != MCP_OK
            || ngx_http_mcp_proxy_span(&spans, p, last - p) != MCP_OK)
        {
            return NGX_ERROR;
        }

    } else if (mcp_edits_spans(&edits, m->tape.text, m->tape.len,
                               ngx_http_mcp_proxy_span, &spans)
               != MCP_OK)
    {
        return NGX_ERROR;
    }

    x->body = spans.first;
    x->body_len = edits.len;

    return NGX_OK;
}


void
ngx_http_mcp_proxy_line(mcp_buf_t *b, const char *name, size_t len,
    const mcp_str_t *value)
{
    mcp_buf_append(b, name, len);
    mcp_buf_literal(b, ": ");
    mcp_buf_str(b, value);
    mcp_buf_literal(b, CRLF);
}

#define ngx_http_mcp_line(b, name, value)                                     \
    ngx_http_mcp_proxy_line(b, name, sizeof(name) - 1, value)


static void
ngx_http_mcp_proxy_session_lines(ngx_http_mcp_call_t *call, mcp_buf_t *b)
{
    mcp_str_t  value;

    if (call->upstream_version.len) {
        value = ngx_http_mcp_core_str(&call->upstream_version);
        ngx_http_mcp_line(b, "MCP-Protocol-Version", &value);
    }

    if (call->upstream_session.len) {
        value = ngx_http_mcp_core_str(&call->upstream_session);
        ngx_http_mcp_line(b, "Mcp-Session-Id", &value);
    }
}


ngx_int_t
ngx_http_mcp_proxy_session(ngx_http_mcp_call_t *call, ngx_str_t *headers)
{
    mcp_buf_t  b;

    mcp_buf_init(&b, &call->arena, 128);
    ngx_http_mcp_proxy_session_lines(call, &b);

    headers->data = b.len ? b.data : (u_char *) "";
    headers->len = b.len;

    return b.failed ? NGX_ERROR : NGX_OK;
}


static ngx_int_t
ngx_http_mcp_proxy_headers(ngx_http_mcp_call_t *call,
    ngx_http_mcp_exchange_t *x)
{
    mcp_buf_t  b;
    mcp_str_t  value;

    mcp_buf_init(&b, &call->arena, 512);

    value.data = call->uuid;
    value.len = sizeof(call->uuid);
    ngx_http_mcp_line(&b, "X-Request-Id", &value);

    /* W3C Trace Context passes through, as far as it can be one */

    if (call->in.traceparent.len == 55
        && ngx_http_mcp_printable(&call->in.traceparent) == NGX_OK)
    {
        value = ngx_http_mcp_core_str(&call->in.traceparent);
        ngx_http_mcp_line(&b, "traceparent", &value);

        if (call->in.tracestate.len != 0 && call->in.tracestate.len <= 512
            && ngx_http_mcp_printable(&call->in.tracestate) == NGX_OK)
        {
            value = ngx_http_mcp_core_str(&call->in.tracestate);
            ngx_http_mcp_line(&b, "tracestate", &value);
        }
    }

    if (call->backend_era == MCP_ERA_LEGACY) {

        ngx_http_mcp_proxy_session_lines(call, &b);

    } else if (ngx_http_mcp_proxy_modern(call, &b) != NGX_OK) {
        return NGX_ERROR;
    }

    if (b.failed) {
        return NGX_ERROR;
    }

    x->headers.data = b.data;
    x->headers.len = b.len;

    return NGX_OK;
}


/* Headers that mirror the body (2026-07-28, Streamable HTTP) */

static ngx_int_t
ngx_http_mcp_proxy_modern(ngx_http_mcp_call_t *call, mcp_buf_t *b)
{
    mcp_str_t  name, value;

    ngx_http_mcp_line(b, "MCP-Protocol-Version", &call->source->version);
    ngx_http_mcp_line(b, "Mcp-Method", &call->message.method_name);

    if (call->message.method != MCP_COMPLETE) {
        name = call->item ? call->item->native : call->message.name;

        if (mcp_header_encode(&name, &call->arena, &value) != MCP_OK) {
            return NGX_ERROR;
        }

        ngx_http_mcp_line(b, "Mcp-Name", &value);
    }

    return ngx_http_mcp_params_forward(call, b);
}


/* --- the end of the exchange --------------------------------------------- */


static void
ngx_http_mcp_proxy_done(ngx_http_mcp_exchange_t *x)
{
    ngx_http_mcp_call_t *call = x->data;

    call->done = 1;

    ngx_http_mcp_breaker_judge(call);

    if (ngx_http_mcp_relay_lost_session(call)
        && ngx_http_mcp_proxy_renew(call))
    {
        return;
    }

    if (ngx_http_mcp_retry(call)) {
        return;
    }

    ngx_http_mcp_relay_done(call);

    (void) ngx_http_post_request(call->request, NULL);
}


/*
 * A legacy backend has forgotten the gateway's session: the call was refused,
 * not executed, so it is sent once more in a new one.  The client may be gone
 * before that is open, so what waits for it is not of its pool.
 */

typedef struct {
    ngx_http_mcp_call_t         *call;       /* NULL: the client is gone */
} ngx_http_mcp_renew_t;


static void
ngx_http_mcp_renew_cleanup(void *data)
{
    ngx_http_mcp_renew_t **renew = data;

    if (*renew) {
        (*renew)->call = NULL;
    }
}


static void
ngx_http_mcp_renew_done(void *data, ngx_http_mcp_opened_t *opened,
    const char *error)
{
    ngx_http_mcp_renew_t *renew = data;

    ngx_connection_t       *c;
    ngx_http_mcp_call_t    *call;

    call = renew->call;

    if (call == NULL) {
        ngx_free(renew);
        return;
    }

    call->renewing = 0;
    *call->renew = NULL;
    ngx_free(renew);

    if (call->finished) {
        return;
    }

    c = call->request->connection;

    if (opened == NULL) {
        ngx_http_mcp_relay_fail(call, MCP_E_UNAVAILABLE,
                                "the backend has ended its session with the "
                                "gateway and does not open a new one");
        ngx_http_mcp_relay_write(call->request);

    } else if (ngx_http_mcp_proxy_start(call) != NGX_OK) {
        ngx_http_finalize_request(call->request,
                                  NGX_HTTP_INTERNAL_SERVER_ERROR);
    }

    ngx_http_run_posted_requests(c);
}


static ngx_uint_t
ngx_http_mcp_proxy_renew(ngx_http_mcp_call_t *call)
{
    ngx_str_t                  id, version;
    ngx_pool_cleanup_t        *cln;
    ngx_http_request_t        *r;
    ngx_http_mcp_renew_t      *renew;
    ngx_http_mcp_main_conf_t  *mmcf;

    r = call->request;
    mmcf = ngx_http_get_module_main_conf(r, ngx_http_mcp_module);

    if (call->retried) {
        return 0;
    }

    call->retried = 1;

    /* another call may have opened one meanwhile */

    if (ngx_http_mcp_peer_session(mmcf, call->backend->peer, r->pool, &id,
                                  &version)
        != NGX_OK)
    {
        return 0;
    }

    if (id.len != call->upstream_session.len
        || ngx_memcmp(id.data, call->upstream_session.data, id.len) != 0)
    {
        return ngx_http_mcp_proxy_start(call) == NGX_OK;
    }

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_mcp_renew_t *));
    renew = ngx_alloc(sizeof(ngx_http_mcp_renew_t), r->connection->log);

    if (cln == NULL || renew == NULL) {
        if (renew) {
            ngx_free(renew);
        }
        return 0;
    }

    renew->call = call;
    call->renew = cln->data;
    *call->renew = renew;
    cln->handler = ngx_http_mcp_renew_cleanup;

    if (ngx_http_mcp_session_open(mmcf, call->backend, ngx_http_mcp_renew_done,
                                  renew)
        != NGX_OK)
    {
        *call->renew = NULL;
        ngx_free(renew);
        return 0;
    }

    call->renewing = 1;

    return 1;
}


/* The request ends, whoever ended it. */

static void
ngx_http_mcp_proxy_cleanup(void *data)
{
    ngx_http_mcp_call_t *call = data;

    ngx_http_mcp_flight_remove(call);

    if (call->linger.timer_set) {
        ngx_del_timer(&call->linger);
    }

    if (call->retry.timer_set) {
        ngx_del_timer(&call->retry);
    }

    if (call->answered && !call->done) {

        /* a stream that was left before its end */

        ngx_http_mcp_breaker_ended(call, 0);
    }

    if (call->outcome != NGX_HTTP_MCP_OUTCOME_NONE) {
        return;
    }

    if (call->exchange == NULL || (call->done && !call->renewing)) {
        call->outcome = NGX_HTTP_MCP_UNKNOWN;
        return;
    }

    /* nginx closes connections itself when a worker has to go */

    call->outcome = (call->era == MCP_ERA_MODERN
                     && !call->request->connection->close)
                    ? NGX_HTTP_MCP_CANCELLED : NGX_HTTP_MCP_UNKNOWN;

    if (call->era == MCP_ERA_MODERN && call->backend_era == MCP_ERA_LEGACY
        && !call->renewing)
    {
        ngx_http_mcp_proxy_cancel(call);
    }
}


void
ngx_http_mcp_proxy_cancelled(ngx_http_mcp_call_t *call)
{
    if (call->finished || call->answered || call->failed || call->gone) {
        return;
    }

    ngx_log_error(NGX_LOG_INFO, call->request->connection->log, 0,
                  "mcp call %*s is cancelled by the client",
                  sizeof(call->uuid), call->uuid);

    call->outcome = NGX_HTTP_MCP_CANCELLED;

    if (call->backend_era == MCP_ERA_LEGACY && !call->renewing
        && !call->done)
    {
        ngx_http_mcp_proxy_cancel(call);
    }

    if (call->exchange && !call->done) {
        ngx_http_mcp_exchange_abort(call->exchange);
        call->done = 1;
    }

    ngx_http_mcp_relay_cancelled(call);
}


void
ngx_http_mcp_proxy_shutdown(ngx_http_mcp_call_t *call)
{
    if (call->finished || call->answered || call->failed || call->gone) {
        return;
    }

    if (call->backend_era == MCP_ERA_LEGACY && !call->renewing && !call->done)
    {
        ngx_http_mcp_proxy_cancel(call);
    }

    ngx_http_mcp_relay_fail(call, MCP_E_UNAVAILABLE,
                            "the gateway is restarting; the call may have "
                            "been executed");

    call->outcome = NGX_HTTP_MCP_UNKNOWN;
    call->renewing = 0;

    ngx_http_mcp_relay_write(call->request);
}


static void
ngx_http_mcp_cancel_done(ngx_http_mcp_fetch_t *f)
{
}


/*
 * A legacy backend does not take the end of a connection for a cancellation
 * (MCP 2025-11-25, "Cancellation"): it is told.
 */

void
ngx_http_mcp_proxy_cancel(ngx_http_mcp_call_t *call)
{
    mcp_buf_t                  b;
    ngx_http_mcp_fetch_t       f;
    ngx_http_mcp_main_conf_t  *mmcf;

    mmcf = ngx_http_get_module_main_conf(call->request, ngx_http_mcp_module);

    mcp_buf_init(&b, &call->arena, 256);
    mcp_buf_literal(&b, "{\"jsonrpc\":\"2.0\",\"method\":"
                        "\"notifications/cancelled\",\"params\":{"
                        "\"requestId\":");
    mcp_buf_str(&b, &call->relay_conf.id);
    mcp_buf_literal(&b, ",\"reason\":\"the client is gone\"}}");

    ngx_memzero(&f, sizeof(ngx_http_mcp_fetch_t));

    f.backend = call->backend;
    f.body.data = b.data;
    f.body.len = b.len;
    f.max = 65536;
    f.handler = ngx_http_mcp_cancel_done;

    if (b.failed
        || ngx_http_mcp_proxy_session(call, &f.headers) != NGX_OK)
    {
        return;
    }

    (void) ngx_http_mcp_fetch(mmcf, &f, ngx_cycle->log);
}
