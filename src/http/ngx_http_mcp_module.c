
/*
 * The module: its directives for the whole gateway and for locations.
 * mcp_backend{} is in ngx_http_mcp_backend.c, mcp_origin in
 * ngx_http_mcp_origin.c.
 */


#include "ngx_http_mcp.h"


static ngx_int_t ngx_http_mcp_preconfiguration(ngx_conf_t *cf);
static ngx_int_t ngx_http_mcp_postconfiguration(ngx_conf_t *cf);
static ngx_int_t ngx_http_mcp_init_process(ngx_cycle_t *cycle);
static void *ngx_http_mcp_create_main_conf(ngx_conf_t *cf);
static char *ngx_http_mcp_init_main_conf(ngx_conf_t *cf, void *conf);
static void *ngx_http_mcp_create_loc_conf(ngx_conf_t *cf);
static char *ngx_http_mcp_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);
static char *ngx_http_mcp_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
static char *ngx_http_mcp_pass(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
static char *ngx_http_mcp_init_pass(ngx_conf_t *cf,
    ngx_http_mcp_main_conf_t *mmcf, ngx_http_mcp_loc_conf_t *mlcf);


static ngx_conf_num_bounds_t  ngx_http_mcp_max_depth_bounds = {
    ngx_conf_check_num_bounds, 2, MCP_JSON_DEPTH_MAX
};


static ngx_conf_num_bounds_t  ngx_http_mcp_page_size_bounds = {
    ngx_conf_check_num_bounds, 1, 100000
};


static ngx_command_t  ngx_http_mcp_commands[] = {

    { ngx_string("mcp_zone"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_mcp_zone,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_mcp_main_conf_t, zone_size),
      NULL },

    { ngx_string("mcp_catalog_size"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_mcp_zone,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_mcp_main_conf_t, catalog_size),
      NULL },

    { ngx_string("mcp_backend"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_BLOCK|NGX_CONF_TAKE1,
      ngx_http_mcp_backend_block,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mcp_session_key"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_mcp_session_key,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mcp_session_timeout"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_mcp_main_conf_t, session_timeout),
      NULL },

    { ngx_string("mcp_state_path"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_path_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_mcp_main_conf_t, state_path),
      NULL },

    { ngx_string("mcp_secret"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE2,
      ngx_http_mcp_secret,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mcp_pass"),
      NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_mcp_pass,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mcp_origin"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_mcp_origin,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mcp_client"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF
                        |NGX_HTTP_LMT_CONF|NGX_CONF_TAKE1,
      ngx_http_set_complex_value_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_mcp_loc_conf_t, client),
      NULL },

    { ngx_string("mcp_roles"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF
                        |NGX_HTTP_LMT_CONF|NGX_CONF_TAKE1,
      ngx_http_set_complex_value_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_mcp_loc_conf_t, roles),
      NULL },

    { ngx_string("mcp_max_depth"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_mcp_loc_conf_t, max_depth),
      &ngx_http_mcp_max_depth_bounds },

    { ngx_string("mcp_page_size"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_mcp_loc_conf_t, page_size),
      &ngx_http_mcp_page_size_bounds },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_mcp_module_ctx = {
    ngx_http_mcp_preconfiguration,         /* preconfiguration */
    ngx_http_mcp_postconfiguration,        /* postconfiguration */

    ngx_http_mcp_create_main_conf,         /* create main configuration */
    ngx_http_mcp_init_main_conf,           /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_mcp_create_loc_conf,          /* create location configuration */
    ngx_http_mcp_merge_loc_conf            /* merge location configuration */
};


ngx_module_t  ngx_http_mcp_module = {
    NGX_MODULE_V1,
    &ngx_http_mcp_module_ctx,              /* module context */
    ngx_http_mcp_commands,                 /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    ngx_http_mcp_discovery_init_module,    /* init module */
    ngx_http_mcp_init_process,             /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


/*
 * Without the master nobody takes the place of a process that dies, and a new
 * configuration reaches none: so they end then, as on its "quit", and leave
 * their sockets to the next start.
 */

static ngx_int_t
ngx_http_mcp_init_process(ngx_cycle_t *cycle)
{
#if (NGX_LINUX)

    if (ngx_process == NGX_PROCESS_WORKER || ngx_process == NGX_PROCESS_HELPER)
    {
        if (prctl(PR_SET_PDEATHSIG, ngx_signal_value(NGX_SHUTDOWN_SIGNAL), 0,
                  0, 0)
            == -1)
        {
            ngx_log_error(NGX_LOG_ALERT, cycle->log, ngx_errno,
                          "prctl(PR_SET_PDEATHSIG) failed");

        } else if (getppid() != ngx_parent) {

            /* it was before */

            ngx_quit = 1;
        }
    }

#endif

    return ngx_http_mcp_discovery_init_process(cycle);
}


static void *
ngx_http_mcp_pool_alloc(mcp_arena_t *arena, size_t size)
{
    return ngx_palloc(arena->data, size);
}


void
ngx_http_mcp_arena_init(mcp_arena_t *arena, ngx_pool_t *pool)
{
    arena->alloc = ngx_http_mcp_pool_alloc;
    arena->data = pool;
}


static ngx_int_t
ngx_http_mcp_preconfiguration(ngx_conf_t *cf)
{
    return ngx_http_mcp_add_variables(cf);
}


static ngx_int_t
ngx_http_mcp_postconfiguration(ngx_conf_t *cf)
{
    if (ngx_http_mcp_identity_init(cf) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_mcp_filter_init(cf);
}


static void *
ngx_http_mcp_create_main_conf(ngx_conf_t *cf)
{
    ngx_http_mcp_main_conf_t  *mmcf;

    mmcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_mcp_main_conf_t));
    if (mmcf == NULL) {
        return NULL;
    }

    mmcf->zone_size = NGX_CONF_UNSET_SIZE;
    mmcf->catalog_size = NGX_CONF_UNSET_SIZE;
    mmcf->session_timeout = NGX_CONF_UNSET;

    if (ngx_array_init(&mmcf->backends, cf->pool, 8,
                       sizeof(ngx_http_mcp_backend_t *))
        != NGX_OK
        || ngx_array_init(&mmcf->passes, cf->pool, 4,
                          sizeof(ngx_http_mcp_loc_conf_t *))
           != NGX_OK)
    {
        return NULL;
    }

    return mmcf;
}


static char *
ngx_http_mcp_init_main_conf(ngx_conf_t *cf, void *conf)
{
    ngx_http_mcp_main_conf_t *mmcf = conf;

    ngx_uint_t                  i;
    ngx_http_mcp_loc_conf_t   **mlcf;
    ngx_http_core_srv_conf_t  **cscf;
    ngx_http_core_main_conf_t  *cmcf;

    ngx_conf_init_size_value(mmcf->zone_size, 16 * 1024 * 1024);
    ngx_conf_init_size_value(mmcf->catalog_size, 8 * 1024 * 1024);
    ngx_conf_init_value(mmcf->session_timeout, 24 * 60 * 60);

    if (mmcf->session_timeout == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"mcp_session_timeout\" must be at least one "
                           "second");
        return NGX_CONF_ERROR;
    }

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    if (mmcf->backends.nelts == 0 && mmcf->passes.nelts == 0) {
        return NGX_CONF_OK;
    }

    /* requests without a client borrow the configuration of a server */

    if (cmcf->servers.nelts != 0) {
        cscf = cmcf->servers.elts;
        mmcf->ctx = cscf[0]->ctx;
    }

    if (ngx_http_mcp_state_init(cf, mmcf) != NGX_CONF_OK
        || ngx_http_mcp_backends_init(cf, mmcf) != NGX_CONF_OK
        || ngx_http_mcp_auth_init_sources(cf, mmcf) != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    mlcf = mmcf->passes.elts;

    for (i = 0; i < mmcf->passes.nelts; i++) {
        if (ngx_http_mcp_init_pass(cf, mmcf, mlcf[i]) != NGX_CONF_OK) {
            return NGX_CONF_ERROR;
        }
    }

    return ngx_http_mcp_zone_add(cf, mmcf);
}


static void *
ngx_http_mcp_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_mcp_loc_conf_t  *mlcf;

    mlcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_mcp_loc_conf_t));
    if (mlcf == NULL) {
        return NULL;
    }

    mlcf->origins = NGX_CONF_UNSET_PTR;
    mlcf->max_depth = NGX_CONF_UNSET_UINT;
    mlcf->page_size = NGX_CONF_UNSET_UINT;

    return mlcf;
}


