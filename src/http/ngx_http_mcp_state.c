
/*
 * What mcp_api has switched off, in a file: it outlasts a restart.  A line for
 * each, and a last one that says how many they are.  The manager process
 * writes it, and the master what the manager no longer could.
 */


#include "ngx_http_mcp.h"


#define NGX_HTTP_MCP_STATE_MAX    131072     /* bytes of the file */
#define NGX_HTTP_MCP_STATE_AGAIN  5000       /* ms after a failure */

#define NGX_HTTP_MCP_STATE_HEAD                                               \
    "# what mcp_api has switched off; nginx writes this file\n"


#ifndef O_NOFOLLOW
#define O_NOFOLLOW  0
#endif


static ngx_int_t ngx_http_mcp_state_write(ngx_http_mcp_main_conf_t *mmcf,
    ngx_str_t *text, ngx_log_t *log);
static void ngx_http_mcp_state_line(ngx_http_mcp_main_conf_t *mmcf,
    ngx_str_t *line, ngx_uint_t n, u_char *file, ngx_uint_t *entries,
    ngx_uint_t *whole, ngx_log_t *log);


static ngx_msec_t  ngx_http_mcp_state_failed;    /* 0: the last did not */


/*
 * The directory is made by nginx, for the user of workers.  Unless
 * mcp_state_path names one it is beside that of client_body_temp_path, where
 * this nginx may write.
 */

