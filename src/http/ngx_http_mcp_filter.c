
/*
 * nginx's own error pages (413 for a body too large, 429 of limit_req, 401 of
 * auth_basic and the like): to an MCP client they come as JSON-RPC errors,
 * since it cannot read HTML.  Pages that the operator chose with error_page
 * are left as they are.
 */


#include "ngx_http_mcp.h"


typedef struct {
    ngx_uint_t                   status;
    const char                  *text;
} ngx_http_mcp_page_text_t;


static ngx_int_t ngx_http_mcp_header_filter(ngx_http_request_t *r);
static ngx_int_t ngx_http_mcp_body_filter(ngx_http_request_t *r,
    ngx_chain_t *in);
static const char *ngx_http_mcp_page_text(ngx_uint_t status);


static ngx_http_output_header_filter_pt  ngx_http_next_header_filter;
static ngx_http_output_body_filter_pt    ngx_http_next_body_filter;


static ngx_http_mcp_page_text_t  ngx_http_mcp_page_texts[] = {
    { 400, "the HTTP request is malformed" },
    { 401, "the request needs credentials" },
    { 403, "access is denied" },
    { 408, "the request did not come in time" },
    { 413, "the message is larger than this server takes" },
    { 414, "the URL is too long" },
    { 429, "too many requests; try again later" },
    { 431, "the request header is too large" },
    { 494, "the request header is too large" },
    { 503, "the server is busy; try again later" },
    { 0, "the request could not be processed" }
};


ngx_int_t
ngx_http_mcp_filter_init(ngx_conf_t *cf)
{
    ngx_http_mcp_main_conf_t  *mmcf;

    mmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_mcp_module);

    if (mmcf->passes.nelts == 0) {
        return NGX_OK;
    }

    ngx_http_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_http_mcp_header_filter;

    ngx_http_next_body_filter = ngx_http_top_body_filter;
    ngx_http_top_body_filter = ngx_http_mcp_body_filter;

    return NGX_OK;
}


static ngx_int_t
ngx_http_mcp_header_filter(ngx_http_request_t *r)
{
    mcp_buf_t                  b;
    mcp_str_t                  none;
    mcp_fault_t                fault;
    ngx_http_mcp_call_t       *call;
    ngx_http_core_loc_conf_t  *clcf;

    static ngx_str_t  html = ngx_string("text/html");

    if (r->headers_out.status < NGX_HTTP_BAD_REQUEST || r != r->main) {
        return ngx_http_next_header_filter(r);
    }

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (clcf->handler != ngx_http_mcp_handler
        || r->headers_out.content_type.len != html.len
        || ngx_strncmp(r->headers_out.content_type.data, html.data, html.len)
           != 0)
    {
        return ngx_http_next_header_filter(r);
    }

    call = ngx_http_mcp_get_call(r);
    if (call == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(&fault, sizeof(mcp_fault_t));
    fault.code = (int) (r->headers_out.status == 494 ? 431
                                                     : r->headers_out.status);
    fault.message.data = (u_char *)
                         (call->refused ? call->refused
                          : ngx_http_mcp_page_text(r->headers_out.status));
    fault.message.len = ngx_strlen(fault.message.data);

    ngx_memzero(&none, sizeof(mcp_str_t));

    mcp_buf_init(&b, &call->arena, 256);
    mcp_reply_error(&b, call->parsed ? &call->message.id : &none, &fault);

    if (b.failed) {
        return NGX_ERROR;
    }

    call->page.data = b.data;
    call->page.len = b.len;
    call->error_code = fault.code;

    if (call->outcome == NGX_HTTP_MCP_OUTCOME_NONE) {
        call->outcome = (fault.code == NGX_HTTP_UNAUTHORIZED
                         || fault.code == NGX_HTTP_FORBIDDEN)
                        ? NGX_HTTP_MCP_DENIED : NGX_HTTP_MCP_INVALID;
    }

    ngx_str_set(&r->headers_out.content_type, "application/json");
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;

    ngx_http_clear_content_length(r);
    r->headers_out.content_length_n = b.len;

    return ngx_http_next_header_filter(r);
}


static ngx_int_t
ngx_http_mcp_body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_buf_t            *b;
    ngx_uint_t            last;
    ngx_chain_t          *cl, *out;
    ngx_http_mcp_call_t  *call;

    if (r != r->main || in == NULL) {
        return ngx_http_next_body_filter(r, in);
    }

    call = ngx_http_get_module_ctx(r, ngx_http_mcp_module);

    if (call == NULL || call->page.len == 0) {
        return ngx_http_next_body_filter(r, in);
    }

    /* the page comes in several buffers: only the last one counts */

    last = 0;

    for (cl = in; cl; cl = cl->next) {
        last |= cl->buf->last_buf;
        cl->buf->pos = cl->buf->last;
    }

    if (!last) {
        return NGX_OK;
    }

    b = ngx_calloc_buf(r->pool);
    out = ngx_alloc_chain_link(r->pool);

    if (b == NULL || out == NULL) {
        return NGX_ERROR;
    }

    b->pos = call->page.data;
    b->last = b->pos + call->page.len;
    b->memory = 1;
    b->last_buf = 1;
    b->last_in_chain = 1;

    out->buf = b;
    out->next = NULL;

    ngx_str_null(&call->page);

    return ngx_http_next_body_filter(r, out);
}


static const char *
ngx_http_mcp_page_text(ngx_uint_t status)
{
    ngx_http_mcp_page_text_t  *page;

    for (page = ngx_http_mcp_page_texts; page->status; page++) {
        if (page->status == status) {
            break;
        }
    }

    return page->text;
}
