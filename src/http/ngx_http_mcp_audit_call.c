
/*
 * What is recorded of a call, and when: the intent before the first byte goes
 * to the backend, the outcome before the end of the answer goes to the client.
 */


#include "ngx_http_mcp_audit.h"


static void ngx_http_mcp_audit_describe(ngx_http_mcp_call_t *call,
    ngx_http_mcp_audit_main_conf_t *amcf, mcp_record_t *rec);
static ngx_int_t ngx_http_mcp_audit_refuse(ngx_http_mcp_call_t *call,
    mcp_fault_t *fault);
static ngx_int_t ngx_http_mcp_audit_end(ngx_http_mcp_call_t *call);


ngx_int_t
ngx_http_mcp_audit_gate(ngx_http_mcp_call_t *call, mcp_fault_t *fault)
{
    ngx_time_t                      *tp;
    mcp_record_t                     rec;
    ngx_http_request_t              *r;
    ngx_http_mcp_audit_call_t       *a;
    ngx_http_mcp_audit_loc_conf_t   *alcf;
    ngx_http_mcp_audit_main_conf_t  *amcf;

    r = call->request;
    a = call->audit;

    if (a != NULL) {

        if (a->unsynced) {

            /* the intent stands, perhaps: it is known not to have been sent */

            call->outcome = NGX_HTTP_MCP_UNRECORDED;
            (void) ngx_http_mcp_audit_end(call);
            a->state = NGX_HTTP_MCP_AUDIT_FAILED;
            a->unsynced = 0;
        }

        return a->state == NGX_HTTP_MCP_AUDIT_FAILED
               ? ngx_http_mcp_audit_refuse(call, fault) : NGX_OK;
    }

    alcf = ngx_http_get_module_loc_conf(r, ngx_http_mcp_audit_module);

    if (alcf->audit == NGX_HTTP_MCP_AUDIT_OFF
        || (alcf->audit == NGX_HTTP_MCP_AUDIT_ON
            && call->message.method != MCP_TOOLS_CALL))
    {
        return NGX_OK;
    }

    amcf = ngx_http_get_module_main_conf(r, ngx_http_mcp_audit_module);

    a = mcp_calloc(&call->arena, sizeof(ngx_http_mcp_audit_call_t));
    if (a == NULL) {
        return NGX_ERROR;
    }

    a->call = call;
    call->audit = a;

    tp = ngx_timeofday();
    a->before = ((int64_t) (tp->sec - r->start_sec) * 1000
                 + ((int64_t) tp->msec - (int64_t) r->start_msec)) * 1000;
    a->before = ngx_max(a->before, 0);
    a->began = ngx_http_mcp_audit_clock(CLOCK_MONOTONIC);

    ngx_http_mcp_audit_describe(call, amcf, &rec);
    rec.kind = MCP_RECORD_INTENT;
    rec.time = ngx_http_mcp_audit_time(a->began);
    a->time = rec.time;

    if (ngx_http_mcp_audit_append(amcf, &rec, a) != NGX_OK) {
        a->state = NGX_HTTP_MCP_AUDIT_FAILED;
        return ngx_http_mcp_audit_refuse(call, fault);
    }

    a->state = NGX_HTTP_MCP_AUDIT_INTENT;
    a->held = 1;

    r->read_event_handler = ngx_http_block_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    return NGX_AGAIN;
}


static ngx_int_t
ngx_http_mcp_audit_refuse(ngx_http_mcp_call_t *call, mcp_fault_t *fault)
{
    ngx_http_mcp_audit_sh_t         *sh;
    ngx_http_mcp_audit_main_conf_t  *amcf;

    amcf = ngx_http_get_module_main_conf(call->request,
                                         ngx_http_mcp_audit_module);
    sh = &amcf->mmcf->sh->audit;

    if (amcf->drop) {
        call->audit->state = NGX_HTTP_MCP_AUDIT_DROPPED;
        (void) ngx_atomic_fetch_add(&sh->dropped, 1);
        return NGX_OK;
    }

    (void) ngx_atomic_fetch_add(&sh->unrecorded, 1);

    call->outcome = NGX_HTTP_MCP_UNRECORDED;

    fault->code = MCP_E_UNRECORDED;
    fault->status = NGX_HTTP_OK;
    mcp_str_set(&fault->message, "the call was not executed: the gateway "
                "cannot record it now; try again later");

    return NGX_DECLINED;
}


