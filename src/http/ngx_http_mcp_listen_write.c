
/* Streams of notifications: what goes over them, and how they end. */


#include "ngx_http_mcp_listen.h"


static void ngx_http_mcp_stream_write(ngx_http_mcp_stream_t *st,
    mcp_buf_t *text, ngx_uint_t last);
static void ngx_http_mcp_stream_sent(ngx_http_mcp_stream_t *st);


/* NGX_ERROR: no memory, and the request is closed. */

static ngx_int_t
ngx_http_mcp_stream_text(ngx_http_mcp_stream_t *st, mcp_arena_t *arena)
{
    st->text = ngx_create_pool(1024, st->call->request->connection->log);

    if (st->text == NULL) {
        ngx_http_finalize_request(st->call->request, NGX_ERROR);
        return NGX_ERROR;
    }

    ngx_http_mcp_arena_init(arena, st->text);

    return NGX_OK;
}


void
ngx_http_mcp_stream_notify(ngx_http_mcp_stream_t *st)
{
    mcp_buf_t    b;
    mcp_arena_t  arena;

    if (st->blocked || ngx_http_mcp_stream_text(st, &arena) != NGX_OK) {
        return;
    }

    mcp_buf_init(&b, &arena, 512);

    if (st->id.len != 0 && !st->acknowledged) {
        mcp_listen_acknowledged(&b, &st->id, st->kinds);
        st->acknowledged = 1;
    }

    mcp_listen_changed(&b, &st->id, st->pending,
                       st->id.len == 0 ? st->digest : NULL);
    st->pending = 0;

    ngx_http_mcp_stream_write(st, &b, 0);
}


void
ngx_http_mcp_stream_prime(ngx_http_mcp_stream_t *st)
{
    mcp_buf_t    b;
    mcp_arena_t  arena;

    if (ngx_http_mcp_stream_text(st, &arena) != NGX_OK) {
        return;
    }

    mcp_buf_init(&b, &arena, 128);
    mcp_listen_prime(&b, st->digest);

    ngx_http_mcp_stream_write(st, &b, 0);
}


void
ngx_http_mcp_stream_keepalive(ngx_http_mcp_stream_t *st)
{
    mcp_buf_t  b;

    if (st->blocked) {
        return;
    }

    ngx_memzero(&b, sizeof(mcp_buf_t));
    b.data = (u_char *) ":\n\n";
    b.len = 3;

    ngx_http_mcp_stream_write(st, &b, 0);
}


/*
 * A leaving worker lingers on each connection that had a body, and so would
 * stay five seconds more; but this one was read to its last byte.
 */

static void
ngx_http_mcp_stream_unlinger(ngx_http_request_t *r)
{
    u_char             byte;
    ngx_connection_t  *c;

    c = r->connection;

#if (NGX_HTTP_SSL)

    if (c->ssl && SSL_pending(c->ssl->connection) != 0) {
        return;
    }

#endif

    if (recv(c->fd, &byte, 1, MSG_PEEK) == -1
        && ngx_socket_errno == NGX_EAGAIN)
    {
        c->read->ready = 0;
        r->lingering_close = 0;
    }
}


/* One that does not read is not waited for: it gets no proper end. */

void
ngx_http_mcp_stream_end(ngx_http_mcp_stream_t *st)
{
    mcp_buf_t            b;
    mcp_arena_t          arena;
    ngx_http_request_t  *r;

    r = st->call->request;

    if (st->blocked) {
        ngx_http_finalize_request(r, NGX_ERROR);
        return;
    }

    if (ngx_http_mcp_stream_text(st, &arena) != NGX_OK) {
        return;
    }

    mcp_buf_init(&b, &arena, 512);
    mcp_listen_end(&b, &st->id);

    ngx_http_mcp_stream_unlinger(r);

    ngx_http_mcp_streams_remove(st);
    ngx_http_mcp_stream_write(st, &b, 1);
}


static void
ngx_http_mcp_stream_write(ngx_http_mcp_stream_t *st, mcp_buf_t *text,
    ngx_uint_t last)
{
    ngx_int_t            rc;
    ngx_buf_t           *b;
    ngx_chain_t          out;
    ngx_http_request_t  *r;

    r = st->call->request;

    if (text->failed) {
        ngx_http_finalize_request(r, NGX_ERROR);
        return;
    }

    b = &st->buf;
    ngx_memzero(b, sizeof(ngx_buf_t));

    if (text->len != 0) {
        b->start = text->data;
        b->pos = text->data;
        b->last = text->data + text->len;
        b->end = b->last;
        b->memory = 1;
    }

    b->flush = 1;
    b->last_buf = last;
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    st->said = ngx_current_msec;
    st->blocked = 1;

    rc = ngx_http_output_filter(r, &out);

    if (rc == NGX_ERROR || last) {
        ngx_http_finalize_request(r, rc);
        return;
    }

    ngx_http_mcp_stream_sent(st);
}


/* Looks whether all was sent; if not, the writer is called. */

static void
ngx_http_mcp_stream_sent(ngx_http_mcp_stream_t *st)
{
    ngx_event_t               *wev;
    ngx_connection_t          *c;
    ngx_http_request_t        *r;
    ngx_http_core_loc_conf_t  *clcf;

    r = st->call->request;
    c = r->connection;
    wev = c->write;

    if (ngx_buf_size(&st->buf) != 0 || r->buffered || c->buffered) {

        clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

        if (!wev->delayed) {
            ngx_add_timer(wev, clcf->send_timeout);
        }

        if (ngx_handle_write_event(wev, clcf->send_lowat) != NGX_OK) {
            ngx_http_finalize_request(r, NGX_ERROR);
        }

        return;
    }

    if (wev->timer_set && !wev->delayed) {
        ngx_del_timer(wev);
    }

    st->blocked = 0;

    if (st->text) {
        ngx_destroy_pool(st->text);
        st->text = NULL;
    }
}


void
ngx_http_mcp_stream_writer(ngx_http_request_t *r)
{
    ngx_event_t            *wev;
    ngx_http_mcp_stream_t  *st;

    wev = r->connection->write;
    st = ngx_http_get_module_ctx(r, ngx_http_mcp_listen_module);

    if (wev->timedout) {
        ngx_log_error(NGX_LOG_INFO, r->connection->log, NGX_ETIMEDOUT,
                      "client timed out");
        r->connection->timedout = 1;
        ngx_http_finalize_request(r, NGX_HTTP_REQUEST_TIME_OUT);
        return;
    }

    if (!st->blocked || wev->delayed) {
        return;
    }

    if (ngx_http_output_filter(r, NULL) == NGX_ERROR) {
        ngx_http_finalize_request(r, NGX_ERROR);
        return;
    }

    ngx_http_mcp_stream_sent(st);
}


void
ngx_http_mcp_stream_cleanup(void *data)
{
    ngx_http_mcp_stream_t *st = data;

    ngx_http_mcp_streams_remove(st);

    if (st->text) {
        ngx_destroy_pool(st->text);
        st->text = NULL;
    }
}