char *
ngx_http_mcp_state_init(ngx_conf_t *cf, ngx_http_mcp_main_conf_t *mmcf)
{
    u_char                    *p, *last;
    ngx_str_t                  body;
    ngx_path_t                *path;
    ngx_http_core_loc_conf_t  *clcf;

    if (mmcf->state_path != NULL || !mmcf->api) {
        return NGX_CONF_OK;
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    ngx_str_set(&body, NGX_HTTP_CLIENT_TEMP_PATH);

    if (clcf->client_body_temp_path != NULL
        && clcf->client_body_temp_path != NGX_CONF_UNSET_PTR)
    {
        body = clcf->client_body_temp_path->name;
    }

    for (last = body.data + body.len; last > body.data; last--) {
        if (last[-1] == '/') {
            break;
        }
    }

    path = ngx_pcalloc(cf->pool, sizeof(ngx_path_t));
    p = ngx_pnalloc(cf->pool, body.len + sizeof("mcp"));

    if (path == NULL || p == NULL) {
        return NGX_CONF_ERROR;
    }

    path->name.data = p;
    p = ngx_cpymem(p, body.data, last - body.data);
    p = ngx_cpymem(p, "mcp", sizeof("mcp"));
    path->name.len = p - path->name.data - 1;

    if (ngx_conf_full_name(cf->cycle, &path->name, 0) != NGX_OK
        || ngx_add_path(cf, &path) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    mmcf->state_path = path;

    return NGX_CONF_OK;
}


static u_char *
ngx_http_mcp_state_name(ngx_http_mcp_main_conf_t *mmcf, ngx_pool_t *pool,
    const char *file)
{
    u_char  *name;

    name = ngx_pnalloc(pool, mmcf->state_path->name.len + ngx_strlen(file)
                             + 2);
    if (name != NULL) {
        ngx_sprintf(name, "%V/%s%Z", &mmcf->state_path->name, file);
    }

    return name;
}


/* --- reading ------------------------------------------------------------- */


void
ngx_http_mcp_state_load(ngx_http_mcp_main_conf_t *mmcf, ngx_log_t *log)
{
    u_char           *file, *text, *p, *end, *damaged;
    ssize_t           n;
    ngx_fd_t          fd;
    ngx_str_t         line;
    ngx_uint_t        number, entries, whole;
    ngx_pool_t       *pool;
    ngx_file_info_t   fi;

    if (mmcf->state_path == NULL) {
        return;
    }

    pool = ngx_create_pool(4096, log);
    if (pool == NULL) {
        return;
    }

    file = ngx_http_mcp_state_name(mmcf, pool, "disabled");
    text = ngx_palloc(pool, NGX_HTTP_MCP_STATE_MAX);

    if (file == NULL || text == NULL) {
        goto done;
    }

    fd = open((char *) file, O_RDONLY|O_NOFOLLOW|O_NONBLOCK|O_CLOEXEC);

    if (fd == NGX_INVALID_FILE) {
        if (ngx_errno != NGX_ENOENT) {
            ngx_log_error(NGX_LOG_CRIT, log, ngx_errno,
                          "could not open \"%s\": what was switched off by "
                          "mcp_api is on", file);
        }

        goto done;
    }

    n = -1;

    if (ngx_fd_info(fd, &fi) != NGX_FILE_ERROR && ngx_is_file(&fi)) {
        n = ngx_read_fd(fd, text, NGX_HTTP_MCP_STATE_MAX);
    }

    ngx_close_file(fd);

    if (n < 0) {
        ngx_log_error(NGX_LOG_CRIT, log, ngx_errno,
                      "could not read \"%s\": what was switched off by "
                      "mcp_api is on", file);
        goto done;
    }

    end = text + n;
    number = 0;
    entries = 0;
    whole = 0;

    for (p = text; p < end; p++) {
        line.data = p;

        while (p < end && *p != '\n') {
            p++;
        }

        line.len = p - line.data;
        number++;

        if (p == end) {

            /* who knows what it was to be */

            line.data = (u_char *) "?";
            line.len = 1;
        }

        ngx_http_mcp_state_line(mmcf, &line, number, file, &entries, &whole,
                                log);
    }

    if (whole) {
        mmcf->sh->saved = mmcf->sh->switched;
        goto done;
    }

    ngx_log_error(NGX_LOG_ERR, log, 0,
                  "\"%s\" is damaged or cut off: what can be read of it is "
                  "switched off; see in \"%s.damaged\" what is missing",
                  file, file);

    damaged = ngx_http_mcp_state_name(mmcf, pool, "disabled.damaged");

    if (damaged != NULL && !ngx_test_config) {
        (void) ngx_rename_file(file, damaged);
    }

done:

    ngx_destroy_pool(pool);
}


/* What cannot be read is said and left out; the rest is off all the same. */

static void
ngx_http_mcp_state_line(ngx_http_mcp_main_conf_t *mmcf, ngx_str_t *line,
    ngx_uint_t n, u_char *file, ngx_uint_t *entries, ngx_uint_t *whole,
    ngx_log_t *log)
{
    ngx_str_t              name;
    ngx_http_mcp_switch_e  what;

    name = *line;

    if (name.len == 0 || name.data[0] == '#') {
        return;
    }

    if (name.len > 4 && ngx_strncmp(name.data, "end ", 4) == 0) {
        *whole = (ngx_atoi(name.data + 4, name.len - 4)
                  == (ngx_int_t) *entries);
        return;
    }

    if (name.len > 6 && ngx_strncmp(name.data, "tools ", 6) == 0) {
        what = NGX_HTTP_MCP_SWITCH_TOOLS;
        name.data += 6;
        name.len -= 6;

    } else if (name.len > 8 && ngx_strncmp(name.data, "backend ", 8) == 0) {
        what = NGX_HTTP_MCP_SWITCH_BACKEND;
        name.data += 8;
        name.len -= 8;

    } else {
        goto bad;
    }

    if (ngx_http_mcp_switch_check(what, &name) != NULL) {
        goto bad;
    }

    if (ngx_http_mcp_switch_off(mmcf, what, &name) == NGX_ERROR) {
        ngx_log_error(NGX_LOG_CRIT, log, 0,
                      "no room in \"mcp_zone\" for line %ui of \"%s\"", n,
                      file);
        return;
    }

    (*entries)++;

    return;

bad:

    ngx_log_error(NGX_LOG_ERR, log, 0, "line %ui of \"%s\" cannot be read", n,
                  file);
}


/* --- writing ------------------------------------------------------------- */


void
ngx_http_mcp_state_save(ngx_http_mcp_main_conf_t *mmcf, ngx_log_t *log)
{
    u_char              *p;
    ngx_str_t            text;
    ngx_pool_t          *pool;
    ngx_uint_t           i, switched;
    ngx_array_t          list;
    ngx_http_mcp_off_t  *off;

    static ngx_str_t  names[] = {
        ngx_string("tools"),
        ngx_string("backend")
    };

    if (mmcf->state_path == NULL || mmcf->sh == NULL
        || mmcf->sh->saved == mmcf->sh->switched)
    {
        return;
    }

    if (ngx_http_mcp_state_failed != 0
        && ngx_current_msec - ngx_http_mcp_state_failed
           < NGX_HTTP_MCP_STATE_AGAIN)
    {
        return;
    }

    pool = ngx_create_pool(4096, log);
    if (pool == NULL) {
        return;
    }

    if (ngx_http_mcp_switches(mmcf, pool, &list, &switched) != NGX_OK) {
        goto done;
    }

    text.data = ngx_pnalloc(pool, sizeof(NGX_HTTP_MCP_STATE_HEAD)
                                  + list.nelts * (NGX_HTTP_MCP_SWITCH_LEN + 16)
                                  + NGX_INT_T_LEN + 16);
    if (text.data == NULL) {
        goto done;
    }

    p = ngx_sprintf(text.data, NGX_HTTP_MCP_STATE_HEAD);
    off = list.elts;

    for (i = 0; i < list.nelts; i++) {
        p = ngx_sprintf(p, "%V %V\n", &names[off[i].what], &off[i].name);
    }

    p = ngx_sprintf(p, "end %ui\n", list.nelts);
    text.len = p - text.data;

    if (ngx_http_mcp_state_write(mmcf, &text, log) == NGX_OK) {
        mmcf->sh->saved = switched;
        ngx_http_mcp_state_failed = 0;

    } else {
        ngx_http_mcp_state_failed = ngx_current_msec | 1;
    }

done:

    ngx_destroy_pool(pool);
}


/*
 * The directory is the workers' user's, and the master may be root: a link
 * there is never followed.
 */

static ngx_int_t
ngx_http_mcp_state_write(ngx_http_mcp_main_conf_t *mmcf, ngx_str_t *text,
    ngx_log_t *log)
{
    u_char      *file, *temp;
    ngx_fd_t     fd;
    ngx_int_t    rc;
    ngx_pool_t  *pool;

    pool = ngx_create_pool(1024, log);
    if (pool == NULL) {
        return NGX_ERROR;
    }

    rc = NGX_ERROR;
    file = ngx_http_mcp_state_name(mmcf, pool, "disabled");
    temp = ngx_http_mcp_state_name(mmcf, pool, "disabled.new");

    if (file == NULL || temp == NULL) {
        goto done;
    }

    (void) ngx_delete_file(temp);

    fd = open((char *) temp, O_WRONLY|O_CREAT|O_EXCL|O_NOFOLLOW|O_CLOEXEC,
              0644);

    if (fd == NGX_INVALID_FILE) {
        ngx_log_error(NGX_LOG_CRIT, log, ngx_errno,
                      "could not create \"%s\": what mcp_api has switched off "
                      "will be on after a restart", temp);
        goto done;
    }

    if (ngx_write_fd(fd, text->data, text->len) != (ssize_t) text->len
        || fsync(fd) != 0)
    {
        ngx_log_error(NGX_LOG_CRIT, log, ngx_errno,
                      "could not write \"%s\": what mcp_api has switched off "
                      "will be on after a restart", temp);
        ngx_close_file(fd);
        (void) ngx_delete_file(temp);
        goto done;
    }

    ngx_close_file(fd);

    if (ngx_rename_file(temp, file) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_CRIT, log, ngx_errno,
                      "could not rename \"%s\" to \"%s\": what mcp_api has "
                      "switched off will be on after a restart", temp, file);
        goto done;
    }

    rc = NGX_OK;

done:

    ngx_destroy_pool(pool);

    return rc;
}


/* All others have ended: what was switched at the very last. */

void
ngx_http_mcp_state_exit_master(ngx_cycle_t *cycle)
{
    ngx_http_mcp_main_conf_t  *mmcf;

    if (ngx_test_config) {
        return;
    }

    mmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_mcp_module);

    if (mmcf == NULL) {
        return;
    }

    ngx_http_mcp_state_failed = 0;
    ngx_http_mcp_state_save(mmcf, cycle->log);
}
