
/* What a backend offers: its lists, page by page. */


#include "ngx_http_mcp_discovery.h"

#include "page.h"


#define NGX_HTTP_MCP_PAGES  1000         /* of one list */


typedef struct {
    const char                  *method;
    const char                  *key;        /* of the result */
    size_t                       key_len;
    const char                  *capability;
    size_t                       capability_len;
} ngx_http_mcp_list_t;


static void ngx_http_mcp_list_page(ngx_http_mcp_job_t *job);
static void ngx_http_mcp_listed(ngx_http_mcp_fetch_t *f);
static const char *ngx_http_mcp_list_read(ngx_http_mcp_job_t *job,
    ngx_http_mcp_fetch_t *f);


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


void
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
