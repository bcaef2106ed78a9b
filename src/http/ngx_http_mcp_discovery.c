
/*
 * The manager process: asks every backend what it offers, and keeps the
 * shared catalog true.  It lives in nginx's helper process (the one of cache
 * managers), so that a slow backend never costs a worker anything.
 */


#include "ngx_http_mcp_discovery.h"


#define NGX_HTTP_MCP_TICK       200      /* ms between looks at what is due */
#define NGX_HTTP_MCP_SETTLE     1000     /* ms to a second look at new lists */
#define NGX_HTTP_MCP_RETRY_MIN  500
#define NGX_HTTP_MCP_RETRY_MAX  5000
#define NGX_HTTP_MCP_TTL_MIN    5000


static ngx_msec_t ngx_http_mcp_manager(void *data);
static void ngx_http_mcp_discovery_start(ngx_cycle_t *cycle);
static void ngx_http_mcp_discovery_tick(ngx_event_t *ev);
static void ngx_http_mcp_run(ngx_http_mcp_job_t *job);
static void ngx_http_mcp_probe(ngx_http_mcp_job_t *job);
static void ngx_http_mcp_probed(ngx_http_mcp_fetch_t *f);
static mcp_era_e ngx_http_mcp_probe_verdict(ngx_http_mcp_job_t *job,
    ngx_http_mcp_fetch_t *f, const char **error);
static void ngx_http_mcp_opened(void *data, ngx_http_mcp_opened_t *opened,
    const char *error);
static void ngx_http_mcp_run_end(ngx_http_mcp_job_t *job, ngx_msec_t delay);
static ngx_int_t ngx_http_mcp_job_keep(ngx_http_mcp_job_t *job,
    const mcp_source_t *source);
static void ngx_http_mcp_publish_all(ngx_http_mcp_main_conf_t *mmcf,
    ngx_http_mcp_job_t *changed);


static ngx_http_mcp_job_t  *ngx_http_mcp_jobs;
static ngx_event_t          ngx_http_mcp_tick;


static ngx_path_t  ngx_http_mcp_path;


/*
 * nginx starts its manager process for a path that has a manager.  This one
 * is added once all directories have been made: it needs none.
 */

ngx_int_t
ngx_http_mcp_discovery_init_module(ngx_cycle_t *cycle)
{
    ngx_path_t                **path;
    ngx_http_mcp_main_conf_t   *mmcf;

    mmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_mcp_module);

    if (mmcf == NULL || mmcf->ctx == NULL || mmcf->backends.nelts == 0) {
        return NGX_OK;
    }

    ngx_str_set(&ngx_http_mcp_path.name, "mcp");
    ngx_http_mcp_path.manager = ngx_http_mcp_manager;

    path = ngx_array_push(&cycle->paths);
    if (path == NULL) {
        return NGX_ERROR;
    }

    *path = &ngx_http_mcp_path;

    return NGX_OK;
}


ngx_int_t
ngx_http_mcp_discovery_init_process(ngx_cycle_t *cycle)
{
    /* without a master the one process does all */

    if (ngx_process == NGX_PROCESS_SINGLE) {
        ngx_http_mcp_discovery_start(cycle);
    }

    return NGX_OK;
}


/* Only the manager calls this, not the cache loader: so it starts here. */

static ngx_msec_t
ngx_http_mcp_manager(void *data)
{
    if (ngx_http_mcp_jobs == NULL) {
        ngx_setproctitle("mcp manager process");
        ngx_http_mcp_discovery_start((ngx_cycle_t *) ngx_cycle);
    }

    return 60 * 60 * 1000;
}


static void
ngx_http_mcp_discovery_start(ngx_cycle_t *cycle)
{
    ngx_uint_t                  i;
    ngx_http_mcp_job_t         *job;
    ngx_http_mcp_backend_t    **be;
    ngx_http_mcp_snapshot_t    *snap;
    ngx_http_mcp_main_conf_t   *mmcf;

    mmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_mcp_module);

    if (mmcf == NULL || mmcf->ctx == NULL || mmcf->backends.nelts == 0) {
        return;
    }

    job = ngx_pcalloc(cycle->pool,
                      mmcf->backends.nelts * sizeof(ngx_http_mcp_job_t));
    snap = ngx_http_mcp_snapshot_load(mmcf, cycle->log);

    if (job == NULL || snap == NULL) {
        ngx_log_error(NGX_LOG_ALERT, cycle->log, 0,
                      "no memory to start discovery");
        return;
    }

    be = mmcf->backends.elts;

    for (i = 0; i < mmcf->backends.nelts; i++) {
        job[i].mmcf = mmcf;
        job[i].backend = be[i];
        job[i].due = ngx_current_msec;
        job[i].settle = 1;

        /* what an earlier manager found stays until there is news */

        if (snap->source[i].state != MCP_SOURCE_UNTRIED) {
            (void) ngx_http_mcp_job_keep(&job[i], &snap->source[i]);
        }
    }

    ngx_http_mcp_snapshot_release(snap);

    ngx_http_mcp_jobs = job;

    ngx_http_mcp_tick.handler = ngx_http_mcp_discovery_tick;
    ngx_http_mcp_tick.data = mmcf;
    ngx_http_mcp_tick.log = cycle->log;
    ngx_http_mcp_tick.cancelable = 1;

    ngx_add_timer(&ngx_http_mcp_tick, 1);

    ngx_http_mcp_auth_fetch_start(mmcf, cycle);

    ngx_http_mcp_audit_manager(cycle);
}


