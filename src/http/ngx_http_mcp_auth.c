
/*
 * The access phase: whether a request comes with a token that the location
 * takes.  satisfy, allow, deny and limit_except are nginx's own.
 */


#include "ngx_http_mcp_auth.h"

#include <openssl/sha.h>


#define NGX_HTTP_MCP_AUTH_WAIT  3000     /* ms for keys to come */
#define NGX_HTTP_MCP_AUTH_STEP  20


static ngx_http_mcp_auth_ctx_t *ngx_http_mcp_auth_ctx(ngx_http_request_t *r);
static ngx_int_t ngx_http_mcp_auth_bearer(ngx_http_request_t *r,
    ngx_str_t *token);
static ngx_int_t ngx_http_mcp_auth_verify(ngx_http_request_t *r,
    ngx_http_mcp_auth_loc_conf_t *alcf, ngx_str_t *text,
    ngx_http_mcp_entry_t **entry, const char **why);
static ngx_uint_t ngx_http_mcp_auth_known(ngx_http_mcp_entry_t *entry);
static ngx_int_t ngx_http_mcp_auth_fresh(ngx_http_mcp_entry_t *entry,
    mcp_jws_t *jws, const char **why);
static ngx_int_t ngx_http_mcp_auth_signature(ngx_http_mcp_entry_t *entry,
    const mcp_jws_t *jws, const char **why);
static ngx_int_t ngx_http_mcp_auth_claims(ngx_http_mcp_entry_t *entry,
    const mcp_jws_t *jws, const char **why);
static ngx_int_t ngx_http_mcp_auth_unknown(ngx_http_mcp_auth_loc_conf_t *alcf,
    const mcp_jws_t *jws, const char **why);
static ngx_int_t ngx_http_mcp_auth_wait(ngx_http_request_t *r,
    ngx_http_mcp_auth_ctx_t *ctx);
static void ngx_http_mcp_auth_wait_handler(ngx_event_t *ev);
static void ngx_http_mcp_auth_cleanup(void *data);


/* until when requests of this worker wait for first keys; 0: none has yet */

static ngx_msec_t  ngx_http_mcp_auth_wait_until;


ngx_int_t
ngx_http_mcp_auth_handler(ngx_http_request_t *r)
{
    ngx_int_t                      rc;
    ngx_str_t                      text;
    const char                    *why;
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

    ctx = ngx_http_mcp_auth_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    why = NULL;
    ctx->entry = ngx_http_mcp_entry_find(alcf, &text);

    if (ctx->entry == NULL) {
        rc = ngx_http_mcp_auth_verify(r, alcf, &text, &ctx->entry, &why);

    } else if (mcp_jwt_alive(&ctx->entry->jwt, ngx_time(), alcf->leeway, &why)
               == MCP_OK)
    {
        return NGX_OK;

    } else {
        ngx_http_mcp_auth_cleanup(ctx);
        rc = NGX_DECLINED;
    }

    switch (rc) {

    case NGX_AGAIN:
        rc = ngx_http_mcp_auth_wait(r, ctx);

        if (rc != NGX_DECLINED) {
            return rc;
        }

        /* fall through */

    case NGX_DECLINED:
        return ngx_http_mcp_auth_refuse(r, NGX_HTTP_UNAUTHORIZED,
                                        "invalid_token", why);

    case NGX_BUSY:
        return ngx_http_mcp_auth_unavailable(r, why);

    case NGX_DONE:
        return ngx_http_mcp_auth_refuse(r, NGX_HTTP_FORBIDDEN,
                                        "insufficient_scope", why);

    default:
        return rc;
    }
}


static ngx_http_mcp_auth_ctx_t *
ngx_http_mcp_auth_ctx(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t       *cln;
    ngx_http_mcp_auth_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_mcp_auth_module);

    if (ctx != NULL) {
        ngx_http_mcp_auth_cleanup(ctx);
        return ctx;
    }

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_mcp_auth_ctx_t));
    if (cln == NULL) {
        return NULL;
    }

    ctx = cln->data;
    ngx_memzero(ctx, sizeof(ngx_http_mcp_auth_ctx_t));

    cln->handler = ngx_http_mcp_auth_cleanup;

    ngx_http_set_ctx(r, ctx, ngx_http_mcp_auth_module);

    return ctx;
}


