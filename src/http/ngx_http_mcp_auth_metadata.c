
/*
 * mcp_authorization_server: metadata of protected resources (RFC 9728), from
 * which clients learn where to get a token.  It is served before any location
 * is looked for, since it must be had without a token.
 */


#include "ngx_http_mcp_auth.h"


#define NGX_HTTP_MCP_WELL_KNOWN  "/.well-known/oauth-protected-resource"


static ngx_http_mcp_auth_loc_conf_t *ngx_http_mcp_metadata_find(
    ngx_http_request_t *r, ngx_str_t *path);
static ngx_int_t ngx_http_mcp_metadata_send(ngx_http_request_t *r,
    ngx_http_mcp_auth_loc_conf_t *alcf);


/* mcp_authorization_server https://idp.example/; */

char *
ngx_http_mcp_authorization_server(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_mcp_auth_loc_conf_t *alcf = conf;

    size_t      i, n;
    ngx_str_t  *value, *server;

    value = cf->args->elts;

    n = (ngx_strncasecmp(value[1].data, (u_char *) "https://", 8) == 0) ? 8
        : (ngx_strncasecmp(value[1].data, (u_char *) "http://", 7) == 0) ? 7
        : 0;

    for (i = 0; i < value[1].len; i++) {
        if (value[1].data[i] <= 0x20 || value[1].data[i] >= 0x7f
            || value[1].data[i] == '"' || value[1].data[i] == '?'
            || value[1].data[i] == '#')
        {
            n = 0;
        }
    }

    if (n == 0 || value[1].len == n) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid issuer \"%V\": write it as "
                           "\"https://host/path\", without a query",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    if (alcf->servers == NGX_CONF_UNSET_PTR) {
        alcf->servers = ngx_array_create(cf->pool, 2, sizeof(ngx_str_t));
        if (alcf->servers == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    server = ngx_array_push(alcf->servers);
    if (server == NULL) {
        return NGX_CONF_ERROR;
    }

    *server = value[1];

    return NGX_CONF_OK;
}


/* The path of a URL; "/" is as good as none. */

static ngx_int_t
ngx_http_mcp_url_path(ngx_str_t *url, ngx_str_t *path)
{
    u_char  *p, *last;

    p = url->data;
    last = p + url->len;

    if (url->len > 8 && ngx_strncasecmp(p, (u_char *) "https://", 8) == 0) {
        p += 8;

    } else if (url->len > 7
               && ngx_strncasecmp(p, (u_char *) "http://", 7) == 0)
    {
        p += 7;

    } else {
        return NGX_DECLINED;
    }

    while (p < last && *p != '/') {
        p++;
    }

    path->data = p;
    path->len = last - p;

    if (path->len == 1) {
        path->len = 0;
    }

    return NGX_OK;
}


char *
ngx_http_mcp_resource_add(ngx_conf_t *cf, ngx_http_mcp_auth_loc_conf_t *conf)
{
    ngx_str_t                       url, path;
    mcp_str_t                      *audience;
    ngx_uint_t                      i;
    ngx_http_mcp_resource_t        *resource;
    ngx_http_core_loc_conf_t       *clcf;
    ngx_http_mcp_auth_main_conf_t  *amcf;

    amcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_mcp_auth_module);
    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    /* limit_except{} and if{} are of a location that was here before */

    if (clcf->noname) {
        return NGX_CONF_OK;
    }

#if (NGX_PCRE)
    if (clcf->regex || clcf->named)
#else
    if (clcf->named)
#endif
    {
        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                      "location \"%V\" has no path of its own: "
                      "\"mcp_authorization_server\" serves no metadata for "
                      "it", &clcf->name);
        conf->servers = NULL;
        return NGX_CONF_OK;
    }

    conf->path = clcf->name;

    if (conf->path.len == 1) {
        conf->path.len = 0;
    }

    audience = conf->audience ? conf->audience->elts : NULL;

    for (i = 0; audience && i < conf->audience->nelts; i++) {
        url = ngx_http_mcp_str(&audience[i]);

        if (ngx_http_mcp_url_path(&url, &path) == NGX_OK
            && path.len == conf->path.len
            && ngx_strncmp(path.data, conf->path.data, path.len) == 0)
        {
            conf->resource = url;
            break;
        }
    }

    resource = ngx_array_push(&amcf->resources);
    if (resource == NULL) {
        return NGX_CONF_ERROR;
    }

    resource->server = ngx_http_conf_get_module_srv_conf(cf,
                                                        ngx_http_core_module);
    resource->conf = conf;

    return NGX_CONF_OK;
}


/* --- URLs ---------------------------------------------------------------- */


/* What the client has called us, if that may stand in a URL. */

