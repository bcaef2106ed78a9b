
/*
 * The kill switch: tools and backends that are switched off, by mcp_disable
 * for a location or by mcp_api for all.  What the API says is in the zone.
 */


#include "ngx_http_mcp.h"
#include "ngx_http_mcp_limit.h"


static ngx_http_mcp_switch_t *ngx_http_mcp_switch_find(
    ngx_http_mcp_shctx_t *sh, ngx_http_mcp_switch_e what, ngx_str_t *name);
static void ngx_http_mcp_disable_view(ngx_http_mcp_call_t *call,
    ngx_array_t *patterns, ngx_array_t *backends);


/* --- what the API has switched off --------------------------------------- */


static ngx_http_mcp_switch_t *
ngx_http_mcp_switch_find(ngx_http_mcp_shctx_t *sh, ngx_http_mcp_switch_e what,
    ngx_str_t *name)
{
    ngx_queue_t            *q;
    ngx_http_mcp_switch_t  *sw;

    for (q = ngx_queue_head(&sh->switches);
         q != ngx_queue_sentinel(&sh->switches);
         q = ngx_queue_next(q))
    {
        sw = ngx_queue_data(q, ngx_http_mcp_switch_t, queue);

        if (sw->what == what && sw->len == name->len
            && ngx_memcmp(sw->name, name->data, name->len) == 0)
        {
            return sw;
        }
    }

    return NULL;
}


ngx_int_t
ngx_http_mcp_switch_off(ngx_http_mcp_main_conf_t *mmcf,
    ngx_http_mcp_switch_e what, ngx_str_t *name)
{
    ngx_int_t               rc;
    ngx_http_mcp_shctx_t   *sh;
    ngx_http_mcp_switch_t  *sw;

    sh = mmcf->sh;

    ngx_shmtx_lock(&mmcf->shpool->mutex);

    if (ngx_http_mcp_switch_find(sh, what, name) != NULL) {
        rc = NGX_OK;
        goto done;
    }

    rc = NGX_ERROR;

    if (sh->nswitches == NGX_HTTP_MCP_SWITCHES) {
        goto done;
    }

    sw = ngx_slab_calloc_locked(mmcf->shpool, sizeof(ngx_http_mcp_switch_t)
                                              + name->len);
    if (sw == NULL) {
        goto done;
    }

    sw->what = what;
    sw->len = name->len;
    ngx_memcpy(sw->name, name->data, name->len);

    ngx_queue_insert_tail(&sh->switches, &sw->queue);
    sh->nswitches++;
    sh->switched++;

    rc = NGX_DONE;

done:

    ngx_shmtx_unlock(&mmcf->shpool->mutex);

    return rc;
}


ngx_int_t
ngx_http_mcp_switch_on(ngx_http_mcp_main_conf_t *mmcf,
    ngx_http_mcp_switch_e what, ngx_str_t *name)
{
    ngx_http_mcp_switch_t  *sw;

    ngx_shmtx_lock(&mmcf->shpool->mutex);

    sw = ngx_http_mcp_switch_find(mmcf->sh, what, name);

    if (sw != NULL) {
        ngx_queue_remove(&sw->queue);
        ngx_slab_free_locked(mmcf->shpool, sw);
        mmcf->sh->nswitches--;
        mmcf->sh->switched++;
    }

    ngx_shmtx_unlock(&mmcf->shpool->mutex);

    return sw ? NGX_OK : NGX_DECLINED;
}


