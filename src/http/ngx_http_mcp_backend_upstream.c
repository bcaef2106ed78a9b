
/* What nginx needs to reach the server that a backend's url names. */


#include "ngx_http_mcp.h"


static char *ngx_http_mcp_backend_upstream(ngx_conf_t *cf,
    ngx_http_mcp_backend_t *be);
static char *ngx_http_mcp_backend_keepalive(ngx_conf_t *cf,
    ngx_http_upstream_main_conf_t *umcf, ngx_http_upstream_srv_conf_t *uscf);


/*
 * With a resolver its address is looked up at each request, so that it may
 * change, and need not be known when nginx starts.
 */

char *
ngx_http_mcp_backend_plain_init(ngx_conf_t *cf, ngx_http_mcp_backend_t *be)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->resolver != NULL
        && be->authority.len != 0
        && ngx_http_mcp_backend_resolve(be) == NGX_OK)
    {
        return ngx_http_mcp_backend_ssl_name(cf->pool, be);
    }

    return ngx_http_mcp_backend_upstream(cf, be);
}


ngx_int_t
ngx_http_mcp_backend_resolve(ngx_http_mcp_backend_t *be)
{
    u_char     *p, *last;
    ngx_int_t   port;

    port = be->ssl ? 443 : 80;
    last = be->authority.data + be->authority.len;
    p = ngx_strlchr(be->authority.data, last, ':');

    if (p != NULL) {
        port = ngx_atoi(p + 1, last - p - 1);
        last = p;
    }

    /* an IPv6 address needs no resolver */

    if (port < 1 || port > 65535 || last == be->authority.data
        || be->authority.data[0] == '[')
    {
        return NGX_DECLINED;
    }

    be->resolve_host.data = be->authority.data;
    be->resolve_host.len = last - be->authority.data;
    be->port = (in_port_t) port;
    be->resolve = 1;

    return NGX_OK;
}


/* Certificates are checked against the URL, not the upstream's name. */

char *
ngx_http_mcp_backend_ssl_name(ngx_pool_t *pool, ngx_http_mcp_backend_t *be)
{
#if (NGX_HTTP_SSL)

    if (be->ssl && be->upstream.ssl_name == NULL) {
        be->upstream.ssl_name = ngx_pcalloc(pool,
                                            sizeof(ngx_http_complex_value_t));
        if (be->upstream.ssl_name == NULL) {
            return NGX_CONF_ERROR;
        }

        be->upstream.ssl_name->value = be->authority;
    }

#endif

    return NGX_CONF_OK;
}


