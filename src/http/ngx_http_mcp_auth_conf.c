
/* The authentication module: its directives. */


#include "ngx_http_mcp_auth.h"


static ngx_int_t ngx_http_mcp_auth_preconfiguration(ngx_conf_t *cf);
static ngx_int_t ngx_http_mcp_auth_postconfiguration(ngx_conf_t *cf);
static void *ngx_http_mcp_auth_create_main_conf(ngx_conf_t *cf);
static void *ngx_http_mcp_auth_create_loc_conf(ngx_conf_t *cf);
static char *ngx_http_mcp_auth_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);
static char *ngx_http_mcp_auth_jwt(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_mcp_auth_jwt_key(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_mcp_auth_jwt_alg(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_mcp_auth_jwt_audience(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_mcp_auth_jwt_require(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


#define NGX_HTTP_MCP_AUTH_CONF                                                \
    NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_HTTP_LMT_CONF


static ngx_command_t  ngx_http_mcp_auth_commands[] = {

    { ngx_string("mcp_auth_jwt"),
      NGX_HTTP_MCP_AUTH_CONF|NGX_CONF_TAKE1,
      ngx_http_mcp_auth_jwt,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mcp_auth_jwt_key"),
      NGX_HTTP_MCP_AUTH_CONF|NGX_CONF_1MORE,
      ngx_http_mcp_auth_jwt_key,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mcp_auth_jwt_alg"),
      NGX_HTTP_MCP_AUTH_CONF|NGX_CONF_1MORE,
      ngx_http_mcp_auth_jwt_alg,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mcp_auth_jwt_issuer"),
      NGX_HTTP_MCP_AUTH_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_mcp_auth_loc_conf_t, issuer),
      NULL },

    { ngx_string("mcp_auth_jwt_audience"),
      NGX_HTTP_MCP_AUTH_CONF|NGX_CONF_1MORE,
      ngx_http_mcp_auth_jwt_audience,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mcp_auth_jwt_leeway"),
      NGX_HTTP_MCP_AUTH_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_mcp_auth_loc_conf_t, leeway),
      NULL },

    { ngx_string("mcp_auth_jwt_require"),
      NGX_HTTP_MCP_AUTH_CONF|NGX_CONF_TAKE2,
      ngx_http_mcp_auth_jwt_require,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mcp_scope"),
      NGX_HTTP_MCP_AUTH_CONF|NGX_CONF_1MORE,
      ngx_http_mcp_scope,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mcp_authorization_server"),
      NGX_HTTP_MCP_AUTH_CONF|NGX_CONF_TAKE1,
      ngx_http_mcp_authorization_server,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_mcp_auth_module_ctx = {
    ngx_http_mcp_auth_preconfiguration,    /* preconfiguration */
    ngx_http_mcp_auth_postconfiguration,   /* postconfiguration */

    ngx_http_mcp_auth_create_main_conf,    /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_mcp_auth_create_loc_conf,     /* create location configuration */
    ngx_http_mcp_auth_merge_loc_conf       /* merge location configuration */
};


ngx_module_t  ngx_http_mcp_auth_module = {
    NGX_MODULE_V1,
    &ngx_http_mcp_auth_module_ctx,         /* module context */
    ngx_http_mcp_auth_commands,            /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    NULL,                                  /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_int_t
ngx_http_mcp_auth_preconfiguration(ngx_conf_t *cf)
{
    return ngx_http_mcp_claim_add_variable(cf);
}


static void *
ngx_http_mcp_auth_create_main_conf(ngx_conf_t *cf)
{
    ngx_http_mcp_auth_main_conf_t  *amcf;

    amcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_mcp_auth_main_conf_t));
    if (amcf == NULL) {
        return NULL;
    }

    if (ngx_array_init(&amcf->open, cf->pool, 4, sizeof(ngx_http_mcp_open_t))
        != NGX_OK
        || ngx_array_init(&amcf->resources, cf->pool, 4,
                          sizeof(ngx_http_mcp_resource_t))
           != NGX_OK)
    {
        return NULL;
    }

    return amcf;
}


static void *
ngx_http_mcp_auth_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_mcp_auth_loc_conf_t  *alcf;

    alcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_mcp_auth_loc_conf_t));
    if (alcf == NULL) {
        return NULL;
    }

    alcf->realm = NGX_CONF_UNSET_PTR;
    alcf->said = NGX_CONF_UNSET;
    alcf->keys = NGX_CONF_UNSET_PTR;
    alcf->algs = NGX_CONF_UNSET_UINT;
    alcf->audience = NGX_CONF_UNSET_PTR;
    alcf->leeway = NGX_CONF_UNSET;
    alcf->require = NGX_CONF_UNSET_PTR;
    alcf->scopes = NGX_CONF_UNSET_PTR;
    alcf->tools = NGX_CONF_UNSET_PTR;
    alcf->servers = NGX_CONF_UNSET_PTR;

    return alcf;
}


/* What cannot work at an mcp_pass, or should be thought over. */

static char *
ngx_http_mcp_auth_check_pass(ngx_conf_t *cf, ngx_http_mcp_auth_loc_conf_t *conf)
{
    ngx_uint_t                      i;
    ngx_http_mcp_open_t            *open;
    ngx_http_mcp_loc_conf_t        *mlcf;
    ngx_http_mcp_key_source_t     **source;
    ngx_http_mcp_auth_main_conf_t  *amcf;

    mlcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_mcp_module);

    if (conf->realm != NULL && conf->keys == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"mcp_pass\" in %s:%ui has \"mcp_auth_jwt\", but no "
                      "keys: add \"mcp_auth_jwt_key\"", mlcf->file,
                      mlcf->line);
        return NGX_CONF_ERROR;
    }

    if (conf->realm == NULL && (conf->scopes || conf->tools)) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"mcp_pass\" in %s:%ui has \"mcp_scope\", but asks "
                      "for no token that could have it: add "
                      "\"mcp_auth_jwt\"", mlcf->file, mlcf->line);
        return NGX_CONF_ERROR;
    }

    /* who has keys to be fetched signs for others, too (RFC 8725, 3.9) */

    source = conf->keys ? conf->keys->elts : NULL;

    for (i = 0; conf->realm && !conf->audience && source
                && i < conf->keys->nelts; i++)
    {
        if (source[i]->backend == NULL) {
            continue;
        }

        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                      "\"mcp_pass\" in %s:%ui takes tokens that \"%V\" has "
                      "signed for any service: add \"mcp_auth_jwt_audience\" "
                      "with the URL of this one", mlcf->file, mlcf->line,
                      &source[i]->from);
        break;
    }

    if (conf->servers != NULL
        && ngx_http_mcp_resource_add(cf, conf) != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (conf->said) {
        return NGX_CONF_OK;
    }

    amcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_mcp_auth_module);

    open = ngx_array_push(&amcf->open);
    if (open == NULL) {
        return NGX_CONF_ERROR;
    }

    open->server = ngx_http_conf_get_module_srv_conf(cf, ngx_http_core_module);
    open->file = mlcf->file;
    open->line = mlcf->line;

    return NGX_CONF_OK;
}


