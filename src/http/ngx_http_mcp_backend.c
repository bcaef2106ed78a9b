
/*
 * mcp_backend{}: its directives, and what nginx needs to reach the server
 * that they name.
 */


#include "ngx_http_mcp.h"


static char *ngx_http_mcp_backend_directive(ngx_conf_t *cf,
    ngx_command_t *dummy, void *conf);
static char *ngx_http_mcp_backend_url(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_mcp_backend_prefix(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_mcp_backend_set_header(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);
static char *ngx_http_mcp_backend_buffer_size(ngx_conf_t *cf, void *post,
    void *data);
static char *ngx_http_mcp_backend_defaults(ngx_conf_t *cf,
    ngx_http_mcp_backend_t *be);


static ngx_conf_enum_t  ngx_http_mcp_protocols[] = {
    { ngx_string("auto"), NGX_HTTP_MCP_PROTOCOL_AUTO },
    { ngx_string("modern"), NGX_HTTP_MCP_PROTOCOL_MODERN },
    { ngx_string("legacy"), NGX_HTTP_MCP_PROTOCOL_LEGACY },
    { ngx_null_string, 0 }
};


static ngx_conf_enum_t  ngx_http_mcp_sessions[] = {
    { ngx_string("shared"), NGX_HTTP_MCP_SESSION_SHARED },
    { ngx_string("client"), NGX_HTTP_MCP_SESSION_CLIENT },
    { ngx_null_string, 0 }
};


static ngx_conf_post_t  ngx_http_mcp_buffer_size_post = {
    ngx_http_mcp_backend_buffer_size
};


#if (NGX_HTTP_SSL)

static ngx_conf_bitmask_t  ngx_http_mcp_ssl_protocols[] = {
    { ngx_string("TLSv1.2"), NGX_SSL_TLSv1_2 },
    { ngx_string("TLSv1.3"), NGX_SSL_TLSv1_3 },
    { ngx_null_string, 0 }
};

#endif


/*
 * The directives of the block are no module's: they are looked up here, so
 * that they exist nowhere else.
 */

static ngx_command_t  ngx_http_mcp_backend_commands[] = {

    { ngx_string("url"),
      NGX_CONF_TAKE1,
      ngx_http_mcp_backend_url,
      0,
      0,
      NULL },

    { ngx_string("prefix"),
      NGX_CONF_TAKE1,
      ngx_http_mcp_backend_prefix,
      0,
      0,
      NULL },

    { ngx_string("protocol"),
      NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      0,
      offsetof(ngx_http_mcp_backend_t, protocol),
      &ngx_http_mcp_protocols },

    { ngx_string("session"),
      NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      0,
      offsetof(ngx_http_mcp_backend_t, session),
      &ngx_http_mcp_sessions },

    { ngx_string("set_header"),
      NGX_CONF_TAKE2,
      ngx_http_mcp_backend_set_header,
      0,
      0,
      NULL },

    { ngx_string("connect_timeout"),
      NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      0,
      offsetof(ngx_http_mcp_backend_t, upstream.connect_timeout),
      NULL },

    { ngx_string("send_timeout"),
      NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      0,
      offsetof(ngx_http_mcp_backend_t, upstream.send_timeout),
      NULL },

    { ngx_string("read_timeout"),
      NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      0,
      offsetof(ngx_http_mcp_backend_t, upstream.read_timeout),
      NULL },

    { ngx_string("buffer_size"),
      NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      0,
      offsetof(ngx_http_mcp_backend_t, upstream.buffer_size),
      &ngx_http_mcp_buffer_size_post },

    { ngx_string("retry"),
      NGX_CONF_1MORE,
      ngx_http_mcp_retry_conf,
      0,
      0,
      NULL },

    { ngx_string("breaker"),
      NGX_CONF_1MORE,
      ngx_http_mcp_breaker,
      0,
      0,
      NULL },

    { ngx_string("health"),
      NGX_CONF_1MORE,
      ngx_http_mcp_health_conf,
      0,
      0,
      NULL },

    { ngx_string("refresh"),
      NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      0,
      offsetof(ngx_http_mcp_backend_t, refresh),
      NULL },

#if (NGX_HTTP_SSL)

    { ngx_string("ssl_verify"),
      NGX_CONF_TAKE1,
      ngx_conf_set_flag_slot,
      0,
      offsetof(ngx_http_mcp_backend_t, ssl_verify),
      NULL },

    { ngx_string("ssl_verify_depth"),
      NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      0,
      offsetof(ngx_http_mcp_backend_t, ssl_verify_depth),
      NULL },

    { ngx_string("ssl_trusted_certificate"),
      NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      0,
      offsetof(ngx_http_mcp_backend_t, ssl_trusted_certificate),
      NULL },

    { ngx_string("ssl_crl"),
      NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      0,
      offsetof(ngx_http_mcp_backend_t, ssl_crl),
      NULL },

    { ngx_string("ssl_name"),
      NGX_CONF_TAKE1,
      ngx_http_set_complex_value_slot,
      0,
      offsetof(ngx_http_mcp_backend_t, upstream.ssl_name),
      NULL },

    { ngx_string("ssl_server_name"),
      NGX_CONF_TAKE1,
      ngx_conf_set_flag_slot,
      0,
      offsetof(ngx_http_mcp_backend_t, upstream.ssl_server_name),
      NULL },

    { ngx_string("ssl_session_reuse"),
      NGX_CONF_TAKE1,
      ngx_conf_set_flag_slot,
      0,
      offsetof(ngx_http_mcp_backend_t, upstream.ssl_session_reuse),
      NULL },

    { ngx_string("ssl_protocols"),
      NGX_CONF_1MORE,
      ngx_conf_set_bitmask_slot,
      0,
      offsetof(ngx_http_mcp_backend_t, ssl_protocols),
      &ngx_http_mcp_ssl_protocols },

    { ngx_string("ssl_ciphers"),
      NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      0,
      offsetof(ngx_http_mcp_backend_t, ssl_ciphers),
      NULL },

    { ngx_string("ssl_certificate"),
      NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      0,
      offsetof(ngx_http_mcp_backend_t, ssl_certificate),
      NULL },

    { ngx_string("ssl_certificate_key"),
      NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      0,
      offsetof(ngx_http_mcp_backend_t, ssl_certificate_key),
      NULL },

#endif

    ngx_null_command
};


static ngx_http_mcp_backend_t *
ngx_http_mcp_backend_create(ngx_conf_t *cf, ngx_str_t *name)
{
    ngx_http_mcp_backend_t  *be;

    be = ngx_pcalloc(cf->pool, sizeof(ngx_http_mcp_backend_t));
    if (be == NULL) {
        return NULL;
    }

    be->name = *name;
    be->file = cf->conf_file->file.name.data;
    be->line = cf->conf_file->line;

    be->protocol = NGX_CONF_UNSET_UINT;
    be->session = NGX_CONF_UNSET_UINT;
    be->refresh = NGX_CONF_UNSET_MSEC;
    be->health_interval = NGX_CONF_UNSET_MSEC;
    be->health_timeout = NGX_CONF_UNSET_MSEC;
    be->retry = NGX_CONF_UNSET_UINT;
    be->retry_backoff = NGX_CONF_UNSET_MSEC;
    be->retry_max = NGX_CONF_UNSET_MSEC;
    be->ssl_verify = NGX_CONF_UNSET;
    be->ssl_verify_depth = NGX_CONF_UNSET_UINT;

    be->upstream.connect_timeout = NGX_CONF_UNSET_MSEC;
    be->upstream.send_timeout = NGX_CONF_UNSET_MSEC;
    be->upstream.read_timeout = NGX_CONF_UNSET_MSEC;
    be->upstream.buffer_size = NGX_CONF_UNSET_SIZE;

#if (NGX_HTTP_SSL)
    be->upstream.ssl_name = NGX_CONF_UNSET_PTR;
    be->upstream.ssl_server_name = NGX_CONF_UNSET;
    be->upstream.ssl_session_reuse = NGX_CONF_UNSET;
#endif

    return be;
}


char *
ngx_http_mcp_backend_block(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_mcp_main_conf_t *mmcf = conf;

    char                     *rv;
    size_t                    n;
    u_char                    ch;
    ngx_str_t                *value;
    ngx_uint_t                i;
    ngx_conf_t                save;
    ngx_http_mcp_backend_t   *be, **bep;

    value = cf->args->elts;

    /* the name becomes part of tool names */

    for (n = 0; n < value[1].len; n++) {
        ch = value[1].data[n];

        if ((ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z')
            || (ch >= '0' && ch <= '9') || ch == '_' || ch == '-' || ch == '.')
        {
            continue;
        }

        break;
    }

    if (n == 0 || n != value[1].len || n > 64
        || ngx_strcmp(value[1].data, "all") == 0)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid backend name \"%V\": use 1 to 64 of "
                           "A-Z a-z 0-9 _ - . and not \"all\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    bep = mmcf->backends.elts;

    for (i = 0; i < mmcf->backends.nelts; i++) {
        if (bep[i]->name.len == value[1].len
            && ngx_strncmp(bep[i]->name.data, value[1].data, value[1].len) == 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "duplicate backend \"%V\", the first is in "
                               "%s:%ui", &value[1], bep[i]->file,
                               bep[i]->line);
            return NGX_CONF_ERROR;
        }
    }

    be = ngx_http_mcp_backend_create(cf, &value[1]);
    if (be == NULL) {
        return NGX_CONF_ERROR;
    }

    bep = ngx_array_push(&mmcf->backends);
    if (bep == NULL) {
        return NGX_CONF_ERROR;
    }

    *bep = be;
    be->index = mmcf->backends.nelts - 1;

    save = *cf;
    cf->handler = ngx_http_mcp_backend_directive;
    cf->handler_conf = (void *) be;

    rv = ngx_conf_parse(cf, NULL);

    *cf = save;

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (be->url.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "backend \"%V\" has no \"url\"", &be->name);
        return NGX_CONF_ERROR;
    }

    return ngx_http_mcp_backend_defaults(cf, be);
}


static char *
ngx_http_mcp_backend_directive(ngx_conf_t *cf, ngx_command_t *dummy,
    void *conf)
{
    char           *rv;
    ngx_str_t      *value;
    ngx_uint_t      n;
    ngx_command_t  *cmd;

    value = cf->args->elts;
    n = cf->args->nelts - 1;

    for (cmd = ngx_http_mcp_backend_commands; cmd->name.len; cmd++) {

        if (cmd->name.len != value[0].len
            || ngx_strcmp(cmd->name.data, value[0].data) != 0)
        {
            continue;
        }

        if (((cmd->type & NGX_CONF_TAKE1) && n != 1)
            || ((cmd->type & NGX_CONF_TAKE2) && n != 2)
            || ((cmd->type & NGX_CONF_1MORE) && n < 1))
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid number of arguments in \"%V\" "
                               "directive", &value[0]);
            return NGX_CONF_ERROR;
        }

        rv = cmd->set(cf, cmd, conf);

        if (rv != NGX_CONF_OK && rv != NGX_CONF_ERROR) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\" directive %s", &value[0], rv);
            return NGX_CONF_ERROR;
        }

        return rv;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "unknown directive \"%V\" in \"mcp_backend\"",
                       &value[0]);

    return NGX_CONF_ERROR;
}