static void
ngx_http_mcp_auth_cleanup(void *data)
{
    ngx_http_mcp_auth_ctx_t *ctx = data;

    if (ctx->entry) {
        ngx_http_mcp_entry_release(ctx->entry);
        ctx->entry = NULL;
    }

    if (ctx->wait && ctx->wait->timer_set) {
        ngx_del_timer(ctx->wait);
    }
}


ngx_http_mcp_token_t *
ngx_http_mcp_auth_token(ngx_http_request_t *r)
{
    ngx_http_mcp_auth_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r->main, ngx_http_mcp_auth_module);

    return (ctx && ctx->entry) ? &ctx->entry->token : NULL;
}


ngx_uint_t
ngx_http_mcp_auth_alive(ngx_http_request_t *r)
{
    const char               *why;
    ngx_http_mcp_auth_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r->main, ngx_http_mcp_auth_module);

    if (ctx == NULL || ctx->entry == NULL) {
        return 1;
    }

    return ngx_http_mcp_entry_key(ctx->entry)
           && mcp_jwt_alive(&ctx->entry->jwt, ngx_time(),
                            ctx->entry->conf->leeway, &why)
              == MCP_OK;
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
    u_char                     digest[NGX_HTTP_MCP_DIGEST];
    ngx_int_t                  rc;
    mcp_jws_t                  jws;
    ngx_http_mcp_entry_t      *e;
    ngx_http_mcp_main_conf_t  *mmcf;

    if (text->len > MCP_JWT_MAX) {
        *why = "the token is too long";
        return NGX_DECLINED;
    }

    e = ngx_http_mcp_entry_create(alcf, text, r->connection->log);
    if (e == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    mmcf = ngx_http_get_module_main_conf(r, ngx_http_mcp_module);

    SHA256(text->data, text->len, digest);
    ngx_memzero(&jws, sizeof(mcp_jws_t));

    if (ngx_http_mcp_seen_find(mmcf, e, digest, &jws.payload) == NGX_OK
        && ngx_http_mcp_auth_known(e))
    {
        ngx_log_debug0(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                       "mcp token was verified before");

        rc = ngx_http_mcp_auth_claims(e, &jws, why);

    } else {
        rc = ngx_http_mcp_auth_fresh(e, &jws, why);

        if (rc == NGX_OK) {
            ngx_log_debug0(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                           "mcp token is verified");

            rc = ngx_http_mcp_auth_claims(e, &jws, why);

            if (rc == NGX_OK) {
                ngx_http_mcp_seen_add(mmcf, e, digest, &jws.payload);
            }
        }
    }

    if (rc != NGX_OK) {
        ngx_http_mcp_entry_release(e);
        return rc;
    }

    ngx_http_mcp_entry_remember(e);
    *entry = e;

    return NGX_OK;
}


/* Whether the key that has signed it is one of this location, as it is now. */