static char *
ngx_http_mcp_auth_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_mcp_auth_loc_conf_t *prev = parent;
    ngx_http_mcp_auth_loc_conf_t *conf = child;

    ngx_http_core_loc_conf_t  *clcf;

    ngx_conf_merge_ptr_value(conf->realm, prev->realm, NULL);
    ngx_conf_merge_value(conf->said, prev->said, 0);
    ngx_conf_merge_ptr_value(conf->keys, prev->keys, NULL);
    ngx_conf_merge_uint_value(conf->algs, prev->algs, MCP_ALG_DEFAULT);
    ngx_conf_merge_str_value(conf->issuer, prev->issuer, "");
    ngx_conf_merge_ptr_value(conf->audience, prev->audience, NULL);
    ngx_conf_merge_sec_value(conf->leeway, prev->leeway, 30);
    ngx_conf_merge_ptr_value(conf->require, prev->require, NULL);
    ngx_conf_merge_ptr_value(conf->scopes, prev->scopes, NULL);
    ngx_conf_merge_ptr_value(conf->tools, prev->tools, NULL);
    ngx_conf_merge_ptr_value(conf->servers, prev->servers, NULL);

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->noname) {
        conf->path = prev->path;
        conf->resource = prev->resource;
    }

    if (clcf->handler == ngx_http_mcp_handler) {
        return ngx_http_mcp_auth_check_pass(cf, conf);
    }

    return NGX_CONF_OK;
}


