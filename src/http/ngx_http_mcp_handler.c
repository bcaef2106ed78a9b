
/*
 * The content handler: HTTP's side of a request, until its body is a parsed
 * message.
 */


#include "ngx_http_mcp.h"


typedef struct {
    ngx_str_t                    name;
    size_t                       offset;     /* in ngx_http_mcp_headers_t */
} ngx_http_mcp_header_name_t;


static void ngx_http_mcp_read_headers(ngx_http_mcp_call_t *call);
static ngx_int_t ngx_http_mcp_refuse(ngx_http_mcp_call_t *call,
    ngx_uint_t status, ngx_int_t code, const char *text);
static ngx_int_t ngx_http_mcp_delete(ngx_http_mcp_call_t *call);
static ngx_int_t ngx_http_mcp_media_type(ngx_str_t *type);
static void ngx_http_mcp_read_accept(ngx_http_mcp_call_t *call);
static void ngx_http_mcp_body_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_mcp_body(ngx_http_request_t *r, ngx_str_t *text);


#define ngx_http_mcp_header_field(name, field)                                \
    { ngx_string(name), offsetof(ngx_http_mcp_headers_t, field) }


/* a second one of any of these is refused: nginx itself would pass it */

static ngx_http_mcp_header_name_t  ngx_http_mcp_header_names[] = {
    ngx_http_mcp_header_field("accept", accept),
    ngx_http_mcp_header_field("content-encoding", content_encoding),
    ngx_http_mcp_header_field("content-type", content_type),
    ngx_http_mcp_header_field("last-event-id", last_event),
    ngx_http_mcp_header_field("mcp-method", method),
    ngx_http_mcp_header_field("mcp-name", name),
    ngx_http_mcp_header_field("mcp-protocol-version", version),
    ngx_http_mcp_header_field("mcp-session-id", session),
    ngx_http_mcp_header_field("origin", origin),
    ngx_http_mcp_header_field("traceparent", traceparent),
    ngx_http_mcp_header_field("tracestate", tracestate),
    { ngx_null_string, 0 }
};


ngx_int_t
ngx_http_mcp_handler(ngx_http_request_t *r)
{
    ngx_int_t             rc;
    ngx_str_t             allow;
    const char           *reason;
    ngx_http_mcp_call_t  *call;

    /* a call that was dispatched is never started anew by a redirect */

    if (r != r->main) {
        return NGX_HTTP_FORBIDDEN;
    }

    call = ngx_http_mcp_get_call(r);
    if (call == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_mcp_read_headers(call);

    if (ngx_http_mcp_origin_check(r, &call->in.origin, &reason) != NGX_OK) {
        call->outcome = NGX_HTTP_MCP_DENIED;
        return ngx_http_mcp_refuse(call, NGX_HTTP_FORBIDDEN, 403, reason);
    }

    rc = ngx_http_mcp_identify(call);

    switch (rc) {

    case NGX_OK:
        break;

    case NGX_DECLINED:
        call->outcome = NGX_HTTP_MCP_DENIED;
        return ngx_http_mcp_refuse(call, NGX_HTTP_FORBIDDEN, 403,
                                   "the name or the roles that this client "
                                   "was given cannot be used; the gateway's "
                                   "error log says why");

    case NGX_ERROR:
        return NGX_HTTP_INTERNAL_SERVER_ERROR;

    default:
        call->outcome = NGX_HTTP_MCP_DENIED;
        return rc;
    }

    if (call->in.duplicate.data != NULL) {
        return ngx_http_mcp_refuse(call, NGX_HTTP_BAD_REQUEST, MCP_E_REQUEST,
                                   "a header that may stand only once was "
                                   "sent twice");
    }

    if (r->method == NGX_HTTP_DELETE) {
        return ngx_http_mcp_delete(call);
    }

    if (r->method == NGX_HTTP_GET && ngx_http_mcp_listen_on(r)) {
        return ngx_http_mcp_listen_get(call);
    }

    if (r->method != NGX_HTTP_POST) {

        if (ngx_http_mcp_listen_on(r)) {
            ngx_str_set(&allow, "POST, GET, DELETE");

        } else {
            ngx_str_set(&allow, "POST, DELETE");
        }

        if (ngx_http_mcp_add_header(r, "Allow", &allow) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        return ngx_http_mcp_refuse(call, NGX_HTTP_NOT_ALLOWED, 405,
                                   "send MCP messages with POST");
    }

    if (ngx_http_mcp_media_type(&call->in.content_type) != NGX_OK) {
        return ngx_http_mcp_refuse(call, NGX_HTTP_UNSUPPORTED_MEDIA_TYPE, 415,
                                   "send the message as Content-Type: "
                                   "application/json, in UTF-8");
    }

    if (call->in.content_encoding.len != 0
        && (call->in.content_encoding.len != 8
            || ngx_strncasecmp(call->in.content_encoding.data,
                               (u_char *) "identity", 8)
               != 0))
    {
        return ngx_http_mcp_refuse(call, NGX_HTTP_UNSUPPORTED_MEDIA_TYPE, 415,
                                   "compressed requests are not accepted; "
                                   "leave out Content-Encoding");
    }

    r->request_body_in_single_buf = 1;

    rc = ngx_http_read_client_request_body(r, ngx_http_mcp_body_handler);

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        return rc;
    }

    return NGX_DONE;
}


/* RFC 9110, 5.6.3: nginx takes away the spaces, not the tabs */

ngx_str_t
ngx_http_mcp_trim(ngx_str_t *value)
{
    ngx_str_t  s;

    s = *value;

    while (s.len && (s.data[0] == ' ' || s.data[0] == '\t')) {
        s.data++;
        s.len--;
    }

    while (s.len && (s.data[s.len - 1] == ' ' || s.data[s.len - 1] == '\t')) {
        s.len--;
    }

    return s;
}


static void
ngx_http_mcp_read_headers(ngx_http_mcp_call_t *call)
{
    ngx_str_t                   *field;
    ngx_uint_t                   i;
    ngx_list_part_t             *part;
    ngx_table_elt_t             *h;
    ngx_http_mcp_header_name_t  *hn;

    ngx_memzero(&call->in, sizeof(ngx_http_mcp_headers_t));

    part = &call->request->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                break;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        switch (h[i].lowcase_key[0]) {

        case 'a':
        case 'c':
        case 'l':
        case 'm':
        case 'o':
        case 't':
            break;

        default:
            continue;
        }

        for (hn = ngx_http_mcp_header_names; hn->name.len; hn++) {

            if (hn->name.len != h[i].key.len
                || !mcp_equal(hn->name.data, h[i].lowcase_key, hn->name.len))
            {
                continue;
            }

            field = (ngx_str_t *) ((u_char *) &call->in + hn->offset);

            if (field->data != NULL) {

                /* RFC 9110, 5.3: a list may come in several lines */

                if (hn->offset != offsetof(ngx_http_mcp_headers_t, accept)) {
                    call->in.duplicate = hn->name;
                }
            }

            *field = ngx_http_mcp_trim(&h[i].value);

            if (hn->offset == offsetof(ngx_http_mcp_headers_t, accept)) {
                ngx_http_mcp_read_accept(call);
            }

            break;
        }
    }
}