static void
ngx_http_mcp_discovery_tick(ngx_event_t *ev)
{
    ngx_http_mcp_main_conf_t *mmcf = ev->data;

    ngx_uint_t           i;
    ngx_http_mcp_job_t  *job;

    if (ngx_terminate || ngx_quit || ngx_exiting) {
        return;
    }

    ngx_http_mcp_state_save(mmcf, ev->log);
    ngx_http_mcp_health_tick(mmcf);

    for (i = 0; i < mmcf->backends.nelts; i++) {
        job = &ngx_http_mcp_jobs[i];
        job->backend->peer->source = job->source.state;

        if (job->running) {
            continue;
        }

        if (job->backend->peer->refresh) {
            job->backend->peer->refresh = 0;

            if (job->source.state == MCP_SOURCE_UP) {
                job->due = ngx_current_msec;
            }
        }

        if ((ngx_msec_int_t) (job->due - ngx_current_msec) <= 0) {
            ngx_http_mcp_run(job);
        }
    }

    ngx_add_timer(ev, NGX_HTTP_MCP_TICK);
}


/* --- one run over one backend -------------------------------------------- */


static void
ngx_http_mcp_run(ngx_http_mcp_job_t *job)
{
    ngx_pool_t  *pool;

    pool = ngx_create_pool(16384, ngx_cycle->log);

    if (pool == NULL) {
        job->due = ngx_current_msec + NGX_HTTP_MCP_RETRY_MAX;
        return;
    }

    job->run = pool;
    job->running = 1;
    job->reopened = 0;
    ngx_http_mcp_arena_init(&job->arena, pool);

    ngx_memzero(&job->next, sizeof(mcp_source_t));
    job->next.ttl_ms = -1;

    if (job->backend->protocol == NGX_HTTP_MCP_PROTOCOL_LEGACY) {
        ngx_http_mcp_open(job);
        return;
    }

    ngx_http_mcp_probe(job);
}


void
ngx_http_mcp_job_fetch(ngx_http_mcp_job_t *job, mcp_buf_t *body,
    ngx_str_t *headers, void (*handler)(ngx_http_mcp_fetch_t *f))
{
    ngx_http_mcp_fetch_t  f;

    ngx_memzero(&f, sizeof(ngx_http_mcp_fetch_t));

    f.backend = job->backend;
    f.body.data = body->data;
    f.body.len = body->len;
    f.headers = *headers;
    f.idempotent = 1;
    f.max = job->mmcf->catalog_size;
    f.data = job;
    f.handler = handler;

    if (body->failed
        || ngx_http_mcp_fetch(job->mmcf, &f, ngx_cycle->log) != NGX_OK)
    {
        ngx_http_mcp_run_failed(job, "out of memory");
    }
}


/*
 * The era is found as the 2026-07-28 revision says ("Backward
 * Compatibility"): server/discover first.
 */

static void
ngx_http_mcp_probe(ngx_http_mcp_job_t *job)
{
    mcp_buf_t  b;

    static ngx_str_t  headers = ngx_string(
        "MCP-Protocol-Version: " MCP_VERSION_MODERN CRLF
        "Mcp-Method: server/discover" CRLF);

    mcp_buf_init(&b, &job->arena, 512);
    mcp_buf_literal(&b, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":"
                        "\"server/discover\",\"params\":{"
                        NGX_HTTP_MCP_META "}}");

    ngx_http_mcp_job_fetch(job, &b, &headers, ngx_http_mcp_probed);
}


