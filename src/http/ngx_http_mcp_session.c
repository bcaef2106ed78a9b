
/*
 * Sessions with legacy backends: initialize, then notifications/initialized
 * (MCP 2025-11-25, "Lifecycle").  The gateway's own is without client
 * capabilities, since what a backend would ask of a client cannot be told
 * apart in a session that all clients share.
 */


#include "ngx_http_mcp.h"


/* One that is being opened. */

typedef struct {
    ngx_http_mcp_main_conf_t    *mmcf;
    ngx_http_mcp_backend_t      *backend;
    ngx_http_mcp_session_pt      handler;
    void                        *data;
    ngx_pool_t                  *pool;       /* of what was opened */
    mcp_arena_t                  arena;
    ngx_http_mcp_opened_t        opened;
} ngx_http_mcp_opening_t;


typedef struct {
    ngx_queue_t                  queue;
    ngx_http_mcp_session_pt      handler;
    void                        *data;
} ngx_http_mcp_waiter_t;


/* Those who wait for the shared session with a backend. */

typedef struct {
    ngx_queue_t                  waiters;
    ngx_http_mcp_main_conf_t    *mmcf;
    ngx_http_mcp_backend_t      *backend;
    ngx_pool_t                  *pool;
} ngx_http_mcp_sharing_t;


static void ngx_http_mcp_session_shared(void *data,
    ngx_http_mcp_opened_t *opened, const char *error);
static void ngx_http_mcp_session_initialized(ngx_http_mcp_fetch_t *f);
static const char *ngx_http_mcp_session_read(ngx_http_mcp_opening_t *op,
    ngx_http_mcp_fetch_t *f);
static void ngx_http_mcp_session_ready(ngx_http_mcp_fetch_t *f);
static void ngx_http_mcp_session_done(ngx_http_mcp_opening_t *op,
    const char *error);


/* those under way, by the index of the backend; of this process */

static ngx_http_mcp_sharing_t  **ngx_http_mcp_sharing;


static u_char  ngx_http_mcp_initialize_body[] =
    "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\",\"params\":{"
    "\"protocolVersion\":\"" MCP_VERSION_LEGACY "\",\"capabilities\":{},"
    "\"clientInfo\":{\"name\":\"" MCP_SERVER_NAME "\",\"version\":\""
    MCP_SERVER_VERSION "\"}}}";


static u_char  ngx_http_mcp_initialized_body[] =
    "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}";


/* --- the shared one ------------------------------------------------------ */


ngx_int_t
ngx_http_mcp_session_open(ngx_http_mcp_main_conf_t *mmcf,
    ngx_http_mcp_backend_t *backend, ngx_http_mcp_session_pt handler,
    void *data)
{
    ngx_pool_t              *pool;
    ngx_http_mcp_waiter_t   *w;
    ngx_http_mcp_sharing_t  *sh;

    if (ngx_http_mcp_sharing == NULL) {
        ngx_http_mcp_sharing = ngx_calloc(mmcf->backends.nelts
                                          * sizeof(ngx_http_mcp_sharing_t *),
                                          ngx_cycle->log);
        if (ngx_http_mcp_sharing == NULL) {
            return NGX_ERROR;
        }
    }

    sh = ngx_http_mcp_sharing[backend->index];

    if (sh != NULL) {
        w = ngx_palloc(sh->pool, sizeof(ngx_http_mcp_waiter_t));
        if (w == NULL) {
            return NGX_ERROR;
        }

        w->handler = handler;
        w->data = data;
        ngx_queue_insert_tail(&sh->waiters, &w->queue);

        return NGX_OK;
    }

    pool = ngx_create_pool(1024, ngx_cycle->log);
    if (pool == NULL) {
        return NGX_ERROR;
    }

    sh = ngx_pcalloc(pool, sizeof(ngx_http_mcp_sharing_t));
    w = ngx_palloc(pool, sizeof(ngx_http_mcp_waiter_t));

    if (sh == NULL || w == NULL) {
        ngx_destroy_pool(pool);
        return NGX_ERROR;
    }

    sh->pool = pool;
    sh->mmcf = mmcf;
    sh->backend = backend;

    ngx_queue_init(&sh->waiters);
    w->handler = handler;
    w->data = data;
    ngx_queue_insert_tail(&sh->waiters, &w->queue);

    if (ngx_http_mcp_session_new(mmcf, backend, NULL,
                                 ngx_http_mcp_session_shared, sh)
        != NGX_OK)
    {
        ngx_destroy_pool(pool);
        return NGX_ERROR;
    }

    ngx_http_mcp_sharing[backend->index] = sh;

    return NGX_OK;
}