static char *
ngx_http_mcp_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_mcp_loc_conf_t *prev = parent;
    ngx_http_mcp_loc_conf_t *conf = child;

    ngx_http_core_loc_conf_t  *clcf;

    ngx_conf_merge_ptr_value(conf->origins, prev->origins, NULL);
    ngx_conf_merge_uint_value(conf->max_depth, prev->max_depth, 64);
    ngx_conf_merge_uint_value(conf->page_size, prev->page_size, 1000);

    ngx_http_mcp_identity_merge(conf, prev);

    /* limit_except{} and if{} in a location go on with its handler */

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->noname && clcf->handler == NULL && prev->pass_names != NULL
        && conf->pass_names == NULL)
    {
        conf->pass_names = prev->pass_names;
        conf->backends = prev->backends;
        conf->prefixes = prev->prefixes;
        conf->nbackends = prev->nbackends;
        conf->index = prev->index;
        conf->file = prev->file;
        conf->line = prev->line;

        clcf->handler = ngx_http_mcp_handler;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_mcp_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char *p = conf;

    size_t     *size;
    ssize_t     n;
    ngx_str_t  *value;

    size = (size_t *) (p + cmd->offset);

    if (*size != NGX_CONF_UNSET_SIZE) {
        return "is duplicate";
    }

    value = cf->args->elts;

    n = ngx_parse_size(&value[1]);

    if (n == NGX_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid size \"%V\" in \"%V\": write it as \"16m\"",
                           &value[1], &value[0]);
        return NGX_CONF_ERROR;
    }

    if (n < (ssize_t) (16 * ngx_pagesize)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V %V\" is too small: it must be at least %uzk",
                           &value[0], &value[1], 16 * ngx_pagesize / 1024);
        return NGX_CONF_ERROR;
    }

    *size = (size_t) n;

    return NGX_CONF_OK;
}


