
/*
 * A JSON-RPC call of the gateway's own: a request on a connection that exists
 * in memory only carries the exchange.
 */


#include "ngx_http_mcp.h"


static ngx_int_t ngx_http_mcp_fetch_connection(ngx_http_mcp_main_conf_t *mmcf,
    ngx_http_mcp_fetch_t *f, ngx_log_t *log);
static ngx_int_t ngx_http_mcp_fetch_request(ngx_http_mcp_fetch_t *f);
static void ngx_http_mcp_fetch_event(ngx_event_t *ev);
static void ngx_http_mcp_fetch_write(ngx_http_request_t *r);
static ngx_chain_t *ngx_http_mcp_fetch_send_chain(ngx_connection_t *c,
    ngx_chain_t *in, off_t limit);
static ngx_int_t ngx_http_mcp_fetch_header(ngx_http_mcp_exchange_t *x);
static ngx_int_t ngx_http_mcp_fetch_body(ngx_http_mcp_exchange_t *x, u_char *p,
    size_t len);
static ngx_int_t ngx_http_mcp_fetch_append(ngx_http_mcp_fetch_t *f,
    const u_char *p, size_t len);
static ngx_int_t ngx_http_mcp_fetch_sse(ngx_http_mcp_fetch_t *f, u_char *p,
    size_t len);
static void ngx_http_mcp_fetch_event_done(ngx_http_mcp_fetch_t *f);
static void ngx_http_mcp_fetch_done(ngx_http_mcp_exchange_t *x);
static void ngx_http_mcp_fetch_finish(ngx_event_t *ev);
static void ngx_http_mcp_fetch_deadline(ngx_event_t *ev);


static struct sockaddr_in  ngx_http_mcp_fetch_sockaddr;


ngx_int_t
ngx_http_mcp_fetch(ngx_http_mcp_main_conf_t *mmcf, ngx_http_mcp_fetch_t *from,
    ngx_log_t *log)
{
    ngx_pool_t            *pool;
    ngx_http_mcp_fetch_t  *f;

    pool = ngx_create_pool(4096, log);
    if (pool == NULL) {
        return NGX_ERROR;
    }

    f = ngx_pcalloc(pool, sizeof(ngx_http_mcp_fetch_t));
    if (f == NULL) {
        ngx_destroy_pool(pool);
        return NGX_ERROR;
    }

    f->pool = pool;
    f->backend = from->backend;
    f->max = from->max;
    f->idempotent = from->idempotent;
    f->timeout = from->timeout;
    f->data = from->data;
    f->handler = from->handler;

    ngx_http_mcp_arena_init(&f->arena, pool);
    mcp_buf_init(&f->collected, &f->arena, 0);
    f->collected.max = f->max;
    mcp_sse_init(&f->sse);

    f->body.len = from->body.len;
    f->body.data = ngx_pstrdup(pool, &from->body);
    f->headers.len = from->headers.len;
    f->headers.data = ngx_pstrdup(pool, &from->headers);

    if (f->body.data == NULL
        || f->headers.data == NULL
        || ngx_http_mcp_fetch_connection(mmcf, f, log) != NGX_OK)
    {
        ngx_destroy_pool(pool);
        return NGX_ERROR;
    }

    if (ngx_http_mcp_fetch_request(f) != NGX_OK) {
        f->request->logged = 1;
        ngx_http_free_request(f->request, 0);
        ngx_destroy_pool(pool);
        return NGX_ERROR;
    }

    ngx_http_run_posted_requests(f->connection);

    return NGX_OK;
}


