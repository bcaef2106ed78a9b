
/* The audit trail: its directives. */


#include "ngx_http_mcp_audit_store.h"


#define NGX_HTTP_MCP_AUDIT_SIZE_MIN  262144


static void *ngx_http_mcp_audit_create_main_conf(ngx_conf_t *cf);
static void *ngx_http_mcp_audit_create_loc_conf(ngx_conf_t *cf);
static char *ngx_http_mcp_audit_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);
static ngx_int_t ngx_http_mcp_audit_init(ngx_conf_t *cf);
static void ngx_http_mcp_audit_exit_process(ngx_cycle_t *cycle);
static char *ngx_http_mcp_audit_set(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_mcp_audit_spool_set(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_mcp_audit_redact_set(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


static ngx_conf_enum_t  ngx_http_mcp_audit_modes[] = {
    { ngx_string("off"), NGX_HTTP_MCP_AUDIT_OFF },
    { ngx_string("on"), NGX_HTTP_MCP_AUDIT_ON },
    { ngx_string("all"), NGX_HTTP_MCP_AUDIT_ALL },
    { ngx_null_string, 0 }
};


static ngx_command_t  ngx_http_mcp_audit_commands[] = {

    { ngx_string("mcp_audit"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_mcp_audit_set,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_mcp_audit_loc_conf_t, audit),
      &ngx_http_mcp_audit_modes },

    { ngx_string("mcp_audit_spool"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_http_mcp_audit_spool_set,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mcp_audit_store"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_mcp_store_set,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mcp_audit_redact"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_http_mcp_audit_redact_set,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mcp_audit_retention"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_mcp_audit_main_conf_t, retention),
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_mcp_audit_module_ctx = {
    NULL,                                  /* preconfiguration */
    ngx_http_mcp_audit_init,               /* postconfiguration */

    ngx_http_mcp_audit_create_main_conf,   /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_mcp_audit_create_loc_conf,    /* create location configuration */
    ngx_http_mcp_audit_merge_loc_conf      /* merge location configuration */
};


ngx_module_t  ngx_http_mcp_audit_module = {
    NGX_MODULE_V1,
    &ngx_http_mcp_audit_module_ctx,        /* module context */
    ngx_http_mcp_audit_commands,           /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    NULL,                                  /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_http_mcp_audit_exit_process,       /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static void *
ngx_http_mcp_audit_create_main_conf(ngx_conf_t *cf)
{
    ngx_http_mcp_audit_main_conf_t  *amcf;

    amcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_mcp_audit_main_conf_t));
    if (amcf == NULL) {
        return NULL;
    }

    amcf->retention = NGX_CONF_UNSET;
    amcf->node = cf->cycle->hostname;

    return amcf;
}


static void *
ngx_http_mcp_audit_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_mcp_audit_loc_conf_t  *alcf;

    alcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_mcp_audit_loc_conf_t));
    if (alcf == NULL) {
        return NULL;
    }

    alcf->audit = NGX_CONF_UNSET_UINT;

    return alcf;
}


/* Who names a spool wants it used. */

static char *
ngx_http_mcp_audit_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_mcp_audit_loc_conf_t *prev = parent;
    ngx_http_mcp_audit_loc_conf_t *conf = child;

    ngx_http_mcp_audit_main_conf_t  *amcf;

    amcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_mcp_audit_module);

    ngx_conf_merge_uint_value(conf->audit, prev->audit,
                              amcf->path ? NGX_HTTP_MCP_AUDIT_ON
                                         : NGX_HTTP_MCP_AUDIT_OFF);

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_mcp_audit_init(ngx_conf_t *cf)
{
    ngx_http_handler_pt             *h;
    ngx_http_core_main_conf_t       *cmcf;
    ngx_http_mcp_audit_main_conf_t  *amcf;

    amcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_mcp_audit_module);

    if (amcf->path == NULL) {

        if (amcf->file != NULL) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "\"mcp_audit\" in %s:%ui needs a place to write to: "
                          "name one with mcp_audit_spool",
                          amcf->file, amcf->line);
            return NGX_ERROR;
        }

        if (amcf->dsn != NULL) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "\"mcp_audit_store\" is filled from a spool: name "
                          "its place with mcp_audit_spool");
            return NGX_ERROR;
        }

        return NGX_OK;
    }

    amcf->mmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_mcp_module);

    if (amcf->retention == NGX_CONF_UNSET) {
        amcf->retention = 0;
    }

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_LOG_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_mcp_audit_log;

    return NGX_OK;
}


static void
ngx_http_mcp_audit_exit_process(ngx_cycle_t *cycle)
{
    ngx_http_mcp_audit_close(cycle);
}


