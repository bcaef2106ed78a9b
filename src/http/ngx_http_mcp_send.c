
/* Whole answers of the gateway's own. */


#include "ngx_http_mcp.h"


ngx_int_t
ngx_http_mcp_add_header(ngx_http_request_t *r, const char *key,
    ngx_str_t *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->hash = 1;
    h->key.data = (u_char *) key;
    h->key.len = ngx_strlen(key);
    h->value = *value;
    ngx_http_mcp_header_init(h);

    return NGX_OK;
}


static ngx_int_t
ngx_http_mcp_send_header(ngx_http_mcp_call_t *call)
{
    if (call->session_id.len != 0
        && ngx_http_mcp_add_header(call->request, "Mcp-Session-Id",
                                   &call->session_id)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_send_header(call->request);
}


/*
 * A client's bytes as they may stand in a log line: at most 128 of them, no
 * line ends, quotes or terminal controls.
 */

ngx_str_t
ngx_http_mcp_loggable(ngx_pool_t *pool, const mcp_str_t *text)
{
    size_t      i;
    u_char     *p, ch;
    ngx_str_t   s;

    static const u_char  hex[] = "0123456789ABCDEF";

    ngx_str_set(&s, "-");

    p = ngx_pnalloc(pool, 4 * 128);
    if (p == NULL) {
        return s;
    }

    s.data = p;

    for (i = 0; i < text->len && i < 128; i++) {
        ch = text->data[i];

        if (ch >= 0x20 && ch < 0x7f && ch != '"' && ch != '\\') {
            *p++ = ch;
            continue;
        }

        *p++ = '\\';
        *p++ = 'x';
        *p++ = hex[ch >> 4];
        *p++ = hex[ch & 0xf];
    }

    s.len = p - s.data;

    return s;
}


void
ngx_http_mcp_send_json(ngx_http_mcp_call_t *call, ngx_uint_t status,
    mcp_buf_t *json)
{
    ngx_int_t            rc;
    ngx_buf_t           *b;
    ngx_chain_t          out;
    ngx_http_request_t  *r;

    r = call->request;

    b = ngx_calloc_buf(r->pool);

    if (b == NULL || json->failed) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    r->headers_out.status = status;
    r->headers_out.content_length_n = json->len;
    ngx_str_set(&r->headers_out.content_type, "application/json");
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;

    rc = ngx_http_mcp_send_header(call);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        ngx_http_finalize_request(r, rc);
        return;
    }

    b->pos = json->data;
    b->last = json->data + json->len;
    b->memory = 1;
    b->last_buf = 1;
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    ngx_http_finalize_request(r, ngx_http_output_filter(r, &out));
}


void
ngx_http_mcp_send_fault(ngx_http_mcp_call_t *call, mcp_fault_t *fault)
{
    mcp_buf_t  b;
    ngx_str_t  text;

    call->error_code = fault->code;

    if (call->outcome == NGX_HTTP_MCP_OUTCOME_NONE) {
        call->outcome = NGX_HTTP_MCP_INVALID;
    }

    if (call->reason.len == 0) {
        call->reason = ngx_http_mcp_str(&fault->message);
    }

    text = ngx_http_mcp_loggable(call->request->pool, &fault->message);

    ngx_log_error(NGX_LOG_INFO, call->request->connection->log, 0,
                  "mcp call %*s is refused with %d: %V",
                  sizeof(call->uuid), call->uuid, fault->code, &text);

    mcp_buf_init(&b, &call->arena, 256);
    mcp_reply_error(&b, &call->message.id, fault);

    ngx_http_mcp_send_json(call, fault->status, &b);
}


void
ngx_http_mcp_send_empty(ngx_http_mcp_call_t *call, ngx_uint_t status)
{
    ngx_int_t            rc;
    ngx_http_request_t  *r;

    r = call->request;

    r->headers_out.status = status;
    r->headers_out.content_length_n = (status == NGX_HTTP_NO_CONTENT) ? -1 : 0;
    r->header_only = 1;

    rc = ngx_http_mcp_send_header(call);

    ngx_http_finalize_request(r, rc);
}
