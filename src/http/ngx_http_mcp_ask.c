
/*
 * What goes between a legacy client and the backends that it has sessions of
 * its own with, besides its calls: the backends' requests, the client's
 * answers and notifications, the level of log messages.
 */


#include "ngx_http_mcp.h"


#define NGX_HTTP_MCP_LEVEL_TIMEOUT  10000    /* ms */


typedef struct {
    ngx_http_mcp_gather_t       *gather;
    ngx_uint_t                   taken;      /* backends that said yes */
    ngx_uint_t                   lost;       /* ... that have no session */
} ngx_http_mcp_levels_t;


static void ngx_http_mcp_client_answer(ngx_http_mcp_call_t *call);
static void ngx_http_mcp_client_told(ngx_http_mcp_fetch_t *f);
static void ngx_http_mcp_level_set(ngx_http_mcp_fetch_t *f);
static void ngx_http_mcp_level_done(ngx_http_mcp_gather_t *g,
    ngx_http_mcp_call_t *call);


/* --- from a backend ------------------------------------------------------ */


static int
ngx_http_mcp_ask_copy(void *data, const unsigned char *p, size_t len)
{
    return ngx_http_mcp_relay_out(data, p, len);
}


/*
 * The message that is staged, a request or notifications/cancelled of a
 * backend's, goes to the client under an id that leads back.
 */

ngx_int_t
ngx_http_mcp_ask(ngx_http_mcp_call_t *call)
{
    int           rc;
    size_t        len;
    u_char       *text, *p;
    unsigned      index;
    mcp_str_t     id;
    ngx_pool_t   *pool;
    ngx_chain_t  *cl;
    mcp_arena_t   arena;
    mcp_edits_t   edits;

    if (call->own == NULL || !call->sse_out || call->gone || call->partial
        || call->stage_len < sizeof(NGX_HTTP_MCP_EVENT) - 1)
    {
        return NGX_DECLINED;
    }

    pool = ngx_create_pool(4096, call->request->connection->log);
    if (pool == NULL) {
        return NGX_DECLINED;
    }

    ngx_http_mcp_arena_init(&arena, pool);

    rc = MCP_NOMEM;
    text = ngx_pnalloc(pool, call->stage_len);

    if (text == NULL) {
        goto done;
    }

    p = text;

    for (cl = call->stage; cl; cl = cl->next) {
        p = ngx_cpymem(p, cl->buf->pos, cl->buf->last - cl->buf->pos);
    }

    len = p - text - (sizeof(NGX_HTTP_MCP_EVENT) - 1);
    text += sizeof(NGX_HTTP_MCP_EVENT) - 1;

    index = (unsigned) (call->own - call->session.backend);

    if (call->relay.kind == MCP_RELAY_REQUEST) {

        /* where the id is that of the call, the client's stands there now */

        id.data = call->relay.id;
        id.len = call->relay.id_len;
        rc = mcp_ask_request(text, len, index, &id, &arena, &edits);

    } else {
        rc = mcp_ask_cancelled(text, len, index, &arena, &edits);
    }

    if (rc != MCP_OK) {
        goto done;
    }

    ngx_http_mcp_relay_drop(call);

    rc = ngx_http_mcp_relay_out(call, (u_char *) NGX_HTTP_MCP_EVENT,
                                sizeof(NGX_HTTP_MCP_EVENT) - 1);

    if (rc == MCP_OK) {
        rc = mcp_edits_spans(&edits, text, len, ngx_http_mcp_ask_copy, call);
    }

done:

    ngx_destroy_pool(pool);

    return rc == MCP_OK ? NGX_OK : NGX_DECLINED;
}


/* --- from the client ----------------------------------------------------- */


