
/* Patterns that fit nothing: a misspelt one must not go unnoticed. */


#include "ngx_http_mcp_policy.h"


#define NGX_HTTP_MCP_POLICY_LINES  32    /* at a time */


/* What the manager has said, by the number of the pattern. */

static u_char      *ngx_http_mcp_policy_said;
static ngx_uint_t   ngx_http_mcp_policy_nsaid;


/*
 * Whether it is too early to say it: of some backend that the pattern means
 * the lists are not known.  A pattern of resources may also be there for those
 * that templates lead to.
 */

static ngx_uint_t
ngx_http_mcp_policy_early(ngx_http_mcp_main_conf_t *mmcf,
    ngx_http_mcp_snapshot_t *snap, const mcp_policy_pattern_t *p)
{
    ngx_uint_t           i;
    const mcp_glob_t    *g;
    const mcp_source_t  *source;

    g = &p->pattern.backend;

    for (i = 0; i < mmcf->backends.nelts; i++) {
        source = &snap->source[i];

        if (!mcp_glob_match(g, source->name.data, source->name.len)) {
            continue;
        }

        if (source->state == MCP_SOURCE_UNTRIED
            || source->state == MCP_SOURCE_FAILED)
        {
            return 1;
        }

        if (p->rule->kind == MCP_POLICY_RESOURCES
            && source->list[MCP_TEMPLATES].len > sizeof("[]") - 1)
        {
            return 1;
        }
    }

    return 0;
}


static void
ngx_http_mcp_policy_mark(mcp_policy_t *policy, const mcp_view_t *view,
    u_char *seen)
{
    ngx_uint_t         i;
    mcp_list_e         list;
    const mcp_item_t  *item;

    for (list = MCP_TOOLS; list < MCP_LISTS; list++) {

        for (i = 0; i < view->list[list].n; i++) {
            item = &view->list[list].item[i];

            mcp_policy_mark(policy, mcp_view_kind(list),
                            &view->source[item->source].source->name,
                            &item->native, seen);
        }
    }
}


static void
ngx_http_mcp_policy_say(ngx_log_t *log, const mcp_policy_pattern_t *p)
{
    const mcp_str_t  *kind, *text;

    kind = &mcp_policy_kinds[p->rule->kind];
    text = &p->pattern.text;

    ngx_log_error(NGX_LOG_WARN, log, 0,
                  "mcp policy: \"%*s\" in %s:%ui fits no %*s that there are: "
                  "is it misspelt?", text->len, text->data, p->rule->file,
                  (ngx_uint_t) p->rule->line, kind->len, kind->data);
}


void
ngx_http_mcp_policy_check(ngx_http_mcp_main_conf_t *mmcf,
    ngx_http_mcp_snapshot_t *snap, ngx_log_t *log)
{
    u_char                           *seen;
    ngx_uint_t                        i, n, lines;
    const mcp_policy_pattern_t       *p;
    ngx_http_mcp_policy_main_conf_t  *pmcf;

    pmcf = mmcf->ctx->main_conf[ngx_http_mcp_policy_module.ctx_index];
    n = mcp_policy_patterns(pmcf->policy);

    if (n == 0) {
        return;
    }

    if (ngx_http_mcp_policy_nsaid != n) {
        ngx_http_mcp_policy_said = ngx_calloc(n, log);
        ngx_http_mcp_policy_nsaid = ngx_http_mcp_policy_said ? n : 0;
    }

    seen = ngx_pcalloc(snap->pool, n);

    if (seen == NULL || ngx_http_mcp_policy_said == NULL) {
        return;
    }

    for (i = 0; i < mmcf->passes.nelts; i++) {
        if (snap->view[i] != NULL) {
            ngx_http_mcp_policy_mark(pmcf->policy, snap->view[i], seen);
        }
    }

    lines = 0;

    for (i = 0; i < n; i++) {
        p = mcp_policy_pattern(pmcf->policy, (unsigned) i);

        if (seen[i]) {
            ngx_http_mcp_policy_said[i] = 0;
            continue;
        }

        if (ngx_http_mcp_policy_said[i]
            || ngx_http_mcp_policy_early(mmcf, snap, p))
        {
            continue;
        }

        ngx_http_mcp_policy_said[i] = 1;

        if (lines++ < NGX_HTTP_MCP_POLICY_LINES) {
            ngx_http_mcp_policy_say(log, p);
        }
    }

    if (lines > NGX_HTTP_MCP_POLICY_LINES) {
        ngx_log_error(NGX_LOG_WARN, log, 0,
                      "mcp policy: %ui more patterns fit nothing",
                      lines - NGX_HTTP_MCP_POLICY_LINES);
    }
}