static char *
ngx_http_mcp_pass(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_mcp_loc_conf_t *mlcf = conf;

    ngx_str_t                 *value, *name;
    ngx_uint_t                 i;
    ngx_http_mcp_loc_conf_t  **pass;
    ngx_http_core_loc_conf_t  *clcf;
    ngx_http_mcp_main_conf_t  *mmcf;

    if (mlcf->pass_names) {
        return "is duplicate";
    }

    value = cf->args->elts;

    mlcf->pass_names = ngx_array_create(cf->pool, cf->args->nelts,
                                        sizeof(ngx_str_t));
    if (mlcf->pass_names == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 1; i < cf->args->nelts; i++) {
        name = ngx_array_push(mlcf->pass_names);
        if (name == NULL) {
            return NGX_CONF_ERROR;
        }

        *name = value[i];
    }

    mlcf->loc_conf = ((ngx_http_conf_ctx_t *) cf->ctx)->loc_conf;
    mlcf->file = cf->conf_file->file.name.data;
    mlcf->line = cf->conf_file->line;

    /* backends may be defined further down: they are looked up at the end */

    mmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_mcp_module);

    pass = ngx_array_push(&mmcf->passes);
    if (pass == NULL) {
        return NGX_CONF_ERROR;
    }

    *pass = mlcf;
    mlcf->index = mmcf->passes.nelts - 1;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ngx_http_mcp_handler;

    return NGX_CONF_OK;
}


