
/* Where the keys come from that tokens are verified with. */


#include "ngx_http_mcp_auth.h"


static ngx_int_t ngx_http_mcp_keys_load(ngx_conf_t *cf,
    ngx_http_mcp_key_source_t *source);
static ngx_http_mcp_key_source_t *ngx_http_mcp_keys_fetched(ngx_conf_t *cf,
    ngx_http_mcp_key_source_t *source);
static void ngx_http_mcp_keys_renew(ngx_http_mcp_key_source_t *source);
static void ngx_http_mcp_keys_cleanup(void *data);


/* mcp_auth_jwt_key env:NAME | file:PATH | jwks:URL | oidc:ISSUER [...]; */

ngx_http_mcp_key_source_t *
ngx_http_mcp_key_source(ngx_conf_t *cf)
{
    ngx_str_t                  *value;
    ngx_pool_cleanup_t         *cln;
    ngx_http_mcp_key_source_t  *source;

    value = cf->args->elts;

    source = ngx_pcalloc(cf->pool, sizeof(ngx_http_mcp_key_source_t));
    cln = ngx_pool_cleanup_add(cf->pool, 0);

    if (source == NULL || cln == NULL) {
        return NULL;
    }

    source->from = value[1];

    cln->handler = ngx_http_mcp_keys_cleanup;
    cln->data = source;

    if (value[1].len > 5 && ngx_strncmp(value[1].data, "jwks:", 5) == 0) {
        return ngx_http_mcp_keys_fetched(cf, source);
    }

    if (value[1].len > 5 && ngx_strncmp(value[1].data, "oidc:", 5) == 0) {
        source->oidc = 1;
        return ngx_http_mcp_keys_fetched(cf, source);
    }

    if (cf->args->nelts != 2) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\": only keys of \"jwks:\" "
                           "and \"oidc:\" have parameters", &value[2]);
        return NULL;
    }

    if (ngx_strncmp(value[1].data, "env:", 4) != 0
        && ngx_strncmp(value[1].data, "file:", 5) != 0)
    {
        /* it may be the secret itself: it is not repeated */

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "keys cannot stand in the configuration: name "
                           "their place as \"env:NAME\", \"file:PATH\", "
                           "\"jwks:URL\" or \"oidc:ISSUER\"");
        return NULL;
    }

    return ngx_http_mcp_keys_load(cf, source) == NGX_OK ? source : NULL;
}


static ngx_int_t
ngx_http_mcp_keys_load(ngx_conf_t *cf, ngx_http_mcp_key_source_t *source)
{
    ngx_str_t     text;
    mcp_str_t     keys;
    const char   *error;
    mcp_arena_t   arena;

    if (ngx_http_mcp_secret_read(cf, &source->from, &text) != NGX_CONF_OK) {
        return NGX_ERROR;
    }

    ngx_http_mcp_arena_init(&arena, cf->pool);
    keys = ngx_http_mcp_core_str(&text);
    error = "out of memory";

    if (mcp_jwks_load(&source->set, &arena, &keys, &error) != MCP_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "no key can be taken from \"%V\": %s",
                           &source->from, error);
        return NGX_ERROR;
    }

    if (source->set.ignored) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "%ui of %ui keys in \"%V\" cannot be used: %s",
                           (ngx_uint_t) source->set.ignored,
                           (ngx_uint_t) (source->set.ignored
                                         + source->set.nkeys),
                           &source->from, source->set.reason);
    }

    return NGX_OK;
}


/* --- keys of a provider -------------------------------------------------- */


static ngx_int_t
ngx_http_mcp_keys_parameters(ngx_conf_t *cf, ngx_http_mcp_key_source_t *source,
    ngx_str_t *ca)
{
    ngx_int_t    n;
    ngx_str_t   *value, s;
    ngx_uint_t   i;

    value = cf->args->elts;

    for (i = 2; i < cf->args->nelts; i++) {

        if (ngx_strncmp(value[i].data, "refresh=", 8) == 0) {
            s.data = value[i].data + 8;
            s.len = value[i].len - 8;

            n = ngx_parse_time(&s, 0);

            if (n == NGX_ERROR || n == 0) {
                ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                                   "invalid time in \"%V\": write it as "
                                   "\"refresh=1h\"", &value[i]);
                return NGX_ERROR;
            }

            source->refresh = (ngx_msec_t) n;
            continue;
        }

        if (ngx_strncmp(value[i].data, "trusted_certificate=", 20) == 0
            && value[i].len > 20)
        {
            ca->data = value[i].data + 20;
            ca->len = value[i].len - 20;
            continue;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\": \"refresh=\" and "
                           "\"trusted_certificate=\" are known", &value[i]);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* OpenID Connect Discovery 1.0, section 4.1 */

static ngx_int_t
ngx_http_mcp_keys_discovery(ngx_conf_t *cf, ngx_http_mcp_key_source_t *source,
    ngx_str_t *url)
{
    size_t  len;

    static ngx_str_t  path = ngx_string("/.well-known/openid-configuration");

    source->issuer = *url;
    len = url->len;

    if (ngx_strlchr(url->data, url->data + len, '?')) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid issuer \"%V\": it may have no query", url);
        return NGX_ERROR;
    }

    if (url->data[len - 1] == '/') {
        len--;
    }

    url->data = ngx_pnalloc(cf->pool, len + path.len + 1);
    if (url->data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(url->data, source->issuer.data, len);
    ngx_memcpy(url->data + len, path.data, path.len + 1);
    url->len = len + path.len;

    return NGX_OK;
}