void
ngx_http_mcp_client_message(ngx_http_mcp_call_t *call)
{
    ngx_str_t                     body;
    ngx_uint_t                    i;
    mcp_message_t                *m;
    ngx_http_mcp_backend_t       *be;
    ngx_http_mcp_main_conf_t     *mmcf;
    const mcp_session_backend_t  *s;

    m = &call->message;

    if (m->kind == MCP_RESPONSE) {
        ngx_http_mcp_client_answer(call);
        return;
    }

    /*
     * Progress of what a backend asked for names the backend's own token: it
     * can be told whose that is only while there is but one.
     */

    if (m->method != MCP_ROOTS_CHANGED
        && (m->method != MCP_PROGRESS || call->session.nbackends != 1))
    {
        return;
    }

    mmcf = ngx_http_get_module_main_conf(call->request, ngx_http_mcp_module);

    body.data = (u_char *) m->tape.text;
    body.len = m->tape.len;

    for (i = 0; i < call->session.nbackends; i++) {
        s = &call->session.backend[i];
        be = ngx_http_mcp_client_session_backend(call, s);

        if (be != NULL) {
            (void) ngx_http_mcp_client_session_send(mmcf, be, s, &body,
                                             ngx_http_mcp_client_told, NULL);
        }
    }
}


static int
ngx_http_mcp_client_span(void *data, const unsigned char *p, size_t len)
{
    mcp_buf_append(data, p, len);

    return MCP_OK;
}


/* To the backend that asked; an answer to nothing is dropped. */

static void
ngx_http_mcp_client_answer(ngx_http_mcp_call_t *call)
{
    unsigned                      index;
    mcp_buf_t                     b;
    ngx_str_t                     body;
    mcp_edits_t                   edits;
    mcp_message_t                *m;
    ngx_http_mcp_backend_t       *be;
    ngx_http_mcp_main_conf_t     *mmcf;
    const mcp_session_backend_t  *s;

    m = &call->message;

    if (call->session.nbackends == 0
        || mcp_ask_answer(m, &call->arena, &index, &edits) != MCP_OK
        || index >= call->session.nbackends)
    {
        return;
    }

    s = &call->session.backend[index];
    be = ngx_http_mcp_client_session_backend(call, s);

    if (be == NULL) {
        return;
    }

    mmcf = ngx_http_get_module_main_conf(call->request, ngx_http_mcp_module);

    mcp_buf_init(&b, &call->arena, edits.len);

    if (mcp_edits_spans(&edits, m->tape.text, m->tape.len,
                        ngx_http_mcp_client_span, &b)
        != MCP_OK
        || b.failed)
    {
        return;
    }

    body.data = b.data;
    body.len = b.len;

    (void) ngx_http_mcp_client_session_send(mmcf, be, s, &body,
                                           ngx_http_mcp_client_told, NULL);
}


static void
ngx_http_mcp_client_told(ngx_http_mcp_fetch_t *f)
{
    if (f->exchange.status >= 200 && f->exchange.status < 300) {
        return;
    }

    ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                  "a client's message did not reach backend \"%V\" (HTTP "
                  "status %ui)", &f->backend->name, f->exchange.status);
}


/* --- logging/setLevel ---------------------------------------------------- */


ngx_uint_t
ngx_http_mcp_client_logs(ngx_http_mcp_call_t *call)
{
    ngx_uint_t                    i;
    const mcp_session_backend_t  *s;

    for (i = 0; i < call->session.nbackends; i++) {
        s = &call->session.backend[i];

        if (s->logging && ngx_http_mcp_client_session_backend(call, s)) {
            return 1;
        }
    }

    return 0;
}


/* One of RFC 5424's; NULL: none of them. */

static const char *
ngx_http_mcp_level_name(ngx_http_mcp_call_t *call)
{
    uint32_t      node;
    const char  **name;

    static const char  *names[] = {
        "debug", "info", "notice", "warning", "error", "critical", "alert",
        "emergency", NULL
    };

    if (call->message.params == 0) {
        return NULL;
    }

    node = mcp_json_get(&call->message.tape, call->message.params, "level");

    if (node == 0 || call->message.tape.node[node].type != MCP_JSON_STRING) {
        return NULL;
    }

    for (name = names; *name; name++) {
        if (mcp_json_equals(&call->message.tape, node, *name,
                            ngx_strlen(*name)))
        {
            break;
        }
    }

    return *name;
}


