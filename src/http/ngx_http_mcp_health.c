
/*
 * Health probes, in the manager process: a small request to each backend from
 * time to time, whose end opens or closes its breaker before a caller has to
 * find out.
 */


#include "ngx_http_mcp.h"


#define NGX_HTTP_MCP_HEALTH_AGAIN  1000      /* ms to a second look at one that
                                                did not answer in time */
#define NGX_HTTP_MCP_HEALTH_MAX    1048576   /* bytes of an answer */


typedef struct {
    ngx_http_mcp_main_conf_t    *mmcf;
    ngx_http_mcp_backend_t      *backend;
    ngx_msec_t                   due;
    ngx_uint_t                   slow;       /* probes in a row that it did not
                                                answer well */
    unsigned                     running:1;
} ngx_http_mcp_health_t;


static void ngx_http_mcp_health_probe(ngx_http_mcp_health_t *h);
static void ngx_http_mcp_health_probed(ngx_http_mcp_fetch_t *f);
static void ngx_http_mcp_health_verdict(ngx_http_mcp_health_t *h,
    ngx_uint_t alive, const char *error);


static ngx_http_mcp_health_t  *ngx_http_mcp_healths;


static u_char  ngx_http_mcp_ping[] =
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}";


static u_char  ngx_http_mcp_discover[] =
    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"server/discover\","
    "\"params\":{" NGX_HTTP_MCP_META "}}";


/* health [interval=time] [timeout=time] | off */

char *
ngx_http_mcp_health_conf(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_mcp_backend_t *be = conf;

    ngx_int_t    n;
    ngx_str_t   *value, s;
    ngx_uint_t   i;
    ngx_msec_t  *to;

    value = cf->args->elts;

    if (be->health_interval != NGX_CONF_UNSET_MSEC
        || be->health_timeout != NGX_CONF_UNSET_MSEC)
    {
        return "is duplicate";
    }

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {
        be->health_interval = 0;
        return NGX_CONF_OK;
    }

    for (i = 1; i < cf->args->nelts; i++) {
        to = NULL;

        if (ngx_strncmp(value[i].data, "interval=", 9) == 0) {
            to = &be->health_interval;
            s.data = value[i].data + 9;
            s.len = value[i].len - 9;

        } else if (ngx_strncmp(value[i].data, "timeout=", 8) == 0) {
            to = &be->health_timeout;
            s.data = value[i].data + 8;
            s.len = value[i].len - 8;
        }

        n = to ? ngx_parse_time(&s, 0) : NGX_ERROR;

        if (n < 1) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\": there are interval= "
                               "and timeout=, times as \"10s\", or \"off\" "
                               "alone", &value[i]);
            return NGX_CONF_ERROR;
        }

        *to = (ngx_msec_t) n;
    }

    return NGX_CONF_OK;
}


/* Never in step with another backend's, or another nginx's. */

static ngx_msec_t
ngx_http_mcp_health_jitter(ngx_msec_t ms)
{
    return ms - (ngx_msec_t) ngx_random() % (ms / 5 + 1);
}


void
ngx_http_mcp_health_tick(ngx_http_mcp_main_conf_t *mmcf)
{
    ngx_uint_t                i;
    ngx_http_mcp_health_t    *h;
    ngx_http_mcp_backend_t  **be;

    be = mmcf->backends.elts;

    if (ngx_http_mcp_healths == NULL) {

        h = ngx_pcalloc(ngx_cycle->pool, mmcf->backends.nelts
                                         * sizeof(ngx_http_mcp_health_t));
        if (h == NULL) {
            return;
        }

        for (i = 0; i < mmcf->backends.nelts; i++) {
            h[i].mmcf = mmcf;
            h[i].backend = be[i];
            h[i].due = ngx_current_msec
                       + ngx_http_mcp_health_jitter(be[i]->health_interval);
        }

        ngx_http_mcp_healths = h;
    }

    for (i = 0; i < mmcf->backends.nelts; i++) {
        h = &ngx_http_mcp_healths[i];

        if (be[i]->health_interval == 0 || h->running
            || (ngx_msec_int_t) (h->due - ngx_current_msec) > 0)
        {
            continue;
        }

        /* of one that never spoke, discovery still tries to learn */

        if (be[i]->peer->era == MCP_ERA_UNKNOWN) {
            h->due = ngx_current_msec + NGX_HTTP_MCP_HEALTH_AGAIN;
            continue;
        }

        ngx_http_mcp_health_probe(h);
    }
}


