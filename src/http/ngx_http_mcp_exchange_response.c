
/* The response to a request to a backend: its head, and its decoded bytes. */


#include "ngx_http_mcp_exchange.h"


static ngx_int_t ngx_http_mcp_process_header(ngx_http_request_t *r);
static ngx_int_t ngx_http_mcp_response_header(ngx_http_mcp_exchange_t *x,
    ngx_http_request_t *r);
static ngx_int_t ngx_http_mcp_header_done(ngx_http_mcp_exchange_t *x,
    ngx_http_request_t *r);
static ngx_int_t ngx_http_mcp_chunked_filter(ngx_http_mcp_exchange_t *x,
    ngx_http_request_t *r, ngx_buf_t *b);


ngx_int_t
ngx_http_mcp_process_status_line(ngx_http_request_t *r)
{
    ngx_int_t                 rc;
    ngx_http_upstream_t      *u;
    ngx_http_mcp_exchange_t  *x;

    x = ngx_http_get_module_ctx(r, ngx_http_mcp_module);
    u = r->upstream;

    rc = ngx_http_parse_status_line(r, &u->buffer, &x->parse);

    if (rc == NGX_AGAIN) {
        return rc;
    }

    if (rc == NGX_ERROR) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "backend \"%V\" sent no valid HTTP/1.0 header",
                      &x->backend->name);
        return NGX_HTTP_UPSTREAM_INVALID_HEADER;
    }

    if (u->state && u->state->status == 0) {
        u->state->status = x->parse.code;
    }

    u->headers_in.status_n = x->parse.code;
    u->headers_in.connection_close = (x->parse.http_version
                                      < NGX_HTTP_VERSION_11);

    u->process_header = ngx_http_mcp_process_header;

    return ngx_http_mcp_process_header(r);
}


static ngx_int_t
ngx_http_mcp_process_header(ngx_http_request_t *r)
{
    ngx_int_t                 rc;
    ngx_http_upstream_t      *u;
    ngx_http_mcp_exchange_t  *x;

    x = ngx_http_get_module_ctx(r, ngx_http_mcp_module);
    u = r->upstream;

    for ( ;; ) {

        rc = ngx_http_parse_header_line(r, &u->buffer, 1);

        if (rc == NGX_OK) {

            if (ngx_http_mcp_response_header(x, r) != NGX_OK) {
                return NGX_HTTP_UPSTREAM_INVALID_HEADER;
            }

            continue;
        }

        if (rc == NGX_HTTP_PARSE_HEADER_DONE) {
            return ngx_http_mcp_header_done(x, r);
        }

        if (rc == NGX_AGAIN) {
            return NGX_AGAIN;
        }

        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "backend \"%V\" sent an invalid header",
                      &x->backend->name);

        return NGX_HTTP_UPSTREAM_INVALID_HEADER;
    }
}


