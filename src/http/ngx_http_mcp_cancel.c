
/*
 * notifications/cancelled of a legacy client.  It comes as a request of its
 * own, to any worker; the call that it names may be in the hands of another.
 * So each worker knows its own calls, and a ring in shared memory passes on
 * what nobody here knows.  Cancellation is best effort (MCP 2025-11-25,
 * "Cancellation"): when the ring overflows, some calls just run on.
 */


#include "ngx_http_mcp.h"


static uint64_t ngx_http_mcp_cancel_key(ngx_http_mcp_call_t *call,
    const mcp_str_t *id);
static ngx_uint_t ngx_http_mcp_cancel_local(uint64_t key);


static ngx_rbtree_t       ngx_http_mcp_calls;
static ngx_rbtree_node_t  ngx_http_mcp_calls_sentinel;
static ngx_atomic_uint_t  ngx_http_mcp_cancel_seen;


void
ngx_http_mcp_cancel_reset(ngx_http_mcp_main_conf_t *mmcf)
{
    ngx_http_mcp_cancel_seen = mmcf->sh->cancel_seq;
}


void
ngx_http_mcp_cancel_register(ngx_http_mcp_call_t *call)
{
    if (ngx_http_mcp_calls.root == NULL) {
        ngx_rbtree_init(&ngx_http_mcp_calls, &ngx_http_mcp_calls_sentinel,
                        ngx_rbtree_insert_value);
    }

    call->cancel.key = (ngx_rbtree_key_t)
                       ngx_http_mcp_cancel_key(call, &call->message.id);

    ngx_rbtree_insert(&ngx_http_mcp_calls, &call->cancel);
    call->cancellable = 1;
}


void
ngx_http_mcp_cancel_unregister(ngx_http_mcp_call_t *call)
{
    if (call->cancellable) {
        call->cancellable = 0;
        ngx_rbtree_delete(&ngx_http_mcp_calls, &call->cancel);
    }
}


void
ngx_http_mcp_cancel_notify(ngx_http_mcp_call_t *call)
{
    uint64_t                   key;
    mcp_str_t                  id;
    ngx_http_mcp_shctx_t      *sh;
    ngx_http_mcp_main_conf_t  *mmcf;

    if (call->message.cancel_id == 0) {
        return;
    }

    id = mcp_json_raw(&call->message.tape, call->message.cancel_id);
    key = ngx_http_mcp_cancel_key(call, &id);

    if (ngx_http_mcp_cancel_local(key)) {
        return;
    }

    mmcf = ngx_http_get_module_main_conf(call->request, ngx_http_mcp_module);
    sh = mmcf->sh;

    ngx_shmtx_lock(&mmcf->shpool->mutex);

    sh->cancel[sh->cancel_seq % NGX_HTTP_MCP_CANCEL_RING] = key;
    sh->cancel_seq++;

    ngx_shmtx_unlock(&mmcf->shpool->mutex);
}


/*
 * FNV-1a, 64 bits.  The uid of a session is random and known to nobody else,
 * so nobody can aim at another's call.
 */

static uint64_t
ngx_http_mcp_cancel_key(ngx_http_mcp_call_t *call, const mcp_str_t *id)
{
    size_t    i;
    uint64_t  h;

    h = 0xcbf29ce484222325ULL;

    for (i = 0; i < MCP_SESSION_UID; i++) {
        h = (h ^ call->session.uid[i]) * 0x100000001b3ULL;
    }

    for (i = 0; i < id->len; i++) {
        h = (h ^ id->data[i]) * 0x100000001b3ULL;
    }

    return h;
}


static ngx_uint_t
ngx_http_mcp_cancel_local(uint64_t key)
{
    ngx_connection_t     *c;
    ngx_rbtree_node_t    *node;
    ngx_http_mcp_call_t  *call;

    node = ngx_http_mcp_calls.root;

    while (node != NULL && node != &ngx_http_mcp_calls_sentinel) {

        if ((ngx_rbtree_key_t) key != node->key) {
            node = ((ngx_rbtree_key_t) key < node->key) ? node->left
                                                        : node->right;
            continue;
        }

        call = ngx_rbtree_data(node, ngx_http_mcp_call_t, cancel);
        c = call->request->connection;

        ngx_http_mcp_cancel_unregister(call);
        ngx_http_mcp_proxy_cancelled(call);
        ngx_http_run_posted_requests(c);

        return 1;
    }

    return 0;
}


void
ngx_http_mcp_cancel_poll(ngx_http_mcp_main_conf_t *mmcf)
{
    uint64_t               key[NGX_HTTP_MCP_CANCEL_RING];
    ngx_uint_t             n;
    ngx_http_mcp_shctx_t  *sh;

    sh = mmcf->sh;

    if (sh->cancel_seq == ngx_http_mcp_cancel_seen) {
        return;
    }

    n = 0;

    ngx_shmtx_lock(&mmcf->shpool->mutex);

    if (sh->cancel_seq - ngx_http_mcp_cancel_seen > NGX_HTTP_MCP_CANCEL_RING) {
        ngx_http_mcp_cancel_seen = sh->cancel_seq - NGX_HTTP_MCP_CANCEL_RING;
    }

    while (ngx_http_mcp_cancel_seen != sh->cancel_seq) {
        key[n++] = sh->cancel[ngx_http_mcp_cancel_seen
                              % NGX_HTTP_MCP_CANCEL_RING];
        ngx_http_mcp_cancel_seen++;
    }

    ngx_shmtx_unlock(&mmcf->shpool->mutex);

    while (n--) {
        (void) ngx_http_mcp_cancel_local(key[n]);
    }
}
