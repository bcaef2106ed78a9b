
/*
 * The keys of providers, fetched in the manager: in time, and when a token
 * has a "kid" that is not among them, but for that only once in a while.  What
 * is there stays until something better comes.
 */


#include "ngx_http_mcp_auth.h"


#define NGX_HTTP_MCP_KEYS_TICK       100     /* ms between looks at what is due
                                                */
#define NGX_HTTP_MCP_KEYS_TIMEOUT    15000
#define NGX_HTTP_MCP_KEYS_RETRY_MIN  1000
#define NGX_HTTP_MCP_KEYS_RETRY_MAX  60000


typedef struct {
    ngx_http_mcp_key_source_t   *source;
    ngx_msec_t                   due;
    ngx_msec_t                   backoff;
    ngx_pool_t                  *pool;       /* of the run, and after it */
    const char                  *said;       /* what is wrong; NULL: nothing */
    unsigned                     running:1;
} ngx_http_mcp_keys_job_t;


static void ngx_http_mcp_keys_tick_handler(ngx_event_t *ev);
static void ngx_http_mcp_keys_run(ngx_http_mcp_keys_job_t *job);
static void ngx_http_mcp_keys_get(ngx_http_mcp_keys_job_t *job,
    ngx_http_mcp_backend_t *be, void (*handler)(ngx_http_mcp_fetch_t *f));
static void ngx_http_mcp_keys_discovered(ngx_http_mcp_fetch_t *f);
static void ngx_http_mcp_keys_came(ngx_http_mcp_fetch_t *f);
static void ngx_http_mcp_keys_failed(ngx_http_mcp_keys_job_t *job,
    const char *error);


static ngx_http_mcp_keys_job_t  *ngx_http_mcp_keys_jobs;
static ngx_event_t               ngx_http_mcp_keys_tick;


void
ngx_http_mcp_auth_fetch_start(ngx_http_mcp_main_conf_t *mmcf,
    ngx_cycle_t *cycle)
{
    ngx_uint_t                   i;
    ngx_http_mcp_keys_job_t     *job;
    ngx_http_mcp_key_source_t  **source;

    if (mmcf->sources == NULL) {
        return;
    }

    job = ngx_pcalloc(cycle->pool, mmcf->sources->nelts
                                   * sizeof(ngx_http_mcp_keys_job_t));
    if (job == NULL) {
        return;
    }

    source = mmcf->sources->elts;

    for (i = 0; i < mmcf->sources->nelts; i++) {
        job[i].source = source[i];
        job[i].due = ngx_current_msec;
        source[i]->sh->fetching = 0;
    }

    ngx_http_mcp_keys_jobs = job;

    ngx_http_mcp_keys_tick.handler = ngx_http_mcp_keys_tick_handler;
    ngx_http_mcp_keys_tick.data = mmcf;
    ngx_http_mcp_keys_tick.log = cycle->log;
    ngx_http_mcp_keys_tick.cancelable = 1;

    ngx_add_timer(&ngx_http_mcp_keys_tick, 1);
}


static void
ngx_http_mcp_keys_tick_handler(ngx_event_t *ev)
{
    ngx_http_mcp_main_conf_t *mmcf = ev->data;

    ngx_uint_t                i;
    ngx_http_mcp_keys_sh_t   *sh;
    ngx_http_mcp_keys_job_t  *job;

    if (ngx_terminate || ngx_quit || ngx_exiting) {
        return;
    }

    for (i = 0; i < mmcf->sources->nelts; i++) {
        job = &ngx_http_mcp_keys_jobs[i];
        sh = job->source->sh;

        if (job->running) {
            continue;
        }

        if (sh->wanted) {
            sh->wanted = 0;

            if (ngx_http_mcp_past(sh->again, NGX_HTTP_MCP_KEYS_AGAIN)) {
                sh->again = ngx_time() + NGX_HTTP_MCP_KEYS_AGAIN;
                job->due = ngx_current_msec;
            }
        }

        if ((ngx_msec_int_t) (job->due - ngx_current_msec) <= 0) {
            ngx_http_mcp_keys_run(job);
        }
    }

    ngx_add_timer(ev, NGX_HTTP_MCP_KEYS_TICK);
}


