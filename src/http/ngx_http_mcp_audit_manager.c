
/*
 * What the manager process does for the spool: it knows how large it is, ends
 * what dead workers left open, and removes what is old.
 */


#include "ngx_http_mcp_audit_store.h"

#include <sys/file.h>


#define NGX_HTTP_MCP_AUDIT_TICK  1000    /* ms */
#define NGX_HTTP_MCP_AUDIT_SHIP  200     /* ... with a store */

#define NGX_HTTP_MCP_AUDIT_CACHE   50        /* ms, if there is more to do */
#define NGX_HTTP_MCP_AUDIT_BUDGET  4194304   /* bytes in that time */


typedef struct {
    ngx_http_mcp_audit_main_conf_t  *amcf;
    ngx_fd_t                     lock;
    ngx_pool_t                  *pool;       /* of the segments */
    ngx_array_t                  segments;   /* ..._segment_t, by name */
    off_t                        bytes;
    ngx_event_t                  tick;
    ngx_event_t                  cache;
    unsigned                     locked:1;
} ngx_http_mcp_audit_manager_t;


static void ngx_http_mcp_audit_tick(ngx_event_t *ev);
static void ngx_http_mcp_audit_cache(ngx_event_t *ev);
static ngx_int_t ngx_http_mcp_audit_lock(ngx_http_mcp_audit_manager_t *m);
static ngx_int_t ngx_http_mcp_audit_scan(ngx_http_mcp_audit_manager_t *m);
static int ngx_libc_cdecl ngx_http_mcp_audit_cmp(const void *one,
    const void *two);
static void ngx_http_mcp_audit_mark(ngx_array_t *segments, ngx_array_t *old);
static void ngx_http_mcp_audit_remove(ngx_http_mcp_audit_manager_t *m,
    ngx_http_mcp_audit_segment_t *seg);
static void ngx_http_mcp_audit_remove_old(ngx_http_mcp_audit_manager_t *m);
static void ngx_http_mcp_audit_remove_sent(ngx_http_mcp_audit_manager_t *m);


/* by how much the clock was ahead of the one that is never set */

static time_t  ngx_http_mcp_audit_ahead;


static time_t
ngx_http_mcp_audit_uptime(void)
{
#if (NGX_LINUX)
    return (time_t) (ngx_http_mcp_audit_clock(CLOCK_BOOTTIME) / 1000000);
#else
    return (time_t) (ngx_http_mcp_audit_clock(CLOCK_MONOTONIC) / 1000000);
#endif
}


time_t
ngx_http_mcp_audit_steady(void)
{
    return ngx_http_mcp_audit_uptime() + ngx_http_mcp_audit_ahead;
}


void
ngx_http_mcp_audit_manager(ngx_cycle_t *cycle)
{
    ngx_http_mcp_audit_manager_t    *m;
    ngx_http_mcp_audit_main_conf_t  *amcf;

    amcf = ngx_http_cycle_get_module_main_conf(cycle,
                                               ngx_http_mcp_audit_module);

    if (amcf == NULL || amcf->path == NULL) {
        return;
    }

    m = ngx_pcalloc(cycle->pool, sizeof(ngx_http_mcp_audit_manager_t));
    if (m == NULL) {
        ngx_log_error(NGX_LOG_ALERT, cycle->log, 0,
                      "no memory to look after the audit trail");
        return;
    }

    ngx_http_mcp_audit_ahead = ngx_time() - ngx_http_mcp_audit_uptime();

    m->amcf = amcf;
    m->lock = NGX_INVALID_FILE;

    m->tick.handler = ngx_http_mcp_audit_tick;
    m->tick.data = m;
    m->tick.log = cycle->log;
    m->tick.cancelable = 1;

    m->cache.handler = ngx_http_mcp_audit_cache;
    m->cache.data = m;
    m->cache.log = cycle->log;
    m->cache.cancelable = 1;

    ngx_add_timer(&m->tick, 1);
    ngx_add_timer(&m->cache, NGX_HTTP_MCP_AUDIT_TICK);

    ngx_http_mcp_store_start(amcf, cycle);
}


