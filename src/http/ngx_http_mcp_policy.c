
/*
 * What callers may see: parts of views, which a worker keeps with the
 * snapshot that they are of.
 */


#include "ngx_http_mcp_policy.h"


/* A snapshot keeps as many parts as fit, but at least that many, ... */

#define NGX_HTTP_MCP_PARTS_SIZE     (8 * 1024 * 1024)
#define NGX_HTTP_MCP_PARTS_MIN      64
#define NGX_HTTP_MCP_PARTS_MAX      4096
#define NGX_HTTP_MCP_PARTS_BUCKETS  1024


typedef struct {
    ngx_queue_t                  queue;      /* the one used last is first */
    ngx_queue_t                  chain;
    ngx_pool_t                  *pool;
    ngx_uint_t                   refs;       /* of requests, and of the cache */
    uint64_t                     hash;
    const mcp_view_t            *whole;
    uint32_t                    *role;       /* sorted, without what they
                                                inherit */
    ngx_uint_t                   nroles;
    mcp_roles_t                  roles;
    mcp_view_t                   view;
} ngx_http_mcp_part_t;


struct ngx_http_mcp_parts_s {
    ngx_queue_t                  queue;
    ngx_uint_t                   n;
    ngx_uint_t                   max;
    ngx_queue_t                  bucket[NGX_HTTP_MCP_PARTS_BUCKETS];
};


ngx_uint_t
ngx_http_mcp_policy_on(ngx_http_mcp_policy_main_conf_t *pmcf,
    ngx_http_mcp_policy_conf_t *plcf)
{
    if (plcf->enabled == NGX_CONF_UNSET) {
        return mcp_policy_nroles(pmcf->policy) != 0;
    }

    return plcf->enabled;
}


static int ngx_libc_cdecl
ngx_http_mcp_policy_compare(const void *one, const void *two)
{
    uint32_t  a, b;

    a = *(uint32_t *) one;
    b = *(uint32_t *) two;

    return (a > b) - (a < b);
}


/* The caller's roles that are defined, sorted, each once. */

static ngx_uint_t
ngx_http_mcp_policy_ids(ngx_http_mcp_call_t *call, mcp_policy_t *policy,
    uint32_t *role)
{
    ngx_uint_t  i, n, last;

    n = 0;

    for (i = 0; i < call->nroles; i++) {
        if (mcp_policy_find(policy, call->roles[i].data, call->roles[i].len,
                            &role[n])
            == MCP_OK)
        {
            n++;
        }
    }

    if (n < 2) {
        return n;
    }

    ngx_qsort(role, n, sizeof(uint32_t), ngx_http_mcp_policy_compare);

    last = 0;

    for (i = 1; i < n; i++) {
        if (role[i] != role[last]) {
            role[++last] = role[i];
        }
    }

    return last + 1;
}


/* --- the cache of parts -------------------------------------------------- */


static void
ngx_http_mcp_part_release(void *data)
{
    ngx_http_mcp_part_t *part = data;

    if (--part->refs == 0) {
        ngx_destroy_pool(part->pool);
    }
}


static void
ngx_http_mcp_part_drop(ngx_http_mcp_parts_t *parts, ngx_http_mcp_part_t *part)
{
    ngx_queue_remove(&part->queue);
    ngx_queue_remove(&part->chain);
    parts->n--;

    ngx_http_mcp_part_release(part);
}


static ngx_http_mcp_parts_t *
ngx_http_mcp_parts_create(ngx_http_mcp_snapshot_t *snap,
    const mcp_view_t *view)
{
    size_t                 size;
    ngx_uint_t             i;
    mcp_list_e             list;
    ngx_http_mcp_parts_t  *parts;

    parts = ngx_palloc(snap->pool, sizeof(ngx_http_mcp_parts_t));
    if (parts == NULL) {
        return NULL;
    }

    ngx_queue_init(&parts->queue);

    for (i = 0; i < NGX_HTTP_MCP_PARTS_BUCKETS; i++) {
        ngx_queue_init(&parts->bucket[i]);
    }

    size = 2048 + view->instructions.len;

    for (list = MCP_TOOLS; list < MCP_LISTS; list++) {
        size += view->list[list].n;
    }

    parts->n = 0;
    parts->max = NGX_HTTP_MCP_PARTS_SIZE / size;
    parts->max = ngx_max(parts->max, NGX_HTTP_MCP_PARTS_MIN);
    parts->max = ngx_min(parts->max, NGX_HTTP_MCP_PARTS_MAX);

    snap->parts = parts;

    return parts;
}


