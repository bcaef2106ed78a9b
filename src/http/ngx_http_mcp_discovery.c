
/*
 * The manager process: asks every backend what it offers, and keeps the
 * shared catalog true.  It lives in nginx's helper process (the one of cache
 * managers), so that a slow backend never costs a worker anything.
 */


#include "ngx_http_mcp.h"

#include "page.h"


#define NGX_HTTP_MCP_TICK       200      /* ms between looks at what is due */
#define NGX_HTTP_MCP_SETTLE     1000     /* ms to a second look at new lists */
#define NGX_HTTP_MCP_RETRY_MIN  500
#define NGX_HTTP_MCP_RETRY_MAX  5000
#define NGX_HTTP_MCP_TTL_MIN    5000
#define NGX_HTTP_MCP_PAGES      1000     /* of one list */


typedef struct {
    ngx_http_mcp_main_conf_t    *mmcf;
    ngx_http_mcp_backend_t      *backend;
    ngx_msec_t                   due;
    ngx_msec_t                   backoff;

    /* what is known, in a pool of its own */
    ngx_pool_t                  *pool;
    mcp_source_t                 source;

    /* the run under way */
    ngx_pool_t                  *run;
    mcp_arena_t                  arena;
    mcp_source_t                 next;
    mcp_buf_t                    list;
    ngx_uint_t                   current;    /* mcp_list_e */
    ngx_uint_t                   pages;
    mcp_str_t                    cursor;
    ngx_atomic_uint_t            session;    /* the peer's, when last used */

    unsigned                     running:1;
    unsigned                     settle:1;   /* look once more, soon */
    unsigned                     reopened:1;
    unsigned                     complained:1;
    unsigned                     oversize:1; /* its lists were left out */
} ngx_http_mcp_job_t;


typedef struct {
    const char                  *method;
    const char                  *key;        /* of the result */
    size_t                       key_len;
    const char                  *capability;
    size_t                       capability_len;
} ngx_http_mcp_list_t;


static ngx_msec_t ngx_http_mcp_manager(void *data);
static void ngx_http_mcp_discovery_start(ngx_cycle_t *cycle);
static void ngx_http_mcp_discovery_tick(ngx_event_t *ev);
static void ngx_http_mcp_run(ngx_http_mcp_job_t *job);
static void ngx_http_mcp_probe(ngx_http_mcp_job_t *job);
static void ngx_http_mcp_probed(ngx_http_mcp_fetch_t *f);
static mcp_era_e ngx_http_mcp_probe_verdict(ngx_http_mcp_job_t *job,
    ngx_http_mcp_fetch_t *f, const char **error);
static void ngx_http_mcp_open(ngx_http_mcp_job_t *job);
static void ngx_http_mcp_opened(void *data, ngx_http_mcp_opened_t *opened,
    const char *error);
static void ngx_http_mcp_lists(ngx_http_mcp_job_t *job);
static void ngx_http_mcp_list_page(ngx_http_mcp_job_t *job);
static void ngx_http_mcp_listed(ngx_http_mcp_fetch_t *f);
static const char *ngx_http_mcp_list_read(ngx_http_mcp_job_t *job,
    ngx_http_mcp_fetch_t *f);
static void ngx_http_mcp_run_done(ngx_http_mcp_job_t *job);
static void ngx_http_mcp_run_failed(ngx_http_mcp_job_t *job,
    const char *error);
static void ngx_http_mcp_run_end(ngx_http_mcp_job_t *job, ngx_msec_t delay);
static ngx_int_t ngx_http_mcp_job_keep(ngx_http_mcp_job_t *job,
    const mcp_source_t *source);
static void ngx_http_mcp_publish_all(ngx_http_mcp_main_conf_t *mmcf,
    ngx_http_mcp_job_t *changed);


#define ngx_http_mcp_list_entry(method, key, capability)                      \
    { method, key, sizeof(key) - 1, capability, sizeof(capability) - 1 }


/* in the order of mcp_list_e */

