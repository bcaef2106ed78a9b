
/* mcp_audit_store: where the store is. */


#include "ngx_http_mcp_audit_store.h"


/* A name of one host is looked up before libpq is asked. */

static ngx_int_t
ngx_http_mcp_store_host(ngx_conf_t *cf, ngx_http_mcp_audit_main_conf_t *amcf,
    const char *host)
{
    u_char     addr[16];
    ngx_str_t  s;

    if (host == NULL || host[0] == '/' || host[0] == '@'
        || ngx_strchr(host, ',') != NULL)
    {
        return NGX_OK;
    }

    s.data = (u_char *) host;
    s.len = ngx_strlen(host);

    if (ngx_inet_addr(s.data, s.len) != INADDR_NONE
        || ngx_inet6_addr(s.data, s.len, addr) == NGX_OK)
    {
        return NGX_OK;
    }

    s.len++;
    amcf->host = (char *) ngx_pstrdup(cf->pool, &s);

    return amcf->host ? NGX_OK : NGX_ERROR;
}


/* mcp_audit_store postgres:env:NAME | postgres:file:PATH | postgres:DSN; */

char *
ngx_http_mcp_store_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_mcp_audit_main_conf_t *amcf = conf;

    char              *error;
    ngx_str_t         *value, from, dsn;
    ngx_int_t          rc;
    ngx_uint_t         secret, has, addressed;
    const char        *host;
    PQconninfoOption  *options, *o;

    if (amcf->dsn != NULL) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (value[1].len <= 9
        || ngx_strncmp(value[1].data, "postgres:", 9) != 0)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid store in \"mcp_audit_store\": write "
                           "\"postgres:env:NAME\", \"postgres:file:PATH\", or "
                           "\"postgres:\" and a connection string without a "
                           "password");
        return NGX_CONF_ERROR;
    }

    from.data = value[1].data + 9;
    from.len = value[1].len - 9;

    secret = ngx_strncmp(from.data, "env:", 4) == 0
             || ngx_strncmp(from.data, "file:", 5) == 0;

    if (!secret) {
        dsn = from;

    } else if (ngx_http_mcp_secret_read(cf, &from, &dsn) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    amcf->dsn = ngx_pnalloc(cf->pool, dsn.len + 1);
    if (amcf->dsn == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_cpystrn((u_char *) amcf->dsn, dsn.data, dsn.len + 1);

    /* nginx's processes do not keep the environment */

    amcf->passfile = getenv("PGPASSFILE");

    if (amcf->passfile != NULL) {
        from.data = (u_char *) amcf->passfile;
        from.len = ngx_strlen(amcf->passfile) + 1;
        amcf->passfile = (char *) ngx_pstrdup(cf->pool, &from);
    }

    /* what is wrong with it may be the password: it is not repeated */

    error = NULL;
    options = PQconninfoParse(amcf->dsn, &error);
    PQfreemem(error);

    if (options == NULL || (ngx_strchr(amcf->dsn, '=') == NULL
                            && ngx_strstr(amcf->dsn, "://") == NULL))
    {
        PQconninfoFree(options);
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the connection string of \"mcp_audit_store\" is "
                           "none: write it as \"host=db dbname=audit "
                           "user=gateway\" or "
                           "\"postgresql://gateway@db/audit\"");
        return NGX_CONF_ERROR;
    }

    has = 0;
    addressed = 0;
    host = NULL;

    for (o = options; o->keyword; o++) {

        if (o->val == NULL || o->val[0] == '\0') {
            continue;
        }

        has |= ngx_strcmp(o->keyword, "password") == 0;

        if (ngx_strcmp(o->keyword, "host") == 0) {
            host = o->val;
        }

        addressed |= ngx_strcmp(o->keyword, "hostaddr") == 0;
    }

    rc = ngx_http_mcp_store_host(cf, amcf, addressed ? NULL : host);

    PQconninfoFree(options);

    if (rc != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (has && !secret) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "a password cannot stand in the configuration: "
                           "give the connection string of "
                           "\"mcp_audit_store\" as \"postgres:env:NAME\" or "
                           "\"postgres:file:PATH\", or use PGPASSFILE");
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}