static void
ngx_http_mcp_audit_tick(ngx_event_t *ev)
{
    ngx_http_mcp_audit_manager_t *m = ev->data;

    ngx_uint_t                     i;
    ngx_http_mcp_audit_segment_t  *seg;

    if (ngx_terminate || ngx_quit || ngx_exiting) {
        return;
    }

    ngx_add_timer(ev, m->amcf->dsn ? NGX_HTTP_MCP_AUDIT_SHIP
                                   : NGX_HTTP_MCP_AUDIT_TICK);

    if (ngx_http_mcp_audit_lock(m) != NGX_OK
        || ngx_http_mcp_audit_scan(m) != NGX_OK)
    {
        return;
    }

    seg = m->segments.elts;

    for (i = 0; i < m->segments.nelts; i++) {
        if (seg[i].last && !seg[i].final) {
            ngx_http_mcp_audit_sweep(m->amcf, &seg[i]);
        }
    }

    if (m->amcf->dsn != NULL) {
        ngx_http_mcp_audit_remove_sent(m);
        ngx_http_mcp_store_kick(&m->segments);

    } else if (m->amcf->retention != 0) {
        ngx_http_mcp_audit_remove_old(m);
    }
}


static void
ngx_http_mcp_audit_cache(ngx_event_t *ev)
{
    ngx_http_mcp_audit_manager_t *m = ev->data;

    off_t                          budget;
    ngx_uint_t                     i;
    ngx_http_mcp_audit_segment_t  *seg;

    if (ngx_terminate || ngx_quit || ngx_exiting) {
        return;
    }

    seg = m->segments.elts;
    budget = NGX_HTTP_MCP_AUDIT_BUDGET;

    for (i = 0; i < m->segments.nelts && budget > 0; i++) {
        ngx_http_mcp_audit_uncache(m->amcf, &seg[i], &budget);
    }

    ngx_add_timer(ev, budget < NGX_HTTP_MCP_AUDIT_BUDGET
                      ? NGX_HTTP_MCP_AUDIT_CACHE : NGX_HTTP_MCP_AUDIT_TICK);
}


/* After a reload the old manager may still be at it; nobody else should be. */

static ngx_int_t
ngx_http_mcp_audit_lock(ngx_http_mcp_audit_manager_t *m)
{
    u_char  path[NGX_MAX_PATH];

    if (m->locked) {
        return NGX_OK;
    }

    if (m->lock == NGX_INVALID_FILE) {

        ngx_snprintf(path, sizeof(path), "%V/manager.lock%Z",
                     &m->amcf->path->name);

        m->lock = open((char *) path, O_RDWR|O_CREAT|O_CLOEXEC, 0640);

        if (m->lock == NGX_INVALID_FILE) {
            ngx_http_mcp_audit_complain(m->amcf, ngx_errno, "cannot open",
                                        path);
            return NGX_ERROR;
        }
    }

    if (flock(m->lock, LOCK_EX|LOCK_NB) == -1) {
        return NGX_AGAIN;
    }

    m->locked = 1;

    return NGX_OK;
}


/* --- the folder ---------------------------------------------------------- */


/* "20261121T041905123Z-4711-000001.jsonl" */

static ngx_int_t
ngx_http_mcp_audit_segment_name(ngx_http_mcp_audit_segment_t *seg,
    u_char *name, size_t len)
{
    u_char     *p;
    size_t      n;
    ngx_int_t   number;

    n = sizeof(NGX_HTTP_MCP_AUDIT_SUFFIX) - 1;

    if (len <= n || len >= NGX_HTTP_MCP_AUDIT_NAME
        || name[0] < '0' || name[0] > '9'
        || ngx_memcmp(name + len - n, NGX_HTTP_MCP_AUDIT_SUFFIX, n) != 0)
    {
        return NGX_DECLINED;
    }

    for (p = name + len - n; p > name && p[-1] != '-'; p--) { /* void */ }

    number = ngx_atoi(p, name + len - n - p);

    if (p == name || number <= 0 || p - name > MCP_RECORD_CHAIN) {
        return NGX_DECLINED;
    }

    ngx_memzero(seg, sizeof(ngx_http_mcp_audit_segment_t));
    ngx_memcpy(seg->name, name, len);
    seg->chain = p - name - 1;
    seg->number = number;

    return NGX_OK;
}


