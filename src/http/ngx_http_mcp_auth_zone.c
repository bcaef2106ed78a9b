
/* Keys that were fetched, in shared memory. */


#include "ngx_http_mcp_auth.h"


static ngx_http_mcp_keys_sh_t *ngx_http_mcp_keys_find(
    ngx_http_mcp_main_conf_t *mmcf, ngx_str_t *identity);


ngx_int_t
ngx_http_mcp_auth_create_zone(ngx_http_mcp_main_conf_t *mmcf, size_t size)
{
    struct ngx_http_mcp_auth_sh_s  *sh;

    sh = ngx_slab_calloc(mmcf->shpool, sizeof(struct ngx_http_mcp_auth_sh_s));
    if (sh == NULL) {
        return NGX_ERROR;
    }

    sh->magic = sizeof(struct ngx_http_mcp_auth_sh_s);
    ngx_queue_init(&sh->keys);

    mmcf->sh->auth = sh;

    return ngx_http_mcp_seen_init(mmcf, size);
}


ngx_int_t
ngx_http_mcp_auth_init_zone(ngx_http_mcp_main_conf_t *mmcf, ngx_log_t *log)
{
    ngx_uint_t                   i;
    ngx_http_mcp_keys_sh_t      *keys;
    ngx_http_mcp_key_source_t  **source;

    if (mmcf->sh->auth->magic != sizeof(struct ngx_http_mcp_auth_sh_s)) {
        ngx_log_error(NGX_LOG_EMERG, log, 0,
                      "the shared memory of \"mcp_zone\" is of another "
                      "version of the module: restart nginx");
        return NGX_ERROR;
    }

    if (mmcf->sources == NULL) {
        return NGX_OK;
    }

    source = mmcf->sources->elts;

    for (i = 0; i < mmcf->sources->nelts; i++) {

        ngx_shmtx_lock(&mmcf->shpool->mutex);

        keys = ngx_http_mcp_keys_find(mmcf, &source[i]->from);

        if (keys == NULL) {
            keys = ngx_slab_calloc_locked(mmcf->shpool,
                                          sizeof(ngx_http_mcp_keys_sh_t)
                                          + source[i]->from.len);
            if (keys == NULL) {
                ngx_shmtx_unlock(&mmcf->shpool->mutex);

                ngx_log_error(NGX_LOG_EMERG, log, 0,
                              "\"mcp_zone\" is too small for the keys of "
                              "\"%V\", make it larger", &source[i]->from);
                return NGX_ERROR;
            }

            keys->identity_len = source[i]->from.len;
            ngx_memcpy(keys->identity, source[i]->from.data,
                       source[i]->from.len);
            ngx_queue_insert_tail(&mmcf->sh->auth->keys, &keys->queue);
        }

        ngx_shmtx_unlock(&mmcf->shpool->mutex);

        source[i]->sh = keys;
    }

    return NGX_OK;
}


static ngx_http_mcp_keys_sh_t *
ngx_http_mcp_keys_find(ngx_http_mcp_main_conf_t *mmcf, ngx_str_t *identity)
{
    ngx_queue_t             *q, *head;
    ngx_http_mcp_keys_sh_t  *keys;

    head = &mmcf->sh->auth->keys;

    for (q = ngx_queue_head(head);
         q != ngx_queue_sentinel(head);
         q = ngx_queue_next(q))
    {
        keys = ngx_queue_data(q, ngx_http_mcp_keys_sh_t, queue);

        if (keys->identity_len == identity->len
            && ngx_memcmp(keys->identity, identity->data, identity->len) == 0)
        {
            return keys;
        }
    }

    return NULL;
}


ngx_int_t
ngx_http_mcp_keys_text(ngx_http_mcp_key_source_t *source, ngx_pool_t *pool,
    ngx_str_t *text, ngx_uint_t *generation)
{
    ngx_http_mcp_keys_sh_t  *sh;

    sh = source->sh;

    ngx_shmtx_lock(&source->mmcf->shpool->mutex);

    *generation = sh->generation;
    text->len = sh->len;
    text->data = ngx_pnalloc(pool, sh->len);

    if (text->data != NULL && sh->len != 0) {
        ngx_memcpy(text->data, sh->text, sh->len);
    }

    ngx_shmtx_unlock(&source->mmcf->shpool->mutex);

    return text->data ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ngx_http_mcp_keys_publish(ngx_http_mcp_key_source_t *source, ngx_str_t *text)
{
    u_char                  *p;
    ngx_slab_pool_t         *shpool;
    ngx_http_mcp_keys_sh_t  *sh;

    sh = source->sh;
    shpool = source->mmcf->shpool;

    ngx_shmtx_lock(&shpool->mutex);

    if (sh->len == text->len
        && ngx_memcmp(sh->text, text->data, text->len) == 0)
    {
        ngx_shmtx_unlock(&shpool->mutex);
        return NGX_DECLINED;
    }

    p = ngx_slab_alloc_locked(shpool, text->len);

    if (p == NULL) {
        ngx_shmtx_unlock(&shpool->mutex);
        return NGX_ERROR;
    }

    ngx_memcpy(p, text->data, text->len);

    if (sh->text != NULL) {
        ngx_slab_free_locked(shpool, sh->text);
    }

    sh->text = p;
    sh->len = text->len;
    sh->generation++;

    ngx_shmtx_unlock(&shpool->mutex);

    return NGX_OK;
}