void
ngx_http_mcp_policy_release(ngx_http_mcp_snapshot_t *snap)
{
    ngx_queue_t           *q;
    ngx_http_mcp_parts_t  *parts;

    parts = snap->parts;

    if (parts == NULL) {
        return;
    }

    while (!ngx_queue_empty(&parts->queue)) {
        q = ngx_queue_head(&parts->queue);
        ngx_http_mcp_part_drop(parts, ngx_queue_data(q, ngx_http_mcp_part_t,
                                                     queue));
    }
}


static ngx_http_mcp_part_t *
ngx_http_mcp_part_create(mcp_policy_t *policy, const mcp_view_t *view,
    uint32_t *role, ngx_uint_t n)
{
    int                   rc;
    ngx_pool_t           *pool, *temp;
    mcp_arena_t           arena, scratch;
    ngx_http_mcp_part_t  *part;

    pool = ngx_create_pool(2048, ngx_cycle->log);
    if (pool == NULL) {
        return NULL;
    }

    temp = ngx_create_pool(1024, ngx_cycle->log);
    if (temp == NULL) {
        ngx_destroy_pool(pool);
        return NULL;
    }

    ngx_http_mcp_arena_init(&arena, pool);
    ngx_http_mcp_arena_init(&scratch, temp);

    rc = MCP_NOMEM;
    part = ngx_pcalloc(pool, sizeof(ngx_http_mcp_part_t));

    if (part != NULL) {
        part->pool = pool;
        part->refs = 1;
        part->whole = view;
        part->nroles = n;
        part->role = ngx_palloc(pool, (n + 1) * sizeof(uint32_t));

        rc = mcp_policy_roles(policy, &arena, &scratch, role, (unsigned) n,
                              &part->roles);
    }

    if (rc == MCP_OK && part->role != NULL) {
        ngx_memcpy(part->role, role, n * sizeof(uint32_t));
        rc = mcp_view_restrict(&part->view, view, &arena, &part->roles);

    } else {
        rc = MCP_NOMEM;
    }

    ngx_destroy_pool(temp);

    if (rc != MCP_OK) {
        ngx_destroy_pool(pool);
        return NULL;
    }

    return part;
}


static ngx_http_mcp_part_t *
ngx_http_mcp_part_get(ngx_http_mcp_snapshot_t *snap, mcp_policy_t *policy,
    const mcp_view_t *view, uint32_t *role, ngx_uint_t n)
{
    uint64_t               hash;
    ngx_uint_t             i;
    ngx_queue_t           *q, *bucket;
    ngx_http_mcp_part_t   *part;
    ngx_http_mcp_parts_t  *parts;

    parts = snap->parts;

    if (parts == NULL) {
        parts = ngx_http_mcp_parts_create(snap, view);
        if (parts == NULL) {
            return NULL;
        }
    }

    hash = (uintptr_t) view;

    for (i = 0; i < n; i++) {
        hash = (hash ^ role[i]) * 0x9e3779b97f4a7c15ULL;
        hash ^= hash >> 29;
    }

    bucket = &parts->bucket[hash % NGX_HTTP_MCP_PARTS_BUCKETS];

    for (q = ngx_queue_head(bucket);
         q != ngx_queue_sentinel(bucket);
         q = ngx_queue_next(q))
    {
        part = ngx_queue_data(q, ngx_http_mcp_part_t, chain);

        if (part->hash == hash && part->whole == view && part->nroles == n
            && ngx_memcmp(part->role, role, n * sizeof(uint32_t)) == 0)
        {
            ngx_queue_remove(&part->queue);
            ngx_queue_insert_head(&parts->queue, &part->queue);
            return part;
        }
    }

    part = ngx_http_mcp_part_create(policy, view, role, n);
    if (part == NULL) {
        return NULL;
    }

    if (parts->n == parts->max) {
        q = ngx_queue_last(&parts->queue);
        ngx_http_mcp_part_drop(parts, ngx_queue_data(q, ngx_http_mcp_part_t,
                                                     queue));
    }

    part->hash = hash;
    ngx_queue_insert_head(bucket, &part->chain);
    ngx_queue_insert_head(&parts->queue, &part->queue);
    parts->n++;

    return part;
}


