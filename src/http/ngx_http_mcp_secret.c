
/*
 * mcp_secret: a variable whose value comes from the environment or a file,
 * so that no secret stands in the text of the configuration.
 */


#include "ngx_http_mcp.h"


#define NGX_HTTP_MCP_SECRET_MAX  65536


static ngx_int_t ngx_http_mcp_secret_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static char *ngx_http_mcp_secret_env(ngx_conf_t *cf, ngx_str_t *name,
    ngx_str_t *secret);
static char *ngx_http_mcp_secret_file(ngx_conf_t *cf, ngx_str_t *name,
    ngx_str_t *secret);


/* mcp_secret $variable env:NAME | file:PATH; */

char *
ngx_http_mcp_secret(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char                 *rv;
    ngx_str_t            *value, name, *secret;
    ngx_http_variable_t  *var;

    value = cf->args->elts;

    if (value[1].len < 2 || value[1].data[0] != '$') {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid variable \"%V\": write it as \"$name\"",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    name.data = value[1].data + 1;
    name.len = value[1].len - 1;

    secret = ngx_pcalloc(cf->pool, sizeof(ngx_str_t));
    if (secret == NULL) {
        return NGX_CONF_ERROR;
    }

    rv = ngx_http_mcp_secret_read(cf, &value[2], secret);

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    var = ngx_http_add_variable(cf, &name, 0);
    if (var == NULL) {
        return NGX_CONF_ERROR;
    }

    var->get_handler = ngx_http_mcp_secret_variable;
    var->data = (uintptr_t) secret;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_mcp_secret_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t *secret = (ngx_str_t *) data;

    v->len = secret->len;
    v->data = secret->data;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}


char *
ngx_http_mcp_secret_read(ngx_conf_t *cf, ngx_str_t *from, ngx_str_t *secret)
{
    ngx_str_t  name;

    if (from->len > 4 && ngx_strncmp(from->data, "env:", 4) == 0) {
        name.data = from->data + 4;
        name.len = from->len - 4;

        return ngx_http_mcp_secret_env(cf, &name, secret);
    }

    if (from->len > 5 && ngx_strncmp(from->data, "file:", 5) == 0) {
        name.data = from->data + 5;
        name.len = from->len - 5;

        return ngx_http_mcp_secret_file(cf, &name, secret);
    }

    /* it may be the secret itself: it is not repeated */

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "a secret cannot stand in the configuration: name its "
                       "place as \"env:NAME\" or \"file:PATH\"");

    return NGX_CONF_ERROR;
}


static char *
ngx_http_mcp_secret_env(ngx_conf_t *cf, ngx_str_t *name, ngx_str_t *secret)
{
    char       *text;
    ngx_str_t   from;

    text = getenv((char *) name->data);

    if (text == NULL || *text == '\0') {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the environment variable \"%V\" is not set: set "
                           "it where nginx is started", name);
        return NGX_CONF_ERROR;
    }

    from.data = (u_char *) text;
    from.len = ngx_strlen(text);

    secret->len = from.len;
    secret->data = ngx_pstrdup(cf->pool, &from);

    return secret->data ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static char *
ngx_http_mcp_secret_file(ngx_conf_t *cf, ngx_str_t *name, ngx_str_t *secret)
{
    char             *rv;
    ssize_t           n;
    ngx_file_t        file;
    ngx_file_info_t   fi;

    if (ngx_conf_full_name(cf->cycle, name, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(&file, sizeof(ngx_file_t));
    file.name = *name;
    file.log = cf->log;

    file.fd = ngx_open_file(name->data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (file.fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "the file \"%V\" of a secret cannot be opened",
                           name);
        return NGX_CONF_ERROR;
    }

    rv = NGX_CONF_ERROR;

    if (ngx_fd_info(file.fd, &fi) == NGX_FILE_ERROR
        || ngx_file_size(&fi) > NGX_HTTP_MCP_SECRET_MAX)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the file \"%V\" of a secret is larger than %d "
                           "bytes", name, NGX_HTTP_MCP_SECRET_MAX);
        goto done;
    }

    secret->data = ngx_pnalloc(cf->pool, ngx_file_size(&fi) + 1);
    if (secret->data == NULL) {
        goto done;
    }

    n = ngx_read_file(&file, secret->data, ngx_file_size(&fi), 0);

    if (n == NGX_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the file \"%V\" of a secret cannot be read",
                           name);
        goto done;
    }

    /* editors end a file with a line end; it is not part of a secret */

    while (n > 0 && (secret->data[n - 1] == LF || secret->data[n - 1] == CR)) {
        n--;
    }

    secret->len = n;

    if (n == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the file \"%V\" of a secret is empty", name);
        goto done;
    }

    rv = NGX_CONF_OK;

done:

    if (ngx_close_file(file.fd) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, cf->log, ngx_errno,
                      ngx_close_file_n " \"%V\" failed", name);
    }

    return rv;
}
