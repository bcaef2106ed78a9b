
/*
 * What comes back from a backend: judged and edited while it streams, and
 * given to the client as it comes.  A message is staged until it is whole or
 * too large to hold; only then does it move to the client's side.
 */


#include "ngx_http_mcp.h"


#define NGX_HTTP_MCP_HOLD       32768    /* bytes of a message that are staged
                                            before it is let go unfinished */
#define NGX_HTTP_MCP_HOLD_MAX   262144   /* ... when its kind is not known */
#define NGX_HTTP_MCP_HIGH       131072   /* bytes on the client's side at which
                                            the backend is not read further */
#define NGX_HTTP_MCP_BUF_FIRST  4096
#define NGX_HTTP_MCP_BUF        16384
#define NGX_HTTP_MCP_REQUESTS   100      /* of a backend's that are answered in
                                            one call */
#define NGX_HTTP_MCP_ANSWERING  16       /* ... at a time, by a worker */
#define NGX_HTTP_MCP_DELAYED    10       /* ms */
#define NGX_HTTP_MCP_DEPTH      256      /* nesting of an answer */
#define NGX_HTTP_MCP_LINGER     1000     /* ms for a stream to end behind its
                                            response */


static void ngx_http_mcp_relay_broken(ngx_http_mcp_call_t *call);
static ngx_int_t ngx_http_mcp_relay_json(ngx_http_mcp_call_t *call, u_char *p,
    size_t len);
static ngx_int_t ngx_http_mcp_relay_sse(ngx_http_mcp_call_t *call, u_char *p,
    size_t len);
static ngx_int_t ngx_http_mcp_relay_event_data(ngx_http_mcp_call_t *call,
    const unsigned char *p, size_t len);
static ngx_int_t ngx_http_mcp_relay_event(ngx_http_mcp_call_t *call,
    ngx_uint_t foreign);
static ngx_uint_t ngx_http_mcp_relay_wanted(ngx_http_mcp_call_t *call);
static void ngx_http_mcp_relay_request(ngx_http_mcp_call_t *call);
static void ngx_http_mcp_relay_comment(ngx_http_mcp_call_t *call);
static ngx_int_t ngx_http_mcp_relay_large(ngx_http_mcp_call_t *call);
static void ngx_http_mcp_relay_drop_out(ngx_http_mcp_call_t *call);
static void ngx_http_mcp_relay_release(ngx_http_mcp_call_t *call);
static ngx_uint_t ngx_http_mcp_relay_result_ok(ngx_http_mcp_call_t *call);
static void ngx_http_mcp_relay_answered(ngx_http_mcp_call_t *call);
static ngx_uint_t ngx_http_mcp_relay_no_session(ngx_http_mcp_call_t *call);
static void ngx_http_mcp_relay_fault(ngx_http_mcp_call_t *call);
static void ngx_http_mcp_relay_error_event(ngx_http_mcp_call_t *call);
static ngx_int_t ngx_http_mcp_relay_send_header(ngx_http_mcp_call_t *call,
    ngx_uint_t last);
static ngx_int_t ngx_http_mcp_relay_flush(ngx_http_mcp_call_t *call,
    ngx_uint_t last);
static void ngx_http_mcp_relay_gone(ngx_http_mcp_call_t *call);
static void ngx_http_mcp_relay_linger(ngx_event_t *ev);


static ngx_uint_t  ngx_http_mcp_answering;


#define ngx_http_mcp_stage_literal(call, s)                                   \
    ngx_http_mcp_relay_out(call, (u_char *) s, sizeof(s) - 1)


ngx_int_t
ngx_http_mcp_relay_init(ngx_http_mcp_call_t *call)
{
    mcp_relay_conf_t  *rc;

    rc = &call->relay_conf;

    rc->client_id = call->message.id;
    rc->client = call->era;
    rc->backend = call->backend_era;
    rc->method = call->message.method;
    rc->client_version = call->version;
    rc->max_depth = NGX_HTTP_MCP_DEPTH;

    call->last_stage = &call->stage;
    call->stage = NULL;
    call->stage_len = 0;
    call->last_out = &call->out;
    call->out_status = NGX_HTTP_OK;
    call->in_event = 0;
    call->relayed = 0;

    mcp_sse_init(&call->sse);
    mcp_relay_init(&call->relay, rc);

    return NGX_OK;
}


ngx_int_t
ngx_http_mcp_relay_header(ngx_http_mcp_exchange_t *x)
{
    ngx_http_mcp_call_t *call = x->data;

    call->sse_out = (x->status == NGX_HTTP_OK
                     && x->type == NGX_HTTP_MCP_BODY_SSE
                     && call->accept_sse);

    /* only an event's data has to be one line */

    call->relay_conf.lines = (x->type == NGX_HTTP_MCP_BODY_JSON);

    return NGX_OK;
}


