
/*
 * The access phase: whether a request comes with a token that the location
 * takes.  satisfy, allow, deny and limit_except are nginx's own.
 */


#include "ngx_http_mcp_auth.h"


static ngx_int_t ngx_http_mcp_auth_bearer(ngx_http_request_t *r,
    ngx_str_t *token);
static ngx_int_t ngx_http_mcp_auth_verify(ngx_http_request_t *r,
    ngx_http_mcp_auth_loc_conf_t *alcf, ngx_str_t *text,
    ngx_http_mcp_entry_t **entry, const char **why);
static ngx_int_t ngx_http_mcp_auth_signature(ngx_http_mcp_entry_t *entry,
    const mcp_jws_t *jws, const char **why);
static ngx_int_t ngx_http_mcp_auth_claims(ngx_http_mcp_entry_t *entry,
    const mcp_jws_t *jws, const char **why);
static void ngx_http_mcp_auth_cleanup(void *data);


ngx_int_t
ngx_http_mcp_auth_handler(ngx_http_request_t *r)
{
    ngx_int_t                      rc;
    ngx_str_t                      text;
    const char                    *why;
    ngx_pool_cleanup_t            *cln;
    ngx_http_mcp_entry_t          *entry;
    ngx_http_mcp_auth_ctx_t       *ctx;
    ngx_http_mcp_auth_loc_conf_t  *alcf;

    alcf = ngx_http_get_module_loc_conf(r, ngx_http_mcp_auth_module);

    if (alcf->realm == NULL) {
        return NGX_DECLINED;
    }

    if (ngx_http_mcp_auth_bearer(r, &text) != NGX_OK) {
        return ngx_http_mcp_auth_refuse(r, NGX_HTTP_UNAUTHORIZED, NULL,
                                        "this server wants an access token: "
                                        "send it as \"Authorization: Bearer "
                                        "...\"");
    }

    entry = ngx_http_mcp_entry_find(alcf, &text);

    if (entry == NULL) {
        why = NULL;

        rc = ngx_http_mcp_auth_verify(r, alcf, &text, &entry, &why);

        if (rc == NGX_DECLINED) {
            return ngx_http_mcp_auth_refuse(r, NGX_HTTP_UNAUTHORIZED,
                                            "invalid_token", why);
        }

        if (rc == NGX_DONE) {
            return ngx_http_mcp_auth_refuse(r, NGX_HTTP_FORBIDDEN,
                                            "insufficient_scope", why);
        }

        if (rc != NGX_OK) {
            return rc;
        }

    } else if (mcp_jwt_alive(&entry->jwt, ngx_time(), alcf->leeway, &why)
               != MCP_OK)
    {
        ngx_http_mcp_entry_release(entry);
        return ngx_http_mcp_auth_refuse(r, NGX_HTTP_UNAUTHORIZED,
                                        "invalid_token", why);
    }

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_mcp_auth_ctx_t));

    if (cln == NULL) {
        ngx_http_mcp_entry_release(entry);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx = cln->data;
    ctx->entry = entry;

    cln->handler = ngx_http_mcp_auth_cleanup;

    ngx_http_set_ctx(r, ctx, ngx_http_mcp_auth_module);

    return NGX_OK;
}


static void
ngx_http_mcp_auth_cleanup(void *data)
{
    ngx_http_mcp_auth_ctx_t *ctx = data;

    if (ctx->entry) {
        ngx_http_mcp_entry_release(ctx->entry);
        ctx->entry = NULL;
    }
}


ngx_http_mcp_token_t *
ngx_http_mcp_auth_token(ngx_http_request_t *r)
{
    ngx_http_mcp_auth_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r->main, ngx_http_mcp_auth_module);

    return (ctx && ctx->entry) ? &ctx->entry->token : NULL;
}


/*
 * RFC 6750, section 2.1; a token in the query or the body is none.  nginx has
 * refused a second Authorization header.
 */

static ngx_int_t
ngx_http_mcp_auth_bearer(ngx_http_request_t *r, ngx_str_t *token)
{
    u_char     *p, *last;
    ngx_str_t  *value;

    static const size_t  scheme = sizeof("Bearer") - 1;

    if (r->headers_in.authorization == NULL) {
        return NGX_DECLINED;
    }

    value = &r->headers_in.authorization->value;

    if (value->len <= scheme
        || ngx_strncasecmp(value->data, (u_char *) "Bearer", scheme) != 0
        || value->data[scheme] != ' ')
    {
        return NGX_DECLINED;
    }

    p = value->data + scheme;
    last = value->data + value->len;

    while (p < last && *p == ' ') {
        p++;
    }

    token->data = p;
    token->len = last - p;

    return NGX_OK;
}


/*
 * A token that this worker has not seen here.  NGX_OK with an entry that is
 * remembered, NGX_DECLINED (401), NGX_DONE (403), or an error.
 */