/*
 * http(s)://host[:port]/path, http://unix:/path/of.sock:/path; the host may
 * be the name of an upstream{}.
 */

static char *
ngx_http_mcp_backend_url(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_mcp_backend_t *be = conf;

    u_char     *p, *end, *last;
    size_t      add;
    ngx_str_t  *value;

    value = cf->args->elts;

    if (be->url.len) {
        return "is duplicate";
    }

    be->url = value[1];

    if (ngx_strncasecmp(be->url.data, (u_char *) "http://", 7) == 0) {
        add = 7;

    } else if (ngx_strncasecmp(be->url.data, (u_char *) "https://", 8) == 0) {
#if (NGX_HTTP_SSL)
        add = 8;
        be->ssl = 1;
#else
        return "needs nginx with SSL support for https";
#endif

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid url \"%V\": it must begin with \"http://\" "
                           "or \"https://\"", &be->url);
        return NGX_CONF_ERROR;
    }

    p = be->url.data + add;
    end = be->url.data + be->url.len;

    for (last = p; last < end; last++) {
        if (*last <= 0x20 || *last >= 0x7f || *last == '#' || *last == '@'
            || *last == '$')
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid character in url \"%V\"", &be->url);
            return NGX_CONF_ERROR;
        }
    }

    if (end - p > 5 && ngx_strncmp(p, "unix:", 5) == 0) {

        last = ngx_strlchr(p + 5, end, ':');
        if (last == NULL) {
            last = end;
        }

        be->server.data = p;
        be->server.len = last - p;
        ngx_str_set(&be->host, "localhost");
        p = (last < end) ? last + 1 : end;

        if (be->server.len == 5) {
            return "has no path of a socket";
        }

    } else {

        for (last = p; last < end && *last != '/' && *last != '?'; last++) {
            /* void */
        }

        be->authority.data = p;
        be->authority.len = last - p;
        be->host = be->authority;
        p = last;

        if (be->authority.len == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "no host in url \"%V\"",
                               &be->url);
            return NGX_CONF_ERROR;
        }
    }

    be->uri.data = p;
    be->uri.len = end - p;

    if (be->uri.len == 0) {
        ngx_str_set(&be->uri, "/");
    }

    if (be->uri.data[0] != '/') {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "no path in url \"%V\": write it as "
                           "\"http://host/path\"", &be->url);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_mcp_backend_prefix(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_mcp_backend_t *be = conf;

    size_t      i;
    u_char      ch;
    ngx_str_t  *value;

    value = cf->args->elts;

    if (be->prefix_set) {
        return "is duplicate";
    }

    be->prefix_set = 1;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        return NGX_CONF_OK;
    }

    for (i = 0; i < value[1].len; i++) {
        ch = value[1].data[i];

        if ((ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z')
            || (ch >= '0' && ch <= '9') || ch == '_' || ch == '-' || ch == '.')
        {
            continue;
        }

        return "may only have A-Z a-z 0-9 _ - . in it";
    }

    if (value[1].len > MCP_NAME_LONG) {
        return "is too long: with it no name of a tool would be short enough";
    }

    be->prefix = value[1];

    return NGX_CONF_OK;
}