static void
ngx_http_mcp_keys_run(ngx_http_mcp_keys_job_t *job)
{
    if (job->pool) {
        ngx_destroy_pool(job->pool);
    }

    job->running = 1;
    job->source->sh->fetching = 1;
    job->pool = ngx_create_pool(4096, ngx_cycle->log);

    if (job->pool == NULL) {
        ngx_http_mcp_keys_failed(job, "out of memory");
        return;
    }

    ngx_http_mcp_keys_get(job, job->source->backend,
                          job->source->oidc ? ngx_http_mcp_keys_discovered
                                            : ngx_http_mcp_keys_came);
}


static void
ngx_http_mcp_keys_get(ngx_http_mcp_keys_job_t *job, ngx_http_mcp_backend_t *be,
    void (*handler)(ngx_http_mcp_fetch_t *f))
{
    ngx_http_mcp_fetch_t  f;

    ngx_memzero(&f, sizeof(ngx_http_mcp_fetch_t));

    f.backend = be;
    f.idempotent = 1;
    f.max = MCP_JWK_TEXT_MAX;
    f.timeout = NGX_HTTP_MCP_KEYS_TIMEOUT;
    f.data = job;
    f.handler = handler;

    if (ngx_http_mcp_fetch(job->source->mmcf, &f, ngx_cycle->log) != NGX_OK) {
        ngx_http_mcp_keys_failed(job, "out of memory");
    }
}


/* --- OpenID Connect Discovery 1.0 ---------------------------------------- */


static const char *
ngx_http_mcp_keys_uri(ngx_http_mcp_backend_t *be, ngx_str_t *url)
{
    u_char     *p, *last;
    size_t      scheme;
    ngx_uint_t  i;

    scheme = be->ssl ? 8 : 7;

    if (url->len <= scheme
        || ngx_strncasecmp(url->data, (u_char *) (be->ssl ? "https://"
                                                          : "http://"),
                           scheme)
           != 0)
    {
        return "\"jwks_uri\" has another scheme than the issuer";
    }

    for (i = 0; i < url->len; i++) {
        if (url->data[i] <= 0x20 || url->data[i] >= 0x7f
            || url->data[i] == '#' || url->data[i] == '@'
            || url->data[i] == '\\')
        {
            return "\"jwks_uri\" is no URL";
        }
    }

    p = url->data + scheme;
    last = url->data + url->len;

    be->uri.data = ngx_strlchr(p, last, '/');

    if (be->uri.data == NULL || be->uri.data == p) {
        return "\"jwks_uri\" has no host or no path";
    }

    be->uri.len = last - be->uri.data;
    be->url = *url;
    be->authority.data = p;
    be->authority.len = be->uri.data - p;
    be->host = be->authority;

    return NULL;
}


/* The provider's backend, but for another document; be is a copy of it. */

static const char *
ngx_http_mcp_keys_place(ngx_http_mcp_keys_job_t *job,
    ngx_http_mcp_backend_t *be, ngx_str_t *url)
{
    const char              *error;
    ngx_http_mcp_backend_t  *from;

    from = job->source->backend;

    error = ngx_http_mcp_keys_uri(be, url);
    if (error) {
        return error;
    }

    if (be->authority.len != from->authority.len
        || ngx_strncasecmp(be->authority.data, from->authority.data,
                           from->authority.len)
           != 0)
    {
        /* a host that the configuration does not know */

        be->upstream.upstream = NULL;
#if (NGX_HTTP_SSL)
        be->upstream.ssl_name = NULL;
#endif

        if (ngx_http_mcp_backend_resolve(be) != NGX_OK) {
            return "\"jwks_uri\" has no valid host";
        }
    }

    if (ngx_http_mcp_backend_ssl_name(job->pool, be) != NGX_CONF_OK
        || ngx_http_mcp_backend_lines(job->pool, be) != NGX_OK)
    {
        return "out of memory";
    }

    return NULL;
}


static const char *
ngx_http_mcp_keys_discovery(ngx_http_mcp_keys_job_t *job, mcp_str_t *text,
    ngx_str_t *url)
{
    uint32_t         node;
    mcp_str_t        uri;
    mcp_arena_t      arena;
    mcp_json_tape_t  tape;

    ngx_http_mcp_arena_init(&arena, job->pool);

    text->data = mcp_memdup(&arena, text->data, text->len);

    if (text->data == NULL
        || mcp_json_tape(&tape, &arena, text->data, text->len, 32) != MCP_OK
        || tape.node[0].type != MCP_JSON_OBJECT)
    {
        return "the OpenID configuration is no JSON object";
    }

    /* section 4.3: to the letter */

    node = mcp_json_get(&tape, 0, "issuer");

    if (node == 0
        || tape.node[node].type != MCP_JSON_STRING
        || !mcp_json_equals(&tape, node, job->source->issuer.data,
                            job->source->issuer.len))
    {
        return "the OpenID configuration is that of another issuer";
    }

    node = mcp_json_get(&tape, 0, "jwks_uri");

    if (node == 0
        || tape.node[node].type != MCP_JSON_STRING
        || tape.node[node].len > 2048
        || mcp_json_unescape(&tape, node, &arena, &uri) != MCP_OK)
    {
        return "the OpenID configuration has no \"jwks_uri\"";
    }

    *url = ngx_http_mcp_str(&uri);

    return NULL;
}