static ngx_int_t
ngx_http_mcp_audit_scan_dir(ngx_http_mcp_audit_manager_t *m, ngx_dir_t *dir,
    ngx_array_t *segments)
{
    u_char                         path[NGX_MAX_PATH];
    ngx_file_info_t                fi;
    ngx_http_mcp_audit_segment_t  *seg, new;

    m->bytes = 0;

    for ( ;; ) {

        ngx_set_errno(0);

        if (ngx_read_dir(dir) == NGX_ERROR) {
            return ngx_errno == NGX_ENOMOREFILES ? NGX_OK : NGX_ERROR;
        }

        if (ngx_de_name(dir)[0] == '.') {
            continue;
        }

        ngx_snprintf(path, sizeof(path), "%V/%s%Z", &m->amcf->path->name,
                     ngx_de_name(dir));

        if (ngx_file_info(path, &fi) == NGX_FILE_ERROR || !ngx_is_file(&fi)) {
            continue;
        }

        m->bytes += ngx_file_size(&fi);

        if (ngx_http_mcp_audit_segment_name(&new, ngx_de_name(dir),
                                            ngx_de_namelen(dir))
            != NGX_OK)
        {
            continue;
        }

        seg = ngx_array_push(segments);
        if (seg == NULL) {
            return NGX_ERROR;
        }

        *seg = new;
        seg->size = ngx_file_size(&fi);
        seg->mtime = ngx_file_mtime(&fi);
    }
}


static ngx_int_t
ngx_http_mcp_audit_scan(ngx_http_mcp_audit_manager_t *m)
{
    ngx_dir_t     dir;
    ngx_int_t     rc;
    ngx_pool_t   *pool;
    ngx_array_t   segments;

    pool = ngx_create_pool(4096, ngx_cycle->log);
    if (pool == NULL) {
        return NGX_ERROR;
    }

    if (ngx_open_dir(&m->amcf->path->name, &dir) == NGX_ERROR) {
        ngx_http_mcp_audit_complain(m->amcf, ngx_errno,
                                    "cannot read the spool",
                                    m->amcf->path->name.data);
        ngx_destroy_pool(pool);
        return NGX_ERROR;
    }

    rc = NGX_ERROR;

    if (ngx_array_init(&segments, pool, 64,
                       sizeof(ngx_http_mcp_audit_segment_t))
        == NGX_OK)
    {
        rc = ngx_http_mcp_audit_scan_dir(m, &dir, &segments);
    }

    (void) ngx_close_dir(&dir);

    if (rc != NGX_OK) {
        ngx_destroy_pool(pool);
        return NGX_ERROR;
    }

    ngx_qsort(segments.elts, segments.nelts,
              sizeof(ngx_http_mcp_audit_segment_t), ngx_http_mcp_audit_cmp);

    ngx_http_mcp_audit_mark(&segments, m->pool ? &m->segments : NULL);

    if (m->pool) {
        ngx_destroy_pool(m->pool);
    }

    m->pool = pool;
    m->segments = segments;
    m->amcf->mmcf->sh->audit.bytes = m->bytes;

    return NGX_OK;
}


static ngx_int_t
ngx_http_mcp_audit_chain_cmp(const ngx_http_mcp_audit_segment_t *one,
    const ngx_http_mcp_audit_segment_t *two)
{
    return ngx_memn2cmp((u_char *) one->name, (u_char *) two->name,
                        one->chain, two->chain);
}


static int ngx_libc_cdecl
ngx_http_mcp_audit_cmp(const void *one, const void *two)
{
    ngx_int_t                            rc;
    const ngx_http_mcp_audit_segment_t  *a, *b;

    a = one;
    b = two;

    rc = ngx_http_mcp_audit_chain_cmp(a, b);

    if (rc != 0) {
        return (int) rc;
    }

    return a->number < b->number ? -1 : a->number > b->number;
}


/* Which are the last of their chains, and which of these are known to end. */