static void
ngx_http_mcp_health_probe(ngx_http_mcp_health_t *h)
{
    ngx_int_t              rc;
    ngx_pool_t            *pool;
    ngx_http_mcp_fetch_t   f;

    ngx_memzero(&f, sizeof(ngx_http_mcp_fetch_t));

    f.backend = h->backend;
    f.max = NGX_HTTP_MCP_HEALTH_MAX;
    f.timeout = h->backend->health_timeout;
    f.idempotent = 1;
    f.data = h;
    f.handler = ngx_http_mcp_health_probed;

    pool = ngx_create_pool(1024, ngx_cycle->log);
    if (pool == NULL) {
        goto failed;
    }

    if (h->backend->peer->era == MCP_ERA_LEGACY) {
        f.body.data = ngx_http_mcp_ping;
        f.body.len = sizeof(ngx_http_mcp_ping) - 1;

        rc = ngx_http_mcp_session_headers(h->mmcf, h->backend, pool,
                                          &f.headers);

    } else {
        f.body.data = ngx_http_mcp_discover;
        f.body.len = sizeof(ngx_http_mcp_discover) - 1;

        ngx_str_set(&f.headers, "MCP-Protocol-Version: " MCP_VERSION_MODERN
                    CRLF "Mcp-Method: server/discover" CRLF);
        rc = NGX_OK;
    }

    if (rc == NGX_OK) {
        rc = ngx_http_mcp_fetch(h->mmcf, &f, ngx_cycle->log);
    }

    ngx_destroy_pool(pool);

    if (rc == NGX_OK) {
        h->running = 1;
        return;
    }

failed:

    h->due = ngx_current_msec + NGX_HTTP_MCP_HEALTH_AGAIN;
}


/*
 * Whatever it says, even that it does not know the session, it is alive; but
 * for a server error.  A connection that cannot be made is proof enough.  A
 * server that does one thing at a time may just be busy: it is asked twice.
 */

static void
ngx_http_mcp_health_probed(ngx_http_mcp_fetch_t *f)
{
    ngx_http_mcp_health_t *h = f->data;

    ngx_uint_t                status;
    ngx_msec_t                delay;
    const char               *error;
    ngx_http_mcp_exchange_t  *x;

    x = &f->exchange;
    status = x->status;
    error = NULL;

    h->running = 0;
    delay = h->backend->health_interval;

    if (status >= 500) {
        error = "it answers with a server error";

    } else if (!x->complete && !f->answer.len) {
        error = f->error ? f->error : "the answer broke off";
    }

    if (error == NULL) {
        h->slow = 0;
        ngx_http_mcp_health_verdict(h, 1, NULL);

    } else if ((status == 0 && !x->sent && x->tried
                && x->rc == NGX_HTTP_BAD_GATEWAY)
               || h->slow != 0)
    {
        h->slow = 1;
        ngx_http_mcp_health_verdict(h, 0, error);

    } else {
        h->slow = 1;
        delay = ngx_min(delay, NGX_HTTP_MCP_HEALTH_AGAIN);
    }

    h->due = ngx_current_msec + ngx_http_mcp_health_jitter(delay);
}


static void
ngx_http_mcp_health_verdict(ngx_http_mcp_health_t *h, ngx_uint_t alive,
    const char *error)
{
    ngx_uint_t            was;
    ngx_http_mcp_peer_t  *peer;

    peer = h->backend->peer;
    was = peer->health;

    peer->health = alive ? NGX_HTTP_MCP_HEALTH_ALIVE
                         : NGX_HTTP_MCP_HEALTH_DEAD;

    if (!alive) {
        ngx_http_mcp_peer_error(h->mmcf, peer, error);
    }

    ngx_shmtx_lock(&h->mmcf->shpool->mutex);
    (void) mcp_breaker_health(&peer->breaker, &h->backend->breaker,
                              ngx_current_msec, alive);
    ngx_shmtx_unlock(&h->mmcf->shpool->mutex);

    if (alive && was == NGX_HTTP_MCP_HEALTH_DEAD) {
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "backend \"%V\" is alive again", &h->backend->name);

        /* it may be another version of it */

        peer->refresh = 1;
    }

    if (!alive && was != NGX_HTTP_MCP_HEALTH_DEAD) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "backend \"%V\" at \"%V\" is dead: %s",
                      &h->backend->name, &h->backend->url, error);
    }
}