static char *
ngx_http_mcp_audit_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_mcp_audit_loc_conf_t *alcf = conf;

    char                            *rv;
    ngx_http_mcp_audit_main_conf_t  *amcf;

    rv = ngx_conf_set_enum_slot(cf, cmd, conf);

    if (rv != NGX_CONF_OK || alcf->audit == NGX_HTTP_MCP_AUDIT_OFF) {
        return rv;
    }

    amcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_mcp_audit_module);

    if (amcf->file == NULL) {
        amcf->file = cf->conf_file->file.name.data;
        amcf->line = cf->conf_file->line;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_mcp_audit_invalid(ngx_conf_t *cf, ngx_str_t *value,
    const char *write)
{
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid parameter \"%V\" of \"mcp_audit_spool\": "
                       "write %s", value, write);

    return NGX_CONF_ERROR;
}


static char *
ngx_http_mcp_audit_spool_param(ngx_conf_t *cf,
    ngx_http_mcp_audit_main_conf_t *amcf, ngx_str_t *value)
{
    ngx_str_t  s;

#define ngx_http_mcp_audit_param(name)                                        \
    (value->len > sizeof(name) - 1                                            \
     && ngx_strncmp(value->data, name, sizeof(name) - 1) == 0                 \
     && (s.data = value->data + sizeof(name) - 1,                             \
         s.len = value->len - (sizeof(name) - 1)) != 0)

    if (ngx_http_mcp_audit_param("size=")) {
        amcf->size = ngx_parse_offset(&s);

        if (amcf->size < NGX_HTTP_MCP_AUDIT_SIZE_MIN) {
            return ngx_http_mcp_audit_invalid(cf, value, "a size of at least "
                                              "256k, as in \"size=1g\"");
        }

        return NGX_CONF_OK;
    }

    if (ngx_http_mcp_audit_param("segment=")) {
        amcf->segment = ngx_parse_offset(&s);

        if (amcf->segment < 4096) {
            return ngx_http_mcp_audit_invalid(cf, value, "a size of at least "
                                              "4k, as in \"segment=16m\"");
        }

        return NGX_CONF_OK;
    }

    if (ngx_http_mcp_audit_param("rotate=")) {
        amcf->rotate = ngx_parse_time(&s, 1);

        if (amcf->rotate <= 0) {
            return ngx_http_mcp_audit_invalid(cf, value, "a time, as in "
                                              "\"rotate=1h\"");
        }

        return NGX_CONF_OK;
    }

    if (ngx_http_mcp_audit_param("full=")) {

        if (ngx_strcmp(s.data, "block") == 0) {
            amcf->drop = 0;

        } else if (ngx_strcmp(s.data, "drop") == 0) {
            amcf->drop = 1;

        } else {
            return ngx_http_mcp_audit_invalid(cf, value, "\"full=block\" or "
                                              "\"full=drop\"");
        }

        return NGX_CONF_OK;
    }

    if (ngx_http_mcp_audit_param("sync=")) {

        if (ngx_strcmp(s.data, "off") == 0) {
            amcf->sync = 0;
            return NGX_CONF_OK;
        }

        if (ngx_strcmp(s.data, "group") == 0) {
#if (NGX_THREADS)
            static ngx_str_t  name = ngx_string("default");

            amcf->sync = 1;
            amcf->threads = ngx_thread_pool_add(cf, &name);

            return amcf->threads ? NGX_CONF_OK : NGX_CONF_ERROR;
#else
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"sync=group\" needs an nginx that was built "
                               "with threads: take one, or \"sync=off\"");
            return NGX_CONF_ERROR;
#endif
        }

        return ngx_http_mcp_audit_invalid(cf, value, "\"sync=off\" or "
                                          "\"sync=group\"");
    }

#undef ngx_http_mcp_audit_param

    return ngx_http_mcp_audit_invalid(cf, value, "size=, segment=, rotate=, "
                                      "full= or sync=");
}


/* mcp_audit_spool path [size=] [segment=] [rotate=] [full=] [sync=]; */

