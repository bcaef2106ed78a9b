
/*
 * Who calls: mcp_client and mcp_roles, or what the token says.  Told once a
 * request, when the access phase is over: before that a name is only claimed.
 */


#include "ngx_http_mcp.h"


#define NGX_HTTP_MCP_CLAIM  "mcp_claim_"


static ngx_int_t ngx_http_mcp_identity_proved(ngx_http_mcp_call_t *call);
static ngx_int_t ngx_http_mcp_identity_read(ngx_http_mcp_call_t *call,
    ngx_http_mcp_token_t *token, mcp_arena_t *arena,
    ngx_http_mcp_identity_t *who);
static ngx_int_t ngx_http_mcp_identity_client(ngx_http_mcp_call_t *call,
    ngx_http_mcp_token_t *token, mcp_arena_t *arena, ngx_str_t *client);
static ngx_int_t ngx_http_mcp_identity_roles(ngx_http_mcp_call_t *call,
    ngx_http_mcp_token_t *token, mcp_arena_t *arena, ngx_str_t *text);


/* Whether a value has no variables but those of the token's claims. */

static ngx_uint_t
ngx_http_mcp_identity_claimed(ngx_http_complex_value_t *cv)
{
    u_char  *p, *last;

    if (cv == NULL) {
        return 1;
    }

    p = cv->value.data;
    last = p + cv->value.len;

    while (p < last) {

        if (*p++ != '$') {
            continue;
        }

        if (p < last && *p == '{') {
            p++;
        }

        if ((size_t) (last - p) < sizeof(NGX_HTTP_MCP_CLAIM) - 1
            || ngx_strncasecmp(p, (u_char *) NGX_HTTP_MCP_CLAIM,
                               sizeof(NGX_HTTP_MCP_CLAIM) - 1)
               != 0)
        {
            return 0;
        }
    }

    return 1;
}


void
ngx_http_mcp_identity_merge(ngx_http_mcp_loc_conf_t *conf,
    ngx_http_mcp_loc_conf_t *prev)
{
    if (conf->client == NULL) {
        conf->client = prev->client;
    }

    if (conf->roles == NULL) {
        conf->roles = prev->roles;
    }

    conf->identity_claimed = ngx_http_mcp_identity_claimed(conf->client)
                             && ngx_http_mcp_identity_claimed(conf->roles);
}


/*
 * Finds the access handler of auth_basic, which nginx has no name for: it is
 * what the module adds to the phase when it is asked to.
 */