ngx_int_t
ngx_http_mcp_relay_body(ngx_http_mcp_exchange_t *x, u_char *p, size_t len)
{
    ngx_int_t             rc;
    ngx_http_mcp_call_t  *call = x->data;

    if (call->answered || call->failed || len == 0) {
        return NGX_OK;
    }

    switch (x->type) {

    case NGX_HTTP_MCP_BODY_JSON:
        rc = ngx_http_mcp_relay_json(call, p, len);
        break;

    case NGX_HTTP_MCP_BODY_SSE:
        rc = (x->status == NGX_HTTP_OK) ? ngx_http_mcp_relay_sse(call, p, len)
                                        : NGX_OK;
        break;

    default:
        return NGX_OK;
    }

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    if (call->gone) {
        ngx_http_mcp_relay_drop_out(call);
        ngx_http_mcp_relay_drop(call);
        return NGX_OK;
    }

    if (call->out || call->request->connection->write->delayed) {

        if (ngx_http_post_request(call->request, NULL) != NGX_OK) {
            return NGX_ERROR;
        }

        if (call->out_len + call->queued > NGX_HTTP_MCP_HIGH
            && !x->complete)
        {
            ngx_http_mcp_exchange_pause(x);
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_mcp_relay_feed(ngx_http_mcp_call_t *call, const unsigned char *p,
    size_t len)
{
    call->relayed = 1;

    switch (mcp_relay_feed(&call->relay, p, len, ngx_http_mcp_relay_out, call))
    {
    case MCP_OK:
        return NGX_OK;

    case MCP_ERROR:
        break;

    default:
        return NGX_ERROR;
    }

    if (call->exchange->status != NGX_HTTP_OK) {

        /* the status alone has to tell */

        call->exchange->type = NGX_HTTP_MCP_BODY_OTHER;
        ngx_http_mcp_relay_drop(call);
        return NGX_OK;
    }

    if (call->in_event && !call->partial) {

        /* the end of the event tells whether it was meant for us */

        call->broken = 1;
        return NGX_OK;
    }

    ngx_http_mcp_relay_broken(call);

    return NGX_ERROR;
}


static void
ngx_http_mcp_relay_broken(ngx_http_mcp_call_t *call)
{
    ngx_log_error(NGX_LOG_ERR, call->request->connection->log, 0,
                  "backend \"%V\" broke the protocol in call %*s: %s",
                  &call->backend->name, sizeof(call->uuid), call->uuid,
                  call->relay.why ? call->relay.why
                                  : "an event of another type");

    ngx_http_mcp_relay_fail(call, MCP_E_BACKEND,
                            "the backend's answer is not valid JSON-RPC; the "
                            "call may have been executed");
}


static ngx_int_t
ngx_http_mcp_relay_json(ngx_http_mcp_call_t *call, u_char *p, size_t len)
{
    if (ngx_http_mcp_relay_feed(call, p, len) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_mcp_relay_large(call);
}


/* --- event streams ------------------------------------------------------- */


static ngx_int_t
ngx_http_mcp_relay_sse(ngx_http_mcp_call_t *call, u_char *p, size_t len)
{
    ngx_int_t             rc;
    mcp_sse_token_t       tok;
    const unsigned char  *pos, *end;

    pos = p;
    end = p + len;

    while (mcp_sse_next(&call->sse, &pos, end, &tok) == MCP_OK) {

        rc = NGX_OK;

        switch (tok.type) {

        case MCP_SSE_DATA:
            rc = ngx_http_mcp_relay_event_data(call, tok.start,
                                               tok.end - tok.start);
            break;

        case MCP_SSE_DATA_BREAK:
            if (call->in_event) {
                rc = ngx_http_mcp_relay_event_data(call, (u_char *) "\n", 1);
            }
            break;

        case MCP_SSE_EVENT:
            if (call->in_event) {
                rc = ngx_http_mcp_relay_event(call, tok.foreign);
            }
            break;

        case MCP_SSE_COMMENT:
            ngx_http_mcp_relay_comment(call);
            break;
        }

        if (rc != NGX_OK) {
            return rc;
        }

        if (call->answered) {
            break;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_mcp_relay_event_data(ngx_http_mcp_call_t *call,
    const unsigned char *p, size_t len)
{
    if (len == 0) {
        return NGX_OK;
    }

    if (!call->in_event) {
        call->in_event = 1;
        call->broken = 0;
        mcp_relay_init(&call->relay, &call->relay_conf);

        if (call->sse_out
            && ngx_http_mcp_stage_literal(call, NGX_HTTP_MCP_EVENT)
               != MCP_OK)
        {
            return NGX_ERROR;
        }
    }

    if (call->broken) {
        return NGX_OK;
    }

    if (ngx_http_mcp_relay_feed(call, p, len) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_mcp_relay_large(call);
}


static ngx_int_t
ngx_http_mcp_relay_event(ngx_http_mcp_call_t *call, ngx_uint_t foreign)
{
    mcp_relay_t  *re;

    re = &call->relay;
    call->in_event = 0;

    if (foreign && !call->partial) {
        ngx_http_mcp_relay_drop(call);
        return NGX_OK;
    }

    if (foreign || call->broken
        || mcp_relay_finish(re, ngx_http_mcp_relay_out, call) != MCP_DONE)
    {
        ngx_http_mcp_relay_broken(call);
        return NGX_ERROR;
    }

    if (re->kind == MCP_RELAY_RESULT || re->kind == MCP_RELAY_ERROR) {

        if (!re->id_ours) {

            if (!call->foreign) {
                call->foreign = 1;
                ngx_log_error(NGX_LOG_ERR, call->request->connection->log, 0,
                              "backend \"%V\" answered call %*s under "
                              "another id", &call->backend->name,
                              sizeof(call->uuid), call->uuid);
            }

            if (call->partial) {
                ngx_http_mcp_relay_fail(call, MCP_E_BACKEND,
                                        "the backend answered another call");
                return NGX_ERROR;
            }

            ngx_http_mcp_relay_drop(call);
            return NGX_OK;
        }

        ngx_http_mcp_relay_answered(call);
        return NGX_OK;
    }

    if (!call->partial && !ngx_http_mcp_relay_wanted(call)) {
        ngx_http_mcp_relay_drop(call);
        return NGX_OK;
    }

    if (ngx_http_mcp_stage_literal(call, "\n\n") != MCP_OK) {
        return NGX_ERROR;
    }

    ngx_http_mcp_relay_release(call);
    call->partial = 0;

    return NGX_OK;
}


/*
 * Whether a notification or request of the backend's belongs on this client's
 * stream.
 */

static ngx_uint_t
ngx_http_mcp_relay_wanted(ngx_http_mcp_call_t *call)
{
    mcp_str_t     method;
    mcp_relay_t  *re;

    re = &call->relay;
    method.data = re->method;
    method.len = re->method_len;

    if (re->kind == MCP_RELAY_REQUEST) {

        if (ngx_http_mcp_ask(call) == NGX_OK) {
            return 1;
        }

        ngx_http_mcp_relay_request(call);
        return 0;
    }

    if (method.len > sizeof("notifications/") - 1
        && method.len > sizeof("/list_changed") - 1
        && ngx_memcmp(method.data + method.len - (sizeof("/list_changed") - 1),
                      "/list_changed", sizeof("/list_changed") - 1)
           == 0)
    {
        /* the manager will see what has changed */

        call->backend->peer->refresh = 1;
        return 0;
    }

    if (!call->sse_out) {
        return 0;
    }

    if (mcp_str_is(&method, "notifications/progress")) {
        return 1;
    }

    if (mcp_str_is(&method, "notifications/message")) {

        /* 2026-07-28, "Logging": only where the request asked for it */

        return call->era == MCP_ERA_LEGACY || call->log_level;
    }

    if (mcp_str_is(&method, "notifications/cancelled")) {

        /* of what it asked the client: its requests are known by other ids */

        return ngx_http_mcp_ask(call) == NGX_OK;
    }

    if (mcp_str_is(&method, "notifications/resources/updated")) {
        return 0;
    }

    return call->era == call->backend_era;
}


static void
ngx_http_mcp_request_answered(ngx_http_mcp_fetch_t *f)
{
    ngx_http_mcp_answering--;
}


/*
 * The gateway's shared session was opened without client capabilities, so
 * all a backend may ask is a ping; whatever else it asks is told so, or it
 * would wait for an answer.  The same goes for a client that has a session of
 * its own but cannot be asked.
 */

static void
ngx_http_mcp_relay_request(ngx_http_mcp_call_t *call)
{
    mcp_buf_t                  b;
    mcp_str_t                  method;
    mcp_relay_t               *re;
    ngx_http_mcp_fetch_t       f;
    ngx_http_mcp_main_conf_t  *mmcf;

    mmcf = ngx_http_get_module_main_conf(call->request, ngx_http_mcp_module);
    re = &call->relay;

    if (call->backend_era != MCP_ERA_LEGACY || re->id_len == 0) {
        return;
    }

    /* each answer is a connection: a backend must not make us open many */

    if (call->requests == NGX_HTTP_MCP_REQUESTS
        || ngx_http_mcp_answering == NGX_HTTP_MCP_ANSWERING)
    {
        if (!call->flooded) {
            call->flooded = 1;
            ngx_log_error(NGX_LOG_WARN, call->request->connection->log, 0,
                          "backend \"%V\" sends many requests in call %*s, "
                          "some are not answered", &call->backend->name,
                          sizeof(call->uuid), call->uuid);
        }

        return;
    }

    call->requests++;

    method.data = re->method;
    method.len = re->method_len;

    mcp_buf_init(&b, &call->arena, 512);
    mcp_buf_literal(&b, "{\"jsonrpc\":\"2.0\",\"id\":");
    mcp_buf_append(&b, re->id, re->id_len);

    if (mcp_str_is(&method, "ping")) {
        mcp_buf_literal(&b, ",\"result\":{}}");

    } else {
        mcp_buf_literal(&b, ",\"error\":{\"code\":-32601,\"message\":"
                            "\"the client has no such capability\"}}");
    }

    ngx_memzero(&f, sizeof(ngx_http_mcp_fetch_t));

    f.backend = call->backend;
    f.body.data = b.data;
    f.body.len = b.len;
    f.max = 65536;
    f.handler = ngx_http_mcp_request_answered;

    if (b.failed
        || ngx_http_mcp_proxy_session(call, &f.headers) != NGX_OK)
    {
        return;
    }

    if (ngx_http_mcp_fetch(mmcf, &f, ngx_cycle->log) == NGX_OK) {
        ngx_http_mcp_answering++;
    }
}


static void
ngx_http_mcp_relay_comment(ngx_http_mcp_call_t *call)
{
    /* one that still waits is as good as ten: it keeps the client awake */

    if (!call->sse_out || call->in_event || call->gone || call->out != NULL
        || call->busy != NULL)
    {
        return;
    }

    if (ngx_http_mcp_stage_literal(call, ":\n\n") == MCP_OK) {
        ngx_http_mcp_relay_release(call);
    }
}


/* --- from the stage to the client's side --------------------------------- */


/*
 * A message that is larger than what is held goes on unfinished, once it is
 * known to be one that the client gets.
 */

static ngx_int_t
ngx_http_mcp_relay_large(ngx_http_mcp_call_t *call)
{
    mcp_relay_t              *re;
    ngx_http_mcp_exchange_t  *x;

    re = &call->relay;
    x = call->exchange;

    /*
     * The end of the text stays until all is judged: no client must take what
     * it has for a whole answer before that.
     */

    if (re->observer.lexer.depth == 0
        && call->stage_len <= NGX_HTTP_MCP_HOLD_MAX)
    {
        return NGX_OK;
    }

    if (call->partial && re->observer.lexer.depth != 0) {
        ngx_http_mcp_relay_release(call);
        return NGX_OK;
    }

    if (call->stage_len <= NGX_HTTP_MCP_HOLD) {
        return NGX_OK;
    }

    if (x->status == NGX_HTTP_OK
        && (re->kind == MCP_RELAY_RESULT || re->kind == MCP_RELAY_ERROR)
        && (re->id_ours || !re->id_seen)
        && re->observer.lexer.depth != 0
        && ngx_http_mcp_relay_result_ok(call))
    {
        call->partial = 1;
        ngx_http_mcp_relay_release(call);
        return NGX_OK;
    }

    if (call->stage_len <= NGX_HTTP_MCP_HOLD_MAX) {
        return NGX_OK;
    }

    ngx_log_error(NGX_LOG_ERR, call->request->connection->log, 0,
                  "backend \"%V\" sent a message of more than %d bytes in "
                  "call %*s that is not known to be its answer",
                  &call->backend->name, NGX_HTTP_MCP_HOLD_MAX,
                  sizeof(call->uuid), call->uuid);

    ngx_http_mcp_relay_fail(call, MCP_E_BACKEND,
                            "the backend sent too large a message");
    return NGX_ERROR;
}


int
ngx_http_mcp_relay_out(void *data, const unsigned char *p, size_t len)
{
    ngx_http_mcp_call_t *call = data;

    size_t        n, size;
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    while (len) {

        if (call->stage == NULL
            || call->stage_tail->last == call->stage_tail->end)
        {
            if (call->free != NULL) {
                cl = call->free;
                call->free = cl->next;

            } else {
                cl = ngx_alloc_chain_link(call->request->pool);
                if (cl == NULL) {
                    return MCP_NOMEM;
                }

                size = (call->stage == NULL && !call->started
                        && call->out == NULL) ? NGX_HTTP_MCP_BUF_FIRST
                                              : NGX_HTTP_MCP_BUF;

                cl->buf = ngx_calloc_buf(call->request->pool);
                if (cl->buf == NULL) {
                    return MCP_NOMEM;
                }

                cl->buf->start = mcp_alloc(&call->arena, size);
                if (cl->buf->start == NULL) {
                    return MCP_NOMEM;
                }

                cl->buf->end = cl->buf->start + size;
                cl->buf->temporary = 1;
            }

            b = cl->buf;
            b->pos = b->start;
            b->last = b->start;
            b->flush = 0;
            b->last_buf = 0;
            b->last_in_chain = 0;
            b->tag = (ngx_buf_tag_t) &ngx_http_mcp_module;

            cl->next = NULL;
            *call->last_stage = cl;
            call->last_stage = &cl->next;
            call->stage_tail = b;
        }

        b = call->stage_tail;
        n = ngx_min(len, (size_t) (b->end - b->last));

        b->last = ngx_cpymem(b->last, p, n);
        call->stage_len += n;
        p += n;
        len -= n;
    }

    return MCP_OK;
}


void
ngx_http_mcp_relay_drop(ngx_http_mcp_call_t *call)
{
    *call->last_stage = call->free;
    call->free = call->stage;

    call->stage = NULL;
    call->last_stage = &call->stage;
    call->stage_len = 0;
}


/* The same with what the client would have got. */

static void
ngx_http_mcp_relay_drop_out(ngx_http_mcp_call_t *call)
{
    *call->last_out = call->free;
    call->free = call->out;

    call->out = NULL;
    call->last_out = &call->out;
    call->out_len = 0;
}


static void
ngx_http_mcp_relay_release(ngx_http_mcp_call_t *call)
{
    if (call->stage == NULL) {
        return;
    }

    call->out_len += call->stage_len;

    /* small messages share a buffer, or each would take one for itself */

    if (call->out != NULL && call->stage->next == NULL
        && call->stage_len <= (size_t) (call->out_tail->end
                                        - call->out_tail->last))
    {
        call->out_tail->last = ngx_cpymem(call->out_tail->last,
                                          call->stage->buf->pos,
                                          call->stage_len);
        ngx_http_mcp_relay_drop(call);
        return;
    }

    *call->last_out = call->stage;
    call->last_out = call->last_stage;
    call->out_tail = call->stage_tail;

    call->stage = NULL;
    call->last_stage = &call->stage;
    call->stage_len = 0;
}


/*
 * Result types are the modern revision's.  A legacy client knows nothing but
 * complete results.  Tasks were not announced to the backend, and could not
 * be polled here.
 */

static ngx_uint_t
ngx_http_mcp_relay_result_ok(ngx_http_mcp_call_t *call)
{
    if (call->backend_era == MCP_ERA_LEGACY) {
        return 1;
    }

    switch (call->relay.result_type) {

    case MCP_RESULT_ABSENT:
    case MCP_RESULT_COMPLETE:
        return 1;

    case MCP_RESULT_TASK:
        return 0;

    default:
        return call->era == MCP_ERA_MODERN;
    }
}


/* The message on the stage is the response: it is whole and judged. */

static void
ngx_http_mcp_relay_answered(ngx_http_mcp_call_t *call)
{
    mcp_relay_t  *re;

    re = &call->relay;

    if (!ngx_http_mcp_relay_result_ok(call)) {
        ngx_http_mcp_relay_fail(call, MCP_E_BACKEND,
                                "the backend's result is of a type that this "
                                "client cannot be given");
        return;
    }

    if (call->sse_out && ngx_http_mcp_stage_literal(call, "\n\n") != MCP_OK) {
        ngx_http_mcp_relay_fail(call, MCP_E_INTERNAL, "out of memory");
        return;
    }

    call->answered = 1;
    call->partial = 0;
    ngx_http_mcp_relay_release(call);

    if (re->kind == MCP_RELAY_RESULT) {
        call->outcome = re->is_error ? NGX_HTTP_MCP_TOOL_ERROR
                                     : NGX_HTTP_MCP_OK;
        return;
    }

    call->outcome = NGX_HTTP_MCP_RPC_ERROR;
    call->error_code = (ngx_int_t) re->error_code;

    if (call->era == MCP_ERA_MODERN) {

        /* the statuses that the revision ties to codes */

        if (re->error_code == MCP_E_CAPABILITY) {
            call->out_status = NGX_HTTP_BAD_REQUEST;

        } else if (re->error_code == MCP_E_METHOD) {
            call->out_status = NGX_HTTP_NOT_FOUND;
        }
    }
}


/* --- the end ------------------------------------------------------------- */


/* Whether the backend does not know the session that the gateway used. */

static ngx_uint_t
ngx_http_mcp_relay_no_session(ngx_http_mcp_call_t *call)
{
    ngx_http_mcp_exchange_t  *x;

    x = call->exchange;

    if (call->backend_era != MCP_ERA_LEGACY) {
        return 0;
    }

    if (x->status == NGX_HTTP_NOT_FOUND) {
        return call->upstream_session.len != 0;
    }

    /* servers on the SDKs say it so when they keep their own table */

    return x->status == NGX_HTTP_BAD_REQUEST
           && call->relay.kind == MCP_RELAY_ERROR
           && call->relay.error_code == -32000;
}


ngx_uint_t
ngx_http_mcp_relay_lost_session(ngx_http_mcp_call_t *call)
{
    return !call->retried && !call->gone && !call->started && !call->own
           && ngx_http_mcp_relay_no_session(call);
}


void
ngx_http_mcp_relay_done(ngx_http_mcp_call_t *call)
{
    mcp_relay_t              *re;
    ngx_http_mcp_exchange_t  *x;

    x = call->exchange;
    re = &call->relay;

    if (call->answered || call->failed) {
        return;
    }

    if (call->own && ngx_http_mcp_relay_no_session(call)) {

        /* the client must open all anew */

        ngx_http_mcp_relay_fail(call, 404, NGX_HTTP_MCP_LOST);
        call->fault.status = NGX_HTTP_NOT_FOUND;
        call->outcome = NGX_HTTP_MCP_UNAVAILABLE;
        return;
    }

    if (!x->complete || x->type != NGX_HTTP_MCP_BODY_JSON || !call->relayed
        || mcp_relay_finish(re, ngx_http_mcp_relay_out, call) != MCP_DONE
        || !re->id_ours
        || (re->kind != MCP_RELAY_RESULT && re->kind != MCP_RELAY_ERROR))
    {
        ngx_http_mcp_relay_fault(call);
        return;
    }

    if (x->status != NGX_HTTP_OK) {

        /* an error of this hop means nothing to the client */

        if (re->kind != MCP_RELAY_ERROR || re->error_code == MCP_E_HEADER
            || re->error_code == MCP_E_VERSION
            || ngx_http_mcp_relay_no_session(call))
        {
            ngx_http_mcp_relay_fault(call);
            return;
        }
    }

    ngx_http_mcp_relay_answered(call);
}


/* What went wrong, from what is known of the exchange. */

static void
ngx_http_mcp_relay_fault(ngx_http_mcp_call_t *call)
{
    ngx_http_mcp_exchange_t  *x;

    x = call->exchange;

    if (x->status == 0) {

        if (!x->sent) {
            ngx_http_mcp_relay_fail(call, MCP_E_UNAVAILABLE,
                                    "the backend cannot be reached; try again "
                                    "later");

        } else if (x->rc == NGX_HTTP_GATEWAY_TIME_OUT) {
            ngx_http_mcp_relay_fail(call, MCP_E_TIMEOUT,
                                    "the backend did not answer in time; the "
                                    "call may have been executed");

        } else {
            ngx_http_mcp_relay_fail(call, MCP_E_BACKEND,
                                    "the backend gave no valid answer; the "
                                    "call may have been executed");
        }

        return;
    }

    switch (x->status) {

    case NGX_HTTP_OK:
        break;

    case NGX_HTTP_TOO_MANY_REQUESTS:
    case NGX_HTTP_SERVICE_UNAVAILABLE:
        ngx_http_mcp_relay_fail(call, MCP_E_UNAVAILABLE,
                                "the backend is not available; try again "
                                "later");
        return;

    case NGX_HTTP_GATEWAY_TIME_OUT:
        ngx_http_mcp_relay_fail(call, MCP_E_TIMEOUT,
                                "the backend did not answer in time; the call "
                                "may have been executed");
        return;

    default:

        if (call->backend_era == MCP_ERA_MODERN) {

            /* its schemas or its era may have changed */

            call->backend->peer->refresh = 1;
        }

        ngx_http_mcp_relay_fail(call, MCP_E_BACKEND,
                                "the backend refused the gateway's request");
        return;
    }

    if (!x->complete && x->rc == NGX_HTTP_GATEWAY_TIME_OUT) {
        ngx_http_mcp_relay_fail(call, MCP_E_TIMEOUT,
                                "the backend did not finish its answer in "
                                "time; the call may have been executed");

    } else if (!x->complete) {
        ngx_http_mcp_relay_fail(call, MCP_E_BACKEND,
                                "the backend's answer broke off; the call may "
                                "have been executed");

    } else {
        ngx_http_mcp_relay_fail(call, MCP_E_BACKEND,
                                "the backend gave no valid answer to this "
                                "call; it may have been executed");
    }
}


void
ngx_http_mcp_relay_fail(ngx_http_mcp_call_t *call, ngx_int_t code,
    const char *text)
{
    ngx_str_t                 name;
    mcp_buf_t                 b;
    mcp_fault_t              *fault;
    ngx_http_mcp_exchange_t  *x;

    if (call->failed || call->answered) {
        return;
    }

    x = call->exchange;
    call->failed = 1;

    fault = &call->fault;
    ngx_memzero(fault, sizeof(mcp_fault_t));

    fault->code = (int) code;
    fault->status = NGX_HTTP_OK;
    fault->message.data = (u_char *) text;
    fault->message.len = ngx_strlen(text);

    if (code == MCP_E_UNAVAILABLE) {

        mcp_buf_init(&b, &call->arena, 64);
        mcp_buf_literal(&b, "{\"retryAfterMs\":");
        mcp_buf_uint(&b, (x && x->retry_after > 0)
                         ? (uint64_t) x->retry_after * 1000 : 1000);
        mcp_buf_literal(&b, "}");

        if (!b.failed) {
            fault->data.data = b.data;
            fault->data.len = b.len;
        }
    }

    switch (code) {

    case MCP_E_UNAVAILABLE:
        call->outcome = NGX_HTTP_MCP_UNAVAILABLE;
        break;

    case MCP_E_TIMEOUT:
        call->outcome = NGX_HTTP_MCP_TIMEOUT;

        /* MCP 2025-11-25, "Lifecycle", "Timeouts" */

        if (call->backend_era == MCP_ERA_LEGACY) {
            ngx_http_mcp_proxy_cancel(call);
        }

        break;

    default:
        call->outcome = NGX_HTTP_MCP_UNKNOWN;
    }

    call->error_code = code;
    name = ngx_http_mcp_loggable(call->request->pool, &call->message.name);

    ngx_log_error(NGX_LOG_ERR, call->request->connection->log, 0,
                  "mcp call %*s of %*s \"%V\" at backend \"%V\" failed "
                  "(HTTP status %ui): %s",
                  sizeof(call->uuid), call->uuid,
                  call->message.method_name.len, call->message.method_name.data,
                  &name, &call->backend->name, x ? x->status : 0, text);
}


/* --- to the client ------------------------------------------------------- */


/* The write handler of the client's request; also run when children post. */

void
ngx_http_mcp_relay_write(ngx_http_request_t *r)
{
    ngx_int_t             rc;
    ngx_uint_t            last;
    ngx_event_t          *wev;
    ngx_http_mcp_call_t  *call;

    call = ngx_http_get_module_ctx(r, ngx_http_mcp_module);
    wev = r->connection->write;

    if (call->finished || call->renewing) {
        return;
    }

    if (wev->timedout) {
        ngx_log_error(NGX_LOG_INFO, r->connection->log, NGX_ETIMEDOUT,
                      "client timed out");
        r->connection->timedout = 1;
        call->finished = 1;
        ngx_http_finalize_request(r, NGX_HTTP_REQUEST_TIME_OUT);
        return;
    }

    if (call->gone) {
        if (call->done) {
            call->finished = 1;
            ngx_http_finalize_request(r, NGX_ERROR);
        }
        return;
    }

    if (call->failed && !call->started) {
        call->finished = 1;
        if (!call->done) {
            ngx_http_mcp_exchange_abort(call->exchange);
        }
        ngx_http_mcp_send_fault(call, &call->fault);
        return;
    }

    if (call->failed && !call->answered) {

        if (!call->sse_out || call->partial) {

            /* the client must not take what it has for an answer */

            call->finished = 1;
            ngx_http_finalize_request(r, NGX_ERROR);
            return;
        }

        ngx_http_mcp_relay_error_event(call);
    }

    if (wev->delayed && !wev->timer_set) {

        /* of limit_rate; the upstream has taken the timer for its own */

        ngx_add_timer(wev, NGX_HTTP_MCP_DELAYED);
    }

    /* a stream may go on behind its response; it is given some time to end */

    last = call->answered && (call->done || call->linger.timedout
                              || call->failed);

    if (call->out == NULL && !last && !r->connection->buffered) {
        return;
    }

    if (call->answered && !call->started && call->out != NULL
        && !call->sse_out)
    {
        last = 1;
    }

    if (!call->started
        && ngx_http_mcp_relay_send_header(call, last) != NGX_OK)
    {
        return;
    }

    rc = ngx_http_mcp_relay_flush(call, last);

    if (rc == NGX_ERROR) {
        ngx_http_mcp_relay_gone(call);
        return;
    }

    if (last) {
        call->finished = 1;

        if (!call->done) {
            ngx_http_mcp_exchange_abort(call->exchange);
        }

        ngx_http_finalize_request(r, rc);
        return;
    }

    if (call->answered && !call->linger.timer_set) {
        call->linger.handler = ngx_http_mcp_relay_linger;
        call->linger.data = call;
        call->linger.log = r->connection->log;
        ngx_add_timer(&call->linger, NGX_HTTP_MCP_LINGER);
    }
}


static void
ngx_http_mcp_relay_linger(ngx_event_t *ev)
{
    ngx_http_mcp_call_t *call = ev->data;

    ngx_connection_t  *c;

    c = call->request->connection;

    ngx_http_mcp_relay_write(call->request);
    ngx_http_run_posted_requests(c);
}


/*
 * A cancelled request gets no response (MCP 2025-11-25, "Cancellation"), but
 * HTTP wants an answer: a stream without one.
 */

void
ngx_http_mcp_relay_cancelled(ngx_http_mcp_call_t *call)
{
    ngx_int_t  rc;

    call->finished = 1;

    if (call->partial || (call->started && !call->sse_out)) {
        ngx_http_finalize_request(call->request, NGX_ERROR);
        return;
    }

    call->sse_out = 1;

    if (!call->started
        && ngx_http_mcp_relay_send_header(call, 0) != NGX_OK)
    {
        return;
    }

    rc = ngx_http_mcp_relay_flush(call, 1);

    ngx_http_finalize_request(call->request, rc);
}


/* The stream has begun; the error is its last event. */

static void
ngx_http_mcp_relay_error_event(ngx_http_mcp_call_t *call)
{
    mcp_buf_t  json, event;

    ngx_http_mcp_relay_drop(call);

    mcp_buf_init(&json, &call->arena, 512);
    mcp_reply_error(&json, &call->message.id, &call->fault);

    mcp_buf_init(&event, &call->arena, 512);
    mcp_sse_write(&event, json.data, json.len);

    if (!json.failed && !event.failed
        && ngx_http_mcp_relay_out(call, event.data, event.len) == MCP_OK)
    {
        ngx_http_mcp_relay_release(call);
    }

    call->answered = 1;
}


static ngx_int_t
ngx_http_mcp_relay_send_header(ngx_http_mcp_call_t *call, ngx_uint_t last)
{
    ngx_int_t            rc;
    ngx_str_t            value;
    ngx_http_request_t  *r;

    r = call->request;
    call->started = 1;

    r->headers_out.status = call->out_status;

    if (call->sse_out) {
        ngx_str_set(&r->headers_out.content_type, "text/event-stream");

        /* a proxy in front must not hold events back */

        ngx_str_set(&value, "no");
        rc = ngx_http_mcp_add_header(r, "X-Accel-Buffering", &value);

        if (rc == NGX_OK) {
            ngx_str_set(&value, "no-cache");
            rc = ngx_http_mcp_add_header(r, "Cache-Control", &value);
        }

        if (rc != NGX_OK) {
            call->finished = 1;
            ngx_http_finalize_request(r, NGX_ERROR);
            return NGX_ERROR;
        }

    } else {
        ngx_str_set(&r->headers_out.content_type, "application/json");

        if (last) {
            r->headers_out.content_length_n = call->out_len;
        }
    }

    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK) {
        call->finished = 1;
        ngx_http_finalize_request(r, rc);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_mcp_relay_flush(ngx_http_mcp_call_t *call, ngx_uint_t last)
{
    ngx_int_t                  rc;
    ngx_buf_t                 *b;
    ngx_chain_t               *cl, *out;
    ngx_event_t               *wev;
    ngx_http_request_t        *r;
    ngx_http_core_loc_conf_t  *clcf;

    r = call->request;
    wev = r->connection->write;

    out = call->out;

    if (out != NULL) {
        for (cl = out; cl->next; cl = cl->next) { /* void */ }

        cl->buf->flush = 1;

        if (last) {
            cl->buf->last_buf = 1;
            cl->buf->last_in_chain = 1;
        }

    } else if (last) {
        b = ngx_calloc_buf(r->pool);
        out = ngx_alloc_chain_link(r->pool);

        if (b == NULL || out == NULL) {
            return NGX_ERROR;
        }

        b->last_buf = 1;
        b->last_in_chain = 1;
        out->buf = b;
        out->next = NULL;
    }

    call->out = NULL;
    call->last_out = &call->out;
    call->out_len = 0;

    rc = ngx_http_output_filter(r, out);

    if (rc == NGX_ERROR || last) {
        return rc;
    }

    ngx_chain_update_chains(r->pool, &call->free, &call->busy, &out,
                            (ngx_buf_tag_t) &ngx_http_mcp_module);

    call->queued = 0;

    for (cl = call->busy; cl; cl = cl->next) {
        call->queued += cl->buf->end - cl->buf->start;
    }

    if (!call->done && call->queued < NGX_HTTP_MCP_HIGH / 2) {
        ngx_http_mcp_exchange_resume(call->exchange);
    }

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (ngx_handle_write_event(wev, clcf->send_lowat) != NGX_OK) {
        return NGX_ERROR;
    }

    if (wev->delayed) {
        return NGX_OK;
    }

    if (wev->active && !wev->ready) {
        ngx_add_timer(wev, clcf->send_timeout);

    } else if (wev->timer_set) {
        ngx_del_timer(wev);
    }

    return NGX_OK;
}


/* A client that cannot be written to: what becomes of its call? */

static void
ngx_http_mcp_relay_gone(ngx_http_mcp_call_t *call)
{
    if (call->era == MCP_ERA_LEGACY && !call->done && !call->answered
        && !call->failed)
    {
        call->gone = 1;
        call->busy = NULL;
        ngx_http_mcp_relay_drop_out(call);
        ngx_http_mcp_exchange_resume(call->exchange);
        return;
    }

    call->finished = 1;
    ngx_http_finalize_request(call->request, NGX_ERROR);
}