static char *
ngx_http_mcp_audit_spool_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_mcp_audit_main_conf_t *amcf = conf;

    u_char      *p;
    ngx_str_t   *value, name;
    ngx_uint_t   i;
    ngx_path_t  *path;

    if (amcf->path != NULL) {
        return "is duplicate";
    }

    value = cf->args->elts;

    amcf->size = (off_t) 1024 * 1024 * 1024;
    amcf->segment = 0;
    amcf->rotate = 60 * 60;

    for (i = 2; i < cf->args->nelts; i++) {
        if (ngx_http_mcp_audit_spool_param(cf, amcf, &value[i])
            != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    /* so that not much is held up by a segment that is in use */

    if (amcf->segment == 0) {
        amcf->segment = ngx_min(amcf->size / 16, 16 * 1024 * 1024);
    }

    path = ngx_pcalloc(cf->pool, sizeof(ngx_path_t));
    if (path == NULL) {
        return NGX_CONF_ERROR;
    }

    path->name = value[1];

    while (path->name.len > 1
           && path->name.data[path->name.len - 1] == '/')
    {
        path->name.data[--path->name.len] = '\0';
    }

    if (ngx_conf_full_name(cf->cycle, &path->name, 0) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    /* the folders around it; nginx creates but the last */

    (void) ngx_create_full_path(path->name.data, 0755);

    path->conf_file = cf->conf_file->file.name.data;
    path->line = cf->conf_file->line;
    amcf->path = path;
    amcf->ccf = (ngx_core_conf_t *) ngx_get_conf(cf->cycle->conf_ctx,
                                                 ngx_core_module);

    if (ngx_add_path(cf, &amcf->path) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    /* nginx opens it at start and on "reopen", and says so to its processes */

    p = ngx_pnalloc(cf->pool, amcf->path->name.len + sizeof("/lock"));
    if (p == NULL) {
        return NGX_CONF_ERROR;
    }

    name.data = p;
    name.len = ngx_sprintf(p, "%V/lock%Z", &amcf->path->name) - p - 1;

    amcf->reopen = ngx_conf_open_file(cf->cycle, &name);
    if (amcf->reopen == NULL) {
        return NGX_CONF_ERROR;
    }

    amcf->reopen->flush = ngx_http_mcp_audit_reopen;
    amcf->reopen->data = amcf;

    return NGX_CONF_OK;
}


static char *
ngx_http_mcp_audit_redact_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_mcp_audit_main_conf_t *amcf = conf;

    ngx_str_t   *value;
    ngx_uint_t   i, n;
    mcp_str_t   *glob;

    value = cf->args->elts;
    n = amcf->redact.n + cf->args->nelts - 1;

    glob = ngx_palloc(cf->pool, n * sizeof(mcp_str_t));
    if (glob == NULL) {
        return NGX_CONF_ERROR;
    }

    if (amcf->redact.n != 0) {
        ngx_memcpy(glob, amcf->redact.glob,
                   amcf->redact.n * sizeof(mcp_str_t));
    }

    for (i = 1; i < cf->args->nelts; i++) {

        if (value[i].len == 0 || value[i].len > 256) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid name \"%V\" in \"mcp_audit_redact\": "
                               "it must have 1 to 256 bytes", &value[i]);
            return NGX_CONF_ERROR;
        }

        glob[amcf->redact.n++] = ngx_http_mcp_core_str(&value[i]);
    }

    amcf->redact.glob = glob;

    return NGX_CONF_OK;
}


/*
 * In the master, when nginx has made the folder: can its workers, who may be
 * somebody else, get at it?  Where that cannot be known it is left to them.
 */

static ngx_err_t
ngx_http_mcp_audit_accessible(ngx_http_mcp_audit_main_conf_t *amcf,
    ngx_log_t *log)
{
    int               n;
    gid_t            *groups;
    ngx_err_t         err;
    ngx_core_conf_t  *ccf;

    ccf = amcf->ccf;
    err = 0;

    n = getgroups(0, NULL);
    groups = ngx_alloc((n > 0 ? n : 1) * sizeof(gid_t), log);

    if (groups == NULL) {
        return 0;
    }

    /* the last of these changes nothing where it may not */

    if (n == -1 || getgroups(n, groups) == -1
        || initgroups(ccf->username, ccf->group) == -1)
    {
        ngx_free(groups);
        return 0;
    }

    if (setegid(ccf->group) == 0 && seteuid(ccf->user) == 0) {

        if (faccessat(AT_FDCWD, (char *) amcf->path->name.data,
                      R_OK|W_OK|X_OK, AT_EACCESS)
            == -1)
        {
            err = ngx_errno;
        }
    }

    if (seteuid(0) == -1 || setegid(getgid()) == -1
        || setgroups(n, groups) == -1)
    {
        ngx_log_error(NGX_LOG_EMERG, log, ngx_errno,
                      "cannot be the superuser again");
        exit(2);
    }

    ngx_free(groups);

    return err;
}


ngx_int_t
ngx_http_mcp_audit_check(ngx_http_mcp_main_conf_t *mmcf, ngx_log_t *log)
{
    ngx_err_t                        err;
    ngx_http_mcp_audit_main_conf_t  *amcf;

    if (mmcf->ctx == NULL) {
        return NGX_OK;
    }

    amcf = mmcf->ctx->main_conf[ngx_http_mcp_audit_module.ctx_index];

    /* nginx itself will open a file in it, as who it is */

    if (amcf->path == NULL || geteuid() != 0 || amcf->ccf->user == 0) {
        return NGX_OK;
    }

    err = ngx_http_mcp_audit_accessible(amcf, log);

    if (err == 0) {
        return NGX_OK;
    }

    ngx_log_error(NGX_LOG_EMERG, log, err,
                  "\"mcp_audit_spool\" in %s:%ui: the user \"%s\", which "
                  "workers run as, cannot write to \"%V\", or not enter a "
                  "folder above it; let it, or choose another place",
                  amcf->path->conf_file, amcf->path->line, amcf->ccf->username,
                  &amcf->path->name);

    return NGX_ERROR;
}