/* --- directives ---------------------------------------------------------- */


/* mcp_auth_jwt "realm" | off; */

static char *
ngx_http_mcp_auth_jwt(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_mcp_auth_loc_conf_t *alcf = conf;

    size_t      i;
    ngx_str_t  *value;

    if (alcf->realm != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    alcf->said = 1;
    alcf->realm = NULL;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        return NGX_CONF_OK;
    }

    /* it becomes a quoted string (RFC 9110, section 5.6.4) */

    for (i = 0; i < value[1].len; i++) {
        if (value[1].data[i] < 0x20 || value[1].data[i] > 0x7e
            || value[1].data[i] == '"' || value[1].data[i] == '\\')
        {
            return "may have no quotes, backslashes or characters outside of "
                   "ASCII in its realm";
        }
    }

    alcf->realm = ngx_palloc(cf->pool, sizeof(ngx_str_t));
    if (alcf->realm == NULL) {
        return NGX_CONF_ERROR;
    }

    *alcf->realm = value[1];

    return NGX_CONF_OK;
}


/* mcp_auth_jwt_key env:NAME | file:PATH; */

static char *
ngx_http_mcp_auth_jwt_key(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_mcp_auth_loc_conf_t *alcf = conf;

    ngx_http_mcp_key_source_t  *source, **sp;

    source = ngx_http_mcp_key_source(cf);
    if (source == NULL) {
        return NGX_CONF_ERROR;
    }

    if (alcf->keys == NGX_CONF_UNSET_PTR) {
        alcf->keys = ngx_array_create(cf->pool, 2,
                                      sizeof(ngx_http_mcp_key_source_t *));
        if (alcf->keys == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    sp = ngx_array_push(alcf->keys);
    if (sp == NULL) {
        return NGX_CONF_ERROR;
    }

    *sp = source;

    return NGX_CONF_OK;
}


static char *
ngx_http_mcp_auth_jwt_alg(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_mcp_auth_loc_conf_t *alcf = conf;

    unsigned    alg;
    ngx_str_t  *value;
    mcp_str_t   name;
    ngx_uint_t  i;

    if (alcf->algs != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;
    alcf->algs = 0;

    for (i = 1; i < cf->args->nelts; i++) {
        name = ngx_http_mcp_core_str(&value[i]);
        alg = mcp_alg(&name);

        if (alg == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "unknown algorithm \"%V\": use some of HS256 "
                               "HS384 HS512 RS256 RS384 RS512 PS256 PS384 "
                               "PS512 ES256 ES384 ES512 ES256K EdDSA Ed25519 "
                               "Ed448", &value[i]);
            return NGX_CONF_ERROR;
        }

        alcf->algs |= alg;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_mcp_auth_jwt_audience(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_mcp_auth_loc_conf_t *alcf = conf;

    ngx_str_t   *value;
    mcp_str_t   *audience;
    ngx_uint_t   i;

    value = cf->args->elts;

    if (alcf->audience == NGX_CONF_UNSET_PTR) {
        alcf->audience = ngx_array_create(cf->pool, 2, sizeof(mcp_str_t));
        if (alcf->audience == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    for (i = 1; i < cf->args->nelts; i++) {

        if (value[i].len == 0) {
            return "has an empty audience";
        }

        audience = ngx_array_push(alcf->audience);
        if (audience == NULL) {
            return NGX_CONF_ERROR;
        }

        *audience = ngx_http_mcp_core_str(&value[i]);
    }

    return NGX_CONF_OK;
}


/* mcp_auth_jwt_require claim value; */

static char *
ngx_http_mcp_auth_jwt_require(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_mcp_auth_loc_conf_t *alcf = conf;

    ngx_str_t               *value;
    ngx_http_mcp_require_t  *require;

    value = cf->args->elts;

    if (value[1].len == 0 || value[2].len == 0) {
        return "has an empty claim or value";
    }

    if (alcf->require == NGX_CONF_UNSET_PTR) {
        alcf->require = ngx_array_create(cf->pool, 2,
                                         sizeof(ngx_http_mcp_require_t));
        if (alcf->require == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    require = ngx_array_push(alcf->require);
    if (require == NULL) {
        return NGX_CONF_ERROR;
    }

    require->name = ngx_http_mcp_core_str(&value[1]);
    require->value = ngx_http_mcp_core_str(&value[2]);

    return NGX_CONF_OK;
}


/* --- when all is read ---------------------------------------------------- */


static ngx_uint_t
ngx_http_mcp_auth_loopback(struct sockaddr *sa)
{
    switch (sa->sa_family) {

    case AF_INET:
        return (ntohl(((struct sockaddr_in *) sa)->sin_addr.s_addr) >> 24)
               == 127;

#if (NGX_HAVE_INET6)
    case AF_INET6:
        return IN6_IS_ADDR_LOOPBACK(&((struct sockaddr_in6 *) sa)->sin6_addr);
#endif

    case AF_UNIX:
        return 1;

    default:
        return 0;
    }
}


/* An address of the server from which others than this host come in. */

static ngx_str_t *
ngx_http_mcp_auth_public(ngx_http_core_main_conf_t *cmcf,
    ngx_http_core_srv_conf_t *server)
{
    ngx_uint_t                  p, a, s;
    ngx_http_conf_port_t       *port;
    ngx_http_conf_addr_t       *addr;
    ngx_http_core_srv_conf_t  **cscf;

    if (cmcf->ports == NULL) {
        return NULL;
    }

    port = cmcf->ports->elts;

    for (p = 0; p < cmcf->ports->nelts; p++) {
        addr = port[p].addrs.elts;

        for (a = 0; a < port[p].addrs.nelts; a++) {

            if (ngx_http_mcp_auth_loopback(addr[a].opt.sockaddr)) {
                continue;
            }

            cscf = addr[a].servers.elts;

            for (s = 0; s < addr[a].servers.nelts; s++) {
                if (cscf[s] == server) {
                    return &addr[a].opt.addr_text;
                }
            }
        }
    }

    return NULL;
}


static ngx_int_t
ngx_http_mcp_auth_postconfiguration(ngx_conf_t *cf)
{
    ngx_str_t                      *address;
    ngx_uint_t                      i;
    ngx_http_handler_pt            *h;
    ngx_http_mcp_open_t            *open;
    ngx_http_core_main_conf_t      *cmcf;
    ngx_http_mcp_auth_main_conf_t  *amcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);
    amcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_mcp_auth_module);

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_ACCESS_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_mcp_auth_handler;

    if (amcf->resources.nelts) {
        h = ngx_array_push(&cmcf->phases[NGX_HTTP_POST_READ_PHASE].handlers);
        if (h == NULL) {
            return NGX_ERROR;
        }

        *h = ngx_http_mcp_metadata_handler;
    }

    open = amcf->open.elts;

    for (i = 0; i < amcf->open.nelts; i++) {

        address = ngx_http_mcp_auth_public(cmcf, open[i].server);

        if (address != NULL) {
            ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                          "\"mcp_pass\" in %s:%ui is open to all who reach "
                          "%V: add \"mcp_auth_jwt\", or \"mcp_auth_jwt off\" "
                          "if that is meant", open[i].file, open[i].line,
                          address);
        }
    }

    return NGX_OK;
}