static void
ngx_http_mcp_audit_mark(ngx_array_t *segments, ngx_array_t *old)
{
    ngx_int_t                      rc;
    ngx_uint_t                     i, k, n;
    ngx_http_mcp_audit_segment_t  *seg, *was;

    seg = segments->elts;
    was = old ? old->elts : NULL;
    n = old ? old->nelts : 0;
    k = 0;

    for (i = 0; i < segments->nelts; i++) {

        seg[i].grown = ngx_current_msec;

        seg[i].last = i + 1 == segments->nelts
                      || ngx_http_mcp_audit_chain_cmp(&seg[i], &seg[i + 1])
                         != 0;

        for ( /* void */ ; k < n; k++) {

            rc = ngx_http_mcp_audit_cmp(&was[k], &seg[i]);

            if (rc == 0) {
                seg[i].final = was[k].final;
                seg[i].head = was[k].head;
                seg[i].tail = was[k].tail;
                seg[i].sent = was[k].sent;
                seg[i].flushed = was[k].flushed;
                seg[i].flushed_before = was[k].flushed_before;
                seg[i].clean = was[k].clean;
                seg[i].uncached = was[k].uncached;
                seg[i].turned = was[k].turned;
                seg[i].grown = seg[i].size == was[k].size ? was[k].grown
                                                          : seg[i].grown;
                seg[i].since = was[k].since;
                seg[i].open = was[k].open;
                seg[i].node_len = was[k].node_len;
                ngx_memcpy(seg[i].node, was[k].node, was[k].node_len);
            }

            if (rc >= 0) {
                break;
            }
        }
    }
}


static void
ngx_http_mcp_audit_remove(ngx_http_mcp_audit_manager_t *m,
    ngx_http_mcp_audit_segment_t *seg)
{
    u_char  path[NGX_MAX_PATH];

    ngx_snprintf(path, sizeof(path), "%V/%s%Z", &m->amcf->path->name,
                 seg->name);

    if (ngx_delete_file(path) == NGX_FILE_ERROR && ngx_errno != NGX_ENOENT) {
        ngx_http_mcp_audit_complain(m->amcf, ngx_errno, "cannot remove",
                                    path);
    }
}


/* Without a store the spool is the audit trail, for as long as it is wanted. */

static void
ngx_http_mcp_audit_remove_old(ngx_http_mcp_audit_manager_t *m)
{
    time_t                         now;
    ngx_uint_t                     i;
    ngx_http_mcp_audit_segment_t  *seg;

    seg = m->segments.elts;
    now = ngx_min(ngx_time(), ngx_http_mcp_audit_steady());

    for (i = 0; i < m->segments.nelts; i++) {

        if ((seg[i].last && !seg[i].final)
            || now - seg[i].mtime <= m->amcf->retention)
        {
            continue;
        }

        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "mcp audit: \"%s\" is older than mcp_audit_retention, "
                      "removed", seg[i].name);

        ngx_http_mcp_audit_remove(m, &seg[i]);
    }
}


/*
 * With one, a segment goes when the store has all of it, and it is not the one
 * that says what its process had open: the next one does, or the chain has
 * ended.  Those before it go first, else one that is left would be taken for
 * the end of a process that died.
 */

static void
ngx_http_mcp_audit_remove_sent(ngx_http_mcp_audit_manager_t *m)
{
    time_t                         oldest;
    ngx_uint_t                     i, kept;
    ngx_http_mcp_audit_segment_t  *seg;

    oldest = 0;
    kept = 0;
    seg = m->segments.elts;

    for (i = 0; i < m->segments.nelts; i++) {

        kept = kept && !seg[i - 1].last;

        if (seg[i].sent < seg[i].size) {

            kept = 1;

            if (seg[i].since == 0) {
                seg[i].since = ngx_min(seg[i].mtime, ngx_time());
            }

            if (oldest == 0 || seg[i].since < oldest) {
                oldest = seg[i].since;
            }

            continue;
        }

        seg[i].since = 0;

        if (!kept
            && (seg[i].last ? (seg[i].final && seg[i].tail) : seg[i + 1].head))
        {
            ngx_http_mcp_audit_remove(m, &seg[i]);

        } else {
            kept = 1;
        }
    }

    m->amcf->mmcf->sh->audit.oldest = oldest;
}
