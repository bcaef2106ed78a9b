
/*
 * Origin and Host: the guard against web pages that call the gateway from a
 * browser, and against DNS rebinding (MCP, Streamable HTTP, "Security
 * Warning").  It is the content handler that asks, so that no configuration
 * of phases goes round it.
 */


#include "ngx_http_mcp.h"


static ngx_int_t ngx_http_mcp_origin_valid(ngx_str_t *value);
static ngx_int_t ngx_http_mcp_parse_authority(u_char *p, u_char *last,
    ngx_str_t *host);
static ngx_int_t ngx_http_mcp_parse_origin(ngx_str_t *origin,
    ngx_str_t *host);
static ngx_uint_t ngx_http_mcp_origin_listed(ngx_http_mcp_loc_conf_t *mlcf,
    ngx_str_t *origin, ngx_str_t *host);
static ngx_uint_t ngx_http_mcp_loopback_name(ngx_str_t *host);
static ngx_uint_t ngx_http_mcp_loopback_listener(ngx_http_request_t *r);


char *
ngx_http_mcp_origin(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_mcp_loc_conf_t *mlcf = conf;

    ngx_str_t  *value, *origin;
    ngx_uint_t  i;

    if (mlcf->origins != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    mlcf->origins = ngx_array_create(cf->pool, cf->args->nelts,
                                     sizeof(ngx_str_t));
    if (mlcf->origins == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_http_mcp_origin_valid(&value[i]) != NGX_OK) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid origin \"%V\": write "
                               "\"https://host[:port]\", \"host\" or "
                               "\"*.domain\"", &value[i]);
            return NGX_CONF_ERROR;
        }

        origin = ngx_array_push(mlcf->origins);
        if (origin == NULL) {
            return NGX_CONF_ERROR;
        }

        *origin = value[i];
    }

    return NGX_CONF_OK;
}


/* What mcp_origin takes: an origin, a host, a host with "*." in front, null. */

static ngx_int_t
ngx_http_mcp_origin_valid(ngx_str_t *value)
{
    u_char     *p, *last;
    ngx_str_t   host;

    p = value->data;
    last = p + value->len;

    if (ngx_http_mcp_parse_origin(value, &host) == NGX_OK) {
        return NGX_OK;
    }

    if (value->len > 2 && p[0] == '*' && p[1] == '.') {
        p += 2;
    }

    /* a host alone is for any port */

    if (ngx_http_mcp_parse_authority(p, last, &host) == NGX_OK
        && host.len == (size_t) (last - p))
    {
        return NGX_OK;
    }

    return NGX_DECLINED;
}


/*
 * host [ ":" port ], as in RFC 3986, 3.2.2 and 3.2.3 but without user info,
 * percent-encoding and empty ports, which no browser sends here.  What is not
 * wholly that is not taken for something that begins like it.
 */

static ngx_int_t
ngx_http_mcp_parse_authority(u_char *p, u_char *last, ngx_str_t *host)
{
    u_char      ch;
    ngx_uint_t  v6, n;

    host->data = p;
    v6 = (p < last && *p == '[');

    for (p += v6; p < last; p++) {
        ch = *p;

        if ((ch >= '0' && ch <= '9')
            || (ch >= 'a' && ch <= 'f') || (ch >= 'A' && ch <= 'F')
            || ch == '.')
        {
            continue;
        }

        if (v6 ? ch == ':'
               : ((ch >= 'g' && ch <= 'z') || (ch >= 'G' && ch <= 'Z')
                  || ch == '-' || ch == '_'))
        {
            continue;
        }

        break;
    }

    if (v6) {
        if (p == last || *p++ != ']') {
            return NGX_DECLINED;
        }
    }

    host->len = p - host->data;

    if (host->len == 0) {
        return NGX_DECLINED;
    }

    if (p == last) {
        return NGX_OK;
    }

    if (*p++ != ':') {
        return NGX_DECLINED;
    }

    for (n = 0; p < last; p++, n++) {
        if (*p < '0' || *p > '9') {
            return NGX_DECLINED;
        }
    }

    return (n >= 1 && n <= 5) ? NGX_OK : NGX_DECLINED;
}


/* RFC 6454, 6.2: scheme "://" host [ ":" port ] */

