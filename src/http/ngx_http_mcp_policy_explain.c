
/*
 * mcp_policy_explain: what roles see, and which rule makes it so.  For the
 * operator of this host alone: it answers on loopback and Unix sockets.
 *
 *     ?roles=ROLE[,ROLE]        every item that they see
 *     &all=1                    ... and those that they do not
 *     &location=/mcp            of one location
 *     &kind=KIND&name=B/N       of one name, whether it is there or not
 */


#include "ngx_http_mcp_policy.h"
#include "ngx_http_mcp_status.h"


#define NGX_HTTP_MCP_EXPLAIN_ROLES  128


typedef struct {
    ngx_http_request_t               *request;
    mcp_arena_t                       arena;
    mcp_buf_t                         b;
    ngx_http_mcp_policy_main_conf_t  *pmcf;
    mcp_roles_t                       roles;
    ngx_uint_t                        all;
} ngx_http_mcp_explain_t;


static const char *const  ngx_http_mcp_explain_lists[] = {
    "tools", "prompts", "resources", "templates"
};


static ngx_uint_t
ngx_http_mcp_explain_local(struct sockaddr *sa)
{
#if (NGX_HAVE_INET6)
    struct sockaddr_in6  *sin6;
#endif

    switch (sa->sa_family) {

#if (NGX_HAVE_INET6)
    case AF_INET6:
        sin6 = (struct sockaddr_in6 *) sa;
        return IN6_IS_ADDR_LOOPBACK(&sin6->sin6_addr);
#endif

#if (NGX_HAVE_UNIX_DOMAIN)
    case AF_UNIX:
        return 1;
#endif

    default: /* AF_INET */
        return (ntohl(((struct sockaddr_in *) sa)->sin_addr.s_addr) >> 24)
               == 127;
    }
}


