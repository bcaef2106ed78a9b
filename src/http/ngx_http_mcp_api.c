
/*
 * mcp_api: what can be switched while nginx runs.  Who may, nginx's own access
 * rules say; of web pages only those that mcp_origin lets in.
 *
 *     GET              /disabled
 *     GET PUT DELETE   /disabled/tools/<backend>/<tool>
 *     GET PUT DELETE   /disabled/backends/<backend>
 */


#include "ngx_http_mcp.h"
#include "ngx_http_mcp_status.h"


#define NGX_HTTP_MCP_API_DISABLED  "/disabled"
#define NGX_HTTP_MCP_API_TOOLS     "/tools/"
#define NGX_HTTP_MCP_API_BACKENDS  "/backends/"


static ngx_str_t ngx_http_mcp_api_path(ngx_http_request_t *r);
static ngx_int_t ngx_http_mcp_api_switch(ngx_http_request_t *r,
    ngx_http_mcp_switch_e what, ngx_str_t *name);
static ngx_int_t ngx_http_mcp_api_list(ngx_http_request_t *r,
    ngx_uint_t status);
static ngx_int_t ngx_http_mcp_api_is(ngx_http_request_t *r,
    ngx_http_mcp_switch_e what, ngx_str_t *name);
static ngx_int_t ngx_http_mcp_api_error(ngx_http_request_t *r,
    ngx_uint_t status, const char *text);
static ngx_int_t ngx_http_mcp_api_methods(ngx_http_request_t *r,
    const char *allow);


static ngx_uint_t
ngx_http_mcp_api_begins(ngx_str_t *path, const char *text, size_t len)
{
    if (path->len < len || ngx_memcmp(path->data, text, len) != 0) {
        return 0;
    }

    path->data += len;
    path->len -= len;

    return 1;
}


#define ngx_http_mcp_api_prefix(path, s)                                      \
    ngx_http_mcp_api_begins(path, s, sizeof(s) - 1)


ngx_int_t
ngx_http_mcp_api_origin(ngx_http_request_t *r, const char **reason)
{
    ngx_str_t         origin;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    ngx_str_null(&origin);

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (h[i].key.len != 6
                || ngx_strncasecmp(h[i].key.data, (u_char *) "origin", 6) != 0)
            {
                continue;
            }

            if (origin.data != NULL) {
                *reason = "Origin was sent twice";
                return NGX_DECLINED;
            }

            origin = h[i].value;
        }
    }

    return ngx_http_mcp_origin_check(r, &origin, reason);
}


ngx_int_t
ngx_http_mcp_api_handler(ngx_http_request_t *r)
{
    ngx_int_t                  rc;
    ngx_str_t                  path;
    const char                *reason;
    ngx_http_mcp_main_conf_t  *mmcf;

    if (r != r->main) {
        return NGX_HTTP_FORBIDDEN;
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_mcp_api_origin(r, &reason) != NGX_OK) {
        return ngx_http_mcp_api_error(r, NGX_HTTP_FORBIDDEN, reason);
    }

    mmcf = ngx_http_get_module_main_conf(r, ngx_http_mcp_module);

    if (mmcf->sh == NULL) {
        return ngx_http_mcp_api_error(r, NGX_HTTP_NOT_FOUND,
                                      "there is no mcp_backend");
    }

    path = ngx_http_mcp_api_path(r);

    if (!ngx_http_mcp_api_prefix(&path, NGX_HTTP_MCP_API_DISABLED)) {
        goto unknown;
    }

    if (path.len == 0 || (path.len == 1 && path.data[0] == '/')) {
        return (r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))
               ? ngx_http_mcp_api_list(r, NGX_HTTP_OK)
               : ngx_http_mcp_api_methods(r, "GET");
    }

    if (ngx_http_mcp_api_prefix(&path, NGX_HTTP_MCP_API_TOOLS)) {
        return ngx_http_mcp_api_switch(r, NGX_HTTP_MCP_SWITCH_TOOLS, &path);
    }

    if (ngx_http_mcp_api_prefix(&path, NGX_HTTP_MCP_API_BACKENDS)) {
        return ngx_http_mcp_api_switch(r, NGX_HTTP_MCP_SWITCH_BACKEND, &path);
    }

unknown:

    return ngx_http_mcp_api_error(r, NGX_HTTP_NOT_FOUND,
                                  "there are /disabled, "
                                  "/disabled/tools/<backend>/<tool> and "
                                  "/disabled/backends/<backend>");
}


/* What follows the location's own prefix; it begins with a slash. */