static void
ngx_http_mcp_level_fault(ngx_http_mcp_call_t *call, int code,
    ngx_uint_t status, const char *text)
{
    mcp_fault_t  fault;

    ngx_memzero(&fault, sizeof(mcp_fault_t));

    fault.code = code;
    fault.status = status;
    fault.message.data = (u_char *) text;
    fault.message.len = ngx_strlen(text);

    ngx_http_mcp_send_fault(call, &fault);
}


/* Answered when all backends have, so that it is set for the next call. */

void
ngx_http_mcp_set_level(ngx_http_mcp_call_t *call)
{
    u_char                        text[256];
    ngx_str_t                     body;
    ngx_uint_t                    i;
    const char                   *name;
    ngx_http_mcp_levels_t        *levels;
    ngx_http_mcp_gather_t        *g;
    ngx_http_mcp_backend_t       *be;
    const mcp_session_backend_t  *s;

    name = ngx_http_mcp_level_name(call);

    if (name == NULL) {
        ngx_http_mcp_level_fault(call, MCP_E_PARAMS, NGX_HTTP_OK,
                                 "\"level\" must be debug, info, notice, "
                                 "warning, error, critical, alert or "
                                 "emergency");
        return;
    }

    g = ngx_http_mcp_gather_create(call);
    if (g == NULL) {
        goto failed;
    }

    levels = ngx_pcalloc(g->pool, sizeof(ngx_http_mcp_levels_t));
    if (levels == NULL) {
        (void) ngx_http_mcp_gather_wait(g, 0);
        goto failed;
    }

    levels->gather = g;
    g->data = levels;
    g->done = ngx_http_mcp_level_done;

    body.data = text;
    body.len = ngx_sprintf(text, "{\"jsonrpc\":\"2.0\",\"id\":%uA,\"method\":"
                           "\"logging/setLevel\",\"params\":{\"level\":"
                           "\"%s\"}}",
                           ngx_atomic_fetch_add(&g->mmcf->sh->next_id, 1),
                           name)
               - text;

    for (i = 0; i < call->session.nbackends; i++) {
        s = &call->session.backend[i];
        be = ngx_http_mcp_client_session_backend(call, s);

        if (be != NULL && s->logging
            && ngx_http_mcp_client_session_send(g->mmcf, be, s, &body,
                                               ngx_http_mcp_level_set, levels)
               == NGX_OK)
        {
            g->pending++;
        }
    }

    if (ngx_http_mcp_gather_wait(g, NGX_HTTP_MCP_LEVEL_TIMEOUT) == NGX_AGAIN) {
        return;
    }

failed:

    ngx_http_finalize_request(call->request, NGX_HTTP_INTERNAL_SERVER_ERROR);
}


static void
ngx_http_mcp_level_set(ngx_http_mcp_fetch_t *f)
{
    ngx_http_mcp_levels_t *levels = f->data;

    mcp_json_tape_t  tape;

    if (f->exchange.status == NGX_HTTP_NOT_FOUND) {
        levels->lost++;

    } else if (f->error == NULL
               && mcp_json_tape(&tape, &f->arena, f->answer.data,
                                f->answer.len, 256)
                  == MCP_OK
               && mcp_json_get(&tape, 0, "result") != 0)
    {
        levels->taken++;

    } else {
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "backend \"%V\" did not take the level of log messages",
                      &f->backend->name);
    }

    ngx_http_mcp_gather_one(levels->gather);
}


static void
ngx_http_mcp_level_done(ngx_http_mcp_gather_t *g, ngx_http_mcp_call_t *call)
{
    ngx_http_mcp_levels_t *levels = g->data;

    mcp_buf_t  b;

    if (levels->lost) {
        ngx_http_mcp_level_fault(call, 404, NGX_HTTP_NOT_FOUND,
                                 NGX_HTTP_MCP_LOST);
        return;
    }

    if (levels->taken == 0) {
        ngx_http_mcp_level_fault(call, MCP_E_BACKEND, NGX_HTTP_OK,
                                 "no backend took the level");
        return;
    }

    mcp_buf_init(&b, &call->arena, 128);
    mcp_reply_empty(&b, &call->message.id, call->era);

    call->outcome = NGX_HTTP_MCP_OK;
    ngx_http_mcp_send_json(call, NGX_HTTP_OK, &b);
}