static ngx_int_t
ngx_http_mcp_refuse(ngx_http_mcp_call_t *call, ngx_uint_t status,
    ngx_int_t code, const char *text)
{
    mcp_fault_t  fault;

    ngx_memzero(&fault, sizeof(mcp_fault_t));
    fault.code = (int) code;
    fault.status = status;
    fault.message.data = (u_char *) text;
    fault.message.len = ngx_strlen(text);

    return ngx_http_mcp_refuse_fault(call, &fault);
}


ngx_int_t
ngx_http_mcp_refuse_fault(ngx_http_mcp_call_t *call, mcp_fault_t *fault)
{
    ngx_int_t            rc;
    ngx_http_request_t  *r;

    r = call->request;

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    r->main->count++;
    ngx_http_mcp_send_fault(call, fault);

    return NGX_DONE;
}


/* DELETE ends a legacy session; for a modern client there is none. */

static ngx_int_t
ngx_http_mcp_delete(ngx_http_mcp_call_t *call)
{
    ngx_int_t                  rc;
    ngx_http_request_t        *r;
    ngx_http_mcp_main_conf_t  *mmcf;

    r = call->request;
    mmcf = ngx_http_get_module_main_conf(r, ngx_http_mcp_module);

    call->era = MCP_ERA_LEGACY;

    if (call->in.session.data == NULL) {
        return ngx_http_mcp_refuse(call, NGX_HTTP_BAD_REQUEST, MCP_E_REQUEST,
                                   "name the session to end in "
                                   "Mcp-Session-Id");
    }

    switch (ngx_http_mcp_session_enter(call)) {

    case NGX_OK:
        break;

    case NGX_DECLINED:
        return ngx_http_mcp_refuse(call, NGX_HTTP_NOT_FOUND, 404,
                                   "there is no such session; begin with "
                                   "initialize");

    default:
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_mcp_session_end(mmcf, &call->session) != NGX_OK) {
        return ngx_http_mcp_refuse(call, NGX_HTTP_INTERNAL_SERVER_ERROR,
                                   MCP_E_INTERNAL,
                                   "the session could not be ended");
    }

    ngx_http_mcp_client_sessions_end(call);

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    call->outcome = NGX_HTTP_MCP_OK;

    r->main->count++;
    ngx_http_mcp_send_empty(call, NGX_HTTP_NO_CONTENT);

    return NGX_DONE;
}


/* application/json; a charset may only say what JSON is anyway: UTF-8 */