static void
ngx_http_mcp_keys_discovered(ngx_http_mcp_fetch_t *f)
{
    ngx_http_mcp_keys_job_t *job = f->data;

    ngx_str_t                url;
    const char              *error;
    ngx_http_mcp_backend_t  *be;

    error = f->error;

    if (error == NULL) {
        error = ngx_http_mcp_keys_discovery(job, &f->answer, &url);
    }

    if (error != NULL) {
        ngx_http_mcp_keys_failed(job, error);
        return;
    }

    be = ngx_palloc(job->pool, sizeof(ngx_http_mcp_backend_t));

    if (be == NULL) {
        ngx_http_mcp_keys_failed(job, "out of memory");
        return;
    }

    *be = *job->source->backend;

    error = ngx_http_mcp_keys_place(job, be, &url);

    if (error != NULL) {
        ngx_http_mcp_keys_failed(job, error);
        return;
    }

    ngx_http_mcp_keys_get(job, be, ngx_http_mcp_keys_came);
}


/* --- the set ------------------------------------------------------------- */


static void
ngx_http_mcp_keys_end(ngx_http_mcp_keys_job_t *job, ngx_msec_t delay)
{
    /* never two nodes in step */

    delay -= (delay / 10) ? ngx_random() % (delay / 10) : 0;

    job->due = ngx_current_msec + delay;
    job->running = 0;
    job->source->sh->fetching = 0;
}


static void
ngx_http_mcp_keys_came(ngx_http_mcp_fetch_t *f)
{
    ngx_http_mcp_keys_job_t *job = f->data;

    ngx_int_t                   rc;
    ngx_str_t                   text;
    mcp_jwks_t                  set;
    ngx_uint_t                  nkeys, ignored;
    const char                 *error, *reason;
    ngx_http_mcp_key_source_t  *source;

    source = job->source;

    if (f->error != NULL) {
        ngx_http_mcp_keys_failed(job, f->collected.failed
                                      ? "it is larger than 512 KiB"
                                      : f->error);
        return;
    }

    text = ngx_http_mcp_str(&f->answer);

    if (ngx_http_mcp_keys_read(&set, f->pool, &text, &error) != NGX_OK) {
        ngx_http_mcp_keys_failed(job, error);
        return;
    }

    nkeys = set.nkeys;
    ignored = set.ignored;
    reason = set.reason;
    mcp_jwks_free(&set);

    rc = ngx_http_mcp_keys_publish(source, &text);

    if (rc == NGX_ERROR) {
        ngx_http_mcp_keys_failed(job, "\"mcp_zone\" is too small for it");
        return;
    }

    if (rc == NGX_OK || job->said) {
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "%ui keys came from \"%V\"", nkeys, &source->from);
    }

    if (rc == NGX_OK && ignored) {
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "%ui of the keys of \"%V\" cannot be used: %s", ignored,
                      &source->from, reason);
    }

    job->said = NULL;
    job->backoff = 0;

    ngx_http_mcp_keys_end(job, source->refresh);
}


static void
ngx_http_mcp_keys_failed(ngx_http_mcp_keys_job_t *job, const char *error)
{
    ngx_http_mcp_key_source_t  *source;

    source = job->source;

    if (job->said == NULL || ngx_strcmp(job->said, error) != 0) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "the keys of \"%V\" are not taken: %s; %s",
                      &source->from, error,
                      source->sh->generation ? "those that were there stay"
                                             : "there are none yet");
        job->said = error;
    }

    job->backoff = job->backoff ? ngx_min(job->backoff * 2,
                                          NGX_HTTP_MCP_KEYS_RETRY_MAX)
                                : NGX_HTTP_MCP_KEYS_RETRY_MIN;

    ngx_http_mcp_keys_end(job, ngx_min(job->backoff, source->refresh));
}