static void
ngx_http_mcp_session_shared(void *data, ngx_http_mcp_opened_t *opened,
    const char *error)
{
    ngx_http_mcp_sharing_t *sh = data;

    ngx_str_t               id, version;
    ngx_queue_t            *q;
    ngx_http_mcp_waiter_t  *w;

    ngx_http_mcp_sharing[sh->backend->index] = NULL;

    if (opened != NULL) {
        id = ngx_http_mcp_str(&opened->id);
        version = ngx_http_mcp_str(&opened->version);

        if (ngx_http_mcp_peer_set_session(sh->mmcf, sh->backend->peer, &id,
                                          &version)
            != NGX_OK)
        {
            opened = NULL;
            error = "the session id is too long";
        }
    }

    while (!ngx_queue_empty(&sh->waiters)) {
        q = ngx_queue_head(&sh->waiters);
        ngx_queue_remove(q);

        w = ngx_queue_data(q, ngx_http_mcp_waiter_t, queue);
        w->handler(w->data, opened, error);
    }

    ngx_destroy_pool(sh->pool);
}


/* --- any one ------------------------------------------------------------- */


ngx_int_t
ngx_http_mcp_session_new(ngx_http_mcp_main_conf_t *mmcf,
    ngx_http_mcp_backend_t *backend, ngx_str_t *body,
    ngx_http_mcp_session_pt handler, void *data)
{
    ngx_pool_t              *pool;
    ngx_http_mcp_fetch_t     f;
    ngx_http_mcp_opening_t  *op;

    pool = ngx_create_pool(4096, ngx_cycle->log);
    if (pool == NULL) {
        return NGX_ERROR;
    }

    op = ngx_pcalloc(pool, sizeof(ngx_http_mcp_opening_t));
    if (op == NULL) {
        ngx_destroy_pool(pool);
        return NGX_ERROR;
    }

    op->pool = pool;
    op->mmcf = mmcf;
    op->backend = backend;
    op->handler = handler;
    op->data = data;
    ngx_http_mcp_arena_init(&op->arena, pool);

    ngx_memzero(&f, sizeof(ngx_http_mcp_fetch_t));

    f.backend = backend;

    if (body != NULL) {
        f.body = *body;

    } else {
        f.body.data = ngx_http_mcp_initialize_body;
        f.body.len = sizeof(ngx_http_mcp_initialize_body) - 1;
    }

    f.idempotent = 1;
    f.max = 1024 * 1024;
    f.data = op;
    f.handler = ngx_http_mcp_session_initialized;

    if (ngx_http_mcp_fetch(mmcf, &f, ngx_cycle->log) != NGX_OK) {
        ngx_destroy_pool(pool);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_http_mcp_session_initialized(ngx_http_mcp_fetch_t *f)
{
    ngx_http_mcp_opening_t *op = f->data;

    u_char                *p;
    const char            *error;
    ngx_http_mcp_fetch_t   next;

    error = f->error ? f->error : ngx_http_mcp_session_read(op, f);

    if (error) {
        ngx_http_mcp_session_done(op, error);
        return;
    }

    ngx_memzero(&next, sizeof(ngx_http_mcp_fetch_t));

    next.backend = op->backend;
    next.body.data = ngx_http_mcp_initialized_body;
    next.body.len = sizeof(ngx_http_mcp_initialized_body) - 1;
    next.idempotent = 1;
    next.max = 65536;
    next.data = op;
    next.handler = ngx_http_mcp_session_ready;

    next.headers.data = ngx_pnalloc(op->pool, op->opened.id.len + 128);
    if (next.headers.data == NULL) {
        ngx_http_mcp_session_done(op, "out of memory");
        return;
    }

    p = ngx_sprintf(next.headers.data, "MCP-Protocol-Version: %*s" CRLF,
                    op->opened.version.len, op->opened.version.data);

    if (op->opened.id.len) {
        p = ngx_sprintf(p, "Mcp-Session-Id: %*s" CRLF, op->opened.id.len,
                        op->opened.id.data);
    }

    next.headers.len = p - next.headers.data;

    if (ngx_http_mcp_fetch(op->mmcf, &next, ngx_cycle->log) != NGX_OK) {
        ngx_http_mcp_session_done(op, "out of memory");
    }
}


/* NULL, or what is wrong with the answer to initialize. */

static const char *
ngx_http_mcp_session_read(ngx_http_mcp_opening_t *op, ngx_http_mcp_fetch_t *f)
{
    size_t           i;
    uint32_t         result, node;
    mcp_str_t        answer, *id;
    mcp_json_tape_t  tape;

    answer.len = f->answer.len;
    answer.data = mcp_memdup(&op->arena, f->answer.data, f->answer.len);

    if (answer.data == NULL) {
        return "out of memory";
    }

    if (mcp_json_tape(&tape, &op->arena, answer.data, answer.len, 256)
        != MCP_OK)
    {
        return "the answer to initialize is not valid JSON";
    }

    result = mcp_json_get(&tape, 0, "result");

    if (result == 0 || tape.node[result].type != MCP_JSON_OBJECT) {
        return "initialize was refused";
    }

    node = mcp_json_get(&tape, result, "protocolVersion");

    if (node == 0 || tape.node[node].type != MCP_JSON_STRING
        || mcp_json_unescape(&tape, node, &op->arena, &op->opened.version)
           != MCP_OK
        || (mcp_legacy_version(&op->opened.version) < 0
            && !mcp_str_is(&op->opened.version, "2024-11-05")))
    {
        return "initialize was answered with an unknown protocol version";
    }

    node = mcp_json_get(&tape, result, "capabilities");

    if (node != 0 && tape.node[node].type == MCP_JSON_OBJECT) {
        op->opened.capabilities = mcp_json_raw(&tape, node);
    } else {
        mcp_str_set(&op->opened.capabilities, "{}");
    }

    node = mcp_json_get(&tape, result, "instructions");

    if (node != 0 && tape.node[node].type == MCP_JSON_STRING
        && mcp_json_unescape(&tape, node, &op->arena, &op->opened.instructions)
           != MCP_OK)
    {
        return "out of memory";
    }

    id = &op->opened.id;
    id->len = f->exchange.session_id.len;
    id->data = ngx_pstrdup(op->pool, &f->exchange.session_id);

    if (id->data == NULL && id->len) {
        return "out of memory";
    }

    /* visible ASCII (MCP 2025-11-25, "Session Management") */

    for (i = 0; i < id->len; i++) {
        if (id->data[i] < 0x21 || id->data[i] > 0x7e) {
            return "the session id has characters that are not allowed";
        }
    }

    if (id->len > NGX_HTTP_MCP_SESSION_ID_MAX) {
        return "the session id is too long";
    }

    return NULL;
}


static void
ngx_http_mcp_session_ready(ngx_http_mcp_fetch_t *f)
{
    ngx_http_mcp_opening_t *op = f->data;

    if (f->exchange.status < 200 || f->exchange.status >= 300) {
        ngx_http_mcp_session_done(op, "notifications/initialized was refused");
        return;
    }

    ngx_http_mcp_session_done(op, NULL);
}


static void
ngx_http_mcp_session_done(ngx_http_mcp_opening_t *op, const char *error)
{
    if (error) {
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "could not open a session with backend \"%V\": %s",
                      &op->backend->name, error);
    }

    op->handler(op->data, error ? NULL : &op->opened, error);

    ngx_destroy_pool(op->pool);
}


ngx_int_t
ngx_http_mcp_session_headers(ngx_http_mcp_main_conf_t *mmcf,
    ngx_http_mcp_backend_t *backend, ngx_pool_t *pool, ngx_str_t *headers)
{
    u_char     *p;
    ngx_str_t   id, version;

    if (ngx_http_mcp_peer_session(mmcf, backend->peer, pool, &id, &version)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    p = ngx_pnalloc(pool, id.len + version.len + 64);
    if (p == NULL) {
        return NGX_ERROR;
    }

    headers->data = p;

    if (version.len) {
        p = ngx_sprintf(p, "MCP-Protocol-Version: %V" CRLF, &version);
    }

    if (id.len) {
        p = ngx_sprintf(p, "Mcp-Session-Id: %V" CRLF, &id);
    }

    headers->len = p - headers->data;

    return NGX_OK;
}