static ngx_http_mcp_list_t  ngx_http_mcp_list_names[] = {
    ngx_http_mcp_list_entry("tools/list", "tools", "tools"),
    ngx_http_mcp_list_entry("prompts/list", "prompts", "prompts"),
    ngx_http_mcp_list_entry("resources/list", "resources", "resources"),
    ngx_http_mcp_list_entry("resources/templates/list", "resourceTemplates",
                            "resources")
};


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


static void
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


static void
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


/* --- the lists ----------------------------------------------------------- */


static ngx_uint_t
ngx_http_mcp_capable(ngx_http_mcp_job_t *job, const char *name, size_t len)
{
    mcp_json_tape_t  tape;

    if (job->next.capabilities.len == 0
        || mcp_json_tape(&tape, &job->arena, job->next.capabilities.data,
                         job->next.capabilities.len, 64)
           != MCP_OK)
    {
        return 0;
    }

    return mcp_json_member(&tape, 0, name, len) != 0;
}


static void
ngx_http_mcp_lists(ngx_http_mcp_job_t *job)
{
    job->current = 0;
    job->pages = 0;
    job->cursor.len = 0;
    job->cursor.data = NULL;

    ngx_http_mcp_list_page(job);
}


static void
ngx_http_mcp_list_page(ngx_http_mcp_job_t *job)
{
    u_char               *p;
    mcp_buf_t             b;
    ngx_str_t             headers;
    ngx_http_mcp_list_t  *list;

    while (job->pages == 0) {

        if (job->current == MCP_LISTS) {
            ngx_http_mcp_run_done(job);
            return;
        }

        list = &ngx_http_mcp_list_names[job->current];

        if (ngx_http_mcp_capable(job, list->capability, list->capability_len))
        {
            mcp_buf_init(&job->list, &job->arena, 4096);
            job->list.max = job->mmcf->catalog_size;
            mcp_buf_literal(&job->list, "[");
            break;
        }

        job->current++;
    }

    list = &ngx_http_mcp_list_names[job->current];

    mcp_buf_init(&b, &job->arena, 512);
    mcp_buf_literal(&b, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"");
    mcp_buf_append(&b, list->method, ngx_strlen(list->method));
    mcp_buf_literal(&b, "\",\"params\":{");

    if (job->cursor.data != NULL) {
        mcp_buf_literal(&b, "\"cursor\":");
        mcp_buf_str(&b, &job->cursor);
    }

    if (job->next.era == MCP_ERA_LEGACY) {
        mcp_buf_literal(&b, "}}");

        job->session = job->backend->peer->session;

        if (ngx_http_mcp_session_headers(job->mmcf, job->backend, job->run,
                                         &headers)
            != NGX_OK)
        {
            ngx_http_mcp_run_failed(job, "out of memory");
            return;
        }

    } else {

        if (job->cursor.data != NULL) {
            mcp_buf_literal(&b, ",");
        }

        mcp_buf_literal(&b, NGX_HTTP_MCP_META "}}");

        p = ngx_pnalloc(job->run, 128);
        if (p == NULL) {
            ngx_http_mcp_run_failed(job, "out of memory");
            return;
        }

        headers.data = p;
        headers.len = ngx_sprintf(p, "MCP-Protocol-Version: "
                                     MCP_VERSION_MODERN CRLF
                                     "Mcp-Method: %s" CRLF, list->method)
                      - p;
    }

    ngx_http_mcp_job_fetch(job, &b, &headers, ngx_http_mcp_listed);
}


