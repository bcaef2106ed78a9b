
/*
 * Mcp-Param-* headers: arguments that a tool's schema mirrors into headers by
 * x-mcp-header (MCP 2026-07-28, Streamable HTTP).
 */


#include "ngx_http_mcp.h"


#define ngx_http_mcp_is_param(h)                                              \
    ((h)->key.len > 10                                                        \
     && ngx_memcmp((h)->lowcase_key, "mcp-param-", 10) == 0)


static ngx_table_elt_t *ngx_http_mcp_param_header(ngx_http_request_t *r,
    const mcp_str_t *name, ngx_uint_t *n);
static ngx_int_t ngx_http_mcp_params_fault(ngx_http_mcp_call_t *call,
    mcp_fault_t *fault, ngx_str_t *name);


ngx_int_t
ngx_http_mcp_printable(ngx_str_t *s)
{
    size_t  i;

    for (i = 0; i < s->len; i++) {
        if (s->data[i] < 0x20 || s->data[i] > 0x7e) {
            return NGX_DECLINED;
        }
    }

    return NGX_OK;
}


static ngx_table_elt_t *
ngx_http_mcp_param_header(ngx_http_request_t *r, const mcp_str_t *name,
    ngx_uint_t *n)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h, *found;

    *n = 0;
    found = NULL;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (h[i].key.len == name->len
                && ngx_strncasecmp(h[i].key.data, name->data, name->len) == 0)
            {
                found = &h[i];
                (*n)++;
            }
        }
    }

    return found;
}


/*
 * A header that nginx drops before anyone sees it (underscores_in_headers,
 * ignore_invalid_headers): the body alone counts for it.
 */

static ngx_uint_t
ngx_http_mcp_param_unseen(const mcp_str_t *name)
{
    size_t  i;
    u_char  ch;

    for (i = 0; i < name->len; i++) {
        ch = name->data[i];

        if ((ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z')
            || (ch >= '0' && ch <= '9') || ch == '-')
        {
            continue;
        }

        return 1;
    }

    return 0;
}


static ngx_int_t
ngx_http_mcp_params_fault(ngx_http_mcp_call_t *call, mcp_fault_t *fault,
    ngx_str_t *name)
{
    mcp_buf_t  b;

    ngx_memzero(fault, sizeof(mcp_fault_t));

    fault->code = MCP_E_HEADER;
    fault->status = NGX_HTTP_BAD_REQUEST;
    mcp_str_set(&fault->message, "an Mcp-Param header was sent twice or holds "
                "bytes that must be sent as =?base64?...?=");

    mcp_buf_init(&b, &call->arena, 64 + name->len);
    mcp_buf_literal(&b, "{\"header\":");
    mcp_buf_json(&b, name->data, name->len);
    mcp_buf_literal(&b, "}");

    if (b.failed) {
        return NGX_ERROR;
    }

    fault->data.data = b.data;
    fault->data.len = b.len;

    return NGX_DECLINED;
}


ngx_int_t
ngx_http_mcp_params_check(ngx_http_mcp_call_t *call, mcp_fault_t *fault)
{
    ngx_str_t           trimmed;
    mcp_str_t           value;
    ngx_uint_t          i, n;
    ngx_list_part_t    *part;
    ngx_table_elt_t    *h;
    const mcp_param_t  *param;

    for (part = &call->request->headers_in.headers.part; part;
         part = part->next)
    {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (!ngx_http_mcp_is_param(&h[i])) {
                continue;
            }

            value = ngx_http_mcp_core_str(&h[i].key);
            (void) ngx_http_mcp_param_header(call->request, &value, &n);

            trimmed = ngx_http_mcp_trim(&h[i].value);

            if (n > 1 || ngx_http_mcp_printable(&trimmed) != NGX_OK) {
                return ngx_http_mcp_params_fault(call, fault, &h[i].key);
            }
        }
    }

    for (i = 0; call->item && i < call->item->params.n; i++) {

        param = &call->item->params.param[i];
        h = ngx_http_mcp_param_header(call->request, &param->header, &n);

        if (h) {
            trimmed = ngx_http_mcp_trim(&h->value);
            value = ngx_http_mcp_core_str(&trimmed);

        } else if (ngx_http_mcp_param_unseen(&param->header)) {
            continue;

        } else {
            ngx_memzero(&value, sizeof(mcp_str_t));
        }

        switch (mcp_param_check(param, &call->message, &value, &call->arena,
                                fault))
        {
        case MCP_OK:
            break;

        case MCP_ERROR:
            return NGX_DECLINED;

        default:
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/*
 * A modern client's own headers pass, since they agree with the body; those
 * that the schema names and the client did not send are made from it.
 */

ngx_int_t
ngx_http_mcp_params_forward(ngx_http_mcp_call_t *call, mcp_buf_t *b)
{
    ngx_str_t           trimmed;
    mcp_str_t           value, text;
    ngx_uint_t          i, n;
    ngx_list_part_t    *part;
    ngx_table_elt_t    *h;
    const mcp_param_t  *param;

    part = (call->era == MCP_ERA_MODERN)
           ? &call->request->headers_in.headers.part : NULL;

    for ( /* void */ ; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (!ngx_http_mcp_is_param(&h[i])) {
                continue;
            }

            trimmed = ngx_http_mcp_trim(&h[i].value);
            value = ngx_http_mcp_core_str(&trimmed);
            ngx_http_mcp_proxy_line(b, (char *) h[i].key.data, h[i].key.len,
                                    &value);
        }
    }

    for (i = 0; call->item && i < call->item->params.n; i++) {

        param = &call->item->params.param[i];

        if (call->era == MCP_ERA_MODERN
            && ngx_http_mcp_param_header(call->request, &param->header, &n))
        {
            continue;
        }

        switch (mcp_param_value(param, &call->message, &call->arena, &value)) {

        case MCP_OK:
            break;

        case MCP_NOMEM:
            return NGX_ERROR;

        default:
            continue;
        }

        if (mcp_header_encode(&value, &call->arena, &text) != MCP_OK) {
            return NGX_ERROR;
        }

        ngx_http_mcp_proxy_line(b, (char *) param->header.data,
                                param->header.len, &text);
    }

    return NGX_OK;
}
