
/*
 * mcp_validate: arguments against the tool's inputSchema, and those of a
 * prompt against what it requires.
 *
 * A worker compiles a schema when a call first needs it, and keeps it as long
 * as the lists that it is of; with "strict" it compiles all at once, since the
 * lists depend on it.  The manager compiles all, to tell of those that are of
 * no use.
 */


#include "ngx_http_mcp.h"

#include "schema.h"


#define NGX_HTTP_MCP_SCHEMA_POOL   2048
#define NGX_HTTP_MCP_SCHEMA_LINES  32    /* to the log, of each location */


typedef struct {
    ngx_uint_t                   validate;   /* ngx_http_mcp_validate_e */
} ngx_http_mcp_schema_conf_t;


static mcp_schema_t *ngx_http_mcp_schema_compile(ngx_pool_t *owner,
    mcp_item_schema_t *is, mcp_schema_fault_t *fault, ngx_pool_t *temp);
static void ngx_http_mcp_schema_report(mcp_view_t *view, mcp_item_t *item,
    ngx_uint_t strict, mcp_schema_fault_t *fault, void *said);
static ngx_int_t ngx_http_mcp_schema_fault(ngx_http_mcp_call_t *call,
    mcp_schema_result_t *result, mcp_fault_t *fault);
static void *ngx_http_mcp_schema_create_conf(ngx_conf_t *cf);
static char *ngx_http_mcp_schema_merge_conf(ngx_conf_t *cf, void *parent,
    void *child);


static ngx_conf_enum_t  ngx_http_mcp_validate[] = {
    { ngx_string("off"), NGX_HTTP_MCP_VALIDATE_OFF },
    { ngx_string("on"), NGX_HTTP_MCP_VALIDATE_ON },
    { ngx_string("strict"), NGX_HTTP_MCP_VALIDATE_STRICT },
    { ngx_null_string, 0 }
};