static void
ngx_http_mcp_probed(ngx_http_mcp_fetch_t *f)
{
    ngx_http_mcp_job_t *job = f->data;

    mcp_era_e    era;
    const char  *error;

    error = NULL;
    era = ngx_http_mcp_probe_verdict(job, f, &error);

    if (era == MCP_ERA_MODERN) {
        job->next.era = MCP_ERA_MODERN;
        mcp_str_set(&job->next.version, MCP_VERSION_MODERN);
        ngx_http_mcp_lists(job);
        return;
    }

    if (era == MCP_ERA_LEGACY
        && job->backend->protocol == NGX_HTTP_MCP_PROTOCOL_AUTO)
    {
        ngx_http_mcp_open(job);
        return;
    }

    ngx_http_mcp_run_failed(job, error ? error
                                   : "it does not speak " MCP_VERSION_MODERN);
}


static ngx_uint_t
ngx_http_mcp_in_array(const mcp_json_tape_t *tape, uint32_t array,
    const char *text)
{
    uint32_t  i;

    if (array == 0 || tape->node[array].type != MCP_JSON_ARRAY) {
        return 0;
    }

    for (i = mcp_json_first(tape, array);
         i != 0 && i < tape->node[array].next;
         i = tape->node[i].next)
    {
        if (tape->node[i].type == MCP_JSON_STRING
            && mcp_json_equals(tape, i, text, ngx_strlen(text)))
        {
            return 1;
        }
    }

    return 0;
}


static int64_t
ngx_http_mcp_ttl(const mcp_json_tape_t *tape, uint32_t result, int64_t least)
{
    int64_t   ttl;
    uint32_t  node;

    node = mcp_json_get(tape, result, "ttlMs");

    if (node == 0 || tape->node[node].type != MCP_JSON_NUMBER
        || mcp_json_integer(tape, node, &ttl) != MCP_OK || ttl < 0)
    {
        return least;
    }

    return (least < 0 || ttl < least) ? ttl : least;
}


/*
 * Only a discover result, or an error that is the modern revision's own, is
 * modern.  A server that could not be reached, or that does not know the
 * gateway, has not spoken.
 */

static mcp_era_e
ngx_http_mcp_probe_verdict(ngx_http_mcp_job_t *job, ngx_http_mcp_fetch_t *f,
    const char **error)
{
    int64_t           code;
    uint32_t          result, node;
    ngx_uint_t        status;
    mcp_str_t         answer;
    mcp_json_tape_t   tape;

    status = f->exchange.status;

    if (status == 0 || status == NGX_HTTP_UNAUTHORIZED
        || status == NGX_HTTP_FORBIDDEN || status == NGX_HTTP_TOO_MANY_REQUESTS
        || status >= 500 || (status >= 300 && status < 400))
    {
        *error = status == NGX_HTTP_UNAUTHORIZED
                 || status == NGX_HTTP_FORBIDDEN
                 ? "it refuses the gateway's credentials"
                 : f->error && status == 0 ? f->error
                 : status >= 500 ? "it answers with a server error"
                                 : "it is not an MCP endpoint";
        return MCP_ERA_UNKNOWN;
    }

    if (f->answer.len == 0) {
        return MCP_ERA_LEGACY;
    }

    answer.len = f->answer.len;
    answer.data = mcp_memdup(&job->arena, f->answer.data, f->answer.len);

    if (answer.data == NULL) {
        *error = "out of memory";
        return MCP_ERA_UNKNOWN;
    }

    if (mcp_json_tape(&tape, &job->arena, answer.data, answer.len, 256)
        != MCP_OK)
    {
        return MCP_ERA_LEGACY;
    }

    result = mcp_json_get(&tape, 0, "result");

    if (result != 0) {

        if (!ngx_http_mcp_in_array(&tape, mcp_json_get(&tape, result,
                                                       "supportedVersions"),
                                   MCP_VERSION_MODERN))
        {
            return MCP_ERA_LEGACY;
        }

        node = mcp_json_get(&tape, result, "capabilities");

        if (node != 0 && tape.node[node].type == MCP_JSON_OBJECT) {
            job->next.capabilities = mcp_json_raw(&tape, node);
        }

        node = mcp_json_get(&tape, result, "instructions");

        if (node != 0 && tape.node[node].type == MCP_JSON_STRING
            && mcp_json_unescape(&tape, node, &job->arena,
                                 &job->next.instructions)
               != MCP_OK)
        {
            *error = "out of memory";
            return MCP_ERA_UNKNOWN;
        }

        job->next.ttl_ms = ngx_http_mcp_ttl(&tape, result, job->next.ttl_ms);

        return MCP_ERA_MODERN;
    }

    node = mcp_json_get(&tape, mcp_json_get(&tape, 0, "error"), "code");

    if (node == 0 || tape.node[node].type != MCP_JSON_NUMBER
        || mcp_json_integer(&tape, node, &code) != MCP_OK)
    {
        return MCP_ERA_LEGACY;
    }

    if (code == MCP_E_HEADER || code == MCP_E_CAPABILITY) {
        *error = "it speaks a modern revision but refuses the gateway's "
                 "server/discover";
        return MCP_ERA_UNKNOWN;
    }

    return MCP_ERA_LEGACY;
}