ngx_int_t
ngx_http_mcp_identity_init(ngx_conf_t *cf)
{
    ngx_uint_t                  i, n;
    ngx_array_t                *handlers;
    ngx_module_t              **modules;
    ngx_http_module_t          *ctx;
    ngx_http_handler_pt        *h;
    ngx_http_mcp_main_conf_t   *mmcf;
    ngx_http_core_main_conf_t  *cmcf;

    mmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_mcp_module);
    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    handlers = &cmcf->phases[NGX_HTTP_ACCESS_PHASE].handlers;
    modules = cf->cycle->modules;

    for (i = 0; modules[i]; i++) {

        if (ngx_strcmp(modules[i]->name, "ngx_http_auth_basic_module") != 0) {
            continue;
        }

        ctx = modules[i]->ctx;
        n = handlers->nelts;

        if (ctx->postconfiguration(cf) != NGX_OK) {
            return NGX_ERROR;
        }

        if (handlers->nelts == n + 1) {
            h = handlers->elts;
            mmcf->auth_basic = h[n];
        }

        handlers->nelts = n;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_mcp_identify(ngx_http_mcp_call_t *call)
{
    ngx_int_t                 rc;
    mcp_arena_t              *arena;
    ngx_http_mcp_token_t     *token;
    ngx_http_mcp_loc_conf_t  *mlcf;
    ngx_http_mcp_identity_t  *who;

    mlcf = ngx_http_get_module_loc_conf(call->request, ngx_http_mcp_module);
    token = ngx_http_mcp_auth_token(call->request);

    ngx_str_set(&call->issuer, "");
    ngx_str_set(&call->client, "");

    if (token == NULL && mlcf->client == NULL && mlcf->roles == NULL) {
        return NGX_OK;
    }

    if (!mlcf->identity_claimed) {
        rc = ngx_http_mcp_identity_proved(call);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    /* what follows from a token alone is told once for all its requests */

    arena = &call->arena;

    if (token != NULL && mlcf->identity_claimed) {
        who = token->identity;

        if (who != NULL && who->conf == mlcf) {
            goto found;
        }

        if (who == NULL) {
            arena = &token->arena;
        }
    }

    who = mcp_calloc(arena, sizeof(ngx_http_mcp_identity_t));
    if (who == NULL) {
        return NGX_ERROR;
    }

    rc = ngx_http_mcp_identity_read(call, token, arena, who);
    if (rc != NGX_OK) {
        return rc;
    }

    if (arena != &call->arena) {
        who->conf = mlcf;
        token->identity = who;
    }

found:

    if (who->issuer.len != 0) {
        call->issuer = who->issuer;
    }

    if (who->client.len != 0) {
        call->client = who->client;
    }

    call->roles = who->roles;
    call->nroles = who->nroles;

    return NGX_OK;
}


/*
 * With "satisfy any" an address may have let the request in before its
 * password was looked at; $remote_user is then whatever the client wrote.
 */

static ngx_int_t
ngx_http_mcp_identity_proved(ngx_http_mcp_call_t *call)
{
    ngx_int_t                  rc;
    ngx_http_request_t        *r;
    ngx_http_core_loc_conf_t  *clcf;
    ngx_http_mcp_main_conf_t  *mmcf;

    r = call->request;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);
    mmcf = ngx_http_get_module_main_conf(r, ngx_http_mcp_module);

    if (clcf->satisfy != NGX_HTTP_SATISFY_ANY || mmcf->auth_basic == NULL
        || r->headers_in.authorization == NULL
        || ngx_strncasecmp(r->headers_in.authorization->value.data,
                           (u_char *) "basic", 5)
           != 0)
    {
        return NGX_OK;
    }

    rc = mmcf->auth_basic(r);

    return rc == NGX_DECLINED ? NGX_OK : rc;
}


static ngx_int_t
ngx_http_mcp_identity_read(ngx_http_mcp_call_t *call,
    ngx_http_mcp_token_t *token, mcp_arena_t *arena,
    ngx_http_mcp_identity_t *who)
{
    int          rc;
    unsigned     i, n;
    ngx_int_t    ret;
    ngx_str_t    text;
    mcp_str_t    s, *roles;
    const char  *why;

    if (token != NULL) {
        who->issuer = token->issuer;
    }

    if (ngx_http_mcp_identity_client(call, token, arena, &who->client)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    s = ngx_http_mcp_core_str(&who->client);

    if (mcp_client_check(&s, &why) != MCP_OK) {
        ngx_log_error(NGX_LOG_ERR, call->request->connection->log, 0,
                      "the name of the client %s", why);
        return NGX_DECLINED;
    }

    ret = ngx_http_mcp_identity_roles(call, token, arena, &text);

    if (ret != NGX_OK) {
        return ret;
    }

    if (text.len == 0) {
        return NGX_OK;
    }

    s = ngx_http_mcp_core_str(&text);
    rc = mcp_roles_parse(&s, arena, &roles, &n, &why);

    if (rc == MCP_NOMEM) {
        return NGX_ERROR;
    }

    if (rc != MCP_OK) {
        ngx_log_error(NGX_LOG_ERR, call->request->connection->log, 0,
                      "the roles of the client %s", why);
        return NGX_DECLINED;
    }

    if (n == 0) {
        return NGX_OK;
    }

    who->roles = mcp_alloc(arena, n * sizeof(ngx_str_t));
    if (who->roles == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {
        who->roles[i] = ngx_http_mcp_str(&roles[i]);
    }

    who->nroles = n;

    return NGX_OK;
}


/* The value, where it lives as long as the arena. */

static ngx_int_t
ngx_http_mcp_identity_value(ngx_http_mcp_call_t *call,
    ngx_http_complex_value_t *cv, mcp_arena_t *arena, ngx_str_t *text)
{
    if (ngx_http_complex_value(call->request, cv, text) != NGX_OK) {
        return NGX_ERROR;
    }

    if (text->len == 0 || arena == &call->arena) {
        return NGX_OK;
    }

    text->data = mcp_memdup(arena, text->data, text->len);

    return text->data ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_mcp_identity_client(ngx_http_mcp_call_t *call,
    ngx_http_mcp_token_t *token, mcp_arena_t *arena, ngx_str_t *client)
{
    ngx_http_mcp_loc_conf_t  *mlcf;

    mlcf = ngx_http_get_module_loc_conf(call->request, ngx_http_mcp_module);

    if (mlcf->client != NULL) {
        return ngx_http_mcp_identity_value(call, mlcf->client, arena, client);
    }

    ngx_str_null(client);

    if (token != NULL) {
        *client = token->subject;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_mcp_identity_roles(ngx_http_mcp_call_t *call,
    ngx_http_mcp_token_t *token, mcp_arena_t *arena, ngx_str_t *text)
{
    ngx_int_t                 rc;
    mcp_str_t                 s;
    ngx_http_mcp_claim_t      claim;
    ngx_http_mcp_loc_conf_t  *mlcf;

    static ngx_str_t  name = ngx_string("roles");

    mlcf = ngx_http_get_module_loc_conf(call->request, ngx_http_mcp_module);

    if (mlcf->roles != NULL) {
        return ngx_http_mcp_identity_value(call, mlcf->roles, arena, text);
    }

    ngx_str_null(text);

    if (token == NULL) {
        return NGX_OK;
    }

    rc = ngx_http_mcp_auth_claim(call->request, &name, &claim);

    if (rc != NGX_OK || claim.type == MCP_JSON_NULL) {
        return rc == NGX_ERROR ? NGX_ERROR : NGX_OK;
    }

    if (claim.type == MCP_JSON_ARRAY) {
        *text = claim.raw;
        return NGX_OK;
    }

    if (claim.type != MCP_JSON_STRING) {
        ngx_log_error(NGX_LOG_ERR, call->request->connection->log, 0,
                      "the roles of the client are neither a string nor an "
                      "array in the token");
        return NGX_DECLINED;
    }

    if (mcp_json_unescape(claim.tape, claim.node, arena, &s) != MCP_OK) {
        return NGX_ERROR;
    }

    *text = ngx_http_mcp_str(&s);

    return NGX_OK;
}


ngx_int_t
ngx_http_mcp_identity_hash(ngx_http_mcp_call_t *call, u_char *hash)
{
    mcp_str_t  issuer, client;

    issuer = ngx_http_mcp_core_str(&call->issuer);
    client = ngx_http_mcp_core_str(&call->client);

    return mcp_identity_hash(hash, &issuer, &client) == MCP_OK ? NGX_OK
                                                               : NGX_ERROR;
}


/* $mcp_client_roles */

ngx_int_t
ngx_http_mcp_identity_text(ngx_http_mcp_call_t *call, ngx_str_t *text)
{
    mcp_buf_t   b;
    mcp_str_t   roles[MCP_ROLES_MAX];
    ngx_uint_t  i;

    for (i = 0; i < call->nroles; i++) {
        roles[i] = ngx_http_mcp_core_str(&call->roles[i]);
    }

    mcp_buf_init(&b, &call->arena, 128);
    mcp_roles_text(&b, roles, (unsigned) call->nroles);

    text->data = b.data;
    text->len = b.len;

    return b.failed ? NGX_ERROR : NGX_OK;
}