void
ngx_http_mcp_audit_resume(ngx_http_mcp_audit_call_t *a)
{
    ngx_connection_t     *c;
    ngx_http_mcp_call_t  *call;

    call = a->call;
    c = call->request->connection;

    ngx_http_set_log_request(c->log, call->request);

    switch (a->state) {

    case NGX_HTTP_MCP_AUDIT_OPEN:
    case NGX_HTTP_MCP_AUDIT_FAILED:
        ngx_http_mcp_gates_run(call);
        break;

    default: /* NGX_HTTP_MCP_AUDIT_CLOSED */
        ngx_http_mcp_relay_write(call->request);
        break;
    }

    ngx_http_run_posted_requests(c);
}


ngx_int_t
ngx_http_mcp_audit_answer(ngx_http_mcp_call_t *call)
{
    ngx_http_mcp_audit_call_t *a = call->audit;

    switch (a->state) {

    case NGX_HTTP_MCP_AUDIT_OPEN:

        if (ngx_http_mcp_audit_end(call) != NGX_OK) {
            return NGX_OK;
        }

        a->held = 1;
        return NGX_AGAIN;

    case NGX_HTTP_MCP_AUDIT_OUTCOME:
        return NGX_AGAIN;

    default:
        return NGX_OK;
    }
}


static void
ngx_http_mcp_audit_name_is(mcp_record_t *rec, const mcp_message_t *m)
{
    switch (m->method) {

    case MCP_TOOLS_CALL:
        rec->name_is = MCP_RECORD_TOOL;
        return;

    case MCP_PROMPTS_GET:
        rec->name_is = MCP_RECORD_PROMPT;
        return;

    case MCP_RESOURCES_READ:
        rec->name_is = MCP_RECORD_RESOURCE;
        return;

    default:
        rec->name_is = MCP_RECORD_NAME;
        return;
    }
}


/* What the caller was told does not exist. */

static void
ngx_http_mcp_audit_hidden(ngx_http_mcp_call_t *call, mcp_record_t *rec)
{
    mcp_list_e                list;
    const mcp_item_t         *item;
    ngx_http_mcp_loc_conf_t  *mlcf;

    ngx_str_set(&call->reason, "the roles of the client do not allow it");

    if (call->view == NULL || call->view->whole == NULL
        || (call->message.method != MCP_TOOLS_CALL
            && call->message.method != MCP_PROMPTS_GET))
    {
        return;
    }

    list = call->message.method == MCP_TOOLS_CALL ? MCP_TOOLS : MCP_PROMPTS;

    item = mcp_view_find(call->view->whole, list, call->message.name.data,
                         call->message.name.len);
    if (item == NULL) {
        return;
    }

    mlcf = ngx_http_get_module_loc_conf(call->request, ngx_http_mcp_module);

    rec->native = item->native;

    if (item->source < mlcf->nbackends) {
        rec->backend = ngx_http_mcp_core_str(
                                          &mlcf->backends[item->source]->name);
    }
}


/* Who calls what. */

