
/*
 * A client's request that is held while several requests of the gateway's own
 * are under way for it.  They may outlast the client, or the time that it is
 * made to wait, so what gathers their results has a pool of its own.
 */


#include "ngx_http_mcp.h"


static void ngx_http_mcp_gather_detach(ngx_http_mcp_gather_t *g);
static void ngx_http_mcp_gather_finish(ngx_http_mcp_gather_t *g);
static void ngx_http_mcp_gather_timeout(ngx_event_t *ev);
static void ngx_http_mcp_gather_cleanup(void *data);


ngx_http_mcp_gather_t *
ngx_http_mcp_gather_create(ngx_http_mcp_call_t *call)
{
    ngx_pool_t             *pool;
    ngx_http_request_t     *r;
    ngx_pool_cleanup_t     *cln;
    ngx_http_mcp_gather_t  *g;

    r = call->request;

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_mcp_gather_t *));
    if (cln == NULL) {
        return NULL;
    }

    pool = ngx_create_pool(4096, ngx_cycle->log);
    if (pool == NULL) {
        return NULL;
    }

    g = ngx_pcalloc(pool, sizeof(ngx_http_mcp_gather_t));
    if (g == NULL) {
        ngx_destroy_pool(pool);
        return NULL;
    }

    g->pool = pool;
    g->call = call;
    g->mmcf = ngx_http_get_module_main_conf(r, ngx_http_mcp_module);
    g->link = cln->data;
    *g->link = g;

    cln->handler = ngx_http_mcp_gather_cleanup;

    return g;
}


ngx_int_t
ngx_http_mcp_gather_wait(ngx_http_mcp_gather_t *g, ngx_msec_t timeout)
{
    ngx_event_t         *rev;
    ngx_http_request_t  *r;

    r = g->call->request;

    if (g->pending == 0) {
        ngx_http_mcp_gather_detach(g);
        ngx_destroy_pool(g->pool);
        return NGX_OK;
    }

    g->deadline.handler = ngx_http_mcp_gather_timeout;
    g->deadline.data = g;
    g->deadline.log = ngx_cycle->log;
    ngx_add_timer(&g->deadline, timeout);

    /* a client that goes away is not to be waited for */

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    rev = r->connection->read;

    if (rev->ready) {
        ngx_post_event(rev, &ngx_posted_events);

    } else if (ngx_handle_read_event(rev, 0) != NGX_OK) {
        return NGX_ERROR;
    }

    return NGX_AGAIN;
}


void
ngx_http_mcp_gather_one(ngx_http_mcp_gather_t *g)
{
    if (--g->pending != 0) {
        return;
    }

    if (g->call != NULL) {
        ngx_http_mcp_gather_finish(g);
    }

    ngx_destroy_pool(g->pool);
}


static void
ngx_http_mcp_gather_detach(ngx_http_mcp_gather_t *g)
{
    if (g->deadline.timer_set) {
        ngx_del_timer(&g->deadline);
    }

    *g->link = NULL;
    g->call = NULL;
}


static void
ngx_http_mcp_gather_finish(ngx_http_mcp_gather_t *g)
{
    ngx_connection_t     *c;
    ngx_http_mcp_call_t  *call;

    call = g->call;
    c = call->request->connection;

    ngx_http_mcp_gather_detach(g);

    g->done(g, call);

    ngx_http_run_posted_requests(c);
}


static void
ngx_http_mcp_gather_timeout(ngx_event_t *ev)
{
    ngx_http_mcp_gather_finish(ev->data);
}


/* The client's request has ended while it was held. */

static void
ngx_http_mcp_gather_cleanup(void *data)
{
    ngx_http_mcp_gather_t **link = data;

    ngx_http_mcp_gather_t  *g;

    g = *link;

    if (g == NULL) {
        return;
    }

    ngx_http_mcp_gather_detach(g);

    if (g->gone) {
        g->gone(g);
    }
}
