
/*
 * Sessions with legacy backends that belong to one client ("session client"):
 * opened with the client's own capabilities when it says initialize, carried
 * in the client's Mcp-Session-Id, ended together with it.
 */


#include "ngx_http_mcp.h"


#define NGX_HTTP_MCP_OPEN_TIMEOUT  5000  /* ms that a client waits for them */
#define NGX_HTTP_MCP_OPEN_PAUSE    10    /* seconds that none waits for a
                                            backend which let one wait in vain
                                            */


/* One that is being opened. */

typedef struct {
    ngx_http_mcp_gather_t       *gather;
    ngx_http_mcp_backend_t      *backend;
    mcp_session_backend_t        session;
    unsigned                     settled:1;
    unsigned                     opened:1;
} ngx_http_mcp_slot_t;


typedef struct {
    void                       (*done)(ngx_http_mcp_call_t *call);
    ngx_uint_t                   n;
    ngx_http_mcp_slot_t          slot[MCP_SESSION_BACKENDS];
} ngx_http_mcp_slots_t;


static ngx_uint_t ngx_http_mcp_client_hangs(ngx_http_mcp_backend_t *be);
static ngx_int_t ngx_http_mcp_client_initialize(ngx_http_mcp_call_t *call,
    mcp_buf_t *b);
static void ngx_http_mcp_client_opened(void *data,
    ngx_http_mcp_opened_t *opened, const char *error);
static void ngx_http_mcp_client_done(ngx_http_mcp_gather_t *g,
    ngx_http_mcp_call_t *call);
static void ngx_http_mcp_client_gone(ngx_http_mcp_gather_t *g);
static void ngx_http_mcp_client_ended(ngx_http_mcp_fetch_t *f);


ngx_int_t
ngx_http_mcp_client_sessions_open(ngx_http_mcp_call_t *call,
    void (*done)(ngx_http_mcp_call_t *call))
{
    mcp_buf_t                 b;
    ngx_str_t                 body;
    ngx_uint_t                i;
    ngx_http_mcp_slot_t      *slot;
    ngx_http_mcp_slots_t     *slots;
    ngx_http_mcp_gather_t    *g;
    ngx_http_mcp_backend_t   *be;
    ngx_http_mcp_loc_conf_t  *mlcf;

    mlcf = ngx_http_get_module_loc_conf(call->request, ngx_http_mcp_module);

    for (i = 0; i < mlcf->nbackends; i++) {
        if (mlcf->backends[i]->session == NGX_HTTP_MCP_SESSION_CLIENT
            && !call->view->source[i].hidden)
        {
            break;
        }
    }

    if (i == mlcf->nbackends) {
        return NGX_OK;
    }

    if (ngx_http_mcp_client_initialize(call, &b) != NGX_OK) {
        return NGX_ERROR;
    }

    body.data = b.data;
    body.len = b.len;

    g = ngx_http_mcp_gather_create(call);
    if (g == NULL) {
        return NGX_ERROR;
    }

    slots = ngx_pcalloc(g->pool, sizeof(ngx_http_mcp_slots_t));

    if (slots != NULL) {
        slots->done = done;
        g->data = slots;
        g->done = ngx_http_mcp_client_done;
        g->gone = ngx_http_mcp_client_gone;
    }

    for ( /* void */ ; slots != NULL && i < mlcf->nbackends; i++) {
        be = mlcf->backends[i];

        if (be->session != NGX_HTTP_MCP_SESSION_CLIENT
            || call->view->source[i].disabled
            || call->view->source[i].hidden)
        {
            continue;
        }

        if (slots->n == MCP_SESSION_BACKENDS) {
            ngx_log_error(NGX_LOG_WARN, call->request->connection->log, 0,
                          "a client can have %d sessions with backends, "
                          "\"%V\" is used without", MCP_SESSION_BACKENDS,
                          &be->name);
            break;
        }

        if (ngx_http_mcp_client_hangs(be)) {
            continue;
        }

        slot = &slots->slot[slots->n++];
        slot->gather = g;
        slot->backend = be;

        if (ngx_http_mcp_session_new(g->mmcf, be, &body,
                                     ngx_http_mcp_client_opened, slot)
            == NGX_OK)
        {
            g->pending++;

        } else {
            slot->settled = 1;
        }
    }

    return ngx_http_mcp_gather_wait(g, NGX_HTTP_MCP_OPEN_TIMEOUT);
}


/*
 * When the pause is over one client tries, and the others do not wait with it.
 */

static ngx_uint_t
ngx_http_mcp_client_hangs(ngx_http_mcp_backend_t *be)
{
    ngx_atomic_uint_t  until;

    until = be->peer->hangs;

    if (until == 0) {
        return 0;
    }

    if (!ngx_http_mcp_past(until, NGX_HTTP_MCP_OPEN_PAUSE)) {
        return 1;
    }

    return !ngx_atomic_cmp_set(&be->peer->hangs, until,
                               ngx_time() + NGX_HTTP_MCP_OPEN_PAUSE);
}


