
/*
 * Shared memory: a slab zone for what changes with calls (backends' state,
 * ended sessions, the sealing key), and a zone of two slots for the catalog.
 * Both keep what they hold across reloads; on a reload this runs in the master
 * while old workers still use them.
 */


#include "ngx_http_mcp.h"

#include <openssl/rand.h>


/* a field more or less is another layout */

#define NGX_HTTP_MCP_MAGIC                                                    \
    (0x4d430000 + sizeof(ngx_http_mcp_shctx_t) * 4096                         \
     + sizeof(ngx_http_mcp_peer_t))
#define NGX_HTTP_MCP_CATALOG_MAGIC  0x4d434301

#define NGX_HTTP_MCP_LIMITS_PART    8    /* of the zone is for mcp_limit */
#define NGX_HTTP_MCP_ENDED_PART     4    /* ... for sessions that have ended */


static ngx_int_t ngx_http_mcp_init_zone(ngx_shm_zone_t *zone, void *data);
static ngx_int_t ngx_http_mcp_init_catalog(ngx_shm_zone_t *zone, void *data);
static ngx_int_t ngx_http_mcp_init_limits(ngx_slab_pool_t *shpool,
    ngx_http_mcp_shctx_t *sh, size_t size);
static ngx_int_t ngx_http_mcp_init_peers(ngx_http_mcp_main_conf_t *mmcf,
    ngx_log_t *log);
static ngx_http_mcp_peer_t *ngx_http_mcp_find_peer(
    ngx_http_mcp_main_conf_t *mmcf, ngx_str_t *identity);


char *
ngx_http_mcp_zone_add(ngx_conf_t *cf, ngx_http_mcp_main_conf_t *mmcf)
{
    size_t           size;
    ngx_shm_zone_t  *zone;

    static ngx_str_t  name = ngx_string("mcp");
    static ngx_str_t  catalog = ngx_string("mcp_catalog");

    zone = ngx_shared_memory_add(cf, &name, mmcf->zone_size,
                                 &ngx_http_mcp_module);
    if (zone == NULL) {
        return NGX_CONF_ERROR;
    }

    zone->init = ngx_http_mcp_init_zone;
    zone->data = mmcf;
    mmcf->zone = zone;

    /* two slots, and what the slab allocator needs for itself */

    size = mmcf->catalog_size * 2;
    size += size / 32 + 16 * ngx_pagesize;

    zone = ngx_shared_memory_add(cf, &catalog, size, &ngx_http_mcp_module);
    if (zone == NULL) {
        return NGX_CONF_ERROR;
    }

    zone->init = ngx_http_mcp_init_catalog;
    zone->data = mmcf;
    mmcf->catalog_zone = zone;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_mcp_init_zone(ngx_shm_zone_t *zone, void *data)
{
    ngx_http_mcp_main_conf_t  *omcf = data;

    ngx_slab_pool_t           *shpool;
    ngx_http_mcp_shctx_t      *sh;
    ngx_http_mcp_main_conf_t  *mmcf;

    mmcf = zone->data;
    shpool = (ngx_slab_pool_t *) zone->shm.addr;
    mmcf->shpool = shpool;

    /* nginx has made all folders now, and may still refuse the configuration */

    if (ngx_http_mcp_audit_check(mmcf, zone->shm.log) != NGX_OK) {
        return NGX_ERROR;
    }

    if (omcf || zone->shm.exists) {

        sh = omcf ? omcf->sh : shpool->data;

        if (sh->magic != NGX_HTTP_MCP_MAGIC) {
            ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                          "the shared memory of \"mcp_zone\" is of another "
                          "version of the module: restart nginx");
            return NGX_ERROR;
        }

        mmcf->sh = sh;

        if (ngx_http_mcp_init_peers(mmcf, zone->shm.log) != NGX_OK) {
            return NGX_ERROR;
        }

        return ngx_http_mcp_auth_init_zone(mmcf, zone->shm.log);
    }

    sh = ngx_slab_calloc(shpool, sizeof(ngx_http_mcp_shctx_t));
    if (sh == NULL) {
        goto too_small;
    }

    shpool->data = sh;
    shpool->log_nomem = 0;
    mmcf->sh = sh;

    sh->magic = NGX_HTTP_MCP_MAGIC;
    sh->next_id = 1;

    ngx_queue_init(&sh->peers);
    ngx_queue_init(&sh->switches);
    sh->switched = 1;
    sh->saved = 1;

    sh->ended = ngx_http_mcp_ring_create(shpool,
                                  zone->shm.size / NGX_HTTP_MCP_ENDED_PART,
                                  MCP_SESSION_UID, 0);

    if (sh->ended == NULL
        || ngx_http_mcp_init_limits(shpool, sh, zone->shm.size) != NGX_OK
        || ngx_http_mcp_auth_create_zone(mmcf, zone->shm.size) != NGX_OK)
    {
        goto too_small;
    }

    if (RAND_bytes(sh->key, MCP_SEAL_KEY) != 1
        || RAND_bytes((u_char *) sh->limit_key, sizeof(sh->limit_key)) != 1)
    {
        ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0, "RAND_bytes() failed");
        return NGX_ERROR;
    }

    shpool->log_ctx = ngx_slab_alloc(shpool, sizeof(" in mcp_zone"));
    if (shpool->log_ctx == NULL) {
        goto too_small;
    }

    ngx_memcpy(shpool->log_ctx, " in mcp_zone", sizeof(" in mcp_zone"));

    ngx_http_mcp_state_load(mmcf, zone->shm.log);

    if (ngx_http_mcp_init_peers(mmcf, zone->shm.log) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_mcp_auth_init_zone(mmcf, zone->shm.log);

too_small:

    ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                  "\"mcp_zone\" is too small, make it larger");
    return NGX_ERROR;
}