ngx_int_t
ngx_http_mcp_switches(ngx_http_mcp_main_conf_t *mmcf, ngx_pool_t *pool,
    ngx_array_t *list, ngx_uint_t *switched)
{
    u_char                  *p;
    size_t                   size;
    ngx_uint_t               i, n;
    ngx_queue_t             *q;
    ngx_http_mcp_shctx_t    *sh;
    ngx_http_mcp_switch_t   *sw;
    ngx_http_mcp_off_t      *off;

    sh = mmcf->sh;

    /* the memory is taken before the lock is: nothing under it can fail */

    for ( ;; ) {
        n = sh->nswitches;
        size = n * NGX_HTTP_MCP_SWITCH_LEN;

        if (ngx_array_init(list, pool, n + 1, sizeof(ngx_http_mcp_off_t))
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        p = ngx_pnalloc(pool, size + 1);
        if (p == NULL) {
            return NGX_ERROR;
        }

        ngx_shmtx_lock(&mmcf->shpool->mutex);

        if (sh->nswitches <= n) {
            break;
        }

        ngx_shmtx_unlock(&mmcf->shpool->mutex);
    }

    off = list->elts;
    q = ngx_queue_head(&sh->switches);

    for (i = 0; i < n && q != ngx_queue_sentinel(&sh->switches); i++) {
        sw = ngx_queue_data(q, ngx_http_mcp_switch_t, queue);

        off[i].what = sw->what;
        off[i].name.data = p;
        off[i].name.len = ngx_min(sw->len, NGX_HTTP_MCP_SWITCH_LEN);
        p = ngx_cpymem(p, sw->name, off[i].name.len);

        q = ngx_queue_next(q);
    }

    list->nelts = i;
    *switched = sh->switched;

    ngx_shmtx_unlock(&mmcf->shpool->mutex);

    return NGX_OK;
}


/*
 * A tool's name has no other characters, nor has a backend's: a name with
 * others would switch nothing off.
 */

const char *
ngx_http_mcp_switch_check(ngx_http_mcp_switch_e what, ngx_str_t *name)
{
    size_t          i;
    u_char          ch;
    mcp_str_t       text;
    const char     *why;
    mcp_pattern_t   pattern;

    if (name->len == 0) {
        return "there is no name";
    }

    if (name->len > NGX_HTTP_MCP_SWITCH_LEN) {
        return "the name is too long";
    }

    for (i = 0; i < name->len; i++) {
        ch = name->data[i];

        if ((ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z')
            || (ch >= '0' && ch <= '9') || ch == '_' || ch == '-' || ch == '.')
        {
            continue;
        }

        if (what == NGX_HTTP_MCP_SWITCH_TOOLS && (ch == '*' || ch == '/')) {
            continue;
        }

        return what == NGX_HTTP_MCP_SWITCH_TOOLS
               ? "write it as backend/tool, of A-Z a-z 0-9 _ - . and *"
               : "a backend's name is of A-Z a-z 0-9 _ - .";
    }

    if (what == NGX_HTTP_MCP_SWITCH_TOOLS) {
        text = ngx_http_mcp_core_str(name);

        if (mcp_pattern_init(&pattern, &text, &why) != MCP_OK) {
            return why;
        }
    }

    return NULL;
}


/* --- a call -------------------------------------------------------------- */


ngx_int_t
ngx_http_mcp_disable_apply(ngx_http_mcp_call_t *call)
{
    mcp_str_t                   text;
    ngx_str_t                  *name;
    ngx_pool_t                 *pool;
    ngx_uint_t                  i, switched;
    const char                 *why;
    ngx_array_t                 list, patterns, backends;
    mcp_pattern_t              *pattern, *from;
    ngx_http_mcp_off_t         *off;
    ngx_http_mcp_main_conf_t   *mmcf;
    ngx_http_mcp_limit_conf_t  *lcf;

    mmcf = ngx_http_get_module_main_conf(call->request, ngx_http_mcp_module);

    if (call->view->switched == mmcf->sh->switched) {
        return NGX_OK;
    }

    lcf = ngx_http_get_module_loc_conf(call->request,
                                       ngx_http_mcp_limit_module);

    pool = ngx_create_pool(4096, call->request->connection->log);
    if (pool == NULL) {
        return NGX_ERROR;
    }

    if (ngx_http_mcp_switches(mmcf, pool, &list, &switched) != NGX_OK
        || ngx_array_init(&patterns, pool, 16, sizeof(mcp_pattern_t))
           != NGX_OK
        || ngx_array_init(&backends, pool, 16, sizeof(ngx_str_t)) != NGX_OK)
    {
        goto failed;
    }

    for (i = 0; lcf->disabled_tools && i < lcf->disabled_tools->nelts; i++) {
        from = lcf->disabled_tools->elts;

        pattern = ngx_array_push(&patterns);
        if (pattern == NULL) {
            goto failed;
        }

        *pattern = from[i];
    }

    for (i = 0; lcf->disabled_backends && i < lcf->disabled_backends->nelts;
         i++)
    {
        name = ngx_array_push(&backends);
        if (name == NULL) {
            goto failed;
        }

        *name = ((ngx_str_t *) lcf->disabled_backends->elts)[i];
    }

    off = list.elts;

    for (i = 0; i < list.nelts; i++) {

        if (off[i].what == NGX_HTTP_MCP_SWITCH_BACKEND) {
            name = ngx_array_push(&backends);
            if (name == NULL) {
                goto failed;
            }

            *name = off[i].name;
            continue;
        }

        pattern = ngx_array_push(&patterns);
        if (pattern == NULL) {
            goto failed;
        }

        text = ngx_http_mcp_core_str(&off[i].name);

        if (mcp_pattern_init(pattern, &text, &why) != MCP_OK) {
            patterns.nelts--;
        }
    }

    ngx_http_mcp_disable_view(call, &patterns, &backends);
    call->view->switched = switched;

    ngx_destroy_pool(pool);

    return NGX_OK;

failed:

    ngx_destroy_pool(pool);

    return NGX_ERROR;
}


static void
ngx_http_mcp_disable_view(ngx_http_mcp_call_t *call, ngx_array_t *patterns,
    ngx_array_t *backends)
{
    mcp_str_t                *tool;
    mcp_item_t               *item;
    mcp_view_t               *view;
    ngx_str_t                *name;
    ngx_uint_t                i, n, list;
    mcp_str_t                 backend;
    mcp_pattern_t            *pattern;
    ngx_http_mcp_loc_conf_t  *mlcf;

    mlcf = ngx_http_get_module_loc_conf(call->request, ngx_http_mcp_module);
    view = call->view;
    pattern = patterns->elts;
    name = backends->elts;

    for (i = 0; i < view->sources; i++) {
        view->source[i].disabled = 0;

        for (n = 0; n < backends->nelts; n++) {
            if (name[n].len == mlcf->backends[i]->name.len
                && ngx_memcmp(name[n].data, mlcf->backends[i]->name.data,
                              name[n].len)
                   == 0)
            {
                view->source[i].disabled = 1;
                break;
            }
        }
    }

    for (list = 0; list < MCP_LISTS; list++) {

        for (i = 0; i < view->list[list].n; i++) {
            item = &view->list[list].item[i];
            item->disabled = view->source[item->source].disabled;

            if (list != MCP_TOOLS || item->disabled) {
                continue;
            }

            backend = ngx_http_mcp_core_str(
                                         &mlcf->backends[item->source]->name);
            tool = &item->native;

            for (n = 0; n < patterns->nelts; n++) {
                if (mcp_pattern_match(&pattern[n], &backend, tool)) {
                    item->disabled = 1;
                    break;
                }
            }
        }
    }
}


ngx_int_t
ngx_http_mcp_disable_gate(ngx_http_mcp_call_t *call, mcp_fault_t *fault)
{
    if (call->view->source[call->view_source].disabled) {
        mcp_str_set(&fault->message, "the operator has switched off the "
                    "backend that this is for");

    } else if (call->item != NULL && call->item->disabled) {
        mcp_str_set(&fault->message, "the operator has switched off this "
                    "tool");

    } else {
        return NGX_OK;
    }

    fault->code = NGX_HTTP_MCP_LOCKED;
    fault->status = NGX_HTTP_OK;
    call->outcome = NGX_HTTP_MCP_DISABLED;

    return NGX_DECLINED;
}


/* --- configuration ------------------------------------------------------- */


static char *
ngx_http_mcp_disable_backend(ngx_conf_t *cf, ngx_http_mcp_limit_conf_t *lcf,
    ngx_str_t *name)
{
    ngx_str_t                       *backend;
    const char                      *why;
    ngx_http_mcp_disabled_t         *named;
    ngx_http_mcp_limit_main_conf_t  *lmcf;

    why = ngx_http_mcp_switch_check(NGX_HTTP_MCP_SWITCH_BACKEND, name);

    if (why != NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid backend \"%V\": %s",
                           name, why);
        return NGX_CONF_ERROR;
    }

    if (lcf->disabled_backends == NULL) {
        lcf->disabled_backends = ngx_array_create(cf->pool, 4,
                                                  sizeof(ngx_str_t));
        if (lcf->disabled_backends == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    backend = ngx_array_push(lcf->disabled_backends);
    if (backend == NULL) {
        return NGX_CONF_ERROR;
    }

    *backend = *name;

    lmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_mcp_limit_module);

    named = ngx_array_push(&lmcf->backends);
    if (named == NULL) {
        return NGX_CONF_ERROR;
    }

    named->name = *name;
    named->file = cf->conf_file->file.name.data;
    named->line = cf->conf_file->line;

    return NGX_CONF_OK;
}


/*
 * A name that is mistyped switches nothing off.  It is no error: the backend
 * may just have been taken out.
 */

ngx_int_t
ngx_http_mcp_disable_check(ngx_conf_t *cf)
{
    ngx_uint_t                       i;
    ngx_http_mcp_disabled_t         *named;
    ngx_http_mcp_main_conf_t        *mmcf;
    ngx_http_mcp_limit_main_conf_t  *lmcf;

    mmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_mcp_module);
    lmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_mcp_limit_module);

    named = lmcf->backends.elts;

    for (i = 0; i < lmcf->backends.nelts; i++) {

        if (ngx_http_mcp_find_backend(mmcf, &named[i].name) != NULL) {
            continue;
        }

        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                      "unknown backend \"%V\" in \"mcp_disable\" in %s:%ui: "
                      "there is no mcp_backend of this name", &named[i].name,
                      named[i].file, named[i].line);
    }

    return NGX_OK;
}