/* Those that are named twice are fetched once, as often as either asks for. */

static ngx_http_mcp_key_source_t *
ngx_http_mcp_keys_fetched(ngx_conf_t *cf, ngx_http_mcp_key_source_t *source)
{
    ngx_str_t                    url, ca;
    ngx_uint_t                   i;
    ngx_http_mcp_main_conf_t    *mmcf;
    ngx_http_mcp_key_source_t  **sp;

    mmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_mcp_module);

    source->mmcf = mmcf;
    source->refresh = 60 * 60 * 1000;
    ngx_str_null(&ca);

    if (ngx_http_mcp_keys_parameters(cf, source, &ca) != NGX_OK) {
        return NULL;
    }

    if (mmcf->sources == NULL) {
        mmcf->sources = ngx_array_create(cf->pool, 2,
                                         sizeof(ngx_http_mcp_key_source_t *));
        if (mmcf->sources == NULL) {
            return NULL;
        }
    }

    sp = mmcf->sources->elts;

    for (i = 0; i < mmcf->sources->nelts; i++) {
        if (sp[i]->from.len == source->from.len
            && ngx_memcmp(sp[i]->from.data, source->from.data,
                          source->from.len)
               == 0)
        {
            sp[i]->refresh = ngx_min(sp[i]->refresh, source->refresh);
            return sp[i];
        }
    }

    url.data = source->from.data + 5;
    url.len = source->from.len - 5;

    if (source->oidc
        && ngx_http_mcp_keys_discovery(cf, source, &url) != NGX_OK)
    {
        return NULL;
    }

    source->backend = ngx_http_mcp_backend_plain(cf, &url, &ca);
    if (source->backend == NULL) {
        return NULL;
    }

    sp = ngx_array_push(mmcf->sources);
    if (sp == NULL) {
        return NULL;
    }

    *sp = source;

    return source;
}


char *
ngx_http_mcp_auth_init_sources(ngx_conf_t *cf, ngx_http_mcp_main_conf_t *mmcf)
{
    ngx_uint_t                   i;
    ngx_http_mcp_key_source_t  **source;

    if (mmcf->sources == NULL) {
        return NGX_CONF_OK;
    }

    source = mmcf->sources->elts;

    for (i = 0; i < mmcf->sources->nelts; i++) {
        if (ngx_http_mcp_backend_plain_init(cf, source[i]->backend)
            != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


/* --- in workers ---------------------------------------------------------- */


/* Whoever can read a secret that is fetched without one can sign with it. */

ngx_int_t
ngx_http_mcp_keys_read(mcp_jwks_t *set, ngx_pool_t *pool, ngx_str_t *text,
    const char **error)
{
    mcp_str_t    s;
    mcp_arena_t  arena;

    ngx_http_mcp_arena_init(&arena, pool);
    s = ngx_http_mcp_core_str(text);

    switch (mcp_jwks_parse(set, &arena, &s, error)) {

    case MCP_OK:
        break;

    case MCP_ERROR:
        return NGX_DECLINED;

    default:
        *error = "out of memory";
        return NGX_ERROR;
    }

    if (set->key[0].pkey == NULL) {
        *error = "there are secrets in it";
        mcp_jwks_free(set);
        return NGX_DECLINED;
    }

    return NGX_OK;
}


const mcp_jwks_t *
ngx_http_mcp_keys(ngx_http_mcp_key_source_t *source)
{
    if (source->backend == NULL) {
        return &source->set;
    }

    if (source->sh == NULL) {
        return NULL;
    }

    if (source->generation != source->sh->generation) {
        ngx_http_mcp_keys_renew(source);
    }

    return source->set.nkeys ? &source->set : NULL;
}


static void
ngx_http_mcp_keys_renew(ngx_http_mcp_key_source_t *source)
{
    ngx_str_t    text;
    ngx_uint_t   generation;
    mcp_jwks_t   set;
    ngx_pool_t  *pool;
    const char  *error;

    pool = ngx_create_pool(4096, ngx_cycle->log);
    if (pool == NULL) {
        return;
    }

    /* the manager has read it, too: only memory can be short */

    if (ngx_http_mcp_keys_text(source, pool, &text, &generation) != NGX_OK
        || ngx_http_mcp_keys_read(&set, pool, &text, &error) != NGX_OK)
    {
        ngx_destroy_pool(pool);
        return;
    }

    mcp_jwks_free(&source->set);

    if (source->pool) {
        ngx_destroy_pool(source->pool);
    }

    source->pool = pool;
    source->set = set;
    source->generation = generation;
}


static void
ngx_http_mcp_keys_cleanup(void *data)
{
    ngx_http_mcp_key_source_t *source = data;

    mcp_jwks_free(&source->set);

    if (source->pool) {
        ngx_destroy_pool(source->pool);
    }
}
