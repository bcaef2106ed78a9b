
/*
 * The call engine: one request to one backend.  It is a background subrequest
 * in memory, whose write handler starts an upstream of our own, so that all
 * that nginx knows of upstreams (balancing, keepalive, TLS, timeouts,
 * $upstream_* variables) serves every call, with or without a client.
 */


#include "ngx_http_mcp_exchange.h"


static void ngx_http_mcp_exchange_handler(ngx_http_request_t *sr);
static void ngx_http_mcp_start_cleanup(void *data);
static void ngx_http_mcp_start_handler(ngx_event_t *ev);
static void ngx_http_mcp_exchange_upstream(ngx_http_request_t *sr);
static ngx_int_t ngx_http_mcp_exchange_done(ngx_http_request_t *sr, void *data,
    ngx_int_t rc);
static ngx_int_t ngx_http_mcp_create_request(ngx_http_request_t *r);
static ngx_int_t ngx_http_mcp_reinit_request(ngx_http_request_t *r);
static void ngx_http_mcp_abort_request(ngx_http_request_t *r);
static void ngx_http_mcp_finalize_request(ngx_http_request_t *r, ngx_int_t rc);


ngx_int_t
ngx_http_mcp_exchange_start(ngx_http_mcp_exchange_t *x)
{
    ngx_http_request_t          *r, *sr;
    ngx_http_post_subrequest_t  *ps;

    static ngx_str_t  uri = ngx_string("/mcp-exchange");

    r = x->parent;

    x->status = 0;
    x->type = NGX_HTTP_MCP_BODY_OTHER;
    x->retry_after = -1;
    x->rc = NGX_ERROR;
    x->complete = 0;
    x->sent = 0;
    x->tried = 0;
    x->paused = 0;
    x->finished = 0;
    ngx_str_null(&x->content_type);
    ngx_str_null(&x->session_id);

    ps = ngx_palloc(r->pool, sizeof(ngx_http_post_subrequest_t));
    if (ps == NULL) {
        return NGX_ERROR;
    }

    ps->handler = ngx_http_mcp_exchange_done;
    ps->data = x;

    if (ngx_http_subrequest(r, &uri, NULL, &sr, ps,
                            NGX_HTTP_SUBREQUEST_IN_MEMORY
                            |NGX_HTTP_SUBREQUEST_BACKGROUND)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    /*
     * No phase is run.  The method is only nginx's notion of whether the
     * request may be passed to a next server once it was sent.
     */

    sr->loc_conf = r->loc_conf;
    sr->method = x->idempotent ? NGX_HTTP_GET : NGX_HTTP_POST;
    sr->request_body = NULL;
    sr->write_event_handler = ngx_http_mcp_exchange_handler;

    ngx_http_set_ctx(sr, x, ngx_http_mcp_module);

    x->request = sr;
    x->started = 1;

    return NGX_OK;
}


/*
 * The requests of one turn of the event loop go out together, after all that
 * came in was read: a backend is woken once for many of them, and the code of
 * each half stays in the processor's caches.
 */

static void
ngx_http_mcp_exchange_handler(ngx_http_request_t *sr)
{
    ngx_http_cleanup_t       *cln;
    ngx_http_mcp_exchange_t  *x;

    x = ngx_http_get_module_ctx(sr, ngx_http_mcp_module);

    sr->write_event_handler = ngx_http_request_empty_handler;

    cln = ngx_http_cleanup_add(sr, 0);
    if (cln == NULL) {
        ngx_http_finalize_request(sr, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    cln->handler = ngx_http_mcp_start_cleanup;
    cln->data = x;

    x->start.handler = ngx_http_mcp_start_handler;
    x->start.data = sr;
    x->start.log = sr->connection->log;

    ngx_post_event(&x->start, &ngx_posted_events);
}


static void
ngx_http_mcp_start_cleanup(void *data)
{
    ngx_http_mcp_exchange_t *x = data;

    if (x->start.posted) {
        ngx_delete_posted_event(&x->start);
    }
}


static void
ngx_http_mcp_start_handler(ngx_event_t *ev)
{
    ngx_http_request_t *sr = ev->data;

    ngx_connection_t  *c;

    c = sr->connection;

    ngx_http_mcp_exchange_upstream(sr);

    ngx_http_run_posted_requests(c);
}


static void
ngx_http_mcp_exchange_upstream(ngx_http_request_t *sr)
{
    ngx_http_upstream_t      *u;
    ngx_http_mcp_exchange_t  *x;

    x = ngx_http_get_module_ctx(sr, ngx_http_mcp_module);

    if (ngx_http_upstream_create(sr) != NGX_OK) {
        ngx_http_finalize_request(sr, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    u = sr->upstream;

    /* connections are kept by the address of conf: it is the backend's own */

    u->conf = &x->backend->upstream;
#if (NGX_HTTP_SSL)
    u->ssl = x->backend->ssl;
#endif
    if (x->backend->ssl) {
        ngx_str_set(&u->schema, "https://");
    } else {
        ngx_str_set(&u->schema, "http://");
    }

    if (x->backend->resolve) {

        u->resolved = ngx_pcalloc(sr->pool,
                                  sizeof(ngx_http_upstream_resolved_t));
        if (u->resolved == NULL) {
            ngx_http_finalize_request(sr, NGX_HTTP_INTERNAL_SERVER_ERROR);
            return;
        }

        u->resolved->host = x->backend->resolve_host;
        u->resolved->port = x->backend->port;
    }

    u->output.tag = (ngx_buf_tag_t) &ngx_http_mcp_module;
    u->buffering = 0;

    if (x->buffer != NULL) {
        u->buffer.start = x->buffer;
        u->buffer.pos = u->buffer.start;
        u->buffer.last = u->buffer.start;
        u->buffer.end = u->buffer.start + x->backend->upstream.buffer_size;
        u->buffer.temporary = 1;
        u->buffer.tag = u->output.tag;
    }

    u->create_request = ngx_http_mcp_create_request;
    u->reinit_request = ngx_http_mcp_reinit_request;
    u->process_header = ngx_http_mcp_process_status_line;
    u->abort_request = ngx_http_mcp_abort_request;
    u->finalize_request = ngx_http_mcp_finalize_request;

    u->input_filter_init = ngx_http_mcp_input_filter_init;
    u->input_filter = ngx_http_mcp_input_filter;
    u->input_filter_ctx = sr;

    sr->state = 0;
    ngx_memzero(&x->parse, sizeof(ngx_http_status_t));
    ngx_memzero(&x->chunked, sizeof(ngx_http_chunked_t));

    ngx_http_upstream_init(sr);
}


/*
 * Whatever happened is in the exchange; for nginx all is well, or it would
 * make an error page of it and come here again.
 */

static ngx_int_t
ngx_http_mcp_exchange_done(ngx_http_request_t *sr, void *data, ngx_int_t rc)
{
    ngx_http_mcp_exchange_t *x = data;

    ngx_uint_t                  n;
    ngx_http_request_t         *r;
    ngx_http_upstream_state_t  *state;

    if (x->finished) {
        return NGX_OK;
    }

    x->finished = 1;
    x->request = NULL;

    if (x->rc == NGX_OK && rc != NGX_OK) {
        x->rc = rc;
    }

    r = x->parent;

    /* $upstream_* variables are looked up in the client's request */

    if (sr->upstream_states) {

        if (r->upstream_states == NULL) {
            r->upstream_states = sr->upstream_states;

        } else {
            n = sr->upstream_states->nelts;

            state = ngx_array_push_n(r->upstream_states, n);
            if (state) {
                ngx_memcpy(state, sr->upstream_states->elts,
                           n * sizeof(ngx_http_upstream_state_t));
            }
        }
    }

    x->done(x);

    return NGX_OK;
}


/*
 * While an exchange is paused its read events come to nothing.  It is not
 * enough to leave the socket unread: with edge-triggered events each arrival
 * would make nginx read on.
 */

static void
ngx_http_mcp_paused_handler(ngx_http_request_t *r, ngx_http_upstream_t *u)
{
    /* it is the client that is slow: its own timeout counts */

    u->peer.connection->read->timedout = 0;
}


void
ngx_http_mcp_exchange_pause(ngx_http_mcp_exchange_t *x)
{
    ngx_http_upstream_t  *u;

    if (x->paused || x->request == NULL) {
        return;
    }

    u = x->request->upstream;

    if (u == NULL || u->peer.connection == NULL) {
        return;
    }

    x->paused = 1;
    x->read_handler = u->read_event_handler;

    u->read_event_handler = ngx_http_mcp_paused_handler;
    u->peer.connection->read->ready = 0;
}


void
ngx_http_mcp_exchange_resume(ngx_http_mcp_exchange_t *x)
{
    ngx_http_upstream_t  *u;

    if (!x->paused) {
        return;
    }

    x->paused = 0;

    if (x->request == NULL) {
        return;
    }

    u = x->request->upstream;

    if (u == NULL || u->peer.connection == NULL) {
        return;
    }

    u->read_event_handler = x->read_handler;
    u->peer.connection->read->ready = 1;

    ngx_post_event(u->peer.connection->read, &ngx_posted_events);
}


void
ngx_http_mcp_exchange_abort(ngx_http_mcp_exchange_t *x)
{
    ngx_http_request_t   *sr;
    ngx_http_upstream_t  *u;

    if (x->finished || x->request == NULL) {
        return;
    }

    sr = x->request;
    x->finished = 1;
    x->request = NULL;

    u = sr->upstream;

    if (u != NULL && u->cleanup != NULL) {

        /* as if the request's pool was cleaned up: the upstream lets go */

        (*u->cleanup)(sr);
        return;
    }

    /* it has not come to the upstream yet */

    ngx_http_mcp_start_cleanup(x);

    sr->write_event_handler = ngx_http_request_empty_handler;
    ngx_http_finalize_request(sr, NGX_OK);
}


/* --- the request --------------------------------------------------------- */


static ngx_int_t
ngx_http_mcp_header_value(ngx_http_request_t *r, ngx_http_mcp_header_t *h,
    ngx_str_t *value)
{
    size_t  i;

    if (ngx_http_complex_value(r, &h->value, value) != NGX_OK) {
        return NGX_ERROR;
    }

    for (i = 0; i < value->len; i++) {
        if (value->data[i] == CR || value->data[i] == LF
            || value->data[i] == '\0')
        {
            ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                          "the value of \"set_header %V\" has a line break, "
                          "the request is not sent", &h->key);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_mcp_create_request(ngx_http_request_t *r)
{
    size_t                    len;
    ngx_buf_t                *b;
    ngx_str_t                *value;
    ngx_uint_t                i, n;
    ngx_chain_t              *cl;
    ngx_http_mcp_header_t    *h;
    ngx_http_mcp_backend_t   *be;
    ngx_http_mcp_exchange_t  *x;

    x = ngx_http_get_module_ctx(r, ngx_http_mcp_module);
    be = x->backend;

    n = be->headers ? be->headers->nelts : 0;
    h = be->headers ? be->headers->elts : NULL;
    value = NULL;

    len = sizeof("DELETE  HTTP/1.1" CRLF) - 1 + be->request_line.len
          + sizeof("Content-Length: " CRLF CRLF) - 1 + NGX_OFF_T_LEN
          + x->headers.len;

    if (n) {
        value = ngx_pnalloc(r->pool, n * sizeof(ngx_str_t));
        if (value == NULL) {
            return NGX_ERROR;
        }

        for (i = 0; i < n; i++) {
            if (ngx_http_mcp_header_value(r->main, &h[i], &value[i])
                != NGX_OK)
            {
                return NGX_ERROR;
            }

            len += h[i].key.len + value[i].len + sizeof(": " CRLF) - 1;
        }
    }

    /* a small body goes out in one piece with the header */

    if (x->body_len <= NGX_HTTP_MCP_SMALL) {
        len += x->body_len;
    }

    b = ngx_create_temp_buf(r->pool, len);
    if (b == NULL) {
        return NGX_ERROR;
    }

    cl = ngx_alloc_chain_link(r->pool);
    if (cl == NULL) {
        return NGX_ERROR;
    }

    cl->buf = b;
    cl->next = NULL;

    if (x->delete) {
        b->last = ngx_cpymem(b->last, "DELETE ", 7);

    } else if (x->get) {
        b->last = ngx_cpymem(b->last, "GET ", 4);

    } else {
        b->last = ngx_cpymem(b->last, "POST ", 5);
    }

    b->last = ngx_cpymem(b->last, be->request_line.data, be->request_line.len);

    for (i = 0; i < n; i++) {
        if (value[i].len == 0) {
            continue;
        }

        b->last = ngx_cpymem(b->last, h[i].key.data, h[i].key.len);
        *b->last++ = ':'; *b->last++ = ' ';
        b->last = ngx_cpymem(b->last, value[i].data, value[i].len);
        *b->last++ = CR; *b->last++ = LF;
    }

    b->last = ngx_cpymem(b->last, x->headers.data, x->headers.len);

    if (!x->delete && !x->get) {
        b->last = ngx_cpymem(b->last, "Content-Length: ", 16);
        b->last = ngx_http_mcp_uint(b->last, x->body_len);
        *b->last++ = CR; *b->last++ = LF;
    }

    *b->last++ = CR; *b->last++ = LF;

    if (x->body_len <= NGX_HTTP_MCP_SMALL) {
        for ( /* void */ ; x->body; x->body = x->body->next) {
            b->last = ngx_cpymem(b->last, x->body->buf->pos,
                                 ngx_buf_size(x->body->buf));
        }

    } else {
        cl->next = x->body;

        for (b = cl->buf; x->body; x->body = x->body->next) {
            b = x->body->buf;
        }
    }

    /* or TLS would keep the end of it for a full record */

    b->flush = 1;

    r->upstream->request_bufs = cl;

    return NGX_OK;
}


static ngx_int_t
ngx_http_mcp_reinit_request(ngx_http_request_t *r)
{
    ngx_http_mcp_exchange_t  *x;

    x = ngx_http_get_module_ctx(r, ngx_http_mcp_module);

    x->status = 0;
    ngx_memzero(&x->parse, sizeof(ngx_http_status_t));
    ngx_memzero(&x->chunked, sizeof(ngx_http_chunked_t));

    r->upstream->process_header = ngx_http_mcp_process_status_line;
    r->state = 0;

    return NGX_OK;
}


static void
ngx_http_mcp_abort_request(ngx_http_request_t *r)
{
}


static void
ngx_http_mcp_finalize_request(ngx_http_request_t *r, ngx_int_t rc)
{
    ngx_http_mcp_exchange_t  *x;

    x = ngx_http_get_module_ctx(r, ngx_http_mcp_module);

    x->rc = rc;
    x->tried = 1;
    x->sent = r->upstream->request_sent;

    if (rc == NGX_OK && x->status != 0) {
        x->complete = 1;
    }
}