char *
ngx_http_mcp_disable(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_mcp_limit_conf_t *lcf = conf;

    char        *rv;
    ngx_str_t   *value, s;
    ngx_uint_t   i, tools;
    const char  *why;

    value = cf->args->elts;
    tools = 0;

    for (i = 1; i < cf->args->nelts; i++) {
        s = value[i];

        if (ngx_strncmp(s.data, "backend=", 8) == 0) {
            s.data += 8;
            s.len -= 8;
            tools = 0;

            rv = ngx_http_mcp_disable_backend(cf, lcf, &s);
            if (rv != NGX_CONF_OK) {
                return rv;
            }

            continue;
        }

        if (ngx_strncmp(s.data, "tools=", 6) == 0) {
            s.data += 6;
            s.len -= 6;
            tools = 1;

        } else if (!tools) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\": write "
                               "\"tools=backend/tool\" or \"backend=name\"",
                               &value[i]);
            return NGX_CONF_ERROR;
        }

        why = ngx_http_mcp_switch_check(NGX_HTTP_MCP_SWITCH_TOOLS, &s);

        if (why != NULL) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid pattern of tools \"%V\": %s", &s, why);
            return NGX_CONF_ERROR;
        }

        if (ngx_http_mcp_limit_pattern(cf, &lcf->disabled_tools, &s)
            != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


/* What is off for all is off in each: a location can only add to it. */

static ngx_int_t
ngx_http_mcp_disable_merge_array(ngx_conf_t *cf, ngx_array_t **to,
    ngx_array_t *from)
{
    void  *elt;

    if (from == NULL || from->nelts == 0) {
        return NGX_OK;
    }

    if (*to == NULL) {
        *to = from;
        return NGX_OK;
    }

    elt = ngx_array_push_n(*to, from->nelts);
    if (elt == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(elt, from->elts, from->nelts * from->size);

    return NGX_OK;
}


char *
ngx_http_mcp_disable_merge(ngx_conf_t *cf, ngx_http_mcp_limit_conf_t *prev,
    ngx_http_mcp_limit_conf_t *conf)
{
    if (ngx_http_mcp_disable_merge_array(cf, &conf->disabled_tools,
                                         prev->disabled_tools)
        != NGX_OK
        || ngx_http_mcp_disable_merge_array(cf, &conf->disabled_backends,
                                            prev->disabled_backends)
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}