mcp_ring_t *
ngx_http_mcp_ring_create(ngx_slab_pool_t *shpool, size_t size, size_t key_len,
    size_t len)
{
    mcp_ring_t  *ring;

    ring = ngx_slab_calloc(shpool, size);

    if (ring == NULL || mcp_ring_init(ring, size, key_len, len) != MCP_OK) {
        return NULL;
    }

    return ring;
}


/* Whatever floods it, the rest of the zone is not its. */

static ngx_int_t
ngx_http_mcp_init_limits(ngx_slab_pool_t *shpool, ngx_http_mcp_shctx_t *sh,
    size_t size)
{
    size = mcp_limit_table_size(size / NGX_HTTP_MCP_LIMITS_PART);

    if (size == 0) {
        return NGX_ERROR;
    }

    sh->limits = ngx_slab_calloc(shpool, size);
    if (sh->limits == NULL) {
        return NGX_ERROR;
    }

    mcp_limit_table_init(sh->limits, size);

    return NGX_OK;
}


static ngx_int_t
ngx_http_mcp_init_catalog(ngx_shm_zone_t *zone, void *data)
{
    ngx_http_mcp_main_conf_t  *omcf = data;

    ngx_slab_pool_t            *shpool;
    ngx_http_mcp_main_conf_t   *mmcf;
    ngx_http_mcp_catalog_sh_t  *sh;

    mmcf = zone->data;
    shpool = (ngx_slab_pool_t *) zone->shm.addr;
    mmcf->catalog_shpool = shpool;

    if (omcf || zone->shm.exists) {

        sh = omcf ? omcf->catalog : shpool->data;

        if (sh->magic != NGX_HTTP_MCP_CATALOG_MAGIC) {
            ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                          "the shared memory of \"mcp_catalog_size\" is of "
                          "another version of the module: restart nginx");
            return NGX_ERROR;
        }

        mmcf->catalog = sh;
        return NGX_OK;
    }

    sh = ngx_slab_calloc(shpool, sizeof(ngx_http_mcp_catalog_sh_t));
    if (sh == NULL) {
        goto failed;
    }

    shpool->data = sh;
    shpool->log_nomem = 0;
    mmcf->catalog = sh;

    sh->magic = NGX_HTTP_MCP_CATALOG_MAGIC;
    sh->slot[0] = ngx_slab_alloc(shpool, mmcf->catalog_size);
    sh->slot[1] = ngx_slab_alloc(shpool, mmcf->catalog_size);

    if (sh->slot[0] && sh->slot[1]) {
        return NGX_OK;
    }

failed:

    ngx_log_error(NGX_LOG_EMERG, zone->shm.log, 0,
                  "could not set up shared memory for \"mcp_catalog_size\"");
    return NGX_ERROR;
}


static ngx_int_t
ngx_http_mcp_init_peers(ngx_http_mcp_main_conf_t *mmcf, ngx_log_t *log)
{
    ngx_uint_t                i;
    ngx_http_mcp_peer_t      *peer;
    ngx_http_mcp_backend_t  **be;

    be = mmcf->backends.elts;

    for (i = 0; i < mmcf->backends.nelts; i++) {

        ngx_shmtx_lock(&mmcf->shpool->mutex);

        peer = ngx_http_mcp_find_peer(mmcf, &be[i]->identity);

        if (peer == NULL) {
            peer = ngx_slab_calloc_locked(mmcf->shpool,
                                          sizeof(ngx_http_mcp_peer_t)
                                          + be[i]->identity.len);
            if (peer == NULL) {
                ngx_shmtx_unlock(&mmcf->shpool->mutex);

                ngx_log_error(NGX_LOG_EMERG, log, 0,
                              "\"mcp_zone\" is too small for the state of "
                              "backend \"%V\", make it larger", &be[i]->name);
                return NGX_ERROR;
            }

            peer->identity_len = be[i]->identity.len;
            ngx_memcpy(peer->identity, be[i]->identity.data,
                       be[i]->identity.len);
            ngx_queue_insert_tail(&mmcf->sh->peers, &peer->queue);
        }

        ngx_shmtx_unlock(&mmcf->shpool->mutex);

        be[i]->peer = peer;
    }

    return NGX_OK;
}