static void
ngx_http_mcp_listed(ngx_http_mcp_fetch_t *f)
{
    ngx_http_mcp_job_t *job = f->data;

    const char  *error;

    /* the session may have ended since the last run: once, begin anew */

    if (job->next.era == MCP_ERA_LEGACY && !job->reopened
        && (f->exchange.status == NGX_HTTP_NOT_FOUND
            || f->exchange.status == NGX_HTTP_BAD_REQUEST))
    {
        if (job->backend->peer->session != job->session) {

            /* a worker was there first */

            job->reopened = 1;
            ngx_http_mcp_list_page(job);
            return;
        }

        job->reopened = 1;
        job->source.state = MCP_SOURCE_STALE;
        ngx_http_mcp_open(job);
        return;
    }

    if (f->collected.failed) {
        error = "its lists do not fit into \"mcp_catalog_size\"";

    } else {
        error = f->error ? f->error : ngx_http_mcp_list_read(job, f);
    }

    if (error) {
        ngx_http_mcp_run_failed(job, error);
        return;
    }

    ngx_http_mcp_list_page(job);
}


static void
ngx_http_mcp_list_log(void *data, mcp_view_level_e level, const char *line)
{
    ngx_http_mcp_job_t *job = data;

    if (job->source.state == MCP_SOURCE_UP) {

        /* it was said when the backend came up */

        return;
    }

    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "%s of backend \"%V\": %s",
                  ngx_http_mcp_list_names[job->current].method,
                  &job->backend->name, line);
}


static const char *
ngx_http_mcp_list_read(ngx_http_mcp_job_t *job, ngx_http_mcp_fetch_t *f)
{
    mcp_str_t             answer, *out;
    mcp_page_t            page;
    ngx_http_mcp_list_t  *list;

    list = &ngx_http_mcp_list_names[job->current];
    out = &job->next.list[job->current];

    answer.len = f->answer.len;
    answer.data = mcp_memdup(&job->arena, f->answer.data, f->answer.len);

    if (answer.data == NULL) {
        return "out of memory";
    }

    if (mcp_page_read(&page, answer.data, answer.len, list->key, list->key_len)
        != MCP_OK)
    {
        return "a list is not valid JSON";
    }

    if (page.error && (page.error_code == MCP_E_METHOD
                       || job->current != MCP_TOOLS))
    {
        /*
         * Announced, but not there: as if it was empty.  What is wrong with
         * prompts or resources does not cost a backend its tools.
         */

        if (page.error_code != MCP_E_METHOD
            && job->source.state != MCP_SOURCE_UP)
        {
            ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                          "%s of backend \"%V\" was refused with %L, it is "
                          "taken as empty", list->method, &job->backend->name,
                          page.error_code);
        }

        mcp_str_set(out, "[]");
        job->current++;
        job->pages = 0;
        job->cursor.len = 0;
        job->cursor.data = NULL;

        return NULL;
    }

    if (page.error) {
        return "a list was refused";
    }

    if (page.array.len == 0) {
        return "a list is not in its answer";
    }

    switch (mcp_catalog_append(&job->list, &job->arena, &page.array,
                               ngx_http_mcp_list_log, job))
    {
    case MCP_OK:
        break;

    case MCP_NOMEM:
        return "its lists do not fit into \"mcp_catalog_size\"";

    default:
        return "a list is not an array of objects";
    }

    if (page.ttl_ms >= 0
        && (job->next.ttl_ms < 0 || page.ttl_ms < job->next.ttl_ms))
    {
        job->next.ttl_ms = page.ttl_ms;
    }

    /* a cursor that leads nowhere new is the end */

    if (page.cursor.len != 0
        && (page.cursor.len != job->cursor.len
            || ngx_memcmp(page.cursor.data, job->cursor.data, page.cursor.len)
               != 0))
    {
        if (++job->pages == NGX_HTTP_MCP_PAGES) {
            return "a list has too many pages";
        }

        job->cursor = page.cursor;

        return NULL;
    }

    mcp_buf_literal(&job->list, "]");

    if (job->list.failed) {
        return "its lists do not fit into \"mcp_catalog_size\"";
    }

    out->data = job->list.data;
    out->len = job->list.len;

    job->current++;
    job->pages = 0;
    job->cursor.len = 0;
    job->cursor.data = NULL;

    return NULL;
}


/* --- the end of a run ---------------------------------------------------- */


static void
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


static void
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