static ngx_int_t
ngx_http_mcp_copy_header(ngx_http_request_t *r, ngx_str_t *to)
{
    to->len = r->header_end - r->header_start;
    to->data = ngx_pnalloc(r->pool, to->len);

    if (to->data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(to->data, r->header_start, to->len);

    return NGX_OK;
}


/*
 * Only what steers the exchange is read; no other header of a backend's, and
 * so none of its X-Accel-* or cookies, has an effect or reaches a client.
 */

static ngx_int_t
ngx_http_mcp_response_header(ngx_http_mcp_exchange_t *x, ngx_http_request_t *r)
{
    off_t                            n;
    ngx_str_t                        name, value;
    ngx_http_upstream_headers_in_t  *in;

    /* nginx keeps 32 bytes of a name in lower case */

    name.data = r->lowcase_header;
    name.len = r->header_name_end - r->header_name_start;
    value.data = r->header_start;
    value.len = r->header_end - r->header_start;

    in = &r->upstream->headers_in;

#define ngx_http_mcp_is(s)                                                    \
    (name.len == sizeof(s) - 1                                                \
     && ngx_memcmp(name.data, s, sizeof(s) - 1) == 0)

    if (ngx_http_mcp_is("content-length")) {

        n = ngx_atoof(value.data, value.len);

        if (n == NGX_ERROR
            || (in->content_length_n != -1 && in->content_length_n != n))
        {
            ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                          "backend \"%V\" sent an invalid \"Content-Length\"",
                          &x->backend->name);
            return NGX_ERROR;
        }

        in->content_length_n = n;
        return NGX_OK;
    }

    if (ngx_http_mcp_is("transfer-encoding")) {

        if (value.len != 7
            || ngx_strncasecmp(value.data, (u_char *) "chunked", 7) != 0
            || in->chunked)
        {
            ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                          "backend \"%V\" sent an unknown "
                          "\"Transfer-Encoding\"", &x->backend->name);
            return NGX_ERROR;
        }

        in->chunked = 1;
        return NGX_OK;
    }

    if (ngx_http_mcp_is("connection")) {

        if (ngx_strlcasestrn(value.data, value.data + value.len,
                             (u_char *) "close", 5 - 1))
        {
            in->connection_close = 1;
        }

        return NGX_OK;
    }

    if (ngx_http_mcp_is("content-type")) {
        return ngx_http_mcp_copy_header(r, &x->content_type);
    }

    if (ngx_http_mcp_is("content-encoding")) {

        if (value.len != 8
            || ngx_strncasecmp(value.data, (u_char *) "identity", 8) != 0)
        {
            ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                          "backend \"%V\" sent a \"Content-Encoding\" that "
                          "was not asked for", &x->backend->name);
            return NGX_ERROR;
        }

        return NGX_OK;
    }

    if (ngx_http_mcp_is("mcp-session-id")) {
        return ngx_http_mcp_copy_header(r, &x->session_id);
    }

    if (ngx_http_mcp_is("retry-after")) {
        x->retry_after = ngx_atotm(value.data, value.len);
        return NGX_OK;
    }

#undef ngx_http_mcp_is

    return NGX_OK;
}


static ngx_http_mcp_body_e
ngx_http_mcp_body_type(ngx_str_t *type)
{
    size_t  n;

    for (n = 0; n < type->len; n++) {
        if (type->data[n] == ';' || type->data[n] == ' '
            || type->data[n] == '\t')
        {
            break;
        }
    }

    if (n == 16
        && (ngx_memcmp(type->data, "application/json", 16) == 0
            || ngx_strncasecmp(type->data, (u_char *) "application/json", 16)
               == 0))
    {
        return NGX_HTTP_MCP_BODY_JSON;
    }

    if (n == 17
        && (ngx_memcmp(type->data, "text/event-stream", 17) == 0
            || ngx_strncasecmp(type->data, (u_char *) "text/event-stream", 17)
               == 0))
    {
        return NGX_HTTP_MCP_BODY_SSE;
    }

    return NGX_HTTP_MCP_BODY_OTHER;
}


static ngx_int_t
ngx_http_mcp_header_done(ngx_http_mcp_exchange_t *x, ngx_http_request_t *r)
{
    ngx_http_upstream_t  *u;

    u = r->upstream;

    if (x->parse.code < 200) {

        if (x->parse.code == 101) {
            return NGX_HTTP_UPSTREAM_INVALID_HEADER;
        }

        /* an interim response: the final one follows */

        u->headers_in.content_length_n = -1;
        u->headers_in.chunked = 0;
        ngx_memzero(&x->parse, sizeof(ngx_http_status_t));
        u->process_header = ngx_http_mcp_process_status_line;
        u->headers_in.status_n = 0;
        if (u->state) {
            u->state->status = 0;
        }
        r->state = 0;

        return ngx_http_mcp_process_status_line(r);
    }

    if (u->headers_in.chunked && u->headers_in.content_length_n != -1) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "backend \"%V\" sent \"Content-Length\" together with "
                      "\"Transfer-Encoding\"", &x->backend->name);
        return NGX_HTTP_UPSTREAM_INVALID_HEADER;
    }

    if (x->parse.code == NGX_HTTP_NO_CONTENT
        || x->parse.code == NGX_HTTP_NOT_MODIFIED)
    {
        u->headers_in.content_length_n = 0;
        u->headers_in.chunked = 0;
    }

    x->status = x->parse.code;
    x->type = ngx_http_mcp_body_type(&x->content_type);

    return NGX_OK;
}


