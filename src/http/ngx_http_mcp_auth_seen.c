
/*
 * Tokens that a worker has verified, for all workers and over reloads: their
 * claims, and which key has signed them with what.  Whether that key counts
 * and what a location wants is asked by whoever finds them.
 */


#include "ngx_http_mcp_auth.h"


#define NGX_HTTP_MCP_SEEN_PART     8     /* of the zone */
#define NGX_HTTP_MCP_SEEN_PAYLOAD  4096  /* longer ones are verified anew */
#define NGX_HTTP_MCP_SEEN_PAST     3600  /* s that an expired one may be
                                            asked for, with any leeway */


#define NGX_HTTP_MCP_SEEN_USUAL    512


typedef struct {
    u_char                       key[MCP_JWK_ID];
    ngx_uint_t                   alg;
    int64_t                      expires;    /* s since 1970 */
} ngx_http_mcp_seen_t;                       /* the payload is behind it */


ngx_int_t
ngx_http_mcp_seen_init(ngx_http_mcp_main_conf_t *mmcf, size_t size)
{
    mmcf->sh->auth->seen = ngx_http_mcp_ring_create(mmcf->shpool,
                                  size / NGX_HTTP_MCP_SEEN_PART,
                                  NGX_HTTP_MCP_DIGEST,
                                  NGX_HTTP_MCP_SEEN_USUAL);

    return mmcf->sh->auth->seen ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ngx_http_mcp_seen_find(ngx_http_mcp_main_conf_t *mmcf,
    ngx_http_mcp_entry_t *entry, const u_char *digest, mcp_str_t *payload)
{
    size_t                len;
    ngx_int_t             rc;
    const u_char         *p;
    ngx_http_mcp_seen_t   seen;

    if (mmcf->sh == NULL) {
        return NGX_DECLINED;
    }

    rc = NGX_DECLINED;

    ngx_shmtx_lock(&mmcf->shpool->mutex);

    p = mcp_ring_find(mmcf->sh->auth->seen, digest, &len);

    if (p == NULL) {
        goto done;
    }

    ngx_memcpy(&seen, p, sizeof(ngx_http_mcp_seen_t));

    if (seen.expires + NGX_HTTP_MCP_SEEN_PAST < ngx_time()) {
        goto done;
    }

    payload->len = len - sizeof(ngx_http_mcp_seen_t);
    payload->data = ngx_pnalloc(entry->pool, payload->len);

    if (payload->data == NULL) {
        goto done;
    }

    ngx_memcpy(payload->data, p + sizeof(ngx_http_mcp_seen_t), payload->len);
    ngx_memcpy(entry->key, seen.key, MCP_JWK_ID);
    entry->alg = seen.alg;
    rc = NGX_OK;

done:

    ngx_shmtx_unlock(&mmcf->shpool->mutex);

    return rc;
}


void
ngx_http_mcp_seen_add(ngx_http_mcp_main_conf_t *mmcf,
    ngx_http_mcp_entry_t *entry, const u_char *digest,
    const mcp_str_t *payload)
{
    mcp_str_t            part[2];
    ngx_http_mcp_seen_t  seen;

    if (mmcf->sh == NULL || payload->len > NGX_HTTP_MCP_SEEN_PAYLOAD) {
        return;
    }

    ngx_memzero(&seen, sizeof(ngx_http_mcp_seen_t));
    ngx_memcpy(seen.key, entry->key, MCP_JWK_ID);
    seen.alg = entry->alg;
    seen.expires = entry->token.expires;

    part[0].data = (u_char *) &seen;
    part[0].len = sizeof(ngx_http_mcp_seen_t);
    part[1] = *payload;

    /* one that finds no room is verified anew where it comes again */

    ngx_shmtx_lock(&mmcf->shpool->mutex);

    (void) mcp_ring_put(mmcf->sh->auth->seen, digest, part, 2);

    ngx_shmtx_unlock(&mmcf->shpool->mutex);
}
