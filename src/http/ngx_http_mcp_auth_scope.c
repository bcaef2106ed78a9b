
/* mcp_scope: scopes that a location or some of its tools want. */


#include "ngx_http_mcp_auth.h"


#define NGX_HTTP_MCP_SCOPE_NONE  0xffff  /* of item->scope */


/* RFC 6749, section 3.3: printable ASCII without space, quote, backslash */

static ngx_int_t
ngx_http_mcp_scope_valid(ngx_str_t *value)
{
    size_t  i;

    for (i = 0; i < value->len; i++) {
        if (value->data[i] <= 0x20 || value->data[i] >= 0x7f
            || value->data[i] == '"' || value->data[i] == '\\')
        {
            return NGX_DECLINED;
        }
    }

    return value->len ? NGX_OK : NGX_DECLINED;
}


static ngx_http_mcp_tool_scope_t *
ngx_http_mcp_scope_tools(ngx_conf_t *cf, ngx_http_mcp_auth_loc_conf_t *alcf,
    ngx_str_t *value)
{
    mcp_str_t                   text;
    const char                 *why;
    ngx_http_mcp_tool_scope_t  *tool;

    if (alcf->tools == NGX_CONF_UNSET_PTR) {
        alcf->tools = ngx_array_create(cf->pool, 4,
                                       sizeof(ngx_http_mcp_tool_scope_t));
        if (alcf->tools == NULL) {
            return NULL;
        }
    }

    if (alcf->tools->nelts == NGX_HTTP_MCP_SCOPE_NONE - 1) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "there are too many \"mcp_scope\" with tools");
        return NULL;
    }

    tool = ngx_array_push(alcf->tools);
    if (tool == NULL) {
        return NULL;
    }

    text.data = value->data + 6;
    text.len = value->len - 6;

    if (mcp_pattern_init(&tool->pattern, &text, &why) != MCP_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid pattern in \"%V\": %s", value, why);
        return NULL;
    }

    return ngx_array_init(&tool->scopes, cf->pool, 2, sizeof(mcp_str_t))
           == NGX_OK ? tool : NULL;
}


/* mcp_scope [tools=pattern] scope ...; */

char *
ngx_http_mcp_scope(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_mcp_auth_loc_conf_t *alcf = conf;

    ngx_str_t                  *value;
    mcp_str_t                  *scope;
    ngx_uint_t                  i;
    ngx_array_t                *scopes;
    ngx_http_mcp_tool_scope_t  *tool;

    value = cf->args->elts;

    if (ngx_strncmp(value[1].data, "tools=", 6) == 0) {

        if (cf->args->nelts < 3) {
            return "has no scope for its tools";
        }

        tool = ngx_http_mcp_scope_tools(cf, alcf, &value[1]);
        if (tool == NULL) {
            return NGX_CONF_ERROR;
        }

        scopes = &tool->scopes;
        i = 2;

    } else {

        if (alcf->scopes == NGX_CONF_UNSET_PTR) {
            alcf->scopes = ngx_array_create(cf->pool, 2, sizeof(mcp_str_t));
            if (alcf->scopes == NULL) {
                return NGX_CONF_ERROR;
            }
        }

        scopes = alcf->scopes;
        i = 1;
    }

    for ( /* void */ ; i < cf->args->nelts; i++) {

        if (ngx_http_mcp_scope_valid(&value[i]) != NGX_OK) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid scope \"%V\": it may have printable "
                               "ASCII in it, but no spaces, quotes and "
                               "backslashes", &value[i]);
            return NGX_CONF_ERROR;
        }

        scope = ngx_array_push(scopes);
        if (scope == NULL) {
            return NGX_CONF_ERROR;
        }

        *scope = ngx_http_mcp_core_str(&value[i]);
    }

    return NGX_CONF_OK;
}


/* --- lists of scopes ----------------------------------------------------- */


static void
ngx_http_mcp_scope_put(mcp_buf_t *b, size_t start, const mcp_str_t *scope,
    ngx_uint_t json)
{
    u_char  *p, *end;
    size_t   len;

    /* each once: they are few */

    p = b->data + start;
    end = b->data + b->len;
    len = scope->len + (json ? 2 : 0);

    while (p < end && !b->failed) {
        u_char  *next = ngx_strlchr(p, end, json ? ',' : ' ');

        if (next == NULL) {
            next = end;
        }

        if ((size_t) (next - p) == len
            && ngx_memcmp(p + (json ? 1 : 0), scope->data, scope->len) == 0)
        {
            return;
        }

        p = next + 1;
    }

    if (b->len > start) {
        mcp_buf_append(b, json ? "," : " ", 1);
    }

    if (json) {
        mcp_buf_json(b, scope->data, scope->len);

    } else {
        mcp_buf_append(b, scope->data, scope->len);
    }
}