static void
ngx_http_mcp_audit_describe(ngx_http_mcp_call_t *call,
    ngx_http_mcp_audit_main_conf_t *amcf, mcp_record_t *rec)
{
    u_char               *p;
    mcp_str_t             trace;
    ngx_uint_t            i;
    const mcp_message_t  *m;

    m = &call->message;

    ngx_memzero(rec, sizeof(mcp_record_t));

    rec->id.data = call->uuid;
    rec->id.len = MCP_RECORD_ID;
    rec->node = ngx_http_mcp_core_str(&amcf->node);
    rec->client = ngx_http_mcp_core_str(&call->client);
    rec->address = ngx_http_mcp_core_str(&call->request->connection->addr_text);
    rec->version = call->version;

    if (call->nroles != 0) {
        rec->roles = mcp_alloc(&call->arena,
                               call->nroles * sizeof(mcp_str_t));

        for (i = 0; rec->roles != NULL && i < call->nroles; i++) {
            rec->roles[i] = ngx_http_mcp_core_str(&call->roles[i]);
            rec->nroles++;
        }
    }

    if (call->has_session) {
        p = mcp_alloc(&call->arena, 2 * MCP_SESSION_UID);

        if (p != NULL) {
            (void) ngx_hex_dump(p, call->session.uid, MCP_SESSION_UID);
            rec->session.data = p;
            rec->session.len = 2 * MCP_SESSION_UID;
        }
    }

    if (call->era == MCP_ERA_MODERN) {
        mcp_str_set(&rec->era, "modern");

    } else if (call->era == MCP_ERA_LEGACY) {
        mcp_str_set(&rec->era, "legacy");
    }

    trace = ngx_http_mcp_core_str(&call->in.traceparent);
    mcp_record_trace(rec, &trace);

    if (call->backend != NULL) {
        rec->backend = ngx_http_mcp_core_str(&call->backend->name);
    }

    if (call->item != NULL) {
        rec->native = call->item->native;
    }

    if (!call->parsed) {
        return;
    }

    if (call->outcome == NGX_HTTP_MCP_DENIED && call->item == NULL) {
        ngx_http_mcp_audit_hidden(call, rec);
    }

    rec->method = m->method_name;
    rec->name = m->name;
    rec->request_id = m->id;
    ngx_http_mcp_audit_name_is(rec, m);

    if (m->arguments != 0
        && mcp_record_arguments(rec, &m->tape, m->arguments, &amcf->redact,
                                &call->arena)
           != MCP_OK)
    {
        rec->arguments.len = 0;
    }
}


static void
ngx_http_mcp_audit_ended(ngx_http_mcp_call_t *call, mcp_record_t *rec)
{
    off_t                 sent;
    ngx_http_request_t   *r;

    r = call->request;

    rec->outcome = ngx_http_mcp_core_str(ngx_http_mcp_outcome_name(
                     call->outcome == NGX_HTTP_MCP_OUTCOME_NONE
                     ? NGX_HTTP_MCP_UNKNOWN : call->outcome));
    rec->code = call->error_code;
    rec->reason = ngx_http_mcp_core_str(&call->reason);

    if (rec->reason.len == 0 && call->failed) {
        rec->reason = call->fault.message;
    }

    /* the body, as far as it is known */

    sent = r->connection->sent - (off_t) r->header_size;

    rec->bytes_in = r->headers_in.content_length_n > 0
                    ? r->headers_in.content_length_n : 0;
    rec->bytes_out = (sent > 0 ? sent : 0) + (int64_t) call->out_len;
}


/* The second half of a call whose intent was written. */

static ngx_int_t
ngx_http_mcp_audit_end(ngx_http_mcp_call_t *call)
{
    ngx_int_t                        rc;
    mcp_record_t                     rec;
    ngx_http_mcp_audit_call_t       *a;
    ngx_http_mcp_audit_main_conf_t  *amcf;

    a = call->audit;
    amcf = ngx_http_get_module_main_conf(call->request,
                                         ngx_http_mcp_audit_module);

    ngx_memzero(&rec, sizeof(mcp_record_t));

    rec.kind = MCP_RECORD_OUTCOME;
    rec.id.data = call->uuid;
    rec.id.len = MCP_RECORD_ID;
    rec.duration = ngx_http_mcp_audit_clock(CLOCK_MONOTONIC) - a->began;
    rec.time = a->time + rec.duration;
    rec.backend_time = call->exchange != NULL ? rec.duration : -1;
    rec.duration += a->before;

    ngx_http_mcp_audit_ended(call, &rec);

    rc = ngx_http_mcp_audit_append(amcf, &rec, a);

    if (rc == NGX_OK) {
        a->state = NGX_HTTP_MCP_AUDIT_OUTCOME;

    } else {
        (void) ngx_atomic_fetch_add(&amcf->mmcf->sh->audit.dropped, 1);
        a->state = NGX_HTTP_MCP_AUDIT_CLOSED;
    }

    return rc;
}


/* The log phase: what has no outcome yet, and what never was to be sent. */