static ngx_int_t
ngx_http_mcp_fetch_connection(ngx_http_mcp_main_conf_t *mmcf,
    ngx_http_mcp_fetch_t *f, ngx_log_t *from)
{
    ngx_log_t              *log;
    ngx_event_t            *rev, *wev;
    ngx_connection_t       *c;
    ngx_http_request_t     *r;
    ngx_http_log_ctx_t     *ctx;
    ngx_http_connection_t  *hc;

    c = ngx_pcalloc(f->pool, sizeof(ngx_connection_t));
    rev = ngx_pcalloc(f->pool, sizeof(ngx_event_t));
    wev = ngx_pcalloc(f->pool, sizeof(ngx_event_t));
    log = ngx_palloc(f->pool, sizeof(ngx_log_t));
    ctx = ngx_pcalloc(f->pool, sizeof(ngx_http_log_ctx_t));
    hc = ngx_pcalloc(f->pool, sizeof(ngx_http_connection_t));

    if (c == NULL || rev == NULL || wev == NULL || log == NULL || ctx == NULL
        || hc == NULL)
    {
        return NGX_ERROR;
    }

    *log = *from;
    log->handler = NULL;
    log->data = ctx;
    log->action = NULL;

    ctx->connection = c;
    hc->conf_ctx = mmcf->ctx;

    rev->data = c;
    rev->log = log;
    rev->handler = ngx_http_mcp_fetch_event;
    rev->active = 1;
    rev->ready = 1;

    wev->data = c;
    wev->log = log;
    wev->handler = ngx_http_mcp_fetch_event;
    wev->active = 1;
    wev->ready = 1;
    wev->write = 1;

    c->fd = (ngx_socket_t) -1;
    c->read = rev;
    c->write = wev;
    c->log = log;
    c->pool = f->pool;
    c->data = hc;
    c->number = ngx_atomic_fetch_add(ngx_connection_counter, 1);
    log->connection = c->number;
    c->send_chain = ngx_http_mcp_fetch_send_chain;
    c->tcp_nodelay = NGX_TCP_NODELAY_DISABLED;
    c->tcp_nopush = NGX_TCP_NOPUSH_DISABLED;

    /* $remote_addr and the like may stand in a set_header */

    ngx_http_mcp_fetch_sockaddr.sin_family = AF_INET;
    ngx_http_mcp_fetch_sockaddr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    c->sockaddr = (struct sockaddr *) &ngx_http_mcp_fetch_sockaddr;
    c->socklen = sizeof(struct sockaddr_in);
    c->local_sockaddr = c->sockaddr;
    c->local_socklen = c->socklen;
    ngx_str_set(&c->addr_text, "127.0.0.1");

    r = ngx_http_create_request(c);
    if (r == NULL) {
        return NGX_ERROR;
    }

    /*
     * The count of 1 that the request begins with is ours: nginx never comes
     * to close a connection that has no socket.
     */

    c->data = r;
    f->connection = c;
    f->request = r;

    r->method = NGX_HTTP_POST;
    ngx_str_set(&r->method_name, "POST");
    ngx_str_set(&r->uri, "/mcp");
    r->unparsed_uri = r->uri;
    r->http_state = NGX_HTTP_PROCESS_REQUEST_STATE;
    r->read_event_handler = ngx_http_block_reading;
    r->write_event_handler = ngx_http_mcp_fetch_write;

    return NGX_OK;
}