static ngx_int_t
ngx_http_mcp_auth_verify(ngx_http_request_t *r,
    ngx_http_mcp_auth_loc_conf_t *alcf, ngx_str_t *text,
    ngx_http_mcp_entry_t **entry, const char **why)
{
    int                    mrc;
    ngx_int_t              rc;
    mcp_str_t              token;
    mcp_jws_t              jws;
    ngx_http_mcp_entry_t  *e;

    if (text->len > MCP_JWT_MAX) {
        *why = "the token is too long";
        return NGX_DECLINED;
    }

    e = ngx_http_mcp_entry_create(alcf, text, r->connection->log);
    if (e == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    token = ngx_http_mcp_core_str(&e->text);

    mrc = mcp_jws_parse(&jws, &e->token.arena, &token, why);

    if (mrc == MCP_OK) {
        rc = ngx_http_mcp_auth_signature(e, &jws, why);

    } else {
        rc = (mrc == MCP_ERROR) ? NGX_DECLINED
                                : NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (rc == NGX_OK) {
        rc = ngx_http_mcp_auth_claims(e, &jws, why);
    }

    if (rc != NGX_OK) {
        ngx_http_mcp_entry_release(e);
        return rc;
    }

    ngx_http_mcp_entry_remember(e);
    *entry = e;

    return NGX_OK;
}


static ngx_int_t
ngx_http_mcp_auth_signature(ngx_http_mcp_entry_t *entry, const mcp_jws_t *jws,
    const char **why)
{
    ngx_uint_t                     i, known;
    const mcp_jwk_t               *key;
    const mcp_jwks_t              *set;
    ngx_http_mcp_key_source_t    **source;
    ngx_http_mcp_auth_loc_conf_t  *alcf;

    alcf = entry->conf;

    if (alcf->keys == NULL) {
        *why = "there is no key to verify the token with";
        return NGX_DECLINED;
    }

    if ((jws->alg & alcf->algs) == 0) {
        *why = "the algorithm of the token is not taken here";
        return NGX_DECLINED;
    }

    known = 0;
    source = alcf->keys->elts;

    for (i = 0; i < alcf->keys->nelts; i++) {

        set = ngx_http_mcp_keys(source[i]);
        if (set == NULL) {
            continue;
        }

        switch (mcp_jws_verify(jws, set, alcf->algs, &key)) {

        case MCP_OK:
            entry->source = source[i];
            entry->alg = jws->alg;
            ngx_memcpy(entry->key, key->id, MCP_JWK_ID);
            return NGX_OK;

        case MCP_ERROR:
            known = 1;
            break;

        default:
            break;
        }
    }

    *why = known ? "the signature of the token is not valid"
                 : "no key is known that could have signed the token";

    return NGX_DECLINED;
}


/* NGX_DONE: it lacks a scope */

static ngx_int_t
ngx_http_mcp_auth_required(ngx_http_mcp_auth_loc_conf_t *alcf,
    const mcp_json_tape_t *claims, const char **why)
{
    uint32_t                 node;
    ngx_uint_t               i, scope;
    ngx_http_mcp_require_t  *require;

    if (alcf->require == NULL) {
        return NGX_OK;
    }

    require = alcf->require->elts;

    for (i = 0; i < alcf->require->nelts; i++) {

        scope = mcp_str_is(&require[i].name, "scope");

        if (scope) {
            if (mcp_jwt_scope(claims, &require[i].value)) {
                continue;
            }

            *why = "the token does not have the scope that is needed here";
            return NGX_DONE;
        }

        node = mcp_jwt_claim(claims, &require[i].name);

        if (node == 0 || !mcp_jwt_has(claims, node, &require[i].value)) {
            *why = "the token lacks a claim that is needed here";
            return NGX_DECLINED;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_mcp_auth_claims(ngx_http_mcp_entry_t *entry, const mcp_jws_t *jws,
    const char **why)
{
    int                            rc;
    mcp_jwt_rules_t                rules;
    ngx_http_mcp_auth_loc_conf_t  *alcf;

    alcf = entry->conf;

    ngx_memzero(&rules, sizeof(mcp_jwt_rules_t));
    rules.now = ngx_time();
    rules.leeway = alcf->leeway;

    if (alcf->audience) {
        rules.audience = alcf->audience->elts;
        rules.naudience = alcf->audience->nelts;
    }

    rc = mcp_jwt_read(&entry->jwt, &entry->token.arena, jws, why);

    if (rc == MCP_OK) {
        rules.issuer = ngx_http_mcp_core_str(&alcf->issuer);
        rc = mcp_jwt_check(&entry->jwt, &rules, why);
    }

    /* a provider's keys speak for that provider only (RFC 8725, 3.8) */

    if (rc == MCP_OK && entry->source->issuer.len != 0) {
        rules.issuer = ngx_http_mcp_core_str(&entry->source->issuer);
        rc = mcp_jwt_check(&entry->jwt, &rules, why);
    }

    if (rc != MCP_OK) {
        return (rc == MCP_ERROR) ? NGX_DECLINED
                                 : NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    entry->token.claims = entry->jwt.claims;
    entry->token.issuer = ngx_http_mcp_str(&entry->jwt.issuer);
    entry->token.subject = ngx_http_mcp_str(&entry->jwt.subject);
    entry->token.expires = (time_t) entry->jwt.expires;

    return ngx_http_mcp_auth_required(alcf, &entry->jwt.claims, why);
}