static ngx_http_mcp_peer_t *
ngx_http_mcp_find_peer(ngx_http_mcp_main_conf_t *mmcf, ngx_str_t *identity)
{
    ngx_queue_t          *q;
    ngx_http_mcp_peer_t  *peer;

    for (q = ngx_queue_head(&mmcf->sh->peers);
         q != ngx_queue_sentinel(&mmcf->sh->peers);
         q = ngx_queue_next(q))
    {
        peer = ngx_queue_data(q, ngx_http_mcp_peer_t, queue);

        if (peer->identity_len == identity->len
            && ngx_memcmp(peer->identity, identity->data, identity->len) == 0)
        {
            return peer;
        }
    }

    return NULL;
}


ngx_int_t
ngx_http_mcp_peer_session(ngx_http_mcp_main_conf_t *mmcf,
    ngx_http_mcp_peer_t *peer, ngx_pool_t *pool, ngx_str_t *id,
    ngx_str_t *version)
{
    u_char  *p;

    p = ngx_pnalloc(pool, NGX_HTTP_MCP_SESSION_ID_MAX
                          + NGX_HTTP_MCP_VERSION_MAX);
    if (p == NULL) {
        return NGX_ERROR;
    }

    id->data = p;
    version->data = p + NGX_HTTP_MCP_SESSION_ID_MAX;

    ngx_shmtx_lock(&mmcf->shpool->mutex);

    id->len = peer->session_len;
    ngx_memcpy(id->data, peer->session_id, peer->session_len);

    version->len = peer->version_len;
    ngx_memcpy(version->data, peer->version, peer->version_len);

    ngx_shmtx_unlock(&mmcf->shpool->mutex);

    return NGX_OK;
}


ngx_int_t
ngx_http_mcp_peer_set_session(ngx_http_mcp_main_conf_t *mmcf,
    ngx_http_mcp_peer_t *peer, ngx_str_t *id, ngx_str_t *version)
{
    if (id->len > NGX_HTTP_MCP_SESSION_ID_MAX
        || version->len > NGX_HTTP_MCP_VERSION_MAX)
    {
        return NGX_ERROR;
    }

    ngx_shmtx_lock(&mmcf->shpool->mutex);

    peer->session_len = id->len;
    ngx_memcpy(peer->session_id, id->data, id->len);

    peer->version_len = version->len;
    ngx_memcpy(peer->version, version->data, version->len);

    peer->session++;

    ngx_shmtx_unlock(&mmcf->shpool->mutex);

    return NGX_OK;
}


void
ngx_http_mcp_peer_error(ngx_http_mcp_main_conf_t *mmcf,
    ngx_http_mcp_peer_t *peer, const char *text)
{
    size_t  len;

    len = ngx_min(ngx_strlen(text), NGX_HTTP_MCP_ERROR_LEN);

    ngx_shmtx_lock(&mmcf->shpool->mutex);

    ngx_memcpy(peer->error, text, len);
    peer->error_len = len;
    peer->error_time = ngx_time();

    ngx_shmtx_unlock(&mmcf->shpool->mutex);
}


/* --- sessions that clients deleted --------------------------------------- */


/* Where there is no more room, the oldest give way. */

ngx_int_t
ngx_http_mcp_session_end(ngx_http_mcp_main_conf_t *mmcf,
    mcp_session_t *session)
{
    int     rc;
    size_t  len;

    rc = MCP_OK;

    ngx_shmtx_lock(&mmcf->shpool->mutex);

    if (mcp_ring_find(mmcf->sh->ended, session->uid, &len) == NULL) {
        rc = mcp_ring_put(mmcf->sh->ended, session->uid, NULL, 0);
    }

    ngx_shmtx_unlock(&mmcf->shpool->mutex);

    return rc == MCP_OK ? NGX_OK : NGX_ERROR;
}


ngx_uint_t
ngx_http_mcp_session_ended(ngx_http_mcp_main_conf_t *mmcf,
    mcp_session_t *session)
{
    size_t      len;
    ngx_uint_t  ended;

    if (mmcf->sh->ended->end == 0) {
        return 0;
    }

    ngx_shmtx_lock(&mmcf->shpool->mutex);

    ended = mcp_ring_find(mmcf->sh->ended, session->uid, &len) != NULL;

    ngx_shmtx_unlock(&mmcf->shpool->mutex);

    return ended;
}