static void
ngx_http_mcp_request_origin(ngx_http_request_t *r, mcp_buf_t *b)
{
    u_char      ch, *p, *last;
    size_t      i;
    ngx_str_t  *host;

    host = &r->headers_in.server;

    if (host->len == 0 || r->headers_in.host == NULL) {
        return;
    }

    for (i = 0; i < host->len; i++) {
        ch = host->data[i] | 0x20;

        if ((ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9')
            || host->data[i] == '.' || host->data[i] == '-'
            || host->data[i] == ':' || host->data[i] == '['
            || host->data[i] == ']')
        {
            continue;
        }

        return;
    }

#if (NGX_HTTP_SSL)
    if (r->connection->ssl) {
        mcp_buf_literal(b, "https://");
    } else
#endif
    {
        mcp_buf_literal(b, "http://");
    }

    mcp_buf_append(b, host->data, host->len);

    /* nginx has taken the port off */

    p = r->headers_in.host->value.data;
    last = p + r->headers_in.host->value.len;

    for (i = 0; i < 5 && last - 1 - i > p; i++) {
        ch = *(last - 1 - i);

        if (ch < '0' || ch > '9') {
            break;
        }
    }

    if (i != 0 && last - 1 - i > p && *(last - 1 - i) == ':') {
        mcp_buf_append(b, last - 1 - i, i + 1);
    }
}


void
ngx_http_mcp_resource_url(ngx_http_request_t *r,
    ngx_http_mcp_auth_loc_conf_t *alcf, mcp_buf_t *b, ngx_uint_t metadata)
{
    size_t     len;
    ngx_str_t  path;

    len = b->len;

    if (alcf->resource.len != 0) {

        if (!metadata) {
            mcp_buf_append(b, alcf->resource.data, alcf->resource.len);
            return;
        }

        (void) ngx_http_mcp_url_path(&alcf->resource, &path);
        mcp_buf_append(b, alcf->resource.data,
                       path.data - alcf->resource.data);

    } else {
        ngx_http_mcp_request_origin(r, b);
    }

    if (b->len == len) {
        return;
    }

    if (metadata) {
        mcp_buf_literal(b, NGX_HTTP_MCP_WELL_KNOWN);
    }

    mcp_buf_append(b, alcf->path.data, alcf->path.len);
}


/* --- the document -------------------------------------------------------- */


ngx_int_t
ngx_http_mcp_metadata_handler(ngx_http_request_t *r)
{
    ngx_int_t                      rc;
    ngx_str_t                      path;
    ngx_http_mcp_auth_loc_conf_t  *alcf;

    static const size_t  len = sizeof(NGX_HTTP_MCP_WELL_KNOWN) - 1;

    if (r->uri.len < len
        || ngx_memcmp(r->uri.data, NGX_HTTP_MCP_WELL_KNOWN, len) != 0
        || (r->uri.len > len && r->uri.data[len] != '/')
        || r != r->main
        || r->internal)
    {
        return NGX_DECLINED;
    }

    path.data = r->uri.data + len;
    path.len = r->uri.len - len;

    alcf = ngx_http_mcp_metadata_find(r, &path);

    if (alcf == NULL) {
        return NGX_DECLINED;
    }

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return NGX_HTTP_NOT_ALLOWED;
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_http_finalize_request(r, ngx_http_mcp_metadata_send(r, alcf));

    return NGX_DONE;
}


/*
 * The location of that path, or, for no path, the only one that the server
 * has (some clients look there alone).
 */

static ngx_http_mcp_auth_loc_conf_t *
ngx_http_mcp_metadata_find(ngx_http_request_t *r, ngx_str_t *path)
{
    ngx_uint_t                      i, n;
    ngx_http_mcp_resource_t        *resource;
    ngx_http_core_srv_conf_t       *cscf;
    ngx_http_mcp_auth_loc_conf_t   *only;
    ngx_http_mcp_auth_main_conf_t  *amcf;

    amcf = ngx_http_get_module_main_conf(r, ngx_http_mcp_auth_module);
    cscf = ngx_http_get_module_srv_conf(r, ngx_http_core_module);

    if (path->len == 1) {
        path->len = 0;
    }

    n = 0;
    only = NULL;
    resource = amcf->resources.elts;

    for (i = 0; i < amcf->resources.nelts; i++) {

        if (resource[i].server != cscf) {
            continue;
        }

        if (resource[i].conf->path.len == path->len
            && ngx_strncmp(resource[i].conf->path.data, path->data, path->len)
               == 0)
        {
            return resource[i].conf;
        }

        only = resource[i].conf;
        n++;
    }

    return (path->len == 0 && n == 1) ? only : NULL;
}


static ngx_int_t
ngx_http_mcp_metadata_send(ngx_http_request_t *r,
    ngx_http_mcp_auth_loc_conf_t *alcf)
{
    size_t        len;
    ngx_int_t     rc;
    mcp_buf_t     json, url;
    ngx_buf_t    *b;
    ngx_str_t    *server, any;
    ngx_uint_t    i;
    mcp_arena_t   arena;
    ngx_chain_t   out;

    ngx_http_mcp_arena_init(&arena, r->pool);
    mcp_buf_init(&json, &arena, 512);
    mcp_buf_init(&url, &arena, 256);

    ngx_http_mcp_resource_url(r, alcf, &url, 0);

    if (url.len == 0) {
        return NGX_HTTP_NOT_FOUND;
    }

    mcp_buf_literal(&json, "{\"resource\":");
    mcp_buf_json(&json, url.data, url.len);
    mcp_buf_literal(&json, ",\"authorization_servers\":[");

    server = alcf->servers->elts;

    for (i = 0; i < alcf->servers->nelts; i++) {
        if (i) {
            mcp_buf_literal(&json, ",");
        }

        mcp_buf_json(&json, server[i].data, server[i].len);
    }

    mcp_buf_literal(&json, "],\"bearer_methods_supported\":[\"header\"]");

    len = json.len;
    mcp_buf_literal(&json, ",\"scopes_supported\":[");

    if (ngx_http_mcp_scopes(alcf, &json, NULL, 1) == NGX_OK) {
        mcp_buf_literal(&json, "]");

    } else {
        json.len = len;
    }

    mcp_buf_literal(&json, "}");

    b = ngx_calloc_buf(r->pool);

    if (b == NULL || json.failed || url.failed) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* nothing in it is a secret: pages may read it */

    ngx_str_set(&any, "*");

    if (ngx_http_mcp_add_header(r, "Access-Control-Allow-Origin", &any)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = json.len;
    ngx_str_set(&r->headers_out.content_type, "application/json");
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b->pos = json.data;
    b->last = json.data + json.len;
    b->memory = 1;
    b->last_buf = 1;
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}