/* --- a legacy backend: in the shared session ----------------------------- */


void
ngx_http_mcp_open(ngx_http_mcp_job_t *job)
{
    job->next.era = MCP_ERA_LEGACY;

    /* the session at hand will do, if its capabilities are known */

    if (!job->reopened
        && job->source.era == MCP_ERA_LEGACY
        && job->source.state == MCP_SOURCE_UP
        && job->backend->peer->version_len != 0)
    {
        job->next.version = job->source.version;
        job->next.capabilities = job->source.capabilities;
        job->next.instructions = job->source.instructions;

        ngx_http_mcp_lists(job);
        return;
    }

    job->reopened = 1;
    job->settle = 1;

    if (ngx_http_mcp_session_open(job->mmcf, job->backend,
                                  ngx_http_mcp_opened, job)
        != NGX_OK)
    {
        ngx_http_mcp_run_failed(job, "out of memory");
    }
}


static ngx_int_t
ngx_http_mcp_copy(ngx_pool_t *pool, mcp_str_t *to, const mcp_str_t *from)
{
    ngx_str_t  s;

    s.data = from->data;
    s.len = from->len;

    to->len = 0;
    to->data = NULL;

    if (s.len == 0) {
        return NGX_OK;
    }

    to->data = ngx_pstrdup(pool, &s);
    if (to->data == NULL) {
        return NGX_ERROR;
    }

    to->len = s.len;

    return NGX_OK;
}


static void
ngx_http_mcp_opened(void *data, ngx_http_mcp_opened_t *opened,
    const char *error)
{
    ngx_http_mcp_job_t *job = data;

    if (opened == NULL) {
        ngx_http_mcp_run_failed(job, error);
        return;
    }

    if (ngx_http_mcp_copy(job->run, &job->next.version, &opened->version)
        != NGX_OK
        || ngx_http_mcp_copy(job->run, &job->next.capabilities,
                             &opened->capabilities)
           != NGX_OK
        || ngx_http_mcp_copy(job->run, &job->next.instructions,
                             &opened->instructions)
           != NGX_OK)
    {
        ngx_http_mcp_run_failed(job, "out of memory");
        return;
    }

    ngx_http_mcp_lists(job);
}


/* --- the end of a run ---------------------------------------------------- */


void
ngx_http_mcp_run_done(ngx_http_mcp_job_t *job)
{
    ngx_msec_t  delay;

    if ((job->source.state != MCP_SOURCE_UP || job->complained)
        && !job->oversize)
    {
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "backend \"%V\" is up, it speaks %*s",
                      &job->backend->name, job->next.version.len,
                      job->next.version.data);
    }

    job->complained = 0;
    job->next.state = MCP_SOURCE_UP;

    if (ngx_http_mcp_job_keep(job, &job->next) != NGX_OK) {
        ngx_http_mcp_run_failed(job, "out of memory");
        return;
    }

    job->backend->peer->era = job->source.era;

    ngx_http_mcp_publish_all(job->mmcf, job);

    job->backoff = 0;

    if (job->settle) {

        /* some servers complete their lists once a client is initialized */

        job->settle = 0;
        delay = ngx_min(NGX_HTTP_MCP_SETTLE, job->backend->refresh);

    } else {
        delay = job->backend->refresh;

        if (job->source.ttl_ms > 0
            && (ngx_msec_t) job->source.ttl_ms < delay)
        {
            delay = ngx_max((ngx_msec_t) job->source.ttl_ms,
                            ngx_min(delay, NGX_HTTP_MCP_TTL_MIN));
        }
    }

    ngx_http_mcp_run_end(job, delay);
}


void
ngx_http_mcp_run_failed(ngx_http_mcp_job_t *job, const char *error)
{
    ngx_msec_t          delay;
    mcp_source_state_e  state;

    ngx_http_mcp_peer_error(job->mmcf, job->backend->peer, error);

    if (!job->complained) {
        job->complained = 1;

        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "discovery of backend \"%V\" at \"%V\" failed: %s",
                      &job->backend->name, &job->backend->url, error);
    }

    state = (job->source.state == MCP_SOURCE_UP
             || job->source.state == MCP_SOURCE_STALE) ? MCP_SOURCE_STALE
                                                       : MCP_SOURCE_FAILED;

    if (state != job->source.state) {
        job->source.state = state;
        ngx_http_mcp_publish_all(job->mmcf, job);
    }

    job->settle = 1;

    job->backoff = job->backoff ? ngx_min(job->backoff * 2,
                                          NGX_HTTP_MCP_RETRY_MAX)
                                : NGX_HTTP_MCP_RETRY_MIN;

    delay = job->backoff / 2 + ngx_random() % (job->backoff / 2 + 1);

    ngx_http_mcp_run_end(job, ngx_min(delay, job->backend->refresh));
}


