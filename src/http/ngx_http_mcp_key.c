
/*
 * mcp_session_key: what session ids and cursors are sealed with.  The first
 * key seals, every one unseals; the random one of the zone comes last, so
 * that a reload that brings the first key ends no session.
 */


#include "ngx_http_mcp.h"


#define NGX_HTTP_MCP_KEYS_MAX  16
#define NGX_HTTP_MCP_KEY_TEXT  64


static ngx_int_t ngx_http_mcp_key_decode(ngx_str_t *text, u_char *key);


/* mcp_session_key env:NAME | file:PATH; */

char *
ngx_http_mcp_session_key(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_mcp_main_conf_t *mmcf = conf;

    char        *rv;
    u_char      *key, *old;
    ngx_int_t    rc;
    ngx_str_t   *value, text;
    ngx_uint_t   i;

    value = cf->args->elts;

    rv = ngx_http_mcp_secret_read(cf, &value[1], &text);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (mmcf->keys == NULL) {
        mmcf->keys = ngx_array_create(cf->pool, 2, MCP_SEAL_KEY);
        if (mmcf->keys == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    if (mmcf->keys->nelts == NGX_HTTP_MCP_KEYS_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "more than %d of \"mcp_session_key\": leave out "
                           "the oldest", NGX_HTTP_MCP_KEYS_MAX);
        return NGX_CONF_ERROR;
    }

    key = ngx_array_push(mmcf->keys);
    if (key == NULL) {
        return NGX_CONF_ERROR;
    }

    rc = ngx_http_mcp_key_decode(&text, key);
    ngx_explicit_memzero(text.data, text.len);

    if (rc != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the key of \"mcp_session_key\" must be %d random "
                           "bytes in base64: make it with \"openssl rand "
                           "-base64 %d\"", MCP_SEAL_KEY, MCP_SEAL_KEY);
        return NGX_CONF_ERROR;
    }

    old = mmcf->keys->elts;

    for (i = 0; i + 1 < mmcf->keys->nelts; i++) {
        if (ngx_memcmp(old + i * MCP_SEAL_KEY, key, MCP_SEAL_KEY) == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "this \"mcp_session_key\" was given before: "
                               "leave one of the two out");
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_mcp_key_decode(ngx_str_t *text, u_char *key)
{
    u_char      data[NGX_HTTP_MCP_KEY_TEXT];
    ngx_int_t   rc;
    ngx_str_t   decoded;
    ngx_uint_t  i;

    if (text->len > NGX_HTTP_MCP_KEY_TEXT) {
        return NGX_DECLINED;
    }

    decoded.data = data;
    rc = ngx_decode_base64(&decoded, text);

    if (rc != NGX_OK) {
        rc = ngx_decode_base64url(&decoded, text);
    }

    if (rc != NGX_OK || decoded.len != MCP_SEAL_KEY) {
        return NGX_DECLINED;
    }

    ngx_memcpy(key, data, MCP_SEAL_KEY);
    ngx_explicit_memzero(data, sizeof(data));

    /* all bytes the same: somebody's placeholder */

    for (i = 1; i < MCP_SEAL_KEY; i++) {
        if (key[i] != key[0]) {
            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}


const u_char *
ngx_http_mcp_key(ngx_http_mcp_main_conf_t *mmcf, ngx_uint_t i)
{
    u_char      *keys;
    ngx_uint_t   n;

    n = mmcf->keys ? mmcf->keys->nelts : 0;

    if (i < n) {
        keys = mmcf->keys->elts;
        return keys + i * MCP_SEAL_KEY;
    }

    return i == n ? mmcf->sh->key : NULL;
}


int
ngx_http_mcp_seal(ngx_http_mcp_main_conf_t *mmcf, const char *label,
    const mcp_str_t *plain, mcp_arena_t *arena, mcp_str_t *out)
{
    return mcp_seal(ngx_http_mcp_key(mmcf, 0), label, plain, arena, out);
}


int
ngx_http_mcp_unseal(ngx_http_mcp_main_conf_t *mmcf, const char *label,
    const mcp_str_t *sealed, mcp_arena_t *arena, mcp_str_t *out)
{
    int            rc;
    ngx_uint_t     i;
    const u_char  *key;

    rc = MCP_ERROR;

    for (i = 0; rc == MCP_ERROR; i++) {

        key = ngx_http_mcp_key(mmcf, i);
        if (key == NULL) {
            break;
        }

        rc = mcp_unseal(key, label, sealed, arena, out);
    }

    return rc;
}
