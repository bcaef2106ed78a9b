
/*
 * mcp_limit: how often a client may call a tool.  The buckets are in the
 * zone; core/limit has the arithmetic.  mcp_disable is a directive of this
 * module, too, but all of it is in ngx_http_mcp_disable.c.
 */


#include "ngx_http_mcp.h"
#include "ngx_http_mcp_limit.h"

#include "sip.h"


#define NGX_HTTP_MCP_LIMIT_RULES   1000
#define NGX_HTTP_MCP_LIMIT_NONE    0xffff   /* of item->limit */

#define NGX_HTTP_MCP_LIMIT_CLIENT  1        /* whose key it is */
#define NGX_HTTP_MCP_LIMIT_ADDR    2
#define NGX_HTTP_MCP_LIMIT_VALUE   3


typedef struct {
    mcp_limit_t                  limit;
    ngx_array_t                 *tools;      /* mcp_pattern_t; NULL: all */
    ngx_http_complex_value_t    *key;        /* NULL: the client */
    ngx_flag_t                   dry_run;
} ngx_http_mcp_limit_rule_t;


static void *ngx_http_mcp_limit_create_main_conf(ngx_conf_t *cf);
static ngx_int_t ngx_http_mcp_limit_preconfiguration(ngx_conf_t *cf);
static char *ngx_http_mcp_limit(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static void *ngx_http_mcp_limit_create_conf(ngx_conf_t *cf);
static char *ngx_http_mcp_limit_merge_conf(ngx_conf_t *cf, void *parent,
    void *child);


static ngx_conf_enum_t  ngx_http_mcp_limit_statuses[] = {
    { ngx_string("200"), NGX_HTTP_OK },
    { ngx_string("429"), NGX_HTTP_TOO_MANY_REQUESTS },
    { ngx_null_string, 0 }
};


static ngx_command_t  ngx_http_mcp_limit_commands[] = {

    { ngx_string("mcp_limit"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_mcp_limit,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("mcp_limit_status"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_mcp_limit_conf_t, status),
      &ngx_http_mcp_limit_statuses },

    { ngx_string("mcp_disable"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_mcp_disable,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_mcp_limit_module_ctx = {
    ngx_http_mcp_limit_preconfiguration,   /* preconfiguration */
    ngx_http_mcp_disable_check,            /* postconfiguration */

    ngx_http_mcp_limit_create_main_conf,   /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_mcp_limit_create_conf,        /* create location configuration */
    ngx_http_mcp_limit_merge_conf          /* merge location configuration */
};


ngx_module_t  ngx_http_mcp_limit_module = {
    NGX_MODULE_V1,
    &ngx_http_mcp_limit_module_ctx,        /* module context */
    ngx_http_mcp_limit_commands,           /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    NULL,                                  /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    ngx_http_mcp_state_exit_master,        /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_int_t ngx_http_mcp_limit_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);


static ngx_http_variable_t  ngx_http_mcp_limit_vars[] = {

    { ngx_string("mcp_limit_status"), NULL, ngx_http_mcp_limit_variable, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

      ngx_http_null_variable
};


static ngx_str_t  ngx_http_mcp_limit_verdicts[] = {
    ngx_null_string,
    ngx_string("PASSED"),
    ngx_string("REJECTED"),
    ngx_string("REJECTED_DRY_RUN")
};


/* --- a call -------------------------------------------------------------- */


/* The first rule that names the tool; the view remembers which. */

static ngx_http_mcp_limit_rule_t *
ngx_http_mcp_limit_find(ngx_http_mcp_limit_conf_t *lcf,
    ngx_http_mcp_call_t *call)
{
    mcp_str_t                   backend;
    mcp_item_t                 *item;
    ngx_uint_t                  i, n;
    mcp_pattern_t              *pattern;
    ngx_http_mcp_limit_rule_t  *rule;

    rule = lcf->rules->elts;
    item = &call->view->list[MCP_TOOLS].item[call->item
                                        - call->view->list[MCP_TOOLS].item];

    if (item->limit != 0) {
        return item->limit == NGX_HTTP_MCP_LIMIT_NONE ? NULL
                                                      : &rule[item->limit - 1];
    }

    backend = ngx_http_mcp_core_str(&call->backend->name);

    for (i = 0; i < lcf->rules->nelts; i++) {

        if (rule[i].tools == NULL) {
            item->limit = i + 1;
            return &rule[i];
        }

        pattern = rule[i].tools->elts;

        for (n = 0; n < rule[i].tools->nelts; n++) {
            if (mcp_pattern_match(&pattern[n], &backend, &item->native)) {
                item->limit = i + 1;
                return &rule[i];
            }
        }
    }

    item->limit = NGX_HTTP_MCP_LIMIT_NONE;

    return NULL;
}


/* An address; of IPv6 the network, since a host has all of it. */

ngx_str_t
ngx_http_mcp_limit_addr(ngx_connection_t *c)
{
    ngx_str_t             addr;
    struct sockaddr_in   *sin;
#if (NGX_HAVE_INET6)
    struct sockaddr_in6  *sin6;
#endif

    ngx_str_null(&addr);

    switch (c->sockaddr->sa_family) {

    case AF_INET:
        sin = (struct sockaddr_in *) c->sockaddr;
        addr.data = (u_char *) &sin->sin_addr;
        addr.len = sizeof(in_addr_t);
        break;

#if (NGX_HAVE_INET6)
    case AF_INET6:
        sin6 = (struct sockaddr_in6 *) c->sockaddr;
        addr.data = (u_char *) &sin6->sin6_addr;
        addr.len = IN6_IS_ADDR_V4MAPPED(&sin6->sin6_addr) ? 16 : 8;
        break;
#endif

    default:
        break;
    }

    return addr;
}


static ngx_int_t
ngx_http_mcp_limit_key(ngx_http_mcp_call_t *call,
    ngx_http_mcp_limit_rule_t *rule, uint64_t *key)
{
    ngx_str_t                  value;
    uint64_t                   part[3];
    ngx_http_mcp_main_conf_t  *mmcf;

    mmcf = ngx_http_get_module_main_conf(call->request, ngx_http_mcp_module);

    if (rule->key != NULL) {
        part[1] = NGX_HTTP_MCP_LIMIT_VALUE;

        if (ngx_http_complex_value(call->request, rule->key, &value)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

    } else if (call->client.len != 0) {
        part[1] = NGX_HTTP_MCP_LIMIT_CLIENT;
        value = call->client;

    } else {
        part[1] = NGX_HTTP_MCP_LIMIT_ADDR;
        value = ngx_http_mcp_limit_addr(call->request->connection);
    }

    part[0] = rule->limit.id;
    part[2] = mcp_sip(mmcf->sh->limit_key, value.data, value.len);

    *key = mcp_sip(mmcf->sh->limit_key, (u_char *) part, sizeof(part));

    return NGX_OK;
}


/*
 * Not the event loop's time: that is behind by up to a turn of it and some
 * milliseconds, and then who waits just as told would come too early.
 */

static uint64_t
ngx_http_mcp_limit_now(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * MCP_LIMIT_SECOND + (uint64_t) ts.tv_nsec;
}


static ngx_int_t
ngx_http_mcp_limit_fault(ngx_http_mcp_call_t *call, mcp_fault_t *fault,
    ngx_uint_t status, uint64_t wait)
{
    mcp_buf_t  b;
    uint64_t   ms;

    ms = (wait + 999999) / 1000000;

    fault->code = NGX_HTTP_TOO_MANY_REQUESTS;
    fault->status = status;

    mcp_buf_init(&b, &call->arena, 128);
    mcp_buf_literal(&b, "too many calls of this tool; the next one may be "
                        "made in ");
    mcp_buf_uint(&b, ms);
    mcp_buf_literal(&b, " ms");

    fault->message.data = b.data;
    fault->message.len = b.len;

    if (b.failed) {
        return NGX_ERROR;
    }

    return ngx_http_mcp_retry_after(call, fault, ms);
}


ngx_int_t
ngx_http_mcp_limit_gate(ngx_http_mcp_call_t *call, mcp_fault_t *fault)
{
    int                         rc;
    uint64_t                    key, now, wait;
    ngx_http_mcp_limit_conf_t  *lcf;
    ngx_http_mcp_limit_rule_t  *rule;
    ngx_http_mcp_main_conf_t   *mmcf;

    lcf = ngx_http_get_module_loc_conf(call->request,
                                       ngx_http_mcp_limit_module);

    if (lcf->rules == NULL || call->message.method != MCP_TOOLS_CALL
        || call->item == NULL)
    {
        return NGX_OK;
    }

    rule = ngx_http_mcp_limit_find(lcf, call);

    if (rule == NULL) {
        return NGX_OK;
    }

    if (ngx_http_mcp_limit_key(call, rule, &key) != NGX_OK) {
        return NGX_ERROR;
    }

    mmcf = ngx_http_get_module_main_conf(call->request, ngx_http_mcp_module);
    now = ngx_http_mcp_limit_now();

    rc = mcp_limit_table_take(mmcf->sh->limits, &rule->limit, key, now, &wait);

    if (rc == MCP_NONE) {
        ngx_shmtx_lock(&mmcf->shpool->mutex);
        rc = mcp_limit_table_add(mmcf->sh->limits, &rule->limit, key, now,
                                 &wait);
        ngx_shmtx_unlock(&mmcf->shpool->mutex);
    }

    if (rc == MCP_OK) {
        call->limit = NGX_HTTP_MCP_LIMIT_PASSED;
        return NGX_OK;
    }

    if (rule->dry_run) {
        call->limit = NGX_HTTP_MCP_LIMIT_DRY_RUN;

        ngx_log_error(NGX_LOG_WARN, call->request->connection->log, 0,
                      "mcp call %*s would be limited, dry run",
                      sizeof(call->uuid), call->uuid);
        return NGX_OK;
    }

    call->limit = NGX_HTTP_MCP_LIMIT_REJECTED;
    call->outcome = NGX_HTTP_MCP_LIMITED;

    if (ngx_http_mcp_limit_fault(call, fault, lcf->status, wait) != NGX_OK) {
        return NGX_ERROR;
    }

    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_mcp_limit_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t            *value;
    ngx_http_mcp_call_t  *call;

    call = ngx_http_get_module_ctx(r->main, ngx_http_mcp_module);

    if (call == NULL || call->limit == 0
        || r->main->connection->fd == (ngx_socket_t) -1)
    {
        v->not_found = 1;
        return NGX_OK;
    }

    value = &ngx_http_mcp_limit_verdicts[call->limit];

    v->len = value->len;
    v->data = value->data;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}


/* --- configuration ------------------------------------------------------- */


static ngx_int_t
ngx_http_mcp_limit_preconfiguration(ngx_conf_t *cf)
{
    ngx_http_variable_t  *var, *v;

    for (v = ngx_http_mcp_limit_vars; v->name.len; v++) {

        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    return NGX_OK;
}


static void *
ngx_http_mcp_limit_create_main_conf(ngx_conf_t *cf)
{
    ngx_http_mcp_limit_main_conf_t  *lmcf;

    lmcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_mcp_limit_main_conf_t));

    if (lmcf == NULL
        || ngx_array_init(&lmcf->ids, cf->pool, 4, sizeof(uint64_t)) != NGX_OK
        || ngx_array_init(&lmcf->backends, cf->pool, 4,
                          sizeof(ngx_http_mcp_disabled_t))
           != NGX_OK)
    {
        return NULL;
    }

    return lmcf;
}


/*
 * A rule keeps its buckets over a reload as long as it says the same: it is
 * known by its text, and its number among those of the same text.
 */

static ngx_int_t
ngx_http_mcp_limit_id(ngx_conf_t *cf, uint64_t *id)
{
    uint64_t                        *used;
    ngx_str_t                       *value;
    ngx_uint_t                       i;
    ngx_http_mcp_limit_main_conf_t  *lmcf;

    static const uint64_t  key[2] = { 0x6c696d69, 0x74 };

    lmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_mcp_limit_module);

    value = cf->args->elts;
    *id = 1;

    for (i = 1; i < cf->args->nelts; i++) {
        *id = *id * 31 + mcp_sip(key, value[i].data, value[i].len);
    }

again:

    used = lmcf->ids.elts;

    for (i = 0; i < lmcf->ids.nelts; i++) {
        if (used[i] == *id) {
            *id = mcp_sip(key, (u_char *) id, sizeof(uint64_t));
            goto again;
        }
    }

    used = ngx_array_push(&lmcf->ids);
    if (used == NULL) {
        return NGX_ERROR;
    }

    *used = *id;

    return NGX_OK;
}


char *
ngx_http_mcp_limit_pattern(ngx_conf_t *cf, ngx_array_t **patterns,
    ngx_str_t *text)
{
    mcp_str_t       s;
    const char     *why;
    mcp_pattern_t  *pattern;

    if (*patterns == NULL) {
        *patterns = ngx_array_create(cf->pool, 4, sizeof(mcp_pattern_t));
        if (*patterns == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    pattern = ngx_array_push(*patterns);
    if (pattern == NULL) {
        return NGX_CONF_ERROR;
    }

    s = ngx_http_mcp_core_str(text);

    if (mcp_pattern_init(pattern, &s, &why) != MCP_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid pattern of tools \"%V\": %s", text, why);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* "5r/m" */

static ngx_int_t
ngx_http_mcp_limit_rate(ngx_str_t *text, ngx_uint_t *calls,
    ngx_uint_t *period)
{
    ngx_int_t  n;

    if (text->len < sizeof("1r/s") - 1
        || ngx_strncmp(text->data + text->len - 3, "r/", 2) != 0)
    {
        return NGX_ERROR;
    }

    switch (text->data[text->len - 1]) {

    case 's':
        *period = 1;
        break;

    case 'm':
        *period = 60;
        break;

    case 'h':
        *period = 3600;
        break;

    default:
        return NGX_ERROR;
    }

    n = ngx_atoi(text->data, text->len - 3);

    if (n < 1 || n > MCP_LIMIT_CALLS) {
        return NGX_ERROR;
    }

    *calls = (ngx_uint_t) n;

    return NGX_OK;
}


static char *
ngx_http_mcp_limit_key_value(ngx_conf_t *cf, ngx_http_mcp_limit_rule_t *rule,
    ngx_str_t *text)
{
    ngx_http_compile_complex_value_t  ccv;

    if (ngx_http_script_variables_count(text) == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"key=%V\" has no variable in it: all clients "
                           "would share one limit", text);
        return NGX_CONF_ERROR;
    }

    rule->key = ngx_pcalloc(cf->pool, sizeof(ngx_http_complex_value_t));
    if (rule->key == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

    ccv.cf = cf;
    ccv.value = text;
    ccv.complex_value = rule->key;

    return ngx_http_compile_complex_value(&ccv) == NGX_OK ? NGX_CONF_OK
                                                          : NGX_CONF_ERROR;
}


static char *
ngx_http_mcp_limit(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_mcp_limit_conf_t *lcf = conf;

    uint64_t                    id;
    ngx_int_t                   burst;
    ngx_str_t                  *value, s;
    ngx_uint_t                  i, calls, period;
    ngx_http_mcp_limit_rule_t  *rule;

    if (lcf->rules == NGX_CONF_UNSET_PTR) {
        lcf->rules = ngx_array_create(cf->pool, 4,
                                      sizeof(ngx_http_mcp_limit_rule_t));
        if (lcf->rules == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    if (lcf->rules->nelts == NGX_HTTP_MCP_LIMIT_RULES) {
        return "stands too often here";
    }

    rule = ngx_array_push(lcf->rules);
    if (rule == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(rule, sizeof(ngx_http_mcp_limit_rule_t));

    value = cf->args->elts;
    calls = 0;
    period = 0;
    burst = 1;

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_strncmp(value[i].data, "rate=", 5) == 0) {

            s.data = value[i].data + 5;
            s.len = value[i].len - 5;

            if (ngx_http_mcp_limit_rate(&s, &calls, &period) != NGX_OK) {
                ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                                   "invalid rate \"%V\": write it as "
                                   "\"rate=5r/s\", \"rate=5r/m\" or "
                                   "\"rate=5r/h\", 1 to %d", &value[i],
                                   MCP_LIMIT_CALLS);
                return NGX_CONF_ERROR;
            }

            continue;
        }

        if (ngx_strncmp(value[i].data, "burst=", 6) == 0) {

            burst = ngx_atoi(value[i].data + 6, value[i].len - 6);

            if (burst < 1 || burst > MCP_LIMIT_BURST) {
                ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                                   "invalid \"%V\": it is the number of calls "
                                   "that may come at once, 1 to %d", &value[i],
                                   MCP_LIMIT_BURST);
                return NGX_CONF_ERROR;
            }

            continue;
        }

        if (ngx_strncmp(value[i].data, "key=", 4) == 0) {

            s.data = value[i].data + 4;
            s.len = value[i].len - 4;

            if (ngx_http_mcp_limit_key_value(cf, rule, &s) != NGX_CONF_OK) {
                return NGX_CONF_ERROR;
            }

            continue;
        }

        if (ngx_strcmp(value[i].data, "dry_run") == 0) {
            rule->dry_run = 1;
            continue;
        }

        s = value[i];

        if (ngx_strncmp(s.data, "tools=", 6) == 0) {
            s.data += 6;
            s.len -= 6;

        } else if (ngx_strchr(s.data, '=') != NULL
                   || rule->tools == NULL)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\": there are tools=, "
                               "rate=, burst=, key= and dry_run", &value[i]);
            return NGX_CONF_ERROR;
        }

        if (ngx_http_mcp_limit_pattern(cf, &rule->tools, &s) != NGX_CONF_OK) {
            return NGX_CONF_ERROR;
        }
    }

    if (calls == 0) {
        return "has no \"rate=\"";
    }

    if (mcp_limit_init(&rule->limit, calls, period, burst) != MCP_OK
        || ngx_http_mcp_limit_id(cf, &id) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    rule->limit.id = id;

    return NGX_CONF_OK;
}


static void *
ngx_http_mcp_limit_create_conf(ngx_conf_t *cf)
{
    ngx_http_mcp_limit_conf_t  *lcf;

    lcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_mcp_limit_conf_t));
    if (lcf == NULL) {
        return NULL;
    }

    lcf->rules = NGX_CONF_UNSET_PTR;
    lcf->status = NGX_CONF_UNSET_UINT;

    return lcf;
}


static char *
ngx_http_mcp_limit_merge_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_mcp_limit_conf_t *prev = parent;
    ngx_http_mcp_limit_conf_t *conf = child;

    ngx_conf_merge_ptr_value(conf->rules, prev->rules, NULL);
    ngx_conf_merge_uint_value(conf->status, prev->status, NGX_HTTP_OK);

    return ngx_http_mcp_disable_merge(cf, prev, conf);
}
