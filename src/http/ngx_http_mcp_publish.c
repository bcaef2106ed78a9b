
/* The catalog in shared memory: how a new one becomes current. */


#include "ngx_http_mcp.h"


ngx_int_t
ngx_http_mcp_publish(ngx_http_mcp_main_conf_t *mmcf, mcp_source_t *source,
    ngx_uint_t n, ngx_log_t *log, size_t *len)
{
    mcp_buf_t                   b;
    ngx_int_t                   rc;
    ngx_pool_t                 *pool;
    ngx_uint_t                  slot;
    mcp_arena_t                 arena;
    ngx_http_mcp_catalog_sh_t  *sh;

    pool = ngx_create_pool(16384, log);
    if (pool == NULL) {
        return NGX_ERROR;
    }

    ngx_http_mcp_arena_init(&arena, pool);
    mcp_buf_init(&b, &arena, 65536);
    mcp_catalog_encode(&b, source, (unsigned) n);

    *len = b.len;
    sh = mmcf->catalog;

    if (b.failed) {
        rc = NGX_ERROR;
        goto done;
    }

    if (b.len > mmcf->catalog_size) {
        rc = NGX_DECLINED;
        goto done;
    }

    rc = NGX_OK;

    /*
     * The lock is held while the slot is filled, since on a reload an old
     * manager may still be at it.  A process killed here leaves the current
     * slot as it was.
     */

    ngx_shmtx_lock(&mmcf->catalog_shpool->mutex);

    slot = sh->active & 1;

    if (sh->generation == 0 || sh->len[slot] != b.len
        || ngx_memcmp(sh->slot[slot], b.data, b.len) != 0)
    {
        slot = !slot;

        ngx_memcpy(sh->slot[slot], b.data, b.len);
        sh->len[slot] = b.len;

        ngx_memory_barrier();

        sh->active = slot;
        sh->generation++;
    }

    ngx_shmtx_unlock(&mmcf->catalog_shpool->mutex);

done:

    ngx_destroy_pool(pool);

    return rc;
}
