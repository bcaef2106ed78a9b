
/*
 * The calls that this worker has in flight, and a clock for them: while there
 * are any, it looks several times a second whether one was cancelled, and
 * whether the worker must soon be gone.
 */


#include "ngx_http_mcp.h"


#define NGX_HTTP_MCP_TICK       100      /* ms */
#define NGX_HTTP_MCP_LAST_WORD  500      /* ms before worker_shutdown_timeout
                                            closes connections */


static void ngx_http_mcp_flight_tick(ngx_event_t *ev);
static void ngx_http_mcp_flight_exiting(void);


static ngx_queue_t  ngx_http_mcp_flights;
static ngx_event_t  ngx_http_mcp_flight_timer;
static ngx_msec_t   ngx_http_mcp_flight_last;    /* 0: not known yet */


void
ngx_http_mcp_flight_add(ngx_http_mcp_call_t *call)
{
    ngx_http_mcp_main_conf_t  *mmcf;

    mmcf = ngx_http_get_module_main_conf(call->request, ngx_http_mcp_module);

    if (ngx_http_mcp_flights.next == NULL) {
        ngx_queue_init(&ngx_http_mcp_flights);

        ngx_http_mcp_flight_timer.handler = ngx_http_mcp_flight_tick;
        ngx_http_mcp_flight_timer.data = mmcf;
        ngx_http_mcp_flight_timer.log = ngx_cycle->log;
        ngx_http_mcp_flight_timer.cancelable = 1;
    }

    if (!ngx_http_mcp_flight_timer.timer_set) {

        /* cancellations up to now concern no call of this worker */

        ngx_http_mcp_cancel_reset(mmcf);
        ngx_add_timer(&ngx_http_mcp_flight_timer, NGX_HTTP_MCP_TICK);
    }

    ngx_queue_insert_tail(&ngx_http_mcp_flights, &call->flight);

    if (call->era == MCP_ERA_LEGACY) {
        ngx_http_mcp_cancel_register(call);
    }
}


void
ngx_http_mcp_flight_remove(ngx_http_mcp_call_t *call)
{
    if (call->flight.next != NULL) {
        ngx_queue_remove(&call->flight);
        call->flight.next = NULL;
    }

    ngx_http_mcp_cancel_unregister(call);
}


static void
ngx_http_mcp_flight_tick(ngx_event_t *ev)
{
    ngx_http_mcp_cancel_poll(ev->data);

    if (ngx_exiting) {
        ngx_http_mcp_flight_exiting();
    }

    if (!ngx_queue_empty(&ngx_http_mcp_flights)) {
        ngx_add_timer(ev, NGX_HTTP_MCP_TICK);
    }
}


/*
 * At worker_shutdown_timeout nginx closes every connection, and nothing can be
 * written any more: shortly before, each call is given its proper end.
 */

static void
ngx_http_mcp_flight_exiting(void)
{
    ngx_msec_t            timeout;
    ngx_queue_t          *q;
    ngx_core_conf_t      *ccf;
    ngx_connection_t     *c;
    ngx_http_mcp_call_t  *call;

    ccf = (ngx_core_conf_t *) ngx_get_conf(ngx_cycle->conf_ctx,
                                           ngx_core_module);
    timeout = ccf->shutdown_timeout;

    if (timeout == 0) {
        return;
    }

    if (ngx_http_mcp_flight_last == 0) {

        if (timeout > 2 * NGX_HTTP_MCP_LAST_WORD) {
            timeout -= NGX_HTTP_MCP_LAST_WORD;
        } else {
            timeout /= 2;
        }

        ngx_http_mcp_flight_last = ngx_current_msec + timeout;
        ngx_http_mcp_flight_last += (ngx_http_mcp_flight_last == 0);
    }

    if ((ngx_msec_int_t) (ngx_http_mcp_flight_last - ngx_current_msec) > 0) {
        return;
    }

    while (!ngx_queue_empty(&ngx_http_mcp_flights)) {

        q = ngx_queue_head(&ngx_http_mcp_flights);
        call = ngx_queue_data(q, ngx_http_mcp_call_t, flight);
        c = call->request->connection;

        ngx_http_mcp_flight_remove(call);
        ngx_http_mcp_proxy_shutdown(call);
        ngx_http_run_posted_requests(c);
    }
}