/* What the client said, to be said to its backends. */

static ngx_int_t
ngx_http_mcp_client_initialize(ngx_http_mcp_call_t *call, mcp_buf_t *b)
{
    uint32_t                node;
    mcp_str_t               raw;
    const mcp_json_tape_t  *tape;

    tape = &call->message.tape;

    mcp_buf_init(b, &call->arena, 512);
    mcp_buf_literal(b, "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":"
                       "\"initialize\",\"params\":{\"protocolVersion\":\"");
    mcp_buf_str(b, &call->version);
    mcp_buf_literal(b, "\",\"capabilities\":");

    node = call->message.params
           ? mcp_json_get(tape, call->message.params, "capabilities") : 0;

    if (node != 0 && tape->node[node].type == MCP_JSON_OBJECT) {
        raw = mcp_json_raw(tape, node);
        mcp_buf_str(b, &raw);

    } else {
        mcp_buf_literal(b, "{}");
    }

    mcp_buf_literal(b, ",\"clientInfo\":");

    if (call->message.client_info != 0) {
        raw = mcp_json_raw(tape, call->message.client_info);
        mcp_buf_str(b, &raw);

    } else {
        mcp_buf_literal(b, "{\"name\":\"" MCP_SERVER_NAME "\",\"version\":\""
                           MCP_SERVER_VERSION "\"}");
    }

    mcp_buf_literal(b, "}}");

    return b->failed ? NGX_ERROR : NGX_OK;
}


/* Whether a capability stands in the object that a backend gave. */

static ngx_uint_t
ngx_http_mcp_client_logging(ngx_pool_t *pool, mcp_str_t *capabilities)
{
    uint32_t         node;
    mcp_arena_t      arena;
    mcp_json_tape_t  tape;

    ngx_http_mcp_arena_init(&arena, pool);

    if (mcp_json_tape(&tape, &arena, capabilities->data, capabilities->len,
                      256)
        != MCP_OK)
    {
        return 0;
    }

    node = mcp_json_get(&tape, 0, "logging");

    return node != 0 && tape.node[node].type == MCP_JSON_OBJECT;
}


static void
ngx_http_mcp_client_opened(void *data, ngx_http_mcp_opened_t *opened,
    const char *error)
{
    ngx_http_mcp_slot_t *slot = data;

    int                     version;
    mcp_session_backend_t  *s;
    ngx_http_mcp_gather_t  *g;

    g = slot->gather;
    s = &slot->session;

    slot->settled = 1;

    if (g->call != NULL) {
        slot->backend->peer->hangs = 0;
    }

    if (opened != NULL) {
        s->backend = slot->backend->hash;
        s->logging = ngx_http_mcp_client_logging(g->pool,
                                                 &opened->capabilities);

        version = mcp_legacy_version(&opened->version);
        if (version >= 0) {
            s->version = mcp_legacy_versions[version];
        }

        s->id.len = opened->id.len;
        s->id.data = ngx_palloc(g->pool, opened->id.len + 1);

        if (s->id.data != NULL) {
            ngx_memcpy(s->id.data, opened->id.data, opened->id.len);
            slot->opened = 1;
        }
    }

    if (slot->opened && g->call == NULL) {

        /* it comes too late */

        (void) ngx_http_mcp_client_session_send(g->mmcf, slot->backend, s,
                                               NULL, NULL, NULL);
    }

    ngx_http_mcp_gather_one(g);
}


/* All that are open by now go into the client's session. */

static void
ngx_http_mcp_client_done(ngx_http_mcp_gather_t *g, ngx_http_mcp_call_t *call)
{
    ngx_http_mcp_slots_t *slots = g->data;

    ngx_uint_t              i;
    mcp_session_t          *session;
    ngx_http_mcp_slot_t    *slot;
    mcp_session_backend_t  *s;

    session = &call->session;
    session->nbackends = 0;
    session->backend = mcp_alloc(&call->arena, MCP_SESSION_BACKENDS
                                              * sizeof(mcp_session_backend_t));

    for (i = 0; i < slots->n; i++) {
        slot = &slots->slot[i];

        if (!slot->settled) {
            slot->backend->peer->hangs = ngx_time() + NGX_HTTP_MCP_OPEN_PAUSE;

            ngx_log_error(NGX_LOG_WARN, call->request->connection->log, 0,
                          "backend \"%V\" opened no session for a client "
                          "within %d seconds; for %d seconds no client waits "
                          "for it", &slot->backend->name,
                          NGX_HTTP_MCP_OPEN_TIMEOUT / 1000,
                          NGX_HTTP_MCP_OPEN_PAUSE);
        }

        if (!slot->opened) {
            continue;
        }

        if (session->backend != NULL
            && mcp_session_fits(session, &slot->session))
        {
            s = &session->backend[session->nbackends];
            *s = slot->session;
            s->id.data = mcp_memdup(&call->arena, s->id.data, s->id.len);

            if (s->id.data != NULL) {
                session->nbackends++;
                continue;
            }
        }

        ngx_log_error(NGX_LOG_WARN, call->request->connection->log, 0,
                      "the client's session has no room for one with backend "
                      "\"%V\"", &slot->backend->name);

        (void) ngx_http_mcp_client_session_send(g->mmcf, slot->backend,
                                               &slot->session, NULL, NULL,
                                               NULL);
    }

    slots->done(call);
}