static ngx_int_t
ngx_http_mcp_parse_origin(ngx_str_t *origin, ngx_str_t *host)
{
    u_char  *p, *last, ch;

    last = origin->data + origin->len;

    for (p = origin->data; p < last; p++) {
        ch = *p;

        if ((ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z')) {
            continue;
        }

        if (p > origin->data
            && ((ch >= '0' && ch <= '9')
                || ch == '+' || ch == '-' || ch == '.'))
        {
            continue;
        }

        break;
    }

    if (p == origin->data || last - p < 3 || ngx_strncmp(p, "://", 3) != 0) {
        return NGX_DECLINED;
    }

    return ngx_http_mcp_parse_authority(p + 3, last, host);
}


ngx_int_t
ngx_http_mcp_origin_check(ngx_http_request_t *r, ngx_str_t *origin,
    const char **reason)
{
    u_char                   *p;
    ngx_int_t                 rc;
    ngx_str_t                 host, from;
    ngx_http_mcp_loc_conf_t  *mlcf;

    mlcf = ngx_http_get_module_loc_conf(r, ngx_http_mcp_module);

    ngx_str_null(&host);
    rc = NGX_DECLINED;

    if (r->headers_in.host) {
        p = r->headers_in.host->value.data;
        rc = ngx_http_mcp_parse_authority(p, p + r->headers_in.host->value.len,
                                          &host);

    } else if (r->headers_in.server.len) {
        host = r->headers_in.server;
        rc = NGX_OK;
    }

    if (rc != NGX_OK) {
        ngx_str_null(&host);
    }

    if (ngx_http_mcp_loopback_listener(r)
        && (rc != NGX_OK
            || (!ngx_http_mcp_loopback_name(&host)
                && !ngx_http_mcp_origin_listed(mlcf, NULL, &host))))
    {
        *reason = "this Host is not served here; on a loopback address it "
                  "must be localhost or be listed in mcp_origin";
        return NGX_DECLINED;
    }

    if (origin->data == NULL) {
        return NGX_OK;
    }

    *reason = "this Origin may not use the gateway; list it in mcp_origin";

    if (ngx_http_mcp_parse_origin(origin, &from) != NGX_OK) {

        /* of an opaque origin a browser says "null" */

        if (origin->len == 4 && ngx_strncmp(origin->data, "null", 4) == 0
            && ngx_http_mcp_origin_listed(mlcf, origin, NULL))
        {
            return NGX_OK;
        }

        return NGX_DECLINED;
    }

    if (ngx_http_mcp_origin_listed(mlcf, origin, &from)) {
        return NGX_OK;
    }

    /* a list says all that may come in; the default is only for no list */

    if (mlcf->origins != NULL) {
        return NGX_DECLINED;
    }

    if (ngx_http_mcp_loopback_name(&from)
        || (from.len == host.len
            && ngx_strncasecmp(from.data, host.data, host.len) == 0))
    {
        return NGX_OK;
    }

    return NGX_DECLINED;
}


/*
 * Whether the list has this origin as a whole, or its host.  origin NULL: only
 * the host is asked for; host NULL: only the origin.
 */

static ngx_uint_t
ngx_http_mcp_origin_listed(ngx_http_mcp_loc_conf_t *mlcf, ngx_str_t *origin,
    ngx_str_t *host)
{
    ngx_str_t   *listed, name;
    ngx_uint_t   i;

    if (mlcf->origins == NULL) {
        return 0;
    }

    listed = mlcf->origins->elts;

    for (i = 0; i < mlcf->origins->nelts; i++) {

        name = listed[i];

        if (origin && origin->len == name.len
            && ngx_strncasecmp(origin->data, name.data, name.len) == 0)
        {
            return 1;
        }

        if (host == NULL) {
            continue;
        }

        if (name.data[0] == '*') {
            name.data++;
            name.len--;

            if (host->len > name.len
                && ngx_strncasecmp(host->data + host->len - name.len,
                                   name.data, name.len)
                   == 0)
            {
                return 1;
            }

            continue;
        }

        if (ngx_strstr(name.data, "://") != NULL
            && (origin != NULL
                || ngx_http_mcp_parse_origin(&listed[i], &name) != NGX_OK))
        {
            continue;
        }

        if (host->len == name.len
            && ngx_strncasecmp(host->data, name.data, name.len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


static ngx_uint_t
ngx_http_mcp_loopback_name(ngx_str_t *host)
{
    in_addr_t  addr;

    if (host->len == 9
        && ngx_strncasecmp(host->data, (u_char *) "localhost", 9) == 0)
    {
        return 1;
    }

    if (host->len == 5 && ngx_strncmp(host->data, "[::1]", 5) == 0) {
        return 1;
    }

    addr = ngx_inet_addr(host->data, host->len);

    return addr != INADDR_NONE && (ntohl(addr) >> 24) == 127;
}


static ngx_uint_t
ngx_http_mcp_loopback_listener(ngx_http_request_t *r)
{
    struct sockaddr_in   *sin;
#if (NGX_HAVE_INET6)
    struct sockaddr_in6  *sin6;
#endif

    if (ngx_connection_local_sockaddr(r->connection, NULL, 0) != NGX_OK) {
        return 1;
    }

    switch (r->connection->local_sockaddr->sa_family) {

#if (NGX_HAVE_INET6)
    case AF_INET6:
        sin6 = (struct sockaddr_in6 *) r->connection->local_sockaddr;
        return IN6_IS_ADDR_LOOPBACK(&sin6->sin6_addr);
#endif

    case AF_INET:
        sin = (struct sockaddr_in *) r->connection->local_sockaddr;
        return (ntohl(sin->sin_addr.s_addr) >> 24) == 127;

    default:
        return 0;
    }
}
