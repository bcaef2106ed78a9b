
/* What a message asks for, and who answers it: the gateway or a backend. */


#include "ngx_http_mcp.h"

#include <openssl/rand.h>


#define NGX_HTTP_MCP_WAIT       3000     /* for a first catalog, in all */
#define NGX_HTTP_MCP_WAIT_STEP  20

#define NGX_HTTP_NOT_ACCEPTABLE  406


static ngx_int_t ngx_http_mcp_check(ngx_http_mcp_call_t *call,
    mcp_fault_t *fault);
static ngx_int_t ngx_http_mcp_check_accept(ngx_http_mcp_call_t *call,
    mcp_fault_t *fault);
static ngx_int_t ngx_http_mcp_check_session(ngx_http_mcp_call_t *call,
    mcp_fault_t *fault);
static void ngx_http_mcp_method(ngx_http_mcp_call_t *call);
static void ngx_http_mcp_initialize(ngx_http_mcp_call_t *call);
static void ngx_http_mcp_initialized(ngx_http_mcp_call_t *call);
static void ngx_http_mcp_list(ngx_http_mcp_call_t *call, mcp_list_e list);
static void ngx_http_mcp_call_tool(ngx_http_mcp_call_t *call,
    mcp_list_e list);
static void ngx_http_mcp_read_resource(ngx_http_mcp_call_t *call);
static void ngx_http_mcp_complete(ngx_http_mcp_call_t *call);
static void ngx_http_mcp_to_source(ngx_http_mcp_call_t *call,
    ngx_uint_t source);
static void ngx_http_mcp_denied(ngx_http_mcp_call_t *call, mcp_list_e list);
static void ngx_http_mcp_unknown_method(ngx_http_mcp_call_t *call);
static void ngx_http_mcp_unknown_name(ngx_http_mcp_call_t *call,
    const char *what);
static ngx_int_t ngx_http_mcp_wait(ngx_http_mcp_call_t *call);
static void ngx_http_mcp_wait_handler(ngx_event_t *ev);
static void ngx_http_mcp_wait_cleanup(void *data);


static void
ngx_http_mcp_set_fault(mcp_fault_t *fault, int code, ngx_uint_t status,
    const char *text)
{
    ngx_memzero(fault, sizeof(mcp_fault_t));

    fault->code = code;
    fault->status = status;
    fault->message.data = (u_char *) text;
    fault->message.len = ngx_strlen(text);
}


