
/*
 * Streams of notifications: how they are opened, by subscriptions/listen of a
 * modern client and GET of a legacy one.
 */


#include "ngx_http_mcp_listen.h"


#define NGX_HTTP_NOT_ACCEPTABLE  406


static void ngx_http_mcp_listen_fault(mcp_fault_t *fault, int code,
    ngx_uint_t status, const char *text);
static void ngx_http_mcp_listen_open(ngx_http_mcp_call_t *call,
    unsigned kinds, uint64_t who);
static void ngx_http_mcp_listen_resume(ngx_http_mcp_stream_t *st);
static void ngx_http_mcp_listen_free_body(ngx_http_request_t *r, u_char *text);
static ngx_int_t ngx_http_mcp_listen_header(ngx_http_request_t *r);
static void *ngx_http_mcp_listen_create_conf(ngx_conf_t *cf);
static char *ngx_http_mcp_listen_merge_conf(ngx_conf_t *cf, void *parent,
    void *child);
static char *ngx_http_mcp_listen_directive(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


static ngx_command_t  ngx_http_mcp_listen_commands[] = {

    { ngx_string("mcp_listen"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_mcp_listen_directive,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_mcp_listen_module_ctx = {
    NULL,                                  /* preconfiguration */
    NULL,                                  /* postconfiguration */

    NULL,                                  /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_mcp_listen_create_conf,       /* create location configuration */
    ngx_http_mcp_listen_merge_conf         /* merge location configuration */
};


ngx_module_t  ngx_http_mcp_listen_module = {
    NGX_MODULE_V1,
    &ngx_http_mcp_listen_module_ctx,       /* module context */
    ngx_http_mcp_listen_commands,          /* module directives */
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


ngx_uint_t
ngx_http_mcp_listen_on(ngx_http_request_t *r)
{
    ngx_http_mcp_listen_conf_t  *lscf;

    lscf = ngx_http_get_module_loc_conf(r, ngx_http_mcp_listen_module);

    return lscf->enabled;
}


/* --- opening ------------------------------------------------------------- */


static void
ngx_http_mcp_listen_fault(mcp_fault_t *fault, int code, ngx_uint_t status,
    const char *text)
{
    fault->code = code;
    fault->status = status;
    fault->message.data = (u_char *) text;
    fault->message.len = ngx_strlen(text);
}


void
ngx_http_mcp_listen(ngx_http_mcp_call_t *call)
{
    int          rc;
    uint64_t     who;
    unsigned     kinds;
    mcp_fault_t  fault;

    ngx_memzero(&fault, sizeof(mcp_fault_t));
    who = 0;

    rc = mcp_listen_filter(&call->message, &call->arena, &kinds, &fault);

    if (rc == MCP_OK && !call->accept_sse) {
        ngx_http_mcp_listen_fault(&fault, 406, NGX_HTTP_NOT_ACCEPTABLE,
                                  "notifications come as a stream: send "
                                  "Accept: application/json, "
                                  "text/event-stream");
        rc = MCP_ERROR;
    }

    if (rc == MCP_OK) {
        switch (ngx_http_mcp_streams_admit(call, &who, &fault)) {

        case NGX_OK:
            break;

        case NGX_DECLINED:
            rc = MCP_ERROR;
            break;

        default:
            rc = MCP_NOMEM;
        }
    }

    switch (rc) {

    case MCP_OK:
        ngx_http_mcp_listen_open(call, kinds, who);
        return;

    case MCP_ERROR:
        ngx_http_mcp_send_fault(call, &fault);
        return;

    default:
        ngx_http_finalize_request(call->request,
                                  NGX_HTTP_INTERNAL_SERVER_ERROR);
    }
}


/* What a GET must be like; NGX_DECLINED: *fault says what it is not. */

static ngx_int_t
ngx_http_mcp_listen_check(ngx_http_mcp_call_t *call, mcp_fault_t *fault)
{
    int                    rc;
    ngx_http_request_t    *r;
    mcp_message_headers_t  h;

    r = call->request;
    call->era = MCP_ERA_LEGACY;

    if (!call->accept_sse) {
        ngx_http_mcp_listen_fault(fault, 406, NGX_HTTP_NOT_ACCEPTABLE,
                                  "GET opens a stream of notifications: send "
                                  "Accept: text/event-stream");
        return NGX_DECLINED;
    }

    if (r->headers_in.content_length_n > 0 || r->headers_in.chunked) {
        ngx_http_mcp_listen_fault(fault, MCP_E_REQUEST, NGX_HTTP_BAD_REQUEST,
                                  "send messages with POST: GET opens a "
                                  "stream and has no body");
        return NGX_DECLINED;
    }

    if (call->in.session.data == NULL) {
        ngx_http_mcp_listen_fault(fault, MCP_E_REQUEST, NGX_HTTP_BAD_REQUEST,
                                  "there is no session: begin with initialize "
                                  "and send its Mcp-Session-Id, or speak "
                                  "revision " MCP_VERSION_MODERN " and send "
                                  "subscriptions/listen");
        return NGX_DECLINED;
    }

    rc = ngx_http_mcp_session_enter(call);

    if (rc == NGX_DECLINED) {
        ngx_http_mcp_listen_fault(fault, 404, NGX_HTTP_NOT_FOUND,
                                  "there is no such session; begin with "
                                  "initialize");
    }

    if (rc != NGX_OK) {
        return rc;
    }

    ngx_memzero(&h, sizeof(mcp_message_headers_t));
    h.version = ngx_http_mcp_core_str(&call->in.version);

    switch (mcp_message_check_legacy(&call->message, &h, &call->arena, fault))
    {
    case MCP_OK:
        return NGX_OK;

    case MCP_ERROR:
        return NGX_DECLINED;

    default:
        return NGX_ERROR;
    }
}


ngx_int_t
ngx_http_mcp_listen_get(ngx_http_mcp_call_t *call)
{
    uint64_t             who;
    ngx_int_t            rc;
    mcp_fault_t          fault;
    ngx_http_request_t  *r;

    r = call->request;
    who = 0;

    ngx_memzero(&fault, sizeof(mcp_fault_t));

    rc = ngx_http_mcp_listen_check(call, &fault);

    if (rc == NGX_OK) {
        rc = ngx_http_mcp_streams_admit(call, &who, &fault);
    }

    if (rc == NGX_DECLINED) {
        return ngx_http_mcp_refuse_fault(call, &fault);
    }

    if (rc != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->main->count++;
    ngx_http_mcp_listen_open(call, MCP_LISTEN_ALL, who);

    return NGX_DONE;
}


static void
ngx_http_mcp_listen_open(ngx_http_mcp_call_t *call, unsigned kinds,
    uint64_t who)
{
    u_char                 *text;
    ngx_int_t               rc;
    ngx_http_request_t     *r;
    ngx_http_cleanup_t     *cln;
    ngx_http_mcp_stream_t  *st;

    r = call->request;
    text = (u_char *) call->message.tape.text;

    cln = ngx_http_cleanup_add(r, sizeof(ngx_http_mcp_stream_t));
    if (cln == NULL) {
        goto failed;
    }

    st = cln->data;
    ngx_memzero(st, sizeof(ngx_http_mcp_stream_t));

    call = ngx_http_mcp_call_settle(call);
    if (call == NULL) {
        goto failed;
    }

    ngx_http_mcp_listen_free_body(r, text);

    ngx_http_set_ctx(r, st, ngx_http_mcp_listen_module);

    st->call = call;
    st->id = call->message.id;
    st->kinds = kinds;
    st->who = who;

    cln->handler = ngx_http_mcp_stream_cleanup;

    if (ngx_http_mcp_stream_digest(st, st->digest) != NGX_OK) {
        goto failed;
    }

    rc = ngx_http_mcp_listen_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK) {
        ngx_http_finalize_request(r, rc);
        return;
    }

    call->outcome = NGX_HTTP_MCP_OK;

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_mcp_stream_writer;

    ngx_http_mcp_streams_add(st);

    if (st->id.len == 0) {
        ngx_http_mcp_listen_resume(st);

    } else {
        ngx_http_mcp_stream_notify(st);
    }

    return;

failed:

    ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
}


/* The first of a stream of GET: something has to have the header sent. */

static void
ngx_http_mcp_listen_resume(ngx_http_mcp_stream_t *st)
{
    uint64_t    last[MCP_LISTEN_KINDS];
    mcp_str_t   id;
    ngx_uint_t  i;

    id = ngx_http_mcp_core_str(&st->call->in.last_event);

    if (mcp_listen_last(&id, last) == MCP_OK) {
        for (i = 0; i < MCP_LISTEN_KINDS; i++) {
            st->pending |= (unsigned) (last[i] != st->digest[i]) << i;
        }
    }

    if (st->pending) {
        ngx_http_mcp_stream_notify(st);
        return;
    }

    /* older clients take an event without data for a broken message */

    if (mcp_legacy_version(&st->call->version) != 0) {
        ngx_http_mcp_stream_keepalive(st);
        return;
    }

    ngx_http_mcp_stream_prime(st);
}


/* The stream may stay for days: what it does not need is given back. */

static void
ngx_http_mcp_listen_free_body(ngx_http_request_t *r, u_char *text)
{
    ngx_chain_t              *cl;
    ngx_temp_file_t          *tf;
    ngx_http_request_body_t  *rb;

    rb = r->request_body;

    if (rb == NULL) {
        return;
    }

    tf = rb->temp_file;

    if (tf != NULL && tf->file.fd != NGX_INVALID_FILE) {
        ngx_pool_run_cleanup_file(r->pool, tf->file.fd);
        tf->file.fd = NGX_INVALID_FILE;
    }

    for (cl = rb->bufs; cl; cl = cl->next) {
        if (cl->buf->start != NULL && ngx_buf_in_memory(cl->buf)) {
            (void) ngx_pfree(r->pool, cl->buf->start);
        }
    }

    if (text != NULL) {
        (void) ngx_pfree(r->pool, text);
    }

    rb->bufs = NULL;
}


static ngx_int_t
ngx_http_mcp_listen_header(ngx_http_request_t *r)
{
    ngx_str_t  value;

    r->headers_out.status = NGX_HTTP_OK;

    ngx_str_set(&r->headers_out.content_type, "text/event-stream");
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;

    /* a proxy in front must not hold events back */

    ngx_str_set(&value, "no");

    if (ngx_http_mcp_add_header(r, "X-Accel-Buffering", &value) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_str_set(&value, "no-cache");

    if (ngx_http_mcp_add_header(r, "Cache-Control", &value) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_send_header(r);
}


ngx_int_t
ngx_http_mcp_stream_digest(ngx_http_mcp_stream_t *st, uint64_t *digest)
{
    ngx_int_t                  rc;
    mcp_list_e                 list;
    ngx_http_mcp_call_t       *call;
    ngx_http_mcp_main_conf_t  *mmcf;

    call = st->call;
    mmcf = ngx_http_get_module_main_conf(call->request, ngx_http_mcp_module);

    call->view = ngx_http_mcp_view_now(call);

    if (call->view == NULL) {
        return NGX_ERROR;
    }

    rc = ngx_http_mcp_disable_apply(call);

    if (rc == NGX_OK) {
        for (list = MCP_TOOLS; list < MCP_LISTEN_KINDS; list++) {
            digest[list] = mcp_listen_digest(call->view, list, call->era,
                                             mmcf->sh->limit_key);
        }
    }

    call->view = NULL;

    return rc;
}


/* --- configuration ------------------------------------------------------- */


static void *
ngx_http_mcp_listen_create_conf(ngx_conf_t *cf)
{
    ngx_http_mcp_listen_conf_t  *lscf;

    lscf = ngx_palloc(cf->pool, sizeof(ngx_http_mcp_listen_conf_t));
    if (lscf == NULL) {
        return NULL;
    }

    lscf->enabled = NGX_CONF_UNSET;
    lscf->max = NGX_CONF_UNSET_UINT;
    lscf->client = NGX_CONF_UNSET_UINT;
    lscf->keepalive = NGX_CONF_UNSET_MSEC;

    return lscf;
}


static char *
ngx_http_mcp_listen_merge_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_mcp_listen_conf_t *prev = parent;
    ngx_http_mcp_listen_conf_t *conf = child;

    ngx_conf_merge_value(conf->enabled, prev->enabled, 1);
    ngx_conf_merge_uint_value(conf->max, prev->max, 0);
    ngx_conf_merge_uint_value(conf->client, prev->client, 32);
    ngx_conf_merge_msec_value(conf->keepalive, prev->keepalive, 15000);

    return NGX_CONF_OK;
}


static char *
ngx_http_mcp_listen_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_mcp_listen_conf_t *lscf = conf;

    ngx_int_t    n;
    ngx_str_t   *value, s;
    ngx_uint_t   i;

    if (lscf->enabled != NGX_CONF_UNSET) {
        return "is duplicate";
    }

    value = cf->args->elts;
    lscf->enabled = 1;

    if (ngx_strcmp(value[1].data, "off") == 0 && cf->args->nelts == 2) {
        lscf->enabled = 0;
        return NGX_CONF_OK;
    }

    for (i = 1; i < cf->args->nelts; i++) {

        if (i == 1 && ngx_strcmp(value[i].data, "on") == 0) {
            continue;
        }

        if (ngx_strncmp(value[i].data, "max=", 4) == 0) {
            n = ngx_atoi(value[i].data + 4, value[i].len - 4);

            if (n > 0) {
                lscf->max = n;
                continue;
            }

        } else if (ngx_strncmp(value[i].data, "client=", 7) == 0) {
            n = ngx_atoi(value[i].data + 7, value[i].len - 7);

            if (n > 0) {
                lscf->client = n;
                continue;
            }

        } else if (ngx_strncmp(value[i].data, "keepalive=", 10) == 0) {
            s.data = value[i].data + 10;
            s.len = value[i].len - 10;
            n = ngx_parse_time(&s, 0);

            if (n > 0) {
                lscf->keepalive = n;
                continue;
            }
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\": write \"on\", \"off\", "
                           "\"max=number\", \"client=number\" or "
                           "\"keepalive=time\", with what is more than zero",
                           &value[i]);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}