static ngx_int_t
ngx_http_mcp_explain_send(ngx_http_mcp_explain_t *ex, ngx_uint_t status)
{
    ngx_int_t            rc;
    ngx_buf_t           *b;
    ngx_chain_t          out;
    ngx_http_request_t  *r;

    r = ex->request;

    b = ngx_calloc_buf(r->pool);

    if (b == NULL || ex->b.failed) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->headers_out.status = status;
    r->headers_out.content_length_n = ex->b.len;
    ngx_str_set(&r->headers_out.content_type, "text/plain");
    r->headers_out.content_type_len = r->headers_out.content_type.len;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b->pos = ex->b.data;
    b->last = b->pos + ex->b.len;
    b->memory = (ex->b.len != 0);
    b->last_buf = 1;
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


static ngx_int_t
ngx_http_mcp_explain_error(ngx_http_mcp_explain_t *ex, ngx_uint_t status,
    const char *text)
{
    mcp_buf_append(&ex->b, text, ngx_strlen(text));
    mcp_buf_literal(&ex->b, "\n");

    return ngx_http_mcp_explain_send(ex, status);
}


/* An argument of the request, decoded; NGX_DECLINED: there is none. */

static ngx_int_t
ngx_http_mcp_explain_arg(ngx_http_mcp_explain_t *ex, const char *name,
    mcp_str_t *out)
{
    u_char      *p, *dst, *src;
    ngx_str_t    value;
    ngx_uint_t   i;

    out->len = 0;
    out->data = (u_char *) "";

    if (ngx_http_arg(ex->request, (u_char *) name, ngx_strlen(name), &value)
        != NGX_OK)
    {
        return NGX_DECLINED;
    }

    p = ngx_pnalloc(ex->request->pool, value.len + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < value.len; i++) {
        p[i] = (value.data[i] == '+') ? ' ' : value.data[i];
    }

    dst = p;
    src = p;
    ngx_unescape_uri(&dst, &src, value.len, 0);

    out->data = p;
    out->len = dst - p;

    return NGX_OK;
}


/* A backend's words, as a terminal may show them. */

static void
ngx_http_mcp_explain_text(ngx_http_mcp_explain_t *ex, const mcp_str_t *text)
{
    size_t  i;
    u_char  ch, hex[4];

    for (i = 0; i < text->len; i++) {
        ch = text->data[i];

        if (ch > 0x20 && ch < 0x7f && ch != '\\') {
            mcp_buf_append(&ex->b, &ch, 1);
            continue;
        }

        ngx_sprintf(hex, "\\x%02Xd", (ngx_uint_t) ch);
        mcp_buf_append(&ex->b, hex, 4);
    }
}


/* Roles between commas. */

static ngx_int_t
ngx_http_mcp_explain_roles(ngx_http_mcp_explain_t *ex)
{
    u_char     *p, *end, *comma;
    unsigned    n;
    uint32_t    role[NGX_HTTP_MCP_EXPLAIN_ROLES];
    mcp_str_t   names;

    if (ngx_http_mcp_explain_arg(ex, "roles", &names) == NGX_ERROR) {
        return NGX_ERROR;
    }

    p = names.data;
    end = p + names.len;

    for (n = 0; p < end; p = comma + 1) {

        comma = ngx_strlchr(p, end, ',');
        if (comma == NULL) {
            comma = end;
        }

        if (n == NGX_HTTP_MCP_EXPLAIN_ROLES
            || mcp_policy_find(ex->pmcf->policy, p, comma - p, &role[n++])
               != MCP_OK)
        {
            names.data = p;
            names.len = comma - p;
            mcp_buf_literal(&ex->b, "there is no role \"");
            ngx_http_mcp_explain_text(ex, &names);
            mcp_buf_literal(&ex->b, "\"\n");

            return NGX_DECLINED;
        }
    }

    return mcp_policy_roles(ex->pmcf->policy, &ex->arena, &ex->arena, role, n,
                            &ex->roles)
           == MCP_OK ? NGX_OK : NGX_ERROR;
}


/* What is decided of one name; 0: nothing is to be said of it. */

static ngx_uint_t
ngx_http_mcp_explain_rule(ngx_http_mcp_explain_t *ex, mcp_policy_kind_e kind,
    const char *list, const mcp_str_t *backend, const mcp_str_t *name,
    const mcp_str_t *exposed, ngx_uint_t listed)
{
    ngx_uint_t         visible;
    mcp_verdict_t      v;
    const mcp_rule_t  *rule;

    mcp_policy_judge(&ex->roles, kind, backend, name, &v);

    visible = mcp_verdict_visible(&v);
    rule = v.deny ? v.deny : v.allow ? v.allow : v.allow_if;

    if (visible && !listed && kind == MCP_POLICY_RESOURCES
        && !mcp_policy_uri(&ex->roles, backend, name))
    {
        visible = 0;
        rule = NULL;
    }

    if (!visible && !ex->all) {
        return 0;
    }

    mcp_buf_append(&ex->b, visible ? "  + " : "  - ", 4);
    mcp_buf_append(&ex->b, list, ngx_strlen(list));
    mcp_buf_literal(&ex->b, " ");

    if (exposed != NULL) {
        ngx_http_mcp_explain_text(ex, exposed);
        mcp_buf_literal(&ex->b, " ");
    }

    ngx_http_mcp_explain_text(ex, backend);
    mcp_buf_literal(&ex->b, "/");
    ngx_http_mcp_explain_text(ex, name);
    mcp_buf_literal(&ex->b, ": ");

    mcp_policy_say(ex->pmcf->policy, rule, &ex->b);

    if (visible && v.deny_if != NULL) {
        mcp_buf_literal(&ex->b, ", unless ");
        mcp_policy_say(ex->pmcf->policy, v.deny_if, &ex->b);
    }

    mcp_buf_literal(&ex->b, "\n");

    return 1;
}


static ngx_int_t
ngx_http_mcp_explain_name(ngx_http_mcp_explain_t *ex, const mcp_str_t *kind,
    const mcp_str_t *text)
{
    const char         *why;
    mcp_pattern_t       p;
    mcp_policy_kind_e   k;

    for (k = MCP_POLICY_TOOLS; k < MCP_POLICY_KINDS; k++) {
        if (kind->len == mcp_policy_kinds[k].len
            && ngx_memcmp(kind->data, mcp_policy_kinds[k].data, kind->len)
               == 0)
        {
            break;
        }
    }

    if (k == MCP_POLICY_KINDS) {
        return ngx_http_mcp_explain_error(ex, NGX_HTTP_BAD_REQUEST,
                                          "the kind is tools, prompts or "
                                          "resources");
    }

    if (mcp_pattern_init(&p, text, &why) != MCP_OK) {
        return ngx_http_mcp_explain_error(ex, NGX_HTTP_BAD_REQUEST,
                                          "write the name as backend/name");
    }

    ex->all = 1;

    (void) ngx_http_mcp_explain_rule(ex, k, ngx_http_mcp_explain_lists[k],
                                     &p.backend.text, &p.name.text, NULL, 0);

    return ngx_http_mcp_explain_send(ex, NGX_HTTP_OK);
}


static ngx_int_t
ngx_http_mcp_explain_pass(ngx_http_mcp_explain_t *ex,
    ngx_http_mcp_snapshot_t *snap, ngx_http_mcp_loc_conf_t *mlcf)
{
    ngx_str_t                   *name;
    ngx_uint_t                   i, n;
    mcp_list_e                   list;
    mcp_view_t                  *view;
    const mcp_item_t            *item;
    ngx_http_core_loc_conf_t    *clcf;
    ngx_http_mcp_policy_conf_t  *plcf;

    clcf = mlcf->loc_conf[ngx_http_core_module.ctx_index];
    plcf = mlcf->loc_conf[ngx_http_mcp_policy_module.ctx_index];
    name = &clcf->name;

    view = ngx_http_mcp_snapshot_view(snap, mlcf);
    if (view == NULL) {
        return NGX_ERROR;
    }

    mcp_buf_literal(&ex->b, "location ");
    mcp_buf_str(&ex->b, name);
    mcp_buf_literal(&ex->b, " in ");
    mcp_buf_append(&ex->b, mlcf->file, ngx_strlen(mlcf->file));
    mcp_buf_literal(&ex->b, ":");
    mcp_buf_uint(&ex->b, mlcf->line);

    if (!ngx_http_mcp_policy_on(ex->pmcf, plcf)) {
        mcp_buf_literal(&ex->b, ": mcp_policy is off, everybody sees "
                        "everything\n");
        return NGX_OK;
    }

    mcp_buf_literal(&ex->b, ":\n");

    n = 0;

    for (list = MCP_TOOLS; list < MCP_LISTS; list++) {

        for (i = 0; i < view->list[list].n; i++) {
            item = &view->list[list].item[i];

            n += ngx_http_mcp_explain_rule(ex, mcp_view_kind(list),
                                     ngx_http_mcp_explain_lists[list],
                                     &view->source[item->source].source->name,
                                     &item->native, &item->exposed, 1);
        }
    }

    if (n == 0) {
        mcp_buf_literal(&ex->b, "  nothing\n");
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_mcp_explain_passes(ngx_http_mcp_explain_t *ex,
    ngx_http_mcp_main_conf_t *mmcf, const mcp_str_t *location)
{
    ngx_uint_t                  i;
    ngx_http_mcp_snapshot_t    *snap;
    ngx_http_mcp_loc_conf_t   **mlcf;
    ngx_http_core_loc_conf_t   *clcf;

    snap = ngx_http_mcp_snapshot_newest(mmcf);
    if (snap == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    mlcf = mmcf->passes.elts;

    for (i = 0; i < mmcf->passes.nelts; i++) {

        clcf = mlcf[i]->loc_conf[ngx_http_core_module.ctx_index];

        if (location->len != 0
            && (clcf->name.len != location->len
                || ngx_memcmp(clcf->name.data, location->data, location->len)
                   != 0))
        {
            continue;
        }

        if (ngx_http_mcp_explain_pass(ex, snap, mlcf[i]) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    if (ex->b.len == 0) {
        return ngx_http_mcp_explain_error(ex, NGX_HTTP_NOT_FOUND,
                                          "there is no such location with "
                                          "mcp_pass");
    }

    return ngx_http_mcp_explain_send(ex, NGX_HTTP_OK);
}


ngx_int_t
ngx_http_mcp_policy_explain(ngx_http_request_t *r)
{
    mcp_str_t                  kind, name, location, all;
    ngx_int_t                  rc;
    const char                *reason;
    ngx_http_mcp_explain_t     ex;
    ngx_http_mcp_main_conf_t  *mmcf;

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return NGX_HTTP_NOT_ALLOWED;
    }

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    if (r != r->main
        || !ngx_http_mcp_explain_local(r->connection->sockaddr)
        || ngx_http_mcp_api_origin(r, &reason) != NGX_OK)
    {
        return NGX_HTTP_FORBIDDEN;
    }

    ngx_memzero(&ex, sizeof(ngx_http_mcp_explain_t));

    ex.request = r;
    ex.pmcf = ngx_http_get_module_main_conf(r, ngx_http_mcp_policy_module);
    ngx_http_mcp_arena_init(&ex.arena, r->pool);
    mcp_buf_init(&ex.b, &ex.arena, 4096);

    mmcf = ngx_http_get_module_main_conf(r, ngx_http_mcp_module);

    rc = ngx_http_mcp_explain_roles(&ex);

    if (rc == NGX_DECLINED) {
        return ngx_http_mcp_explain_send(&ex, NGX_HTTP_BAD_REQUEST);
    }

    if (rc != NGX_OK
        || ngx_http_mcp_explain_arg(&ex, "kind", &kind) == NGX_ERROR
        || ngx_http_mcp_explain_arg(&ex, "name", &name) == NGX_ERROR
        || ngx_http_mcp_explain_arg(&ex, "location", &location) == NGX_ERROR
        || ngx_http_mcp_explain_arg(&ex, "all", &all) == NGX_ERROR)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (name.len != 0) {
        return ngx_http_mcp_explain_name(&ex, &kind, &name);
    }

    if (mmcf->passes.nelts == 0) {
        return ngx_http_mcp_explain_error(&ex, NGX_HTTP_NOT_FOUND,
                                          "there is no mcp_pass");
    }

    ex.all = mcp_str_is(&all, "1");

    return ngx_http_mcp_explain_passes(&ex, mmcf, &location);
}