static void
ngx_http_mcp_client_gone(ngx_http_mcp_gather_t *g)
{
    ngx_http_mcp_slots_t *slots = g->data;

    ngx_uint_t            i;
    ngx_http_mcp_slot_t  *slot;

    for (i = 0; i < slots->n; i++) {
        slot = &slots->slot[i];

        if (slot->opened) {
            (void) ngx_http_mcp_client_session_send(g->mmcf, slot->backend,
                                                   &slot->session, NULL, NULL,
                                                   NULL);
        }
    }
}


/* --- their use ----------------------------------------------------------- */


const mcp_session_backend_t *
ngx_http_mcp_client_session(ngx_http_mcp_call_t *call,
    ngx_http_mcp_backend_t *be)
{
    ngx_uint_t  i;

    if (be->session != NGX_HTTP_MCP_SESSION_CLIENT
        || call->era != MCP_ERA_LEGACY)
    {
        return NULL;
    }

    for (i = 0; i < call->session.nbackends; i++) {
        if (call->session.backend[i].backend == be->hash) {
            return &call->session.backend[i];
        }
    }

    return NULL;
}


ngx_http_mcp_backend_t *
ngx_http_mcp_client_session_backend(ngx_http_mcp_call_t *call,
    const mcp_session_backend_t *s)
{
    ngx_uint_t                i;
    ngx_http_mcp_backend_t   *be;
    ngx_http_mcp_loc_conf_t  *mlcf;

    mlcf = ngx_http_get_module_loc_conf(call->request, ngx_http_mcp_module);

    for (i = 0; i < mlcf->nbackends; i++) {
        be = mlcf->backends[i];

        if (be->hash == s->backend
            && be->session == NGX_HTTP_MCP_SESSION_CLIENT)
        {
            return be;
        }
    }

    return NULL;
}


ngx_int_t
ngx_http_mcp_client_session_send(ngx_http_mcp_main_conf_t *mmcf,
    ngx_http_mcp_backend_t *be, const mcp_session_backend_t *s,
    ngx_str_t *body, void (*handler)(ngx_http_mcp_fetch_t *f), void *data)
{
    u_char                *p;
    u_char                 headers[MCP_SESSION_ID_MAX + 128];
    ngx_http_mcp_fetch_t   f;

    if (body == NULL && s->id.len == 0) {
        return NGX_OK;
    }

    p = headers;

    if (s->version.len) {
        p = ngx_sprintf(p, "MCP-Protocol-Version: %*s" CRLF, s->version.len,
                        s->version.data);
    }

    if (s->id.len) {
        p = ngx_sprintf(p, "Mcp-Session-Id: %*s" CRLF, s->id.len, s->id.data);
    }

    ngx_memzero(&f, sizeof(ngx_http_mcp_fetch_t));

    f.backend = be;
    f.headers.data = headers;
    f.headers.len = p - headers;
    f.idempotent = 1;
    f.max = 65536;
    f.data = data;
    f.handler = handler ? handler : ngx_http_mcp_client_ended;

    if (body != NULL) {
        f.body = *body;

    } else {
        f.body.data = (u_char *) "";
    }

    return ngx_http_mcp_fetch(mmcf, &f, ngx_cycle->log);
}


/* A server need not allow DELETE (MCP 2025-11-25, "Session Management"). */

static void
ngx_http_mcp_client_ended(ngx_http_mcp_fetch_t *f)
{
}


void
ngx_http_mcp_client_sessions_end(ngx_http_mcp_call_t *call)
{
    ngx_uint_t                  i, n;
    ngx_http_mcp_backend_t    **be;
    ngx_http_mcp_main_conf_t   *mmcf;

    mmcf = ngx_http_get_module_main_conf(call->request, ngx_http_mcp_module);
    be = mmcf->backends.elts;

    for (i = 0; i < call->session.nbackends; i++) {

        for (n = 0; n < mmcf->backends.nelts; n++) {

            if (be[n]->hash == call->session.backend[i].backend) {
                (void) ngx_http_mcp_client_session_send(mmcf, be[n],
                                                 &call->session.backend[i],
                                                 NULL, NULL, NULL);
                break;
            }
        }
    }
}