static ngx_str_t
ngx_http_mcp_api_path(ngx_http_request_t *r)
{
    u_char                    *p;
    ngx_str_t                  path;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    path = r->uri;

#if (NGX_PCRE)
    if (clcf->regex != NULL || clcf->named) {
#else
    if (clcf->named) {
#endif
        p = ngx_strnstr(path.data, NGX_HTTP_MCP_API_DISABLED, path.len);

        if (p != NULL) {
            path.len -= p - path.data;
            path.data = p;
        }

        return path;
    }

    if (path.len >= clcf->name.len
        && ngx_strncasecmp(path.data, clcf->name.data, clcf->name.len) == 0)
    {
        path.data += clcf->name.len;
        path.len -= clcf->name.len;

        if (clcf->name.len && clcf->name.data[clcf->name.len - 1] == '/') {
            path.data--;
            path.len++;
        }
    }

    return path;
}


static ngx_int_t
ngx_http_mcp_api_switch(ngx_http_request_t *r, ngx_http_mcp_switch_e what,
    ngx_str_t *name)
{
    ngx_int_t                  rc;
    const char                *why;
    ngx_http_mcp_main_conf_t  *mmcf;

    mmcf = ngx_http_get_module_main_conf(r, ngx_http_mcp_module);

    why = ngx_http_mcp_switch_check(what, name);

    if (why != NULL) {
        return ngx_http_mcp_api_error(r, NGX_HTTP_BAD_REQUEST, why);
    }

    switch (r->method) {

    case NGX_HTTP_GET:
    case NGX_HTTP_HEAD:
        return ngx_http_mcp_api_is(r, what, name);

    case NGX_HTTP_PUT:

        if (what == NGX_HTTP_MCP_SWITCH_BACKEND
            && ngx_http_mcp_find_backend(mmcf, name) == NULL)
        {
            return ngx_http_mcp_api_error(r, NGX_HTTP_NOT_FOUND,
                                          "there is no such backend");
        }

        rc = ngx_http_mcp_switch_off(mmcf, what, name);

        if (rc == NGX_ERROR) {
            return ngx_http_mcp_api_error(r, NGX_HTTP_INSUFFICIENT_STORAGE,
                                          "there is no room for more; "
                                          "switch off with a pattern");
        }

        break;

    case NGX_HTTP_DELETE:
        rc = ngx_http_mcp_switch_on(mmcf, what, name);

        if (rc == NGX_DECLINED) {
            return ngx_http_mcp_api_error(r, NGX_HTTP_NOT_FOUND,
                                          "this was not switched off here; "
                                          "GET /disabled tells what was");
        }

        break;

    default:
        return ngx_http_mcp_api_methods(r, "GET, PUT, DELETE");
    }

    ngx_log_error(NGX_LOG_NOTICE, r->connection->log, 0,
                  "%s \"%V\" is switched %s by mcp_api",
                  what == NGX_HTTP_MCP_SWITCH_TOOLS ? "tools" : "backend",
                  name, r->method == NGX_HTTP_PUT ? "off" : "on");

    return ngx_http_mcp_api_list(r, rc == NGX_DONE ? NGX_HTTP_CREATED
                                                   : NGX_HTTP_OK);
}


static ngx_int_t
ngx_http_mcp_api_list(ngx_http_request_t *r, ngx_uint_t status)
{
    mcp_buf_t                  b;
    ngx_uint_t                 i, n, what, switched;
    mcp_arena_t                arena;
    ngx_array_t                list;
    ngx_http_mcp_off_t        *off;
    ngx_http_mcp_main_conf_t  *mmcf;

    mmcf = ngx_http_get_module_main_conf(r, ngx_http_mcp_module);

    if (ngx_http_mcp_switches(mmcf, r->pool, &list, &switched) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_mcp_arena_init(&arena, r->pool);
    mcp_buf_init(&b, &arena, 256);

    mcp_buf_literal(&b, "{\"tools\":[");
    off = list.elts;

    for (what = 0; what <= NGX_HTTP_MCP_SWITCH_BACKEND; what++) {
        n = 0;

        for (i = 0; i < list.nelts; i++) {

            if ((ngx_uint_t) off[i].what != what) {
                continue;
            }

            if (n++) {
                mcp_buf_literal(&b, ",");
            }

            mcp_buf_json(&b, off[i].name.data, off[i].name.len);
        }

        if (what == NGX_HTTP_MCP_SWITCH_TOOLS) {
            mcp_buf_literal(&b, "],\"backends\":[");
        }
    }

    mcp_buf_literal(&b, "]}\n");

    return ngx_http_mcp_status_send(r, status, &b);
}


static ngx_int_t
ngx_http_mcp_api_is(ngx_http_request_t *r, ngx_http_mcp_switch_e what,
    ngx_str_t *name)
{
    mcp_buf_t                  b;
    ngx_uint_t                 i, switched;
    mcp_arena_t                arena;
    ngx_array_t                list;
    ngx_http_mcp_off_t        *off;
    ngx_http_mcp_main_conf_t  *mmcf;

    mmcf = ngx_http_get_module_main_conf(r, ngx_http_mcp_module);

    if (ngx_http_mcp_switches(mmcf, r->pool, &list, &switched) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_mcp_arena_init(&arena, r->pool);
    mcp_buf_init(&b, &arena, 64);
    off = list.elts;

    for (i = 0; i < list.nelts; i++) {
        if (off[i].what == what && off[i].name.len == name->len
            && ngx_memcmp(off[i].name.data, name->data, name->len) == 0)
        {
            mcp_buf_literal(&b, "{\"disabled\":true}\n");
            return ngx_http_mcp_status_send(r, NGX_HTTP_OK, &b);
        }
    }

    mcp_buf_literal(&b, "{\"disabled\":false}\n");

    return ngx_http_mcp_status_send(r, NGX_HTTP_NOT_FOUND, &b);
}


static ngx_int_t
ngx_http_mcp_api_error(ngx_http_request_t *r, ngx_uint_t status,
    const char *text)
{
    mcp_buf_t    b;
    mcp_arena_t  arena;

    ngx_http_mcp_arena_init(&arena, r->pool);
    mcp_buf_init(&b, &arena, 128);

    mcp_buf_literal(&b, "{\"error\":");
    mcp_buf_json(&b, text, ngx_strlen(text));
    mcp_buf_literal(&b, "}\n");

    return ngx_http_mcp_status_send(r, status, &b);
}


static ngx_int_t
ngx_http_mcp_api_methods(ngx_http_request_t *r, const char *allow)
{
    ngx_str_t  value;

    value.data = (u_char *) allow;
    value.len = ngx_strlen(allow);

    if (ngx_http_mcp_add_header(r, "Allow", &value) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_mcp_api_error(r, NGX_HTTP_NOT_ALLOWED,
                                  "the method is not for this");
}
