
/*
 * A call's memory.  The call and the first of its arena lie in one block,
 * which the next call takes over while it is still in the processor's cache.
 */


#include "ngx_http_mcp.h"


#define NGX_HTTP_MCP_BLOCK       28672
#define NGX_HTTP_MCP_BLOCKS_MAX  64      /* free ones, kept by a worker */


typedef struct ngx_http_mcp_block_s  ngx_http_mcp_block_t;

struct ngx_http_mcp_block_s {
    ngx_http_mcp_block_t        *next;
    u_char                      *pos;
    ngx_pool_cleanup_t          *cleanup;
    ngx_http_mcp_call_t          call;
};


static ngx_http_mcp_block_t  *ngx_http_mcp_blocks;
static ngx_uint_t             ngx_http_mcp_nblocks;


static void *
ngx_http_mcp_call_alloc(mcp_arena_t *arena, size_t size)
{
    ngx_http_mcp_block_t *block = arena->data;

    u_char  *p, *end;

    p = ngx_align_ptr(block->pos, 16);
    end = (u_char *) block + NGX_HTTP_MCP_BLOCK;

    if (p > end || size > (size_t) (end - p)) {
        return ngx_palloc(block->call.request->pool, size);
    }

    block->pos = p + size;

    return p;
}


static void
ngx_http_mcp_call_free(void *data)
{
    ngx_http_mcp_block_t *block = data;

#if (NGX_DEBUG_PALLOC)

    /* a sanitizer sees who uses it too late only if it is freed */

    ngx_free(block);

#else

    if (ngx_http_mcp_nblocks == NGX_HTTP_MCP_BLOCKS_MAX) {
        ngx_free(block);
        return;
    }

    block->next = ngx_http_mcp_blocks;
    ngx_http_mcp_blocks = block;
    ngx_http_mcp_nblocks++;

#endif
}


ngx_http_mcp_call_t *
ngx_http_mcp_get_call(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t    *cln;
    ngx_http_mcp_call_t   *call;
    ngx_http_mcp_block_t  *block;

    call = ngx_http_get_module_ctx(r, ngx_http_mcp_module);
    if (call != NULL) {
        return call;
    }

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        return NULL;
    }

    block = ngx_http_mcp_blocks;

    if (block != NULL) {
        ngx_http_mcp_blocks = block->next;
        ngx_http_mcp_nblocks--;

    } else {
        block = ngx_alloc(NGX_HTTP_MCP_BLOCK, r->connection->log);
        if (block == NULL) {
            return NULL;
        }
    }

    cln->handler = ngx_http_mcp_call_free;
    cln->data = block;

    block->pos = (u_char *) (block + 1);
    block->cleanup = cln;
    call = &block->call;

    ngx_memzero(call, offsetof(ngx_http_mcp_call_t, relay));

    call->request = r;
    call->arena.alloc = ngx_http_mcp_call_alloc;
    call->arena.data = block;
    ngx_http_mcp_uuid7(call->uuid);

    ngx_http_set_ctx(r, call, ngx_http_mcp_module);

    return call;
}


static ngx_int_t
ngx_http_mcp_call_keep(ngx_pool_t *pool, ngx_str_t *s)
{
    if (s->len == 0) {
        ngx_str_null(s);
        return NGX_OK;
    }

    s->data = ngx_pstrdup(pool, s);

    return s->data ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_mcp_call_keep_core(ngx_pool_t *pool, mcp_str_t *s)
{
    ngx_int_t  rc;
    ngx_str_t  str;

    str = ngx_http_mcp_str(s);
    rc = ngx_http_mcp_call_keep(pool, &str);
    *s = ngx_http_mcp_core_str(&str);

    return rc;
}


static void
ngx_http_mcp_call_free_settled(void *data)
{
    ngx_free(data);
}


ngx_http_mcp_call_t *
ngx_http_mcp_call_settle(ngx_http_mcp_call_t *call)
{
    ngx_uint_t             i;
    ngx_str_t             *roles;
    ngx_pool_t            *pool;
    mcp_message_t          m;
    ngx_http_request_t    *r;
    ngx_pool_cleanup_t    *cln;
    ngx_http_mcp_call_t   *settled;
    ngx_http_mcp_block_t  *block;

    r = call->request;
    pool = r->pool;
    block = call->arena.data;

    /* the relay, which is the last, is none of such a call */

    settled = ngx_alloc(offsetof(ngx_http_mcp_call_t, relay),
                        r->connection->log);
    if (settled == NULL) {
        return NULL;
    }

    cln = ngx_pool_cleanup_add(pool, 0);
    if (cln == NULL) {
        ngx_free(settled);
        return NULL;
    }

    cln->handler = ngx_http_mcp_call_free_settled;
    cln->data = settled;

    roles = ngx_palloc(pool, (call->nroles + 1) * sizeof(ngx_str_t));
    if (roles == NULL) {
        return NULL;
    }

    ngx_memcpy(settled, call, offsetof(ngx_http_mcp_call_t, relay));
    ngx_http_mcp_arena_init(&settled->arena, pool);

    ngx_memzero(&m, sizeof(mcp_message_t));
    m.kind = call->message.kind;
    m.method = call->message.method;
    m.method_name = call->message.method_name;
    m.id = call->message.id;
    settled->message = m;

    settled->view = NULL;
    settled->session.client_info.len = 0;
    settled->session.backend = NULL;
    settled->session.nbackends = 0;
    settled->roles = roles;

    for (i = 0; i < call->nroles; i++) {
        roles[i] = call->roles[i];

        if (ngx_http_mcp_call_keep(pool, &roles[i]) != NGX_OK) {
            return NULL;
        }
    }

    if (ngx_http_mcp_call_keep(pool, &settled->issuer) != NGX_OK
        || ngx_http_mcp_call_keep(pool, &settled->client) != NGX_OK
        || ngx_http_mcp_call_keep_core(pool, &settled->message.method_name)
           != NGX_OK
        || ngx_http_mcp_call_keep_core(pool, &settled->message.id) != NGX_OK)
    {
        return NULL;
    }

    ngx_http_set_ctx(r, settled, ngx_http_mcp_module);

    block->cleanup->handler = NULL;
    ngx_http_mcp_call_free(block);

    return settled;
}