static void
ngx_http_mcp_run_end(ngx_http_mcp_job_t *job, ngx_msec_t delay)
{
    /* never two backends in step */

    delay -= (delay / 10) ? ngx_random() % (delay / 10) : 0;

    job->due = ngx_current_msec + delay;
    job->running = 0;

    ngx_destroy_pool(job->run);
    job->run = NULL;
}


/* Makes a copy of the source what is known of the backend. */

static ngx_int_t
ngx_http_mcp_job_keep(ngx_http_mcp_job_t *job, const mcp_source_t *from)
{
    ngx_uint_t     i;
    ngx_pool_t    *pool;
    mcp_source_t   source;

    pool = ngx_create_pool(4096, ngx_cycle->log);
    if (pool == NULL) {
        return NGX_ERROR;
    }

    source = *from;
    source.name = ngx_http_mcp_core_str(&job->backend->identity);

    if (ngx_http_mcp_copy(pool, &source.version, &from->version) != NGX_OK
        || ngx_http_mcp_copy(pool, &source.capabilities, &from->capabilities)
           != NGX_OK
        || ngx_http_mcp_copy(pool, &source.instructions, &from->instructions)
           != NGX_OK)
    {
        goto failed;
    }

    for (i = 0; i < MCP_LISTS; i++) {
        if (ngx_http_mcp_copy(pool, &source.list[i], &from->list[i])
            != NGX_OK)
        {
            goto failed;
        }
    }

    if (job->pool) {
        ngx_destroy_pool(job->pool);
    }

    job->pool = pool;
    job->source = source;

    return NGX_OK;

failed:

    ngx_destroy_pool(pool);

    return NGX_ERROR;
}


static void
ngx_http_mcp_publish_all(ngx_http_mcp_main_conf_t *mmcf,
    ngx_http_mcp_job_t *changed)
{
    size_t               len;
    ngx_int_t            rc;
    ngx_uint_t           i, n, generation;
    mcp_source_t        *source;
    ngx_http_mcp_job_t  *job;

    source = ngx_alloc(mmcf->backends.nelts * sizeof(mcp_source_t),
                       ngx_cycle->log);
    if (source == NULL) {
        return;
    }

    generation = mmcf->catalog->generation;

    for ( ;; ) {

        n = 0;

        for (i = 0; i < mmcf->backends.nelts; i++) {
            job = &ngx_http_mcp_jobs[i];

            if (job->source.state != MCP_SOURCE_UNTRIED) {
                source[n] = job->source;
                source[n++].name =
                            ngx_http_mcp_core_str(&job->backend->identity);
            }
        }

        rc = ngx_http_mcp_publish(mmcf, source, n, ngx_cycle->log, &len);

        if (rc != NGX_DECLINED || changed == NULL) {

            if (rc == NGX_OK && changed != NULL
                && changed->source.state == MCP_SOURCE_UP)
            {
                changed->oversize = 0;
            }

            break;
        }

        if (!changed->oversize) {
            ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                          "the lists of all backends take %uz bytes with "
                          "those of \"%V\", which are left out: make "
                          "\"mcp_catalog_size\" larger than its %uz bytes",
                          len, &changed->backend->name, mmcf->catalog_size);
        }

        changed->oversize = 1;

        /* the one that brought it over goes, then any that is left */

        for (i = 0; i < MCP_LISTS; i++) {
            changed->source.list[i].len = 0;
        }

        changed->source.state = MCP_SOURCE_FAILED;

        changed = NULL;

        for (i = mmcf->backends.nelts; i > 0; i--) {
            job = &ngx_http_mcp_jobs[i - 1];

            if (job->source.list[MCP_TOOLS].len
                + job->source.list[MCP_RESOURCES].len
                + job->source.list[MCP_PROMPTS].len
                + job->source.list[MCP_TEMPLATES].len)
            {
                changed = job;
                break;
            }
        }
    }

    ngx_free(source);

    if (mmcf->catalog->generation != generation) {
        ngx_http_mcp_views_check(mmcf, ngx_cycle->log);
    }
}
