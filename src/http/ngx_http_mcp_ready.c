
/* mcp_health, mcp_ready: whether nginx serves, and has something to serve. */


#include "ngx_http_mcp.h"
#include "ngx_http_mcp_limit.h"
#include "ngx_http_mcp_status.h"


#define NGX_HTTP_MCP_READY_UNKNOWN   0
#define NGX_HTTP_MCP_READY_UP        1
#define NGX_HTTP_MCP_READY_DOWN      2
#define NGX_HTTP_MCP_READY_DISABLED  3


static ngx_int_t ngx_http_mcp_ready_method(ngx_http_request_t *r);
static ngx_uint_t ngx_http_mcp_ready_backend(ngx_http_mcp_main_conf_t *mmcf,
    ngx_http_mcp_backend_t *be, ngx_array_t *list, mcp_buf_t *b);


static const char  *ngx_http_mcp_ready_states[] = {
    "unknown", "up", "down", "disabled"
};


static const char  *ngx_http_mcp_ready_breakers[] = {
    "closed", "open", "half-open"
};


static const char  *ngx_http_mcp_ready_healths[] = {
    "unknown", "alive", "dead"
};


static const char  *ngx_http_mcp_ready_catalogs[] = {
    "unknown", "none", "stale", "current"
};


static void
ngx_http_mcp_ready_text(mcp_buf_t *b, const char *text)
{
    mcp_buf_literal(b, "\"");
    mcp_buf_append(b, text, ngx_strlen(text));
    mcp_buf_literal(b, "\"");
}


static ngx_int_t
ngx_http_mcp_ready_method(ngx_http_request_t *r)
{
    ngx_str_t  allow;

    if (r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD)) {
        return ngx_http_discard_request_body(r);
    }

    ngx_str_set(&allow, "GET, HEAD");

    if (ngx_http_mcp_add_header(r, "Allow", &allow) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return NGX_HTTP_NOT_ALLOWED;
}


ngx_int_t
ngx_http_mcp_health_handler(ngx_http_request_t *r)
{
    mcp_buf_t    b;
    ngx_int_t    rc;
    mcp_arena_t  arena;

    rc = ngx_http_mcp_ready_method(r);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_http_mcp_arena_init(&arena, r->pool);
    mcp_buf_init(&b, &arena, 32);
    mcp_buf_literal(&b, "{\"status\":\"ok\"}\n");

    return ngx_http_mcp_status_send(r, NGX_HTTP_OK, &b);
}