/*
 * Those that every request needs, and more; as JSON, those of all tools, too.
 * NGX_DECLINED: there is none.
 */

ngx_int_t
ngx_http_mcp_scopes(ngx_http_mcp_auth_loc_conf_t *alcf, mcp_buf_t *b,
    ngx_array_t *more, ngx_uint_t json)
{
    size_t                      start;
    mcp_str_t                  *scope;
    ngx_uint_t                  i, n;
    ngx_http_mcp_require_t     *require;
    ngx_http_mcp_tool_scope_t  *tool;

    start = b->len;

    scope = alcf->scopes ? alcf->scopes->elts : NULL;

    for (i = 0; scope && i < alcf->scopes->nelts; i++) {
        ngx_http_mcp_scope_put(b, start, &scope[i], json);
    }

    require = alcf->require ? alcf->require->elts : NULL;

    for (i = 0; require && i < alcf->require->nelts; i++) {
        if (mcp_str_is(&require[i].name, "scope")) {
            ngx_http_mcp_scope_put(b, start, &require[i].value, json);
        }
    }

    scope = more ? more->elts : NULL;

    for (i = 0; scope && i < more->nelts; i++) {
        ngx_http_mcp_scope_put(b, start, &scope[i], json);
    }

    tool = (json && alcf->tools) ? alcf->tools->elts : NULL;

    for (i = 0; tool && i < alcf->tools->nelts; i++) {
        scope = tool[i].scopes.elts;

        for (n = 0; n < tool[i].scopes.nelts; n++) {
            ngx_http_mcp_scope_put(b, start, &scope[n], json);
        }
    }

    return b->len > start ? NGX_OK : NGX_DECLINED;
}


/* --- the gate ------------------------------------------------------------ */


/* The first rule that names the tool; the view remembers which. */

static ngx_http_mcp_tool_scope_t *
ngx_http_mcp_scope_find(ngx_http_mcp_auth_loc_conf_t *alcf,
    ngx_http_mcp_call_t *call)
{
    mcp_str_t                   backend;
    mcp_item_t                 *item;
    ngx_uint_t                  i;
    ngx_http_mcp_tool_scope_t  *tool;

    tool = alcf->tools->elts;
    item = &call->view->list[MCP_TOOLS].item[call->item
                                        - call->view->list[MCP_TOOLS].item];

    if (item->scope != 0) {
        return item->scope == NGX_HTTP_MCP_SCOPE_NONE ? NULL
                                                      : &tool[item->scope - 1];
    }

    backend = ngx_http_mcp_core_str(&call->backend->name);

    for (i = 0; i < alcf->tools->nelts; i++) {
        if (mcp_pattern_match(&tool[i].pattern, &backend, &item->native)) {
            item->scope = i + 1;
            return &tool[i];
        }
    }

    item->scope = NGX_HTTP_MCP_SCOPE_NONE;

    return NULL;
}


ngx_int_t
ngx_http_mcp_scope_gate(ngx_http_mcp_call_t *call, mcp_fault_t *fault)
{
    mcp_str_t                     *scope;
    ngx_uint_t                     i;
    ngx_http_mcp_token_t          *token;
    ngx_http_mcp_tool_scope_t     *tool;
    ngx_http_mcp_auth_loc_conf_t  *alcf;

    alcf = ngx_http_get_module_loc_conf(call->request,
                                        ngx_http_mcp_auth_module);

    if (alcf->tools == NULL || call->message.method != MCP_TOOLS_CALL
        || call->item == NULL)
    {
        return NGX_OK;
    }

    tool = ngx_http_mcp_scope_find(alcf, call);

    if (tool == NULL) {
        return NGX_OK;
    }

    /* "satisfy any" may have let it in without one */

    token = ngx_http_mcp_auth_token(call->request);
    scope = tool->scopes.elts;

    for (i = 0; i < tool->scopes.nelts; i++) {
        if (token == NULL || !mcp_jwt_scope(&token->claims, &scope[i])) {
            break;
        }
    }

    if (i == tool->scopes.nelts) {
        return NGX_OK;
    }

    fault->code = NGX_HTTP_FORBIDDEN;
    fault->status = NGX_HTTP_FORBIDDEN;
    mcp_str_set(&fault->message, "the token does not have the scope that this "
                                 "tool needs");
    call->outcome = NGX_HTTP_MCP_DENIED;

    if (ngx_http_mcp_auth_challenge(call->request, "insufficient_scope",
                                    "the token does not have the scope that "
                                    "this tool needs", &tool->scopes)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_DECLINED;
}
