
/* The stage of a message that is not judged yet, and the way from there. */


#include "ngx_http_mcp_relay.h"


#define NGX_HTTP_MCP_HOLD       32768    /* bytes of a message that are staged
                                            before it is let go unfinished */
#define NGX_HTTP_MCP_HOLD_MAX   262144   /* ... when its kind is not known */
#define NGX_HTTP_MCP_BUF_FIRST  4096
#define NGX_HTTP_MCP_BUF        16384


/*
 * A message that is larger than what is held goes on unfinished, once it is
 * known to be one that the client gets.
 */

ngx_int_t
ngx_http_mcp_relay_large(ngx_http_mcp_call_t *call)
{
    mcp_relay_t              *re;
    ngx_http_mcp_exchange_t  *x;

    re = &call->relay;
    x = call->exchange;

    /*
     * The end of the text stays until all is judged: no client must take what
     * it has for a whole answer before that.
     */

    if (re->observer.lexer.depth == 0
        && call->stage_len <= NGX_HTTP_MCP_HOLD_MAX)
    {
        return NGX_OK;
    }

    if (call->partial && re->observer.lexer.depth != 0) {
        ngx_http_mcp_relay_release(call);
        return NGX_OK;
    }

    if (call->stage_len <= NGX_HTTP_MCP_HOLD) {
        return NGX_OK;
    }

    if (x->status == NGX_HTTP_OK
        && (re->kind == MCP_RELAY_RESULT || re->kind == MCP_RELAY_ERROR)
        && (re->id_ours || !re->id_seen)
        && re->observer.lexer.depth != 0
        && ngx_http_mcp_relay_result_ok(call))
    {
        call->partial = 1;
        ngx_http_mcp_relay_release(call);
        return NGX_OK;
    }

    if (call->stage_len <= NGX_HTTP_MCP_HOLD_MAX) {
        return NGX_OK;
    }

    ngx_log_error(NGX_LOG_ERR, call->request->connection->log, 0,
                  "backend \"%V\" sent a message of more than %d bytes in "
                  "call %*s that is not known to be its answer",
                  &call->backend->name, NGX_HTTP_MCP_HOLD_MAX,
                  sizeof(call->uuid), call->uuid);

    ngx_http_mcp_relay_fail(call, MCP_E_BACKEND,
                            "the backend sent too large a message");
    return NGX_ERROR;
}


int
ngx_http_mcp_relay_out(void *data, const unsigned char *p, size_t len)
{
    ngx_http_mcp_call_t *call = data;

    size_t        n, size;
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    while (len) {

        if (call->stage == NULL
            || call->stage_tail->last == call->stage_tail->end)
        {
            if (call->free != NULL) {
                cl = call->free;
                call->free = cl->next;

            } else {
                cl = ngx_alloc_chain_link(call->request->pool);
                if (cl == NULL) {
                    return MCP_NOMEM;
                }

                size = (call->stage == NULL && !call->started
                        && call->out == NULL) ? NGX_HTTP_MCP_BUF_FIRST
                                              : NGX_HTTP_MCP_BUF;

                cl->buf = ngx_calloc_buf(call->request->pool);
                if (cl->buf == NULL) {
                    return MCP_NOMEM;
                }

                cl->buf->start = mcp_alloc(&call->arena, size);
                if (cl->buf->start == NULL) {
                    return MCP_NOMEM;
                }

                cl->buf->end = cl->buf->start + size;
                cl->buf->temporary = 1;
            }

            b = cl->buf;
            b->pos = b->start;
            b->last = b->start;
            b->flush = 0;
            b->last_buf = 0;
            b->last_in_chain = 0;
            b->tag = (ngx_buf_tag_t) &ngx_http_mcp_module;

            cl->next = NULL;
            *call->last_stage = cl;
            call->last_stage = &cl->next;
            call->stage_tail = b;
        }

        b = call->stage_tail;
        n = ngx_min(len, (size_t) (b->end - b->last));

        b->last = ngx_cpymem(b->last, p, n);
        call->stage_len += n;
        p += n;
        len -= n;
    }

    return MCP_OK;
}


void
ngx_http_mcp_relay_drop(ngx_http_mcp_call_t *call)
{
    *call->last_stage = call->free;
    call->free = call->stage;

    call->stage = NULL;
    call->last_stage = &call->stage;
    call->stage_len = 0;
}


/* The same with what the client would have got. */

void
ngx_http_mcp_relay_drop_out(ngx_http_mcp_call_t *call)
{
    *call->last_out = call->free;
    call->free = call->out;

    call->out = NULL;
    call->last_out = &call->out;
    call->out_len = 0;
}


void
ngx_http_mcp_relay_release(ngx_http_mcp_call_t *call)
{
    if (call->stage == NULL) {
        return;
    }

    call->out_len += call->stage_len;

    /* small messages share a buffer, or each would take one for itself */

    if (call->out != NULL && call->stage->next == NULL
        && call->stage_len <= (size_t) (call->out_tail->end
                                        - call->out_tail->last))
    {
        call->out_tail->last = ngx_cpymem(call->out_tail->last,
                                          call->stage->buf->pos,
                                          call->stage_len);
        ngx_http_mcp_relay_drop(call);
        return;
    }

    *call->last_out = call->stage;
    call->last_out = call->last_stage;
    call->out_tail = call->stage_tail;

    call->stage = NULL;
    call->last_stage = &call->stage;
    call->stage_len = 0;
}


/*
 * Result types are the modern revision's.  A legacy client knows nothing but
 * complete results.  Tasks were not announced to the backend, and could not
 * be polled here.
 */