void
ngx_http_mcp_dispatch(ngx_http_mcp_call_t *call)
{
    mcp_fault_t            fault;
    mcp_message_headers_t  h;

    h.version = ngx_http_mcp_core_str(&call->in.version);
    h.method = ngx_http_mcp_core_str(&call->in.method);
    h.name = ngx_http_mcp_core_str(&call->in.name);

    call->era = mcp_message_era(&call->message, &h);

    switch (ngx_http_mcp_check(call, &fault)) {

    case NGX_OK:
        break;

    case NGX_DECLINED:
        ngx_http_mcp_send_fault(call, &fault);
        return;

    default:
        ngx_http_finalize_request(call->request,
                                  NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    if (call->message.kind != MCP_REQUEST) {

        if (call->era == MCP_ERA_LEGACY) {

            if (call->message.method == MCP_CANCELLED) {
                ngx_http_mcp_cancel_notify(call);

            } else if (call->session.nbackends != 0) {
                ngx_http_mcp_client_message(call);
            }
        }

        call->outcome = NGX_HTTP_MCP_OK;
        ngx_http_mcp_send_empty(call, NGX_HTTP_ACCEPTED);
        return;
    }

    ngx_http_mcp_method(call);
}


static ngx_int_t
ngx_http_mcp_check(ngx_http_mcp_call_t *call, mcp_fault_t *fault)
{
    ngx_int_t              rc;
    mcp_message_headers_t  h;

    h.version = ngx_http_mcp_core_str(&call->in.version);
    h.method = ngx_http_mcp_core_str(&call->in.method);
    h.name = ngx_http_mcp_core_str(&call->in.name);

    if (call->era == MCP_ERA_MODERN) {

        mcp_str_set(&call->version, MCP_VERSION_MODERN);

        if (call->message.kind == MCP_RESPONSE) {
            ngx_http_mcp_set_fault(fault, MCP_E_REQUEST, NGX_HTTP_BAD_REQUEST,
                                   "this revision of MCP has no responses of "
                                   "clients");
            return NGX_DECLINED;
        }

        rc = mcp_message_check_modern(&call->message, &h, &call->arena, fault);

    } else {

        rc = ngx_http_mcp_check_session(call, fault);
        if (rc != NGX_OK) {
            return rc;
        }

        rc = mcp_message_check_legacy(&call->message, &h, &call->arena, fault);
    }

    if (rc == MCP_ERROR) {
        return NGX_DECLINED;
    }

    if (rc != MCP_OK) {
        return NGX_ERROR;
    }

    return ngx_http_mcp_check_accept(call, fault);
}


/*
 * Legacy clients must accept both types (MCP 2025-11-25, "Sending Messages");
 * of a modern one it is enough that it accepts an answer at all.
 */

static ngx_int_t
ngx_http_mcp_check_accept(ngx_http_mcp_call_t *call, mcp_fault_t *fault)
{
    if (call->message.kind != MCP_REQUEST) {
        return NGX_OK;
    }

    if (call->era == MCP_ERA_MODERN && call->in.accept.data == NULL) {
        call->accept_json = 1;
        call->accept_sse = 1;
    }

    if (call->accept_json && call->accept_sse) {
        return NGX_OK;
    }

    if (call->era == MCP_ERA_MODERN
        && (call->accept_json || call->accept_sse))
    {
        return NGX_OK;
    }

    ngx_http_mcp_set_fault(fault, 406, NGX_HTTP_NOT_ACCEPTABLE,
                           "send Accept: application/json, text/event-stream");

    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_mcp_check_session(ngx_http_mcp_call_t *call, mcp_fault_t *fault)
{
    ngx_int_t  rc;

    if (call->message.method == MCP_INITIALIZE
        && call->message.kind == MCP_REQUEST)
    {
        return NGX_OK;
    }

    if (call->in.session.data == NULL) {
        ngx_http_mcp_set_fault(fault, MCP_E_REQUEST, NGX_HTTP_BAD_REQUEST,
                               "there is no session: begin with initialize "
                               "and send its Mcp-Session-Id, or speak "
                               "revision " MCP_VERSION_MODERN);
        return NGX_DECLINED;
    }

    rc = ngx_http_mcp_session_enter(call);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    ngx_http_mcp_set_fault(fault, 404, NGX_HTTP_NOT_FOUND,
                           "there is no such session; begin with initialize");

    return NGX_DECLINED;
}


static void
ngx_http_mcp_method(ngx_http_mcp_call_t *call)
{
    mcp_buf_t  b;

    /* it stays longer than a view of today should */

    if (call->message.method == MCP_LISTEN && call->era == MCP_ERA_MODERN
        && ngx_http_mcp_listen_on(call->request))
    {
        ngx_http_mcp_listen(call);
        return;
    }

    call->view = ngx_http_mcp_view(call->request);

    if (call->view == NULL || ngx_http_mcp_disable_apply(call) != NGX_OK) {
        ngx_http_finalize_request(call->request,
                                  NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    switch (call->message.method) {

    case MCP_TOOLS_CALL:
        ngx_http_mcp_call_tool(call, MCP_TOOLS);
        return;

    case MCP_PROMPTS_GET:
        ngx_http_mcp_call_tool(call, MCP_PROMPTS);
        return;

    case MCP_RESOURCES_READ:
        ngx_http_mcp_read_resource(call);
        return;

    case MCP_COMPLETE:
        ngx_http_mcp_complete(call);
        return;

    case MCP_TOOLS_LIST:
        ngx_http_mcp_list(call, MCP_TOOLS);
        return;

    case MCP_PROMPTS_LIST:
        ngx_http_mcp_list(call, MCP_PROMPTS);
        return;

    case MCP_RESOURCES_LIST:
        ngx_http_mcp_list(call, MCP_RESOURCES);
        return;

    case MCP_TEMPLATES_LIST:
        ngx_http_mcp_list(call, MCP_TEMPLATES);
        return;

    case MCP_INITIALIZE:

        if (call->era == MCP_ERA_MODERN) {
            break;
        }

        ngx_http_mcp_initialize(call);
        return;

    case MCP_PING:

        if (call->era == MCP_ERA_MODERN) {
            break;
        }

        mcp_buf_init(&b, &call->arena, 128);
        mcp_reply_empty(&b, &call->message.id, call->era);

        call->outcome = NGX_HTTP_MCP_OK;
        ngx_http_mcp_send_json(call, NGX_HTTP_OK, &b);
        return;

    case MCP_SET_LEVEL:

        if (call->era == MCP_ERA_MODERN || !ngx_http_mcp_client_logs(call)) {
            break;
        }

        ngx_http_mcp_set_level(call);
        return;

    case MCP_DISCOVER:

        if (call->era != MCP_ERA_MODERN) {
            break;
        }

        if (ngx_http_mcp_wait(call) == NGX_AGAIN) {
            return;
        }

        mcp_buf_init(&b, &call->arena, 1024);
        mcp_reply_discover(&b, &call->message.id, call->view,
                           ngx_http_mcp_listen_on(call->request)
                           ? MCP_REPLY_CHANGES : 0);

        call->outcome = NGX_HTTP_MCP_OK;
        ngx_http_mcp_send_json(call, NGX_HTTP_OK, &b);
        return;

    default:
        break;
    }

    ngx_http_mcp_unknown_method(call);
}


static void
ngx_http_mcp_initialize(ngx_http_mcp_call_t *call)
{
    ngx_http_mcp_main_conf_t  *mmcf;

    if (ngx_http_mcp_wait(call) == NGX_AGAIN) {
        return;
    }

    call->version = *mcp_negotiate(&call->message.version);

    ngx_memzero(&call->session, sizeof(mcp_session_t));

    if (RAND_bytes(call->session.uid, MCP_SESSION_UID) != 1
        || ngx_http_mcp_identity_hash(call, call->session.identity) != NGX_OK)
    {
        ngx_http_finalize_request(call->request,
                                  NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    mmcf = ngx_http_get_module_main_conf(call->request, ngx_http_mcp_module);

    call->session.created = ngx_time();
    call->session.expires = ngx_time() + mmcf->session_timeout;
    call->session.version = call->version;

    if (call->message.client_info != 0) {
        call->session.client_info = mcp_json_raw(&call->message.tape,
                                                 call->message.client_info);
        if (call->session.client_info.len > MCP_SESSION_INFO_MAX) {
            call->session.client_info.len = 0;
        }
    }

    switch (ngx_http_mcp_client_sessions_open(call,
                                              ngx_http_mcp_initialized))
    {
    case NGX_OK:
        ngx_http_mcp_initialized(call);
        return;

    case NGX_AGAIN:
        return;

    default:
        ngx_http_finalize_request(call->request,
                                  NGX_HTTP_INTERNAL_SERVER_ERROR);
    }
}


static void
ngx_http_mcp_initialized(ngx_http_mcp_call_t *call)
{
    mcp_str_t                  id;
    unsigned                   own;
    mcp_buf_t                  b;
    ngx_http_mcp_main_conf_t  *mmcf;

    mmcf = ngx_http_get_module_main_conf(call->request, ngx_http_mcp_module);

    if (mcp_session_encode(&call->session, ngx_http_mcp_key(mmcf, 0),
                           &call->arena, &id)
        != MCP_OK)
    {
        ngx_http_finalize_request(call->request,
                                  NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    call->has_session = 1;
    call->session_id = ngx_http_mcp_str(&id);

    own = 0;

    if (ngx_http_mcp_client_logs(call)) {
        own |= MCP_REPLY_LOGGING;
    }

    if (ngx_http_mcp_listen_on(call->request)) {
        own |= MCP_REPLY_CHANGES;
    }

    mcp_buf_init(&b, &call->arena, 1024);
    mcp_reply_initialize(&b, &call->message.id, &call->version, call->view,
                         own);

    call->outcome = NGX_HTTP_MCP_OK;
    ngx_http_mcp_send_json(call, NGX_HTTP_OK, &b);
}


/* --- lists --------------------------------------------------------------- */


/* A cursor, before it is sealed. */

typedef struct {
    uint32_t                     method;
    uint32_t                     index;      /* in the list */
    uint32_t                     view;       /* of the location */
    uint32_t                     zero;
    uint64_t                     expires;
    u_char                       identity[MCP_IDENTITY_HASH];
} ngx_http_mcp_cursor_t;


static void
ngx_http_mcp_cursor(void *data, unsigned index, mcp_buf_t *b)
{
    ngx_http_mcp_call_t *call = data;

    mcp_str_t                  plain, sealed;
    ngx_http_mcp_cursor_t      cursor;
    ngx_http_mcp_loc_conf_t   *mlcf;
    ngx_http_mcp_main_conf_t  *mmcf;

    mmcf = ngx_http_get_module_main_conf(call->request, ngx_http_mcp_module);
    mlcf = ngx_http_get_module_loc_conf(call->request, ngx_http_mcp_module);

    ngx_memzero(&cursor, sizeof(ngx_http_mcp_cursor_t));

    cursor.method = call->message.method;
    cursor.index = index;
    cursor.view = mlcf->index;
    cursor.expires = ngx_time() + mmcf->session_timeout;

    plain.data = (u_char *) &cursor;
    plain.len = sizeof(ngx_http_mcp_cursor_t);

    if (ngx_http_mcp_identity_hash(call, cursor.identity) != NGX_OK
        || ngx_http_mcp_seal(mmcf, "cursor", &plain, &call->arena, &sealed)
           != MCP_OK)
    {
        b->failed = 1;
        return;
    }

    mcp_buf_json(b, sealed.data, sealed.len);
}


static ngx_int_t
ngx_http_mcp_read_cursor(ngx_http_mcp_call_t *call, ngx_uint_t *from)
{
    u_char                     identity[MCP_IDENTITY_HASH];
    mcp_str_t                  text, plain;
    ngx_http_mcp_cursor_t      cursor;
    ngx_http_mcp_loc_conf_t   *mlcf;
    ngx_http_mcp_main_conf_t  *mmcf;

    *from = 0;

    if (call->message.cursor == 0) {
        return NGX_OK;
    }

    mmcf = ngx_http_get_module_main_conf(call->request, ngx_http_mcp_module);
    mlcf = ngx_http_get_module_loc_conf(call->request, ngx_http_mcp_module);

    if (mcp_json_unescape(&call->message.tape, call->message.cursor,
                          &call->arena, &text)
        != MCP_OK
        || ngx_http_mcp_identity_hash(call, identity) != NGX_OK
        || ngx_http_mcp_unseal(mmcf, "cursor", &text, &call->arena, &plain)
           != MCP_OK
        || plain.len != sizeof(ngx_http_mcp_cursor_t))
    {
        return NGX_DECLINED;
    }

    ngx_memcpy(&cursor, plain.data, sizeof(ngx_http_mcp_cursor_t));

    if (cursor.method != (uint32_t) call->message.method
        || cursor.view != (uint32_t) mlcf->index
        || cursor.expires < (uint64_t) ngx_time()
        || ngx_memcmp(cursor.identity, identity, MCP_IDENTITY_HASH) != 0)
    {
        return NGX_DECLINED;
    }

    *from = cursor.index;

    return NGX_OK;
}


static void
ngx_http_mcp_list(ngx_http_mcp_call_t *call, mcp_list_e list)
{
    mcp_buf_t                 b;
    ngx_uint_t                from;
    mcp_fault_t               fault;
    ngx_http_mcp_loc_conf_t  *mlcf;

    if (ngx_http_mcp_wait(call) == NGX_AGAIN) {
        return;
    }

    if (list != MCP_TOOLS && !call->view->list[list].offered) {
        ngx_http_mcp_unknown_method(call);
        return;
    }

    if (ngx_http_mcp_read_cursor(call, &from) != NGX_OK) {
        ngx_http_mcp_set_fault(&fault, MCP_E_PARAMS, NGX_HTTP_OK,
                               "the cursor is not one that this list gave; "
                               "begin without a cursor");
        ngx_http_mcp_send_fault(call, &fault);
        return;
    }

    mlcf = ngx_http_get_module_loc_conf(call->request, ngx_http_mcp_module);

    mcp_buf_init(&b, &call->arena, 1024
                 + mcp_view_page_len(call->view, list, call->era,
                                     (unsigned) from,
                                     (unsigned) mlcf->page_size));
    mcp_reply_list(&b, &call->message.id, call->view, list, call->era,
                   (unsigned) from, (unsigned) mlcf->page_size,
                   ngx_http_mcp_cursor, call);

    call->outcome = NGX_HTTP_MCP_OK;
    ngx_http_mcp_send_json(call, NGX_HTTP_OK, &b);
}


/* --- what goes to a backend ---------------------------------------------- */


static void
ngx_http_mcp_call_tool(ngx_http_mcp_call_t *call, mcp_list_e list)
{
    call->item = mcp_view_find(call->view, list, call->message.name.data,
                               call->message.name.len);

    if (call->item == NULL
        || call->item->json[call->era == MCP_ERA_MODERN].data == NULL)
    {
        call->item = NULL;

        if (ngx_http_mcp_wait(call) == NGX_AGAIN) {
            return;
        }

        ngx_http_mcp_denied(call, list);

        if (list == MCP_PROMPTS && !call->view->list[list].offered) {
            ngx_http_mcp_unknown_method(call);
            return;
        }

        ngx_http_mcp_unknown_name(call, list == MCP_TOOLS ? "tool" : "prompt");
        return;
    }

    ngx_http_mcp_to_source(call, call->item->source);
}


static void
ngx_http_mcp_read_resource(ngx_http_mcp_call_t *call)
{
    int          source;
    mcp_buf_t    b;
    mcp_fault_t  fault;

    source = mcp_view_resource(call->view, &call->message.name);

    if (source >= 0) {
        ngx_http_mcp_to_source(call, source);
        return;
    }

    if (ngx_http_mcp_wait(call) == NGX_AGAIN) {
        return;
    }

    ngx_http_mcp_denied(call, MCP_RESOURCES);

    if (!call->view->list[MCP_RESOURCES].offered) {
        ngx_http_mcp_unknown_method(call);
        return;
    }

    ngx_http_mcp_set_fault(&fault, MCP_E_PARAMS, NGX_HTTP_OK,
                           "unknown resource; resources/list and "
                           "resources/templates/list tell what there is");

    if (call->era == MCP_ERA_LEGACY) {
        fault.code = MCP_E_RESOURCE_LEGACY;
    }

    mcp_buf_init(&b, &call->arena, 64 + call->message.name.len);
    mcp_buf_literal(&b, "{\"uri\":");
    mcp_buf_json(&b, call->message.name.data, call->message.name.len);
    mcp_buf_literal(&b, "}");

    fault.data.data = b.data;
    fault.data.len = b.len;

    ngx_http_mcp_send_fault(call, &fault);
}


static void
ngx_http_mcp_complete(ngx_http_mcp_call_t *call)
{
    int                source;
    const mcp_item_t  *item;

    if (!call->view->completions) {
        ngx_http_mcp_unknown_method(call);
        return;
    }

    if (!call->message.ref_resource) {
        ngx_http_mcp_call_tool(call, MCP_PROMPTS);
        return;
    }

    /* a template is named by its own text */

    item = mcp_view_find(call->view, MCP_TEMPLATES, call->message.name.data,
                         call->message.name.len);

    source = item ? (int) item->source
                  : mcp_view_resource(call->view, &call->message.name);

    if (source < 0) {
        ngx_http_mcp_denied(call, MCP_TEMPLATES);
        ngx_http_mcp_unknown_name(call, "resource");
        return;
    }

    ngx_http_mcp_to_source(call, source);
}


static void
ngx_http_mcp_to_source(ngx_http_mcp_call_t *call, ngx_uint_t source)
{
    ngx_http_mcp_loc_conf_t  *mlcf;

    mlcf = ngx_http_get_module_loc_conf(call->request, ngx_http_mcp_module);

    call->view_source = source;
    call->backend = mlcf->backends[source];
    call->source = call->view->source[source].source;
    call->own = ngx_http_mcp_client_session(call, call->backend);
    call->backend_era = call->own ? MCP_ERA_LEGACY : call->source->era;

    ngx_http_mcp_gates_run(call);
}


/*
 * What the caller's roles do not show is answered as what is not there; the
 * log alone is told which it was.  Both are looked for as long.
 */

static void
ngx_http_mcp_denied(ngx_http_mcp_call_t *call, mcp_list_e list)
{
    mcp_str_t         *name;
    const mcp_view_t  *whole;

    name = &call->message.name;
    whole = call->view->whole;

    if (whole == NULL) {
        return;
    }

    if (mcp_view_find(whole, list, name->data, name->len) != NULL
        || (list >= MCP_RESOURCES && mcp_view_resource(whole, name) >= 0))
    {
        call->outcome = NGX_HTTP_MCP_DENIED;
    }
}


static void
ngx_http_mcp_unknown_method(ngx_http_mcp_call_t *call)
{
    mcp_fault_t  fault;

    ngx_http_mcp_set_fault(&fault, MCP_E_METHOD,
                           call->era == MCP_ERA_MODERN ? NGX_HTTP_NOT_FOUND
                                                       : NGX_HTTP_OK,
                           "the method is not offered here");

    ngx_http_mcp_send_fault(call, &fault);
}


static void
ngx_http_mcp_unknown_name(ngx_http_mcp_call_t *call, const char *what)
{
    mcp_buf_t    b;
    mcp_fault_t  fault;

    ngx_http_mcp_set_fault(&fault, MCP_E_PARAMS, NGX_HTTP_OK, "");

    mcp_buf_init(&b, &call->arena, 256);
    mcp_buf_literal(&b, "unknown ");
    mcp_buf_append(&b, what, ngx_strlen(what));

    if (call->message.name.len <= MCP_NAME_MAX) {
        mcp_buf_literal(&b, " \"");
        mcp_buf_str(&b, &call->message.name);
        mcp_buf_literal(&b, "\"");
    }

    mcp_buf_literal(&b, "; the list tells which there are");

    fault.message.data = b.data;
    fault.message.len = b.len;

    ngx_http_mcp_send_fault(call, &fault);
}


/* --- the first requests after a cold start ------------------------------- */


/* until when requests of this worker wait; 0: none has waited yet */

static ngx_msec_t  ngx_http_mcp_wait_until;


/*
 * NGX_AGAIN: the message will be dispatched anew.  A backend that hangs holds
 * nobody up once the first requests have waited for it.
 */

static ngx_int_t
ngx_http_mcp_wait(ngx_http_mcp_call_t *call)
{
    ngx_http_request_t   *r;
    ngx_pool_cleanup_t   *cln;

    if (!call->view->untried) {
        return NGX_OK;
    }

    r = call->request;

    if (ngx_http_mcp_wait_until == 0) {
        ngx_http_mcp_wait_until = ngx_current_msec + NGX_HTTP_MCP_WAIT;
        ngx_http_mcp_wait_until += (ngx_http_mcp_wait_until == 0);
    }

    if ((ngx_msec_int_t) (ngx_http_mcp_wait_until - ngx_current_msec) <= 0
        || ngx_exiting || ngx_terminate)
    {
        return NGX_OK;
    }

    if (call->wait.handler == NULL) {

        cln = ngx_pool_cleanup_add(r->pool, 0);
        if (cln == NULL) {
            return NGX_OK;
        }

        cln->handler = ngx_http_mcp_wait_cleanup;
        cln->data = call;

        call->wait.handler = ngx_http_mcp_wait_handler;
        call->wait.data = call;
        call->wait.log = r->connection->log;
    }

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    ngx_add_timer(&call->wait, NGX_HTTP_MCP_WAIT_STEP);

    return NGX_AGAIN;
}


static void
ngx_http_mcp_wait_handler(ngx_event_t *ev)
{
    ngx_http_mcp_call_t *call = ev->data;

    ngx_connection_t  *c;

    c = call->request->connection;

    ngx_http_mcp_method(call);

    ngx_http_run_posted_requests(c);
}


static void
ngx_http_mcp_wait_cleanup(void *data)
{
    ngx_http_mcp_call_t *call = data;

    if (call->wait.timer_set) {
        ngx_del_timer(&call->wait);
    }
}