char *
ngx_http_mcp_backend_ssl(ngx_conf_t *cf, ngx_http_mcp_backend_t *be)
{
#if (NGX_HTTP_SSL)

    ngx_ssl_t           *ssl;
    ngx_pool_cleanup_t  *cln;

    if (be->ssl_protocols == 0) {
        be->ssl_protocols = NGX_SSL_TLSv1_2|NGX_SSL_TLSv1_3;
    }

    if (be->ssl_ciphers.len == 0) {
        ngx_str_set(&be->ssl_ciphers, "DEFAULT");
    }

    ngx_conf_init_value(be->ssl_verify, 1);
    ngx_conf_init_uint_value(be->ssl_verify_depth, 4);
    ngx_conf_init_ptr_value(be->upstream.ssl_name, NULL);
    ngx_conf_init_value(be->upstream.ssl_server_name, 1);
    ngx_conf_init_value(be->upstream.ssl_session_reuse, 1);

    be->upstream.ssl_verify = be->ssl_verify;

    ssl = ngx_pcalloc(cf->pool, sizeof(ngx_ssl_t));
    cln = ngx_pool_cleanup_add(cf->pool, 0);

    if (ssl == NULL || cln == NULL) {
        return NGX_CONF_ERROR;
    }

    be->upstream.ssl = ssl;
    ssl->log = cf->log;

    if (ngx_ssl_create(ssl, be->ssl_protocols, NULL) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    cln->handler = ngx_ssl_cleanup_ctx;
    cln->data = ssl;

    if (ngx_ssl_ciphers(cf, ssl, &be->ssl_ciphers, 0) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (be->ssl_certificate.len) {

        if (be->ssl_certificate_key.len == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "no \"ssl_certificate_key\" is defined for "
                               "\"ssl_certificate\" of backend \"%V\"",
                               &be->name);
            return NGX_CONF_ERROR;
        }

        if (ngx_ssl_certificate(cf, ssl, &be->ssl_certificate,
                                &be->ssl_certificate_key, NULL)
            != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    if (be->ssl_verify && be->ssl_trusted_certificate.len == 0) {

        /* what the system trusts */

        if (SSL_CTX_set_default_verify_paths(ssl->ctx) == 0) {
            ngx_ssl_error(NGX_LOG_EMERG, cf->log, 0,
                          "SSL_CTX_set_default_verify_paths() failed");
            return NGX_CONF_ERROR;
        }

        SSL_CTX_set_verify(ssl->ctx, SSL_CTX_get_verify_mode(ssl->ctx), NULL);
        SSL_CTX_set_verify_depth(ssl->ctx, be->ssl_verify_depth);

    } else if (be->ssl_verify) {

        if (ngx_ssl_trusted_certificate(cf, ssl, &be->ssl_trusted_certificate,
                                        be->ssl_verify_depth)
            != NGX_OK
            || ngx_ssl_crl(cf, ssl, &be->ssl_crl) != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    if (ngx_ssl_client_session_cache(cf, ssl, be->upstream.ssl_session_reuse)
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

#endif

    return NGX_CONF_OK;
}


/*
 * The upstream{} that the url names, or one made for it.  A made one is read
 * by nginx's own parser, as if it stood in the configuration, so that it has
 * all that an upstream{} of this nginx has: keepalive above all.
 */

static char *
ngx_http_mcp_backend_upstream(ngx_conf_t *cf, ngx_http_mcp_backend_t *be)
{
    char                            *rv;
    u_char                          *p;
    size_t                           len;
    ngx_buf_t                        b;
    ngx_str_t                       *arg, name, server, port;
    ngx_conf_t                       save;
    ngx_uint_t                       i;
    ngx_array_t                      args;
    ngx_command_t                   *cmd;
    ngx_conf_file_t                  file;
    ngx_http_upstream_srv_conf_t   **uscfp;
    ngx_http_upstream_main_conf_t   *umcf;
    ngx_http_upstream_init_pt        init;

    umcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_upstream_module);
    uscfp = umcf->upstreams.elts;

    for (i = 0; i < umcf->upstreams.nelts; i++) {

        if ((uscfp[i]->flags & NGX_HTTP_UPSTREAM_CREATE)
            && uscfp[i]->host.len == be->authority.len
            && ngx_strncasecmp(uscfp[i]->host.data, be->authority.data,
                               be->authority.len)
               == 0)
        {
            be->upstream.upstream = uscfp[i];
            return NGX_CONF_OK;
        }
    }

    ngx_str_null(&port);
    server = be->server;

    if (server.len == 0) {
        server = be->authority;

        p = server.data + server.len;
        while (p > server.data && p[-1] >= '0' && p[-1] <= '9') {
            p--;
        }

        if (p == server.data || p[-1] != ':') {
            if (be->ssl) {
                ngx_str_set(&port, ":443");
            } else {
                ngx_str_set(&port, ":80");
            }
        }
    }

    name.len = sizeof("mcp_backend_") - 1 + be->name.len;
    name.data = ngx_pnalloc(cf->pool, name.len + 1);

    len = sizeof("server  max_fails=0;keepalive 64;}") + server.len + port.len;
    p = ngx_pnalloc(cf->pool, len);

    if (name.data == NULL || p == NULL
        || ngx_array_init(&args, cf->pool, 4, sizeof(ngx_str_t)) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    ngx_sprintf(name.data, "mcp_backend_%V%Z", &be->name);

    ngx_memzero(&b, sizeof(ngx_buf_t));
    b.start = p;
    b.pos = p;
    b.last = ngx_sprintf(p, "server %V%V max_fails=0;keepalive 64;", &server,
                         &port);
    b.end = b.last;
    b.temporary = 1;

    ngx_memzero(&file, sizeof(ngx_conf_file_t));
    file.file.fd = NGX_INVALID_FILE;
    file.file.name.data = be->file;
    file.file.name.len = ngx_strlen(be->file);
    file.line = be->line;
    file.buffer = &b;

    save = *cf;

    cf->conf_file = &file;
    cf->args = &args;
    cf->cmd_type = NGX_HTTP_MAIN_CONF;

    arg = ngx_array_push_n(&args, 2);
    ngx_str_set(&arg[0], "upstream");
    arg[1] = name;

    for (cmd = ngx_http_upstream_module.commands; cmd->name.len; cmd++) {
        if (ngx_strcmp(cmd->name.data, "upstream") == 0) {
            break;
        }
    }

    rv = cmd->name.len ? cmd->set(cf, cmd, NULL) : NGX_CONF_ERROR;

    *cf = save;

    if (rv != NGX_CONF_OK) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "the server of backend \"%V\" in %s:%ui cannot be used",
                      &be->name, be->file, be->line);
        return NGX_CONF_ERROR;
    }

    uscfp = umcf->upstreams.elts;
    be->upstream.upstream = uscfp[umcf->upstreams.nelts - 1];

    if (ngx_http_mcp_backend_ssl_name(cf->pool, be) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    /* the upstream module's own turn to do this was before ours */

    init = be->upstream.upstream->peer.init_upstream
           ? be->upstream.upstream->peer.init_upstream
           : ngx_http_upstream_init_round_robin;

    if (init(cf, be->upstream.upstream) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return ngx_http_mcp_backend_keepalive(cf, umcf, be->upstream.upstream);
}


/*
 * Since 1.29.7 the keepalive module puts itself into all upstreams when the
 * whole configuration was read, which was before this one was made.
 */

static char *
ngx_http_mcp_backend_keepalive(ngx_conf_t *cf,
    ngx_http_upstream_main_conf_t *umcf, ngx_http_upstream_srv_conf_t *uscf)
{
    char               *rv;
    ngx_uint_t          i;
    ngx_array_t         all, one;
    ngx_module_t       *module;
    ngx_http_module_t  *ctx;

    for (i = 0; cf->cycle->modules[i]; i++) {
        module = cf->cycle->modules[i];

        if (module->type != NGX_HTTP_MODULE
            || ngx_strcmp(module->name, "ngx_http_upstream_keepalive_module")
               != 0)
        {
            continue;
        }

        ctx = module->ctx;

        if (ctx->init_main_conf == NULL) {
            break;
        }

        if (ngx_array_init(&one, cf->pool, 1,
                           sizeof(ngx_http_upstream_srv_conf_t *))
            != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }

        *(ngx_http_upstream_srv_conf_t **) ngx_array_push(&one) = uscf;

        all = umcf->upstreams;
        umcf->upstreams = one;

        rv = ctx->init_main_conf(cf, NULL);

        umcf->upstreams = all;

        return rv;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_mcp_backends_init(ngx_conf_t *cf, ngx_http_mcp_main_conf_t *mmcf)
{
    ngx_uint_t                i;
    ngx_http_mcp_backend_t  **be;

    be = mmcf->backends.elts;

    for (i = 0; i < mmcf->backends.nelts; i++) {
        if (ngx_http_mcp_backend_upstream(cf, be[i]) != NGX_CONF_OK) {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}
