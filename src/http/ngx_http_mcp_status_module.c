
/* What operators and their tools ask of the gateway itself. */


#include "ngx_http_mcp.h"
#include "ngx_http_mcp_status.h"


typedef struct {
    ngx_flag_t                   all;        /* of mcp_ready */
} ngx_http_mcp_status_conf_t;


static char *ngx_http_mcp_status_handler(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static void *ngx_http_mcp_status_create_conf(ngx_conf_t *cf);
static char *ngx_http_mcp_status_merge_conf(ngx_conf_t *cf, void *parent,
    void *child);


static ngx_command_t  ngx_http_mcp_status_commands[] = {

    { ngx_string("mcp_api"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_mcp_status_handler,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      ngx_http_mcp_api_handler },

    { ngx_string("mcp_health"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_mcp_status_handler,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      ngx_http_mcp_health_handler },

    { ngx_string("mcp_ready"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS|NGX_CONF_TAKE1,
      ngx_http_mcp_status_handler,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      ngx_http_mcp_ready_handler },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_mcp_status_module_ctx = {
    NULL,                                  /* preconfiguration */
    NULL,                                  /* postconfiguration */

    NULL,                                  /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_mcp_status_create_conf,       /* create location configuration */
    ngx_http_mcp_status_merge_conf         /* merge location configuration */
};


ngx_module_t  ngx_http_mcp_status_module = {
    NGX_MODULE_V1,
    &ngx_http_mcp_status_module_ctx,       /* module context */
    ngx_http_mcp_status_commands,          /* module directives */
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


/* A JSON text of the request's pool, never to be cached. */

ngx_int_t
ngx_http_mcp_status_send(ngx_http_request_t *r, ngx_uint_t status,
    mcp_buf_t *json)
{
    ngx_int_t    rc;
    ngx_buf_t   *b;
    ngx_str_t    value;
    ngx_chain_t  out;

    b = ngx_calloc_buf(r->pool);

    ngx_str_set(&value, "no-store");

    if (b == NULL || json->failed
        || ngx_http_mcp_add_header(r, "Cache-Control", &value) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->headers_out.status = status;
    r->headers_out.content_length_n = json->len;
    ngx_str_set(&r->headers_out.content_type, "application/json");
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b->pos = json->data;
    b->last = json->data + json->len;
    b->memory = 1;
    b->last_buf = 1;
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


ngx_uint_t
ngx_http_mcp_status_all(ngx_http_request_t *r)
{
    ngx_http_mcp_status_conf_t  *conf;

    conf = ngx_http_get_module_loc_conf(r, ngx_http_mcp_status_module);

    return conf->all;
}


static char *
ngx_http_mcp_status_handler(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_mcp_status_conf_t *scf = conf;

    ngx_str_t                 *value;
    ngx_http_core_loc_conf_t  *clcf;
    ngx_http_mcp_main_conf_t  *mmcf;

    value = cf->args->elts;
    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->handler != NULL) {
        return "cannot stand in a location that has another handler";
    }

    if (cf->args->nelts == 2) {
        if (ngx_strcmp(value[1].data, "all") != 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\": there is \"all\"",
                               &value[1]);
            return NGX_CONF_ERROR;
        }

        scf->all = 1;
    }

    clcf->handler = (ngx_http_handler_pt) cmd->post;

    if (clcf->handler == ngx_http_mcp_api_handler) {
        mmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_mcp_module);
        mmcf->api = 1;
    }

    return NGX_CONF_OK;
}


static void *
ngx_http_mcp_status_create_conf(ngx_conf_t *cf)
{
    ngx_http_mcp_status_conf_t  *scf;

    scf = ngx_pcalloc(cf->pool, sizeof(ngx_http_mcp_status_conf_t));
    if (scf == NULL) {
        return NULL;
    }

    scf->all = NGX_CONF_UNSET;

    return scf;
}


static char *
ngx_http_mcp_status_merge_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_mcp_status_conf_t *prev = parent;
    ngx_http_mcp_status_conf_t *conf = child;

    ngx_http_core_loc_conf_t  *clcf;

    /* limit_except{} and if{} answer as the location around them */

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->noname && conf->all == NGX_CONF_UNSET) {
        conf->all = prev->all;
    }

    if (conf->all == NGX_CONF_UNSET) {
        conf->all = 0;
    }

    return NGX_CONF_OK;
}