/* *part stays NULL where there is no policy. */

static ngx_int_t
ngx_http_mcp_policy_part(ngx_http_mcp_call_t *call,
    ngx_http_mcp_snapshot_t *snap, mcp_view_t *view,
    ngx_http_mcp_part_t **part)
{
    uint32_t                          role[MCP_ROLES_MAX];
    ngx_uint_t                        n;
    ngx_http_mcp_policy_conf_t       *plcf;
    ngx_http_mcp_policy_main_conf_t  *pmcf;

    *part = NULL;

    plcf = ngx_http_get_module_loc_conf(call->request,
                                        ngx_http_mcp_policy_module);
    pmcf = ngx_http_get_module_main_conf(call->request,
                                         ngx_http_mcp_policy_module);

    if (!ngx_http_mcp_policy_on(pmcf, plcf)) {
        return NGX_OK;
    }

    n = ngx_http_mcp_policy_ids(call, pmcf->policy, role);

    *part = ngx_http_mcp_part_get(snap, pmcf->policy, view, role, n);

    return *part ? NGX_OK : NGX_ERROR;
}


mcp_view_t *
ngx_http_mcp_policy_view(ngx_http_request_t *r, ngx_http_mcp_snapshot_t *snap,
    mcp_view_t *view)
{
    ngx_pool_cleanup_t   *cln;
    ngx_http_mcp_call_t  *call;
    ngx_http_mcp_part_t  *part;

    call = ngx_http_mcp_get_call(r);

    if (call == NULL
        || ngx_http_mcp_policy_part(call, snap, view, &part) != NGX_OK)
    {
        return NULL;
    }

    if (part == NULL) {
        return view;
    }

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        return NULL;
    }

    part->refs++;
    cln->handler = ngx_http_mcp_part_release;
    cln->data = part;

    return &part->view;
}


mcp_view_t *
ngx_http_mcp_policy_view_now(ngx_http_mcp_call_t *call,
    ngx_http_mcp_snapshot_t *snap, mcp_view_t *view)
{
    ngx_http_mcp_part_t  *part;

    if (ngx_http_mcp_policy_part(call, snap, view, &part) != NGX_OK) {
        return NULL;
    }

    return part ? &part->view : view;
}


/* --- arguments ----------------------------------------------------------- */


ngx_int_t
ngx_http_mcp_policy_gate(ngx_http_mcp_call_t *call, mcp_fault_t *fault)
{
    const mcp_rule_t     *rule;
    const mcp_message_t  *m;

    m = &call->message;

    if (m->method != MCP_TOOLS_CALL
        || !mcp_view_conditional(call->view, MCP_TOOLS, call->item))
    {
        return NGX_OK;
    }

    switch (mcp_policy_arguments(call->view->roles, MCP_POLICY_TOOLS,
                                 &call->source->name, &call->item->native,
                                 &m->tape, m->arguments, &call->arena,
                                 &fault->message, &rule))
    {
    case MCP_OK:
        return NGX_OK;

    case MCP_ERROR:
        break;

    default:
        return NGX_ERROR;
    }

    if (rule != NULL) {
        ngx_log_error(NGX_LOG_INFO, call->request->connection->log, 0,
                      "mcp call %*s is denied by the conditions in %s:%ui",
                      sizeof(call->uuid), call->uuid, rule->file,
                      (ngx_uint_t) rule->line);
    }

    fault->code = MCP_E_PARAMS;
    fault->status = NGX_HTTP_OK;
    call->outcome = NGX_HTTP_MCP_DENIED;

    return NGX_DECLINED;
}