ngx_int_t
ngx_http_mcp_audit_log(ngx_http_request_t *r)
{
    ngx_time_t                      *tp;
    mcp_record_t                     rec;
    ngx_http_mcp_call_t             *call;
    ngx_http_mcp_audit_call_t       *a;
    ngx_http_mcp_audit_loc_conf_t   *alcf;
    ngx_http_mcp_audit_main_conf_t  *amcf;

    /* requests of the gateway's own have no client */

    if (r != r->main || r->connection->fd == (ngx_socket_t) -1) {
        return NGX_OK;
    }

    call = ngx_http_get_module_ctx(r, ngx_http_mcp_module);

    if (call == NULL) {
        return NGX_OK;
    }

    a = call->audit;

    if (a != NULL) {

        if (a->state == NGX_HTTP_MCP_AUDIT_INTENT
            || a->state == NGX_HTTP_MCP_AUDIT_OPEN)
        {
            (void) ngx_http_mcp_audit_end(call);
        }

        ngx_http_mcp_audit_forget(a);
        return NGX_OK;
    }

    alcf = ngx_http_get_module_loc_conf(r, ngx_http_mcp_audit_module);

    if (alcf->audit == NGX_HTTP_MCP_AUDIT_OFF
        || (alcf->audit == NGX_HTTP_MCP_AUDIT_ON
            && (!call->parsed || call->message.method != MCP_TOOLS_CALL)))
    {
        return NGX_OK;
    }

    amcf = ngx_http_get_module_main_conf(r, ngx_http_mcp_audit_module);

    ngx_http_mcp_audit_describe(call, amcf, &rec);
    rec.kind = MCP_RECORD_CALL;
    rec.time = ngx_http_mcp_audit_clock(CLOCK_REALTIME);
    rec.backend_time = -1;

    tp = ngx_timeofday();
    rec.duration = ((int64_t) (tp->sec - r->start_sec) * 1000
                    + ((int64_t) tp->msec - (int64_t) r->start_msec)) * 1000;
    rec.duration = ngx_max(rec.duration, 0);

    ngx_http_mcp_audit_ended(call, &rec);

    if (ngx_http_mcp_audit_append(amcf, &rec, NULL) != NGX_OK) {
        (void) ngx_atomic_fetch_add(&amcf->mmcf->sh->audit.dropped, 1);
    }

    return NGX_OK;
}


/* --- for mcp_ready ------------------------------------------------------- */


void
ngx_http_mcp_audit_status(ngx_http_request_t *r, mcp_buf_t *b)
{
    time_t                           since;
    u_char                           error[NGX_HTTP_MCP_AUDIT_ERROR];
    ngx_http_mcp_audit_sh_t         *sh;
    ngx_http_mcp_audit_main_conf_t  *amcf;

    amcf = ngx_http_get_module_main_conf(r, ngx_http_mcp_audit_module);

    if (amcf->path == NULL || amcf->mmcf->sh == NULL) {
        return;
    }

    sh = &amcf->mmcf->sh->audit;

    mcp_buf_literal(b, ",\"audit\":{\"spoolBytes\":");
    mcp_buf_uint(b, sh->bytes);
    mcp_buf_literal(b, ",\"spoolSize\":");
    mcp_buf_uint(b, (uint64_t) amcf->size);

    if (amcf->dsn != NULL) {
        since = (time_t) sh->oldest;

        mcp_buf_literal(b, ",\"oldestUnsentSeconds\":");
        mcp_buf_uint(b, since != 0 && since < ngx_time()
                        ? (uint64_t) (ngx_time() - since) : 0);
        mcp_buf_literal(b, ",\"stored\":");
        mcp_buf_uint(b, sh->sent);
        mcp_buf_literal(b, ",\"deadLetters\":");
        mcp_buf_uint(b, sh->dead);
    }

    mcp_buf_literal(b, ",\"unrecorded\":");
    mcp_buf_uint(b, sh->unrecorded);
    mcp_buf_literal(b, ",\"dropped\":");
    mcp_buf_uint(b, sh->dropped);

    ngx_shmtx_lock(&amcf->mmcf->shpool->mutex);
    since = (time_t) sh->error_time;
    ngx_memcpy(error, sh->error, sizeof(error));
    ngx_shmtx_unlock(&amcf->mmcf->shpool->mutex);

    if (since != 0) {
        mcp_buf_literal(b, ",\"lastError\":");
        mcp_buf_json(b, error, ngx_strlen(error));
        mcp_buf_literal(b, ",\"lastErrorAgo\":");
        mcp_buf_uint(b, since < ngx_time() ? (uint64_t) (ngx_time() - since)
                                           : 0);
    }

    mcp_buf_literal(b, "}");
}