ngx_http_mcp_backend_t *
ngx_http_mcp_find_backend(ngx_http_mcp_main_conf_t *mmcf, ngx_str_t *name)
{
    ngx_uint_t                i;
    ngx_http_mcp_backend_t  **be;

    be = mmcf->backends.elts;

    for (i = 0; i < mmcf->backends.nelts; i++) {
        if (be[i]->name.len == name->len
            && ngx_strncmp(be[i]->name.data, name->data, name->len) == 0)
        {
            return be[i];
        }
    }

    return NULL;
}


static ngx_int_t
ngx_http_mcp_pass_backends(ngx_conf_t *cf, ngx_http_mcp_main_conf_t *mmcf,
    ngx_http_mcp_loc_conf_t *mlcf)
{
    ngx_str_t                *name;
    ngx_uint_t                i, n;
    ngx_http_mcp_backend_t   *be;

    name = mlcf->pass_names->elts;

    if (mlcf->pass_names->nelts == 1 && ngx_strcmp(name[0].data, "all") == 0) {
        mlcf->backends = mmcf->backends.elts;
        mlcf->nbackends = mmcf->backends.nelts;
        return NGX_OK;
    }

    mlcf->backends = ngx_pcalloc(cf->pool, mlcf->pass_names->nelts
                                           * sizeof(ngx_http_mcp_backend_t *));
    if (mlcf->backends == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < mlcf->pass_names->nelts; i++) {

        be = ngx_http_mcp_find_backend(mmcf, &name[i]);

        if (be == NULL) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "unknown backend \"%V\" in \"mcp_pass\" in %s:%ui: "
                          "there is no mcp_backend of this name",
                          &name[i], mlcf->file, mlcf->line);
            return NGX_ERROR;
        }

        for (n = 0; n < mlcf->nbackends; n++) {
            if (mlcf->backends[n] == be) {
                ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                              "backend \"%V\" is named twice in \"mcp_pass\" "
                              "in %s:%ui", &name[i], mlcf->file, mlcf->line);
                return NGX_ERROR;
            }
        }

        mlcf->backends[mlcf->nbackends++] = be;
    }

    return NGX_OK;
}


static char *
ngx_http_mcp_init_pass(ngx_conf_t *cf, ngx_http_mcp_main_conf_t *mmcf,
    ngx_http_mcp_loc_conf_t *mlcf)
{
    ngx_uint_t               i;
    ngx_http_mcp_backend_t  *be;

    if (ngx_http_mcp_pass_backends(cf, mmcf, mlcf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (mlcf->nbackends == 0) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"mcp_pass\" in %s:%ui has no backend: define one with "
                      "mcp_backend", mlcf->file, mlcf->line);
        return NGX_CONF_ERROR;
    }

    mlcf->prefixes = ngx_pcalloc(cf->pool,
                                 mlcf->nbackends * sizeof(ngx_str_t));
    if (mlcf->prefixes == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 0; i < mlcf->nbackends; i++) {
        be = mlcf->backends[i];

        if (be->prefix_set) {
            mlcf->prefixes[i] = be->prefix;
            continue;
        }

        if (mlcf->nbackends == 1) {
            continue;
        }

        mlcf->prefixes[i].len = be->name.len + 1;
        mlcf->prefixes[i].data = ngx_pnalloc(cf->pool, be->name.len + 1);
        if (mlcf->prefixes[i].data == NULL) {
            return NGX_CONF_ERROR;
        }

        ngx_sprintf(mlcf->prefixes[i].data, "%V_", &be->name);
    }

    return NGX_CONF_OK;
}