static char *
ngx_http_mcp_backend_set_header(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_mcp_backend_t *be = conf;

    size_t                             i;
    u_char                             ch;
    ngx_str_t                         *value, *name;
    ngx_http_mcp_header_t             *h;
    ngx_http_compile_complex_value_t   ccv;

    /* these frame the message or say what it is */

    static ngx_str_t  own[] = {
        ngx_string("Accept"),
        ngx_string("Accept-Encoding"),
        ngx_string("Connection"),
        ngx_string("Content-Encoding"),
        ngx_string("Content-Length"),
        ngx_string("Content-Type"),
        ngx_string("Expect"),
        ngx_string("MCP-Protocol-Version"),
        ngx_string("Mcp-Method"),
        ngx_string("Mcp-Name"),
        ngx_string("Mcp-Session-Id"),
        ngx_string("TE"),
        ngx_string("Trailer"),
        ngx_string("Transfer-Encoding"),
        ngx_string("Upgrade"),
        ngx_string("traceparent"),
        ngx_string("tracestate"),
        ngx_string("X-Request-Id"),
        ngx_null_string
    };

    value = cf->args->elts;

    for (i = 0; i < value[1].len; i++) {
        ch = value[1].data[i];

        if ((ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z')
            || (ch >= '0' && ch <= '9') || ch == '-' || ch == '_')
        {
            continue;
        }

        return "has an invalid header name";
    }

    if (value[1].len == 0) {
        return "has an empty header name";
    }

    if (value[1].len > 10
        && ngx_strncasecmp(value[1].data, (u_char *) "Mcp-Param-", 10) == 0)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the header \"%V\" is the gateway's own and "
                           "cannot be set", &value[1]);
        return NGX_CONF_ERROR;
    }

    for (i = 0; i < value[2].len; i++) {
        if (value[2].data[i] == CR || value[2].data[i] == LF) {
            return "has a value with a line break";
        }
    }

    for (name = own; name->len; name++) {
        if (name->len == value[1].len
            && ngx_strncasecmp(name->data, value[1].data, name->len) == 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "the header \"%V\" is the gateway's own and "
                               "cannot be set", &value[1]);
            return NGX_CONF_ERROR;
        }
    }

    if (value[1].len == 4
        && ngx_strncasecmp(value[1].data, (u_char *) "Host", 4) == 0)
    {
        be->host_set = 1;
    }

    if (value[1].len == 10
        && ngx_strncasecmp(value[1].data, (u_char *) "User-Agent", 10) == 0)
    {
        be->agent_set = 1;
    }

    if (be->headers == NULL) {
        be->headers = ngx_array_create(cf->pool, 2,
                                       sizeof(ngx_http_mcp_header_t));
        if (be->headers == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    h = ngx_array_push(be->headers);
    if (h == NULL) {
        return NGX_CONF_ERROR;
    }

    h->key = value[1];

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

    ccv.cf = cf;
    ccv.value = &value[2];
    ccv.complex_value = &h->value;

    if (ngx_http_compile_complex_value(&ccv) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_mcp_backend_buffer_size(ngx_conf_t *cf, void *post, void *data)
{
    size_t *size = data;

    if (*size < 1024) {
        return "must be at least 1k: it has to hold the header of an answer";
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_mcp_backend_defaults(ngx_conf_t *cf, ngx_http_mcp_backend_t *be)
{
    size_t                     i;
    ngx_hash_init_t            hash;
    ngx_http_upstream_conf_t  *u;

    static ngx_str_t  none[] = { ngx_null_string };

    ngx_conf_init_uint_value(be->protocol, NGX_HTTP_MCP_PROTOCOL_AUTO);
    ngx_conf_init_uint_value(be->session, NGX_HTTP_MCP_SESSION_SHARED);
    ngx_conf_init_msec_value(be->refresh, 5 * 60 * 1000);
    ngx_conf_init_msec_value(be->health_interval,
                             NGX_HTTP_MCP_HEALTH_INTERVAL);
    ngx_conf_init_msec_value(be->health_timeout, NGX_HTTP_MCP_HEALTH_TIMEOUT);
    ngx_conf_init_uint_value(be->retry, NGX_HTTP_MCP_RETRY);
    ngx_conf_init_msec_value(be->retry_backoff, NGX_HTTP_MCP_RETRY_BACKOFF);
    ngx_conf_init_msec_value(be->retry_max,
                             ngx_max(be->retry_backoff,
                                     NGX_HTTP_MCP_RETRY_LONGEST));

    if (!be->breaker_set) {
        be->breaker.failures = NGX_HTTP_MCP_BREAKER_FAILURES;
        be->breaker.cooldown = NGX_HTTP_MCP_BREAKER_COOLDOWN;
    }

    if (be->session == NGX_HTTP_MCP_SESSION_CLIENT
        && be->protocol == NGX_HTTP_MCP_PROTOCOL_MODERN)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "backend \"%V\" cannot have \"session client\" "
                           "with \"protocol modern\": that has no sessions",
                           &be->name);
        return NGX_CONF_ERROR;
    }

    if (be->refresh == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"refresh\" of backend \"%V\" must be more than 0",
                           &be->name);
        return NGX_CONF_ERROR;
    }

    u = &be->upstream;

    ngx_conf_init_msec_value(u->connect_timeout, 5000);
    ngx_conf_init_msec_value(u->send_timeout, 60000);
    ngx_conf_init_msec_value(u->read_timeout, 60000);
    ngx_conf_init_size_value(u->buffer_size, 16384);

    /*
     * A request goes to a next server only while nothing of it was sent, or
     * if it is idempotent: nginx knows by its method.
     */

    u->next_upstream = NGX_CONF_BITMASK_SET
                       |NGX_HTTP_UPSTREAM_FT_ERROR
                       |NGX_HTTP_UPSTREAM_FT_TIMEOUT;
    u->next_upstream_timeout = u->read_timeout;
    u->ignore_client_abort = 1;
    u->buffering = 0;
    u->request_buffering = 1;
    u->pass_request_headers = 0;
    u->pass_request_body = 0;
    u->socket_keepalive = 1;
    u->hide_headers = NGX_CONF_UNSET_PTR;
    u->pass_headers = NGX_CONF_UNSET_PTR;
    ngx_str_set(&u->module, "mcp");

    ngx_memzero(&hash, sizeof(ngx_hash_init_t));
    hash.max_size = 512;
    hash.bucket_size = ngx_align(64, ngx_cacheline_size);
    hash.name = "mcp_headers_hash";

    if (ngx_http_upstream_hide_headers_hash(cf, u, u, none, &hash) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    be->identity.len = be->name.len + 1 + be->url.len;
    be->identity.data = ngx_pnalloc(cf->pool, be->identity.len);
    if (be->identity.data == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_sprintf(be->identity.data, "%V %V", &be->name, &be->url);

    /* FNV-1a, 64 bits */

    be->hash = 0xcbf29ce484222325ULL;

    for (i = 0; i < be->identity.len; i++) {
        be->hash = (be->hash ^ be->identity.data[i]) * 0x100000001b3ULL;
    }

    if (ngx_http_mcp_backend_lines(cf->pool, be) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (be->ssl && ngx_http_mcp_backend_ssl(cf, be) != NGX_CONF_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the ssl directives of backend \"%V\" cannot be "
                           "used, see above", &be->name);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


ngx_int_t
ngx_http_mcp_backend_lines(ngx_pool_t *pool, ngx_http_mcp_backend_t *be)
{
    u_char  *p;

    be->request_line.data = ngx_pnalloc(pool, be->uri.len + be->host.len
                                              + 256);
    if (be->request_line.data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_sprintf(be->request_line.data, "%V HTTP/1.1" CRLF, &be->uri);

    if (!be->host_set) {
        p = ngx_sprintf(p, "Host: %V" CRLF, &be->host);
    }

    if (!be->agent_set) {
        p = ngx_sprintf(p, "User-Agent: " MCP_SERVER_NAME "/"
                           MCP_SERVER_VERSION CRLF);
    }

    if (be->plain) {
        p = ngx_sprintf(p, "Accept: application/jwk-set+json, "
                           "application/json" CRLF);

    } else {
        p = ngx_sprintf(p, "Accept: application/json, text/event-stream" CRLF
                           "Content-Type: application/json" CRLF);
    }

    be->request_line.len = p - be->request_line.data;

    return NGX_OK;
}


/* --- documents ----------------------------------------------------------- */


ngx_http_mcp_backend_t *
ngx_http_mcp_backend_plain(ngx_conf_t *cf, ngx_str_t *url, ngx_str_t *ca)
{
    char                    *rv;
    ngx_str_t               *arg;
    ngx_array_t             *args, *save;
    ngx_http_mcp_backend_t  *be;

    be = ngx_http_mcp_backend_create(cf, url);
    args = ngx_array_create(cf->pool, 2, sizeof(ngx_str_t));

    if (be == NULL || args == NULL) {
        return NULL;
    }

    arg = ngx_array_push_n(args, 2);
    ngx_str_set(&arg[0], "url");
    arg[1] = *url;

    save = cf->args;
    cf->args = args;
    rv = ngx_http_mcp_backend_url(cf, NULL, be);
    cf->args = save;

    if (rv != NGX_CONF_OK) {
        if (rv != NGX_CONF_ERROR) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "url \"%V\" %s", url, rv);
        }

        return NULL;
    }

    be->plain = 1;
    be->ssl_trusted_certificate = *ca;
    be->upstream.connect_timeout = 5000;
    be->upstream.send_timeout = 5000;
    be->upstream.read_timeout = 10000;

    if (ngx_http_mcp_backend_defaults(cf, be) != NGX_CONF_OK) {
        return NULL;
    }

    return be;
}