ngx_int_t
ngx_http_mcp_input_filter_init(void *data)
{
    ngx_http_request_t *r = data;

    ngx_http_upstream_t      *u;
    ngx_http_mcp_exchange_t  *x;

    x = ngx_http_get_module_ctx(r, ngx_http_mcp_module);
    u = r->upstream;

    /*
     * Nothing of this response is ever put out by the subrequest itself; with
     * this its output buffer is not even allocated.
     */

    r->headers_out.content_length_n = 0;

    /* ... and no last buffer goes through the filters at its end */

    r->header_only = 1;

    if (u->headers_in.chunked) {
        u->length = 1;

    } else {
        u->length = u->headers_in.content_length_n;

        if (u->length == 0) {
            u->keepalive = !u->headers_in.connection_close;
            x->complete = 1;
        }
    }

    if (x->header != NULL && x->header(x) != NGX_OK) {
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_mcp_input_filter(void *data, ssize_t bytes)
{
    ngx_http_request_t *r = data;

    size_t                    n;
    ngx_buf_t                *b;
    ngx_http_upstream_t      *u;
    ngx_http_mcp_exchange_t  *x;

    x = ngx_http_get_module_ctx(r, ngx_http_mcp_module);
    u = r->upstream;

    b = &u->buffer;
    b->pos = b->last;
    b->last += bytes;

    if (u->headers_in.chunked) {
        return ngx_http_mcp_chunked_filter(x, r, b);
    }

    n = bytes;

    if (u->length != -1) {

        if (bytes > u->length) {
            ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                          "backend \"%V\" sent more data than specified in "
                          "\"Content-Length\" header", &x->backend->name);
            n = (size_t) u->length;
            u->headers_in.connection_close = 1;
        }

        u->length -= n;

        if (u->length == 0) {
            u->keepalive = !u->headers_in.connection_close;
            x->complete = 1;
        }
    }

    return x->body_handler(x, b->pos, n);
}


static ngx_int_t
ngx_http_mcp_chunked_filter(ngx_http_mcp_exchange_t *x, ngx_http_request_t *r,
    ngx_buf_t *b)
{
    size_t                n;
    ngx_int_t             rc;
    ngx_http_upstream_t  *u;

    u = r->upstream;

    for ( ;; ) {

        rc = ngx_http_mcp_parse_chunked(r, b, &x->chunked);

        if (rc == NGX_OK) {

            n = (size_t) ngx_min((off_t) (b->last - b->pos), x->chunked.size);

            if (x->body_handler(x, b->pos, n) != NGX_OK) {
                return NGX_ERROR;
            }

            b->pos += n;
            x->chunked.size -= n;

            continue;
        }

        if (rc == NGX_DONE) {

            if (b->pos != b->last) {
                ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                              "backend \"%V\" sent data after the final chunk",
                              &x->backend->name);
                u->headers_in.connection_close = 1;
            }

            u->length = 0;
            u->keepalive = !u->headers_in.connection_close;
            x->complete = 1;

            return NGX_OK;
        }

        if (rc == NGX_AGAIN) {
            return NGX_OK;
        }

        /* rc == NGX_ERROR */

        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "backend \"%V\" sent an invalid chunked response",
                      &x->backend->name);

        return NGX_ERROR;
    }
}
