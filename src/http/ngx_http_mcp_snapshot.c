
/*
 * A process's own copy of the shared catalog.  No pointer into shared memory
 * outlives the lock; a copy lives as long as a request that uses it.
 */


#include "ngx_http_mcp_policy.h"


static void ngx_http_mcp_snapshot_cleanup(void *data);


static ngx_http_mcp_snapshot_t  *ngx_http_mcp_current;


static u_char *
ngx_http_mcp_snapshot_copy(ngx_http_mcp_main_conf_t *mmcf, ngx_pool_t *pool,
    size_t *len, ngx_uint_t *generation)
{
    u_char                     *p;
    ngx_http_mcp_catalog_sh_t  *sh;

    sh = mmcf->catalog;
    p = NULL;

    for ( ;; ) {

        *len = sh->len[sh->active & 1];

        p = ngx_palloc(pool, *len + 1);
        if (p == NULL) {
            return NULL;
        }

        ngx_shmtx_lock(&mmcf->catalog_shpool->mutex);

        if (sh->len[sh->active & 1] <= *len) {
            *len = sh->len[sh->active & 1];
            *generation = sh->generation;
            ngx_memcpy(p, sh->slot[sh->active & 1], *len);

            ngx_shmtx_unlock(&mmcf->catalog_shpool->mutex);

            return p;
        }

        ngx_shmtx_unlock(&mmcf->catalog_shpool->mutex);

        /* it has grown meanwhile */

        ngx_pfree(pool, p);
    }
}


ngx_http_mcp_snapshot_t *
ngx_http_mcp_snapshot_load(ngx_http_mcp_main_conf_t *mmcf, ngx_log_t *log)
{
    u_char                    *text;
    size_t                     len;
    unsigned                   n, s;
    ngx_uint_t                 i;
    ngx_pool_t                *pool;
    mcp_source_t              *source;
    ngx_http_mcp_backend_t   **be;
    ngx_http_mcp_snapshot_t   *snap;

    pool = ngx_create_pool(16384, log);
    if (pool == NULL) {
        return NULL;
    }

    snap = ngx_pcalloc(pool, sizeof(ngx_http_mcp_snapshot_t));
    if (snap == NULL) {
        goto failed;
    }

    snap->pool = pool;
    snap->refs = 1;
    ngx_http_mcp_arena_init(&snap->arena, pool);

    snap->source = ngx_pcalloc(pool, (mmcf->backends.nelts + 1)
                                     * sizeof(mcp_source_t));
    snap->view = ngx_pcalloc(pool, (mmcf->passes.nelts + 1)
                                   * sizeof(mcp_view_t *));

    if (snap->source == NULL || snap->view == NULL) {
        goto failed;
    }

    n = 0;
    source = NULL;

    if (mmcf->catalog->generation != 0) {

        text = ngx_http_mcp_snapshot_copy(mmcf, pool, &len, &snap->generation);
        if (text == NULL) {
            goto failed;
        }

        switch (mcp_catalog_decode(&snap->arena, text, len, &source, &n)) {

        case MCP_OK:
            break;

        case MCP_NOMEM:
            goto failed;

        default:
            ngx_log_error(NGX_LOG_ALERT, log, 0,
                          "the shared catalog is damaged, it is left out");
            n = 0;
        }
    }

    /* sources are known by the identity of their backend */

    be = mmcf->backends.elts;

    for (i = 0; i < mmcf->backends.nelts; i++) {

        for (s = 0; s < n; s++) {
            if (source[s].name.len == be[i]->identity.len
                && ngx_memcmp(source[s].name.data, be[i]->identity.data,
                              be[i]->identity.len)
                   == 0)
            {
                snap->source[i] = source[s];
                break;
            }
        }

        snap->source[i].name = ngx_http_mcp_core_str(&be[i]->name);
    }

    return snap;

failed:

    ngx_destroy_pool(pool);

    return NULL;
}


void
ngx_http_mcp_snapshot_release(ngx_http_mcp_snapshot_t *snap)
{
    if (--snap->refs == 0) {
        ngx_http_mcp_policy_release(snap);
        ngx_destroy_pool(snap->pool);
    }
}


static void
ngx_http_mcp_snapshot_cleanup(void *data)
{
    ngx_http_mcp_snapshot_release(data);
}


/* said: collects what there is to say about the lists; NULL: silent */

static mcp_view_t *
ngx_http_mcp_view_create(ngx_http_mcp_snapshot_t *snap,
    ngx_http_mcp_loc_conf_t *mlcf, void *said)
{
    ngx_int_t           rc;
    ngx_uint_t          i;
    mcp_view_t         *view;
    ngx_pool_t         *temp;
    mcp_arena_t         scratch;
    mcp_view_source_t  *vs;

    view = ngx_pcalloc(snap->pool, sizeof(mcp_view_t));
    vs = ngx_pcalloc(snap->pool, mlcf->nbackends * sizeof(mcp_view_source_t));

    if (view == NULL || vs == NULL) {
        return NULL;
    }

    for (i = 0; i < mlcf->nbackends; i++) {
        vs[i].source = &snap->source[mlcf->backends[i]->index];
        vs[i].prefix = ngx_http_mcp_core_str(&mlcf->prefixes[i]);
    }

    temp = ngx_create_pool(16384, ngx_cycle->log);
    if (temp == NULL) {
        return NULL;
    }

    ngx_http_mcp_arena_init(&scratch, temp);

    rc = mcp_view_build(view, &snap->arena, &scratch, vs, mlcf->nbackends,
                        ngx_http_mcp_view_log, said);

    ngx_destroy_pool(temp);

    if (rc != MCP_OK) {
        ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, 0,
                      "could not build the catalog of \"mcp_pass\" in %s:%ui",
                      mlcf->file, mlcf->line);
        return NULL;
    }

    view->owner = snap->pool;

    if (ngx_http_mcp_schema_view(view, mlcf, said) != NGX_OK) {
        return NULL;
    }

    snap->view[mlcf->index] = view;

    return view;
}