static ngx_command_t  ngx_http_mcp_schema_commands[] = {

    { ngx_string("mcp_validate"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_mcp_schema_conf_t, validate),
      ngx_http_mcp_validate },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_mcp_schema_module_ctx = {
    NULL,                                  /* preconfiguration */
    NULL,                                  /* postconfiguration */

    NULL,                                  /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_mcp_schema_create_conf,       /* create location configuration */
    ngx_http_mcp_schema_merge_conf         /* merge location configuration */
};


ngx_module_t  ngx_http_mcp_schema_module = {
    NGX_MODULE_V1,
    &ngx_http_mcp_schema_module_ctx,       /* module context */
    ngx_http_mcp_schema_commands,          /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    NULL,                                  /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


/* what patterns are run with, in this process */

static mcp_matcher_t  *ngx_http_mcp_schema_matcher;


/* No arguments are the same as none in an object. */

static mcp_json_node_t  ngx_http_mcp_schema_none[] = {
    { 0, 2, 1, 0, MCP_JSON_OBJECT, 0 }
};

static mcp_json_tape_t  ngx_http_mcp_schema_empty = {
    (u_char *) "{}", 2, ngx_http_mcp_schema_none, 1, { 0, NULL }
};


static void
ngx_http_mcp_schema_cleanup(void *data)
{
    ngx_destroy_pool(data);
}


/*
 * In a pool of its own, which goes with the owner, or at once if it was of no
 * use.  Scratch comes from temp.
 */

static mcp_schema_t *
ngx_http_mcp_schema_compile(ngx_pool_t *owner, mcp_item_schema_t *is,
    mcp_schema_fault_t *fault, ngx_pool_t *temp)
{
    int                  rc;
    ngx_pool_t          *pool;
    mcp_arena_t          arena, scratch;
    mcp_schema_t        *schema;
    ngx_pool_cleanup_t  *cln;

    pool = ngx_create_pool(NGX_HTTP_MCP_SCHEMA_POOL, ngx_cycle->log);
    if (pool == NULL) {
        fault->why = NULL;
        return NULL;
    }

    ngx_http_mcp_arena_init(&arena, pool);
    ngx_http_mcp_arena_init(&scratch, temp);

    rc = mcp_schema_compile(&schema, &arena, &scratch, &is->text, fault);

    if (rc == MCP_OK) {

        cln = ngx_pool_cleanup_add(owner, 0);

        if (cln != NULL) {
            cln->handler = ngx_http_mcp_schema_cleanup;
            cln->data = pool;

            return schema;
        }
    }

    if (rc != MCP_ERROR) {
        fault->why = NULL;
    }

    ngx_destroy_pool(pool);

    return NULL;
}


/* NGX_DECLINED: it is of no use. */

static ngx_int_t
ngx_http_mcp_schema_get(mcp_view_t *view, mcp_item_schema_t *is)
{
    ngx_pool_t          *temp;
    mcp_schema_fault_t   fault;

    if (is->tried) {
        return is->compiled ? NGX_OK : NGX_DECLINED;
    }

    temp = ngx_create_pool(4096, ngx_cycle->log);
    if (temp == NULL) {
        return NGX_ERROR;
    }

    is->compiled = ngx_http_mcp_schema_compile(view->owner, is, &fault, temp);

    ngx_destroy_pool(temp);

    if (is->compiled == NULL && fault.why == NULL) {
        return NGX_ERROR;
    }

    is->tried = 1;

    return is->compiled ? NGX_OK : NGX_DECLINED;
}


ngx_int_t
ngx_http_mcp_schema_view(mcp_view_t *view, ngx_http_mcp_loc_conf_t *mlcf,
    void *said)
{
    ngx_uint_t           i, lines, strict;
    ngx_pool_t          *temp;
    mcp_item_t          *item;
    mcp_schema_fault_t   fault;

    strict = (mlcf->validate == NGX_HTTP_MCP_VALIDATE_STRICT);
    lines = 0;

    if (mlcf->validate == NGX_HTTP_MCP_VALIDATE_OFF
        || (said == NULL && !strict))
    {
        return NGX_OK;
    }

    for (i = 0; i < view->list[MCP_TOOLS].n; i++) {

        item = &view->list[MCP_TOOLS].item[i];

        if (said == NULL) {

            switch (ngx_http_mcp_schema_get(view, item->schema)) {

            case NGX_OK:
                continue;

            case NGX_DECLINED:
                break;

            default:
                return NGX_ERROR;
            }

            /* there is no such tool, to clients of either era */

            item->json[0].data = NULL;
            item->json[1].data = NULL;

            continue;
        }

        /* the manager has no use for it, but to know */

        if (lines == NGX_HTTP_MCP_SCHEMA_LINES || ngx_quit || ngx_terminate) {
            break;
        }

        temp = ngx_create_pool(16384, ngx_cycle->log);
        if (temp == NULL) {
            return NGX_ERROR;
        }

        if (ngx_http_mcp_schema_compile(temp, item->schema, &fault, temp)
            == NULL
            && fault.why != NULL)
        {
            ngx_http_mcp_schema_report(view, item, strict, &fault, said);
            lines++;
        }

        ngx_destroy_pool(temp);
    }

    return NGX_OK;
}


static void
ngx_http_mcp_schema_report(mcp_view_t *view, mcp_item_t *item,
    ngx_uint_t strict, mcp_schema_fault_t *fault, void *said)
{
    u_char      line[512], *p;
    ngx_str_t   tool, backend;

    /* an exposed name is of A-Z a-z 0-9 _ . - */

    tool = ngx_http_mcp_str(&item->exposed);
    backend = ngx_http_mcp_str(&view->source[item->source].source->name);

    p = ngx_snprintf(line, sizeof(line) - 1,
                     "backend \"%V\": tool \"%V\" %s: its inputSchema cannot "
                     "be used at \"%*s\": %s", &backend, &tool,
                     strict ? "is left out" : "is offered unvalidated",
                     fault->at.len, fault->at.data, fault->why);
    *p = '\0';

    ngx_http_mcp_view_log(said, MCP_VIEW_WARN, (char *) line);
}


/* --- the gate ------------------------------------------------------------ */


ngx_int_t
ngx_http_mcp_schema_gate(ngx_http_mcp_call_t *call, mcp_fault_t *fault)
{
    int                          rc;
    uint32_t                     node;
    mcp_item_schema_t           *is;
    mcp_schema_result_t          result;
    const mcp_json_tape_t       *tape;
    ngx_http_mcp_schema_conf_t  *conf;

    conf = ngx_http_get_module_loc_conf(call->request,
                                        ngx_http_mcp_schema_module);

    if (conf->validate == NGX_HTTP_MCP_VALIDATE_OFF || call->item == NULL
        || call->item->schema == NULL
        || (call->message.method != MCP_TOOLS_CALL
            && call->message.method != MCP_PROMPTS_GET))
    {
        return NGX_OK;
    }

    is = call->item->schema;

    switch (ngx_http_mcp_schema_get(call->view, is)) {

    case NGX_OK:
        break;

    case NGX_DECLINED:

        if (conf->validate != NGX_HTTP_MCP_VALIDATE_STRICT) {
            return NGX_OK;
        }

        (void) mcp_fault(fault, MCP_E_PARAMS, NGX_HTTP_OK,
                         "the arguments cannot be checked against the "
                         "tool's inputSchema", "");
        call->outcome = NGX_HTTP_MCP_INVALID;

        return NGX_DECLINED;

    default:
        return NGX_ERROR;
    }

    if (ngx_http_mcp_schema_matcher == NULL) {
        ngx_http_mcp_schema_matcher = mcp_matcher_create();
        if (ngx_http_mcp_schema_matcher == NULL) {
            return NGX_ERROR;
        }
    }

    node = call->message.arguments;
    tape = node ? &call->message.tape : &ngx_http_mcp_schema_empty;

    rc = mcp_schema_validate(is->compiled, tape, node,
                             ngx_http_mcp_schema_matcher, &call->arena,
                             &result);
    if (rc == MCP_OK) {
        return NGX_OK;
    }

    call->outcome = NGX_HTTP_MCP_INVALID;

    return rc == MCP_ERROR ? ngx_http_mcp_schema_fault(call, &result, fault)
                           : NGX_ERROR;
}


/*
 * The first error is in the message, too: many clients show nothing else to
 * the model which has to do better.
 */

static ngx_int_t
ngx_http_mcp_schema_fault(ngx_http_mcp_call_t *call,
    mcp_schema_result_t *result, mcp_fault_t *fault)
{
    mcp_buf_t            message, data;
    mcp_schema_error_t  *e;

    e = &result->error[0];

    mcp_buf_init(&message, &call->arena, 128);
    mcp_buf_literal(&message, "invalid arguments: ");
    mcp_buf_str(&message, &e->path);
    mcp_buf_append(&message, " ", e->path.len != 0);
    mcp_buf_str(&message, &e->message);

    mcp_buf_init(&data, &call->arena, 256);
    mcp_schema_errors(&data, result);

    if (message.failed || data.failed) {
        return NGX_ERROR;
    }

    fault->code = MCP_E_PARAMS;
    fault->status = NGX_HTTP_OK;
    fault->message.data = message.data;
    fault->message.len = message.len;
    fault->data.data = data.data;
    fault->data.len = data.len;

    return NGX_DECLINED;
}


/* --- configuration ------------------------------------------------------- */


static void *
ngx_http_mcp_schema_create_conf(ngx_conf_t *cf)
{
    ngx_http_mcp_schema_conf_t  *conf;

    conf = ngx_palloc(cf->pool, sizeof(ngx_http_mcp_schema_conf_t));
    if (conf == NULL) {
        return NULL;
    }

    conf->validate = NGX_CONF_UNSET_UINT;

    return conf;
}


static char *
ngx_http_mcp_schema_merge_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_mcp_schema_conf_t *prev = parent;
    ngx_http_mcp_schema_conf_t *conf = child;

    ngx_http_mcp_loc_conf_t  *mlcf;

    ngx_conf_merge_uint_value(conf->validate, prev->validate,
                              NGX_HTTP_MCP_VALIDATE_OFF);

    /* for what is made of the location's lists without a request */

    mlcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_mcp_module);
    mlcf->validate = conf->validate;

    return NGX_CONF_OK;
}
