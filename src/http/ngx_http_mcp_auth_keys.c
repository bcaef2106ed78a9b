
/* Where the keys come from that tokens are verified with. */


#include "ngx_http_mcp_auth.h"


static void
ngx_http_mcp_keys_cleanup(void *data)
{
    ngx_http_mcp_key_source_t *source = data;

    mcp_jwks_free(&source->set);
}


ngx_http_mcp_key_source_t *
ngx_http_mcp_key_source(ngx_conf_t *cf)
{
    ngx_str_t                  *value, text;
    mcp_str_t                   keys;
    const char                 *error;
    mcp_arena_t                 arena;
    ngx_pool_cleanup_t         *cln;
    ngx_http_mcp_key_source_t  *source;

    value = cf->args->elts;

    if (cf->args->nelts != 2) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\" of \"%V\"", &value[2],
                           &value[0]);
        return NULL;
    }

    if (ngx_http_mcp_secret_read(cf, &value[1], &text) != NGX_CONF_OK) {
        return NULL;
    }

    source = ngx_pcalloc(cf->pool, sizeof(ngx_http_mcp_key_source_t));
    cln = ngx_pool_cleanup_add(cf->pool, 0);

    if (source == NULL || cln == NULL) {
        return NULL;
    }

    source->from = value[1];
    ngx_http_mcp_arena_init(&arena, cf->pool);
    keys = ngx_http_mcp_core_str(&text);
    error = "out of memory";

    if (mcp_jwks_load(&source->set, &arena, &keys, &error) != MCP_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "no key can be taken from \"%V\": %s", &value[1],
                           error);
        return NULL;
    }

    cln->handler = ngx_http_mcp_keys_cleanup;
    cln->data = source;

    if (source->set.ignored) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "%ui of %ui keys in \"%V\" cannot be used: %s",
                           (ngx_uint_t) source->set.ignored,
                           (ngx_uint_t) (source->set.ignored
                                         + source->set.nkeys),
                           &value[1], source->set.reason);
    }

    return source;
}


const mcp_jwks_t *
ngx_http_mcp_keys(ngx_http_mcp_key_source_t *source)
{
    return &source->set;
}
