
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
    call = &block->call;

    ngx_memzero(call, offsetof(ngx_http_mcp_call_t, relay));

    call->request = r;
    call->arena.alloc = ngx_http_mcp_call_alloc;
    call->arena.data = block;
    ngx_http_mcp_uuid7(call->uuid);

    ngx_http_set_ctx(r, call, ngx_http_mcp_module);

    return call;
}