ngx_http_mcp_snapshot_t *
ngx_http_mcp_snapshot_newest(ngx_http_mcp_main_conf_t *mmcf)
{
    ngx_http_mcp_snapshot_t  *snap;

    snap = ngx_http_mcp_current;

    if (snap == NULL || snap->generation != mmcf->catalog->generation) {

        snap = ngx_http_mcp_snapshot_load(mmcf, ngx_cycle->log);
        if (snap == NULL) {
            return NULL;
        }

        if (ngx_http_mcp_current) {
            ngx_http_mcp_snapshot_release(ngx_http_mcp_current);
        }

        ngx_http_mcp_current = snap;
    }

    return snap;
}


mcp_view_t *
ngx_http_mcp_snapshot_view(ngx_http_mcp_snapshot_t *snap,
    ngx_http_mcp_loc_conf_t *mlcf)
{
    mcp_view_t  *view;

    view = snap->view[mlcf->index];

    return view ? view : ngx_http_mcp_view_create(snap, mlcf, NULL);
}


mcp_view_t *
ngx_http_mcp_view(ngx_http_request_t *r)
{
    mcp_view_t               *view;
    ngx_pool_cleanup_t       *cln;
    ngx_http_mcp_snapshot_t  *snap;

    snap = ngx_http_mcp_snapshot_newest(
                       ngx_http_get_module_main_conf(r, ngx_http_mcp_module));
    if (snap == NULL) {
        return NULL;
    }

    view = ngx_http_mcp_snapshot_view(snap,
                        ngx_http_get_module_loc_conf(r, ngx_http_mcp_module));
    if (view == NULL) {
        return NULL;
    }

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        return NULL;
    }

    cln->handler = ngx_http_mcp_snapshot_cleanup;
    cln->data = snap;
    snap->refs++;

    return ngx_http_mcp_policy_view(r, snap, view);
}


mcp_view_t *
ngx_http_mcp_view_now(ngx_http_mcp_call_t *call)
{
    mcp_view_t               *view;
    ngx_http_request_t       *r;
    ngx_http_mcp_snapshot_t  *snap;

    r = call->request;

    snap = ngx_http_mcp_snapshot_newest(
                       ngx_http_get_module_main_conf(r, ngx_http_mcp_module));
    if (snap == NULL) {
        return NULL;
    }

    view = ngx_http_mcp_snapshot_view(snap,
                        ngx_http_get_module_loc_conf(r, ngx_http_mcp_module));
    if (view == NULL) {
        return NULL;
    }

    return ngx_http_mcp_policy_view_now(call, snap, view);
}


/*
 * What was said of a location is not said again, or a backend whose lists
 * change often would fill the log.  The table forgets all when it is full.
 */

#define NGX_HTTP_MCP_SAID  4096


typedef struct {
    ngx_log_t                   *log;
    ngx_uint_t                   view;
} ngx_http_mcp_view_log_t;


static uint64_t    *ngx_http_mcp_said;
static ngx_uint_t   ngx_http_mcp_nsaid;


void
ngx_http_mcp_views_check(ngx_http_mcp_main_conf_t *mmcf, ngx_log_t *log)
{
    ngx_uint_t                  i;
    ngx_http_mcp_loc_conf_t   **mlcf;
    ngx_http_mcp_snapshot_t    *snap;
    ngx_http_mcp_view_log_t     vl;

    if (ngx_http_mcp_said == NULL) {
        ngx_http_mcp_said = ngx_alloc(NGX_HTTP_MCP_SAID * sizeof(uint64_t),
                                      log);
        if (ngx_http_mcp_said == NULL) {
            return;
        }
    }

    snap = ngx_http_mcp_snapshot_load(mmcf, log);
    if (snap == NULL) {
        return;
    }

    vl.log = log;
    mlcf = mmcf->passes.elts;

    for (i = 0; i < mmcf->passes.nelts; i++) {
        vl.view = i;
        (void) ngx_http_mcp_view_create(snap, mlcf[i], &vl);
    }

    ngx_http_mcp_policy_check(mmcf, snap, log);

    ngx_http_mcp_snapshot_release(snap);
}


void
ngx_http_mcp_view_log(void *data, mcp_view_level_e level, const char *line)
{
    ngx_http_mcp_view_log_t *vl = data;

    uint64_t     h;
    ngx_uint_t   i, severity;
    const char  *p;

    if (vl == NULL) {
        return;
    }

    /* FNV-1a */

    h = (0xcbf29ce484222325ULL ^ vl->view) * 0x100000001b3ULL;

    for (p = line; *p; p++) {
        h = (h ^ (u_char) *p) * 0x100000001b3ULL;
    }

    for (i = 0; i < ngx_http_mcp_nsaid; i++) {
        if (ngx_http_mcp_said[i] == h) {
            return;
        }
    }

    if (ngx_http_mcp_nsaid == NGX_HTTP_MCP_SAID) {
        ngx_http_mcp_nsaid = 0;
    }

    ngx_http_mcp_said[ngx_http_mcp_nsaid++] = h;

    severity = (level == MCP_VIEW_ERROR) ? NGX_LOG_ERR : NGX_LOG_WARN;

    ngx_log_error(severity, vl->log, 0, "mcp catalog: %s", line);
}
