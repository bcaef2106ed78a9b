
/* The policy's directives: mcp_role{}, mcp_policy_test, mcp_policy. */


#include "ngx_http_mcp_auth.h"
#include "ngx_http_mcp_policy.h"


typedef struct {
    mcp_str_t                   *word;
    ngx_uint_t                   nwords;
    u_char                      *file;
    ngx_uint_t                   line;
} ngx_http_mcp_policy_test_t;


/* What the directives of one mcp_role{} are read into. */

typedef struct {
    mcp_policy_t                *policy;
    uint32_t                     role;
} ngx_http_mcp_policy_role_t;


static void *ngx_http_mcp_policy_create_main_conf(ngx_conf_t *cf);
static void *ngx_http_mcp_policy_create_conf(ngx_conf_t *cf);
static char *ngx_http_mcp_policy_merge_conf(ngx_conf_t *cf, void *parent,
    void *child);
static char *ngx_http_mcp_policy_role(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_mcp_policy_directive(ngx_conf_t *cf,
    ngx_command_t *dummy, void *conf);
static char *ngx_http_mcp_policy_add_test(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_mcp_policy_set_explain(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);
static ngx_int_t ngx_http_mcp_policy_init(ngx_conf_t *cf);


static ngx_command_t  ngx_http_mcp_policy_commands[] = {

    { ngx_string("mcp_role"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_BLOCK|NGX_CONF_TAKE1,
      ngx_http_mcp_policy_role,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mcp_policy_test"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_http_mcp_policy_add_test,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mcp_policy"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_mcp_policy_conf_t, enabled),
      NULL },

    { ngx_string("mcp_policy_explain"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_mcp_policy_set_explain,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_mcp_policy_module_ctx = {
    NULL,                                  /* preconfiguration */
    ngx_http_mcp_policy_init,              /* postconfiguration */

    ngx_http_mcp_policy_create_main_conf,  /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_mcp_policy_create_conf,       /* create location configuration */
    ngx_http_mcp_policy_merge_conf         /* merge location configuration */
};


ngx_module_t  ngx_http_mcp_policy_module = {
    NGX_MODULE_V1,
    &ngx_http_mcp_policy_module_ctx,       /* module context */
    ngx_http_mcp_policy_commands,          /* module directives */
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


static void *
ngx_http_mcp_policy_create_main_conf(ngx_conf_t *cf)
{
    ngx_http_mcp_policy_main_conf_t  *pmcf;

    pmcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_mcp_policy_main_conf_t));
    if (pmcf == NULL) {
        return NULL;
    }

    ngx_http_mcp_arena_init(&pmcf->arena, cf->pool);

    pmcf->policy = mcp_policy_create(&pmcf->arena);

    if (pmcf->policy == NULL
        || ngx_array_init(&pmcf->tests, cf->pool, 4,
                          sizeof(ngx_http_mcp_policy_test_t))
           != NGX_OK)
    {
        return NULL;
    }

    return pmcf;
}


static void *
ngx_http_mcp_policy_create_conf(ngx_conf_t *cf)
{
    ngx_http_mcp_policy_conf_t  *plcf;

    plcf = ngx_palloc(cf->pool, sizeof(ngx_http_mcp_policy_conf_t));
    if (plcf == NULL) {
        return NULL;
    }

    plcf->enabled = NGX_CONF_UNSET;

    return plcf;
}


static char *
ngx_http_mcp_policy_merge_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_mcp_policy_conf_t *prev = parent;
    ngx_http_mcp_policy_conf_t *conf = child;

    /* said nowhere, it depends on whether there is any role */

    if (conf->enabled == NGX_CONF_UNSET) {
        conf->enabled = prev->enabled;
    }

    return NGX_CONF_OK;
}


/* nginx's strings and those of the core are the same but for their name */

static mcp_str_t *
ngx_http_mcp_policy_words(ngx_conf_t *cf)
{
    ngx_uint_t   i;
    mcp_str_t   *word;
    ngx_str_t   *value;

    word = ngx_palloc(cf->pool, cf->args->nelts * sizeof(mcp_str_t));
    if (word == NULL) {
        return NULL;
    }

    value = cf->args->elts;

    for (i = 0; i < cf->args->nelts; i++) {
        word[i] = ngx_http_mcp_core_str(&value[i]);
    }

    return word;
}


static char *
ngx_http_mcp_policy_said(ngx_conf_t *cf, int rc, mcp_str_t *why)
{
    if (rc == MCP_OK) {
        return NGX_CONF_OK;
    }

    if (rc == MCP_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%*s", why->len, why->data);
    }

    return NGX_CONF_ERROR;
}


static char *
ngx_http_mcp_policy_role(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_mcp_policy_main_conf_t *pmcf = conf;

    int                          rc;
    char                        *rv;
    mcp_str_t                    name, why;
    ngx_str_t                   *value;
    ngx_conf_t                   save;
    ngx_http_mcp_policy_role_t  *role;

    value = cf->args->elts;
    name = ngx_http_mcp_core_str(&value[1]);

    role = ngx_palloc(cf->temp_pool, sizeof(ngx_http_mcp_policy_role_t));
    if (role == NULL) {
        return NGX_CONF_ERROR;
    }

    role->policy = pmcf->policy;

    rc = mcp_policy_add_role(pmcf->policy, &name,
                             (char *) cf->conf_file->file.name.data,
                             (unsigned) cf->conf_file->line, &role->role, &why);

    if (rc != MCP_OK) {
        return ngx_http_mcp_policy_said(cf, rc, &why);
    }

    save = *cf;
    cf->handler = ngx_http_mcp_policy_directive;
    cf->handler_conf = (void *) role;

    rv = ngx_conf_parse(cf, NULL);

    *cf = save;

    return rv;
}


static char *
ngx_http_mcp_policy_directive(ngx_conf_t *cf, ngx_command_t *dummy, void *conf)
{
    ngx_http_mcp_policy_role_t *role = conf;

    int         rc;
    mcp_str_t  *word, why;

    word = ngx_http_mcp_policy_words(cf);
    if (word == NULL) {
        return NGX_CONF_ERROR;
    }

    rc = mcp_policy_directive(role->policy, role->role, word,
                              (unsigned) cf->args->nelts,
                              (char *) cf->conf_file->file.name.data,
                              (unsigned) cf->conf_file->line, &why);

    return ngx_http_mcp_policy_said(cf, rc, &why);
}


/* Roles may be defined further down: tests are run at the end. */

static char *
ngx_http_mcp_policy_add_test(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_mcp_policy_main_conf_t *pmcf = conf;

    ngx_http_mcp_policy_test_t  *test;

    test = ngx_array_push(&pmcf->tests);
    if (test == NULL) {
        return NGX_CONF_ERROR;
    }

    test->word = ngx_http_mcp_policy_words(cf);
    if (test->word == NULL) {
        return NGX_CONF_ERROR;
    }

    test->word++;
    test->nwords = cf->args->nelts - 1;
    test->file = cf->conf_file->file.name.data;
    test->line = cf->conf_file->line;

    return NGX_CONF_OK;
}


static char *
ngx_http_mcp_policy_set_explain(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->handler == ngx_http_mcp_policy_explain) {
        return "is duplicate";
    }

    clcf->handler = ngx_http_mcp_policy_explain;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_mcp_policy_known(ngx_http_mcp_main_conf_t *mmcf, mcp_str_t *name)
{
    ngx_uint_t                i;
    ngx_http_mcp_backend_t  **be;

    be = mmcf->backends.elts;

    for (i = 0; i < mmcf->backends.nelts; i++) {
        if (be[i]->name.len == name->len
            && ngx_memcmp(be[i]->name.data, name->data, name->len) == 0)
        {
            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}


/* A misspelt backend neither opens nor closes a door. */

static void
ngx_http_mcp_policy_backends(ngx_conf_t *cf,
    ngx_http_mcp_policy_main_conf_t *pmcf)
{
    unsigned                     i;
    mcp_str_t                    name;
    ngx_http_mcp_main_conf_t    *mmcf;
    const mcp_policy_pattern_t  *p;

    mmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_mcp_module);

    for (i = 0; i < mcp_policy_patterns(pmcf->policy); i++) {

        p = mcp_policy_pattern(pmcf->policy, i);
        name = p->pattern.backend.text;

        if (p->pattern.backend.star
            || ngx_http_mcp_policy_known(mmcf, &name) == NGX_OK)
        {
            continue;
        }

        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                      "\"%*s\" in %s:%ui fits nothing: there is no mcp_backend "
                      "\"%*s\"", p->pattern.text.len, p->pattern.text.data,
                      p->rule->file, (ngx_uint_t) p->rule->line, name.len,
                      name.data);
    }
}


/* Nor does one forget where roles come from without being told. */

static void
ngx_http_mcp_policy_passes(ngx_conf_t *cf,
    ngx_http_mcp_policy_main_conf_t *pmcf)
{
    void                          **loc;
    ngx_uint_t                      i;
    ngx_http_mcp_loc_conf_t       **mlcf;
    ngx_http_core_loc_conf_t       *clcf;
    ngx_http_mcp_main_conf_t       *mmcf;
    ngx_http_mcp_auth_loc_conf_t   *alcf;

    mmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_mcp_module);
    mlcf = mmcf->passes.elts;

    for (i = 0; i < mmcf->passes.nelts; i++) {
        loc = mlcf[i]->loc_conf;
        alcf = loc[ngx_http_mcp_auth_module.ctx_index];
        clcf = loc[ngx_http_core_module.ctx_index];

        if (mlcf[i]->roles != NULL || alcf->realm != NULL
            || !ngx_http_mcp_policy_on(pmcf,
                                 loc[ngx_http_mcp_policy_module.ctx_index]))
        {
            continue;
        }

        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                      "location \"%V\" in %s:%ui shows nothing to anybody: "
                      "its callers have no roles; add \"mcp_roles\" or "
                      "\"mcp_auth_jwt\", or \"mcp_policy off\"",
                      &clcf->name, mlcf[i]->file, mlcf[i]->line);
    }
}


static ngx_int_t
ngx_http_mcp_policy_run_tests(ngx_conf_t *cf,
    ngx_http_mcp_policy_main_conf_t *pmcf)
{
    int                          rc;
    mcp_str_t                    why;
    ngx_int_t                    ok;
    ngx_uint_t                   i;
    ngx_http_mcp_policy_test_t  *test;

    ok = NGX_OK;
    test = pmcf->tests.elts;

    for (i = 0; i < pmcf->tests.nelts; i++) {

        rc = mcp_policy_test(pmcf->policy, &pmcf->arena, test[i].word,
                             (unsigned) test[i].nwords, &why);

        if (rc == MCP_OK) {
            continue;
        }

        if (rc != MCP_ERROR) {
            return NGX_ERROR;
        }

        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"mcp_policy_test\" failed: %*s in %s:%ui",
                      why.len, why.data, test[i].file, test[i].line);

        ok = NGX_ERROR;
    }

    return ok;
}


static ngx_int_t
ngx_http_mcp_policy_init(ngx_conf_t *cf)
{
    mcp_str_t                         why;
    ngx_http_mcp_policy_main_conf_t  *pmcf;

    pmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_mcp_policy_module);

    switch (mcp_policy_complete(pmcf->policy, &why)) {

    case MCP_OK:
        break;

    case MCP_ERROR:
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0, "%*s", why.len, why.data);
        return NGX_ERROR;

    default:
        return NGX_ERROR;
    }

    ngx_http_mcp_policy_backends(cf, pmcf);
    ngx_http_mcp_policy_passes(cf, pmcf);

    return ngx_http_mcp_policy_run_tests(cf, pmcf);
}