static ngx_uint_t
ngx_http_mcp_auth_known(ngx_http_mcp_entry_t *entry)
{
    ngx_uint_t                     i;
    const mcp_jwk_t               *key;
    const mcp_jwks_t              *set;
    ngx_http_mcp_key_source_t    **source;
    ngx_http_mcp_auth_loc_conf_t  *alcf;

    alcf = entry->conf;

    if (alcf->keys == NULL || (entry->alg & alcf->algs) == 0) {
        return 0;
    }

    source = alcf->keys->elts;

    for (i = 0; i < alcf->keys->nelts; i++) {

        set = ngx_http_mcp_keys(source[i]);
        key = set ? mcp_jwks_find(set, entry->key) : NULL;

        if (key != NULL && (key->algs & entry->alg)) {
            entry->source = source[i];
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ngx_http_mcp_auth_fresh(ngx_http_mcp_entry_t *entry, mcp_jws_t *jws,
    const char **why)
{
    mcp_str_t  token;

    token = ngx_http_mcp_core_str(&entry->text);

    switch (mcp_jws_parse(jws, &entry->token.arena, &token, why)) {

    case MCP_OK:
        return ngx_http_mcp_auth_signature(entry, jws, why);

    case MCP_ERROR:
        return NGX_DECLINED;

    default:
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
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

    if (!known) {
        return ngx_http_mcp_auth_unknown(alcf, jws, why);
    }

    *why = "the signature of the token is not valid";

    return NGX_DECLINED;
}


/* As the first requests after a cold start wait for a catalog. */

static ngx_int_t
ngx_http_mcp_auth_first(void)
{
    if (ngx_http_mcp_auth_wait_until == 0) {
        ngx_http_mcp_auth_wait_until = ngx_current_msec
                                       + NGX_HTTP_MCP_AUTH_WAIT;
        ngx_http_mcp_auth_wait_until += (ngx_http_mcp_auth_wait_until == 0);
    }

    return ((ngx_msec_int_t) (ngx_http_mcp_auth_wait_until - ngx_current_msec)
            > 0) ? NGX_AGAIN : NGX_BUSY;
}


/*
 * NGX_AGAIN: keys are on their way which may be those that are missing;
 * NGX_BUSY: there are none at all yet.
 */

static ngx_int_t
ngx_http_mcp_auth_unknown(ngx_http_mcp_auth_loc_conf_t *alcf,
    const mcp_jws_t *jws, const char **why)
{
    ngx_int_t                    rc;
    ngx_uint_t                   i;
    ngx_http_mcp_keys_sh_t      *sh;
    ngx_http_mcp_key_source_t  **source;

    rc = NGX_DECLINED;
    source = alcf->keys->elts;

    *why = "no key is known that could have signed the token";

    for (i = 0; i < alcf->keys->nelts; i++) {

        sh = source[i]->sh;
        if (sh == NULL) {
            continue;
        }

        if (sh->generation == 0) {
            *why = "the keys of the identity provider have not come yet; try "
                   "again later";
            return ngx_http_mcp_auth_first();
        }

        if (jws->kid.data == NULL) {
            continue;
        }

        if (ngx_http_mcp_past(sh->again, NGX_HTTP_MCP_KEYS_AGAIN)) {
            sh->wanted = 1;
            rc = NGX_AGAIN;

        } else if (sh->fetching) {
            rc = NGX_AGAIN;
        }
    }

    return rc;
}


/* A fetch is asked for or under way, which is seldom. */

static ngx_int_t
ngx_http_mcp_auth_wait(ngx_http_request_t *r, ngx_http_mcp_auth_ctx_t *ctx)
{
    ngx_event_t  *ev;

    if (ctx->wait == NULL) {

        ev = ngx_pcalloc(r->pool, sizeof(ngx_event_t));
        if (ev == NULL) {
            return NGX_ERROR;
        }

        ev->handler = ngx_http_mcp_auth_wait_handler;
        ev->data = r;
        ev->log = r->connection->log;

        ctx->wait = ev;
        ctx->until = ngx_current_msec + NGX_HTTP_MCP_AUTH_WAIT;
    }

    if ((ngx_msec_int_t) (ctx->until - ngx_current_msec) <= 0) {
        return NGX_DECLINED;
    }

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    if (ngx_handle_read_event(r->connection->read, 0) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_add_timer(ctx->wait, NGX_HTTP_MCP_AUTH_STEP);

    return NGX_AGAIN;
}


static void
ngx_http_mcp_auth_wait_handler(ngx_event_t *ev)
{
    ngx_http_request_t *r = ev->data;

    ngx_connection_t  *c;

    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    r->read_event_handler = ngx_http_block_reading;
    r->write_event_handler = ngx_http_core_run_phases;

    ngx_http_core_run_phases(r);
    ngx_http_run_posted_requests(c);
}


/* NGX_DONE: it lacks a scope */

static ngx_int_t
ngx_http_mcp_auth_required(ngx_http_mcp_auth_loc_conf_t *alcf,
    const mcp_json_tape_t *claims, const char **why)
{
    uint32_t                 node;
    mcp_str_t               *scopes;
    ngx_uint_t               i, scope;
    ngx_http_mcp_require_t  *require;

    scopes = alcf->scopes ? alcf->scopes->elts : NULL;

    for (i = 0; scopes && i < alcf->scopes->nelts; i++) {
        if (!mcp_jwt_scope(claims, &scopes[i])) {
            *why = "the token does not have the scope that is needed here";
            return NGX_DONE;
        }
    }

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