static ngx_int_t
ngx_http_mcp_media_type(ngx_str_t *type)
{
    u_char  *p, *last;

    static ngx_str_t  json = ngx_string("application/json");

    if (type->len == json.len
        && mcp_equal(type->data, json.data, json.len))
    {
        return NGX_OK;
    }

    if (type->len < json.len
        || ngx_strncasecmp(type->data, json.data, json.len) != 0)
    {
        return NGX_DECLINED;
    }

    p = type->data + json.len;
    last = type->data + type->len;

    while (p < last && (*p == ' ' || *p == '\t')) {
        p++;
    }

    if (p == last) {
        return NGX_OK;
    }

    if (*p != ';') {
        return NGX_DECLINED;
    }

    p = ngx_strlcasestrn(p, last, (u_char *) "charset=", 8 - 1);

    if (p == NULL) {
        return NGX_OK;
    }

    p += 8;

    if (p < last && *p == '"') {
        p++;
    }

    if (last - p >= 5 && ngx_strncasecmp(p, (u_char *) "utf-8", 5) == 0
        && (last - p == 5 || p[5] == '"' || p[5] == ';' || p[5] == ' '))
    {
        return NGX_OK;
    }

    return NGX_DECLINED;
}


static void
ngx_http_mcp_read_accept(ngx_http_mcp_call_t *call)
{
    u_char     *last;
    ngx_str_t  *accept;

    static ngx_str_t  usual =
                    ngx_string("application/json, text/event-stream");

    accept = &call->in.accept;
    last = accept->data + accept->len;

    /* as the SDKs write it */

    if (accept->len == usual.len
        && mcp_equal(accept->data, usual.data, usual.len))
    {
        call->accept_json = 1;
        call->accept_sse = 1;
        return;
    }

#define ngx_http_mcp_accepts(s)                                               \
    (ngx_strlcasestrn(accept->data, last, (u_char *) s, sizeof(s) - 2) != NULL)

    if (ngx_http_mcp_accepts("*/*")) {
        call->accept_json = 1;
        call->accept_sse = 1;
        return;
    }

    if (ngx_http_mcp_accepts("application/json")
        || ngx_http_mcp_accepts("application/*"))
    {
        call->accept_json = 1;
    }

    if (ngx_http_mcp_accepts("text/event-stream")
        || ngx_http_mcp_accepts("text/*"))
    {
        call->accept_sse = 1;
    }

#undef ngx_http_mcp_accepts
}


static void
ngx_http_mcp_body_handler(ngx_http_request_t *r)
{
    ngx_str_t                 text;
    mcp_fault_t               fault;
    ngx_http_mcp_call_t      *call;
    ngx_http_mcp_loc_conf_t  *mlcf;

    call = ngx_http_get_module_ctx(r, ngx_http_mcp_module);
    mlcf = ngx_http_get_module_loc_conf(r, ngx_http_mcp_module);

    if (ngx_http_mcp_body(r, &text) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    ngx_memzero(&fault, sizeof(mcp_fault_t));

    switch (mcp_message_parse(&call->message, &call->arena, text.data,
                              text.len, mlcf->max_depth, &fault))
    {
    case MCP_OK:
        call->parsed = 1;
        ngx_http_mcp_dispatch(call);
        return;

    case MCP_ERROR:
        ngx_http_mcp_send_fault(call, &fault);
        return;

    default:
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }
}


/*
 * The body in one piece: the client's own buffer where there is but one, else
 * a copy.
 */

static ngx_int_t
ngx_http_mcp_body(ngx_http_request_t *r, ngx_str_t *text)
{
    off_t         len;
    size_t        size;
    u_char       *p;
    ssize_t       n;
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    ngx_str_null(text);

    if (r->request_body == NULL || r->request_body->bufs == NULL) {
        text->data = (u_char *) "";
        return NGX_OK;
    }

    cl = r->request_body->bufs;

    if (cl->next == NULL && !cl->buf->in_file) {
        text->data = cl->buf->pos;
        text->len = cl->buf->last - cl->buf->pos;
        return NGX_OK;
    }

    len = 0;

    for ( /* void */ ; cl; cl = cl->next) {
        len += ngx_buf_size(cl->buf);
    }

    text->data = ngx_palloc(r->pool, (size_t) len);
    if (text->data == NULL) {
        return NGX_ERROR;
    }

    p = text->data;

    for (cl = r->request_body->bufs; cl; cl = cl->next) {
        b = cl->buf;

        if (!b->in_file) {
            p = ngx_cpymem(p, b->pos, b->last - b->pos);
            continue;
        }

        /* what the kernel has just been given to write is in its cache */

        size = (size_t) (b->file_last - b->file_pos);

        n = ngx_read_file(b->file, p, size, b->file_pos);

        if (n != (ssize_t) size) {
            ngx_log_error(NGX_LOG_CRIT, r->connection->log, 0,
                          "the request body could not be read back from "
                          "\"%V\"", &b->file->name);
            return NGX_ERROR;
        }

        p += n;
    }

    text->len = p - text->data;

    return NGX_OK;
}
