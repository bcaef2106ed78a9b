
/*
 * Origin and Host: the guard against web pages that call the gateway from a
 * browser, and against DNS rebinding (MCP, Streamable HTTP, "Security
 * Warning").  It is the content handler that asks, so that no configuration
 * of phases goes round it.
 */


#include "ngx_http_mcp.h"


static ngx_uint_t ngx_http_mcp_origin_listed(ngx_http_mcp_loc_conf_t *mlcf,
    ngx_str_t *origin, ngx_str_t *host);
static ngx_uint_t ngx_http_mcp_loopback_name(ngx_str_t *host);
static ngx_uint_t ngx_http_mcp_loopback_listener(ngx_http_request_t *r);


char *
ngx_http_mcp_origin(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_mcp_loc_conf_t *mlcf = conf;

    u_char     *p, *last;
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

        last = value[i].data + value[i].len;
        p = (u_char *) ngx_strstr(value[i].data, "://");

        if (p != NULL) {
            p = ngx_strlchr(p + 3, last, '/');
        } else {
            p = ngx_strlchr(value[i].data, last, '/');
        }

        if (p != NULL || value[i].len == 0
            || (value[i].data[0] == '*'
                && (value[i].len < 3 || value[i].data[1] != '.')))
        {
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


/* The host of "host[:port]" or "[v6][:port]". */

static ngx_str_t
ngx_http_mcp_host_of(u_char *p, u_char *last)
{
    u_char     *end;
    ngx_str_t   host;

    if (p < last && *p == '[') {
        end = ngx_strlchr(p, last, ']');
        end = end ? end + 1 : last;

    } else {
        end = ngx_strlchr(p, last, ':');
        end = end ? end : last;
    }

    host.data = p;
    host.len = end - p;

    return host;
}


ngx_int_t
ngx_http_mcp_origin_check(ngx_http_request_t *r, ngx_str_t *origin,
    const char **reason)
{
    u_char                   *p, *last;
    ngx_str_t                 host, from;
    ngx_http_mcp_loc_conf_t  *mlcf;

    mlcf = ngx_http_get_module_loc_conf(r, ngx_http_mcp_module);

    ngx_str_null(&host);

    if (r->headers_in.host) {
        p = r->headers_in.host->value.data;
        host = ngx_http_mcp_host_of(p, p + r->headers_in.host->value.len);

    } else if (r->headers_in.server.len) {
        host = r->headers_in.server;
    }

    if (ngx_http_mcp_loopback_listener(r)
        && !ngx_http_mcp_loopback_name(&host)
        && !ngx_http_mcp_origin_listed(mlcf, NULL, &host))
    {
        *reason = "this Host is not served here; on a loopback address it "
                  "must be localhost or be listed in mcp_origin";
        return NGX_DECLINED;
    }

    if (origin->data == NULL) {
        return NGX_OK;
    }

    last = origin->data + origin->len;
    p = ngx_strlcasestrn(origin->data, last, (u_char *) "://", 3 - 1);

    *reason = "this Origin may not use the gateway; list it in mcp_origin";

    if (p == NULL) {
        return ngx_http_mcp_origin_listed(mlcf, origin, NULL) ? NGX_OK
                                                              : NGX_DECLINED;
    }

    from = ngx_http_mcp_host_of(p + 3, last);

    if (from.len == 0) {
        return NGX_DECLINED;
    }

    if (ngx_http_mcp_origin_listed(mlcf, origin, &from)) {
        return NGX_OK;
    }

    /* a list says all that may come in; the default is only for no list */

    if (mlcf->origins != NULL) {
        return NGX_DECLINED;
    }

    if (ngx_http_mcp_loopback_name(&from)) {
        return NGX_OK;
    }

    if (from.len == host.len
        && ngx_strncasecmp(from.data, host.data, host.len) == 0)
    {
        return NGX_OK;
    }

    return NGX_DECLINED;
}


/* origin NULL: only the host is asked for. */

static ngx_uint_t
ngx_http_mcp_origin_listed(ngx_http_mcp_loc_conf_t *mlcf, ngx_str_t *origin,
    ngx_str_t *host)
{
    u_char      *p;
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

        p = (u_char *) ngx_strstr(name.data, "://");

        if (p != NULL) {

            if (origin != NULL) {
                continue;
            }

            name = ngx_http_mcp_host_of(p + 3, name.data + name.len);
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
