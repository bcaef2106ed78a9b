
/*
 * What is in the spool goes to the store in batches.  What is not answered
 * comes again: a row is only ever filled in.
 */


#include "ngx_http_mcp_audit_store.h"


static void ngx_http_mcp_store_send(ngx_http_mcp_store_t *s);
static void ngx_http_mcp_store_answered(ngx_http_mcp_store_t *s);
static ngx_int_t ngx_http_mcp_store_dead(ngx_http_mcp_store_t *s,
    const char *code, const char *why, mcp_str_t *line);
static void ngx_http_mcp_store_commit(ngx_http_mcp_store_t *s);


static ngx_http_mcp_store_t  *ngx_http_mcp_store;


void
ngx_http_mcp_store_start(ngx_http_mcp_audit_main_conf_t *amcf,
    ngx_cycle_t *cycle)
{
    ngx_http_mcp_store_t  *s;

    if (amcf->dsn == NULL) {
        return;
    }

    s = ngx_pcalloc(cycle->pool, sizeof(ngx_http_mcp_store_t));
    if (s == NULL) {
        ngx_log_error(NGX_LOG_ALERT, cycle->log, 0,
                      "no memory to start the store of the audit trail");
        return;
    }

    s->amcf = amcf;
    s->backoff = NGX_HTTP_MCP_STORE_RETRY;

    s->timer.handler = ngx_http_mcp_store_timer;
    s->timer.data = s;
    s->timer.log = cycle->log;
    s->timer.cancelable = 1;

    ngx_http_mcp_store = s;
}


void
ngx_http_mcp_store_kick(ngx_array_t *segments)
{
    ngx_http_mcp_store_t  *s;

    s = ngx_http_mcp_store;

    if (s == NULL) {
        return;
    }

    s->segments = segments;

    if (s->conn == NULL) {

        if (!s->timer.timer_set) {
            ngx_http_mcp_store_connect(s);
        }

        return;
    }

    if (s->ready) {
        ngx_http_mcp_store_next(s);
    }
}


static ngx_uint_t
ngx_http_mcp_store_complete(ngx_http_mcp_store_t *s, ngx_uint_t i)
{
    ngx_http_mcp_audit_segment_t  *seg;

    seg = s->segments->elts;

    /* what is being written may be seen in part */

    return (!seg[i].last || seg[i].final)
           && ngx_current_msec - seg[i].grown > NGX_HTTP_MCP_STORE_QUIET;
}


/* The next segment that has something, after the last one. */

void
ngx_http_mcp_store_next(ngx_http_mcp_store_t *s)
{
    ngx_uint_t                     i, k, n;
    ngx_http_mcp_audit_segment_t  *seg;

    if (ngx_terminate || ngx_quit || ngx_exiting) {
        return;
    }

    if (ngx_http_mcp_store_overdue(s)) {
        ngx_http_mcp_store_maintain(s);
        return;
    }

    seg = s->segments->elts;
    n = s->segments->nelts;

    for (k = 0; k < n; k++) {

        i = (s->turn + k) % n;

        if (seg[i].sent >= seg[i].size) {
            continue;
        }

        s->batch = ngx_http_mcp_store_read(s->amcf, &seg[i],
                                           ngx_http_mcp_store_complete(s, i));
        if (s->batch == NULL) {
            continue;
        }

        if (s->batch->next == seg[i].sent) {
            ngx_destroy_pool(s->batch->pool);
            s->batch = NULL;
            continue;
        }

        s->turn = i + 1;
        ngx_memcpy(s->name, seg[i].name, NGX_HTTP_MCP_AUDIT_NAME);

        s->ranges = 0;

        if (s->batch->rows != 0 || s->batch->final) {
            s->range[0].from = 0;
            s->range[0].to = s->batch->rows;
            s->ranges = 1;
        }

        s->ready = 0;
        ngx_http_mcp_store_send(s);
        return;
    }
}


static void
ngx_http_mcp_store_send(ngx_http_mcp_store_t *s)
{
    ngx_int_t                     rc;
    ngx_pool_t                   *pool;
    ngx_http_mcp_range_t         *range;
    ngx_http_mcp_store_params_t   params;

    static const char  sql[] =
        "SELECT mcp_audit.append($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,"
        "$14,$15,$16,$17,$18,$19,$20,$21,$22,$23,$24,$25,$26,$27,$28,$29,$30,"
        "$31,$32,$33,$34,$35,$36)";

    if (s->ranges == 0) {
        ngx_http_mcp_store_commit(s);
        return;
    }

    range = &s->range[s->ranges - 1];

    pool = ngx_create_pool(65536, ngx_cycle->log);

    if (pool == NULL
        || ngx_http_mcp_store_params(s->batch, range->from, range->to, pool,
                                     &params)
           != NGX_OK)
    {
        if (pool) {
            ngx_destroy_pool(pool);
        }
        ngx_http_mcp_store_fail(s, "out of memory");
        return;
    }

    PQclear(s->result);
    s->result = NULL;

    rc = PQsendQueryParams(s->conn, sql, NGX_HTTP_MCP_STORE_PARAMS,
                           params.type, params.value, params.len,
                           params.format, 0);

    ngx_destroy_pool(pool);

    ngx_http_mcp_store_sent(s, rc, ngx_http_mcp_store_answered,
                            NGX_HTTP_MCP_STORE_ANSWER);
}


/*
 * Classes of errors that are about the rows: data, constraints, limits of the
 * program, and what a trigger raises.
 */