ngx_int_t
ngx_http_mcp_ready_handler(ngx_http_request_t *r)
{
    mcp_buf_t                   b, backends;
    ngx_int_t                   rc;
    ngx_uint_t                  i, up, down, state, switched, ready;
    mcp_arena_t                 arena;
    ngx_array_t                 list;
    ngx_http_mcp_backend_t    **be;
    ngx_http_mcp_main_conf_t   *mmcf;

    rc = ngx_http_mcp_ready_method(r);
    if (rc != NGX_OK) {
        return rc;
    }

    mmcf = ngx_http_get_module_main_conf(r, ngx_http_mcp_module);

    ngx_http_mcp_arena_init(&arena, r->pool);
    mcp_buf_init(&b, &arena, 1024);
    mcp_buf_init(&backends, &arena, 1024);

    if (mmcf->sh != NULL
        && ngx_http_mcp_switches(mmcf, r->pool, &list, &switched) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    be = mmcf->backends.elts;
    up = 0;
    down = 0;

    for (i = 0; mmcf->sh != NULL && i < mmcf->backends.nelts; i++) {

        if (i != 0) {
            mcp_buf_literal(&backends, ",");
        }

        state = ngx_http_mcp_ready_backend(mmcf, be[i], &list, &backends);

        if (state == NGX_HTTP_MCP_READY_UP) {
            up++;

        } else if (state != NGX_HTTP_MCP_READY_DISABLED) {
            down++;
        }
    }

    ready = up != 0 && (down == 0 || !ngx_http_mcp_status_all(r));

    mcp_buf_literal(&b, "{\"ready\":");

    if (ready) {
        mcp_buf_literal(&b, "true");
    } else {
        mcp_buf_literal(&b, "false");
    }

    mcp_buf_literal(&b, ",\"backends\":{");
    mcp_buf_append(&b, backends.data, backends.len);
    mcp_buf_literal(&b, "}");
    ngx_http_mcp_audit_status(r, &b);
    mcp_buf_literal(&b, "}\n");

    b.failed |= backends.failed;

    return ngx_http_mcp_status_send(r, ready ? NGX_HTTP_OK
                                             : NGX_HTTP_SERVICE_UNAVAILABLE,
                                    &b);
}


static ngx_uint_t
ngx_http_mcp_ready_state(ngx_http_mcp_backend_t *be, ngx_array_t *list,
    ngx_uint_t source, ngx_uint_t health, mcp_breaker_state_e breaker)
{
    ngx_uint_t           i;
    ngx_http_mcp_off_t  *off;

    off = list->elts;

    for (i = 0; i < list->nelts; i++) {
        if (off[i].what == NGX_HTTP_MCP_SWITCH_BACKEND
            && off[i].name.len == be->name.len
            && ngx_memcmp(off[i].name.data, be->name.data, be->name.len) == 0)
        {
            return NGX_HTTP_MCP_READY_DISABLED;
        }
    }

    if (source == MCP_SOURCE_UNTRIED) {
        return NGX_HTTP_MCP_READY_UNKNOWN;
    }

    if (breaker == MCP_BREAKER_OPEN || source == MCP_SOURCE_FAILED) {
        return NGX_HTTP_MCP_READY_DOWN;
    }

    /* discovery is slower to see that it is well again */

    if (be->health_interval != 0 && health != NGX_HTTP_MCP_HEALTH_UNKNOWN) {
        return health == NGX_HTTP_MCP_HEALTH_ALIVE ? NGX_HTTP_MCP_READY_UP
                                                   : NGX_HTTP_MCP_READY_DOWN;
    }

    return source == MCP_SOURCE_UP ? NGX_HTTP_MCP_READY_UP
                                   : NGX_HTTP_MCP_READY_DOWN;
}


static ngx_uint_t
ngx_http_mcp_ready_backend(ngx_http_mcp_main_conf_t *mmcf,
    ngx_http_mcp_backend_t *be, ngx_array_t *list, mcp_buf_t *b)
{
    time_t                ago;
    u_char                error[NGX_HTTP_MCP_ERROR_LEN];
    size_t                len;
    uint64_t              left;
    ngx_uint_t            state, source, health;
    ngx_http_mcp_peer_t  *peer;
    mcp_breaker_state_e   breaker;

    peer = be->peer;

    ngx_shmtx_lock(&mmcf->shpool->mutex);

    breaker = mcp_breaker_state(&peer->breaker, &be->breaker, ngx_current_msec,
                                &left);
    len = ngx_min(peer->error_len, NGX_HTTP_MCP_ERROR_LEN);
    ngx_memcpy(error, peer->error, len);
    ago = ngx_time() - peer->error_time;

    ngx_shmtx_unlock(&mmcf->shpool->mutex);

    source = ngx_min(peer->source, MCP_SOURCE_UP);
    health = ngx_min(peer->health, NGX_HTTP_MCP_HEALTH_DEAD);
    state = ngx_http_mcp_ready_state(be, list, source, health, breaker);

    mcp_buf_json(b, be->name.data, be->name.len);
    mcp_buf_literal(b, ":{\"state\":");
    ngx_http_mcp_ready_text(b, ngx_http_mcp_ready_states[state]);

    mcp_buf_literal(b, ",\"breaker\":");
    ngx_http_mcp_ready_text(b, be->breaker.failures
                               ? ngx_http_mcp_ready_breakers[breaker] : "off");

    if (left != 0) {
        mcp_buf_literal(b, ",\"retryAfterMs\":");
        mcp_buf_uint(b, left);
    }

    mcp_buf_literal(b, ",\"health\":");
    ngx_http_mcp_ready_text(b, be->health_interval
                               ? ngx_http_mcp_ready_healths[health] : "off");

    mcp_buf_literal(b, ",\"catalog\":");
    ngx_http_mcp_ready_text(b, ngx_http_mcp_ready_catalogs[source]);

    if (len != 0) {
        mcp_buf_literal(b, ",\"lastError\":");
        mcp_buf_json(b, error, len);
        mcp_buf_literal(b, ",\"lastErrorAgo\":");
        mcp_buf_uint(b, ago > 0 ? (uint64_t) ago : 0);
    }

    mcp_buf_literal(b, "}");

    return state;
}
