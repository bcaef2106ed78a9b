
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


typedef struct {
    ngx_rbtree_node_t            node;       /* key: of the digest */
    ngx_queue_t                  queue;
    u_char                       digest[NGX_HTTP_MCP_DIGEST];
    u_char                       key[MCP_JWK_ID];
    unsigned                     alg;
    time_t                       expires;
    size_t                       len;
    u_char                       payload[1];
} ngx_http_mcp_seen_t;


static void
ngx_http_mcp_seen_insert(ngx_rbtree_node_t *temp, ngx_rbtree_node_t *node,
    ngx_rbtree_node_t *sentinel)
{
    ngx_rbtree_node_t    **p;
    ngx_http_mcp_seen_t   *seen, *at;

    for ( ;; ) {

        if (node->key != temp->key) {
            p = (node->key < temp->key) ? &temp->left : &temp->right;

        } else {
            seen = (ngx_http_mcp_seen_t *) node;
            at = (ngx_http_mcp_seen_t *) temp;

            p = (ngx_memcmp(seen->digest, at->digest, NGX_HTTP_MCP_DIGEST) < 0)
                ? &temp->left : &temp->right;
        }

        if (*p == sentinel) {
            break;
        }

        temp = *p;
    }

    *p = node;
    node->parent = temp;
    node->left = sentinel;
    node->right = sentinel;
    ngx_rbt_red(node);
}


void
ngx_http_mcp_seen_init(ngx_http_mcp_main_conf_t *mmcf)
{
    struct ngx_http_mcp_auth_sh_s  *sh;

    sh = mmcf->sh->auth;

    ngx_rbtree_init(&sh->rbtree, &sh->sentinel, ngx_http_mcp_seen_insert);
    ngx_queue_init(&sh->tokens);
    sh->max = (mmcf->shpool->end - (u_char *) mmcf->shpool)
              / NGX_HTTP_MCP_SEEN_PART;
}


static ngx_rbtree_key_t
ngx_http_mcp_seen_key(const u_char *digest)
{
    ngx_rbtree_key_t  key;

    ngx_memcpy(&key, digest, sizeof(ngx_rbtree_key_t));

    return key;
}


static ngx_http_mcp_seen_t *
ngx_http_mcp_seen_lookup(struct ngx_http_mcp_auth_sh_s *sh,
    const u_char *digest)
{
    ngx_int_t             rc;
    ngx_rbtree_key_t      key;
    ngx_rbtree_node_t    *node, *sentinel;
    ngx_http_mcp_seen_t  *seen;

    key = ngx_http_mcp_seen_key(digest);
    node = sh->rbtree.root;
    sentinel = sh->rbtree.sentinel;

    while (node != sentinel) {

        if (key != node->key) {
            node = (key < node->key) ? node->left : node->right;
            continue;
        }

        seen = (ngx_http_mcp_seen_t *) node;

        rc = ngx_memcmp(digest, seen->digest, NGX_HTTP_MCP_DIGEST);
        if (rc == 0) {
            return seen;
        }

        node = (rc < 0) ? node->left : node->right;
    }

    return NULL;
}


static void
ngx_http_mcp_seen_free(ngx_http_mcp_main_conf_t *mmcf,
    ngx_http_mcp_seen_t *seen)
{
    mmcf->sh->auth->size -= sizeof(ngx_http_mcp_seen_t) + seen->len;

    ngx_queue_remove(&seen->queue);
    ngx_rbtree_delete(&mmcf->sh->auth->rbtree, &seen->node);
    ngx_slab_free_locked(mmcf->shpool, seen);
}


ngx_int_t
ngx_http_mcp_seen_find(ngx_http_mcp_main_conf_t *mmcf,
    ngx_http_mcp_entry_t *entry, const u_char *digest, mcp_str_t *payload)
{
    ngx_http_mcp_seen_t            *seen;
    struct ngx_http_mcp_auth_sh_s  *sh;

    if (mmcf->sh == NULL) {
        return NGX_DECLINED;
    }

    sh = mmcf->sh->auth;

    ngx_shmtx_lock(&mmcf->shpool->mutex);

    seen = ngx_http_mcp_seen_lookup(sh, digest);

    if (seen == NULL) {
        ngx_shmtx_unlock(&mmcf->shpool->mutex);
        return NGX_DECLINED;
    }

    if (seen->expires + NGX_HTTP_MCP_SEEN_PAST < ngx_time()) {
        ngx_http_mcp_seen_free(mmcf, seen);
        ngx_shmtx_unlock(&mmcf->shpool->mutex);
        return NGX_DECLINED;
    }

    ngx_queue_remove(&seen->queue);
    ngx_queue_insert_head(&sh->tokens, &seen->queue);

    ngx_memcpy(entry->key, seen->key, MCP_JWK_ID);
    entry->alg = seen->alg;

    payload->len = seen->len;
    payload->data = ngx_pnalloc(entry->pool, seen->len);

    if (payload->data != NULL) {
        ngx_memcpy(payload->data, seen->payload, seen->len);
    }

    ngx_shmtx_unlock(&mmcf->shpool->mutex);

    return payload->data ? NGX_OK : NGX_DECLINED;
}


void
ngx_http_mcp_seen_add(ngx_http_mcp_main_conf_t *mmcf,
    ngx_http_mcp_entry_t *entry, const u_char *digest,
    const mcp_str_t *payload)
{
    size_t                          size;
    ngx_uint_t                      i;
    ngx_queue_t                    *q;
    ngx_http_mcp_seen_t            *seen;
    struct ngx_http_mcp_auth_sh_s  *sh;

    if (mmcf->sh == NULL || payload->len > NGX_HTTP_MCP_SEEN_PAYLOAD) {
        return;
    }

    sh = mmcf->sh->auth;
    size = sizeof(ngx_http_mcp_seen_t) + payload->len;

    ngx_shmtx_lock(&mmcf->shpool->mutex);

    if (ngx_http_mcp_seen_lookup(sh, digest) != NULL) {
        ngx_shmtx_unlock(&mmcf->shpool->mutex);
        return;
    }

    /* those that were used least recently give way, but not all at once */

    seen = NULL;

    for (i = 0; i < 16; i++) {

        if (sh->size + size <= sh->max) {
            seen = ngx_slab_alloc_locked(mmcf->shpool, size);
        }

        if (seen != NULL || ngx_queue_empty(&sh->tokens)) {
            break;
        }

        q = ngx_queue_last(&sh->tokens);
        ngx_http_mcp_seen_free(mmcf, ngx_queue_data(q, ngx_http_mcp_seen_t,
                                                    queue));
    }

    if (seen != NULL) {
        seen->node.key = ngx_http_mcp_seen_key(digest);
        ngx_memcpy(seen->digest, digest, NGX_HTTP_MCP_DIGEST);
        ngx_memcpy(seen->key, entry->key, MCP_JWK_ID);
        seen->alg = entry->alg;
        seen->expires = entry->token.expires;
        seen->len = payload->len;
        ngx_memcpy(seen->payload, payload->data, payload->len);

        ngx_rbtree_insert(&sh->rbtree, &seen->node);
        ngx_queue_insert_head(&sh->tokens, &seen->queue);
        sh->size += size;
    }

    ngx_shmtx_unlock(&mmcf->shpool->mutex);
}