static ngx_uint_t
ngx_http_mcp_store_poison(const char *code)
{
    return code != NULL
           && (ngx_strncmp(code, "22", 2) == 0
               || ngx_strncmp(code, "23", 2) == 0
               || ngx_strncmp(code, "54", 2) == 0
               || ngx_strncmp(code, "P0", 2) == 0);
}


/*
 * A row that is refused takes the others of its batch with it: they are sent
 * again in halves, until it stands alone.
 */

static void
ngx_http_mcp_store_answered(ngx_http_mcp_store_t *s)
{
    const char                *code, *why;
    ngx_uint_t                 middle;
    ngx_http_mcp_range_t       range;
    ngx_http_mcp_store_row_t  *row;

    range = s->range[s->ranges - 1];

    switch (PQresultStatus(s->result)) {

    case PGRES_TUPLES_OK:
        s->ranges--;
        (void) ngx_atomic_fetch_add(&s->amcf->mmcf->sh->audit.sent,
                                    range.to - range.from);
        ngx_http_mcp_store_send(s);
        return;

    default:
        break;
    }

    code = s->result ? PQresultErrorField(s->result, PG_DIAG_SQLSTATE) : NULL;

    if (!ngx_http_mcp_store_poison(code) || range.to == range.from) {
        ngx_http_mcp_store_fail(s, "the store refuses rows");
        return;
    }

    if (range.to - range.from == 1) {

        row = &s->batch->row[range.from];
        why = PQresultErrorField(s->result, PG_DIAG_MESSAGE_PRIMARY);

        if ((row->intent.len != 0
             && ngx_http_mcp_store_dead(s, code, why, &row->intent) != NGX_OK)
            || (row->outcome.len != 0
                && ngx_http_mcp_store_dead(s, code, why, &row->outcome)
                   != NGX_OK))
        {
            ngx_http_mcp_store_fail(s, "cannot keep a row that the store "
                                    "refuses");
            return;
        }

        (void) ngx_atomic_fetch_add(&s->amcf->mmcf->sh->audit.dead, 1);

        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "mcp audit: the store refuses call %*s (%s); it is in "
                      "dead-letters.jsonl of the spool",
                      row->rec.id.len, row->rec.id.data, code);

        s->ranges--;
        ngx_http_mcp_store_send(s);
        return;
    }

    middle = range.from + (range.to - range.from) / 2;

    s->range[s->ranges - 1].from = middle;
    s->range[s->ranges].from = range.from;
    s->range[s->ranges].to = middle;
    s->ranges++;

    ngx_http_mcp_store_send(s);
}


/* A line that says why, and the bytes. */

static ngx_int_t
ngx_http_mcp_store_dead(ngx_http_mcp_store_t *s, const char *code,
    const char *why, mcp_str_t *line)
{
    u_char       path[NGX_MAX_PATH], stamp[MCP_RECORD_TIME];
    ssize_t      n;
    ngx_fd_t     fd;
    mcp_buf_t    b;
    ngx_int_t    rc;

    mcp_record_time(stamp, ngx_http_mcp_audit_clock(CLOCK_REALTIME));

    mcp_buf_init(&b, &s->batch->arena, line->len + 512);
    mcp_buf_literal(&b, "{\"record\":\"dead\",\"time\":\"");
    mcp_buf_append(&b, stamp, sizeof(stamp));
    mcp_buf_literal(&b, "\",\"sqlstate\":");
    mcp_buf_json(&b, code, ngx_strlen(code));
    mcp_buf_literal(&b, ",\"why\":");
    mcp_buf_json(&b, why ? why : "", why ? ngx_strlen(why) : 0);
    mcp_buf_literal(&b, "}\n");
    mcp_buf_str(&b, line);
    mcp_buf_literal(&b, "\n");

    if (b.failed) {
        return NGX_ERROR;
    }

    ngx_snprintf(path, sizeof(path), "%V/dead-letters.jsonl%Z",
                 &s->amcf->path->name);

    fd = open((char *) path, O_WRONLY|O_APPEND|O_CREAT|O_CLOEXEC, 0640);

    if (fd == NGX_INVALID_FILE) {
        return NGX_ERROR;
    }

    n = write(fd, b.data, b.len);
    rc = (n == (ssize_t) b.len) ? NGX_OK : NGX_ERROR;

    (void) ngx_close_file(fd);

    return rc;
}


/* All rows of the batch have an end: the segment is that much shorter. */

static void
ngx_http_mcp_store_commit(ngx_http_mcp_store_t *s)
{
    ngx_uint_t                     i;
    mcp_str_t                     *damaged;
    ngx_http_mcp_store_batch_t    *b;
    ngx_http_mcp_audit_segment_t  *seg;

    b = s->batch;
    damaged = b->damaged.elts;

    for (i = 0; i < b->damaged.nelts; i++) {

        if (ngx_http_mcp_store_dead(s, "", "no record", &damaged[i])
            != NGX_OK)
        {
            ngx_http_mcp_store_fail(s, "cannot keep a damaged line");
            return;
        }

        (void) ngx_atomic_fetch_add(&s->amcf->mmcf->sh->audit.dead, 1);
    }

    /* the folder may have been read anew meanwhile */

    seg = s->segments->elts;

    for (i = 0; i < s->segments->nelts; i++) {

        if (ngx_strcmp(seg[i].name, s->name) != 0) {
            continue;
        }

        seg[i].sent = b->next;
        seg[i].head |= b->head;
        seg[i].tail |= b->final;

        break;
    }

    ngx_destroy_pool(b->pool);
    s->batch = NULL;
    s->ready = 1;

    ngx_http_mcp_store_next(s);
}