static ngx_int_t
ngx_http_mcp_fetch_request(ngx_http_mcp_fetch_t *f)
{
    ngx_buf_t                *b;
    ngx_chain_t              *cl;
    ngx_http_mcp_exchange_t  *x;

    x = &f->exchange;

    if (ngx_list_init(&f->request->headers_in.headers, f->pool, 4,
                      sizeof(ngx_table_elt_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    b = ngx_calloc_buf(f->pool);
    cl = ngx_alloc_chain_link(f->pool);

    if (b == NULL || cl == NULL) {
        return NGX_ERROR;
    }

    b->start = f->body.data;
    b->pos = b->start;
    b->last = b->pos + f->body.len;
    b->end = b->last;
    b->memory = 1;
    cl->buf = b;
    cl->next = NULL;

    x->backend = f->backend;
    x->parent = f->request;
    x->body = f->body.len ? cl : NULL;
    x->body_len = f->body.len;
    x->get = f->backend->plain;
    x->delete = (f->body.len == 0 && !x->get);
    x->headers = f->headers;
    x->idempotent = f->idempotent;
    x->data = f;
    x->header = ngx_http_mcp_fetch_header;
    x->body_handler = ngx_http_mcp_fetch_body;
    x->done = ngx_http_mcp_fetch_done;

    if (ngx_http_mcp_exchange_start(x) != NGX_OK) {
        return NGX_ERROR;
    }

    if (f->timeout) {
        f->deadline.handler = ngx_http_mcp_fetch_deadline;
        f->deadline.data = f;
        f->deadline.log = f->connection->log;
        f->deadline.cancelable = 1;

        ngx_add_timer(&f->deadline, f->timeout);
    }

    return NGX_OK;
}


/* A server that sends a byte now and then would hold a run for ever. */

static void
ngx_http_mcp_fetch_deadline(ngx_event_t *ev)
{
    ngx_http_mcp_fetch_t *f = ev->data;

    f->error = "timed out";

    ngx_http_mcp_exchange_abort(&f->exchange);
    ngx_http_mcp_fetch_done(&f->exchange);
}


static void
ngx_http_mcp_fetch_event(ngx_event_t *ev)
{
}


static void
ngx_http_mcp_fetch_write(ngx_http_request_t *r)
{
}


static ngx_chain_t *
ngx_http_mcp_fetch_send_chain(ngx_connection_t *c, ngx_chain_t *in,
    off_t limit)
{
    return NULL;
}


/* --- the answer ---------------------------------------------------------- */


static ngx_int_t
ngx_http_mcp_fetch_header(ngx_http_mcp_exchange_t *x)
{
    return NGX_OK;
}


static ngx_int_t
ngx_http_mcp_fetch_body(ngx_http_mcp_exchange_t *x, u_char *p, size_t len)
{
    ngx_http_mcp_fetch_t *f = x->data;

    if (x->get) {
        return (x->status == NGX_HTTP_OK) ? ngx_http_mcp_fetch_append(f, p, len)
                                          : NGX_OK;
    }

    switch (x->type) {

    case NGX_HTTP_MCP_BODY_SSE:
        return ngx_http_mcp_fetch_sse(f, p, len);

    case NGX_HTTP_MCP_BODY_JSON:
        return ngx_http_mcp_fetch_append(f, p, len);

    default:
        return NGX_OK;
    }
}


static ngx_int_t
ngx_http_mcp_fetch_append(ngx_http_mcp_fetch_t *f, const u_char *p, size_t len)
{
    mcp_buf_append(&f->collected, p, len);

    if (f->collected.failed) {
        f->error = "the answer is too large";
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* A stream may hold notifications before the response: the last one counts. */

static ngx_int_t
ngx_http_mcp_fetch_sse(ngx_http_mcp_fetch_t *f, u_char *p, size_t len)
{
    mcp_sse_token_t       tok;
    const unsigned char  *pos, *end;

    pos = p;
    end = p + len;

    while (mcp_sse_next(&f->sse, &pos, end, &tok) == MCP_OK) {

        if (f->answer.len) {
            continue;
        }

        switch (tok.type) {

        case MCP_SSE_DATA:
            if (ngx_http_mcp_fetch_append(f, tok.start, tok.end - tok.start)
                != NGX_OK)
            {
                return NGX_ERROR;
            }
            break;

        case MCP_SSE_DATA_BREAK:
            if (ngx_http_mcp_fetch_append(f, (u_char *) "\n", 1) != NGX_OK) {
                return NGX_ERROR;
            }
            break;

        case MCP_SSE_EVENT:
            if (tok.foreign) {
                f->collected.len = 0;
            } else {
                ngx_http_mcp_fetch_event_done(f);
            }
            break;

        default:
            break;
        }
    }

    return NGX_OK;
}


static int
ngx_http_mcp_fetch_discard(void *data, const unsigned char *p, size_t len)
{
    return MCP_OK;
}


static ngx_int_t
ngx_http_mcp_fetch_judge(ngx_http_mcp_fetch_t *f)
{
    mcp_relay_t       *re;
    mcp_relay_conf_t   conf;

    if (f->collected.len == 0) {
        return NGX_DECLINED;
    }

    re = ngx_palloc(f->pool, sizeof(mcp_relay_t));
    if (re == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(&conf, sizeof(mcp_relay_conf_t));
    conf.max_depth = MCP_JSON_DEPTH_MAX;

    mcp_relay_init(re, &conf);

    if (mcp_relay_feed(re, f->collected.data, f->collected.len,
                       ngx_http_mcp_fetch_discard, NULL)
        != MCP_OK
        || mcp_relay_finish(re, ngx_http_mcp_fetch_discard,
                            NULL)
        != MCP_DONE)
    {
        return NGX_ERROR;
    }

    if (re->kind != MCP_RELAY_RESULT && re->kind != MCP_RELAY_ERROR) {
        return NGX_DECLINED;
    }

    return NGX_OK;
}


static void
ngx_http_mcp_fetch_event_done(ngx_http_mcp_fetch_t *f)
{
    if (ngx_http_mcp_fetch_judge(f) == NGX_OK) {
        f->answer.data = f->collected.data;
        f->answer.len = f->collected.len;
        return;
    }

    f->collected.len = 0;
}


static void
ngx_http_mcp_fetch_document(ngx_http_mcp_fetch_t *f)
{
    ngx_http_mcp_exchange_t  *x;

    x = &f->exchange;

    if (f->error != NULL || x->status == 0 || !x->complete) {
        return;
    }

    if (x->status != NGX_HTTP_OK) {
        f->error = (x->status >= 300 && x->status < 400)
                   ? "it redirects, which is not followed"
                   : "the answer is not 200";
        return;
    }

    if (f->collected.len == 0) {
        f->error = "the answer is empty";
        return;
    }

    f->answer.data = f->collected.data;
    f->answer.len = f->collected.len;
}


static void
ngx_http_mcp_fetch_done(ngx_http_mcp_exchange_t *x)
{
    ngx_http_mcp_fetch_t *f = x->data;

    if (f->deadline.timer_set) {
        ngx_del_timer(&f->deadline);
    }

    if (x->get) {
        ngx_http_mcp_fetch_document(f);
    }

    if (f->answer.len == 0
        && !x->get
        && x->type == NGX_HTTP_MCP_BODY_JSON
        && x->complete
        && ngx_http_mcp_fetch_judge(f) == NGX_OK)
    {
        f->answer.data = f->collected.data;
        f->answer.len = f->collected.len;
    }

    if (f->error == NULL && f->answer.len == 0) {

        if (x->status == 0) {
            f->error = (x->rc == NGX_HTTP_GATEWAY_TIME_OUT) ? "timed out"
                                                      : "connection failed";
        } else if (!x->complete) {
            f->error = "the answer broke off";

        } else {
            f->error = "no JSON-RPC answer";
        }
    }

    /*
     * The upstream still works with this request when it calls: everything
     * is freed from an event of its own.
     */

    f->finish.handler = ngx_http_mcp_fetch_finish;
    f->finish.data = f;
    f->finish.log = f->connection->log;

    ngx_post_event(&f->finish, &ngx_posted_events);
}


static void
ngx_http_mcp_fetch_finish(ngx_event_t *ev)
{
    ngx_http_mcp_fetch_t *f = ev->data;

    ngx_pool_t          *pool;
    ngx_http_request_t  *r;

    f->handler(f);

    pool = f->pool;
    r = f->request;

    r->logged = 1;
    ngx_http_free_request(r, 0);

    ngx_destroy_pool(pool);
}
